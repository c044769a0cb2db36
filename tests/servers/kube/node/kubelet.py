"""The kubelet's own port, as the API server calls it: logs, port-forward and exec (the latter two by WebSocket)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from aiohttp import web

from .life import Life
from .logs import Line, Wanted, lines_of, refusal
from .pods import Pods
from .streams import execute, forward

_LOOK_S = 0.1


class Kubelet:
    """One server for all nodes."""

    def __init__(self, pods: Pods, certificate: Path, key: Path) -> None:
        self._pods = pods
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)

    async def serve(self, port: int) -> None:
        """Returns when it listens."""
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/portForward/{namespace}/{pod}", self._forward)
            app.router.add_route(method, "/exec/{namespace}/{pod}/{container}", self._exec)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=self._tls, shutdown_timeout=0.1).start()

    def _life(self, request: web.Request) -> Life:
        """Of the pod asked for. Raises 404."""
        name = request.match_info["pod"]
        life = self._pods.find(request.match_info["namespace"], name)
        if life is None:
            raise web.HTTPNotFound(text=f"pod {name} does not exist")
        return life

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        life, container = self._life(request), request.match_info["container"]
        wanted = Wanted.of(request.query)
        if why := refusal(life, container, wanted):
            raise web.HTTPBadRequest(text=why)
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        left = wanted.limit

        async def send(lines: list[Line]) -> None:
            nonlocal left
            data = b"".join(line.drawn(wanted.timestamps) for line in lines)
            if left is not None:
                data = data[:left]
                left -= len(data)
            if data:
                await answer.write(data)

        lines = lines_of(life, container, previous=wanted.previous)
        await send(wanted.first(lines))
        run, last = life.restarts, (lines[-1].at if lines else 0.0)
        crashed = container == life.troubled and bool(life.restarts)
        while wanted.follow and not wanted.previous and not crashed and left != 0:
            if life.restarts != run or life.ended or self._life_or_none(request) is not life:
                break
            await asyncio.sleep(_LOOK_S)
            new = [line for line in lines_of(life, container) if line.at > last]
            if new:
                last = new[-1].at
                await send(new)
        await answer.write_eof()
        return answer

    def _life_or_none(self, request: web.Request) -> Life | None:
        life = self._pods.find(request.match_info["namespace"], request.match_info["pod"])
        return None if life is None or life.deleting else life

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        return await forward(request, self._life(request))

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        return await execute(request, self._life(request), request.match_info["container"])

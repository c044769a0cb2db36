"""The kubelet's own port, as the API server calls it: logs, port-forward and exec (the latter two by WebSocket)."""

from __future__ import annotations

import ssl
from pathlib import Path

from aiohttp import web

from cockpit.sandbox.kube.node.life import Life
from cockpit.sandbox.kube.node.logs import Wanted, refusal, streamed
from cockpit.sandbox.kube.node.pods import Pods

from .streams import execute, forward


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
        async for data in streamed(life, container, wanted, lambda: self._life_or_none(request) is life):
            await answer.write(data)
        await answer.write_eof()
        return answer

    def _life_or_none(self, request: web.Request) -> Life | None:
        life = self._pods.find(request.match_info["namespace"], request.match_info["pod"])
        return None if life is None or life.deleting else life

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        return await forward(request, self._life(request))

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        return await execute(request, self._life(request), request.match_info["container"])

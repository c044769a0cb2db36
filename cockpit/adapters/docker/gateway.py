"""Requests to one engine over httpx: way there, API version, deadlines. What its answers mean is told by `answers`.

The version is negotiated as the docker command does it: the lower of the engine's and the newest known here
(https://docs.docker.com/reference/api/engine/#versioned-api-and-sdk).
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from cockpit.adapters.docker.answers import decoded, error_of_answer, no_answer, timed_out
from cockpit.adapters.docker.host import Host, host_of
from cockpit.adapters.docker.sshway import SshWay
from cockpit.adapters.docker.terms import path_of as path_of
from cockpit.clock import Clock
from cockpit.errors import Malformed, Misconfigured, NotFound, Unreachable
from cockpit.model.containers import Engine
from cockpit.profile.docker import DockerSource
from cockpit.text import clean

CONNECT_S = 5.0
ANSWER_BYTES = 32 << 20
NEWEST = (1, 47)  # what this module was written after
OLDEST = (1, 24)
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")
# A peer that is gone is noticed while a stream is silent.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change."""

    status: int  # 304: it was so already
    body: Any  # JSON, {} for none


class Gateway:
    """One engine. Opens nothing before the first request. All methods raise CockpitError."""

    def __init__(self, table: DockerSource, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self.table = table
        self.timeout_s = table.timeout
        self.clock = clock
        self._environ = dict(environ)
        self._unusable: Misconfigured | None = None
        self._host: Host | None = None
        try:
            self._host = host_of(table, self._environ)
        except Misconfigured as error:
            self._unusable = error
        self._reads: httpx.AsyncClient | None = None
        self._single: httpx.AsyncClient | None = None  # a connection each: changes and streams
        self._ways: list[SshWay] = []
        self._opening = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._engine: Engine | None = None

    @property
    def host(self) -> Host:
        """Pinned when this was made. Raises Misconfigured where none is known."""
        if self._host is None:
            raise self._unusable or Misconfigured("no engine")
        return self._host

    async def engine(self) -> Engine:
        """Who answers, and in which version we talk; asked once, and again after the engine was gone."""
        async with self._asking:
            if self._engine is None:
                content = await self._read("/version", {})
                self._engine = _engine_of(self.host, decoded(self.host, content, read=True))
            return self._engine

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """One object."""
        found = await self._json(path, query or {})
        if not isinstance(found, dict):
            raise Malformed(f"{self.host.url}: {path} is not answered with an object", hint="is it a Docker engine?")
        return found

    async def listed(self, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """A list of objects; null counts as none."""
        found = await self._json(path, query or {})
        if not isinstance(found, list) and found not in (None, {}):
            raise Malformed(f"{self.host.url}: {path} is not answered with a list", hint="is it a Docker engine?")
        return [each for each in found or () if isinstance(each, dict)]

    async def content(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """The bytes of an answer that is no JSON, or many: logs, events until now."""
        prefix = await self._prefix()
        return await self._read(f"{prefix}{path}", query or {})

    async def change(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        within_s: float | None = None,
    ) -> Changed:
        """Sent once over a connection of its own. An error that leaves its effect open has `effect_possible`."""
        prefix, within_s = await self._prefix(), within_s or self.timeout_s
        client = await self._client(single=True)
        request = self._request(client, method, f"{prefix}{path}", query or {}, within_s, body)
        try:
            async with asyncio.timeout(within_s):
                status, content = await self._exchange(client, request, read=False)
        except TimeoutError:
            raise timed_out(self.host, within_s, read=False) from None
        if status == 304:
            return Changed(status, {})
        if not 200 <= status < 300:
            raise error_of_answer(self.host, status, content, read=False)
        return Changed(status, decoded(self.host, content, read=False))

    async def stream(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        within_s: float | None = None,
        *,
        patient: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Bytes as they come, on a connection of its own. The answer must begin within the deadline of a request,
        unless `patient`: Podman begins it with the first line of a log. Then only `within_s`, where given, ends it.
        Close it (contextlib.aclosing).
        """
        prefix = await self._prefix()
        client = await self._client(single=True)
        request = self._request(client, "GET", f"{prefix}{path}", query or {}, None)
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s if within_s is not None else None
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(None if patient else self.timeout_s):
                response = await client.send(request, stream=True)
                if response.status_code != 200:
                    content = await _bounded(response)
                    raise error_of_answer(self.host, response.status_code, content, read=True)
            chunks = response.aiter_raw()
            while True:
                async with asyncio.timeout_at(until):  # never around a yield: it would end whoever takes the chunk
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
        except TimeoutError:
            raise timed_out(self.host, within_s or self.timeout_s, read=True) from None
        except httpx.HTTPError as error:
            raise no_answer(self.host, error, read=True) from error
        finally:
            if response is not None:
                await response.aclose()

    async def close(self) -> None:
        """Close connections, and end every ssh."""
        for client in (self._reads, self._single):
            if client is not None:
                await client.aclose()
        self._reads = self._single = None
        for way in self._ways:
            await way.close()
        self._ways.clear()

    async def _prefix(self) -> str:
        return f"/v{(await self.engine()).api}"

    async def _json(self, path: str, query: Mapping[str, str]) -> Any:
        content = await self.content(path, query)
        if len(content) > 1 << 18:  # it takes milliseconds
            return await asyncio.to_thread(decoded, self.host, content, read=True)
        return decoded(self.host, content, read=True)

    async def _read(self, path: str, query: Mapping[str, str]) -> bytes:
        """Within the deadline; asked again once where a kept connection turns out to be closed."""
        try:
            async with asyncio.timeout(self.timeout_s):
                client = await self._client()
                request = self._request(client, "GET", path, query, self.timeout_s)
                try:
                    status, content = await self._exchange(client, request, read=True)
                except Unreachable:
                    self._engine = self._engine if path != "/version" else None
                    again = self._request(client, "GET", path, query, self.timeout_s)
                    status, content = await self._exchange(client, again, read=True)
        except TimeoutError:
            raise timed_out(self.host, self.timeout_s, read=True) from None
        except Unreachable:
            self._engine = None  # it may come back as another version
            raise
        if status != 200:
            error = error_of_answer(self.host, status, content, read=True)
            if isinstance(error, Misconfigured):
                self._engine = None  # "client version 1.47 is too new": it was replaced
            if isinstance(error, NotFound) and path == "/version":
                raise Malformed(f"what answers at {self.host.url} is no Docker engine", hint=error.hint)
            raise error
        return content

    def _request(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        query: Mapping[str, str],
        within_s: float | None,
        body: object = None,
    ) -> httpx.Request:
        limits = httpx.Timeout(within_s, connect=min(CONNECT_S, self.timeout_s))
        url = f"{self.host.base}{path}" + (f"?{urlencode(query)}" if query else "")
        more: dict[str, Any] = {"json": body} if body is not None else {}
        return client.build_request(method, url, timeout=limits, **more)

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request, *, read: bool) -> tuple[int, bytes]:
        try:
            response = await client.send(request, stream=True)
            try:
                return response.status_code, await _bounded(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise no_answer(self.host, error, read=read) from error

    async def _client(self, *, single: bool = False) -> httpx.AsyncClient:
        async with self._opening:
            held = self._single if single else self._reads
            if held is None:
                kept = httpx.Limits(max_connections=None, max_keepalive_connections=0 if single else 8)
                trust = await asyncio.to_thread(_trust_of, self.host)
                held = self._opened(kept, trust)
                if single:
                    self._single = held
                else:
                    self._reads = held
        return held

    def _opened(self, limits: httpx.Limits, trust: ssl.SSLContext | bool) -> httpx.AsyncClient:
        host = self.host
        uds = host.path if host.way == "unix" else None
        alive = _KEEPALIVE if host.way == "tcp" else None
        transport = httpx.AsyncHTTPTransport(
            verify=trust, limits=limits, uds=uds, trust_env=False, socket_options=alive
        )
        if host.way == "ssh":
            way = SshWay(host, self._environ)
            self._ways.append(way)
            transport._pool._network_backend = way  # httpx lets no backend in, httpcore does
        headers = {"User-Agent": "cockpit", "Accept-Encoding": "identity"}
        return httpx.AsyncClient(transport=transport, trust_env=False, headers=headers, follow_redirects=False)


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise httpx.DecodingError(f"the answer is larger than {ANSWER_BYTES >> 20} MB", request=response.request)
    return bytes(content)


def _trust_of(host: Host) -> ssl.SSLContext | bool:
    """Reads files: not on the event loop."""
    if host.tls is None:
        return False
    try:
        trust = ssl.create_default_context(cafile=host.tls.ca or None)
        if host.tls.cert:
            trust.load_cert_chain(host.tls.cert, host.tls.key or None, password=_no_passphrase)
    except (OSError, ValueError) as error:
        reason = clean(str(getattr(error, "strerror", None) or error), 120)
        named = ", ".join(each for each in (host.tls.ca, host.tls.cert, host.tls.key) if each)
        raise Misconfigured(
            f"{host.url}: its certificates cannot be read: {reason}", hint=f"look at {clean(named, 300)}"
        ) from None
    return trust


def _no_passphrase() -> str:
    """Without this, OpenSSL asks on the terminal."""
    raise ValueError("the key has a passphrase")


def _engine_of(host: Host, answer: Any) -> Engine:
    """Raises Malformed where this is no engine, Misconfigured where it is too old."""
    told = answer if isinstance(answer, dict) else {}
    theirs = _VERSION.fullmatch(str(told.get("ApiVersion", "")))
    if theirs is None:
        raise Malformed(
            f"what answers at {host.url} is no Docker engine: it tells no API version",
            hint="check host in the profile",
        )
    newest = int(theirs[1]), int(theirs[2])
    least = _VERSION.fullmatch(str(told.get("MinAPIVersion", "")))
    oldest = (int(least[1]), int(least[2])) if least else (0, 0)
    if newest < OLDEST:
        raise Misconfigured(f"{host.url}: its API version {theirs[0]} is too old for the cockpit", hint="update it")
    major, minor = max(min(newest, NEWEST), oldest)
    components = told.get("Components")
    names = [str(each.get("Name", "")) for each in components or () if isinstance(each, dict)]
    podman = any("podman" in name.lower() for name in names)
    system = "/".join(clean(str(told.get(key, "")), 40) for key in ("Os", "Arch") if told.get(key))
    version = clean(str(told.get("Version", "")), 60)
    return Engine("Podman" if podman else "Docker", version, f"{major}.{minor}", host.url, host.origin, system)

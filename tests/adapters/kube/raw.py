"""A server that does what a real API server cannot be brought to do: rubbish, hanging, cutting, redirecting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Handler = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the way back."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, value: object, status: int = 200, **headers: str) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{more}\r\n"
        )
        await self.send(head.encode() + content)

    async def stream(self) -> None:
        """Begin an answer in chunks."""
        await self.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def cut(self) -> None:
        """The connection is gone at once."""
        self.writer.transport.abort()


@dataclass
class RawServer:
    """`server.handler` answers; `server.seen` are the requests."""

    server: asyncio.Server | None = None
    tls: ssl.SSLContext | None = None
    handler: Handler | None = None
    seen: list[Exchange] = field(default_factory=list)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @classmethod
    async def start(cls, tls: ssl.SSLContext | None = None) -> RawServer:
        made = cls(tls=tls)
        made.server = await asyncio.start_server(made._serve, "127.0.0.1", 0, ssl=tls)
        return made

    @property
    def port(self) -> int:
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def kubeconfig(self, folder: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
        path = folder / "raw.kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "clusters": [{"name": "raw", "cluster": {"server": self.url, **cluster}}],
                    "users": [{"name": "ana", "user": user or {"token": "t0ken"}}],
                    "contexts": [{"name": "raw", "context": {"cluster": "raw", "user": "ana", "namespace": "shop"}}],
                    "current-context": "raw",
                }
            )
        )
        return path

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")
                method, target, _ = first.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                exchange = Exchange(method, target, headers, body, writer)
                self.seen.append(exchange)
                assert self.handler is not None
                await self.handler(exchange)
        writer.close()

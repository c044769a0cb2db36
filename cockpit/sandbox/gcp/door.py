"""One loopback port for HTTP/1 and gRPC: a client's first bytes say which, and gRPC is loaded when it is first asked
for. Where nobody looks at metrics, the sandbox stays light.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from cockpit.sandbox.process import LOOPBACK

_HTTP2 = b"PRI"  # RFC 9113: what every HTTP/2 connection begins with
_CHUNK = 65536
_FIRST_BYTES_S = 30.0


class Door:
    """Hands connections on: HTTP/1 to `http_port`, HTTP/2 to the port that `serve` answers with."""

    def __init__(self, http_port: int, serve: Callable[[], Awaitable[int]]) -> None:
        self._http_port = http_port
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._port = 0
        self._guests: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, port)
        self._port = int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """What a profile calls `endpoint`; "" before the start."""
        return f"http://{LOOPBACK}:{self._port}" if self._port else ""

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = asyncio.ensure_future(self._lead(reader, writer))
        self._guests.add(guest)
        guest.add_done_callback(self._guests.discard)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(_FIRST_BYTES_S):
                    first = await reader.readexactly(len(_HTTP2))
                port = await self._serve() if first == _HTTP2 else self._http_port
                there, back = await asyncio.open_connection(LOOPBACK, port)
                try:
                    back.write(first)
                    await _both(_pour(reader, back), _pour(there, writer))
                finally:
                    back.close()
        finally:
            writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _both(*ways: Awaitable[None]) -> None:
    """Until one of them ends: then nobody is left to talk to."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

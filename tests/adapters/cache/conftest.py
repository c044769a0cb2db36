"""Adapters under test that are closed again, and a client to arrange and to look."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis

from cockpit.adapters.cache.adapter import RedisAdapter
from cockpit.clock import Clock, SystemClock
from cockpit.profile.schema import RedisSource


@pytest.fixture
async def adapter_for() -> AsyncIterator[Callable[..., RedisAdapter]]:
    """`adapter_for(url, clock=..., timeout=...)`."""
    made: list[RedisAdapter] = []

    def make(url: str, clock: Clock | None = None, **options: object) -> RedisAdapter:
        # A URL in a test may hold a password, which a profile refuses.
        source = RedisSource.model_validate({"name": "main", **options}).model_copy(update={"url": url})
        made.append(RedisAdapter(source, clock or SystemClock()))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.close()


@pytest.fixture
def client_of() -> Iterator[Callable[[str], redis.Redis]]:
    made: list[redis.Redis] = []

    def connect(url: str) -> redis.Redis:
        made.append(redis.Redis.from_url(url))
        return made[-1]

    yield connect
    for client in made:
        client.close()


class Gateway:
    """Forwards to a real server's port, with or without TLS in front; can swap the server and cut connections."""

    def __init__(self) -> None:
        self.port = 0  # of the server behind
        self.listening = 0
        self.seen = b""  # all that clients sent
        self.cut_after: bytes = b""  # cut once a client sent this, before the server's answer gets back
        self.swallow: bytes = b""  # from this on, answers are kept back
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listening}/0"

    async def cut(self) -> None:
        for writer in tuple(self._writers):
            writer.close()
        if others := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        behind, to_server = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers |= {writer, to_server}
        back = asyncio.create_task(self._backward(behind, writer))
        try:
            await self._forward(reader, to_server, writer)
        finally:
            to_server.close()
            await back
            self._writers -= {writer, to_server}

    async def _forward(
        self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                self.seen += data
                if self.swallow and self.swallow in self.seen:
                    self._silent = True
                to_server.write(data)
                if self.cut_after and self.cut_after in self.seen:
                    writer.transport.abort()
                    return

    async def _backward(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await behind.read(65536):
                if not self._silent:
                    writer.write(data)
        writer.close()


@pytest.fixture
async def gateway_with() -> AsyncIterator[Callable[..., object]]:
    """`await gateway_with(ssl_context)`: a listening Gateway; set its `port`."""
    servers: list[tuple[asyncio.Server, Gateway]] = []

    async def listen(context: ssl.SSLContext | None = None) -> Gateway:
        gateway = Gateway()
        server = await asyncio.start_server(gateway.handle, "127.0.0.1", 0, ssl=context)
        gateway.listening = server.sockets[0].getsockname()[1]
        servers.append((server, gateway))
        return gateway

    yield listen
    for server, gateway in servers:
        server.close()
        await gateway.cut()
        await server.wait_closed()


@pytest.fixture
async def gateway(gateway_with: Callable[..., object]) -> object:
    return await gateway_with()  # type: ignore[misc]  # a coroutine function

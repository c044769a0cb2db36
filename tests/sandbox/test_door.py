"""The door of the local Cloud Monitoring: who is led where, and that nobody is left behind when it closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cockpit.sandbox.gcp.door import Door


class Room:
    """A server that says its name and repeats what it hears."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.port = 0
        self.heard = b""
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = asyncio.ensure_future(self._repeat(reader, writer))
        self._guests.add(guest)
        guest.add_done_callback(self._guests.discard)

    async def _repeat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self.name)
            while chunk := await reader.read(1000):
                self.heard += chunk
                writer.write(chunk)
        finally:
            writer.close()


@pytest.fixture
async def rooms() -> AsyncIterator[tuple[Room, Room]]:
    made = (Room(b"http:"), Room(b"grpc:"))
    for room in made:
        await room.open()
    yield made
    for room in made:
        await room.close()


async def enter(door: Door, words: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]))
    writer.write(words)
    return reader, writer


async def test_the_first_bytes_decide_and_none_is_lost(rooms: tuple[Room, Room]) -> None:
    http, grpc = rooms
    woken = 0

    async def serve() -> int:
        nonlocal woken
        woken += 1
        return grpc.port

    door = Door(http.port, serve)
    await door.start()
    plain, one = await enter(door, b"POST /token HTTP/1.1\r\n\r\n")
    assert await plain.readexactly(29) == b"http:POST /token HTTP/1.1\r\n\r\n"
    assert woken == 0
    binary, two = await enter(door, b"PRI * HTTP/2.0\r\n")
    assert await binary.readexactly(21) == b"grpc:PRI * HTTP/2.0\r\n"
    assert woken == 1
    for writer in (one, two):
        writer.close()
    await door.close()


async def test_closing_ends_those_inside_and_those_who_never_spoke(rooms: tuple[Room, Room]) -> None:
    http, _ = rooms

    async def serve() -> int:
        raise AssertionError("nobody asked")

    door = Door(http.port, serve)
    await door.start()
    inside, one = await enter(door, b"GET /")
    silent, two = await enter(door, b"")
    await inside.readexactly(10)
    await door.close()
    assert await inside.read() == b"" and await silent.read() == b""
    with pytest.raises(OSError):
        await enter(door, b"GET /")
    for writer in (one, two):
        writer.close()


async def test_a_room_that_is_gone_closes_the_door_in_the_guests_face(rooms: tuple[Room, Room]) -> None:
    http, grpc = rooms

    async def serve() -> int:
        return 1  # nobody listens there

    door = Door(http.port, serve)
    await door.start()
    reader, writer = await enter(door, b"PRI * HTTP/2.0\r\n")
    assert await reader.read() == b""
    writer.close()
    await door.close()
    assert grpc.heard == b""

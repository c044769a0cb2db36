"""Engines that are none, on short sockets; and a table for any of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cockpit.adapters.docker.gateway import Gateway
from cockpit.clock import SystemClock
from cockpit.profile.docker import DockerSource

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10", "Os": "linux", "Arch": "amd64"}


def table(host: str | None, **more: object) -> DockerSource:
    """A [[docker]] table."""
    return DockerSource.model_validate({"name": "shop", "project": "shop", "host": host, "timeout": 5.0, **more})


def answer(content: object = VERSION, status: str = "200 OK", *, close: bool = False) -> bytes:
    """An HTTP answer."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    more = "Connection: close\r\n" if close else ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class Pretender:
    """Answers requests on a unix socket by what a function says; None hangs, b"" hangs up."""

    def __init__(self, socket: Path, reply: Callable[[str], bytes | None]) -> None:
        self.url = f"unix://{socket}"
        self.asked: list[str] = []
        self._socket = socket
        self._reply = reply
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line = head.partition(b"\r\n")[0].decode()
                length = next(
                    (int(each[15:]) for each in head.split(b"\r\n") if each.lower().startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                self.asked.append(line.removesuffix(" HTTP/1.1"))
                said = self._reply(self.asked[-1])
                if said is None:
                    await reader.read()
                    return
                writer.write(said)
                await writer.drain()
                if not said or b"Connection: close" in said:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """Close every connection that is kept."""
        for writer in list(self._writers):
            writer.close()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path is at most 107 bytes."""
    found = Path(tempfile.mkdtemp(prefix="ck-"))
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture
async def pretend(folder: Path) -> AsyncIterator[Callable[..., Awaitable[Pretender]]]:
    """Start one: `await pretend(lambda asked: answer())`."""
    made: list[Pretender] = []

    async def start(reply: Callable[[str], bytes | None]) -> Pretender:
        made.append(Pretender(folder / f"{len(made)}.sock", reply))
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        await each.stop()


@pytest.fixture
async def gateway() -> AsyncIterator[Callable[..., Gateway]]:
    """Make gateways: `gateway("unix://...", timeout=1.0)`; closed afterwards."""
    made: list[Gateway] = []

    def make(host: str | None, environ: dict[str, str] | None = None, **more: object) -> Gateway:
        made.append(Gateway(table(host, **more), SystemClock(), environ or {}))
        return made[-1]

    yield make
    for each in made:
        await each.close()

"""A played engine, and whoever stands between it and the cockpit: answers are cut off, changes are forbidden."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.docker import changing
from cockpit.sandbox.docker.engine import Engine
from cockpit.sandbox.docker.server import DockerServer
from cockpit.sandbox.docker.state import Box, Image
from cockpit.sandbox.http import HttpServer, Request, Response

from ...engine.kubeengine import Crew, crew_on
from ...sandbox.docker.facts import Documented

LABEL = "com.docker.compose."
STAY = ["sh", "-c", "while true; do sleep 1; done"]


def image(digit: str, tag: str, minute: int = 0, **config: Any) -> Image:
    """One whose id is that digit."""
    created = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    return Image(f"sha256:{digit * 64}", [tag], [], created, 2 << 20, config)


class Between:
    """Reads pass. The first change that `meant` says yes to has what `how` says; all are written down."""

    def __init__(self) -> None:
        self.engine = Engine(stop_s=0.0, healthy_s=0.02)
        self.old = self.engine.add_image(image("a", "shop/api:1", 1))
        self.new = self.engine.add_image(image("b", "shop/api:2", 2))
        self.asked: list[str] = []  # changes
        self.how = (
            ""  # "cut": done, not answered; "lost": neither; "forbidden"; "gone": cut, and then no answer to anything
        )
        self.meant: Callable[[str], bool] = lambda line: True
        self.hit = ""
        self.before: Callable[[str], None] = lambda line: None
        self._server = DockerServer(self.engine)
        self._inner = Documented(self._server)
        self._http: HttpServer | None = None

    def box(self, project: str, service: str, number: int = 1, **more: Any) -> Box:
        """A container that runs."""
        labels = {
            f"{LABEL}project": project, f"{LABEL}service": service, f"{LABEL}container-number": str(number),
            f"{LABEL}oneoff": "False", **more.pop("Labels", {}),
        }  # fmt: skip
        body = {"Image": "shop/api:2", "Cmd": STAY, "Labels": labels, "Env": ["MODE=hard"], "StopTimeout": 1}
        made = self.engine.create(more.pop("name", f"{project}-{service}-{number}"), body | more)
        self.engine.start(made)
        return made

    def boxes(self, project: str = "shop") -> dict[str, str]:
        """Name -> id."""
        found = [box for box in self.engine.boxes.values() if box.labels.get(f"{LABEL}project") == project]
        return {box.name: box.id for box in found}

    def state(self, project: str) -> list[object]:
        """All that a change would change."""
        found = [box for box in self.engine.boxes.values() if box.labels.get(f"{LABEL}project") == project]
        return [(box.id, box.name, box.status, box.started, box.env) for box in found]

    async def start(self) -> None:
        self._http = await HttpServer.start(self._handle)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self._http.port}" if self._http else ""

    async def close(self) -> None:
        await self._server.close()
        self._inner.operations()  # whatever the actions sent, and were answered, is documented
        if self._http is not None:
            await self._http.close()

    async def _handle(self, request: Request) -> Response:
        line = f"{request.method} {request.path.partition('/v1.47')[2] or request.path}"
        if request.method in ("GET", "HEAD"):
            if self.hit and self.how == "gone":
                return Response(200, headers=_JSON, chunks=_cut())
            return await self._inner.handle(request)
        self.asked.append(line)
        self.before(line)
        if self.how and not self.hit and self.meant(line):
            self.hit = line
            if self.how == "forbidden":
                said = "authorization denied by plugin guard: not you"
                return Response.of({"message": said}, 403)
            if self.how in ("cut", "gone"):
                await self._inner.handle(request)
            return Response(200, headers=_JSON, chunks=_cut())
        return await self._inner.handle(request)

    @asynccontextmanager
    async def crew(self, folder: Path, project: str = "shop") -> AsyncIterator[Crew]:
        """On call for a project of this engine."""
        table = f'[[docker]]\nname = "main"\nhost = "{self.url}"\nproject = "{project}"\ninterval = "0.3s"\n'
        async with crew_on(folder, f'{table}timeout = "5s"\n') as made:
            yield made


_JSON = (("content-type", "application/json"),)


async def _cut() -> Any:
    """An answer that ends in its midst."""
    yield b'{"Id": '
    await asyncio.sleep(0)
    raise ConnectionResetError


@pytest.fixture
async def between(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Between]:
    """Of one test."""
    monkeypatch.setattr(changing, "_STEADY_S", 0.0)  # what runs here runs on
    made = Between()
    await made.start()
    yield made
    await made.close()

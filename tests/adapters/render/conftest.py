"""Render, played on this machine, and the adapters on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from cockpit.adapters.render import api as api_module
from cockpit.adapters.render.api import RenderApi
from cockpit.adapters.render.board import RenderBoard
from cockpit.adapters.render.changing import RenderChange
from cockpit.adapters.render.estate import RenderEstate
from cockpit.adapters.render.logs import RenderLog
from cockpit.clock import SystemClock
from cockpit.profile.docker import RenderSource
from cockpit.profile.schema import LogSource
from cockpit.sandbox.render.server import KEY, RenderPlane

NAMED = {
    "services": ["srv-booking", "srv-mailer"],
    "postgres": ["dpg-booking"],
    "keyvalue": ["red-booking"],
}


@dataclass
class Desk:
    """All adapters of one [[render]] table on one played workspace."""

    plane: RenderPlane
    table: RenderSource
    api: RenderApi
    estate: RenderEstate

    @property
    def change(self) -> RenderChange:
        return RenderChange(self.estate, SystemClock())

    @property
    def board(self) -> RenderBoard:
        return RenderBoard(self.api, self.table, SystemClock())

    def log(self, **more: object) -> RenderLog:
        source = LogSource.model_validate({"name": "log", "type": "render", "render": "booking", **more})
        return RenderLog(self.api, self.estate, self.table, source, SystemClock())

    def asked(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(name == operation for name, _ in self.plane.requests)


@pytest.fixture(autouse=True)
def _fresh_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports come again: what one test used up is not the next one's."""
    monkeypatch.setattr(api_module, "_QUOTAS", {})


@pytest_asyncio.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("RENDER_KEY", KEY)
    plane = RenderPlane()
    await plane.start()
    table = RenderSource.model_validate(
        {"name": "booking", "token": "env:RENDER_KEY", "endpoint": plane.url, "timeout": 5, **NAMED}
    )
    api = RenderApi(table, SystemClock())
    yield Desk(plane, table, api, RenderEstate(api, table, SystemClock()))
    await api.close()
    await plane.close()

"""A repository at a GitHub that is played here, and a clock that both sides go by: sleeping moves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cockpit.actions.github import work
from cockpit.actions.github.ground import GithubGround
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.github.client import GithubApi
from cockpit.adapters.github.delivery import DeliveryProbe
from cockpit.adapters.github.desk import GithubDesk
from cockpit.model.action import ActionRequest, Plan
from cockpit.model.delivery import DeliveryStatus
from cockpit.profile.delivery import GithubSource
from cockpit.profile.schema import Limits
from cockpit.sandbox.github.repository import lived
from cockpit.sandbox.github.server import GithubServer

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class QuickClock:
    """Stands still but for sleeping, which takes no time."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        await asyncio.sleep(0)


@dataclass
class Rig:
    clock: QuickClock
    server: GithubServer
    api: GithubApi
    desk: GithubDesk
    probe: DeliveryProbe
    status: DeliveryStatus | None = None

    @property
    def repo(self) -> Any:
        return self.server.repository

    async def read(self) -> DeliveryStatus:
        payload = (await self.probe.probe()).payload
        assert isinstance(payload, DeliveryStatus)
        self.status = payload
        return payload

    def handler(self, action: str) -> ActionHandler:
        ground = GithubGround(
            "github/shop", self.api.table, self.desk, Scene("shop", "test"), Limits(), self.clock, lambda: self.status
        )
        return next(each for each in work.handlers(ground) if each.spec.id == action)

    async def plan(self, action: str, params: Mapping[str, str]) -> Plan:
        return await self.handler(action).plan(ActionRequest(action, "github/shop", params))

    def control(self, stop_after: int = -1) -> RunControl:
        told: list[str] = []

        def aborted() -> bool:
            return 0 <= stop_after <= len(told)

        return RunControl(lambda done, total, note: told.append(note), aborted)

    def sent(self, method: str) -> list[str]:
        """Routes of the requests of this method that came."""
        return [each.route for each in self.server.seen if each.method == method]


@asynccontextmanager
async def rig(*, prefix: str = "", **table: Any) -> AsyncIterator[Rig]:
    """With the past that `lived` gives it."""
    clock = QuickClock()
    server = await GithubServer(lived(clock.now)).start()
    kept = {
        "name": "shop",
        "repository": "shop-team/shop",
        "workflow": "deploy.yml",
        "environment": "production",
        "token": "env:SHOP_GITHUB_TOKEN",
        "endpoint": server.url + prefix,
        **table,
    }
    source = GithubSource.model_validate(kept)
    api = GithubApi(source, clock)
    made = Rig(clock, server, api, GithubDesk(api), DeliveryProbe(api, source, clock))
    try:
        yield made
    finally:
        await api.close()
        await server.close()

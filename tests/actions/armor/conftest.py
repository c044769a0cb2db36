"""The actions on one policy of a simulated Compute Engine, behind a front that can be told to misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from cockpit.actions import armor
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.adapters.gcp.armor import ArmorPolicy
from cockpit.clock import ManualClock, SystemClock
from cockpit.model.action import ActionRequest, Plan, RunResult, Verification
from cockpit.profile.google import ArmorSource
from cockpit.profile.schema import Limits
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

SOURCE = "armor/edge"
NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
OWN = "192.0.2.44"


@dataclass
class Rig:
    """Handlers by id, the plane behind them, and what was sent."""

    plane: ControlPlane
    policy: ArmorPolicy
    handlers: dict[str, ActionHandler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    fault: Response | None = None  # for the next change
    doors: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self.fault is not None and self._changes(request):
            fault, self.fault = self.fault, None
            return fault
        return await self.plane.handle(request)

    @staticmethod
    def _changes(request: Request) -> bool:
        writes = request.method == "PATCH" or request.path.endswith("Rule")
        return writes and request.method != "GET" and "validateOnly" not in request.query

    def sent(self) -> list[Request]:
        return [each for each in self.requests if self._changes(each)]

    async def plan(self, action: str, **params: str) -> Plan:
        return await self.again(ActionRequest(action, SOURCE, params))

    async def again(self, request: ActionRequest) -> Plan:
        handler = self.handlers[request.action]
        return await handler.plan(completed(handler.spec, request))

    async def run(self, plan: Plan) -> RunResult:
        assert not plan.refusals, plan.refusals
        return await self.handlers[plan.request.action].run(plan, RunControl(lambda *_: None, lambda: False))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return await self.handlers[plan.request.action].verify(plan, result)

    @property
    def rules(self) -> dict[int, dict[str, Any]]:
        return self.plane.compute.policies["edge"].rules

    def add(self, rule: Rule) -> None:
        self.rules[rule.priority] = rule.json()
        self.plane.compute.policies["edge"].touch()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    plane = ControlPlane(settle_s=0.02)
    plane.compute.seed(
        "edge", Rule(500, "allow", ("203.0.113.0/24",), description="partner"), backends=("web", "web-api")
    )
    async with await HttpServer.start(lambda request: rig.answer(request)) as server:
        source = ArmorSource(name="edge", project="demo-shop", policy="edge", endpoint=server.url, timeout=3)
        policy = ArmorPolicy(source, SystemClock())
        rig = Rig(plane, policy)
        ground = GoogleGround(SOURCE, "demo-shop", Scene("shop", "demo"), Limits(), ManualClock(NOW), policy)
        bounds = armor.Bounds(24, 56, ("198.18.0.0/15",), (OWN,))
        made = armor.handlers(ground, policy, bounds, 86400.0, lambda: tuple(rig.doors))
        rig.handlers = {handler.spec.id: handler for handler in made}
        yield rig
        await policy.close()
    await plane.close()

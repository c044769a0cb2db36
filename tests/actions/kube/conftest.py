"""Handlers of the actions on one namespace of the real API server, as any user of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest_asyncio

from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.kube import rollouts
from cockpit.actions.kube.ground import KubeGround
from cockpit.actions.params import completed
from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Grant, Plan, RunResult, Verification
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import Limits

from ...servers.kube.fixtures import Namespace

SOURCE = "workloads/main"


@dataclass
class Desk:
    """What an operator does with the actions on one namespace."""

    namespace: Namespace
    kube: Kube
    handlers: dict[str, ActionHandler]
    told: list[str] = field(default_factory=list)
    stop: bool = False

    async def plan(self, action: str, **params: str) -> Plan:
        return await self.planned(ActionRequest(f"workloads.{action}", SOURCE, params))

    async def planned(self, request: ActionRequest) -> Plan:
        handler = self.handlers[request.action]
        return await handler.plan(completed(handler.spec, request))

    async def run(self, plan: Plan) -> RunResult:
        assert plan.refusals == (), plan.refusals
        assert plan.permission.grant is Grant.GRANTED, plan.permission
        handler = self.handlers[plan.request.action]
        return await handler.run(plan, RunControl(lambda _, __, note: self.told.append(note), lambda: self.stop))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return await self.handlers[plan.request.action].verify(plan, result)

    async def do(self, action: str, **params: str) -> tuple[Plan, RunResult]:
        """Plan it, run it, and see that it is so."""
        return await self.done(await self.plan(action, **params))

    async def done(self, plan: Plan) -> tuple[Plan, RunResult]:
        result = await self.run(plan)
        verified = await self.verify(plan, result)
        assert verified.holds, (result, verified)
        return plan, result

    async def undo(self, plan: Plan, result: RunResult) -> tuple[Plan, RunResult]:
        """The way back, as the executor would offer it."""
        request = (result.undo or plan.undo).request
        assert request is not None
        return await self.done(await self.planned(request))


Desks = Callable[..., Desk]


def _desk(namespace: Namespace, user: str, table: dict[str, object]) -> Desk:
    config = namespace.kubeconfig(user)
    source = KubernetesSource.model_validate({"name": "main", "kubeconfig": str(config), **table})
    kube = Kube(source, SystemClock())
    ground = KubeGround(SOURCE, source, kube, Scene("shop", "test"), Limits(), SystemClock())
    return Desk(namespace, kube, {each.spec.id: each for each in rollouts.handlers(ground)})


@asynccontextmanager
async def desk_on(namespace: Namespace, user: str = "admin", **table: object) -> AsyncIterator[Desk]:
    """The actions there as that user; `table` adds to the table of the profile."""
    desk = _desk(namespace, user, table)
    try:
        yield desk
    finally:
        await desk.kube.close()


@pytest_asyncio.fixture
async def desk_of(namespace: Namespace) -> AsyncIterator[Desks]:
    """`desk_of("viewer")`: the actions as that user."""
    made: list[Desk] = []

    def desk(user: str = "admin", **table: object) -> Desk:
        made.append(_desk(namespace, user, table))
        return made[-1]

    yield desk
    await asyncio.gather(*(each.kube.close() for each in made))


@pytest_asyncio.fixture
async def desk(desk_of: Desks) -> Desk:
    """As admin."""
    made: Desk = desk_of()
    return made

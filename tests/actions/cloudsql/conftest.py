"""A Cloud SQL primary and its replica on the sandbox control plane, and their actions, by hand or by the executor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.actions import cloudsql
from cockpit.actions.catalogue import Catalogue
from cockpit.actions.executor import Executor
from cockpit.actions.google import GoogleGround
from cockpit.actions.guards import Confirmation
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.actions.record import Planned, Record
from cockpit.actions.station import Station
from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.audit.actor import Actor
from cockpit.audit.approvals import Approvals
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan, RunResult, Verification
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.google import CloudSqlSource
from cockpit.profile.schema import Arming, Limits
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql, Instance
from cockpit.sandbox.http import HttpServer, Request, Response

SOURCE, REPLICA = "cloudsql/main", "cloudsql/replica"
MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WHY = "for the test"


class QuickClock(SystemClock):
    """Sleeps a millisecond or two whatever is asked for, and counts the whole time as passed."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(min(seconds, 0.002))


class Rig:
    """The plane, two sources on it, their handlers, and an executor for them."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        self.clock = QuickClock()
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Awaitable[Response | None]] | None = None
        self.adapters: dict[str, CloudSqlInstance] = {}
        self.handlers: dict[tuple[str, str], ActionHandler] = {}
        self.told: list[str] = []
        self.audit = AuditLog(folder / "audit.jsonl", Actor("u", "me", "jump", "/dev/pts/1", "10.0.0.1", 1))
        self.executor: Executor

    @property
    def sql(self) -> CloudSql:
        return self.plane.sql

    @property
    def main(self) -> Instance:
        return self.sql.instances["shop-db"]

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        return await self.plane.handle(request)

    def compose(self, url: str) -> None:
        for source, name in ((SOURCE, "shop-db"), (REPLICA, "shop-db-replica")):
            made = CloudSqlSource(name="x", project="demo-shop", instance=name, endpoint=url, timeout=2)
            adapter = CloudSqlInstance(made, self.clock)
            ground = GoogleGround(source, "demo-shop", Scene("shop", "demo"), Limits(), self.clock, adapter)
            self.adapters[source] = adapter
            for handler in cloudsql.handlers(ground, adapter, "gs://shop-backups/dumps"):
                self.handlers[handler.spec.id, source] = handler
        state = SourceState(SOURCE, SourceKind.CLOUDSQL, "main", 1.0, freshness=Freshness.FRESH, age_s=0.1)
        station = Station(
            scene=Scene("shop", "demo"),
            who="me@jump",
            arming=Arming(duration=28800, idle=28800),
            limits=Limits(watch=0, t4_delay=0),
            read_only=False,
            source_state=lambda name: state,
            symptoms=dict,
            audit=self.audit,
            locks=Locks(self.folder / "locks"),
            approvals=Approvals(self.folder / "approvals"),
            clock=self.clock,
        )
        self.executor = Executor(Catalogue(cloudsql.SPECS, self.handlers.values()), station)

    async def plan(self, action: str, source: str = SOURCE, **params: str) -> Plan:
        handler = self.handlers[action, source]
        return await handler.plan(completed(handler.spec, ActionRequest(action, source, params)))

    async def again(self, plan: Plan) -> Plan:
        return await self.handlers[plan.request.action, plan.request.source].plan(plan.request)

    async def run(self, plan: Plan, aborted: Callable[[], bool] = lambda: False) -> RunResult:
        assert not plan.refusals, self.reasons(plan)
        handler = self.handlers[plan.request.action, plan.request.source]
        return await handler.run(plan, RunControl(lambda _d, _t, note: self.told.append(note), aborted))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return await self.handlers[plan.request.action, plan.request.source].verify(plan, result)

    async def planned(self, action: str, source: str = SOURCE, **params: str) -> Planned:
        if not self.executor.mode.armed:
            await self.executor.arm(WHY)
        return await self.executor.plan(ActionRequest(action, source, params))

    async def execute(self, planned: Planned) -> Record:
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))

    def sent(self, verb: str) -> list[Request]:
        return [
            each for each in self.requests if each.path.endswith(verb) and each.method in ("POST", "PATCH", "PUT")
        ]

    def answers(self, verb: str, *answers: Response) -> None:
        """The next requests whose path ends so get these."""
        left = list(answers)

        async def fault(request: Request) -> Response | None:
            return left.pop(0) if left and request.path.endswith(verb) and request.method != "GET" else None

        self.fault = fault

    @staticmethod
    async def until(holds: Callable[[], object]) -> None:
        """Look until it is so."""
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110  # the simulated server announces nothing
                await asyncio.sleep(0)

    @staticmethod
    def reasons(plan: Plan) -> str:
        return "; ".join(f"{refusal.step}: {refusal.reason} ({refusal.hint})" for refusal in plan.refusals)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    plane = ControlPlane(settle_s=0.01)
    now = datetime.now(UTC)
    plane.sql.seed("shop-db", created=MADE, databases=["postgres", "shop"])
    plane.sql.seed("shop-db-replica", created=MADE, primary="shop-db", availability="ZONAL")
    plane.sql.seed_backup("shop-db", now - timedelta(hours=30))
    plane.sql.seed_backup("shop-db", now - timedelta(hours=5))
    plane.sql.seed_backup("shop-db", now - timedelta(hours=1), status="FAILED")
    rig = Rig(plane, tmp_path)
    async with await HttpServer.start(rig.answer) as server:
        rig.compose(server.url)
        yield rig
        await rig.executor.close()
        for adapter in rig.adapters.values():
            await adapter.close()
    await plane.close()


@pytest.fixture
def alone(rig: Rig) -> Rig:
    """Without the replica, which keeps a backup from being restored."""
    del rig.sql.instances["shop-db-replica"]
    return rig

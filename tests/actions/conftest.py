"""A rig for the executor: one action on a switch that remembers what was done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cockpit.actions.catalogue import Catalogue
from cockpit.actions.effect import Symptom
from cockpit.actions.executor import Executor
from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.station import Station
from cockpit.audit.actor import Actor
from cockpit.audit.approvals import Approvals
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import ManualClock
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Grant,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.profile.schema import Arming, Limits


@dataclass
class Switch:
    """A handler whose every answer a test can set."""

    clock: ManualClock
    tier: Tier = Tier.T2
    identity: str = "v1"
    position: str = "off"
    grant: Grant = Grant.GRANTED
    reason_unavailable: str = ""
    plan_error: Exception | None = None
    before_run: Callable[[RunControl], object] | None = None
    run_error: Exception | None = None
    hang: asyncio.Event | None = None
    runs: int = 0
    undoable: bool = True
    source: str = "database/main"
    spec_: ActionSpec | None = None
    requests: list[ActionRequest] = field(default_factory=list)

    @property
    def spec(self) -> ActionSpec:
        return self.spec_ or ActionSpec(
            "switch.set",
            "Set switch",
            SourceKind.DATABASE,
            "K",
            self.tier,
            "Sets the switch.",
            (
                Param("to", ParamKind.TEXT, "position"),
                Param("count", ParamKind.INTEGER, "how many", required=False, default="1"),
            ),
        )

    def unavailable(self) -> str:
        return self.reason_unavailable

    async def choices(self, param: str) -> Sequence[Choice]:
        return ()

    async def plan(self, request: ActionRequest) -> Plan:
        self.requests.append(request)
        if self.plan_error is not None:
            raise self.plan_error
        undo = ActionRequest("switch.set", self.source, {"to": self.position}) if self.undoable else None
        return Plan(
            request=request,
            title="Set switch",
            tier=self.tier,
            target="the switch",
            identity={"version": self.identity},
            changes=(Change("position", self.position, request.get("to")),),
            objects=("switch",),
            count=1,
            population=1,
            affected="nobody",
            operation=(f"SET {request.get('to')}",),
            equivalent=(),
            permission=Permission(self.grant, "may_switch", "GRANT may_switch"),
            undo=Undo("set it back", undo),
            planned_at=self.clock.now(),
            deadline_s=5.0,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        self.runs += 1
        if self.before_run is not None:
            self.before_run(control)
        if self.hang is not None:
            await self.hang.wait()
        if self.run_error is not None:
            raise self.run_error
        if control.aborted():
            return RunResult(Outcome.FAILED, "stopped", 0, 1)
        self.position = plan.request.get("to")
        return RunResult(Outcome.SUCCEEDED, f"it is {self.position}")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return Verification(self.position == plan.request.get("to"), f"it is {self.position}")


@dataclass
class Rig:
    clock: ManualClock
    switch: Switch
    executor: Executor
    audit: AuditLog
    state: SourceState
    symptoms: dict[str, Symptom]
    folder: Path

    def events(self) -> list[str]:
        return [entry.event for entry in self.audit.entries()]


@pytest.fixture(autouse=True)
def as_documented(documented: None) -> None:
    """What the local control planes are asked, and what they answer, is held against Google's documents."""


@pytest.fixture
def make_rig(tmp_path: Path) -> Callable[..., Rig]:
    def make(
        *, read_only: bool = False, limits: Limits | None = None, folder: Path | None = None, tier: Tier = Tier.T2
    ) -> Rig:
        where = folder or tmp_path
        clock = ManualClock()
        switch = Switch(clock, tier=tier)
        state = SourceState("database/main", SourceKind.DATABASE, "main", 1.0, freshness=Freshness.FRESH, age_s=0.1)
        symptoms: dict[str, Symptom] = {}
        audit = AuditLog(where / "audit.jsonl", Actor("u", "me", "jump", "/dev/pts/1", "10.0.0.1", 1))
        rig: Rig
        station = Station(
            scene=Scene("shop", "production"),
            who="me@jump",
            arming=Arming(duration=600, idle=300),
            limits=limits or Limits(watch=60, t4_delay=30),
            read_only=read_only,
            source_state=lambda name: rig.state if name == rig.state.source else None,
            symptoms=lambda: dict(rig.symptoms),
            audit=audit,
            locks=Locks(where / "locks"),
            approvals=Approvals(where / "approvals"),
            clock=clock,
        )
        rig = Rig(clock, switch, Executor(Catalogue([switch.spec], [switch]), station), audit, state, symptoms, where)
        return rig

    return make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


@pytest.fixture
def bad() -> Callable[[float], Symptom]:
    def make(at: float) -> Symptom:
        return Symptom("logs/api", "40 errors", Severity.CRIT, at)

    return make

"""A stage for dialogs: a small app, a clock that stands still, the real executor over an action that does nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from cockpit.actions.catalogue import Catalogue
from cockpit.actions.effect import Symptom
from cockpit.actions.executor import Executor, Station
from cockpit.actions.guards import requirement
from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.record import Planned
from cockpit.audit.actor import Actor
from cockpit.audit.approvals import Approvals
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import Clock, ManualClock
from cockpit.errors import CockpitError
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
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.profile.schema import Arming, Limits
from screens.dialogs.plan_card import Sheet
from screens.flow import ActionFlow, Stage

VARIABLES = {"muted": "#9aa7b5", "line": "#35414f"}
NAMES = {"/": "slash", " ": "space", "-": "minus", "_": "underscore", "!": "exclamation_mark", "?": "question_mark"}
START = datetime(2026, 1, 1, tzinfo=UTC)


def make_plan(**changes: object) -> Plan:
    plan = Plan(
        request=ActionRequest("database.terminate", "database/main", {"pid": "4411"}),
        title="Terminate session",
        tier=Tier.T2,
        target="session 4411 of checkout on db-main.internal:5432/shop",
        identity={"pid": "4411", "backend_start": "2026-11-21T13:51:02+00:00"},
        changes=(Change("state", "idle in transaction", "ended, its transaction rolled back"),),
        objects=("pid 4411  checkout-7f3c2  10.4.0.17  UPDATE inventory SET a = [/x] [bold]",),
        count=1,
        population=46,
        affected="the client checkout-7f3c2 at 10.4.0.17; 12 sessions that wait for it go on",
        operation=("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = 4411",),
        equivalent=('psql -c "SELECT pg_terminate_backend(4411)"',),
        permission=Permission(Grant.GRANTED, "pg_signal_backend"),
        undo=Undo("no way back: the client must reconnect"),
        planned_at=START,
        deadline_s=5.0,
        warnings=("the session holds 3 locks",),
    )
    return replace(plan, **changes)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    return make_plan


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def sheet_of(clock: ManualClock) -> Callable[..., Sheet]:
    def make(plan: Plan, refusals: Sequence[Refusal] = (), *, needs_arming: bool = False) -> Sheet:
        needed = requirement(plan, "production", 300.0)
        planned = Planned(plan, needed, tuple(refusals), needs_arming, clock.monotonic())
        return Sheet(planned, "shop", "production")

    return make


@dataclass
class Terminate:
    """An action whose plan, choices and run the test decides."""

    spec: ActionSpec
    source: str = "database/main"
    plan_now: Callable[[ActionRequest], Plan] = field(default=lambda request: make_plan(request=request))
    planning: Callable[[], object] = field(default=lambda: None)
    result: RunResult | CockpitError = field(
        default_factory=lambda: RunResult(Outcome.SUCCEEDED, "session 4411 ended")
    )
    verified: Verification = field(default_factory=lambda: Verification(True, "no such session"))
    offered: Sequence[Choice] | CockpitError = ()
    hold: asyncio.Event | None = None
    why_not: str = ""
    requests: list[ActionRequest] = field(default_factory=list)
    runs: list[Plan] = field(default_factory=list)
    aborted: bool = False

    def unavailable(self) -> str:
        return self.why_not

    async def choices(self, param: str) -> Sequence[Choice]:
        if isinstance(self.offered, CockpitError):
            raise self.offered
        return self.offered

    async def plan(self, request: ActionRequest) -> Plan:
        self.requests.append(request)
        waiting = self.planning()
        if isinstance(waiting, asyncio.Event):
            await waiting.wait()
        return self.plan_now(request)

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        self.runs.append(plan)
        if self.hold is not None:
            control.progress(3, 10, "batch 1")
            while not self.hold.is_set():
                if control.aborted():
                    self.aborted = True
                    return RunResult(Outcome.FAILED, "stopped after 3 of 10", 3, 10)
                await asyncio.sleep(0.005)
        if isinstance(self.result, CockpitError):
            raise self.result
        return self.result

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return self.verified


TERMINATE = ActionSpec(
    "database.terminate",
    "Terminate session",
    SourceKind.DATABASE,
    "K",
    Tier.T2,
    "Ends one session; its transaction is rolled back.",
    (Param("pid", ParamKind.INTEGER, "process id", identity=True),),
)


@pytest.fixture
def handler() -> Terminate:
    return Terminate(TERMINATE)


@pytest.fixture
def symptoms() -> dict[str, Symptom]:
    return {}


@pytest.fixture
def readings(clock: ManualClock) -> dict[str, SourceState]:
    reading = Reading("database/main", SourceKind.DATABASE, START, 0.01, Severity.OK, "fine")
    state = SourceState(
        "database/main", SourceKind.DATABASE, "main", 1.0, reading, freshness=Freshness.FRESH, age_s=0.5
    )
    return {"database/main": state}


@pytest.fixture
def read_only() -> bool:
    return False


@pytest.fixture
async def executor(
    tmp_path: Path,
    clock: ManualClock,
    handler: Terminate,
    symptoms: dict[str, Symptom],
    readings: dict[str, SourceState],
    read_only: bool,
) -> AsyncIterator[Executor]:
    made = Executor(
        Catalogue([handler.spec], [handler]),
        Station(
            scene=Scene("shop", "production"),
            who="ana",
            arming=Arming(),
            limits=Limits(),
            read_only=read_only,
            source_state=readings.get,
            symptoms=lambda: symptoms,
            audit=AuditLog(tmp_path / "audit.jsonl", Actor.current()),
            locks=Locks(tmp_path / "locks"),
            approvals=Approvals(None),
            clock=clock,
        ),
    )
    yield made
    await made.close()


class StageApp(App[None]):
    """Nothing but what dialogs need of an app."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []
        self.copied: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLES

    def notify(self, message: str, *, title: str = "", **rest: object) -> None:  # type: ignore[override]  # recorded
        assert rest.get("markup") is False, "outside text must not be markup"
        self.told.append((title, message))

    def copy_text(self, text: str) -> str:
        self.copied.append(text)
        return "copied"


@dataclass
class Table:
    """The running app, with what a test does to it."""

    app: Any
    pilot: Pilot[None]
    clock: Clock

    async def until(self, holds: Callable[[], bool], what: str, deadline_s: float = 5.0) -> None:
        ends = time.monotonic() + deadline_s
        while not holds():
            if time.monotonic() > ends:
                pytest.fail(f"not within {deadline_s} s: {what}\n{self.text}")
            await self.pilot.pause(0.005)
        await self.pilot.pause()  # for the painting

    async def open(self, screen: Screen[object]) -> list[object]:
        answers: list[object] = []
        await self.app.push_screen(screen, answers.append)
        await self.pilot.pause()
        return answers

    async def settle(self) -> None:
        """Let every queue run empty; painting takes a little longer and `pass_time` waits for it."""
        for _ in range(25):
            await asyncio.sleep(0)

    async def move(self, seconds: float) -> None:
        assert isinstance(self.clock, ManualClock)
        await self.clock.advance(seconds)
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        await self.move(seconds)
        await self.pilot.pause()

    async def send(self, key: str) -> None:
        """One key as the terminal driver sends it."""
        driver = self.app._driver
        assert driver is not None
        event = events.Key(NAMES.get(key, key), key if len(key) == 1 else None)
        event.set_sender(self.app)
        driver.send_message(event)
        await self.settle()

    async def press(self, *keys: str) -> None:
        """Each key with so much time around it that it counts as deliberate."""
        for key in keys:
            await self.move(0.4)
            await self.send(key)
            await self.move(0.2)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        for char in text:
            await self.move(0.05)
            await self.send(char)

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


@pytest.fixture
def table_of() -> Callable[..., Table]:
    return Table


@pytest.fixture
def stage(clock: ManualClock) -> Callable[..., object]:
    @asynccontextmanager
    async def run(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Table]:
        app = StageApp()
        async with app.run_test(size=size) as pilot:
            yield Table(app, pilot, clock)

    return run


@pytest.fixture
def flow_on(executor: Executor, clock: ManualClock) -> Callable[[Table], ActionFlow]:
    def make(table: Table) -> ActionFlow:
        return ActionFlow(table.app, Stage(executor, "shop", "production", clock, table.app.copy_text))

    return make

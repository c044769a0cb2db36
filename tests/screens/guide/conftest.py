"""A small runbook of values, a desk that answers as a test says, and the screen over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual.pilot import Pilot

from cockpit.clock import Clock as EngineClock
from cockpit.errors import CockpitError
from cockpit.model.action import ActionRequest, Choice, ParamKind, Tier
from cockpit.model.command import Command, EffectClass, Kind, Understanding
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.runbook import (
    Clock,
    ClockKind,
    Contact,
    Facts,
    Fault,
    Later,
    Level,
    Link,
    Part,
    Playbook,
    Runbook,
    Step,
)
from cockpit.model.severity import Severity, SourceKind
from cockpit.runbooks.guide.desk import Reading
from cockpit.runbooks.guide.match import Hit, Suggestion
from cockpit.runbooks.guide.offer import Ask, Offered
from cockpit.runbooks.guide.people import People
from cockpit.runbooks.guide.progress import Past, StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.guide.store import Store
from cockpit.runbooks.trust import Accepted, New, TrustState
from screens.app import CockpitApp

FILE = "RUNBOOK.md"
DIGEST = "9f3c" * 16
PREVIOUS = "checkout-00141"
HEALTH = LookSpec("health.status", "Health", SourceKind.HEALTH, "What the health endpoint said last.")
QUERY = LookSpec("database.query", "Read-only query", SourceKind.DATABASE, "One query.", live=False)


def command(text: str, line: int, language: str = "bash") -> Command:
    return Command(text, line, language, file=FILE)


def offered(step: str, cmd: Command, kind: Kind, tier: Tier, effect: EffectClass, **more: Any) -> Offered:
    return Offered(step, Understanding(cmd, kind, effect, tier, target=more.pop("target", "")), kind, tier, **more)


CHECK = command("curl -fsS https://shop.example/health | jq .status", 12)
WAITING = command("SELECT pid, state FROM pg_stat_activity\nWHERE wait_event_type = 'Lock';", 16, "sql")
ROLL_BACK = command(
    "gcloud run services update-traffic checkout --region europe-west1 --to-revisions PREV_REVISION=100", 24
)
RESTART = command("ssh app-1 'sudo systemctl restart checkout'\n# [red]not markup[/red] [/x]", 30)

STEPS = (
    Step("look", 11, "Check whether checkout answers", Part.DIAGNOSIS, "1", command=CHECK),
    Step("locks", 15, "See who waits for locks", Part.DIAGNOSIS, "2", command=WAITING),
    Step(
        "tell", 19, "Post a line in #incidents and update every 10 minutes", Part.COMMUNICATION, "3",
        clocks=(Clock(ClockKind.EVERY, 600, "every 10 minutes"),),
    ),
    Step(
        "back", 23, "Go back to the revision before", Part.RESOLUTION, "4", command=ROLL_BACK,
        condition="If it began with a deployment",
    ),
    Step("restart", 29, "Restart the service on its machine", Part.RESOLUTION, "5", command=RESTART),
    Step(
        "watch", 34, "Watch the error rate for 30 minutes, it must stay below 1 %", Part.VERIFICATION, "6",
        clocks=(Clock(ClockKind.LAST, 1800, "for 30 minutes"),),
        links=(Link("dashboard", "https://grafana.example/d/checkout", 34),),
    ),
)  # fmt: skip
ERRORS = Playbook(
    "high-error-rate",
    "Checkout answers with errors",
    8,
    FILE,
    ("Common issues",),
    ("5xx errors in the log", "the pool is full"),
    STEPS,
    clocks=(
        Clock(ClockKind.WINDOW, 300, "first 5 minutes"),
        Clock(ClockKind.AFTER, 1800, "not resolved in 30 minutes"),
    ),
    causes=(("a new revision is broken", "go back to the one before"),),
)
SLOW = Playbook(
    "slow-queries",
    "Slow queries",
    60,
    FILE,
    ("Common issues", "Database"),
    ("p95 above 2 s",),
    (Step("s1", 62, "Find the slowest statement", Part.OTHER), Step("s2", 63, "Add the missing index", Part.OTHER)),
)
CALL = Step("r1", 92, "Call two people", Part.OTHER)
RESTORE = Playbook("restore", "Restore the database", 90, FILE, ("Disaster recovery",), (), (CALL,))
FAULT = Fault(
    FILE, 30, "restart-over-ssh", Level.WARNING, RESTART.text,
    "The restart is not in the deployment's history.", "gcloud run services update checkout --revision-suffix again",
)  # fmt: skip
FACTS = Facts(
    contacts=(Contact("Engineering lead", "Ana", "+49 30 1234", "", 5),),
    escalation=((Clock(ClockKind.AFTER, 1800, "30 minutes"), "Engineering lead"),),
)
RUNBOOK = Runbook(
    (FILE,), "Shop runbook", DIGEST, (SLOW, ERRORS, RESTORE), (CHECK, WAITING, ROLL_BACK, RESTART), Later.known(FACTS)
)
OFFERS = {
    "look": offered(
        "look", CHECK, Kind.LIVE, Tier.T0, EffectClass.READS, look=LookRequest("health.status", "health/web"),
        target="https://shop.example/health",
    ),
    "locks": offered(
        "locks", WAITING, Kind.LIVE, Tier.T0, EffectClass.READS, sends=True, target="shop on main",
        look=LookRequest("database.query", "database/main", {"sql": WAITING.text}),
    ),
    "back": offered(
        "back", ROLL_BACK, Kind.NATIVE, Tier.T2, EffectClass.CHANGES, target="checkout in europe-west1",
        action=ActionRequest("revisions.rollback", "revisions/checkout"),
        asks=(Ask("revision", "PREV_REVISION", ParamKind.CHOICE, "the revision to go back to", live=True),),
    ),
    "restart": offered(
        "restart", RESTART, Kind.SCRIPT, Tier.T3, EffectClass.CHANGES, target="app-1",
        action=ActionRequest("runbook.script", "runbook"), faults=(FAULT,),
    ),
}  # fmt: skip


@dataclass
class SampleDesk:
    """Sessions are real, on disk; everything else is what the test puts here."""

    store: Store
    clock: EngineClock
    runbook: Runbook | None = RUNBOOK
    trust: TrustState | None = None
    reading: Reading = Reading.READY
    problem: str = ""
    offers: dict[str, Offered] = field(default_factory=lambda: dict(OFFERS))
    suggested: tuple[Suggestion, ...] = ()
    seen: Sight | None = None
    answers: list[Sight | CockpitError] = field(default_factory=list)
    offered_choices: Sequence[Choice] = (Choice(PREVIOUS, "served until 13:50", recommended=True),)
    wrong: dict[str, str] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    looked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    requested: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    told: list[Callable[[], None]] = field(default_factory=list)
    people: People = field(default_factory=People)
    recorded: list[str] = field(default_factory=list)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return (FAULT,)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.told.append(callback)
        return lambda: self.told.remove(callback)

    def changed(self) -> None:
        for callback in tuple(self.told):
            callback()

    async def accept(self, digest: str) -> None:
        self.accepted.append(digest)
        self.trust = Accepted(digest, self.clock.now(), "ana")
        self.changed()

    def suggestions(self) -> tuple[Suggestion, ...]:
        return self.suggested

    def search(self, text: str) -> tuple[Hit, ...]:
        runbook = self.runbook
        assert runbook is not None
        found = [Hit(p, "", p.title, p.line, 1.0) for p in runbook.playbooks if text.lower() in p.title.lower()]
        for playbook in runbook.playbooks:
            found += [
                Hit(playbook, s.id, s.text, s.line, 0.5) for s in playbook.steps if text.lower() in s.text.lower()
            ]
        return tuple(found)

    def past(self, playbook: str = "") -> tuple[Past, ...]:
        return tuple(past for past in self.store.past(self.clock) if playbook in ("", past.playbook))

    async def open(self, playbook: str, resume: str = "") -> Session:
        if resume in self.sessions:
            return self.sessions[resume]
        file = self.store.resume(resume) if resume else self.store.begin()
        assert self.runbook is not None
        found = self.runbook.playbook(playbook)
        assert found is not None

        async def record(event: str, facts: Mapping[str, object]) -> None:
            self.recorded.append(f"{event} {facts.get('step', '')} {facts.get('state', '')}".strip())

        session = Session(found, self.runbook.facts, file, self.clock, "ana", record, self.changed)
        self.sessions[session.id] = session
        await session.opened()
        return session

    async def leave(self, session: Session, *, ended: bool = False) -> None:
        self.sessions.pop(session.id, None)
        await session.close(ended=ended)

    def offered(self, session: Session, step: str) -> Offered | None:
        found = self.offers.get(step)
        if found is None or isinstance(self.trust, Accepted):
            return found
        return replace(found, blocked="the runbook is not accepted: a looks at it")

    async def choices(self, offered: Offered, ask: Ask, values: Mapping[str, str]) -> Sequence[Choice]:
        return self.offered_choices

    def problems(self, offered: Offered, values: Mapping[str, str]) -> dict[str, str]:
        return {} if not self.wrong else {self.wrong.popitem()[0]: "there is no such revision"}

    async def look(self, session: Session, step: str, values: Mapping[str, str]) -> Sight:
        self.looked.append((step, dict(values)))
        answer = self.answers.pop(0)
        if isinstance(answer, CockpitError):
            raise answer
        await session.finish(step, StepState.DONE, answer.summary, answer.lines)
        return answer

    async def glance(self, offered: Offered) -> Sight | None:
        return self.seen

    def request(self, session: Session, step: str, values: Mapping[str, str]) -> ActionRequest:
        self.requested.append((step, dict(values)))
        action = self.offers[step].action
        assert action is not None
        return ActionRequest(action.action, action.source, {**action.params, **values})

    def withdraw(self, session: Session, step: str) -> None:
        self.withdrawn.append(step)

    def output(self, run: str) -> tuple[str, ...]:
        return self.written.get(run, ())


class Looks:
    """The engine's book of looks: counts what is asked past the desk."""

    def __init__(self) -> None:
        self.asked: list[LookRequest] = []
        self.answer: Sight | None = None

    def spec(self, look: str) -> LookSpec | None:
        return {HEALTH.id: HEALTH, QUERY.id: QUERY}.get(look)

    async def look(self, request: LookRequest) -> Sight:
        self.asked.append(request)
        assert self.answer is not None
        return self.answer


class Flow:
    """The way to actions: records what is asked for and says that it is over."""

    def __init__(self) -> None:
        self.busy = False
        self.requests: list[tuple[ActionRequest, str]] = []
        self.ended: list[Callable[[], object]] = []

    def toggle_mode(self) -> None:
        raise AssertionError("nobody arms here")

    def undo(self) -> None:
        raise AssertionError("nobody takes anything back here")

    def request(self, request: ActionRequest, why: str = "", ended: Callable[[], object] | None = None) -> None:
        self.requests.append((request, why))
        if ended is not None:
            self.ended.append(ended)


@dataclass
class Room:
    """The cockpit with the guide, and what a test does in it."""

    app: CockpitApp
    pilot: Pilot[None]
    engine: Any
    desk: SampleDesk
    flow: Flow

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Until what was begun is done, unless it waits for a dialog."""
        await self.pilot.pause()
        if not self.app.screen.is_modal:
            begun = [worker for worker in self.app.workers if worker.group in ("guide", "glance")]
            await self.app.workers.wait_for_complete(begun)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> bool:
        """Whether it comes to be so, some turns of the loop after what was begun is done."""
        for _ in range(200):
            if condition():
                return True
            await self.settle()
        return False

    async def shown(self, text: str) -> bool:
        """Whether `text` comes to stand on the screen: a toast is mounted after it is told."""
        return await self.until(lambda: text in self.text)

    async def pass_time(self, seconds: float) -> None:
        await self.engine.clock.advance(seconds)
        self.screen.publisher.tick(force=True)
        await self.settle()

    @property
    def screen(self) -> Any:
        return self.app.cockpit_screen

    @property
    def guide(self) -> Any:
        return self.screen.guide

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


@pytest.fixture
def room(samples: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """Opens the cockpit at a size; `accepted` False for a runbook that nobody has accepted; `engine` for another."""

    @asynccontextmanager
    async def run(
        size: tuple[int, int] = (120, 40), *, accepted: bool = True, engine: Any = None, **options: Any
    ) -> AsyncIterator[Room]:
        engine = engine or samples.incident()
        desk = SampleDesk(Store(tmp_path, "shop", "production", (FILE,)), engine.clock)
        desk.trust = Accepted(DIGEST, engine.clock.now(), "ana") if accepted else New(DIGEST)
        desk.suggested = (Suggestion(ERRORS, 2.0, "its symptom “the pool is full” fits: pool 97/97"),)
        desk.seen = Sight(
            Severity.CRIT,
            "503 in 3 004 ms",
            engine.clock.now() - timedelta(seconds=1),
            ("database degraded", "redis healthy"),
        )
        engine.guide, engine.looks = desk, Looks()
        engine.executor.catalogue = engine.catalogue
        app, flow = CockpitApp(**options), Flow()
        async with app.run_test(size=size, notifications=True) as pilot:
            app.attach(engine)
            app.flow = flow  # type: ignore[assignment]  # records instead of planning
            await pilot.pause()
            yield Room(app, pilot, engine, desk, flow)

    return run

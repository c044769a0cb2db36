"""What is heard of a run after its end reaches the step: the verdict of the watch, and that it was taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from cockpit.actions.executor import Executor
from cockpit.actions.record import Record, Running
from cockpit.clock import ManualClock
from cockpit.engine.followed import Followed
from cockpit.model.action import (
    ActionRequest,
    Grant,
    Outcome,
    Permission,
    Plan,
    Tier,
    Undo,
    Verdict,
)
from cockpit.model.runbook import Facts, Part, Playbook, Step
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.guide.store import Store

STEPS = (Step("shift", 1, "Go back", Part.RESOLUTION), Step("scale", 2, "Add one", Part.RESOLUTION))
PLAYBOOK = Playbook("slow", "Pages are slow", 1, "R.md", (), (), STEPS)
BACK = ActionRequest("revisions.traffic", "revisions/shop", {"split": "shop-7=100"})
FORTH = ActionRequest("revisions.traffic", "revisions/shop", {"split": "shop-8=100"})


class Runs:
    """The part of an executor that is listened to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.records: tuple[Record, ...] = ()
        self.running: tuple[Running, ...] = ()
        self._heard: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._heard.append(callback)
        return lambda: self._heard.remove(callback)

    def tell(self) -> None:
        for callback in self._heard:
            callback()

    def run(self, run: str, request: ActionRequest, undo: ActionRequest | None, outcome: Outcome) -> None:
        """From its begin to its record."""
        now = self.clock.now()
        self.running = (Running(run, "Shift", request.source, "running", 0, 0, "", now, True, request),)
        self.tell()
        back = Undo("as before", undo)
        plan = Plan(
            request, "Shift", Tier.T2, "shop", {}, (), (), 1, 1, "users", (), (),
            Permission(Grant.GRANTED, ""), back, now, 5.0,
        )  # fmt: skip
        ended = outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN)
        said = f"split {request.get('split')}"
        self.records = (*self.records, Record(run, plan, outcome, said, now, now, undo=back if ended else None))
        self.running = ()
        self.tell()

    def decide(self, run: str, verdict: Verdict) -> None:
        self.records = tuple(replace(r, verdict=verdict) if r.run == run else r for r in self.records)
        self.tell()


class Room:
    """One session whose first step went through."""

    def __init__(self, folder: Path) -> None:
        self.runs = Runs()
        self.followed = Followed(cast(Executor, self.runs))
        self.store = Store(folder, "shop", "production", ["R.md"])
        self.session = Session(PLAYBOOK, Facts(), self.store.begin(), self.runs.clock, "ann")

    async def settle(self) -> None:
        while self.followed._tasks:
            await asyncio.gather(*self.followed._tasks)

    async def first(self, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        self.followed.follow(self.session, "shift", BACK, {})
        self.runs.run("run1", BACK, FORTH, outcome)
        await self.settle()

    def state(self) -> tuple[StepState, str]:
        progress = self.session.progress("shift")
        return progress.state, progress.result


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> Room:
    made = Room(tmp_path)
    await made.session.opened()
    return made


@pytest.mark.parametrize(
    ("verdict", "state", "said"),
    [
        (Verdict.RECOVERED, StepState.DONE, "split shop-7=100; verdict: recovered"),
        (Verdict.NO_CHANGE, StepState.DONE, "split shop-7=100; verdict: no change"),
        (Verdict.UNKNOWN, StepState.DONE, "split shop-7=100; verdict: unknown"),
        (Verdict.WORSE, StepState.FAILED, "it became worse: split shop-7=100; verdict: worse"),
    ],
)
async def test_the_verdict_stands_in_the_steps_result(
    room: Room, verdict: Verdict, state: StepState, said: str
) -> None:
    await room.first()
    at = room.session.progress("shift").at
    await room.runs.clock.advance(60)
    room.runs.decide("run1", verdict)
    room.runs.tell()
    await room.settle()
    assert room.state() == (state, said)
    assert room.session.progress("shift").at == at, "the step was done when it was done"
    await room.session.close()
    again = Session(PLAYBOOK, Facts(), room.store.resume(room.session.id), room.runs.clock, "bob")
    assert (again.progress("shift").state, again.progress("shift").result) == (state, said)


async def test_an_undo_marks_the_step_as_taken_back_and_doing_it_again_as_done(room: Room) -> None:
    await room.first()
    room.runs.run("run2", FORTH, BACK, Outcome.REFUSED)
    await room.settle()
    assert room.state()[0] is StepState.DONE, "what was refused took nothing back"
    room.runs.run("run3", FORTH, BACK, Outcome.SUCCEEDED)
    await room.settle()
    assert room.state() == (StepState.FAILED, "taken back: split shop-8=100; before that: split shop-7=100")
    room.runs.decide("run1", Verdict.RECOVERED)
    await room.settle()
    assert room.state()[0] is StepState.FAILED, "a verdict does not bring it back"
    room.runs.run("run4", BACK, FORTH, Outcome.SUCCEEDED)
    await room.settle()
    assert room.state()[0] is StepState.DONE and room.state()[1].startswith("done again: split shop-7=100")


async def test_an_undo_of_unknown_outcome_is_told_as_such(room: Room) -> None:
    await room.first()
    room.runs.run("run2", FORTH, BACK, Outcome.UNKNOWN)
    await room.settle()
    assert room.state()[0] is StepState.FAILED and room.state()[1].startswith("perhaps taken back:")


async def test_a_step_that_somebody_has_in_hand_is_left_alone(room: Room) -> None:
    await room.first()
    await room.session.tick("shift", "by hand")
    room.runs.decide("run1", Verdict.WORSE)
    await room.settle()
    assert room.state() == (StepState.DONE, "by hand")


async def test_a_session_that_was_left_hears_no_more(room: Room) -> None:
    await room.first()
    room.followed.forget(room.session)
    await room.session.close()
    room.runs.decide("run1", Verdict.WORSE)
    room.runs.run("run2", FORTH, BACK, Outcome.SUCCEEDED)
    await room.settle()
    assert room.state() == (StepState.DONE, "split shop-7=100")


async def test_what_happened_first_is_written_first(room: Room) -> None:
    room.followed.follow(room.session, "shift", BACK, {"PREV": "shop-7"})
    room.runs.run("run1", BACK, FORTH, Outcome.SUCCEEDED)
    await room.settle()
    assert room.state()[0] is StepState.DONE, "the end does not overtake the begin, whatever is filled in"
    assert room.session.values == {"PREV": "shop-7"}

"""The whole way from a key press to a record, with the real executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.executor import Executor
from cockpit.audit.locks import Holder, Locks
from cockpit.clock import ManualClock
from cockpit.errors import NotFound, PermissionDenied, TimedOut
from cockpit.model.action import (
    ActionRequest,
    Outcome,
    RunResult,
    Undo,
    Verification,
)
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness
from screens.dialogs.arm import ArmDialog, LockDialog
from screens.dialogs.notice import Notice
from screens.dialogs.plan_card import PlanCard
from screens.dialogs.progress import Progress, Waiting

ROW = {"pid": "4411"}


def showing(table: Any, kind: type) -> Callable[[], bool]:
    return lambda: isinstance(table.app.screen, kind)


async def open_card(table: Any, flow: Any) -> PlanCard:
    flow.start("database.terminate", "database/main", ROW)
    await table.until(showing(table, PlanCard), "the plan card")
    await table.pilot.pause()
    assert isinstance(table.app.screen, PlanCard)
    return table.app.screen


async def test_armed_a_confirmed_plan_runs_once_and_is_reported(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        assert handler.runs == []
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        assert len(handler.runs) == 1
        assert table.app.told == [("Terminate session: done", "session 4411 ended")]
        assert executor.records[-1].outcome is Outcome.SUCCEEDED


async def test_in_observe_the_plan_shows_and_nothing_runs_until_armed_and_confirmed(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        await table.press("y")
        assert "OBSERVE" in table.text
        await table.press("!")
        await table.until(showing(table, ArmDialog), "the arm dialog")
        await table.pilot.pause()
        await table.type("pool is full")
        await table.press("enter")
        await table.until(showing(table, PlanCard), "the card again")
        assert executor.mode.armed
        assert executor.mode.reason == "pool is full"
        assert handler.runs == []
        await table.pilot.pause()
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        assert len(handler.runs) == 1


async def test_the_row_that_was_under_the_key_is_the_target_whatever_moves_later(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    row = dict(ROW)
    async with stage() as table:
        flow = flow_on(table)
        flow.start("database.terminate", "database/main", row)
        row["pid"] = "9999"
        await table.until(showing(table, PlanCard), "the plan card")
        assert {request.get("pid") for request in handler.requests} == {"4411"}


async def test_a_stale_source_is_refused_with_the_reason(
    stage: Any, flow_on: Any, executor: Executor, handler: Any, readings: dict[str, SourceState]
) -> None:
    readings["database/main"] = replace(readings["database/main"], freshness=Freshness.STALE, age_s=44.0)
    await executor.arm("testing")
    async with stage() as table:
        await open_card(table, flow_on(table))
        await table.press("y")
        assert handler.runs == []
        assert "44 s old" in table.text


async def test_a_plan_that_does_not_come_can_be_given_up(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    never = asyncio.Event()
    handler.planning = lambda: never
    async with stage() as table:
        flow = flow_on(table)
        flow.start("database.terminate", "database/main", ROW)
        await table.until(showing(table, Waiting), "the wait")
        assert "planning" in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")
        assert not isinstance(table.app.screen, Waiting | PlanCard)
        assert handler.runs == []


async def test_an_error_while_planning_is_a_sentence(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    def fail(request: ActionRequest) -> Any:
        raise PermissionDenied("the role app may not read pg_stat_activity [/x]", hint="GRANT pg_monitor TO app")

    handler.plan_now = fail
    async with stage() as table:
        flow = flow_on(table)
        flow.start("database.terminate", "database/main", ROW)
        await table.until(showing(table, Notice), "the notice")
        await table.pilot.pause()
        assert "the role app may not read pg_stat_activity [/x]" in table.text
        assert "GRANT pg_monitor TO app" in table.text
        assert "Traceback" not in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")


async def test_a_bug_in_a_plan_is_a_sentence_without_its_text(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    def fail(request: ActionRequest) -> Any:
        raise RuntimeError("password=hunter2")

    handler.plan_now = fail
    async with stage() as table:
        flow = flow_on(table)
        flow.start("database.terminate", "database/main", ROW)
        await table.until(showing(table, Notice), "the notice")
        await table.pilot.pause()
        assert "RuntimeError" in table.text
        assert "hunter2" not in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")


async def test_a_target_that_changed_before_the_run_is_shown_anew_and_asked_again(
    stage: Any, flow_on: Any, executor: Executor, handler: Any, plan_of: Any
) -> None:
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        handler.plan_now = lambda request: plan_of(
            request=request, count=7, identity={"pid": "4411", "start": "later"}
        )
        await table.press("y")
        await table.until(lambda: "nothing was done" in table.text, "the new plan")
        assert handler.runs == []
        assert "7 of 46" in table.text
        await table.pilot.pause()
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        assert [plan.count for plan in handler.runs] == [7]


async def test_a_run_shows_its_progress_and_a_stops_it(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    handler.hold = asyncio.Event()
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        await table.press("y")
        await table.until(showing(table, Progress), "the progress")
        await table.until(lambda: len(executor.running) == 1 and executor.running[0].done == 3, "the third object")
        await table.pass_time(1.0)
        assert "3 of 10" in table.text
        assert "batch 1" in table.text
        await table.press("a")
        await table.until(showing(table, Notice), "the outcome")
        await table.pilot.pause()
        assert handler.aborted
        assert "FAILED" in table.text
        assert "stopped after 3 of 10" in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")


async def test_escape_hides_a_run_and_it_goes_on(stage: Any, flow_on: Any, executor: Executor, handler: Any) -> None:
    handler.hold = asyncio.Event()
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        await table.press("y")
        await table.until(showing(table, Progress), "the progress")
        await table.press("escape")
        assert not isinstance(table.app.screen, Progress)
        flow.start("database.terminate", "database/main", ROW)
        assert "Another action" in table.app.told[-1][1]
        handler.hold.set()
        await table.until(lambda: not flow.busy, "the end")
        assert not handler.aborted
        assert executor.records[-1].outcome is Outcome.SUCCEEDED


async def test_no_answer_is_shown_as_unknown_with_the_command_to_check(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    handler.result = TimedOut("no answer from db-main in 5 s", effect_possible=True)
    handler.verified = Verification(None, "could not be seen")
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        await table.press("y")
        await table.until(showing(table, Notice), "the outcome")
        await table.pilot.pause()
        assert "UNKNOWN" in table.text
        assert "no answer from db-main in 5 s" in table.text
        assert 'psql -c "SELECT pg_terminate_backend(4411)"' in table.text


async def test_a_success_that_cannot_be_verified_is_not_reported_as_plain_success(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    handler.verified = Verification(False, "the session is still there")
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        await open_card(table, flow)
        await table.press("y")
        await table.until(showing(table, Notice), "the outcome")
        await table.pilot.pause()
        assert "NOT so: the session is still there" in table.text


async def test_undo_goes_through_the_same_steps(stage: Any, flow_on: Any, executor: Executor, handler: Any) -> None:
    back = ActionRequest("database.terminate", "database/main", {"pid": "1"})
    handler.result = RunResult(Outcome.SUCCEEDED, "done", undo=Undo("gives the old state back", back))
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        flow.undo()
        await table.until(showing(table, Notice), "nothing to undo")
        await table.pilot.pause()
        assert "Nothing to undo" in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "closed")
        await open_card(table, flow)
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        flow.undo()
        await table.until(showing(table, PlanCard), "the plan of the way back")
        await table.pilot.pause()
        assert "takes back: Terminate session" in table.text
        assert handler.requests[-1].get("pid") == "1"
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        assert len(handler.runs) == 2


@pytest.mark.parametrize("read_only", [True])
async def test_a_read_only_profile_cannot_be_armed(
    stage: Any, flow_on: Any, executor: Executor, handler: Any, read_only: bool
) -> None:
    async with stage() as table:
        flow = flow_on(table)
        flow.toggle_mode()
        await table.until(showing(table, Notice), "the notice")
        await table.pilot.pause()
        assert "read_only = true" in table.text
        await table.press("escape")
        await table.until(lambda: not flow.busy, "closed")
        await open_card(table, flow)
        await table.press("!", "y")
        assert handler.runs == []
        assert not executor.mode.armed


async def test_the_mode_key_disarms_at_once(stage: Any, flow_on: Any, executor: Executor) -> None:
    await executor.arm("testing")
    async with stage() as table:
        flow_on(table).toggle_mode()
        await table.until(lambda: not executor.mode.armed, "OBSERVE")
        await table.until(lambda: bool(table.app.told), "the word of it")
        assert not isinstance(table.app.screen, ArmDialog)


async def test_a_session_that_vanishes_while_its_card_is_open_takes_the_confirmation_away(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    def gone(request: ActionRequest) -> Any:
        raise NotFound("session 4411 has ended", hint="Look at the list again")

    await executor.arm("testing")
    async with stage() as table:
        await open_card(table, flow_on(table))
        handler.plan_now = gone
        await table.pass_time(10.5)
        await table.until(lambda: "session 4411 has ended" in table.text, "the reason")
        assert "it cannot run" in table.text
        await table.press("y")
        assert handler.runs == []


async def test_somebody_elses_lock_can_be_broken_with_a_reason(
    stage: Any, flow_on: Any, executor: Executor, handler: Any, clock: ManualClock, tmp_path: Path
) -> None:
    await executor.arm("testing")
    locks = Locks(tmp_path / "locks")
    lock = locks.take("shop/production/database/main", Holder("ben", "rollback", clock.now(), "r9"))
    assert not isinstance(lock, Holder)
    try:
        async with stage() as table:
            flow = flow_on(table)
            await open_card(table, flow)
            assert "held by ben" in table.text
            await table.press("y")
            assert handler.runs == []
            await table.press("b")
            await table.until(showing(table, LockDialog), "the question why")
            await table.type("ben is offline")
            await table.press("enter")
            await table.until(lambda: "Terminate session on" in table.text, "the free target")
            await table.press("y")
            await table.until(lambda: not flow.busy, "the end")
            assert len(handler.runs) == 1
    finally:
        lock.release()


async def test_whoever_asked_is_told_once_that_it_is_over_however_it_ended(
    stage: Any, flow_on: Any, executor: Executor, handler: Any
) -> None:
    await executor.arm("testing")
    ended: list[str] = []
    request = ActionRequest("database.terminate", "database/main", ROW)
    async with stage() as table:
        flow = flow_on(table)
        flow.request(request, "asked for", lambda: ended.append("left"))
        await table.until(showing(table, PlanCard), "the plan card")
        flow.request(request, "", lambda: ended.append("busy"))
        assert ended == ["busy"]
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")
        assert ended == ["busy", "left"]
        handler.plan_now = lambda request: 1 / 0
        flow.request(request, "", lambda: ended.append("broken"))
        await table.until(showing(table, Notice), "the notice")
        await table.press("escape")
        await table.until(lambda: not flow.busy, "the end")
        assert ended == ["busy", "left", "broken"]

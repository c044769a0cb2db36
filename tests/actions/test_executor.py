"""The executor takes every step in order, and stops at the first that says no."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cockpit.actions.effect import Symptom
from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.audit.locks import Holder, Locks, TargetLock
from cockpit.errors import CockpitError, Conflict, PermissionDenied, Refused, TimedOut, Unreachable
from cockpit.model.action import ActionRequest, Grant, Outcome, Tier, Verdict
from cockpit.model.severity import Freshness, Severity

YES = Confirmation("y")
ON = ActionRequest("switch.set", "database/main", {"to": "on"})
Rig = Any  # the fixture's class lives in conftest.py, which tests do not import


async def armed(rig: Rig, request: ActionRequest = ON) -> Planned:
    await rig.executor.arm("incident 7")
    return await rig.executor.plan(request)


async def finished(rig: Rig, planned: Planned, confirmation: Confirmation = YES) -> Record:
    record: Record = await rig.executor.execute(planned, confirmation)
    await rig.executor.close()
    return record


async def test_an_armed_and_confirmed_action_runs_and_is_recorded_before_and_after(rig: Rig) -> None:
    seen: list[list[str]] = []
    rig.switch.before_run = lambda control: seen.append(rig.events())
    record = await finished(rig, await armed(rig))
    assert record.outcome is Outcome.SUCCEEDED
    assert rig.switch.position == "on"
    assert record.verification is not None and record.verification.holds
    assert seen == [["armed", "intent"]], "the intent was on disk before anything happened"
    assert rig.events() == ["armed", "intent", "outcome", "verified"]
    assert rig.audit.verify()[1] == ()


async def test_in_observe_nothing_runs_whatever_is_confirmed(rig: Rig) -> None:
    planned = await rig.executor.plan(ON)
    assert planned.needs_arming and not planned.refusals
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "mode"
    assert rig.switch.runs == 0


async def test_a_read_only_profile_cannot_be_armed(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(read_only=True)
    with pytest.raises(Refused, match="read-only"):
        await rig.executor.arm("incident 7")
    planned = await rig.executor.plan(ON)
    assert planned.refusals[0].step == "mode"


async def test_arming_needs_a_reason_and_ends_by_time_and_by_idleness(rig: Rig) -> None:
    with pytest.raises(Refused, match="reason"):
        await rig.executor.arm("  ")
    await rig.executor.arm("incident 7", 100)
    await rig.clock.advance(99)
    assert rig.executor.mode.armed
    await rig.clock.advance(2)
    assert not rig.executor.mode.armed
    await rig.executor.arm("incident 7", 2000)
    await rig.clock.advance(299)
    rig.executor.touch()
    await rig.clock.advance(299)
    assert rig.executor.mode.armed
    await rig.clock.advance(2)
    assert not rig.executor.mode.armed
    rig.executor.touch()
    assert not rig.executor.mode.armed, "a key does not bring it back"


async def test_a_mode_that_drops_between_plan_and_yes_refuses(rig: Rig) -> None:
    planned = await armed(rig)
    await rig.executor.disarm()
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and rig.switch.runs == 0


@pytest.mark.parametrize("freshness", [Freshness.STALE, Freshness.FAILED, Freshness.WAITING])
async def test_no_action_on_a_reading_that_is_not_fresh(rig: Rig, freshness: Freshness) -> None:
    planned = await armed(rig)
    rig.state = replace(rig.state, freshness=freshness)
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "freshness"


async def test_a_missing_permission_refuses_and_says_who_can_grant_it(rig: Rig) -> None:
    rig.switch.grant = Grant.DENIED
    planned = await armed(rig)
    assert planned.refusals[0].hint == "GRANT may_switch"
    assert (await finished(rig, planned)).outcome is Outcome.REFUSED
    assert rig.switch.runs == 0


@pytest.mark.parametrize("phrase", ["", "Y", "yes", "\n", "K", "y "])
async def test_only_the_exact_confirmation_counts(rig: Rig, phrase: str) -> None:
    record = await finished(rig, await armed(rig), Confirmation(phrase))
    assert record.outcome is Outcome.REFUSED and record.refusals[-1].step == "confirm"
    assert rig.switch.runs == 0


async def test_t3_needs_environment_and_target_typed_and_a_reason(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(tier=Tier.T3)
    planned = await armed(rig)
    assert planned.requirement.phrase == "production/main"
    for wrong in (YES, Confirmation("production/main"), Confirmation("staging/main", "cleaning up")):
        assert (await rig.executor.execute(planned, wrong)).outcome is Outcome.REFUSED
    record = await finished(rig, planned, Confirmation("production/main", "cleaning up"))
    assert record.outcome is Outcome.SUCCEEDED


async def test_an_old_plan_must_be_made_again(rig: Rig) -> None:
    planned = await armed(rig)
    await rig.clock.advance(121)
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and "Plan again" in record.refusals[0].hint


async def test_a_target_that_changed_since_the_plan_refuses_and_shows_the_new_plan(rig: Rig) -> None:
    planned = await armed(rig)
    rig.switch.identity = "v2"
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "re-validate"
    assert record.replanned is not None and record.replanned.plan.identity["version"] == "v2"
    assert rig.switch.runs == 0
    assert rig.events()[-1] == "outcome", "the intent that was written has its outcome"


async def test_a_target_that_is_gone_refuses(rig: Rig) -> None:
    planned = await armed(rig)
    rig.switch.plan_error = Conflict("the switch is gone")
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and "gone" in record.summary


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PermissionDenied("no"), Outcome.FAILED),
        (Unreachable("connection refused"), Outcome.FAILED),
        (Unreachable("connection lost", effect_possible=True), Outcome.UNKNOWN),
        (TimedOut("no answer", effect_possible=True), Outcome.UNKNOWN),
        (Conflict("etag is old"), Outcome.REFUSED),
        (ZeroDivisionError("a defect"), Outcome.UNKNOWN),
    ],
)
async def test_what_may_have_happened_is_unknown_never_failed(rig: Rig, error: Exception, outcome: Outcome) -> None:
    rig.switch.run_error = error
    record = await finished(rig, await armed(rig))
    assert record.outcome is outcome
    assert rig.switch.runs == 1, "nothing is tried twice"
    recorded = [entry.facts["outcome"] for entry in rig.audit.entries() if entry.event == "outcome"]
    assert recorded == [outcome.value]


async def test_a_handler_that_hangs_ends_at_the_deadline_as_unknown(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.actions.executor.GRACE_S", -4.99)
    rig.switch.hang = asyncio.Event()
    record = await finished(rig, await armed(rig))
    assert record.outcome is Outcome.UNKNOWN and "check" in record.summary


async def test_closing_in_the_middle_records_unknown(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.actions.executor.CLOSING_S", 0.01)
    rig.switch.hang = asyncio.Event()
    started = asyncio.Event()
    rig.switch.before_run = lambda control: started.set()
    task = asyncio.create_task(rig.executor.execute(await armed(rig), YES))
    await started.wait()
    await rig.executor.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    outcomes = [entry.facts["outcome"] for entry in rig.audit.entries() if entry.event == "outcome"]
    assert outcomes == ["unknown"]


async def test_an_action_goes_on_when_its_caller_goes_away(rig: Rig) -> None:
    rig.switch.hang = asyncio.Event()
    started = asyncio.Event()
    rig.switch.before_run = lambda control: started.set()
    task = asyncio.create_task(rig.executor.execute(await armed(rig), YES))
    await started.wait()
    task.cancel()
    ended = asyncio.Event()
    rig.executor.subscribe(lambda: ended.set() if not rig.executor.running else None)
    rig.switch.hang.set()
    await ended.wait()
    await rig.executor.close()
    assert rig.switch.position == "on" and rig.events()[2] == "outcome"


async def test_a_running_action_can_be_stopped_at_its_next_step(rig: Rig) -> None:
    rig.switch.before_run = lambda control: rig.executor.abort(rig.executor.running[0].run)
    record = await finished(rig, await armed(rig))
    assert record.summary == "stopped" and rig.switch.position == "off"


async def test_an_intent_that_cannot_be_written_stops_everything_above_t1(make_rig: Callable[..., Rig]) -> None:
    for tier, outcome in ((Tier.T2, Outcome.REFUSED), (Tier.T1, Outcome.SUCCEEDED)):
        rig = make_rig(tier=tier, folder=None)
        planned = await armed(rig)
        rig.audit.path.unlink()
        rig.audit.path.mkdir()  # not even root can append to a folder
        record = await finished(rig, planned)
        assert record.outcome is outcome and not record.audited
        rig.audit.path.rmdir()


async def test_a_target_held_by_somebody_else_is_refused_and_its_lock_can_be_broken(rig: Rig) -> None:
    locks = Locks(rig.folder / "locks")
    held = locks.take("shop/production/database/main", Holder("ana@jump", "drain", rig.clock.now(), "other"))
    assert isinstance(held, TargetLock)
    planned = await armed(rig)
    assert planned.refusals[0].step == "lock" and "ana@jump" in planned.refusals[0].reason
    record = await rig.executor.execute(planned, YES)
    assert record.outcome is Outcome.REFUSED
    await rig.executor.break_lock(planned, "ana is gone")
    assert not held.still_held()
    assert (await finished(rig, await rig.executor.plan(ON))).outcome is Outcome.SUCCEEDED
    held.release()
    assert "lock broken" in rig.events()


async def test_an_intent_without_outcome_is_shown_until_somebody_looked(rig: Rig) -> None:
    rig.switch.hang = asyncio.Event()
    started = asyncio.Event()
    rig.switch.before_run = lambda control: started.set()
    task = asyncio.create_task(rig.executor.execute(await armed(rig), YES))
    await started.wait()
    assert await rig.executor.unresolved() == (), "its process is alive and busy with it"
    lines = rig.audit.path.read_bytes().splitlines(keepends=True)
    rig.switch.hang.set()
    await task
    await rig.executor.close()
    rig.audit.path.write_bytes(b"".join(lines))  # as if the process had died there
    (open_,) = await rig.executor.unresolved()
    assert open_.title == "Set switch" and open_.operation == ("SET on",)
    await rig.executor.resolve(open_.run, "looked: it is off")
    assert await rig.executor.unresolved() == ()


async def test_undo_is_offered_and_takes_the_same_steps(rig: Rig) -> None:
    await rig.executor.execute(await armed(rig), YES)
    offer = rig.executor.undo_offer
    assert offer is not None and offer.undo.request is not None
    planned = await rig.executor.plan(offer.undo.request)
    assert planned.plan.changes[0].after == "off"
    await finished(rig, planned)
    assert rig.switch.position == "off"
    await rig.clock.advance(1801)
    assert rig.executor.undo_offer is None


async def test_t4_waits_for_the_delay(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(tier=Tier.T4)
    planned = await armed(rig)
    task = asyncio.create_task(rig.executor.execute(planned, Confirmation("production/main", "restore")))
    waiting = asyncio.Event()
    rig.executor.subscribe(
        lambda: waiting.set() if any(run.phase.startswith("waiting") for run in rig.executor.running) else None
    )
    await waiting.wait()
    assert rig.switch.runs == 0
    assert rig.executor.running[0].note == f"they run: cockpit approve PROFILE {planned.plan.digest}"
    for _ in range(40):
        await settle(rig)
        await rig.clock.advance(1)
    record = await task
    await rig.executor.close()
    assert record.outcome is Outcome.SUCCEEDED


async def settle(rig: Rig) -> None:
    """Let threads (audit, approvals) come back."""
    for _ in range(5):
        await asyncio.to_thread(lambda: None)
        await asyncio.sleep(0)


@pytest.mark.skipif(os.getuid() != 0, reason="giving a file to another account needs root")
async def test_t4_runs_at_once_when_a_second_person_approved_this_very_plan(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(tier=Tier.T4)
    planned = await armed(rig)
    folder = rig.folder / "approvals"
    folder.mkdir()
    approval = folder / f"{planned.plan.digest}.1"
    approval.touch()
    moment = rig.clock.now().timestamp() - 1
    os.utime(approval, (moment, moment))
    assert rig.executor._at.approvals.approver(planned.plan.digest, rig.clock.now()) == "", "one's own does not count"
    os.chown(approval, 1, 1)
    record = await finished(rig, planned, Confirmation("production/main", "restore"))
    assert record.outcome is Outcome.SUCCEEDED
    intent = next(entry for entry in rig.audit.entries() if entry.event == "intent")
    assert intent.facts["approver"]
    late = rig.clock.now() + timedelta(hours=1)
    assert rig.executor._at.approvals.approver(planned.plan.digest, late) == ""


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(Severity.OK, Verdict.RECOVERED), (Severity.CRIT, Verdict.NO_CHANGE), (None, Verdict.UNKNOWN)],
)
async def test_the_effect_watch_ends_with_a_verdict(
    rig: Rig, bad: Callable[[float], Symptom], after: Severity | None, verdict: Verdict
) -> None:
    rig.symptoms["logs/api"] = bad(rig.clock.now().timestamp())
    await rig.executor.execute(await armed(rig), YES)
    for _ in range(70):
        await settle(rig)
        await rig.clock.advance(1)
        if after is not None:
            now = rig.clock.now().timestamp()
            rig.symptoms["logs/api"] = replace(bad(now), severity=after)
    await rig.executor.close()
    assert rig.executor.effect[1].verdict is verdict
    assert rig.executor.records[-1].verdict is verdict
    assert rig.events()[-1] == "verdict"


async def test_wrong_parameters_are_all_named_at_once(rig: Rig) -> None:
    with pytest.raises(Refused) as caught:
        await rig.executor.plan(ActionRequest("switch.set", "database/main", {"count": "many", "colour": "red"}))
    for part in ("no parameter colour", "to is needed", "count must be a number"):
        assert part in str(caught.value)


async def test_what_is_not_in_the_catalogue_is_refused(rig: Rig) -> None:
    with pytest.raises(Refused, match="no action"):
        await rig.executor.plan(ActionRequest("switch.break", "database/main"))
    rig.switch.reason_unavailable = "a replica"
    with pytest.raises(Refused, match="a replica"):
        await rig.executor.plan(ON)


async def test_a_plan_that_cannot_be_made_tells_why(rig: Rig) -> None:
    rig.switch.plan_error = Unreachable("no route")
    with pytest.raises(CockpitError, match="no route"):
        await rig.executor.plan(ON)

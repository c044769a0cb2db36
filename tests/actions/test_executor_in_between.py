"""What comes between two steps of an action: a stop, an end of the cockpit, a defect, somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cockpit.actions.effect import Symptom
from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.audit.locks import Holder, Locks, TargetLock
from cockpit.audit.log import AuditLog
from cockpit.errors import Misconfigured, Refused
from cockpit.model.action import ActionRequest, Outcome, Tier, Verdict
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE

YES = Confirmation("y")
TYPED = Confirmation("production/main", "restore")
ON = ActionRequest("switch.set", "database/main", {"to": "on"})
LOCK = "shop/production/database/main"
Rig = Any  # the fixture's class lives in conftest.py, which tests do not import


async def armed(rig: Rig) -> Planned:
    await rig.executor.arm("incident 7")
    planned: Planned = await rig.executor.plan(ON)
    return planned


async def finished(rig: Rig, planned: Planned, confirmation: Confirmation = YES) -> Record:
    record: Record = await rig.executor.execute(planned, confirmation)
    await rig.executor.close()
    return record


def at_phase(rig: Rig, start: str, call: Callable[[str], object]) -> None:
    """Call with the run's id when it enters a phase."""
    met: set[str] = set()

    def look() -> None:
        for running in rig.executor.running:
            if running.phase.startswith(start) and running.run not in met:
                met.add(running.run)
                call(running.run)

    rig.executor.subscribe(look)


async def seconds(rig: Rig, number: int) -> None:
    """Let time pass, and threads (audit, approvals) come back."""
    for _ in range(number):
        for _ in range(5):
            await asyncio.to_thread(lambda: None)
            await asyncio.sleep(0)
        await rig.clock.advance(1)


def outcomes(rig: Rig) -> list[str]:
    return [entry.facts["outcome"] for entry in rig.audit.entries() if entry.event == "outcome"]


@pytest.mark.parametrize("phase", ["waiting 1 s", "recording", "checking"])
async def test_a_stop_counts_until_the_last_moment_before_it_is_sent(
    make_rig: Callable[..., Rig], phase: str
) -> None:
    rig = make_rig(tier=Tier.T4)
    planned = await armed(rig)
    at_phase(rig, phase, rig.executor.abort)
    task = asyncio.create_task(rig.executor.execute(planned, TYPED))
    await seconds(rig, 40)
    record = await task
    assert record.outcome is Outcome.REFUSED and "stopped" in record.summary
    assert record.replanned is None, "who stopped it is not asked again"
    assert rig.switch.runs == 0
    assert await rig.executor.unresolved() == ()
    await rig.executor.close()


async def test_closing_while_it_waits_for_a_second_person_sends_nothing_and_lets_go(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.actions.executor.CLOSING_S", 0.01)
    rig = make_rig(tier=Tier.T4)
    planned = await armed(rig)
    waiting = asyncio.Event()
    at_phase(rig, "waiting", lambda run: waiting.set())
    task = asyncio.create_task(rig.executor.execute(planned, TYPED))
    await waiting.wait()
    await rig.executor.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.switch.runs == 0 and rig.executor.running == ()
    assert Locks(rig.folder / "locks").holder(LOCK) is None


async def test_closing_while_it_is_checked_again_leaves_no_open_intent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.actions.executor.CLOSING_S", 0.01)
    planned = await armed(rig)
    checking = asyncio.Event()

    async def hang(request: ActionRequest) -> None:
        checking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(rig.switch, "plan", hang)
    task = asyncio.create_task(rig.executor.execute(planned, YES))
    await checking.wait()
    await rig.executor.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(rig) == ["refused"]
    assert await rig.executor.unresolved() == (), "nothing was sent: there is nothing to look after"


async def test_the_plan_made_again_is_not_held_by_oneself(rig: Rig) -> None:
    planned = await armed(rig)
    rig.switch.identity = "v2"
    record = await finished(rig, planned)
    assert record.replanned is not None and record.replanned.refusals == ()


async def test_a_defect_while_checking_again_is_a_record_with_its_outcome(rig: Rig) -> None:
    planned = await armed(rig)
    rig.switch.plan_error = ZeroDivisionError("a defect")
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and rig.switch.runs == 0
    assert outcomes(rig) == ["refused"]


async def test_a_defect_while_verifying_does_not_hide_what_was_done(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(plan: object, result: object) -> None:
        raise ZeroDivisionError("a defect")

    planned = await armed(rig)
    monkeypatch.setattr(rig.switch, "verify", fail)
    record = await finished(rig, planned)
    assert record.outcome is Outcome.SUCCEEDED
    assert record.verification is not None and record.verification.holds is None
    assert rig.executor.records == (record,)


async def test_a_lock_that_cannot_be_taken_is_a_refusal_in_the_record(rig: Rig) -> None:
    planned = await armed(rig)
    (rig.folder / "locks").touch()  # a file where the folder belongs
    record = await finished(rig, planned)
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "lock"
    assert rig.switch.runs == 0 and rig.executor.running == ()


async def test_only_the_lock_that_was_shown_can_be_broken(rig: Rig) -> None:
    locks = Locks(rig.folder / "locks")
    ana = locks.take(LOCK, Holder("ana@jump", "drain", rig.clock.now(), "run1"))
    assert isinstance(ana, TargetLock)
    planned = await armed(rig)
    ana.release()
    ben = locks.take(LOCK, Holder("ben@jump", "flush", rig.clock.now(), "run2"))
    assert isinstance(ben, TargetLock)
    with pytest.raises(Refused, match="ben@jump"):
        await rig.executor.break_lock(planned, "ana is gone")
    assert ben.still_held() and "lock broken" not in rig.events()
    ben.release()


async def test_an_action_that_ends_while_the_log_is_read_is_not_shown_as_left_open(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await armed(rig)
    rig.switch.hang = asyncio.Event()
    started = asyncio.Event()
    rig.switch.before_run = lambda control: started.set()
    task = asyncio.create_task(rig.executor.execute(planned, YES))
    await started.wait()
    loop, real = asyncio.get_running_loop(), AuditLog.entries
    reads = 0

    def entries(self: AuditLog) -> object:
        nonlocal reads
        reads += 1
        found = list(real(self))
        if reads == 1:  # in a thread: the action ends after this look and before the next
            loop.call_soon_threadsafe(rig.switch.hang.set)
            asyncio.run_coroutine_threadsafe(asyncio.wait({task}), loop).result(10)
        return iter(found)

    monkeypatch.setattr(AuditLog, "entries", entries)
    assert await rig.executor.unresolved() == ()
    assert (await task).outcome is Outcome.SUCCEEDED
    await rig.executor.close()


async def test_an_undo_ends_with_the_next_action_on_its_source(rig: Rig) -> None:
    await rig.executor.execute(await armed(rig), YES)
    assert rig.executor.undo_offer is not None
    rig.switch.undoable = False
    await finished(rig, await rig.executor.plan(ActionRequest(ON.action, ON.source, {"to": "half"})))
    assert rig.executor.undo_offer is None, "it would take back more than the operator sees"


async def test_an_outcome_never_overtakes_its_intent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = AuditLog.append

    def append(self: AuditLog, entry: Any, now: Any) -> object:
        order.append(f"{entry.event} begins")
        written = real(self, entry, now)
        order.append(f"{entry.event} ends")
        return written

    monkeypatch.setattr(AuditLog, "append", append)
    first, second = (asyncio.create_task(rig.executor.resolve("run", note)) for note in ("a", "b"))
    await asyncio.gather(first, second)
    assert order == ["checked begins", "checked ends"] * 2


@pytest.mark.parametrize(
    ("severity", "verdict"), [(Severity.CRIT, Verdict.WORSE), (Severity.UNKNOWN, Verdict.UNKNOWN)]
)
async def test_nothing_has_recovered_while_what_was_fine_before_has_failed(
    rig: Rig, bad: Callable[[float], Symptom], severity: Severity, verdict: Verdict
) -> None:
    now = rig.clock.now().timestamp()
    rig.symptoms["logs/api"] = bad(now)
    rig.symptoms["health/shop"] = Symptom("health/shop", "200 in 41 ms", Severity.OK, now)
    await rig.executor.execute(await armed(rig), YES)
    for _ in range(70):
        await seconds(rig, 1)
        now = rig.clock.now().timestamp()
        rig.symptoms["logs/api"] = replace(bad(now), severity=Severity.OK)
        rig.symptoms["health/shop"] = Symptom("health/shop", "no answer", severity, now)
    await rig.executor.close()
    effect = rig.executor.effect[1]
    assert effect.verdict is verdict
    assert [score.name for score in effect.scores] == ["logs/api", "health/shop"]


async def test_an_intent_that_cannot_be_recorded_is_no_open_intent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = await armed(rig)

    def full(self: AuditLog, entry: Any, now: Any) -> None:
        raise Misconfigured("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "append", full)
        record = await rig.executor.execute(planned, YES)
    assert record.outcome is Outcome.REFUSED and not record.audited and rig.switch.runs == 0
    assert await rig.executor.unresolved() == ()
    await rig.executor.close()


async def test_a_reason_with_control_characters_is_cleaned_before_it_is_kept_or_shown(rig: Rig) -> None:
    evil = "incident 7\x1b]52;c;aGFjaw==\x07\u202e"
    await rig.executor.arm(evil)
    assert not UNSAFE.search(rig.executor.mode.reason)
    await finished(rig, await rig.executor.plan(ON), Confirmation("y", evil))
    reasons = [entry.facts["reason"] for entry in rig.audit.entries() if "reason" in entry.facts]
    assert len(reasons) == 2 and not any(UNSAFE.search(reason) for reason in reasons)


async def test_a_cure_is_not_credited_to_the_action_before_it(rig: Rig, bad: Callable[[float], Symptom]) -> None:
    rig.symptoms["logs/api"] = bad(rig.clock.now().timestamp())
    await rig.executor.execute(await armed(rig), YES)
    await seconds(rig, 3)
    half = ActionRequest(ON.action, ON.source, {"to": "half"})
    await rig.executor.execute(await rig.executor.plan(half), YES)
    for _ in range(20):
        await seconds(rig, 1)
        rig.symptoms["logs/api"] = replace(bad(rig.clock.now().timestamp()), severity=Severity.OK)
    await rig.executor.close()
    assert [record.verdict for record in rig.executor.records] == [Verdict.UNKNOWN, Verdict.RECOVERED]

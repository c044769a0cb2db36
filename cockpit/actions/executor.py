"""The one place that changes anything: every step of the guard runs here, in order, for keys and commands alike."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cockpit.actions import guards
from cockpit.actions.aftermath import Aftermath, find_unresolved, verdict_facts, way_back
from cockpit.actions.catalogue import Catalogue
from cockpit.actions.effect import EffectWatch
from cockpit.actions.handler import ActionHandler, Lend, RunControl
from cockpit.actions.mode import REASON_LIMIT, Mode, ModeSwitch
from cockpit.actions.params import completed
from cockpit.actions.record import Planned, Record, Running, UndoOffer, Unresolved, intent_facts
from cockpit.actions.station import Station
from cockpit.actions.trail import Trail
from cockpit.actions.underway import Underway
from cockpit.audit.locks import Holder, TargetLock
from cockpit.errors import CockpitError, Conflict, Misconfigured, Refused, TimedOut
from cockpit.model.action import (
    ActionRequest,
    Effect,
    Outcome,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Verification,
)
from cockpit.model.severity import Freshness
from cockpit.text import clean

PLAN_DEADLINE_S = 20.0
VERIFY_DEADLINE_S = 20.0
GRACE_S = 1.0  # a handler ends at its own deadline; this is for one that does not
CLOSING_S = 2.0  # how long closing waits for an action under way

T = TypeVar("T")


class Executor:
    """Plans, guards, runs, records, verifies, watches and undoes. One for each engine, on one event loop."""

    def __init__(self, catalogue: Catalogue, station: Station) -> None:
        self.catalogue = catalogue
        self._at = station
        self.lend: Lend | None = None  # set by whoever has a terminal
        self._clock = station.clock
        self._switch = ModeSwitch(station.arming, station.read_only, station.clock)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watches: set[asyncio.Task[Any]] = set()
        self._underway = Underway(station.clock)
        self._trail = Trail(station.audit, station.scene, station.clock)
        self._aftermath = Aftermath(station.limits.watch, station.symptoms, station.clock)

    # -- mode

    @property
    def mode(self) -> Mode:
        """OBSERVE or ARMED, now."""
        return self._switch.now

    @property
    def default_arming_s(self) -> float:
        """What the profile sets."""
        return self._switch.default_duration_s

    async def arm(self, reason: str, duration_s: float | None = None) -> None:
        """Allow actions for a while. Raises Refused; Misconfigured when it cannot be recorded."""
        duration = self._switch.default_duration_s if duration_s is None else duration_s
        self._switch.arm(reason, duration)
        try:
            await self._trail.write("armed", "", {"reason": self._switch.now.reason, "duration_s": duration})
        except Misconfigured:
            self._switch.disarm()
            raise
        self._underway.tell()

    async def disarm(self) -> None:
        """Back to OBSERVE at once; recorded after, so that nothing delays it."""
        was = self._switch.now.armed
        self._switch.disarm()
        self._underway.tell()
        if was:
            await self._trail.write("disarmed", "", {})

    def touch(self) -> None:
        """Somebody pressed a key."""
        self._switch.touch()

    # -- plan

    async def plan(self, request: ActionRequest) -> Planned:
        """What the action would do now, with all that speaks against it. Changes nothing.

        Raises Refused for an action or parameter that does not exist, and what the handler raises.
        """
        handler = self.catalogue.handler(request.action, request.source)
        if reason := handler.unavailable():
            raise Refused("catalogue", f"{request.action} is not available on {request.source}: {reason}")
        return await self._planned(handler, completed(handler.spec, request))

    async def _planned(self, handler: ActionHandler, request: ActionRequest, own_run: str = "") -> Planned:
        try:
            async with asyncio.timeout(PLAN_DEADLINE_S):
                plan = await handler.plan(request)
        except TimeoutError:
            raise TimedOut(f"no plan for {request.action} in {PLAN_DEADLINE_S:.0f} s") from None
        needed = guards.requirement(plan, self._at.scene.environment, self._at.limits.t4_delay)
        holder = await asyncio.to_thread(self._at.locks.holder, self._lock_name(plan))
        if holder is not None and holder.run == own_run:
            holder = None
        situation = self._situation(plan, 0.0, holder)
        found = guards.refusals(plan, situation)
        return Planned(
            plan,
            needed,
            tuple(refusal for refusal in found if refusal.step != "mode" or self._at.read_only),
            not situation.armed and plan.tier > Tier.T0,
            self._clock.monotonic(),
            holder,
        )

    def _situation(self, plan: Plan, age_s: float, holder: Holder | None) -> guards.Situation:
        state = self._at.source_state(plan.request.source)
        mode = self._switch.now
        return guards.Situation(
            armed=mode.armed,
            read_only=mode.read_only,
            freshness=Freshness.WAITING if state is None else state.freshness,
            stale_because=guards.stale_because(plan.request.source, state),
            plan_age_s=age_s,
            locked_by="" if holder is None else f"{holder.who} since {holder.since:%H:%M:%S} ({holder.reason})",
        )

    # -- run

    async def execute(self, planned: Planned, confirmation: guards.Confirmation) -> Record:
        """All remaining steps. Never raises for what the operator should know: the record says it.

        The action is the executor's own task: it goes on when the caller goes away.
        """
        return await asyncio.shield(self._own(self._execute(planned, confirmation), self._tasks))

    def abort(self, run: str) -> None:
        """Ask an action under way to stop at its next step."""
        self._underway.stop(run)

    async def break_lock(self, planned: Planned, reason: str) -> None:
        """Take the target from the one whom the plan named; audited first. Raises Refused when it is another now."""
        name, seen = self._lock_name(planned.plan), planned.holder
        holder = await asyncio.to_thread(self._at.locks.holder, name)
        if holder is None or seen is None:
            return
        if holder.run != seen.run:
            now = f"{seen.who} has let go, but now {holder.who} holds the target ({holder.reason})"
            raise Refused("lock", now, hint="Plan again, and talk to them")
        await self._trail.write(
            "lock broken", holder.run, {"target": name, "held_by": holder.who, "reason": clean(reason, REASON_LIMIT)}
        )
        await asyncio.to_thread(self._at.locks.break_, name, holder.run)

    async def _execute(self, planned: Planned, confirmation: guards.Confirmation) -> Record:
        run, plan = uuid.uuid4().hex[:12], planned.plan
        draft = Record(run, plan, Outcome.REFUSED, "", self._clock.now(), self._clock.now())
        confirmation = replace(confirmation, reason=clean(confirmation.reason, REASON_LIMIT))
        found = guards.refusals(plan, self._situation(plan, self._clock.monotonic() - planned.at, None))
        found += guards.confirmation_refusals(planned.requirement, confirmation, self._switch.now.remaining_s)
        if found:
            return await self._refuse(draft, found)
        holder = Holder(self._at.who, confirmation.reason or self._switch.now.reason, self._clock.now(), run)
        self._underway.phase(run, plan, "taking the target")
        lock: TargetLock | Holder | None = None
        try:
            lock = await asyncio.to_thread(self._at.locks.take, self._lock_name(plan), holder)
            if isinstance(lock, TargetLock):
                return await self._locked(draft, planned, confirmation, lock)
            held = Refusal("lock", f"the target is held by {lock.who} ({lock.reason})")
        except Misconfigured as error:
            held = Refusal("lock", error.message, error.hint)
        finally:
            if isinstance(lock, TargetLock):
                lock.release()
            self._underway.end(run)
        return await self._refuse(draft, (held,))

    async def _locked(
        self, draft: Record, planned: Planned, confirmation: guards.Confirmation, lock: TargetLock
    ) -> Record:
        plan = planned.plan
        approver, refusal = await self._approved(draft.run, plan, planned.requirement)
        if refusal is not None:
            return await self._refuse(draft, (refusal,))
        reason = confirmation.reason or self._switch.now.reason
        try:
            ready = await self._ready(draft, intent_facts(plan, reason, approver), lock)
        except asyncio.CancelledError:
            await self._refuse(draft, (Refusal("mode", "the cockpit ended before anything was sent"),), intended=True)
            raise
        if ready.refusals:
            return ready
        before = dict(self._at.symptoms())
        self._underway.phase(draft.run, plan, "running", can_abort=True)
        record = await self._run(ready)
        if record.undo is not None and plan.tier > Tier.T0:
            self._underway.phase(draft.run, plan, "verifying")
            record = replace(record, verification=await self._verify(record))
            self._aftermath.offer_undo(record)
            if watch := self._aftermath.watch(record, before):
                self._own(self._watched(draft.run, watch), self._watches)
        return self._keep(record)

    async def _ready(self, draft: Record, facts: Mapping[str, Any], lock: TargetLock) -> Record:
        """The intent on disk and everything looked at once more; with refusals where it must not run."""
        run, plan = draft.run, draft.plan
        self._underway.phase(run, plan, "recording the intent")
        try:
            await self._trail.write("intent", run, facts)
        except Misconfigured as error:
            if plan.tier > Tier.T1:
                unwritten = Refusal("audit", error.message, error.hint)
                return self._keep(replace(draft, refusals=(unwritten,), summary=error.message, audited=False))
            draft = replace(draft, audited=False)
        self._underway.phase(run, plan, "checking again")
        refusals, replanned = await self._changed(run, plan, lock)
        if not refusals and self._underway.stopped(run):
            refusals, replanned = (Refusal("confirm", "stopped before anything was sent"),), None
        if refusals:
            return await self._refuse(replace(draft, replanned=replanned), refusals, intended=True)
        return draft

    async def _approved(self, run: str, plan: Plan, needed: guards.Requirement) -> tuple[str, Refusal | None]:
        """The second person, or the delay, where the tier asks for it."""
        if not needed.approval:
            return "", None
        until = self._clock.monotonic() + needed.delay_s
        while True:
            self._switch.touch()  # somebody who waits for the delay is there
            approver = await asyncio.to_thread(self._at.approvals.approver, plan.digest, self._clock.now())
            if self._underway.stopped(run):
                return "", Refusal("confirm", "stopped while waiting for the delay")
            remaining = until - self._clock.monotonic()
            if approver or remaining <= 0:
                return approver, None
            self._underway.waiting(run, plan, remaining)
            await self._clock.sleep(min(1.0, remaining))

    async def _changed(self, run: str, plan: Plan, lock: TargetLock) -> tuple[tuple[Refusal, ...], Planned | None]:
        """What changed since the operator agreed, and the plan as it would be now."""
        try:
            handler = self.catalogue.handler(plan.request.action, plan.request.source)
            again = await self._planned(handler, plan.request, run)
        except CockpitError as error:
            return (Refusal("re-validate", f"it can no longer be planned: {error.message}", error.hint),), None
        except Exception as error:
            defect = f"the cockpit failed when it planned again ({type(error).__name__}); nothing was sent"
            return (Refusal("re-validate", defect),), None
        if again.plan.digest != plan.digest:
            changed = Refusal("re-validate", "the target changed since the plan was shown", "Look at the new plan")
            return (changed, *again.plan.refusals), again
        if not lock.still_held():
            return (Refusal("lock", "somebody broke the lock on the target", "Talk to them first"),), None
        return guards.refusals(again.plan, self._situation(again.plan, 0.0, None)), again

    async def _watched(self, run: str, watch: EffectWatch) -> None:
        effect = await watch.run(self._underway.tell)
        self._aftermath.decide(run, effect)
        self._underway.tell()
        await self._trail.write("verdict", run, verdict_facts(effect))

    async def _run(self, draft: Record) -> Record:
        plan = draft.plan
        handler = self.catalogue.handler(plan.request.action, plan.request.source)

        def progress(done: int, total: int, note: str) -> None:
            self._underway.phase(draft.run, plan, "running", can_abort=True, done=done, total=total, note=note)

        began = self._trail.beginning(draft.run)
        control = RunControl(progress, lambda: self._underway.stopped(draft.run), began, self.lend)
        try:
            async with asyncio.timeout(plan.deadline_s + GRACE_S):
                result = await handler.run(plan, control)
        except TimeoutError:
            result = RunResult(Outcome.UNKNOWN, f"no answer in {plan.deadline_s:g} s: it may have happened; check", 0)
        except Conflict as error:
            result = RunResult(Outcome.UNKNOWN if error.effect_possible else Outcome.REFUSED, str(error), 0)
        except CockpitError as error:
            result = RunResult(Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED, str(error), 0)
        except asyncio.CancelledError:
            await self._finish(draft, RunResult(Outcome.UNKNOWN, "the cockpit ended while it ran: check", 0))
            raise
        except Exception as error:
            word = type(error).__name__
            result = RunResult(Outcome.UNKNOWN, f"the cockpit failed while it ran ({word}): it may have happened", 0)
        return await self._finish(draft, result)

    async def _finish(self, draft: Record, result: RunResult) -> Record:
        record = replace(
            draft,
            outcome=result.outcome,
            summary=result.summary,
            details=result.details,
            ended=self._clock.now(),
            undo=way_back(draft.plan, result),
        )
        return await self._trail.outcome(record)

    async def _refuse(self, draft: Record, found: tuple[Refusal, ...], *, intended: bool = False) -> Record:
        summary = "; ".join(f"{refusal.step}: {refusal.reason}" for refusal in found)
        record = replace(draft, refusals=found, summary=summary, ended=self._clock.now())
        return self._keep(await (self._trail.outcome(record) if intended else self._trail.refused(record)))

    async def _verify(self, record: Record) -> Verification:
        handler = self.catalogue.handler(record.plan.request.action, record.plan.request.source)
        result = RunResult(record.outcome, record.summary, details=record.details)
        try:
            async with asyncio.timeout(VERIFY_DEADLINE_S):
                found = await handler.verify(record.plan, result)
        except TimeoutError:
            found = Verification(None, f"could not be seen in {VERIFY_DEADLINE_S:.0f} s")
        except CockpitError as error:
            found = Verification(None, f"could not be seen: {error.message}")
        except Exception as error:
            found = Verification(None, f"could not be seen: the cockpit failed there ({type(error).__name__})")
        try:
            await self._trail.write("verified", record.run, {"holds": found.holds, "text": found.text})
        except Misconfigured:
            return replace(found, text=f"{found.text} (not recorded)")
        return found

    # -- afterwards

    @property
    def undo_offer(self) -> UndoOffer | None:
        """The way back from the last action, while it is valid. Its request is planned like any other."""
        return self._aftermath.undo_offer

    @property
    def effect(self) -> tuple[str, Effect] | None:
        """The run id and the latest look of the effect watch, until the next action."""
        return self._aftermath.effect

    @property
    def records(self) -> tuple[Record, ...]:
        """Attempts of this session, newest last."""
        return self._aftermath.records

    @property
    def running(self) -> tuple[Running, ...]:
        """Actions under way."""
        return self._underway.runs

    async def unresolved(self) -> tuple[Unresolved, ...]:
        """Intents of this system without an outcome, whose process is gone."""
        return await asyncio.to_thread(find_unresolved, self._at.audit, self._at.locks, self._at.scene)

    async def resolve(self, run: str, note: str) -> None:
        """The operator looked: the intent is not shown again."""
        await self._trail.write("checked", run, {"note": clean(note, REASON_LIMIT)})

    async def note(self, event: str, facts: Mapping[str, Any]) -> None:
        """One line of the guide's in the audit log. Raises Misconfigured when it cannot be written."""
        await self._trail.write(event, "", facts)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever mode, runs, effect or undo changed; returns the way out."""
        return self._underway.subscribe(callback)

    async def close(self) -> None:
        """Stop watching; give an action under way a moment, then record it as UNKNOWN."""
        for running in self.running:
            self._underway.stop(running.run)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSING_S)
        left = (*self._tasks, *self._watches)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._trail.close()

    # -- small change

    def _lock_name(self, plan: Plan) -> str:
        return f"{self._at.scene.system}/{self._at.scene.environment}/{plan.lock or plan.request.source}"

    def _keep(self, record: Record) -> Record:
        self._aftermath.keep(record)
        self._underway.tell()
        return record

    @staticmethod
    def _own(work: Coroutine[Any, Any, T], group: set[asyncio.Task[Any]]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        group.add(task)
        task.add_done_callback(group.discard)
        return task

"""From a key press to a record: form, plan, card, run, outcome, undo. Asks and tells; the executor does the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from textual.app import App
from textual.screen import Screen

from cockpit.actions.executor import Executor
from cockpit.actions.guards import Confirmation
from cockpit.actions.handler import Keeping, choices_for
from cockpit.actions.record import Planned, Record
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import ActionRequest, Choice, Outcome, Refusal
from cockpit.model.finding import Finding
from screens.dialogs import plan_text, rows
from screens.dialogs.arm import ArmDialog, Arms, LockDialog
from screens.dialogs.detail import Copy
from screens.dialogs.notice import Line, Notice
from screens.dialogs.outcome import outcome_lines, outcome_title
from screens.dialogs.params import ParamForm, about_of, asked
from screens.dialogs.plan_card import Agreed, Answer, Declined, Overtaken, PlanCard, Sheet
from screens.dialogs.progress import Progress, Waiting

_log = logging.getLogger(__name__)
FLASH_S = 0.15
QUICK_PLAN_S = 0.5  # a plan that took longer is not made again and again while its card is open

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Stage:
    """What the flow stands on."""

    executor: Executor
    system: str
    environment: str
    clock: Clock
    copy: Copy  # puts text on the clipboard, says in a sentence where it went


class ActionFlow:
    """One action at a time from the screen's side; everything awaited here runs in one worker of the app."""

    def __init__(self, app: App[Any], stage: Stage) -> None:
        self._app = app
        self._at = stage
        self._busy = False

    @property
    def busy(self) -> bool:
        """A form, card or run of this flow is open."""
        return self._busy

    # -- what keys call

    def start(self, action: str, source: str, selection: Mapping[str, str] | None = None) -> None:
        """Begin with an action on a source; `selection` is the row's identity, copied now: the row may move on."""
        self._begin(self._act(ActionRequest(action, source, dict(selection or {}))))

    def request(self, request: ActionRequest, why: str = "", ended: Callable[[], object] | None = None) -> None:
        """Begin with a request whose target is filled in: a finding's, an undo's, a runbook's.

        `ended` is called when this is over, whatever came of it.
        """
        self._begin(self._act(request, (why,) if why else ()), ended)

    def finding(self, finding: Finding) -> None:
        """Open the plan of what a finding suggests."""
        if finding.action is None:
            self._begin(self._tell("No action", [(f"{finding.text}: nothing in the catalogue would help here.", "")]))
        else:
            self.request(finding.action, f"suggested because {finding.text}")

    def undo(self) -> None:
        """Open the plan of the way back from the last action, while that is valid."""
        offer = self._at.executor.undo_offer
        if offer is None or offer.undo.request is None:
            self._begin(
                self._tell(
                    "Nothing to undo",
                    [("No action of the last 30 minutes has a way back, or its source was changed since.", "")],
                )
            )
        else:
            why = f"takes back: {offer.title} ({offer.undo.text})"
            self._begin(self._act(offer.undo.request, (why,), complete=True))

    def toggle_mode(self) -> None:
        """`!`: arm by dialog, disarm at once."""
        if self._at.executor.mode.armed:
            self._app.run_worker(self._guarded(self._disarm()), exit_on_error=False, group="mode")
        else:
            self._begin(self._arm())

    # -- the work

    def _begin(self, work: Awaitable[object], ended: Callable[[], object] | None = None) -> None:
        if self._busy:
            if asyncio.iscoroutine(work):
                work.close()
            if ended is not None:
                ended()
            self._app.notify("Another action is still open or under way.", severity="warning", markup=False)
            return
        self._busy = True
        self._app.run_worker(self._guarded(work, release=True, ended=ended), exit_on_error=False, group="flow")

    async def _guarded(
        self, work: Awaitable[object], *, release: bool = False, ended: Callable[[], object] | None = None
    ) -> None:
        """Errors become sentences."""
        try:
            await work
        except CockpitError as error:
            hint: list[Line] = [(error.hint, "")] if error.hint else []
            await self._tell(error.word.capitalize(), [(error.message, rows.BAD), *hint], grave=True)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _log.exception("the action flow failed")
            name = type(error).__name__
            text = f"The cockpit itself failed here ({name}). What had been recorded as intended is in the audit log."
            await self._tell(
                "Internal error", [(text, rows.BAD), ("Details are in the cockpit's log file.", "")], grave=True
            )
        finally:
            if release:
                self._busy = False
            if ended is not None:
                ended()

    async def _act(self, request: ActionRequest, notes: Sequence[str] = (), *, complete: bool = False) -> None:
        """Ask for what is missing, then plan. A `complete` request knows what it leaves out: the way back does."""
        handler = self._at.executor.catalogue.handler(request.action, request.source)
        if reason := handler.unavailable():
            raise Refused("catalogue", f"{handler.spec.title} is not available on {request.source}: {reason}")
        if missing := asked(handler.spec, request.params, optional=not complete):

            async def choices(param: str) -> Sequence[Choice]:
                return await choices_for(handler, param, request.params)

            where = f"{self._at.environment.upper()} {self._at.system}"
            keep = handler.keep if isinstance(handler, Keeping) else None
            about = about_of(handler.spec, request)
            values = await self._show(ParamForm(handler.spec, missing, about, where, choices, keep))
            if values is None:
                return
            request = ActionRequest(request.action, request.source, {**request.params, **values})
        await self._plan_and_ask(request, tuple(notes))

    async def _plan_and_ask(self, request: ActionRequest, notes: tuple[str, ...]) -> None:
        sheet: Sheet | None = None
        quick = False
        while True:
            if sheet is None:
                started = self._at.clock.monotonic()
                planned = await self._waiting("planning …", self._at.executor.plan(request))
                if planned is None:
                    return
                quick = self._at.clock.monotonic() - started < QUICK_PLAN_S
                sheet = self._sheet(planned, notes)
            recheck = self._recheck(sheet.planned) if quick else None
            answer = await self._show(PlanCard(sheet, self._at.clock, self._at.copy, recheck))
            if isinstance(answer, Agreed):
                record = await self._run(answer.sheet.planned, answer.confirmation)
                if record.replanned is None:
                    return
                found = plan_text.differences(answer.sheet.plan, record.replanned.plan)
                reasons = "; ".join(refusal.reason for refusal in record.refusals)
                notes = (f"nothing was done: {reasons}. This is the plan now", *found)
                sheet = self._sheet(record.replanned, notes)
            elif isinstance(answer, Overtaken):
                sheet = answer.sheet
            elif not await self._declined(answer, sheet):
                return
            else:
                request = _looked_at(request, sheet)
                sheet = None

    async def _declined(self, answer: Answer | None, sheet: Sheet) -> bool:
        """True to plan once more."""
        if answer is Declined.ARM:
            return await self._arm()
        if answer is Declined.BREAK_LOCK:
            return await self._break_lock(sheet)
        if answer is Declined.TIMED_OUT:
            self._app.notify("No answer in time: nothing was done.", title=sheet.plan.title, markup=False)
        return answer is Declined.PLAN_AGAIN

    def _sheet(self, planned: Planned, notes: tuple[str, ...]) -> Sheet:
        return Sheet(planned, self._at.system, self._at.environment, tuple(note for note in notes if note))

    def _recheck(self, first: Planned) -> Callable[[], Awaitable[Sheet]]:
        async def again() -> Sheet:
            try:
                planned = await self._at.executor.plan(first.plan.request)
            except CockpitError as error:
                gone = Refusal("plan", f"it can no longer be planned: {error.message}", error.hint)
                planned = replace(first, refusals=(gone,), at=self._at.clock.monotonic())
            return self._sheet(planned, ())

        return again

    async def _run(self, planned: Planned, confirmation: Confirmation) -> Record:
        executor = self._at.executor
        known = {running.run for running in executor.running}

        def look() -> Any:
            source = planned.plan.request.source
            return next((run for run in executor.running if run.source == source and run.run not in known), None)

        where = f"{self._at.environment.upper()} {self._at.system}"
        progress = Progress(planned.plan.title, where, look, executor.abort, self._at.clock)
        await self._app.push_screen(progress)
        try:
            record = await executor.execute(planned, confirmation)
        finally:
            progress.finish(None)
        if record.replanned is None:
            await self._report(record)
        return record

    async def _report(self, record: Record) -> None:
        if record.outcome is Outcome.SUCCEEDED and record.audited and _verified(record):
            # Briefly: the effect card says it too, and stays.
            self._app.notify(record.summary, title=outcome_title(record), markup=False, timeout=3)
        else:
            await self._tell(outcome_title(record), outcome_lines(record), grave=True)

    async def _arm(self) -> bool:
        """True once armed."""
        at = self._at
        if at.executor.mode.read_only:
            lines = [("This profile sets read_only = true: this cockpit only observes.", "")]
            await self._tell("Read-only", lines)
            return False
        dialog = ArmDialog(at.system, at.environment, at.executor.default_arming_s, at.clock)
        arms: Arms | None = await self._show(dialog)
        if arms is None:
            return False
        await at.executor.arm(arms.reason, arms.duration_s)
        return True

    async def _disarm(self) -> None:
        await self._at.executor.disarm()
        self._app.notify("Back to OBSERVE.", markup=False)

    async def _break_lock(self, sheet: Sheet) -> bool:
        arms = await self._show(LockDialog(self._at.system, self._at.environment, 60.0, self._at.clock))
        if arms is None:
            return False
        await self._at.executor.break_lock(sheet.planned, arms.reason)
        return True

    # -- screens

    async def _show(self, screen: Screen[ValueT]) -> ValueT | None:
        return await self._app.push_screen_wait(screen)

    async def _tell(self, title: str, lines: Sequence[Line], *, grave: bool = False) -> None:
        await self._show(Notice(title, lines, grave=grave))

    async def _waiting(self, text: str, work: Awaitable[ValueT]) -> ValueT | None:
        """The result of `work`, or None when the operator gave up waiting."""
        task = asyncio.ensure_future(work)
        screen = Waiting(text, self._at.clock, task.cancel)
        try:
            await asyncio.wait({task}, timeout=FLASH_S)  # a dialog for an instant would only flicker
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        await self._app.push_screen(screen)
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                return None
            raise
        finally:
            task.cancel()
            screen.finish(None)


def _looked_at(request: ActionRequest, sheet: Sheet) -> ActionRequest:
    """The request after its card was seen: what had changed since the row was drawn is known now."""
    known = {name for refusal in sheet.planned.refusals for name in refusal.outdated}
    return replace(request, params={name: value for name, value in request.params.items() if name not in known})


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _verified(record: Record) -> bool:
    return record.verification is None or record.verification.holds is True

"""Whose run is whose: what the executor does for a request of the guide becomes the state of its step.

So does what is seen afterwards: the verdict of the effect watch, and the run that takes the action back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.actions.executor import Executor
from cockpit.actions.record import Record
from cockpit.actions.script import RUN, SOURCE, RunScript
from cockpit.errors import CockpitError
from cockpit.model.action import ActionRequest, Outcome, Undo, Verdict
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session

_RUNS_KEPT = 100
_RECORDS_KEPT = 400  # more than the executor keeps: a record must not be taken in twice
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Link:
    session: Session
    step: str
    request: ActionRequest
    values: Mapping[str, str]
    run: str = ""  # "" until the executor began


@dataclass(slots=True)
class _Done:
    """A step whose run ended with an effect: what is heard of it from now on."""

    session: Session
    step: str
    state: StepState
    said: str
    undo: Undo | None  # the next turn: back, then forth again
    back: bool = False  # it was taken back
    judged: bool = False


@dataclass(slots=True)
class _Runs:
    links: list[_Link] = field(default_factory=list)
    requests: dict[str, ActionRequest] = field(default_factory=dict)  # by run, the latest hundred
    heard: dict[str, None] = field(default_factory=dict)  # runs whose record was taken in
    done: dict[str, _Done] = field(default_factory=dict)  # by run, oldest first


class Followed:
    """Listens to the executor on its event loop; writes into the sessions in the order in which things happened."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._runs = _Runs()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()  # what happened first is written first
        self._leave = executor.subscribe(self._heard)

    def follow(self, session: Session, step: str, request: ActionRequest, values: Mapping[str, str]) -> None:
        """The next run of this request is that step's. What was asked for before and never begun is no more."""
        runs = self._runs
        runs.links = [link for link in runs.links if link.run and (link.session, link.step) != (session, step)]
        runs.links.append(_Link(session, step, request, values))

    def withdraw(self, session: Session, step: str) -> None:
        """It was not begun, and is not to be."""
        links = self._runs.links
        self._runs.links = [link for link in links if link.run or (link.session, link.step) != (session, step)]

    def forget(self, session: Session) -> None:
        """The session is closed."""
        runs = self._runs
        runs.links = [link for link in runs.links if link.session is not session]
        runs.done = {run: done for run, done in runs.done.items() if done.session is not session}

    def output(self, run: str) -> tuple[str, ...]:
        """What a script has written so far; empty for any other run."""
        request = self._runs.requests.get(run)
        if request is None or request.action != RUN.id:
            return ()
        handler = self._executor.catalogue.handler(RUN.id, SOURCE)
        return handler.output(request) if isinstance(handler, RunScript) else ()

    def _heard(self) -> None:
        for running in self._executor.running:
            if running.request is None or running.run in self._runs.requests:
                continue
            self._remember(running.run, running.request)
            for link in self._runs.links:
                if not link.run and _same(link.request, running.request):
                    link.run = running.run
                    self._do(self._began(link))
                    break
        runs = self._runs
        for record in self._executor.records if runs.links or runs.done else ():
            if record.run not in runs.heard:
                runs.heard[record.run] = None
                self._take_back(record)
                if (mine := next((link for link in runs.links if link.run == record.run), None)) is not None:
                    self._settle(mine, record)
            self._judge(record)
        for kept in (runs.heard, runs.done):
            for old in list(kept)[:-_RECORDS_KEPT]:
                del kept[old]

    def _remember(self, run: str, request: ActionRequest) -> None:
        requests = self._runs.requests
        requests[run] = request
        for old in list(requests)[:-_RUNS_KEPT]:
            del requests[old]

    @staticmethod
    async def _began(link: _Link) -> None:
        await link.session.fill(link.values)
        await link.session.start(link.step, link.run)

    def _settle(self, link: _Link, record: Record) -> None:
        state, said = _result(record)
        self._do(link.session.finish(link.step, state, said, record.details, record.run))
        if record.outcome is Outcome.REFUSED:
            link.run = ""  # the operator may agree to the new plan
        else:
            self._runs.links.remove(link)
            if record.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN):
                self._runs.done[record.run] = _Done(link.session, link.step, state, said, record.undo)

    def _judge(self, record: Record) -> None:
        """The effect watch has seen enough."""
        done = self._runs.done.get(record.run)
        if done is None or done.judged or record.verdict is None:
            return
        done.judged = True
        done.said = f"{done.said}; verdict: {record.verdict.value}"
        if record.verdict is Verdict.WORSE:
            done.state, done.said = StepState.FAILED, f"it became worse: {done.said}"
        if not done.back:
            self._do(done.session.judge(done.step, record.run, done.state, done.said))

    def _take_back(self, record: Record) -> None:
        """The newest action whose way back this run was; and the way back of that, which does it again."""
        if record.outcome not in (Outcome.SUCCEEDED, Outcome.UNKNOWN):
            return
        asked = record.plan.request
        for run, done in reversed(self._runs.done.items()):
            if done.undo is None or done.undo.request is None or not _same(done.undo.request, asked):
                continue
            done.undo, done.back = record.undo, not done.back
            sure = "" if record.outcome is Outcome.SUCCEEDED else "perhaps "
            if done.back:
                state, said = StepState.FAILED, f"{sure}taken back: {record.summary}; before that: {done.said}"
            else:
                state, said = done.state, f"{sure}done again: {record.summary}; before that: {done.said}"
            self._do(done.session.judge(done.step, run, state, said))
            return

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._logged(work, self._turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _logged(work: Coroutine[Any, Any, None], turn: asyncio.Lock) -> None:
        try:
            async with turn:
                await work
        except CockpitError as error:
            # The executor's own record has it; the step only lacks it.
            _log.warning("a step's state could not be kept: %s", error)

    async def close(self) -> None:
        """Listen no more; what is being written is written to its end."""
        self._leave()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _same(asked: ActionRequest, planned: ActionRequest) -> bool:
    """A handler may add what it captured, and drop what it does not need; it never changes what was asked."""
    both = asked.params.keys() & planned.params.keys()
    return (asked.action, asked.source) == (planned.action, planned.source) and all(
        asked.params[name] == planned.params[name] for name in both
    )


def _result(record: Record) -> tuple[StepState, str]:
    seen = record.verification
    match record.outcome:
        case Outcome.SUCCEEDED if seen is not None and seen.holds is False:
            return StepState.FAILED, f"{record.summary}; but {seen.text}"
        case Outcome.SUCCEEDED:
            return StepState.DONE, record.summary
        case Outcome.REFUSED:
            return StepState.TODO, f"refused: {record.summary}"
        case Outcome.UNKNOWN:
            return StepState.FAILED, f"outcome unknown: {record.summary}"
        case _:
            return StepState.FAILED, record.summary

"""One playbook being worked through: states, notes and clocks. Every change is on disk before it is shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cockpit.clock import Clock
from cockpit.errors import Misconfigured, NotFound, Refused
from cockpit.model.runbook import Facts, Playbook, Step
from cockpit.runbooks.guide import nesting, timers
from cockpit.runbooks.guide.progress import Escalation, Happening, Note, Progress, StepState, Timer
from cockpit.runbooks.guide.store import SessionFile
from cockpit.text import clean

KEPT_LINES = 50
_TEXT_LIMIT = 500

Recording = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Event and facts to the audit log; raises Misconfigured when that cannot be."""


async def _unrecorded(event: str, facts: Mapping[str, object]) -> None:
    """For a session without an audit log."""


class Session:
    """Reads are quick; changes are coroutines that return when they are durable. One event loop.

    A change raises NotFound for a step that the playbook does not have, and Misconfigured when it could not be kept
    in the session's file or in the audit log: then it is in neither, and nothing changed. Only what came of a run
    stays in the session without the audit log, which has the run itself; Misconfigured says so.
    """

    def __init__(
        self,
        playbook: Playbook,
        facts: Facts,
        file: SessionFile,
        clock: Clock,
        who: str,
        record: Recording = _unrecorded,
        changed: Callable[[], None] = lambda: None,
        *,
        incident: bool = False,
    ) -> None:
        self.playbook = playbook
        self.facts = facts
        self.id = file.id
        self.who = who
        self.started = clock.now()
        self.incident = incident  # something was wrong when it was opened: somebody is to be told if that lasts
        self._file = file
        self._clock = clock
        self._record = record
        self._changed = changed
        self._order = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()
        self._progress: dict[str, Progress] = {}  # as said or done; `_standing` has what follows from it
        self._stands: tuple[Playbook, dict[str, Progress]] | None = None
        self._values: dict[str, str] = {}
        self._again: dict[str, list[datetime]] = {}
        self._told: dict[str, datetime] = {}
        self._notes: list[Note] = []
        self.unkept = ""  # why even its beginning is not on disk, "" when it is
        self._owed: Happening | None = None  # that beginning: written before anything else is
        self.resumed = bool(file.happened)
        for happening in file.happened:
            with contextlib.suppress(KeyError, ValueError):  # a line of another version says nothing here
                self._apply(happening)

    # -- what is

    @property
    def steps(self) -> tuple[Step, ...]:
        """Of the playbook, in the order of the file."""
        return self.playbook.steps

    def step(self, id_: str) -> Step:
        """By id. Raises NotFound."""
        for step in self.playbook.steps:
            if step.id == id_:
                return step
        raise NotFound(f"{self.playbook.title} has no step {clean(id_, 60)}", hint="The runbook may have changed")

    def progress(self, step: str) -> Progress:
        """Of one step; TODO where nothing happened yet. An item stands where the steps below it do."""
        return self._standing.get(step, Progress(step))

    @property
    def _standing(self) -> dict[str, Progress]:
        if self._stands is None or self._stands[0] is not self.playbook:
            self._stands = (self.playbook, nesting.standing(self.playbook.steps, self._progress))
        return self._stands[1]

    @property
    def counted(self) -> tuple[Step, ...]:
        """The steps that are something to do, without the items that only introduce others."""
        return nesting.counted(self.playbook.steps)

    @property
    def counts(self) -> dict[StepState, int]:
        """How many of the counted steps are in each state."""
        found = dict.fromkeys(StepState, 0)
        for step in self.counted:
            found[self.progress(step.id).state] += 1
        return found

    @property
    def next(self) -> Step | None:
        """From the one worked on last, the first that is to do, else the first of all; None when all are settled."""
        steps = self.counted
        touched = [(at, number) for number, step in enumerate(steps) if (at := self.progress(step.id).at) is not None]
        last = max(touched)[1] if touched else 0
        todo = (step for step in steps[last:] + steps if self.progress(step.id).state is StepState.TODO)
        return next(todo, None)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Oldest first."""
        return tuple(self._notes)

    @property
    def values(self) -> Mapping[str, str]:
        """What was filled in so far, by placeholder name: the default of the next ask."""
        return dict(self._values)

    def timers(self, step: str | None = None) -> tuple[Timer, ...]:
        """Clocks at this moment: of one step, of the playbook itself (""), or all."""
        found = timers.timers(self.playbook, self.facts, self._standing, self.started, self._again, self._clock.now())
        return tuple(timer for timer in found if step is None or timer.step == step)

    @property
    def escalations(self) -> tuple[Escalation, ...]:
        """Whom to tell after how long, soonest first.

        What the runbook says for all of it counts for an incident: not for routine work that is opened in peace.
        """
        incident = self.incident or timers.for_incidents(self.playbook, self.facts)
        now = self._clock.now()
        return timers.escalations(self.playbook, self.facts, self.started, self._told, now, incident=incident)

    # -- what is done

    async def start(self, step: str, run: str = "") -> None:
        """RUNNING: begun by hand, or by the executor's run. Its clocks count from here."""
        await self._set(step, StepState.RUNNING, "", (), run)

    async def tick(self, step: str, result: str = "") -> None:
        """DONE, by hand."""
        await self._set(step, StepState.DONE, result)

    async def skip(self, step: str, reason: str = "") -> None:
        """SKIPPED."""
        await self._set(step, StepState.SKIPPED, reason)

    async def fail(self, step: str, result: str = "") -> None:
        """FAILED, by hand: it was done and did not help, or could not be done."""
        await self._set(step, StepState.FAILED, result)

    async def reopen(self, step: str) -> None:
        """Back to TODO; what it was stays on disk."""
        await self._set(step, StepState.TODO, "")

    async def finish(
        self, step: str, state: StepState, result: str, lines: Sequence[str] = (), run: str = ""
    ) -> None:
        """What came of a look or a run."""
        await self._set(step, state, result, lines, run)

    async def judge(self, step: str, run: str, state: StepState, result: str) -> None:
        """What is known of a run since it ended: a verdict, or that it was taken back.

        Nothing where the step is no longer that run's: somebody ticked it, or did it again.
        """
        if self.progress(step).run == run:
            facts = {"step": step, "run": run, "state": state.value, "result": clean(result, _TEXT_LIMIT)}
            await self._happen("judged", facts)

    async def note(self, text: str, step: str = "") -> None:
        """Write something down."""
        if not (kept := clean(text.strip(), _TEXT_LIMIT)):
            raise Refused("parameters", "the note is empty")
        await self._happen("note", {"step": step and self.step(step).id, "text": kept})

    async def again(self, timer: str) -> None:
        """What is due every so often was done once more: the EVERY clock begins anew."""
        await self._happen("again", {"timer": timer})

    async def told(self, escalation: str) -> None:
        """They were told."""
        await self._happen("told", {"escalation": escalation})

    async def fill(self, values: Mapping[str, str]) -> None:
        """Remember what was filled in; never a secret."""
        new = {name: value for name, value in values.items() if self._values.get(name) != value}
        if new:
            await self._happen("values", {"values": new})

    async def close(self, *, ended: bool = False) -> None:
        """Let go of the file. `ended`: it is over and not offered again."""
        try:
            if ended:
                await self._happen("closed", {"counts": {state.value: n for state, n in self.counts.items()}})
            await asyncio.gather(*self._writes, return_exceptions=True)
        finally:
            await asyncio.to_thread(self._file.close)

    async def opened(self) -> None:
        """Write down that it began, or was gone on with. Once, by whoever made the session.

        Where that cannot be, `unkept` says why, and it can still be read: a full disk is no time to be without it.
        """
        event = "resumed" if self.resumed else "opened"
        facts: dict[str, object] = {
            "playbook": self.playbook.id,
            "title": self.playbook.title,
            "incident": self.incident,
        }
        try:
            await self._happen(event, facts)
        except Misconfigured as error:
            self._owed, self.unkept = Happening(event, self.started, self.who, facts), error.message

    # -- small change

    async def _set(self, step: str, state: StepState, result: str, lines: Sequence[str] = (), run: str = "") -> None:
        kept = [clean(line) for line in lines[-KEPT_LINES:]]
        facts = {"step": self.step(step).id, "state": state.value, "result": clean(result, _TEXT_LIMIT)}
        await self._happen("step", {**facts, "lines": kept, "run": run})

    async def _happen(self, event: str, facts: Mapping[str, object]) -> None:
        """On disk, in the audit log, then shown. What was begun is ended, also when the caller is gone."""
        work = asyncio.create_task(self._write(event, facts))
        self._writes.add(work)
        work.add_done_callback(self._writes.discard)
        await asyncio.shield(work)

    async def _write(self, event: str, facts: Mapping[str, object]) -> None:
        async with self._order:
            if self._owed is not None:
                await self._keep(self._owed)
                self._owed, self.unkept = None, ""
            unrecorded = await self._keep(Happening(event, self._clock.now(), self.who, facts))
        self._changed()
        if unrecorded is not None:
            said = f"what came of the run stands in the guide's session, not in the audit log: {unrecorded.message}"
            raise Misconfigured(said, hint=unrecorded.hint)

    async def _keep(self, happening: Happening) -> Misconfigured | None:
        """In the file, in the audit log, then applied. Returns why a run's end is in the file alone."""
        unrecorded: Misconfigured | None = None
        before = await asyncio.to_thread(self._file.append, happening)
        try:
            await self._audit(happening.event, happening.facts)
        except Misconfigured as error:
            unrecorded = error
        if unrecorded is not None and not happening.facts.get("run"):
            await asyncio.to_thread(self._file.take_back, before)
            raise Misconfigured(
                f"nothing was kept, neither in the guide's session nor in the audit log: {unrecorded.message}",
                hint=unrecorded.hint or "Free space or mend the permissions, then do it again",
            )
        self._apply(happening)
        return unrecorded

    async def _audit(self, event: str, facts: Mapping[str, object]) -> None:
        about = {"session": self.id, "playbook": self.playbook.title, "file": self.playbook.file}
        if step := next((each for each in self.steps if each.id == facts.get("step")), None):
            about |= {"line": str(step.line), "text": clean(step.text, 200)}
        await self._record(f"guide {event}", {**about, **facts})

    def _apply(self, happening: Happening) -> None:
        facts = happening.facts
        self._stands = None
        match happening.event:
            case "opened" | "resumed":
                self.started = happening.at if happening.event == "opened" else self.started
                self.incident = self.incident or facts.get("incident") is True
            case "step":
                self._apply_step(happening)
            case "judged":
                step, state = str(facts["step"]), StepState(facts["state"])
                if (now := self._progress.get(step, Progress(step))).run == str(facts["run"]):
                    self._progress[step] = replace(now, state=state, result=clean(str(facts["result"])))
            case "note":
                note = Note(clean(str(facts["text"])), happening.at, happening.who, str(facts["step"]))
                self._notes.append(note)
            case "again":
                self._again.setdefault(str(facts["timer"]), []).append(happening.at)
            case "told":
                self._told[str(facts["escalation"])] = happening.at
            case "values":
                given = facts["values"]
                self._values |= {str(k): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}

    def _apply_step(self, happening: Happening) -> None:
        facts, step = happening.facts, str(happening.facts["step"])
        state = StepState(facts["state"])
        lines = facts.get("lines")
        progress = Progress(
            step=step,
            state=state,
            at=happening.at,
            who=happening.who,
            result=clean(str(facts.get("result", ""))),
            lines=tuple(clean(str(line)) for line in lines) if isinstance(lines, list | tuple) else (),
            run=str(facts.get("run", "")),
            started=happening.at if state is StepState.RUNNING else self._progress.get(step, Progress(step)).started,
        )
        self._progress[step] = replace(progress, started=None) if state is StepState.TODO else progress

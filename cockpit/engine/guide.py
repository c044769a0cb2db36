"""The guide's desk: reads the profile's runbook beside everything else, keeps its trust, binds and records its steps.

Reading happens in a thread after the start. A change of a file is noticed within seconds, and takes the trust away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.actions import fill
from cockpit.actions.handler import choices_for
from cockpit.actions.script import Script, Shelf
from cockpit.engine.followed import Followed
from cockpit.engine.linked import named_headings
from cockpit.engine.offers import REVISION, Offers, params_of, placeholder_names, target_of
from cockpit.engine.people import people_of, with_people
from cockpit.engine.reading import Book, digest_on_disk, read_book, stamp_of
from cockpit.errors import CockpitError, Misconfigured, NotFound, RateLimited, Refused
from cockpit.model.action import ActionRequest, Choice, ParamKind
from cockpit.model.look import LookRequest, Sight
from cockpit.model.revisions import ServiceStatus
from cockpit.model.runbook import Facts, Fault, Runbook
from cockpit.model.severity import Severity
from cockpit.profile.schema import RunbookFiles
from cockpit.runbooks.guide.desk import Reading
from cockpit.runbooks.guide.match import Hit, Suggestion, search, suggest
from cockpit.runbooks.guide.offer import SCRIPT, SOURCE, Ask, Offered
from cockpit.runbooks.guide.people import People
from cockpit.runbooks.guide.progress import Past, StepState, not_answered
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.guide.store import SessionFile, Store, Unkept
from cockpit.runbooks.trust import Accepted, Changed, Trust, TrustState
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.engine.engine import Engine

LOOK_EVERY_S = 2.0  # at the files
_log = logging.getLogger(__name__)


class GuideDesk:
    """`cockpit.runbooks.guide.desk.Desk` on an engine."""

    def __init__(self, engine: Engine, runbook: RunbookFiles, shelf: Shelf, who: str) -> None:
        self._engine = engine
        self._files = runbook
        self._shelf = shelf
        self._who = who
        profile = engine.profile
        self._offers = Offers(
            runbook, engine.catalogue, engine.looks, engine.names, profile.read_only, profile.http_action
        )
        self._trusting = Trust(engine.state_dir)
        self._store = Store(
            engine.state_dir, engine.profile.system, engine.profile.environment, [str(path) for path in self._paths]
        )
        self._followed = Followed(engine.executor)
        self._book: Book | None = None
        self._past: tuple[Past, ...] = ()
        self._sessions: dict[str, Session] = {}
        self._opening = asyncio.Lock()
        self._subscribers: list[Callable[[], None]] = []
        self._suggested: tuple[object, tuple[Suggestion, ...]] | None = None
        self._found: tuple[object, tuple[Hit, ...]] | None = None
        self._facts = Facts()
        self.people = People()
        self.reading = Reading.READING
        self.problem = ""
        self.trust: TrustState | None = None

    @property
    def _paths(self) -> tuple[Path, ...]:
        return tuple(Path(file) for file in self._files.files)

    @property
    def runbook(self) -> Runbook | None:
        """None until it was read once."""
        return self._book.runbook if self._book is not None else None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What lint says of all of it."""
        return self._book.faults if self._book is not None else ()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the runbook, its trust or a session changed; returns the way out."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

    # -- reading

    async def run(self) -> None:
        """Read now, and again whenever a file changed. Ends when it is cancelled."""
        stamp: object = None
        while True:
            now = await asyncio.to_thread(stamp_of, self._paths)
            if now != stamp:
                stamp = now
                await self.read()
            await self._engine.clock.sleep(LOOK_EVERY_S)

    async def read(self) -> None:
        """Read, understand, lint, and see how far it is trusted. What goes wrong is kept in `problem`."""
        try:
            book = await asyncio.to_thread(read_book, self._paths, self._engine.profile.script)
            trust = await asyncio.to_thread(self._trusting.state, book.texts)
            self._past = await asyncio.to_thread(self._store.past, self._engine.clock)
        except CockpitError as error:
            self._shelf.clear(f"the runbook cannot be read: {error.message}")
            self.reading, self.problem, self.trust = Reading.FAILED, str(error), None
        except Exception as error:
            _log.exception("the runbook could not be understood")
            reason = f"the cockpit failed when it read the runbook ({type(error).__name__})"
            self._shelf.clear(reason)
            self.reading, self.problem, self.trust = Reading.FAILED, reason, None
        else:
            self._book, self.trust = book, trust
            self._facts = with_people(book.runbook.facts, self._engine.profile)
            self.people = people_of(self._engine.profile, book.runbook.facts)
            self.reading, self.problem, self._suggested = Reading.READY, "", None
            self._stock()
            for session in self._sessions.values():
                if (playbook := book.runbook.playbook(session.playbook.id)) is not None:
                    session.playbook, session.facts = playbook, self._facts
        self._tell()

    def _stock(self) -> None:
        if self._book is None or not isinstance(self.trust, Accepted):
            self._shelf.clear(self._untrusted())
            return
        digest = self.trust.digest

        async def unchanged() -> bool:
            return await asyncio.to_thread(digest_on_disk, self._paths) == digest

        scripts = (known.script for known in self._book.known.values() if known.script is not None)
        self._shelf.put(scripts, digest, unchanged)

    def _untrusted(self) -> str:
        if isinstance(self.trust, Accepted):
            return ""
        if self.trust is None:
            return self.problem or "the runbook has not been read yet"
        if isinstance(self.trust, Changed):
            return "the runbook changed since it was accepted"
        return "nobody has accepted this runbook yet"

    async def accept(self, digest: str) -> None:
        """Trust the runbook as it was shown. Refused when it is another by now; Misconfigured when not recorded."""
        if self._book is None or self.trust is None or self.trust.digest != digest:
            raise Refused("runbook", "the runbook is another by now", hint="Read it again, then accept it")
        texts, now = self._book.texts, self._engine.clock.now()
        if await asyncio.to_thread(digest_on_disk, self._paths) != digest:
            raise Refused("runbook", "a file of the runbook changed just now", hint="Read it again, then accept it")
        facts = {"digest": digest, "files": list(self._files.files), "before": type(self.trust).__name__.lower()}
        await self._engine.executor.note("runbook accepted", facts)
        accepted = await asyncio.to_thread(self._trusting.accept, texts, self._who, now)
        if self.trust is not None and self.trust.digest == digest:
            self.trust = accepted
            self._stock()
        self._tell()

    # -- finding

    def suggestions(self) -> tuple[Suggestion, ...]:
        """Playbooks that fit the findings of this moment, best first; empty without a match."""
        if self._book is None:
            return ()
        findings = self._engine.findings()
        named = named_headings(self._engine.profile, findings, self._engine.hub.states())
        key = (self._book.runbook.digest, tuple((finding.rule, finding.text) for finding in findings), named)
        if self._suggested is None or self._suggested[0] != key:
            self._suggested = (key, suggest(self._book.runbook, findings, named=named))
        return self._suggested[1]

    def search(self, text: str) -> tuple[Hit, ...]:
        """Best first, ties in the order of the files. Everything for an empty text."""
        if self._book is None:
            return ()
        key = (self._book.runbook.digest, text)
        if self._found is None or self._found[0] != key:  # it is drawn again every second
            self._found = (key, search(self._book.lines, text))
        return self._found[1]

    # -- sessions

    def past(self, playbook: str = "") -> tuple[Past, ...]:
        """Sessions that can be gone on with, newest first; of one playbook or of all."""
        return tuple(past for past in self._past if playbook in ("", past.playbook) and past.id not in self._sessions)

    async def open(self, playbook: str, resume: str = "") -> Session:
        """Begin a session, or go on with one; while it is open, the same object."""
        async with self._opening:
            for session in self._sessions.values():
                if session.id == resume or (not resume and session.playbook.id == playbook):
                    return session
            found = self.runbook.playbook(playbook) if self.runbook is not None else None
            if found is None or self.runbook is None:
                shown = clean(playbook, 80)
                raise NotFound(f"the runbook has no playbook {shown}", hint="It may have changed: look again")
            file = await self._file(resume)
            note, clock = self._engine.executor.note, self._engine.clock
            wrong = any(finding.severity is Severity.CRIT for finding in self._engine.findings())
            wrong = wrong or any(each.playbook.id == found.id for each in self.suggestions())
            session = Session(found, self._facts, file, clock, self._who, note, self._tell, incident=wrong)
            try:
                await session.opened()
                if not session.unkept:
                    await self._orphaned(session)
            except BaseException:
                await session.close()
                raise
            self._sessions[session.id] = session
        self._tell()
        return session

    async def _file(self, resume: str) -> SessionFile:
        if resume:
            return await asyncio.to_thread(self._store.resume, resume)
        try:
            return await asyncio.to_thread(self._store.begin)
        except Misconfigured as error:  # it can still be read
            return Unkept(error)

    async def _orphaned(self, session: Session) -> None:
        """Runs that a former cockpit left: nobody will tell any more how they ended."""
        alive = {running.run for running in self._engine.executor.running}
        for step in session.steps:
            progress = session.progress(step.id)
            if progress.state is StepState.RUNNING and step.command is not None and progress.run not in alive:
                said = "the cockpit ended while it ran: look what came of it"
                await session.finish(step.id, StepState.FAILED, said, progress.lines, progress.run)

    async def leave(self, session: Session, *, ended: bool = False) -> None:
        """Close a session. Runs under way go on, and their end is in the audit log only."""
        self._sessions.pop(session.id, None)
        self._followed.forget(session)
        try:
            await session.close(ended=ended)
        finally:
            self._past = await asyncio.to_thread(self._store.past, self._engine.clock)
            self._tell()

    # -- steps

    def offered(self, session: Session, step: str) -> Offered | None:
        """What the cockpit has for the step's command; None for prose."""
        command = session.step(step).command
        if command is None or self._book is None:
            return None
        known = self._book.known.get((command.file, command.line, command.text))
        return None if known is None else self._offers.offered(step, known, self._untrusted(), session.values)

    async def choices(self, offered: Offered, ask: Ask, values: Mapping[str, str]) -> Sequence[Choice]:
        """Values for an ask, from live data. `values` holds what was already given, the source among it."""
        if ask.choices:
            return ask.choices
        if offered.action is not None and offered.action.action == SCRIPT:
            return self._revisions() if REVISION.search(ask.label) else ()
        source = values.get(SOURCE, "")
        if offered.look is not None:
            return await self._engine.looks.looker(offered.look.look, offered.look.source or source).choices(ask.name)
        if (wanted := offered.action) is None or not (place := wanted.source or source):
            return ()
        handler = self._engine.catalogue.handler(wanted.action, place)
        return await choices_for(handler, ask.name, {**wanted.params, **values})

    def _revisions(self) -> tuple[Choice, ...]:
        """Of every service of this profile, newest first as they were read."""
        payloads = [state.reading.payload for state in self._engine.hub.states() if state.reading is not None]
        return tuple(
            Choice(revision.name, revision.name)
            for payload in payloads
            if isinstance(payload, ServiceStatus)
            for revision in payload.revisions
        )

    def problems(self, offered: Offered, values: Mapping[str, str]) -> dict[str, str]:
        """Ask name -> why its value does not fit; empty when all do."""
        script = self._script(offered)
        marks = {fill.key_of(each): each for each in offered.understanding.command.placeholders}
        found: dict[str, str] = {}
        for ask in offered.asks:
            value = values.get(ask.name, "")
            if script is not None and ask.name in marks:
                reason = fill.problem(marks[ask.name], value, script.text, script.argv)
            elif not value:
                reason = f"{ask.label} is needed" if ask.required else ""
            elif ask.kind is ParamKind.CHOICE and ask.choices and value not in [each.value for each in ask.choices]:
                reason = f"{ask.label} must be one of the choices"
            else:
                reason = ""
            if reason:
                found[ask.name] = reason
        return found

    def _script(self, offered: Offered) -> Script | None:
        if self._book is None or offered.action is None or offered.action.action != SCRIPT:
            return None
        command = offered.understanding.command
        known = self._book.known.get((command.file, command.line, command.text))
        return known.script if known is not None else None

    async def look(self, session: Session, step: str, values: Mapping[str, str]) -> Sight:
        """Ask the step's question; the answer is its result and goes to the record."""
        offered = self._ready(session, step, values)
        if offered.look is None:
            raise Refused("guide", "this step has no question that the cockpit can ask", hint="Tick it by hand")
        question = offered.look
        request = LookRequest(*target_of(question.look, question.source, values), params_of(question.params, values))
        await self._remember(session, offered, values)
        try:
            sight = await self._engine.looks.look(request)
        except RateLimited as error:
            # Nobody answered, so nothing failed: it is still to do, or what it was when it was answered before.
            if session.progress(step).state is StepState.TODO:
                await session.finish(step, StepState.TODO, not_answered(error.retry_after_s), (error.message,))
            raise
        except CockpitError as error:
            await session.finish(step, StepState.FAILED, f"{error.word}: {error.message}")
            raise
        state = StepState.DONE if sight.severity is not Severity.UNKNOWN else StepState.FAILED
        try:
            await session.finish(step, state, sight.summary, sight.lines)
        except Misconfigured as error:
            # It was asked and answered: somebody whose disk is full needs the answer all the more.
            lines = (f"this answer is not recorded: {error.message}", *sight.lines)
            return replace(sight, lines=lines[:200], cut=sight.cut or len(lines) > 200)
        return sight

    async def glance(self, offered: Offered) -> Sight | None:
        """A live offer's answer from the readings of this moment, not recorded; None where there is none yet."""
        if offered.look is None or not offered.live:
            return None
        with contextlib.suppress(CockpitError):
            return await self._engine.looks.look(offered.look)
        return None

    def request(self, session: Session, step: str, values: Mapping[str, str]) -> ActionRequest:
        """The request for the plan card. What the executor records for it becomes the step's state. Refused."""
        offered = self._ready(session, step, values)
        script = self._script(offered)
        if session.progress(step).run in {running.run for running in self._engine.executor.running}:
            raise Refused("guide", "this step is under way", hint="Wait for its end, or stop it")
        if offered.action is None:
            raise Refused("guide", "this step has no action of the cockpit", hint="Do it by hand, then tick it")
        if script is not None:
            request = script.request({ask.name: values[ask.name] for ask in offered.asks if values.get(ask.name)})
        else:
            action = offered.action
            request = ActionRequest(
                *target_of(action.action, action.source, values), params_of(action.params, values)
            )
        self._followed.follow(session, step, request, self._memory(offered, values))
        return request

    def withdraw(self, session: Session, step: str) -> None:
        """The plan card was left: what the executor records from now on is not this step's."""
        self._followed.withdraw(session, step)

    def _ready(self, session: Session, step: str, values: Mapping[str, str]) -> Offered:
        offered = self.offered(session, step)
        if offered is None:
            raise Refused("guide", "this step is prose", hint="Tick it by hand")
        if offered.blocked:
            raise Refused("runbook", offered.blocked, hint="Read it, and accept it in the guide")
        if problems := self.problems(offered, values):
            raise Refused("parameters", "; ".join(problems.values()), hint="Fill it in again")
        return offered

    @staticmethod
    def _memory(offered: Offered, values: Mapping[str, str]) -> dict[str, str]:
        names = placeholder_names(offered)
        return {names[name]: value for name, value in values.items() if name in names and value}

    async def _remember(self, session: Session, offered: Offered, values: Mapping[str, str]) -> None:
        await session.fill(self._memory(offered, values))

    def output(self, run: str) -> tuple[str, ...]:
        """The lines that a script under way, or ended in this session, has written so far: at most 2,000."""
        return self._followed.output(run)

    async def close(self) -> None:
        """Let go of the sessions; they can be gone on with."""
        await self._followed.close()
        for session in tuple(self._sessions.values()):
            with contextlib.suppress(Misconfigured):
                await session.close()
        self._sessions.clear()

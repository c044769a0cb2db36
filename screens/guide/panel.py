"""The guide as one part of the main screen: the list of playbooks, or one of them; what their keys do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from cockpit.errors import CockpitError, Refused
from cockpit.runbooks.guide.desk import Desk, Reading
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted
from screens.frame.footer import Hint
from screens.guide.acting import Acts
from screens.guide.blocks import BlockRows
from screens.guide.listview import PlaybookList
from screens.guide.playbook import PlaybookView
from screens.hints import hint

if TYPE_CHECKING:
    from screens.cockpit_screen import CockpitScreen
    from screens.watched import Watched


_log = logging.getLogger(__name__)
_LIST_HINTS = (
    ("guide.open", "enter", "Open"),
    ("guide.search", "/", "Search"),
    ("guide.anew", "s", "Anew"),
    ("pane.next", "tab", "Panes"),
    ("guide.leave", "r", "Leave"),
    ("guide.people", "w", "Call"),
)
_STEP_HINTS = (
    ("guide.tick", "space", "Tick"),
    ("guide.skip", "s", "Skip"),
    ("guide.back", "esc", "List"),
    ("pane.next", "tab", "Panes"),
    ("guide.detail", "d", "Detail"),
    ("guide.fail", "-", "Failed"),
    ("guide.copy", "y", "Copy"),
    ("guide.note", "m", "Note"),
    ("guide.told", "o", "Told"),
    ("guide.people", "w", "Call"),
    ("guide.leave", "r", "Leave"),
    ("guide.close", "c", "Close"),
)


class Guide(Vertical):
    """Mounted when it is first opened, hidden when it is left: what was open stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "leave", "Leave the guide", show=False, id="guide.leave"),
        Binding("escape,q", "back", "Back", show=False, id="guide.back"),
        Binding("slash", "search", "Search all playbooks", show=False, id="guide.search"),
        Binding("w", "people", "Who to call, and what to open", show=False, id="guide.people"),
        Binding("a", "accept", "Look at the runbook and accept it", show=False, id="guide.accept"),
    ]

    def __init__(self, screen: CockpitScreen, desk: Desk) -> None:
        super().__init__(id="guide")
        self.cockpit = screen
        self.desk = desk
        self.listing = PlaybookList(self)
        self.playbook = PlaybookView(self)
        self.acts = Acts(self)
        self.words = ""
        self.sessions: dict[str, Session] = {}  # open ones, by playbook
        self._note_on = ""  # step that a note is typed for
        self._asked = False  # whether it is accepted
        self._unsubscribe = desk.subscribe(self._changed)
        self._stale = False

    def compose(self) -> ComposeResult:
        """List and playbook in one place, the entry below."""
        yield self.listing
        yield self.playbook
        yield Input(id="guide-entry", compact=True)

    def on_unmount(self) -> None:
        """No more news."""
        self._unsubscribe()

    # -- what the parts ask for

    @property
    def engine(self) -> Watched | None:
        """The system that is watched."""
        return self.cockpit.engine

    @property
    def now(self) -> datetime:
        """On the engine's clock."""
        return self.cockpit.clock.now()

    @property
    def view(self) -> BlockRows:
        """List or playbook: what is shown."""
        return self.playbook if self.has_class("-playbook") else self.listing

    def tell(self, text: str, *, grave: bool = False) -> None:
        """A passing remark; what went wrong stays longer."""
        self.notify(text, markup=False, timeout=8 if grave else 4, severity="error" if grave else "information")

    def work(self, work: Awaitable[object]) -> None:
        """Do it beside the screen; errors become sentences."""
        self.run_worker(self._guarded(work), exit_on_error=False, group="guide")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A task that breaks is said and logged; the guide stays, the executor guards by itself."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            name = type(event.worker.error).__name__
            _log.error("a task of the guide failed", exc_info=event.worker.error)
            self.tell(f"The cockpit itself failed here ({name}).", grave=True)

    async def _guarded(self, work: Awaitable[object]) -> None:
        try:
            await work
        except CockpitError as error:
            self.tell(f"{error.message}. {error.hint}" if error.hint else error.message, grave=True)

    # -- opening and leaving

    def enter(self) -> None:
        """It was opened: the first time with the question whether the runbook is accepted."""
        self.view.focus()
        self.call_after_refresh(self._entered, 5)

    def _entered(self, tries: int) -> None:
        """It has its place: a dialog over a screen that is not laid out yet would keep it from being."""
        if self.view.size.width == 0 and tries:
            self.call_after_refresh(self._entered, tries - 1)
            return
        self.renew()
        self._ask_once()

    def _ask_once(self) -> None:
        if not self._asked and self.desk.reading is Reading.READY and not self.has_class("-typing"):
            self._asked = True
            if not isinstance(self.desk.trust, Accepted):
                self.action_accept()

    def frame(self, framed: bool) -> None:
        """With a frame of its own, or without where it has the screen to itself."""
        for view in (self.listing, self.playbook):
            if view.framed is not framed:
                view.framed = framed
                view.repaint()
        if self.is_attached:
            self.call_after_refresh(self.renew)

    def action_leave(self) -> None:
        """To the panes; what is open here stays."""
        self.cockpit.close_guide()

    def action_back(self) -> None:
        """One step back: the search, the playbook, the guide."""
        if self.has_class("-typing"):
            self._end_typing()
            self._search("")
        elif self.view is self.playbook:
            self.show_list()
        elif self.words:
            self._search("")
        else:
            self.action_leave()

    def show_list(self) -> None:
        """The playbooks; the session stays open."""
        self.remove_class("-playbook")
        self.draw_list()
        self.listing.focus()
        self.cockpit.refresh_hints()

    def open_playbook(self, id_: str, step: str = "", *, anew: bool = False) -> None:
        """Go on with its last session, unless that is old, or begin one."""
        if id_:
            self.work(self._open(id_, step, anew))

    async def _open(self, id_: str, step: str, anew: bool) -> None:
        session = self.sessions.get(id_)
        if session is not None and anew:
            await self._let_go(session, ended=False)
            session = None
        if session is None:
            past = [] if anew else [each for each in self.desk.past(id_) if not each.old]
            try:
                session = await self.desk.open(id_, past[0].id if past else "")
            except Refused as refused:
                self.tell(f"{refused.message}: s begins a new one.", grave=True)
                return
            self.sessions[id_] = session
        if self.is_attached:
            self.acts.begin(self.desk, session, step)
            self.add_class("-playbook")
            self.playbook.focus()
            self.cockpit.refresh_hints()

    async def _let_go(self, session: Session, *, ended: bool) -> None:
        self.sessions = {id_: each for id_, each in self.sessions.items() if each is not session}
        await self.desk.leave(session, ended=ended)

    def end_session(self, session: Session) -> None:
        """It is over: asked once, because it cannot be gone on with."""
        from screens.guide.ending import EndDialog

        def answered(yes: bool | None) -> None:
            if yes:
                self.show_list()
                self.work(self._let_go(session, ended=True))

        self.app.push_screen(EndDialog(session, self.cockpit.clock), answered)

    # -- what is shown

    def _changed(self) -> None:
        """The desk has news: once for all that come together."""
        if not self._stale and self.is_attached:
            self._stale = True
            self.call_later(self.renew)

    def renew(self) -> None:
        """Show what is so now."""
        self._stale = False
        self.draw_list()
        if self.view is self.playbook:
            self.playbook.renew()
        self.cockpit.refresh_hints()
        if self.cockpit.has_class("-at-guide") and self.cockpit.is_current:  # not over what somebody does elsewhere
            self._ask_once()

    def tick(self) -> None:
        """A second has passed."""
        if not self.cockpit.guide_open:
            return
        if self.view is self.playbook:
            self.playbook.tick()
            self.acts.look_again()
        else:
            self.draw_list()

    def touched(self) -> None:
        """Somebody is there."""
        self.acts.touched()

    def act(self, verb: str) -> None:
        """Something about the step under the cursor."""
        self.acts.act(verb)

    def draw_list(self) -> None:
        """The list as of now."""
        self.listing.draw(self.desk, tuple(self.sessions.values()), self.words)

    def hints(self) -> tuple[Hint, ...]:
        """What the footer names."""
        keys = self.engine.profile.keys if self.engine is not None else {}
        if self.view is self.playbook:
            rows = [("guide.run", "enter", self.acts.verb()), *_STEP_HINTS]
        else:
            rows = list(_LIST_HINTS)
            if not isinstance(self.desk.trust, Accepted):
                rows.insert(2, ("guide.accept", "a", "Accept"))
        return tuple(hint(row, keys) for row in rows)

    def on_rows_moved(self) -> None:
        """The footer says what enter does here; what came into sight is looked at."""
        self.touched()
        if self.view is self.playbook:
            self.playbook.tick()
        self.cockpit.refresh_hints()

    # -- trust

    def action_accept(self) -> None:
        """The runbook's files, digest and changes, and the question."""
        from screens.guide.trust import TrustDialog

        desk, engine = self.desk, self.engine
        runbook, trust = desk.runbook, desk.trust
        if engine is None or runbook is None or trust is None:
            self.tell("The runbook is still being read." if not desk.problem else desk.problem)
            return
        if isinstance(trust, Accepted):
            self.tell(f"Accepted by {trust.who} at {trust.at:%Y-%m-%d %H:%M} UTC.")
            return
        place = (engine.profile.system, engine.profile.environment)

        def answered(yes: bool | None) -> None:
            if yes:
                self.work(self.desk.accept(trust.digest))

        self.app.push_screen(TrustDialog(runbook, trust, desk.faults, place, engine.clock), answered)

    def action_people(self) -> None:
        """Contacts, severity scale, channels and links, of the profile and of the runbook."""
        from screens.dialogs.detail import DetailScreen

        lines = self.desk.people.listed()
        if not lines:
            self.tell("Neither profile nor runbook names anybody: [[contact]] and [links] in the profile do.")
            return
        self.app.push_screen(DetailScreen("Who to call", lines, self.cockpit._copied))

    # -- the entry: a search, or a note

    @property
    def _entry(self) -> Input:
        return self.query_one("#guide-entry", Input)

    def action_search(self) -> None:
        """Type words; the list follows."""
        self.show_list()
        self._note_on = ""
        self._type("words in playbooks and steps", self.words)

    def ask_note(self, step: str) -> None:
        """Type a note on a step."""
        self._note_on = step
        self._type("a note for the record", "")

    def _type(self, placeholder: str, value: str) -> None:
        entry = self._entry
        entry.placeholder = placeholder
        entry.value = value
        self.add_class("-typing")
        entry.focus()

    def _end_typing(self) -> None:
        self.remove_class("-typing")
        self._note_on = ""
        self.view.focus()

    def _search(self, words: str) -> None:
        self.words = words
        self.draw_list()

    @on(Input.Changed, "#guide-entry")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-typing") and not self._note_on:
            self._search(event.value.strip())

    @on(Input.Submitted, "#guide-entry")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        step, text = self._note_on, event.value.strip()
        self._end_typing()
        session = self.playbook.session
        if step and text and session is not None:
            self.work(session.note(text, step))

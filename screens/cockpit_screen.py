"""The main screen: panes in their frame, the keys that move between them, and the tick that brings them news."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Input

from cockpit.clock import Clock, SystemClock
from cockpit.model.severity import SourceKind
from screens.arrangement import ORDER, Arrangement, apply, fitting
from screens.frame.banner import Banner
from screens.frame.footer import Footer
from screens.frame.status import Status
from screens.frame.tabs import Tabs
from screens.frame.timeline import Timeline
from screens.hints import action_hints, move_hints
from screens.openings import Openings
from screens.panes.base import Pane
from screens.panes.database import DatabasePane
from screens.panes.health import HealthPane
from screens.panes.logs import LogsPane
from screens.panes.pages import pages_for
from screens.panes.redis import RedisPane
from screens.panes.revisions import RevisionsPane
from screens.publisher import Publisher
from screens.rows import Rows

if TYPE_CHECKING:
    from screens.dialogs.outcome import EffectCard
    from screens.guide.panel import Guide
    from screens.watched import Watched

TICK_S = 0.25
NO_RUNBOOK = (
    'This profile has no runbook. Add [runbook] with files = ["RUNBOOK.md"] to it, or draft a profile from one: '
    "cockpit init --from RUNBOOK.md"
)
_DIGITS = "123456789"
_OF_LOGS = ("log.shorter", "log.longer", "error.next", "error.previous")


def _bindings() -> list[BindingType]:
    numbers = [Binding(digit, f"pane({digit})", f"Pane {digit}", show=False, id=f"pane.{digit}") for digit in _DIGITS]
    others = (
        ("tab", "next_pane(1)", "Next pane", "pane.next"),
        ("shift+tab", "next_pane(-1)", "Previous pane", "pane.previous"),
        ("l,right", "switch(1)", "Next source of the pane", "source.next"),
        ("h,left", "switch(-1)", "Previous source of the pane", "source.previous"),
        ("z", "zoom", "Zoom", "zoom"),
        ("space", "pause", "Pause", "pause"),
        ("slash", "ask_filter", "Filter", "filter"),
        ("n", "match(1)", "Next match", "filter.next"),
        ("N", "match(-1)", "Previous match", "filter.previous"),
        ("left_square_bracket", "window(-1)", "Shorter log window", "log.shorter"),
        ("right_square_bracket", "window(1)", "Longer log window", "log.longer"),
        ("e", "error(1)", "Next error", "error.next"),
        ("E", "error(-1)", "Previous error", "error.previous"),
        ("w", "timeline", "Longer or shorter error timeline", "timeline.length"),
        ("r", "guide", "The runbook, beside the panes", "guide"),
        ("ctrl+r", "poll_now", "Ask all sources now", "refresh"),
        ("escape", "back", "Back", "back"),
    )
    moves = [Binding(key, action, word, show=False, id=id_) for key, action, word, id_ in others]
    return [*numbers, *moves, *Openings.OPENING_BINDINGS]


class CockpitScreen(Openings):
    """Banner, timeline, five panes, status, footer."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (160, "-wide")]  # noqa: RUF012  # as Screen types it
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (8, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = _bindings()
    AUTO_FOCUS: ClassVar[str | None] = None

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self.clock: Clock = clock or SystemClock()
        self.banner, self.timeline, self.tabs = Banner(), Timeline(), Tabs()
        self.status, self.footer = Status(), Footer()
        self.health, self.logs, self.database = HealthPane(), LogsPane(), DatabasePane()
        self.revisions, self.redis = RevisionsPane(), RedisPane()
        self.panes: tuple[Pane, ...] = (self.health, self.logs, self.database, self.redis, self.revisions)
        self._arrangement: Arrangement | None = None  # None: as the stylesheet has it
        self._beneath: Pane = self.logs  # what a page goes back to
        self._hinted: tuple[str, object] = ("", None)  # source and kind that the footer was made for
        self.publisher = Publisher(self)
        self.current: Pane = self.logs
        self.effect: EffectCard | None = None
        self.guide: Guide | None = None

    def compose(self) -> ComposeResult:
        """One tree for all sizes."""
        yield self.banner
        yield self.timeline
        yield self.tabs
        with Horizontal(id="deck"), Container(id="grid"):
            yield self.health
            yield self.logs
            yield self.database
            yield self.revisions
            yield self.redis
        yield self.status
        yield Input(id="query", placeholder="words; -word leaves out", compact=True)
        yield self.footer

    def on_mount(self) -> None:
        """Paint the empty frame; news come with `attach`."""
        self.tabs.panes = self.panes
        self._choose(self.logs)
        self.publisher.frame()
        self.set_interval(TICK_S, self.publisher.tick)

    def attach(self, engine: Watched) -> None:
        """Show this engine's system from now on."""
        self.clock = engine.clock
        pages = pages_for(state.kind for state in engine.hub.states())
        self.query_one("#grid").mount(*pages)
        self.panes = self.tabs.panes = (*self.panes, *pages)
        self._leave_out({state.kind for state in engine.hub.states()})
        self.publisher.attach(engine)
        for spec in engine.catalogue.specs:
            for pane in self.panes:
                if spec.pane in pane.kinds and spec.key:
                    binding = Binding(spec.key, f"screen.start('{spec.id}')", spec.title, show=False, id=spec.id)
                    pane._bindings.key_to_bindings.setdefault(spec.key, []).append(binding)
        self.refresh_hints()

    def on_unmount(self) -> None:
        """No more news."""
        self.publisher.detach()

    # -- arrangement

    @property
    def single(self) -> bool:
        """One pane at a time: too narrow for more, zoomed, or a page."""
        return self.has_class("-narrow") or self.has_class("-zoom") or self.has_class("-page")

    @property
    def present(self) -> tuple[Pane, ...]:
        """The panes that have a place; all of them before the profile is known."""
        return tuple(pane for pane in self.panes if not pane.absent)

    def _leave_out(self, kinds: set[SourceKind]) -> None:
        """No place for panes without a source of these; where that is all of the five, they stay as they are."""
        lacking = [pane for pane in self.panes if kinds.isdisjoint(pane.kinds)]
        if len(lacking) == len(ORDER):
            return
        for pane in lacking:
            pane.absent = True
        if self.current.absent:
            self._choose(self.present[0])
        self._arrange()

    def _place(self) -> None:
        """Give the panes that are there the whole grid."""
        wanted = fitting([str(pane.id) for pane in self.present if not pane.PAGE], self.classes)
        if wanted == self._arrangement:
            return
        self._arrangement = wanted
        apply(wanted, self.query_one("#grid"))
        self.call_after_refresh(self._recount)

    def _recount(self) -> None:
        for pane in self.present:
            pane.call_later(pane.recount)  # behind the news of its new size

    def unoffered(self) -> frozenset[str]:
        """Ids of the bindings to what the profile has nothing for."""
        numbers = {str(pane.NUMBER) for pane in self.present}
        found = {f"pane.{digit}" for digit in _DIGITS if digit not in numbers}
        return frozenset(found.union(_OF_LOGS if self.logs.absent else ()))

    def on_resize(self, event: events.Resize) -> None:
        """The breakpoint classes are set when this arrives."""
        self.call_next(self._arrange)

    def _arrange(self) -> None:
        self._place()
        for pane in self.panes:
            if pane.framed is self.single:
                pane.framed = not self.single
                pane.repaint()
        if self.guide is not None:
            self.guide.frame(not self.single)
        self.tabs.update()

    def _choose(self, pane: Pane) -> None:
        self.remove_class("-asking")
        if not pane.PAGE:
            self._beneath = pane
        self.current = self.tabs.current = pane
        if pane.PAGE is not self.has_class("-page"):
            self.set_class(pane.PAGE, "-page")
            self._arrange()
        for other in self.panes:
            other.set_class(other is pane, "-current")
        if self.focused is not pane:
            pane.focus()
        pane.opened()
        self.tabs.update()
        self.refresh_hints()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The focused pane is the one that is shown when there is room for one."""
        at_guide = self.guide is not None and self.guide in event.widget.ancestors
        if at_guide is not self.has_class("-at-guide"):
            self.set_class(at_guide, "-at-guide")
            self.refresh_hints()
        if isinstance(event.widget, Pane) and event.widget is not self.current:
            self._choose(event.widget)

    def refresh_hints(self) -> None:
        """The footer follows the pane and what can be done in it."""
        engine = self.engine
        keys = engine.profile.keys if engine is not None else {}
        pages = () if self.single else tuple(pane for pane in self.panes if pane.PAGE)
        moves, always = move_hints(self.current, keys, pages)
        if self.guide is not None and self.has_class("-at-guide"):
            self.footer.show((), self.guide.hints(), always[:-1])  # q goes back here
            return
        self._hinted = (self.current.source, self.current.kind)
        actions = action_hints(engine.catalogue, self.current, keys) if engine else ()
        self.footer.show(actions, moves, always)

    @on(Rows.Moved)
    def follow_cursor(self) -> None:
        """The footer names the actions of the row under the cursor: the same letter may mean another one there."""
        if self._hinted != (self.current.source, self.current.kind):
            self.refresh_hints()

    # -- moving

    def action_pane(self, number: int) -> None:
        """To a pane; there already: to its next source."""
        pane = next((pane for pane in self.panes if number == pane.NUMBER), None)
        if pane is None:
            self.tell(f"This profile has nothing for pane {number}.")
            return
        if not self._has(pane):
            return
        if pane is self.current and self.focused is pane:
            pane.switch(1)
        self._choose(pane)

    def _has(self, pane: Pane) -> bool:
        """False, said with what would change it, where the profile has nothing for the pane."""
        if pane.absent:
            self.tell(pane.lack)
        return not pane.absent

    def action_next_pane(self, step: int) -> None:
        """Round the panes by number; with the guide open, between it and the pane."""
        if self.guide is not None and self.guide_open:
            (self.current if self.has_class("-at-guide") else self.guide.view).focus()
            return
        panes = self.present
        self._choose(panes[(panes.index(self.current) + step) % len(panes)])

    def action_switch(self, step: int) -> None:
        """To another source of the pane."""
        if not self.current.switch(step):
            self.tell("This pane shows all its sources.")
        self.refresh_hints()

    def action_zoom(self) -> None:
        """One pane over the whole screen, and back."""
        if self.current.PAGE:
            self._choose(self._beneath)
            return
        self.toggle_class("-zoom")
        self._arrange()
        if not self.has_class("-at-guide"):
            self._choose(self.current)

    def action_back(self) -> None:
        """Leave the filter, then the zoom."""
        if self.has_class("-asking"):
            self._end_asking(apply=False)
        elif self.effect is not None and self.effect.hide_card():
            pass
        elif self.current.filter:
            self.current.set_filter("")
        elif self.current.PAGE:
            self._choose(self._beneath)
        elif self.has_class("-zoom"):
            self.action_zoom()

    def action_pause(self) -> None:
        """The screen stands still; sources are still read."""
        self.publisher.pause(not self.publisher.paused)

    def action_timeline(self) -> None:
        """Another length of time."""
        self.tell(f"Timeline: {self.timeline.cycle()}")

    def action_poll_now(self) -> None:
        """Do not wait for the interval."""
        if self.publisher.engine:
            self.publisher.engine.hub.poll_now()

    # -- the runbook

    @property
    def guide_open(self) -> bool:
        """The guide is beside the panes, whoever has the focus."""
        return self.has_class("-guide")

    def action_guide(self) -> None:
        """Open the guide where it was left, or go to it."""
        engine = self.engine
        if engine is None:
            self.tell("Nothing is read yet.")
            return
        if engine.guide is None:
            self.tell(NO_RUNBOOK)
            return
        if self.guide is None:
            from screens.guide.panel import Guide

            self.guide = Guide(self, engine.guide)
            self.guide.frame(not self.single)
            self.query_one("#deck").mount(self.guide)
        self.add_class("-guide")
        self._place()
        self.call_after_refresh(self.guide.enter)

    def open_playbook(self, playbook: str) -> None:
        """Open the guide on it."""
        self.action_guide()
        if self.guide is not None:
            self.call_after_refresh(self.guide.open_playbook, playbook)

    def close_guide(self) -> None:
        """Back to the panes alone."""
        self.remove_class("-guide", "-at-guide")
        self._place()
        self._choose(self.current)

    # -- logs

    def action_window(self, step: int) -> None:
        """A shorter or longer stretch of the log."""
        if self._has(self.logs):
            self.logs.change_window(step)

    def action_error(self, direction: int) -> None:
        """To an error in the log, wherever the focus was."""
        if not self._has(self.logs):
            return
        self._choose(self.logs)
        if not self.logs.jump_to_error(direction):
            self.tell("No further error here." if direction > 0 else "No earlier error here.")

    # -- filter

    def action_ask_filter(self) -> None:
        """Type words in the place of the footer; rows follow while typing."""
        query = self.query_one("#query", Input)
        self.add_class("-asking")
        query.value = self.current.filter
        query.focus()

    @on(Input.Changed, "#query")
    def _filter_typed(self, event: Input.Changed) -> None:
        if self.has_class("-asking"):
            self.current.set_filter(event.value.strip())

    @on(Input.Submitted, "#query")
    def _filter_entered(self) -> None:
        self._end_asking(apply=True)

    def _end_asking(self, apply: bool) -> None:
        self.remove_class("-asking")
        if not apply:
            self.current.set_filter("")
        self.current.focus()

    def action_match(self, direction: int) -> None:
        """To the next row that matches the filter; without a filter, ask for one."""
        if not self.current.filter:
            self.action_ask_filter()
        else:
            self.current.action_move(direction)

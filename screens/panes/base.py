"""What all panes share: number and verdict in the border, age and source in its foot, the look of old data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import events

from cockpit.model.look import LookRequest
from cockpit.model.reading import History, Point, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind, worst
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Row, Span, Spans, note, spans
from screens.rows import Frame, Rows

NO_HISTORY = History()
Detail = tuple[str, list[tuple[str, str]]]  # title, (label, text) lines; "" continues the line before


@dataclass(frozen=True, slots=True)
class Scenery:
    """What a pane is given to show: its sources, their history, the moment (seconds since the epoch)."""

    states: tuple[SourceState, ...]
    histories: Mapping[str, History]
    now: float
    waited_s: float = 0.0  # since the cockpit started


def values(history: History, name: str) -> tuple[float, ...]:
    """The values of one series, oldest first."""
    return tuple(point.value for point in series(history, name))


def series(history: History, name: str) -> tuple[Point, ...]:
    """The points of one series."""
    return history.series.get(name, ())


def _mark(state: SourceState) -> object:
    """Changes when the content of a source did; the age counts only where it is part of what is said."""
    age = None if state.freshness is Freshness.FRESH or state.age_s is None else int(state.age_s)
    return (state.source, id(state.reading), state.failure, state.freshness, state.failures, age)


class Pane(Rows):
    """One kind of source. A subclass says what the rows of one state are."""

    NUMBER: ClassVar[int]
    LABEL: ClassVar[str]
    SHORT: ClassVar[str]
    KIND: ClassVar[SourceKind]
    KINDS: ClassVar[tuple[SourceKind, ...]] = ()  # of a pane that shows several; empty: KIND alone
    TABLES: ClassVar[tuple[str, ...]] = ()  # of the profile that give it a source; empty: the one named as its kind
    PAGE: ClassVar[bool] = False  # has no place beside the others: it takes the screen while it is shown
    SWITCHES: ClassVar[bool] = True  # several sources: one at a time, with a line to switch

    def __init__(self) -> None:
        super().__init__(framed=True, id=self.KIND.value, classes="pane -apart" if self.PAGE else "pane")
        self.kinds = self.KINDS or (self.KIND,)
        self._absent = False
        self.scenery: Scenery | None = None
        self.ask: Callable[[str], None] | None = None  # have a source polled
        self.severity = Severity.UNKNOWN
        self.verdict = "not read yet"
        self.filter = ""
        self.chosen = ""  # id of the source shown, where one is shown at a time
        self.paused = False
        self._marks: object = None
        self._awaited = "reading the profile"
        self._keep: list[object] = []  # readings named by id() in _marks stay alive

    # -- what the screen calls

    @property
    def absent(self) -> bool:
        """Nothing to show, and no place on the screen: the profile has no source for it."""
        return self._absent

    @absent.setter
    def absent(self, absent: bool) -> None:
        self._absent = absent
        self.display = not absent  # not by a class: the others take the room in the same layout

    @property
    def lack(self) -> str:
        """What an absent pane is without, and what would bring it, in a sentence."""
        tables = " or ".join(f"[[{table}]]" for table in self.TABLES or (self.KIND.value,))
        return f"This profile has no {self.KIND.value} source: {tables} in the profile adds one."

    def publish(self, scenery: Scenery) -> None:
        """Show this. Rows are made anew only when a source has news; otherwise only the ages move."""
        self.scenery = scenery
        states = scenery.states
        self.severity = worst(state.severity for state in states) if states else Severity.OK
        leading = max(states, key=lambda state: state.severity, default=None)
        self.verdict = self._say(states, leading)
        marks = (tuple(_mark(state) for state in states), self.filter, self.chosen)
        if marks != self._marks or any(state.reading is None for state in states):
            self._marks = marks
            self._keep = [state.reading for state in states]
            self.rebuild()
        self.show_frame(self._frame())

    def rebuild(self) -> None:
        """Make all rows again."""
        scenery = self.scenery
        if scenery is None:
            self.show((), [note(f"{self._awaited} …")])
            return
        if not scenery.states:
            self.sunk = False
            self.show((), [note(f"this profile has no {self.KIND.value} source")])
            return
        shown = self._shown(scenery.states)
        self.sunk = all(state.freshness is not Freshness.FRESH and state.reading is not None for state in shown)
        head, rows = self.head(shown, scenery), self.rows(shown, scenery)
        if self.filter:
            rows = self.matching(rows, self.filter.casefold())
            found = sum(1 for row in rows if row.key)
            words = (("filter ", "muted"), (self.filter, "primary bold"), (f"  {found} found, esc ends it", "muted"))
            head = (*head, spans(*words))
        self.show(head, rows)

    def matching(self, rows: list[Row], words: str) -> list[Row]:
        """The rows that the filter leaves, and what has no key: headings, figures. `words` in lower case."""
        return [row for row in rows if not row.key or words in row.text.casefold()]

    def head(self, shown: tuple[SourceState, ...], scenery: Scenery) -> tuple[Row, ...]:
        """What stays in sight above the rows: the sources to choose from, and what is wrong with those shown."""
        rows: list[Row] = []
        if len(scenery.states) > 1 and self.SWITCHES:
            rows.append(self._switcher(scenery.states, shown[0].source))
        ill = [state for state in shown if state.freshness is not Freshness.FRESH]
        several = len({state.kind for state in scenery.states}) > 1
        for state in ill[:2]:
            rows += trouble(state, state.source if several else state.title)
        if len(ill) > 2:
            rows.append(note(f"and {len(ill) - 2} more do not answer", "warning"))
        return tuple(rows)

    @property
    def glyph(self) -> Span:
        """The state of the pane's sources in one cell."""
        states = self.scenery.states if self.scenery else ()
        if all(state.freshness is Freshness.WAITING for state in states):
            return ("·" if self.scenery and not states else "?", "muted")
        return (GLYPH[self.severity], SEVERITY_STYLE[self.severity])

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """The rows of these sources; those without a reading are dealt with already."""
        raise NotImplementedError

    def wait_for(self, text: str) -> None:
        """What is waited for before there are sources."""
        self._awaited = text
        if self.scenery is None:
            self.rebuild()

    @property
    def kind(self) -> SourceKind:
        """Of the source that the cursor's row belongs to."""
        return self.KIND

    def opened(self) -> None:
        """The pane has been chosen."""

    def selection(self) -> dict[str, str]:
        """Identity params of the row under the cursor; empty when no action can be about it."""
        return {}

    def identity(self) -> dict[str, str]:
        """Identity params of the source as it was read: what became another since then is refused."""
        return {}

    @property
    def source(self) -> str:
        """Id of the source that the cursor's row belongs to; "" without any."""
        shown = self._shown(self.scenery.states) if self.scenery else ()
        return shown[0].source if shown else ""

    def detail(self) -> Detail:
        """All that is known of the row under the cursor."""
        row = self.row
        return (f"{self.LABEL}", [("", row.text)] if row else [])

    def question(self) -> LookRequest | None:
        """What the detail of the row asks beside what is known: its log. None for most rows."""
        return None

    def copy_text(self) -> str:
        """The row under the cursor as text, else all rows."""
        row = self.row
        return row.text if row else "\n".join(self.body.row(index).text for index in range(min(500, len(self.body))))

    def set_filter(self, text: str) -> None:
        """Show only rows that contain the text, case ignored; "" shows all."""
        self.filter = text
        self._marks = None
        if self.scenery is not None:
            self.publish(self.scenery)

    def switch(self, step: int = 1) -> bool:
        """Show the next source of the kind; False where there is only one."""
        states = self.scenery.states if self.scenery else ()
        if len(states) < 2 or not self.SWITCHES or self.scenery is None:
            return False
        ids = [state.source for state in states]
        current = self._shown(states)[0].source
        self.chosen = ids[(ids.index(current) + step) % len(ids)]
        self.publish(self.scenery)
        return True

    @property
    def age_text(self) -> str:
        """The age of what is shown, in words."""
        return "".join(text for text, _ in self._age())

    # -- parts

    def _shown(self, states: tuple[SourceState, ...]) -> tuple[SourceState, ...]:
        if not self.SWITCHES or len(states) < 2:
            return states
        chosen = next((state for state in states if state.source == self.chosen), None)
        return (chosen or max(states, key=lambda state: state.severity),)

    def _switcher(self, states: tuple[SourceState, ...], current: str) -> Row:
        parts: list[Span] = [("‹ › ", "muted")]
        for state in states:
            here = state.source == current
            parts.append((f"{GLYPH[state.severity]} ", SEVERITY_STYLE[state.severity]))
            parts.append((state.title, "bold underline" if here else "muted"))
            parts.append(("   ", ""))
        return Row("", (Spans(tuple(parts)),))

    def _say(self, states: tuple[SourceState, ...], leading: SourceState | None) -> str:
        if leading is None:
            return "not in the profile"
        if leading.freshness is Freshness.STALE:
            return f"stale {figures.age(leading.age_s)}"
        name = f"{leading.title} " if len(states) > 1 and leading.severity is not Severity.OK else ""
        if len(states) > 1 and not name:
            return f"{len(states)} ok"
        return name + leading.summary

    def _frame(self) -> Frame:
        glyph, style = self.glyph
        title: tuple[Span, ...] = (
            (f"{self.NUMBER} ", "muted"),
            (f"{self.LABEL} ", "bold"),
            (f"{glyph} ", style),
            (self.verdict, style if self.severity is not Severity.OK else "muted"),
        )
        left: list[Span] = []
        if self.lost:
            left.append((f"{self.lost_name()} is gone; move to choose another", "warning bold"))
        elif self.below:
            left.append((f"↓ {self.below} more", "muted"))
        return Frame(title, self._age(), tuple(left))

    def lost_name(self) -> str:
        """The row that vanished from under the cursor, in words."""
        return "the row"

    def _age(self) -> tuple[Span, ...]:
        scenery = self.scenery
        if scenery is None:
            return ()
        shown = self._shown(scenery.states)
        if not shown:
            return ()
        oldest = max(shown, key=lambda state: state.age_s if state.age_s is not None else 1e9)
        name = oldest.title if len(shown) == 1 else f"{len(shown)} sources"
        parts: list[Span] = [(f"{name} · ", "muted")]
        if oldest.failure is not None and oldest.reading is None:
            parts.append(("failed, never answered", "warning bold"))
        elif oldest.reading is None:
            parts.append((f"waiting {figures.age(oldest.polling_since_s or 0.0)}", "muted"))
        elif oldest.freshness is Freshness.FRESH:
            parts.append((f"{ceil(oldest.age_s)} ago", "muted"))
        else:
            parts.append((f"{oldest.freshness.value} · {figures.age(oldest.age_s)} old", "warning bold"))
        if self.paused:
            parts.append((" · paused", "warning bold"))
        return tuple(parts)

    def on_mount(self) -> None:
        """The frame is worth seeing before there is anything in it."""
        self.show_frame(self._frame())
        self.rebuild()

    def on_resize(self, event: events.Resize) -> None:
        """What is shown may depend on the room."""
        self.rebuild()

    def on_rows_moved(self) -> None:
        """The foot counts the rows below."""
        self.recount()

    def recount(self) -> None:
        """Say in the foot what is below now."""
        if self.scenery is not None:
            self.show_frame(self._frame())


def ceil(seconds: float | None) -> str:
    """Whole seconds, rounded up, so that a source read every second does not flicker between 0 and 1."""
    return figures.age(None if seconds is None else float(int(seconds) + 1))


def trouble(state: SourceState, name: str = "") -> list[Row]:
    """Why there is nothing, or nothing new, of a source; `name` stands for a title that says too little."""
    name = name or state.title
    rows: list[Row] = []
    if state.failure is not None:
        rows.append(spans(("✖ ", "error bold"), (f"{name}: ", "bold"), (state.failure.message, "error")))
        if state.failure.hint:
            rows.append(spans(("  ", ""), (state.failure.hint, "foreground")))
        tries = f"  {state.failures} attempts failed" if state.failures > 1 else ""
        slow = ", now asked rarely; ctrl+r asks at once" if state.circuit_open else ""
        since = f"  below: as it was {figures.age(state.age_s)} ago" if state.reading is not None else ""
        if tries or slow or since:
            rows.append(note(f"{tries}{slow}{since}", "muted"))
    elif state.freshness is Freshness.STALE:
        rows.append(
            spans(
                ("▲ ", "warning bold"),
                (f"{name}: ", "bold"),
                (f"no answer for {figures.span(state.age_s)}; below is what it said then", "warning"),
            )
        )
    elif state.reading is None:
        waited = figures.age(state.polling_since_s) if state.polling_since_s is not None else "0 s"
        rows.append(note(f"{name}: waiting for the first answer, {waited}"))
    return rows

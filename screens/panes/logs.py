"""Logs pane: what is frequent on top, below it the entries of the ring, followed or frozen under the cursor."""

from __future__ import annotations

import bisect
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar

from cockpit.model.logs import Level, LogEntry, LogPattern, LogStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, SourceKind
from cockpit.polling.logring import LogFilter, LogRing, LogView
from screens import figures
from screens.paint import Cell, Column, Layout, Row, Rule, Span, Spans, note
from screens.panes.base import Detail, Pane, Scenery

WINDOWS_S = (60, 300, 900, 3600, 6 * 3600, 24 * 3600)
_DEFAULT_WINDOW = 2
_BUDGET = 20_000  # entries looked at for one publishing
_STEP = 4096
_LEVEL_STYLE = {
    Level.DEFAULT: "muted",
    Level.DEBUG: "muted",
    Level.INFO: "primary",
    Level.NOTICE: "primary",
    Level.WARNING: "warning",
}
_PATTERN = (
    Column("", 1),
    Column("", 7, right=True),
    Column("", 0),
    Column("", 3, drop=3),
    Column("", 5, right=True, drop=2),
)


@lru_cache(maxsize=32)
def _layout(origin: int) -> Layout:
    return (Column("", 8, drop=2), Column("", 3), Column("", origin, drop=1), Column("", 0, least=20))


def _level_style(level: Level) -> str:
    return _LEVEL_STYLE.get(level, "error bold")


def entry_row(seq: int, entry: LogEntry, origin: int) -> Row:
    """One entry as a line."""
    quiet = entry.level < Level.WARNING
    message: Cell = (entry.message, "muted" if quiet else "")
    if entry.status and str(entry.status) not in entry.message:
        tint = "error bold" if entry.status >= 500 else ("warning" if entry.status >= 400 else "muted")
        took = f" {figures.millis(entry.latency_ms)}" if entry.latency_ms else ""
        message = Spans(((f"{entry.status}", tint), (f"{took} ", "muted"), (entry.message, "muted" if quiet else "")))
    cells: tuple[Cell, ...] = (
        (figures.clock(entry.at), "muted"),
        (entry.level.short, _level_style(entry.level)),
        (entry.origin, "accent"),
        message,
    )
    return Row(str(seq), cells, _layout(origin))


class Entries:
    """The matching entries from one sequence number on, as the body of the pane."""

    def __init__(self, view: LogView, low: int, origin: int, cache: dict[int, Row]) -> None:
        self._view = view
        self._origin = origin
        self._cache = cache
        self._base = view.position(low)
        self._size = max(0, len(view) - self._base)
        first = view.seqs(self._base, self._base + 1)
        self._first = first[0] if first else 0

    def __len__(self) -> int:
        return self._size

    def seq(self, index: int) -> int | None:
        """Sequence number at a position; None where it fell off meanwhile."""
        # Positions shift when old entries fall off: they are counted from the first one's number.
        start = self._view.position(self._first)
        found = self._view.seqs(start + index, start + index + 1)
        return found[0] if found else None

    def row(self, index: int) -> Row:
        """The entry at that position."""
        seq = self.seq(index)
        if seq is None:
            return note("(no longer kept)")
        row = self._cache.get(seq)
        if row is None:
            if len(self._cache) > 2000:
                self._cache.clear()
            row = self._cache[seq] = entry_row(seq, self._view.ring.get(seq), self._origin)
        return row

    def index(self, key: str) -> int | None:
        """Position of the entry with that number."""
        seq = int(key)
        start = self._view.position(self._first)
        place = self._view.position(seq)
        if self._view.seqs(place, place + 1) != [seq] or place < start:
            return None
        return place - start if place - start < self._size else None

    def step(self, index: int, delta: int) -> int | None:
        """The neighbour."""
        index += delta
        return index if 0 <= index < self._size else None


class LogsPane(Pane):
    """Entries of a log."""

    NUMBER: ClassVar[int] = 2
    LABEL: ClassVar[str] = "Logs"
    SHORT: ClassVar[str] = "Logs"
    KIND: ClassVar[SourceKind] = SourceKind.LOGS

    def __init__(self) -> None:
        super().__init__()
        self.rings: Mapping[str, LogRing] = {}
        self.window = _DEFAULT_WINDOW
        self.follow = True
        self._view: LogView | None = None
        self._errors: LogView | None = None
        self._low = 0
        self._cache: dict[int, Row] = {}
        self._origin = 8
        self._seen: tuple[object, ...] = ()

    @property
    def _steady(self) -> bool:
        return True

    @property
    def window_text(self) -> str:
        """1 m ... 24 h."""
        seconds = WINDOWS_S[self.window]
        return f"{seconds // 60} m" if seconds < 3600 else f"{seconds // 3600} h"

    def publish(self, scenery: Scenery) -> None:
        """As every pane; and the ring may have grown or the window moved on without a new reading."""
        super().publish(scenery)
        state = self._state
        if state is None or self._ring is None:
            return
        view = self._view
        done = view.advance(_BUDGET) if view else True
        if self._errors is not None:
            self._errors.advance(_BUDGET)
        ring = self._ring
        low = self._window_start(scenery.now)
        seen = (ring.end, ring.first, low, done, self.follow, self.lost, int(scenery.now) if self.sunk else 0)
        if seen != self._seen:
            self._seen = seen
            self.rebuild()

    def rebuild(self) -> None:
        """Patterns and the state of the view on top, the entries as body."""
        scenery, state, ring = self.scenery, self._state, self._ring
        if scenery is None or state is None or ring is None:
            super().rebuild()
            return
        view = self._ready(ring)
        self._origin = self._origin_width(view)
        self.sunk = state.freshness is not Freshness.FRESH and state.reading is not None
        head = list(self.head((state,), scenery))
        status = state.reading.payload if state.reading else None
        if isinstance(status, LogStatus):
            head += [note(f"▲ {text}", "warning") for text in status.notes[:1]]
            head += self._patterns(status.patterns, scenery.now)
        body = Entries(view, self._low, self._origin, self._cache)
        head.append(self._rule(view, body, scenery.now))
        self.show(tuple(head), body)

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """Nothing: without a ring there are only the common lines."""
        return []

    def _patterns(self, patterns: tuple[LogPattern, ...], now: float) -> list[Row]:
        height = self.size.height
        room = 3 if height > 18 else (1 if height > 10 else 0)
        if not room or not patterns:
            return []
        # What was not there before the trouble began tells more than what is always there.
        chosen = sorted(patterns, key=lambda pattern: (not pattern.new, -pattern.level, -pattern.count))[:room]
        rows: list[Row] = []
        for pattern in chosen:
            bad = pattern.level >= Level.ERROR
            rows.append(
                Row(
                    "",
                    (
                        ("✖" if bad else "▲", "error bold" if bad else "warning bold"),
                        (f"{figures.count(pattern.count)}×", "bold"),
                        (pattern.template, ""),
                        ("new" if pattern.new else "", "warning bold"),
                        (figures.age(now - pattern.first_seen), "muted"),
                    ),
                    _PATTERN,
                )
            )
        return rows

    def _rule(self, view: LogView, body: Entries, now: float) -> Row:
        words = [f"last {self.window_text}"]
        if self.filter:
            words.append(f"filter {self.filter} · {figures.grouped(len(body))} found")
            if view.searched < 1:
                words.append(f"searched {figures.percent(view.searched)}")
        if not self.follow and self.key:
            newer = len(body) - 1 - self._at
            words.append(f"frozen · {figures.grouped(max(0, newer))} newer · G follows")
        return Row("", (Rule(" · ".join(words), "primary" if self.filter or not self.follow else "muted"),))

    # -- the view

    @property
    def _state(self) -> SourceState | None:
        if self.scenery is None or not self.scenery.states:
            return None
        return self._shown(self.scenery.states)[0]

    @property
    def _ring(self) -> LogRing | None:
        state = self._state
        return self.rings.get(state.source) if state else None

    def _ready(self, ring: LogRing) -> LogView:
        if self._view is None or self._view.ring is not ring or self._view.filter.text != self.filter:
            wanted = LogFilter(text=self.filter)
            self._view = LogView(ring, wanted)
            self._errors = LogView(ring, replace(wanted, level=Level.ERROR))
            self._view.advance(_BUDGET)
            self._errors.advance(_BUDGET)
            self._cache = {}
            self._low = ring.first
        return self._view

    def _window_start(self, now: float) -> int:
        """The first entry inside the window. It only moves on, so it is looked for from where it was."""
        ring = self._ring
        if ring is None:
            return 0
        since = now - WINDOWS_S[self.window]
        low = max(self._low, ring.first)
        for _ in range(_STEP):
            if low >= ring.end or ring.get(low).at >= since:
                break
            low += 1
        else:
            low = bisect.bisect_left(range(ring.end), since, lo=low, key=lambda seq: ring.get(seq).at)
        self._low = low
        return low

    def _origin_width(self, view: LogView) -> int:
        size = len(view)
        widest = max((len(entry.origin) for entry in view.slice(size - 40, size)), default=8)
        width = max(4, min(14, widest))
        if width > self._origin:
            self._cache = {}
            return width
        return self._origin

    # -- what the screen calls

    def change_window(self, step: int) -> None:
        """A shorter or longer stretch of time."""
        self.window = max(0, min(len(WINDOWS_S) - 1, self.window + step))
        self._low = self._ring.first if self._ring else 0
        self._again()

    def set_filter(self, text: str) -> None:
        """Words that must occur, `-word` that must not."""
        self.follow = True
        super().set_filter(text)
        self._again()

    def jump_to_error(self, direction: int) -> bool:
        """To the next or previous entry of level ERROR or worse; False where there is none."""
        errors = self._errors
        if errors is None or not len(errors):
            return False
        here = int(self.key or self.lost or 0)
        place = errors.position(here)
        if direction > 0:
            place += 1 if errors.seqs(place, place + 1) == [here] else 0
        else:
            place -= 1
        found = errors.seqs(place, place + 1) if place >= 0 else []
        return bool(found) and self.go(str(found[0]))

    def _again(self) -> None:
        self._seen = ()
        if self.scenery is not None:
            self.publish(self.scenery)

    def _go(self, index: int) -> None:
        self.follow = self._body.step(index, 1) is None
        super()._go(index)
        if self.scenery is not None:
            self.rebuild()

    def lost_name(self) -> str:
        """What was under the cursor."""
        return "the entry"

    def _age(self) -> tuple[Span, ...]:
        parts = super()._age()
        state = self._state
        status = state.reading.payload if state and state.reading else None
        if isinstance(status, LogStatus) and status.dropped:
            return (*parts, (f" · {figures.count(status.kept)} kept", "muted"))
        return parts

    @property
    def entry(self) -> LogEntry | None:
        """The entry under the cursor."""
        ring = self._ring
        if ring is None or not self.key:
            return None
        try:
            return ring.get(int(self.key))
        except IndexError:
            return None

    def selection(self) -> dict[str, str]:
        """The client address of the entry."""
        entry = self.entry
        return {"ip": entry.client_ip} if entry and entry.client_ip else {}

    def detail(self) -> Detail:
        """The entry with its fields."""
        entry = self.entry
        if entry is None:
            return (self.LABEL, [])
        lines: list[tuple[str, str]] = [
            ("at", f"{figures.clock(entry.at)} UTC"),
            ("level", entry.level.name.lower()),
            ("origin", entry.origin),
            ("message", entry.message),
        ]
        if entry.status:
            lines.append(("status", f"{entry.status} in {figures.millis(entry.latency_ms)}"))
        if entry.client_ip:
            lines.append(("client", entry.client_ip))
        lines += _fields(entry.fields)
        return (f"{entry.level.name.title()} from {entry.origin}", lines)

    def copy_text(self) -> str:
        """The entry, fields included."""
        entry = self.entry
        if entry is None:
            return super().copy_text()
        parts = [figures.clock(entry.at), entry.level.short, entry.origin, entry.message, entry.fields]
        return " ".join(filter(None, parts))


def _fields(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        found = json.loads(text)
    except ValueError:  # cut at the length limit
        return [("fields", text)]
    if not isinstance(found, dict):
        return [("fields", text)]
    return [
        (str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in found.items()
    ]

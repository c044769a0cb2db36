"""Timeline: errors of the last minutes as columns, with deployments and own actions below them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cockpit.model.logs import LogBucket
from cockpit.model.reading import Marker
from screens import figures
from screens.frame.situation import Situation
from screens.frame.strip import Bar, Bars
from screens.paint import Span, fit

SPANS_S = (240, 900, 2700)
BUCKET_S = 10
_EIGHTHS = "▁▂▃▄▅▆▇█"
_LABEL = 11
_SCALE = 11
_BAD_SHARE = 0.05
_SMALL = 20.0
_BIG = ("█▀█ █▀█ █ █ █▀▀ █▀▀ █▀▄", "█▀▀ █▀█ █ █ ▀▀█ █▀▀ █ █", "▀   ▀ ▀ ▀▀▀ ▀▀▀ ▀▀▀ ▀▀ ")


@dataclass(frozen=True, slots=True)
class Columns:
    """`values` are errors a minute, None where nothing is known; each stands for `seconds`, `wide` cells."""

    start: float
    seconds: int
    wide: int
    values: tuple[float | None, ...]
    bad: tuple[bool, ...]


def columns(buckets: Sequence[LogBucket], now: float, length_s: int, cells: int, until: float = math.inf) -> Columns:
    """The buckets arranged so that a column never covers parts of one: the picture moves, but does not flicker.

    `until`: what came later is unknown, not none.
    """
    slots = max(1, length_s // BUCKET_S)
    wide = max(1, cells // slots)
    seconds = BUCKET_S * max(1, math.ceil(slots / max(1, cells)))
    count = max(1, cells // wide)
    end = (math.floor(now / seconds) + 1) * seconds
    start = end - count * seconds
    errors: dict[int, int] = {}
    totals: dict[int, int] = {}
    for bucket in buckets:
        index = math.floor((bucket.start - start) / seconds)
        if 0 <= index < count:
            errors[index] = errors.get(index, 0) + bucket.errors
            totals[index] = totals.get(index, 0) + bucket.total
    first = min((bucket.start for bucket in buckets), default=math.inf)
    values = tuple(
        errors.get(index, 0) * 60 / seconds
        if start + (index + 1) * seconds > first and start + index * seconds <= until
        else None
        for index in range(count)
    )
    bad = tuple(errors.get(index, 0) > _BAD_SHARE * max(1, totals.get(index, 0)) for index in range(count))
    return Columns(start, seconds, wide, values, bad)


def marker_line(markers: Sequence[Marker], grid: Columns, cells: int) -> str:
    """Glyphs at their moments, each with its text where the next one leaves room."""
    placed: list[tuple[int, Marker]] = []
    for marker in markers:
        index = math.floor((marker.at - grid.start) / grid.seconds)
        if 0 <= index < len(grid.values):
            placed.append((index * grid.wide, marker))
    line = ""
    for number, (place, marker) in enumerate(placed):
        place = max(place, cell_len(line) + (1 if line else 0))
        following = placed[number + 1][0] if number + 1 < len(placed) else cells
        room = following - place - 1
        if place >= cells:
            break
        text = marker.glyph
        if room >= 6:
            text += " " + fit(marker.text, min(cell_len(marker.text), room - 2))
        line += " " * (place - cell_len(line)) + text
    return fit(line, cells)


class Timeline(Bars):
    """Three lines under the banner. When the cockpit is paused it says so in large letters."""

    GROUND = "background"

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self.situation = Situation(0.0)
        self.span = 1

    def show(self, situation: Situation) -> None:
        """Show this."""
        self.situation = situation
        self.update()

    def cycle(self) -> str:
        """The next length of time; its name."""
        self.span = (self.span + 1) % len(SPANS_S)
        self.update()
        return f"{SPANS_S[self.span] // 60} min"

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """Two lines of columns, one of markers."""
        now = self.situation
        if now.paused_since is not None:
            return self._paused(now.paused_since)
        cells = max(1, width - 2 - _LABEL - _SCALE)
        grid = columns(
            now.buckets,
            now.now,
            SPANS_S[self.span],
            cells,
            math.inf if now.logged_until is None else now.logged_until,
        )
        used = len(grid.values) * grid.wide
        top = max((value for value in grid.values if value is not None), default=0.0)
        last = next((value for value in reversed(grid.values[:-1]) if value is not None), None)
        high, low = self._halves(grid, max(top, _SMALL))  # a few errors are not a wall of errors
        pad = (" " * (cells - used), "")
        minutes = round(len(grid.values) * grid.seconds / 60)
        label = "errors/min" if now.logged or now.loading else "no log"
        lit = bool(last) and any(grid.bad[-4:])
        scale = f"{figures.count(top)}".rjust(_SCALE - 1) if top else ""
        current = f"{figures.count(last)} now".rjust(_SCALE - 1) if last is not None else ""
        if now.logged_until is not None:
            current, lit = "? now".rjust(_SCALE - 1), False
        markers = marker_line(now.markers, grid, used)
        return [
            Bar(((fit(label, _LABEL), "muted"), pad, *high, (f" {scale}", "muted"))),
            Bar(((" " * _LABEL, ""), pad, *low, (f" {current}", "error bold" if lit else ""))),
            Bar(
                (
                    (fit(f"−{minutes} min", _LABEL), "muted"),
                    pad,
                    (markers, "warning"),
                    (" " * (_SCALE - 3), ""),
                    ("now", "muted"),
                )
            ),
        ]

    @staticmethod
    def _halves(grid: Columns, top: float) -> tuple[list[Span], list[Span]]:
        high: list[Span] = []
        low: list[Span] = []
        for value, bad in zip(grid.values, grid.bad, strict=True):
            style = "error" if bad else "primary"
            if value is None:
                upper, lower, style = " ", " ", "line"
            elif value <= 0:
                upper, lower, style = " ", "▁", "line"
            else:
                eighths = max(1, round(value / top * 16))
                lower = "█" if eighths > 8 else _EIGHTHS[eighths - 1]
                upper = _EIGHTHS[eighths - 9] if eighths > 8 else " "
            _append(high, upper * grid.wide, style)
            _append(low, lower * grid.wide, style)
        return high, low

    def _paused(self, since: float) -> list[Bar]:
        words = (
            ("this screen stands still", "bold"),
            (f"since {figures.clock(since)} UTC; sources are still read", ""),
            ("space goes on", "primary bold"),
        )
        return [
            Bar(((f"  {big}   ", "warning bold"), text), (), "on warning-tint")
            for big, text in zip(_BIG, words, strict=True)
        ]


def _append(parts: list[Span], text: str, style: str) -> None:
    if parts and parts[-1][1] == style:
        parts[-1] = (parts[-1][0] + text, style)
    else:
        parts.append((text, style))

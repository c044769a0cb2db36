"""Plots of several series in a few lines of braille, eight dots a cell; of letters where there is only ASCII.

A series is told by its colour and by its letter, which stands at its end and in the legend, so that it reads without
colour. Gaps stay gaps: nothing is drawn where nothing was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from cockpit.model.point import Point
from screens.paint import Span

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # row, column of a cell
_BRAILLE = 0x2800
_GAP = 2.5  # so many times the usual distance between two points is a gap
_NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a plot."""

    points: Sequence[Point]  # oldest first
    style: str
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A bound, drawn across."""

    value: float
    style: str


@dataclass(frozen=True, slots=True)
class Range:
    """What the edges of a plot stand for: times in seconds since the epoch, values in the unit of the points."""

    start: float
    end: float
    low: float
    high: float


def range_of(lines: Sequence[Line], levels: Sequence[Level], start: float, end: float) -> Range:
    """From zero, or below it, to a round number above all values; a bound counts where the values come near it."""
    values = [point.value for line in lines for point in line.points if start <= point.at <= end]
    high = max([0.0, *values])
    high = max([high, *(level.value for level in levels if 0 < level.value <= 2.0 * high)])
    low = min([0.0, *values])
    return Range(start, end, -nice(-low) if low < 0 else 0.0, nice(high))


def nice(value: float) -> float:
    """The next round number from `value` on; 1 for nothing."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _NICE if step * power >= value * 0.999999), 10.0 * power)


def draw(
    lines: Sequence[Line],
    width: int,
    height: int,
    within: Range,
    levels: Sequence[Level] = (),
    *,
    ascii: bool = False,
) -> list[tuple[Span, ...]]:
    """`height` rows of exactly `width` cells, the last cell of each for the letters. Later lines lie on top."""
    if width < 3 or height < 1:
        return [((" " * max(0, width), ""),) for _ in range(height)]
    canvas = _Canvas(width - 1, height, ascii)
    for level in levels:
        if within.low <= level.value <= within.high:
            canvas.across(_share(level.value, within), level.style)
    ends: list[tuple[int, Line]] = []
    for line in lines:
        row = _trace(canvas, line, within)
        if row is not None and line.letter:
            ends.append((row, line))
    letters = _places(ends, height)
    return [
        (*canvas.row(y), (letters[y].letter, f"{letters[y].style} bold") if y in letters else (" ", ""))
        for y in range(height)
    ]


def _share(value: float, within: Range) -> float:
    return (value - within.low) / (within.high - within.low)


def _trace(canvas: _Canvas, line: Line, within: Range) -> int | None:
    """Draw one series; the row of cells that it ends in, None where it has no point here."""
    points = [point for point in line.points if within.start <= point.at <= within.end]
    if not points:
        return None
    span = max(1e-9, within.end - within.start)
    steps = [after.at - before.at for before, after in pairwise(points)]
    gap = _GAP * median(steps) if steps else 0.0
    spots = [
        (
            round((point.at - within.start) / span * (canvas.columns - 1)),
            round(_share(point.value, within) * (canvas.lines - 1)),
        )
        for point in points
    ]
    canvas.dot(*spots[0], line)
    for (before, after), step in zip(pairwise(spots), steps, strict=True):
        if step > gap:
            canvas.dot(*after, line)
        else:
            canvas.stroke(*before, *after, line)
    return canvas.row_of(spots[-1][1])


def _places(ends: Sequence[tuple[int, Line]], height: int) -> dict[int, Line]:
    """A row for each letter, near the end of its line, in the order of the values; the lowest go without one where
    there are too many.
    """
    order = sorted(ends, key=lambda end: -end[1].points[-1].value)[:height]
    rows: list[int] = []
    for row, _ in order:
        rows.append(max(row, rows[-1] + 1 if rows else 0))
    for at in range(len(rows) - 1, -1, -1):
        rows[at] = min(rows[at], height - len(rows) + at)
    return {row: line for row, (_, line) in zip(rows, order, strict=True)}


class _Canvas:
    """Cells with dots, each owned by the line that was drawn last."""

    def __init__(self, width: int, height: int, ascii: bool) -> None:
        self._width = width
        self._height = height
        self._ascii = ascii
        self.columns = width if ascii else 2 * width
        self.lines = height if ascii else 4 * height
        self._bits = [[0] * width for _ in range(height)]
        self._owner: list[list[Line | None]] = [[None] * width for _ in range(height)]
        self._level: dict[int, str] = {}

    def across(self, share: float, style: str) -> None:
        """A level through the whole width."""
        self._level[self.row_of(round(share * (self.lines - 1)))] = style

    def row_of(self, y: int) -> int:
        """The row of cells, from the top, of a line of dots, from the bottom."""
        return self._height - 1 - min(self._height - 1, max(0, y) // (1 if self._ascii else 4))

    def dot(self, x: int, y: int, line: Line) -> None:
        """One dot; outside of the canvas nothing."""
        if not (0 <= x < self.columns and 0 <= y < self.lines):
            return
        row = self.row_of(y)
        if self._ascii:
            self._bits[row][x], self._owner[row][x] = 1, line
            return
        cell = x // 2
        self._bits[row][cell] |= _DOTS[3 - y % 4][x % 2]
        self._owner[row][cell] = line

    def stroke(self, x0: int, y0: int, x1: int, y1: int, line: Line) -> None:
        """A straight line without holes."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.dot(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps), line)

    def row(self, y: int) -> list[Span]:
        """The cells of one row, those of one style together."""
        made: list[Span] = []
        text, style = "", ""
        for bits, owner in zip(self._bits[y], self._owner[y], strict=True):
            if owner is not None:
                char, own = (owner.letter or "*") if self._ascii else chr(_BRAILLE + bits), owner.style
            elif y in self._level:
                char, own = "╌", self._level[y]
            else:
                char, own = " ", style
            if own != style and text:
                made.append((text, style))
                text = ""
            text, style = text + char, own
        return [*made, (text, style)]

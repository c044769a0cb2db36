"""Cell diff between frames: only cells that changed go over the wire. Private Textual 8.2 compositor API on purpose.

Textual redraws a widget whole; `Shadow` remembers what the terminal shows and reduces each update to the
difference. `usable()` tries the private API on a small frame at start; where that fails, frames go out as Textual
makes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

# Sending up to this many unchanged cells is cheaper than a cursor move (5 to 6 bytes) in the same style.
GAP = 5
_RESET = "\x1b[0m"

Piece = tuple[int, int, Strip]


def is_frame(renderable: object) -> bool:
    """Whether `renderable` is an update that `Shadow` understands."""
    return isinstance(renderable, (LayoutUpdate, ChopsUpdate))


def pieces(update: CompositorUpdate) -> Iterator[Piece]:
    """Column, row and strip of everything in `update`, cropped as Textual's own writer does."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                yield x, y, strip
                x += strip.cell_length
        return
    if not isinstance(update, ChopsUpdate):
        raise TypeError(f"not a frame: {type(update).__name__}")
    for y, first, last in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if chop is None or x > last or end <= first:
                continue
            inside = last > x >= first and end <= last
            yield x, y, (chop if inside else chop.crop(0, min(end, last) - x))


@lru_cache(4096)
def _split(sgr: str) -> tuple[frozenset[str], str, str]:
    """Attributes, foreground and background of one SGR parameter string (ECMA-48 8.3.117)."""
    attributes: list[str] = []
    foreground = background = ""
    codes = sgr.split(";") if sgr else []
    at = 0
    while at < len(codes):
        code = codes[at]
        size = 1
        if code in ("38", "48"):
            size = 3 if codes[at + 1 : at + 2] == ["5"] else 5
        group = ";".join(codes[at : at + size])
        at += size
        if code == "38" or (code.isdecimal() and (30 <= int(code) <= 39 or 90 <= int(code) <= 97)):
            foreground = "" if code == "39" else group
        elif code == "48" or (code.isdecimal() and (40 <= int(code) <= 49 or 100 <= int(code) <= 107)):
            background = "" if code == "49" else group
        else:
            attributes.append(group)
    return frozenset(attributes), foreground, background


@lru_cache(16384)
def transition(old: str, new: str) -> str:
    """The shortest sequence known here that turns the pen from SGR `old` into SGR `new`."""
    if old == new:
        return ""
    if not new:
        return _RESET
    full = f"\x1b[0;{new}m" if old else f"\x1b[{new}m"
    old_attributes, old_foreground, old_background = _split(old)
    attributes, foreground, background = _split(new)
    if not old_attributes <= attributes:
        return full
    changes = sorted(attributes - old_attributes)
    if foreground != old_foreground:
        changes.append(foreground or "39")
    if background != old_background:
        changes.append(background or "49")
    short = f"\x1b[{';'.join(changes)}m"
    return short if changes and len(short) < len(full) else (full if changes else "")


# Attributes that can be seen on a blank: underline, reverse, strike, double underline, frame, overline.
_SEEN_ON_BLANKS = frozenset(("4", "7", "9", "21", "51", "52", "53"))


@lru_cache(4096)
def on_blank(sgr: str) -> str:
    """What of a style can be seen where nothing is written: the background, as a rule."""
    attributes, _, background = _split(sgr)
    return sgr if attributes & _SEEN_ON_BLANKS else background


@lru_cache(16384)
def blank_pen(pen: str, blank: str) -> str:
    """A style near to `pen` in which a blank looks as in `blank`: the next letters may well be in `pen` again."""
    attributes, foreground, _ = _split(pen)
    wanted, _, background = _split(blank)
    if wanted or attributes & _SEEN_ON_BLANKS:
        return blank
    return ";".join([*sorted(attributes), *filter(None, (foreground, background))])


class Row:
    """What one line of the terminal shows: for each column its text (None: unknown, empty: right half) and pen."""

    __slots__ = ("cells", "pens", "strips")

    def __init__(self, width: int) -> None:
        self.cells: list[str | None] = [None] * width
        self.pens: list[str] = [""] * width
        self.strips: dict[int, tuple[int, Strip]] = {}

    def knows(self, x: int, strip: Strip) -> bool:
        """Whether exactly this strip, or an equal one, was the last thing drawn at column `x`."""
        seen = self.strips.get(x)
        if seen is None:
            return False
        old = seen[1]
        return old is strip or old._segments == strip._segments

    def remember(self, x: int, end: int, strip: Strip) -> None:
        """Note that `strip` covers the columns `x` to `end`; forget what it covers in part or whole."""
        seen = self.strips.get(x)
        if seen is None or seen[0] != end:
            self.strips = {start: entry for start, entry in self.strips.items() if entry[0] <= x or start >= end}
        self.strips[x] = (end, strip)


class Pen:
    """Collects the bytes of one frame and knows where the cursor stands and in which style it writes."""

    __slots__ = ("_column", "_line", "_out", "_sgr")

    def __init__(self) -> None:
        self._out: list[str] = []
        self._sgr = ""
        self._line = -1
        self._column = -1

    def move(self, line: int, column: int) -> None:
        """Go to a cell. Columns are absolute: terminals disagree on how wide some characters are."""
        if line != self._line:
            self._out.append(f"\x1b[{line + 1};{column + 1}H")
        elif column != self._column:
            self._out.append(f"\x1b[{column + 1}G")
        self._line, self._column = line, column

    def write(self, cells: list[str | None], styles: list[str], start: int, stop: int) -> None:
        """Write the cells `start` to `stop` from where the cursor stands."""
        at = start
        sure = True
        while at < stop:
            style = styles[at]
            until = at + 1
            while until < stop and styles[until] == style:
                until += 1
            text = "".join(cells[at:until])  # type: ignore[arg-type]  # None never stands in a new line
            if text.isspace():
                style = blank_pen(self._sgr, style)
            if style != self._sgr:
                self._out.append(transition(self._sgr, style))
                self._sgr = style
            sure = sure and text.isascii()
            self._out.append(text)
            at = until
        # Behind anything but ASCII the next move says the column; so it does at the edge, where no wrap is pending.
        self._column = self._column + stop - start if sure else -1

    def lift(self) -> str:
        """The frame, ended in no style."""
        if self._sgr:
            self._out.append(_RESET)
        return "".join(self._out)


class Shadow:
    """The terminal's content as far as it is known, for one size of it."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._width = 0
        self._system = ColorSystem.TRUECOLOR
        self._pens: dict[Style, str] = {}

    def forget(self) -> None:
        """Nothing is known any more: the next frame is sent whole."""
        self._rows.clear()

    def reduce(self, update: CompositorUpdate, size: Size, system: ColorSystem) -> str:
        """The bytes that turn what a terminal of `size` cells shows into `update`; empty when it shows it.

        A frame may be older than the last resize: what lies outside of the terminal is left out.
        """
        width, height = size
        if width != self._width or system is not self._system:
            self._rows.clear()
            self._pens.clear()
            self._width, self._system = width, system
        pen = Pen()
        rows = self._rows
        for x, y, strip in pieces(update):
            if x >= width or y >= height:
                continue
            row = rows.get(y)
            if row is None:
                row = rows[y] = Row(width)
            elif row.knows(x, strip):
                continue
            self._draw(pen, row, x, y, strip)
            row.remember(x, x + strip.cell_length, strip)
        return pen.lift()

    def _sgr(self, style: Style | None) -> str:
        if style is None:
            return ""
        # Equal styles share one string, so that comparing pens is comparing identities.
        pen = self._pens.get(style)
        if pen is None:
            if len(self._pens) > 8192:
                self._pens.clear()
            pen = self._pens[style] = Strip.render_ansi(style, self._system)
        return pen

    def _draw(self, pen: Pen, row: Row, x: int, y: int, strip: Strip) -> None:
        """Write what differs between `row` and `strip` placed at `x`."""
        cells: list[str | None] = []
        pens: list[str] = []
        for text, style, _ in strip._segments:
            if text.isascii():
                cells.extend(text)
            else:
                _spread(text, cells)
            pens.extend([self._sgr(style)] * (len(cells) - len(pens)))
        blanks = {sgr: on_blank(sgr) for sgr in set(pens)}
        pens = [blanks[sgr] if cell == " " else sgr for cell, sgr in zip(cells, pens, strict=True)]
        room = self._width - x
        del cells[room:], pens[room:]
        if cells and cells[-1] not in (None, "") and get_character_cell_size(cells[-1][0]) == 2:
            cells[-1] = " "  # only its left half is on the screen
        end = x + len(cells)
        old_cells, old_pens = row.cells[x:end], row.pens[x:end]
        if not cells or (old_cells == cells and old_pens == pens):
            return
        changed = [
            at
            for at, (cell, old, new_pen, old_pen) in enumerate(zip(cells, old_cells, pens, old_pens, strict=True))
            if cell != old or new_pen != old_pen
        ]
        row.cells[x:end], row.pens[x:end] = cells, pens
        if x and old_cells and old_cells[0] == "" and cells[0] != "":
            # The right half of a wide character was overwritten: terminals blank its left half.
            row.cells[x - 1] = None
        if end < self._width and row.cells[end] == "" and cells[-1] != "":
            row.cells[end] = None
        for start, stop in _runs(changed, cells, old_cells):
            pen.move(y, x + start)
            pen.write(cells, pens, start, stop)


def _spread(text: str, cells: list[str | None]) -> None:
    """Append one entry for each column of `text`; a combining mark joins the cell before it."""
    for char in text:
        width = get_character_cell_size(char)
        if width == 1:
            cells.append(char)
        elif width == 2:
            cells.append(char)
            cells.append("")
        elif cells:
            at = len(cells) - 1
            if cells[at] == "" and at:
                at -= 1
            cells[at] = (cells[at] or "") + char


def _runs(changed: list[int], cells: list[str | None], old: list[str | None]) -> list[list[int]]:
    """Stretches of columns to send: near changes together, wide characters whole, never half of an old one left."""
    wanted = set(changed)
    for at in changed:
        if old[at] == "" and at and cells[at - 1] != "":
            wanted.add(at - 1)
        if at + 1 < len(old) and old[at + 1] == "":
            wanted.add(at + 1)
    size = len(cells)
    for at in list(wanted):
        if cells[at] == "":
            wanted.add(at - 1)
        elif at + 1 < size and cells[at + 1] == "":
            wanted.add(at + 1)
    runs: list[list[int]] = []
    for at in sorted(wanted):
        if runs and at - runs[-1][1] <= GAP:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    for run in runs:
        while run[0] > 0 and cells[run[0]] == "":
            run[0] -= 1
        while run[1] < size and cells[run[1]] == "":
            run[1] += 1
    return runs


def usable() -> bool:
    """Whether this Textual has the parts that `Shadow` builds on: a small frame must give the expected bytes."""
    try:
        bold = Style(bold=True)
        strip = Strip([Segment("ab", bold), Segment("中c", None)])
        shadow = Shadow()
        system, size = ColorSystem.STANDARD, Size(5, 1)
        first = shadow.reduce(LayoutUpdate([[strip]], Region(0, 0, 5, 1)), size, system)
        again = shadow.reduce(LayoutUpdate([[Strip(strip._segments)]], Region(0, 0, 5, 1)), size, system)
        changed = Strip([Segment("ab", bold), Segment("中d", None)])
        chops: list[dict[int, Strip | None]] = [{0: changed}]
        third = shadow.reduce(ChopsUpdate(chops, [(0, 0, 5)], [[5]]), size, system)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        return False
    return (first, again, third) == ("\x1b[1;1H\x1b[1mab\x1b[0m中c", "", "\x1b[1;5Hd")


def color_system(console: Any) -> ColorSystem:
    """The colours that Textual's console found the terminal to have."""
    found = console._color_system
    return found if isinstance(found, ColorSystem) else ColorSystem.TRUECOLOR

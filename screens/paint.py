"""Cells and the styles they name: what a row is made of, and how it becomes segments of one width.

A style is a few words, each a theme variable or an attribute: "error bold", "background on success", "" for plain.
Text is never markup here: it becomes a Segment as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError

from cockpit.model.severity import Severity

ELLIPSIS = "…"
_BARS = "▁▂▃▄▅▆▇█"
_ATTRIBUTES = {
    "bold": Style(bold=True),
    "reverse": Style(reverse=True),
    "underline": Style(underline=True),
    "strike": Style(strike=True),
}

GLYPH = {Severity.OK: "●", Severity.WARN: "▲", Severity.CRIT: "✖", Severity.UNKNOWN: "?"}
SEVERITY_STYLE = {
    Severity.OK: "success",
    Severity.WARN: "warning bold",
    Severity.CRIT: "error bold",
    Severity.UNKNOWN: "accent bold",
}

Span = tuple[str, str]  # text, style


@dataclass(frozen=True, slots=True)
class Spans:
    """One cell of several styles."""

    parts: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Meter:
    """A thin bar: the used share heavy, the rest light."""

    share: float  # 0..1
    style: str


@dataclass(frozen=True, slots=True)
class Spark:
    """Values as small columns, newest at the right. `top` is the value of a full column, 0 for the largest."""

    values: tuple[float, ...]
    style: str
    top: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line with words in it."""

    words: str = ""
    style: str = "line"
    char: str = "─"


Cell = Span | Spans | Meter | Spark | Rule


@dataclass(frozen=True, slots=True)
class Column:
    """`width` 0 takes what is left, at least `least`. The highest `drop` goes first when it is narrow; 0 stays."""

    title: str = ""
    width: int = 0
    right: bool = False
    drop: int = 0
    least: int = 10


Layout = tuple[Column, ...]
RUNNING: Layout = (Column(),)  # one cell over the whole width


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `key` names it for the cursor; "" cannot be selected."""

    key: str
    cells: tuple[Cell, ...]
    layout: Layout = RUNNING
    sunk: bool = False  # shown in the muted colour whatever the cells say

    @property
    def text(self) -> str:
        """All words of it, for filtering and copying."""
        return "  ".join(filter(None, (plain(cell) for cell in self.cells)))


def blank() -> Row:
    """An empty line."""
    return Row("", (("", ""),))


def note(text: str, style: str = "muted", key: str = "") -> Row:
    """A line of running text."""
    return Row(key, ((text, style),))


def spans(*parts: Span, key: str = "") -> Row:
    """A line of running text in several styles."""
    return Row(key, (Spans(parts),))


def header(layout: Layout) -> Row:
    """The line of column titles."""
    return Row("", tuple((column.title, "muted") for column in layout), layout)


def plain(cell: Cell) -> str:
    """The words of a cell."""
    if isinstance(cell, tuple):
        return cell[0].strip()
    if isinstance(cell, Spans):
        return "".join(text for text, _ in cell.parts).strip()
    return cell.words if isinstance(cell, Rule) else ""


class Ink:
    """Styles by name for one theme on one ground colour (a variable's name).

    `plain` is for the terminal's own 16 colours and for none at all: grounds are then made by reversing, because
    nobody knows which colours can be read on which.
    """

    def __init__(self, variables: Mapping[str, str], ground: str = "background", *, plain: bool = False) -> None:
        self._variables = variables
        self._plain = plain
        self._cache: dict[str, Style] = {}
        self.base = Style() if plain else self.style(f"foreground on {ground}")

    def style(self, words: str) -> Style:
        """Resolved once; a name that the theme lacks is plain."""
        found = self._cache.get(words)
        if found is None:
            found = self._cache[words] = self._resolve(words)
        return found

    def on(self, words: str) -> Style:
        """The same over the ground."""
        name = f"\0{words}"
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = self.base + self.style(words)
        return found

    def over(self, words: str, ground: str) -> Style:
        """The same over another ground."""
        name = f"\0{ground}\0{words}"
        found = self._cache.get(name)
        if found is None:
            if self._plain and ground.startswith("on cursor"):
                found = self.style(ground)
            else:
                found = self.base + self.style(ground) + self.style(words)
            self._cache[name] = found
        return found

    def _resolve(self, words: str) -> Style:
        style = Style()
        behind = False
        for word in words.split():
            if word == "on":
                behind = True
                continue
            attribute = _ATTRIBUTES.get(word)
            if attribute is not None:
                style += attribute
                continue
            colour = self._colour(word)
            if behind and self._plain:
                if not word.endswith("-tint"):
                    shown = colour.rich_color if colour is not None and word != "cursor" else None
                    style = Style(bold=style.bold, strike=style.strike, color=shown, reverse=True)
            elif colour is not None:
                style += Style(bgcolor=colour.rich_color) if behind else Style(color=colour.rich_color)
            behind = False
        return style

    def _colour(self, name: str) -> Color | None:
        value = self._variables.get(name)
        if value is None:
            return None
        try:
            return Color.parse(value)
        except ColorParseError:
            return None


def fit(text: str, width: int, right: bool = False) -> str:
    """Exactly `width` cells: padded, or cut with an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        if width <= 0:
            return ""
        cut = text[: width - 1] if text.isascii() else set_cell_size(text, width - 1)
        return cut + ELLIPSIS
    pad = " " * (width - length)
    return pad + text if right else text + pad


def bars(values: Sequence[float], width: int, top: float = 0.0) -> str:
    """The newest `width` values as columns; nothing for zero, a lowest column for anything above."""
    shown = values[-width:] if width > 0 else ()
    top = top or max(shown, default=0.0) or 1.0
    return "".join(" " if value <= 0 else _BARS[min(7, int(value / top * 7.999))] for value in shown).rjust(width)


@lru_cache(maxsize=512)
def column_widths(layout: Layout, width: int) -> tuple[tuple[int, int], ...]:
    """(index, width) of the columns that fit into `width` cells with one cell between them."""
    kept = list(range(len(layout)))

    def need() -> int:
        return sum(layout[index].width or layout[index].least for index in kept) + len(kept) - 1

    while need() > width and len(kept) > 1:
        droppable = [index for index in kept if layout[index].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda index: layout[index].drop))
    flexible = [index for index in kept if not layout[index].width]
    spare = width - sum(layout[index].width for index in kept) - (len(kept) - 1)
    widths: list[tuple[int, int]] = []
    left = max(0, spare)
    for index in kept:
        own = layout[index].width
        if not own:
            own = left // len(flexible)
            left -= own
            flexible.pop()
        widths.append((index, own))
    return tuple(widths)


def _cell(cell: Cell, width: int, right: bool, ink: Ink, ground: str) -> list[Segment]:
    if isinstance(cell, tuple):
        return [Segment(fit(cell[0], width, right), ink.over(cell[1], ground))]
    if isinstance(cell, Spans):
        return span_segments(cell.parts, width, ink, ground)
    if isinstance(cell, Meter):
        used = round(max(0.0, min(1.0, cell.share)) * width)
        if used == 0 and cell.share > 0:
            used = min(1, width)
        return [
            Segment("━" * used, ink.over(cell.style, ground)),
            Segment("─" * (width - used), ink.over("line", ground)),
        ]
    if isinstance(cell, Spark):
        return [Segment(bars(cell.values, width, cell.top), ink.over(cell.style, ground))]
    words = f"{cell.char * 2} {cell.words} " if cell.words else ""
    line = fit(words, min(width, cell_len(words)))
    return [
        Segment(line + cell.char * (width - cell_len(line)), ink.over(cell.style, ground)),
    ]


def span_segments(parts: Sequence[Span], width: int, ink: Ink, ground: str = "") -> list[Segment]:
    """Parts one after the other, cut with an ellipsis or padded to `width`."""
    made: list[Segment] = []
    left = width
    for text, style in parts:
        length = cell_len(text)
        if length > left:
            if left > 0:
                made.append(Segment(fit(text, left), ink.over(style, ground)))
            elif made:
                last = made.pop()
                made.append(Segment(fit(last.text + " ", cell_len(last.text)), last.style))
            left = 0
            break
        made.append(Segment(text, ink.over(style, ground)))
        left -= length
    if left > 0:
        made.append(Segment(" " * left, ink.over("", ground)))
    return made


def row_segments(row: Row, width: int, ink: Ink, *, ground: str = "", sunk: bool = False) -> list[Segment]:
    """The row at `width` cells. `ground` is a style put under it, `sunk` mutes it."""
    sunk = sunk or row.sunk
    made: list[Segment] = []
    total = 0
    gap = Segment(" ", ink.over("", ground))
    for index, own in column_widths(row.layout, width):
        if index >= len(row.cells):
            continue
        if made and total < width:
            made.append(gap)
            total += 1
        own = min(own, width - total)
        if own <= 0:
            continue
        cell = row.cells[index]
        made += _cell(_sink(cell) if sunk else cell, own, row.layout[index].right, ink, ground)
        total += own
    if total < width:
        made.append(Segment(" " * (width - total), ink.over("", ground)))
    return made


def _sink(cell: Cell) -> Cell:
    if isinstance(cell, tuple):
        return (cell[0], "muted")
    if isinstance(cell, Spans):
        return Spans(tuple((text, "muted") for text, _ in cell.parts))
    if isinstance(cell, Meter):
        return Meter(cell.share, "muted")
    if isinstance(cell, Spark):
        return Spark(cell.values, "muted", cell.top)
    return Rule(cell.words, "muted", cell.char)

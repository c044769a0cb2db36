"""Lines of spans with a left and a right part: the base of everything around the panes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.paint import Span, span_segments
from screens.rows import ink_of


@dataclass(frozen=True, slots=True)
class Bar:
    """One line; the right part keeps its width, the left is cut."""

    left: tuple[Span, ...] = ()
    right: tuple[Span, ...] = ()
    ground: str = ""  # a style under the whole line


class Bars(Widget):
    """Lines that are repainted one by one, and only from the first to the last cell that changed."""

    ALLOW_SELECT = False
    GROUND = "panel"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bars: Sequence[Bar] = ()
        self._strips: list[Strip] = []
        self._drawn: tuple[str, int] = ("", 0)

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """What to show in that space."""
        raise NotImplementedError

    def update(self) -> None:
        """Ask for the lines again and repaint those that became different."""
        width, height = self.size
        if not width or not height or not self.is_attached:
            return
        fresh = self.bars(width, height)
        whole = self._drawn != (self.app.theme, width) or len(self._strips) != height
        strips: list[Strip] = []
        for y in range(height):
            bar = fresh[y] if y < len(fresh) else Bar()
            if not whole and y < len(self._bars) and self._bars[y] == bar:
                strips.append(self._strips[y])
                continue
            strip = self._draw(bar, width)
            strips.append(strip)
            if whole:
                continue
            first, last = _difference(self._strips[y], strip)
            if first <= last:
                self.refresh(Region(first, y, last - first + 1, 1))
        self._bars, self._strips = list(fresh), strips
        self._drawn = (self.app.theme, width)
        if whole:
            self.refresh()

    def _draw(self, bar: Bar, width: int) -> Strip:
        ink = ink_of(self, self.GROUND)
        edge = Segment(" ", ink.over("", bar.ground))
        inner = max(0, width - 2)
        right = span_segments(bar.right, min(inner, spans_length(bar.right)), ink, bar.ground)
        taken = sum(segment.cell_length for segment in right)
        room = max(0, inner - taken - (2 if right and bar.left else 0))
        left = span_segments(bar.left, room, ink, bar.ground)
        gap = Segment(" " * (inner - room - taken), ink.over("", bar.ground))
        return Strip([edge, *left, gap, *right, edge]).adjust_cell_length(width, ink.over("", bar.ground))

    def render_line(self, y: int) -> Strip:
        """Give the compositor the line as it was drawn last."""
        self._dirty_regions.clear()
        if self._drawn != (self.app.theme, self.size.width) or len(self._strips) != self.size.height:
            self.update()
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, ink_of(self, self.GROUND).base)

    def on_mount(self) -> None:
        """Draw once there is a size."""
        self.update()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out again."""
        self.update()


def spans_length(parts: Sequence[Span]) -> int:
    """Cells that the parts take."""
    return sum(cell_len(text) for text, _ in parts)


def _difference(old: Strip, new: Strip) -> tuple[int, int]:
    """First and last cell that differ; (1, 0) for none."""
    before, after = _cells(old), _cells(new)
    size = min(len(before), len(after))
    first = next((index for index in range(size) if before[index] != after[index]), size)
    if first == size and len(before) == len(after):
        return 1, 0
    last = len(after) - 1
    while last > first and last < len(before) and before[last] == after[last]:
        last -= 1
    return first, last


def _cells(strip: Strip) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for text, style, _ in strip:
        for character in text:
            found.append((character, style))
            found += [("", style)] * (cell_len(character) - 1)
    return found

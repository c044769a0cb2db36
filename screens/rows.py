"""The one row widget: every table, tree, log and list is drawn by it, line by line.

It remembers what stands on each line of the screen and repaints only the lines that became different. Its cursor
sits on a row's key: it stays on its row when rows move, and where the row vanishes it selects nothing until the
operator moves it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.body import Body, ListBody
from screens.paint import Ink, Row, Span, row_segments, span_segments

_INKS: weakref.WeakKeyDictionary[App[object], dict[tuple[str, str], Ink]] = weakref.WeakKeyDictionary()


def ink_of(widget: Widget, ground: str = "background") -> Ink:
    """The styles of the theme in force, resolved once for each theme and ground."""
    inks = _INKS.setdefault(widget.app, {})
    key = (widget.app.theme, ground)
    found = inks.get(key)
    if found is None:
        plain = widget.app.no_color or widget.app.current_theme.ansi
        found = inks[key] = Ink(widget.app.theme_variables, ground, plain=plain)
    return found


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in the border: spans at the upper left, and at the lower left and right."""

    title: tuple[Span, ...] = ()
    foot: tuple[Span, ...] = ()
    left_foot: tuple[Span, ...] = ()


# What stands on one line of the widget; equal means that nothing has to be painted.
_Line = tuple[object, ...]


class Rows(Widget, can_focus=True):
    """A list of rows under fixed head rows, with a cursor; in a frame of its own if `framed`."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Rows { height: 1fr; width: 1fr; background: $background; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="move.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="move.up"),
        Binding("g,home", "end(-1)", "First", show=False, id="move.first"),
        Binding("G,end", "end(1)", "Last", show=False, id="move.last"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="move.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="move.page_up"),
    ]

    class Moved(Message):
        """The cursor went to another row."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self, *, framed: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.framed = framed
        self.sunk = False  # the body is muted: stale data
        self.follow = False  # the cursor keeps to the last row
        self.frame = Frame()
        self.ground = "background"
        self._head: Sequence[Row] = ()
        self._body: Body = ListBody()
        self._top = 0
        self._key = ""  # of the cursor's row, "" before there was one
        self._at = 0  # where that row is or was
        self._moved = False  # by the operator
        self._lost = False  # the row vanished
        self._lines: list[_Line] = []
        self._strips: list[Strip] = []
        self._theme = ""

    # -- what is shown

    def show(self, head: Sequence[Row], body: Body | Sequence[Row]) -> None:
        """Replace the rows; only lines that became different are painted."""
        before = self._at
        self._head = head
        self._body = ListBody(body) if isinstance(body, list | tuple) else body  # type: ignore[assignment]  # a Body else
        self._settle()
        if self._steady:
            self._top += self._at - before
        self._scroll()
        self.repaint()

    def show_frame(self, frame: Frame) -> None:
        """Replace what stands in the border."""
        if frame != self.frame:
            self.frame = frame
            self.repaint()

    @property
    def body(self) -> Body:
        """The rows."""
        return self._body

    @property
    def _steady(self) -> bool:
        """Keep the cursor's line on the screen where it is when rows come or go above it."""
        return False

    # -- the cursor

    @property
    def key(self) -> str:
        """Key of the row that an action would be about: "" for none, one that vanished, or one out of sight."""
        return self._key if self._in_sight and not self._lost else ""

    @property
    def _in_sight(self) -> bool:
        return self._top <= self._at < self._top + self._room

    @property
    def lost(self) -> str:
        """Key of the row that vanished from under the cursor, "" when it did not."""
        return self._key if self._lost else ""

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        index = self._body.index(self.key) if self.key else None
        return None if index is None else self._body.row(index)

    def go(self, key: str) -> bool:
        """Put the cursor on a row; False if there is no such row."""
        index = self._body.index(key)
        if index is None:
            return False
        self._go(index)
        return True

    def action_move(self, delta: int) -> None:
        """To the next selectable row; where there is none, scroll."""
        step = 1 if delta > 0 else -1
        target: int | None = None
        index = self._at
        if not self._in_sight and self._key and not self._lost:
            self._go(index)
            return
        if self._lost:  # the neighbour took the place: that is the first step
            index -= step if step > 0 else 0
        for _ in range(abs(delta)):
            further = self._body.step(index, step)
            if further is None:
                break
            target = index = further
        if target is None:
            self._top += delta
            self._scroll(to_cursor=False)
            self.repaint()
        else:
            self._go(target)

    def action_end(self, direction: int) -> None:
        """To the first or last row."""
        start = -1 if direction < 0 else len(self._body)
        target = self._body.step(start, -direction)
        if target is not None:
            self._go(target)
        else:
            self._top = 0 if direction < 0 else len(self._body)
            self._scroll(to_cursor=False)
            self.repaint()

    def action_page(self, direction: int) -> None:
        """A screenful on."""
        self.action_move(direction * max(1, self._room - 1))

    def _go(self, index: int) -> None:
        self._at = index
        self._key = self._body.row(index).key
        self._moved, self._lost = True, False
        self._scroll()
        self.repaint()
        self.post_message(self.Moved(self))

    def _settle(self) -> None:
        """Find the cursor's row again among new rows."""
        if self.follow:
            last = self._body.step(len(self._body), -1)
            if last is not None:
                self._at, self._key, self._lost = last, self._body.row(last).key, False
                return
        found = self._body.index(self._key) if self._key else None
        if found is not None:
            self._at, self._lost = found, False
        elif self._key and self._moved and self.is_attached and self.screen.focused is self:
            # Also under a dialog: when it closes, the next key must not be about another row.
            self._lost = True
            self._at = min(self._at, max(0, len(self._body) - 1))
        else:
            first = self._body.step(-1, 1)
            self._at = first or 0
            self._key = "" if first is None else self._body.row(first).key
            self._moved, self._lost = False, False

    # -- where things are

    @property
    def _room(self) -> int:
        """Lines for the body."""
        return max(0, self.size.height - (2 if self.framed else 0) - len(self._head))

    @property
    def below(self) -> int:
        """Rows under the last visible one."""
        return max(0, len(self._body) - self._top - self._room)

    def _scroll(self, to_cursor: bool = True) -> None:
        room = self._room
        wanted = to_cursor and (self._moved or self.follow)  # nobody put the cursor where it is otherwise
        if wanted and room and self._key and self._body.index(self._key) is not None:
            if self._at < self._top:
                self._top = self._at
            elif self._at >= self._top + room:
                self._top = self._at - room + 1
            if self._body.step(self._at, -1) is None and self._at < room:
                self._top = 0  # what cannot be selected above the first row is worth seeing
        self._top = max(0, min(self._top, len(self._body) - room))

    # -- painting

    def repaint(self) -> None:
        """Compare what should stand on each line with what does, and repaint the difference."""
        width, height = self.size
        if not width or not height:
            return
        if self._theme != self.app.theme or len(self._lines) != height or len(self._strips) != height:
            self._lines, self._strips = [()] * height, [Strip([])] * height
            self._theme = self.app.theme
        start: int | None = None
        focused = self.has_focus
        for y in range(height):
            line = self._line(y, width, height, focused)
            if line == self._lines[y]:
                if start is not None:
                    self.refresh(Region(0, start, width, y - start))
                    start = None
                continue
            self._lines[y] = line
            self._strips[y] = self._draw(line, width)
            start = y if start is None else start
        if start is not None:
            self.refresh(Region(0, start, width, height - start))

    def _line(self, y: int, width: int, height: int, focused: bool) -> _Line:
        if self.framed:
            if y == 0:
                return ("top", self.frame.title, focused, width)
            if y == height - 1:
                return ("bottom", self.frame.left_foot, self.frame.foot, focused, width)
            y -= 1
        if y < len(self._head):
            return ("row", self._head[y], "", focused, False, width)
        index = self._top + y - len(self._head)
        if index >= len(self._body):
            return ("row", None, "", focused, self.sunk, width)
        row = self._body.row(index)
        here = focused and index == self._at and (row.key != "" or self._lost)
        cursor = ("gone" if self._lost else "here") if here else ""
        return ("row", row, cursor, focused, self.sunk, width)

    def _draw(self, line: _Line, width: int) -> Strip:
        ink = ink_of(self, self.ground)
        if line[0] == "row":
            _, row, cursor, focused, sunk, _ = line
            shown = row if isinstance(row, Row) else None
            return self._draw_row(shown, str(cursor), bool(focused), bool(sunk), width, ink)
        focused = bool(line[-2])
        corners = ("┏━┓" if line[0] == "top" else "┗━┛") if focused else ("╭─╮" if line[0] == "top" else "╰─╯")
        edge = ink.on("border" if focused else "line")
        made = [Segment(corners[0], edge)]
        room = width - 2
        left, right = (line[1], ()) if line[0] == "top" else (line[1], line[2])
        left_part = _label(left, max(0, room - 2), ink)  # type: ignore[arg-type]  # spans by construction
        room -= sum(part.cell_length for part in left_part)
        right_part = _label(right, max(0, room - 2), ink)  # type: ignore[arg-type]  # spans by construction
        room -= sum(part.cell_length for part in right_part)
        if left_part and room > 0:
            made.append(Segment(corners[1], edge))
            room -= 1
        made += left_part
        after = 1 if right_part and room > 0 else 0
        made.append(Segment(corners[1] * max(0, room - after), edge))
        made += right_part
        made.append(Segment(corners[1] * after + corners[2], edge))
        return Strip(made).adjust_cell_length(width, ink.base)

    def _draw_row(self, row: Row | None, cursor: str, focused: bool, sunk: bool, width: int, ink: Ink) -> Strip:
        made: list[Segment] = []
        inner = width - (4 if self.framed else 2)
        side = Segment("┃" if focused else "│", ink.on("border" if focused else "line"))
        ground = {"here": "on cursor", "gone": "on cursor strike"}.get(cursor, "")
        margin = Segment(" ", ink.on(""))
        mark = Segment("▌" if cursor else " ", ink.over("border", ground)) if cursor else margin
        if self.framed:
            made.append(side)
        made.append(mark)
        if inner > 0:
            if row is None:
                made.append(Segment(" " * inner, ink.base))
            else:
                made += row_segments(row, inner, ink, ground=ground, sunk=sunk)
        made.append(Segment(" ", ink.over("", ground)) if cursor else margin)
        if self.framed:
            made.append(side)
        return Strip(made).adjust_cell_length(width, ink.base)

    def render_line(self, y: int) -> Strip:
        """Give the compositor the line as it was drawn last."""
        self._dirty_regions.clear()
        if self._theme != self.app.theme or len(self._strips) != self.size.height:
            self.repaint()
        if y < len(self._strips) and self._strips[y].cell_length:
            return self._strips[y]
        return Strip.blank(self.size.width, ink_of(self, self.ground).base)

    # -- events

    def on_mount(self) -> None:
        """Draw once there is a size."""
        self.repaint()

    def on_resize(self, event: events.Resize) -> None:
        """All lines have another width or place."""
        self._lines = []
        self._scroll()
        self.repaint()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show or hide the cursor."""
        super().watch_has_focus(has_focus)
        if has_focus and self.key:
            self._moved = True  # whoever comes here and sees the cursor on a row has chosen it
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a click never does more."""
        y = event.y - (1 if self.framed else 0) - len(self._head)
        index = self._top + y
        if 0 <= y < self._room and index < len(self._body) and self._body.row(index).key:
            self._go(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel takes the cursor along, so that it is never out of sight."""
        event.stop()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """As down."""
        event.stop()
        self.action_move(-3)


def _label(parts: Sequence[Span], room: int, ink: Ink) -> list[Segment]:
    """Words set into the border, with a cell of space on each side."""
    if not parts or room < 4:
        return []
    inner = sum(Segment(text).cell_length for text, _ in parts)
    return [
        Segment(" ", ink.base),
        *span_segments(parts, min(inner, room - 2), ink),
        Segment(" ", ink.base),
    ]

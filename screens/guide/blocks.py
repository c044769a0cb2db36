"""Rows in blocks of several lines each: the cursor goes from block to block and marks all lines of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events

from screens.body import Body, ListBody
from screens.paint import Row
from screens.rows import Rows, _Line

_SCROLLED = 3  # lines at a time where there is nothing to choose
_KEPT = 2  # lines that stay in sight when a block is longer than the room


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together. `key` "" for a heading, which cannot be selected."""

    key: str
    rows: tuple[Row, ...]


class BlockBody(ListBody):
    """The rows of blocks; the first row of a block carries its key."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        rows: list[Row] = []
        self._ends: dict[int, int] = {}
        for block in blocks:
            start = len(rows)
            for number, row in enumerate(block.rows):
                key = block.key if number == 0 else ""
                rows.append(row if row.key == key else Row(key, row.cells, row.layout, row.sunk))
            if block.key:
                self._ends[start] = len(rows)
        super().__init__(rows)

    def end(self, index: int) -> int:
        """Where the block that begins at `index` ends."""
        return self._ends.get(index, index + 1)


class BlockRows(Rows):
    """A list of blocks. A block longer than the room is scrolled through before the cursor leaves it."""

    _away = False  # scrolled to where no block can be selected

    def show_blocks(self, head: Sequence[Row], blocks: Sequence[Block]) -> None:
        """Replace the rows."""
        self.show(head, BlockBody(blocks))

    @property
    def _end(self) -> int:
        body: Body = self.body
        return body.end(self._at) if isinstance(body, BlockBody) else self._at + 1

    @property
    def _in_sight(self) -> bool:
        return self._at < self._top + self._room and self._end > self._top

    def action_move(self, delta: int) -> None:
        """To the next block, or on within one that goes beyond the edge, or to lines behind the last."""
        step = 1 if delta > 0 else -1
        hidden = self._end - (self._top + self._room) if delta > 0 else self._top - self._at
        if hidden > 0 and self.key:
            self._top += step * min(hidden, max(1, self._room - _KEPT))
            self._moved, self._away = True, False
            self._scroll()
            self.repaint()
            self.post_message(self.Moved(self))
        elif not self._lost and (self._away or self.body.step(self._at, step) is None):
            self._top += step * _SCROLLED
            self._scroll(to_cursor=False)
            self._away = not self._in_sight or delta > 0
            self.repaint()
            self.post_message(self.Moved(self))
        else:
            super().action_move(delta)

    def action_page(self, direction: int) -> None:
        """A screenful on: to the block that is there."""
        aim = self._at + direction * max(1, self._room - 1)
        found = self.body.step(min(max(aim, 0), len(self.body)) - direction, direction)
        if found is None or found == self._at:
            self.action_end(direction)
        else:
            self._go(found)

    def _go(self, index: int) -> None:
        self._away = False
        super()._go(index)

    def _scroll(self, to_cursor: bool = True) -> None:
        room = self._room
        self._away = self._away or not to_cursor
        if not self._away and self._moved and room and self._key and self.body.index(self._key) is not None:
            first, last = self._lead(room), self._end - room
            low, high = min(first, last), max(first, last)
            self._top = max(low, min(self._top, high))
        self._top = max(0, min(self._top, len(self.body) - room))

    def _lead(self, room: int) -> int:
        """The highest line to show with the cursor's block: its headings too, where there is room for both."""
        before = self.body.step(self._at, -1)
        start = 0 if before is None else self.body.end(before) if isinstance(self.body, BlockBody) else self._at
        return start if self._end - start <= room else self._at

    def _line(self, y: int, width: int, height: int, focused: bool) -> _Line:
        line = super()._line(y, width, height, focused)
        if not focused or line[0] != "row" or line[2]:
            return line
        index = self._top + y - (1 if self.framed else 0) - len(self._head)
        if self._head_rows(y) or not self._at < index < self._end or self._lost:
            return line
        return (*line[:2], "beside", *line[3:])

    def _head_rows(self, y: int) -> bool:
        return y - (1 if self.framed else 0) < len(self._head)

    def on_click(self, event: events.Click) -> None:
        """Any line of a block is the block."""
        index = self._top + event.y - (1 if self.framed else 0) - len(self._head)
        if self._head_rows(event.y) or index >= len(self.body) or self.body.row(index).key:
            return  # the row itself is dealt with below
        start = self.body.step(index, -1)
        if start is not None and isinstance(self.body, BlockBody) and index < self.body.end(start):
            self._go(start)

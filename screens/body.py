"""Rows by position and by key: of a list, or made on demand by whoever has more of them than fit a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from screens.paint import Row


class Body(Protocol):
    """Rows by position; made on demand, so that 200,000 of them cost nothing."""

    def __len__(self) -> int:
        """How many."""

    def row(self, index: int) -> Row:
        """The row at that position."""

    def index(self, key: str) -> int | None:
        """Where the row with that key is now."""

    def step(self, index: int, delta: int) -> int | None:
        """The nearest selectable row after `index` in the direction of `delta`, itself not counted."""


class ListBody:
    """Rows of a list."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = rows
        self._places = {row.key: index for index, row in enumerate(rows) if row.key}

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> Row:
        """The row at that position."""
        return self.rows[index]

    def index(self, key: str) -> int | None:
        """Where the row with that key is now."""
        return self._places.get(key)

    def step(self, index: int, delta: int) -> int | None:
        """The next selectable row in that direction."""
        index += delta
        while 0 <= index < len(self.rows):
            if self.rows[index].key:
                return index
            index += delta
        return None

"""Reads that a poll can do without: what failed is said, not repeated in vain, and never fails the poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from cockpit.text import clean

RETRY_S = 60.0
# Want of permission, of the extension, of its columns: only a new connection can have changed that.
_LASTING = ("42501", "42P01", "42703", "42883", "55000", "3F000", "0A000")
# The server was too busy, or somebody holds a lock on the catalogue: for a while.
_PASSING = ("57014", "55P03", "53200", "53400", "25P02", "54000")


class OptionalReads:
    """Remembers by name what failed and until when it is left alone; `forget` at each new connection."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed: dict[str, tuple[float, str]] = {}

    def forget(self) -> None:
        """A new connection: everything may be tried again."""
        self._failed.clear()

    def failed(self, name: str) -> bool:
        """It failed and is left alone for now."""
        until, _ = self._failed.get(name, (0.0, ""))
        return name in self._failed and self._monotonic() < until

    def refuse(self, name: str, note: str) -> None:
        """Leave it alone for the life of this connection, for that reason."""
        self._failed[name] = (float("inf"), note)

    def notes(self) -> tuple[str, ...]:
        """Why things are missing."""
        now = self._monotonic()
        return tuple(note for until, note in self._failed.values() if note and now < until)

    async def read(self, name: str, what: str, read: Callable[[], Awaitable[Sequence[Any]]]) -> Sequence[Any] | None:
        """The rows; None when it fails now or is left alone. Raises what means that the connection is broken."""
        if self.failed(name):
            return None
        try:
            rows = await read()
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            said = clean(str(error).partition("\n")[0], 160)
            if state in _LASTING:
                self._failed[name] = (float("inf"), f"no {what}: {said}")
            elif state in _PASSING:
                self._failed[name] = (self._monotonic() + RETRY_S, f"no {what} for a minute: {said}")
            else:
                raise
            return None
        self._failed.pop(name, None)
        return rows

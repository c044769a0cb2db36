"""The newest entries of a ring that match, found without holding up the event loop."""

from __future__ import annotations

import asyncio

from cockpit.model.logs import Level, LogEntry
from cockpit.polling.logring import LogFilter, LogRing, LogView


class Newest:
    """Asked again and again with other words; keeps nothing between."""

    def __init__(self, ring: LogRing) -> None:
        self._ring = ring

    async def matching(self, text: str, level: Level, limit: int) -> list[LogEntry]:
        """At most `limit`, newest first: all of these words, of this level or worse."""
        view = LogView(self._ring, LogFilter(text=text, level=level))
        while not view.advance() and len(view) < limit:  # noqa: ASYNC110  # nothing is waited for
            await asyncio.sleep(0)  # others get their turn between two pieces
        size = len(view)
        return list(reversed(view.slice(max(0, size - limit), size)))

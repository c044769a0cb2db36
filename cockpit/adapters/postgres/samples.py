"""Where a server has no pg_stat_statements: what its sessions were seen doing, poll after poll."""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from cockpit.adapters.postgres.rows import HIDDEN
from cockpit.model.database import Session, StatementLoad

WINDOW_S = 300.0
_MAX_SAMPLES = 20_000
_TOP = 10
_PREFIX = 500  # characters of a statement that tell it from others; bounds the work on hostile text

_LITERALS = re.compile(
    r"--[^\n]*|/\*.*?\*/"  # comments
    r"|(?P<text>[eE]?'(?:[^']|'')*'?|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r"|(?P<number>(?<![\w$])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b)",
    re.DOTALL,
)
_LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")


@lru_cache(maxsize=1024)
def normalised(query: str) -> str:
    """The statement without its values: literals become ?, lists of them (?), space is collapsed."""
    bare = _LITERALS.sub(lambda match: "?" if match["text"] or match["number"] else " ", query)
    return " ".join(_LISTS.sub("(?)", bare).split())


class Samples:
    """The last five minutes of active statements; each sighting stands for the time since the poll before."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, str, float]] = deque()
        self._weight: dict[str, float] = {}
        self._last: float | None = None

    def add(self, at: float, sessions: Iterable[Session]) -> None:
        """One poll at `at` (seconds, monotonic)."""
        elapsed = 0.0 if self._last is None else min(max(at - self._last, 0.0), 60.0)
        self._last = at
        while self._seen and (self._seen[0][0] < at - WINDOW_S or len(self._seen) > _MAX_SAMPLES):
            _, text, weight = self._seen.popleft()
            left = self._weight.pop(text, 0.0) - weight
            if left > 1e-9:
                self._weight[text] = left
        for session in sessions:
            if session.state == "active" and session.query not in ("", HIDDEN) and not session.own:
                # The first poll knows no interval: the statement's own age says how long it was busy.
                weight = elapsed or min(session.query_age_s or 0.0, 1.0)
                text = normalised(session.query[:_PREFIX])
                self._seen.append((at, text, weight))
                self._weight[text] = self._weight.get(text, 0.0) + weight

    def top(self) -> tuple[StatementLoad, ...]:
        """The ten seen most; times are estimates from the sightings."""
        total = sum(self._weight.values())
        if total <= 0:
            return ()
        return tuple(
            StatementLoad(text, None, weight * 1000.0, None, weight / total)
            for text, weight in heapq.nlargest(_TOP, self._weight.items(), key=lambda item: item[1])
            if weight > 0
        )

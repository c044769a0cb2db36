"""Quotas are shared by everybody in a Google Cloud project. Cloud Logging allows 60 reads a minute: we count those.

Of any API it is remembered when it asked to wait, so that nobody in this process asks before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary

READS_PER_MINUTE = 60
_WINDOW_S = 60.0
_LEAST_S, _LEAST_MOST_S = 0.1, 4.0
_LONGEST_S = 3600.0  # no answer keeps the cockpit from asking for longer


class ReadBudget:
    """Counts reads of the last minute (times in monotonic seconds) and remembers when the server asked to wait."""

    def __init__(self, limit: int = READS_PER_MINUTE) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()
        self._not_before = float("-inf")
        self._refusals = 0

    def wait_s(self, now: float) -> float:
        """Seconds until a read is allowed, 0 for at once."""
        while self._taken and self._taken[0] <= now - _WINDOW_S:
            self._taken.popleft()
        full = self._taken[0] + _WINDOW_S - now if len(self._taken) >= self._limit else 0.0
        return max(0.0, full, self._not_before - now)

    def take(self, now: float) -> bool:
        """Use one read, if one is allowed."""
        if self.wait_s(now) > 0:
            return False
        self._taken.append(now)
        return True

    @property
    def used(self) -> int:
        """Reads counted at the last look."""
        return len(self._taken)

    def refused(self, now: float, retry_after_s: float | None) -> float:
        """The server said 429: wait as long as it says, else 10 s, 20 s, 40 s, at most a minute. Returns the wait."""
        self._refusals += 1
        wait = retry_after_s if retry_after_s is not None else min(60.0, 10.0 * 2 ** (self._refusals - 1))
        self._not_before = max(self._not_before, now + max(1.0, wait))
        return self._not_before - now

    def accepted(self) -> None:
        """A read was answered."""
        self._refusals = 0


_budgets: dict[tuple[str, str], ReadBudget] = {}


def budget_of(base_url: str, project: str, limit: int = READS_PER_MINUTE) -> ReadBudget:
    """The one budget of a project at one API in this process, whoever reads; the first who asks sets its limit."""
    return _budgets.setdefault((base_url, project), ReadBudget(limit))


class Hold:
    """When an API asked one project to wait, until when (monotonic seconds). Only an answer ends the doubling."""

    def __init__(self) -> None:
        self._not_before = float("-inf")
        self._refusals = 0

    def refused(self, now: float, retry_after_s: float | None, first_s: float = 1.0) -> float:
        """It answered 429: wait as long as it says, else `first_s`, doubling to a minute. Returns the wait."""
        self._refusals += 1
        doubled = min(_WINDOW_S, first_s * 2.0 ** min(self._refusals - 1, 6))
        least = min(
            _LEAST_S * 2.0 ** min(self._refusals - 1, 6), _LEAST_MOST_S
        )  # "in 0 s" is no invitation to hammer
        wait = doubled if retry_after_s is None else max(least, retry_after_s)
        self._not_before = max(self._not_before, now + min(wait, _LONGEST_S))
        return self.wait_s(now)

    def answered(self) -> None:
        """It answered something else."""
        self._refusals = 0

    def wait_s(self, now: float) -> float:
        """Seconds until it may be asked, 0 for now."""
        return max(0.0, self._not_before - now)


_holds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Hold]] = WeakKeyDictionary()


def hold_of(api: str, project: str) -> Hold:
    """The one of an API and project, whoever asks: of this event loop, of which a process has one."""
    return _holds.setdefault(asyncio.get_running_loop(), {}).setdefault((api, project), Hold())

"""Quotas are shared by everybody in a Google Cloud project: reads of each API are counted, for all of this process.

Where they are used up, polls wait. An action's own reads count too, and are never held back: what the cockpit grants
itself is a part of what Google grants a project, so that there is always some left for them. Of any API it is also
remembered when it asked to wait, so that nobody in this process asks before.

| API | of the cockpit, a minute | Google's default for a project, a minute | said in |
|---|---|---|---|
| logging | 60 | 60, of late 120 | cloud.google.com/logging/quotas |
| monitoring | 300 | thousands | cloud.google.com/monitoring/quotas |
| run | 300 | counted by region; the console has the number | cloud.google.com/run/quotas |
| sqladmin | 90 | 180 of one user, refused already at the rate of seconds | cloud.google.com/sql/docs/quotas |
| redis | 300 | 3000 | cloud.google.com/memorystore/docs/redis/quotas |
| compute | 300 | 1500 | cloud.google.com/compute/api-quota |
| secretmanager | 240 | 600, values not among them | cloud.google.com/secret-manager/quotas |
| cloudresourcemanager | 60 | 240 (4 a second) | cloud.google.com/resource-manager/docs/limits |

Nothing polls the Resource Manager: its reads are the preflights of actions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary

READS_PER_MINUTE = 60
READS = {
    "run": 300,
    "sqladmin": 90,
    "redis": 300,
    "compute": 300,
    "secretmanager": 240,
    "cloudresourcemanager": 60,
}
READS_HERE = 6000  # of an API that is played on this machine, which nobody shares
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

    def count(self, now: float) -> None:
        """A read that is made whether one is allowed or not. Of those beyond the limit the last ones are kept."""
        self._taken.append(now)
        while len(self._taken) > self._limit or self._taken[0] <= now - _WINDOW_S:
            self._taken.popleft()

    def told_to_wait(self, now: float) -> bool:
        """It is the server that asked to wait; else what there is to wait for is our own count."""
        return self._not_before > now

    @property
    def limit(self) -> int:
        """Reads a minute."""
        return self._limit

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


def reads_of(service: str, base_url: str, project: str, *, simulated: bool) -> ReadBudget | None:
    """That of an API whose reads the transport counts; None for one that counts them itself, or has no quota known.

    Some endpoints serve several APIs: each has its own.
    """
    limit = READS.get(service)
    if limit is None:
        return None
    return budget_of(f"{service} {base_url}", project, READS_HERE if simulated else limit)


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

"""Quotas of others: reads counted by the minute, and when a server asked to wait. Times are monotonic seconds."""

from __future__ import annotations

from collections import deque

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

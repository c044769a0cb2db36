"""Tells a person's deliberate key press from type-ahead, a held key and a paste that arrives as keys."""

from __future__ import annotations

import time

from textual import events

from cockpit.clock import Clock

DEAD_TIME_S = 0.3
SETTLE_S = 0.15
BURST_KEYS = 6
BURST_S = 0.03


class KeyGate:
    """Knows when the card was painted and when keys came; times are moments of reading from the terminal.

    A key counts as deliberate only if nothing was typed for `dead_time_s` before it, painting included. The caller
    then waits `SETTLE_S` and asks `undisturbed`: pasted text has a next character, a person's `y` has none.
    """

    def __init__(self, clock: Clock, dead_time_s: float = DEAD_TIME_S) -> None:
        self._clock = clock
        self._dead_time_s = dead_time_s
        self._quiet_since: float | None = None
        self._count = 0
        self._recent: list[float] = []

    def painted(self) -> None:
        """The card is on the screen: keys count from now on, after the dead time."""
        self._quiet_since = self._clock.monotonic()

    @property
    def open(self) -> bool:
        """The dead time after painting, or after the last key, is over."""
        return self._quiet_since is not None and self._clock.monotonic() - self._quiet_since >= self._dead_time_s

    def press(self, event: events.Key) -> bool:
        """Note a key; True when it may count as deliberate."""
        pressed = self._clock.monotonic() - max(0.0, time.monotonic() - event.time)
        self._count += 1
        self._recent = [*self._recent[-(BURST_KEYS - 1) :], pressed]
        if self._quiet_since is None:
            return False
        calm = pressed - self._quiet_since >= self._dead_time_s
        self._quiet_since = max(self._quiet_since, pressed)
        return calm

    def disturb(self) -> None:
        """Something else arrived (a paste): whatever is pending no longer counts."""
        self._count += 1
        if self._quiet_since is not None:
            self._quiet_since = self._clock.monotonic()

    @property
    def ticket(self) -> int:
        """Changes with every key."""
        return self._count

    def undisturbed(self, ticket: int) -> bool:
        """No key came since `ticket` was taken."""
        return self._count == ticket

    @property
    def burst(self) -> bool:
        """The last keys came faster than fingers: a paste without brackets, or a stalled link that recovered."""
        return len(self._recent) >= BURST_KEYS and self._recent[-1] - self._recent[0] <= BURST_S

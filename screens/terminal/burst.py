"""Tells a paste without brackets from typing: a paste must never run as commands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

LIMIT = 5
WINDOW_S = 0.020
QUIET_S = 0.120

_MOTION = frozenset(
    [
        "up",
        "down",
        "left",
        "right",
        "pageup",
        "pagedown",
        "home",
        "end",
        "shift+up",
        "shift+down",
        "shift+left",
        "shift+right",
    ]
)
# Keys that people hold down. Over a link that hangs for a moment their repeats arrive in one packet.
_HELD = frozenset(
    [
        "j",
        "k",
        "h",
        "l",
        "n",
        "e",
        "N",
        "E",
        "[",
        "]",
        "left_square_bracket",
        "right_square_bracket",
        "tab",
        "shift+tab",
        "backspace",
        "delete",
    ]
)


class KeyBurst:
    """Decides for the keys of each read whether they were typed or pasted. Pure: the caller brings the time.

    More than five presses within 20 ms are no typing. Motion keys do not count (they cannot be in a text), and
    neither do repeats of one key that is held for moving about (`jjjjjjjj`, `nnnn`): those are a key repeat that a
    slow link has bunched together. Repeats of any other key do count: a held `y` is not six confirmations.
    From the first sign until 120 ms of silence everything is swallowed; what follows a bracketed paste at once is
    taken for a part of it (a paste may carry its own end mark).
    """

    def __init__(self) -> None:
        self._presses: deque[float] = deque()
        self._last_key: str | None = None
        self._swallowing = False
        self._quiet_at = 0.0

    @property
    def swallowing(self) -> bool:
        """Whether a paste is going on."""
        return self._swallowing

    def pasted(self, keys: Sequence[str], now: float) -> bool:
        """Whether `keys`, read together at `now` (monotonic seconds), belong to a paste."""
        if not keys:
            return False
        if self.ended(now):
            self._swallowing = False
            self._last_key = None
        if not self._swallowing:
            self._count(keys, now)
            self._swallowing = len(self._presses) > LIMIT
        if self._swallowing:
            self._presses.clear()
            self._quiet_at = now + QUIET_S
        return self._swallowing

    def bracket_ended(self, now: float) -> None:
        """A bracketed paste ended at `now`: keys right behind its end mark came out of it."""
        self._swallowing = True
        self._quiet_at = now + WINDOW_S

    def ended(self, now: float) -> bool:
        """Whether a paste was going on and has been quiet for long enough."""
        return self._swallowing and now >= self._quiet_at

    def _count(self, keys: Sequence[str], now: float) -> None:
        while self._presses and now - self._presses[0] > WINDOW_S:
            self._presses.popleft()
        for key in keys:
            repeat = key == self._last_key and key in _HELD
            self._last_key = key
            if not repeat and key not in _MOTION:
                self._presses.append(now)

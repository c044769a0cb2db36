"""OBSERVE and ARMED: every session starts in OBSERVE; armed is explicit, timed, and drops on idle."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.profile.schema import Arming
from cockpit.text import clean

REASON_LIMIT = 500  # characters


@dataclass(frozen=True, slots=True)
class Mode:
    """`remaining_s` until it drops by time, `idle_s` until it drops for want of a key."""

    armed: bool
    reason: str = ""
    remaining_s: float = 0.0
    idle_s: float = 0.0
    read_only: bool = False


class ModeSwitch:
    """The state behind `Mode`. Time decides: nobody has to be awake for it to drop."""

    def __init__(self, arming: Arming, read_only: bool, clock: Clock) -> None:
        self._arming = arming
        self._read_only = read_only
        self._clock = clock
        self._reason = ""
        self._until = 0.0
        self._idle_until = 0.0

    @property
    def now(self) -> Mode:
        """The mode at this moment."""
        time = self._clock.monotonic()
        remaining, idle = self._until - time, self._idle_until - time
        if self._read_only or remaining <= 0 or idle <= 0:
            return Mode(False, read_only=self._read_only)
        return Mode(True, self._reason, remaining, idle)

    @property
    def default_duration_s(self) -> float:
        """What the profile sets."""
        return self._arming.duration

    def arm(self, reason: str, duration_s: float) -> None:
        """Raises Refused for a read-only profile, or without a reason."""
        if self._read_only:
            raise Refused(
                "mode", "this profile is read-only", hint="It sets read_only = true; nothing can be changed"
            )
        if not reason.strip():
            raise Refused("mode", "arming needs a reason", hint="Say in a few words what you are about to do")
        time = self._clock.monotonic()
        self._reason = clean(reason.strip(), REASON_LIMIT)
        self._until = time + max(1.0, min(duration_s, 8 * 3600.0))
        self._idle_until = time + self._arming.idle

    def disarm(self) -> None:
        """Back to OBSERVE at once."""
        self._until = 0.0

    def touch(self) -> None:
        """Somebody is there. Does not bring back what has dropped."""
        if self.now.armed:
            self._idle_until = self._clock.monotonic() + self._arming.idle

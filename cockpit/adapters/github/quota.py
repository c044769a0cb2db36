"""How much GitHub lets be asked: told in each answer, shared by all that use one token at one host in this process.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: primary limits are counted by hour
(x-ratelimit-*), secondary ones say Retry-After, or nothing: then wait a minute, and longer each time. Whoever goes on
asking may be shut out, so nobody does, not even actions. Of what is left by hour some is kept for actions: polls are
put off before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from cockpit.clock import Clock
from cockpit.errors import PutOff, RateLimited

KEPT = 200  # requests of an hour, for actions and looks
KEPT_SHARE = 0.1  # where the whole is small
_SECONDARY_S = 60.0
_LONGEST_S = 3900.0


class Quota:
    """Of one token at one host. Times in monotonic seconds, but for what GitHub says in seconds since the epoch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limit: int | None = None
        self.left: int | None = None
        self._reset = 0.0  # epoch
        self._not_before = float("-inf")
        self._refusals = 0
        self._why = ""

    def told(self, headers: Mapping[str, str]) -> None:
        """Each answer says how much is left; GraphQL and search have counts of their own."""
        if headers.get("x-ratelimit-resource", "core") != "core":
            return
        limit, left, reset = (_whole(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
        if limit is not None and left is not None and reset is not None:
            self.limit, self.left, self._reset = limit, left, float(reset)

    def answered(self) -> None:
        """It did not refuse."""
        self._refusals = 0

    def refused(self, headers: Mapping[str, str], said: str) -> RateLimited:
        """It refused for the quota: nobody asks until it says. The error to raise."""
        self._refusals += 1
        after = _whole(headers.get("retry-after"))
        reset = _whole(headers.get("x-ratelimit-reset"))
        if after is not None:
            wait = float(after)
        elif headers.get("x-ratelimit-remaining") == "0" and reset is not None:
            wait = reset - self._clock.now().timestamp() + 1
        else:
            wait = _SECONDARY_S * 2.0 ** min(self._refusals - 1, 5)
        wait = min(_LONGEST_S, max(1.0, wait))
        self._not_before = max(self._not_before, self._clock.monotonic() + wait)
        self._why = said
        return RateLimited(
            said, retry_after_s=wait, hint=f"nothing was done; GitHub may be asked again in {wait:.0f} s"
        )

    def check(self) -> None:
        """Before anything is sent. Raises RateLimited while GitHub has asked to wait."""
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            raise RateLimited(
                f"not sent: {self._why}; GitHub asked to wait, {wait:.0f} s are left",
                retry_after_s=wait,
                hint="whoever goes on asking is shut out for longer",
            )

    def may_poll(self) -> None:
        """Before a poll begins. Raises PutOff while what is left of the hour is kept for actions."""
        if self.left is None or self.limit is None:
            return
        wait = self._reset - self._clock.now().timestamp()
        if wait > 0 and self.left <= min(KEPT, self.limit * KEPT_SHARE):
            raise PutOff(
                f"not polled for {wait:.0f} s: {self.left} of {self.limit} requests of this hour are left,"
                " and kept for actions",
                retry_after_s=wait,
                hint="others use this token too, or the interval is short: actions and looks go on",
            )


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 12 else None


_quotas: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Quota]] = WeakKeyDictionary()


def quota_of(base_url: str, token: str, clock: Clock) -> Quota:
    """The one of an address and where its token comes from, for all of this event loop."""
    of_loop = _quotas.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault((base_url, token), Quota(clock))

"""Render's rate limits: of each set of endpoints how much was asked, what is left, and when it asked to wait.

| set | limit | counts |
|---|---|---|
| GET | 400 a minute | all of a user's programs |
| GET /logs and what is below it | 30 a minute | likewise |
| POST, PATCH, DELETE | 30 a minute | likewise |
| deploys, suspend, resume, PATCH of a service | 10 a minute | of one service |

https://api-docs.render.com/reference/rate-limiting. Every answer has Ratelimit-Limit, -Remaining and -Reset; the last
is told to be in seconds since the epoch, and the example there has seconds from now: both are understood. What the
cockpit allows its own polls is less than there is, so that there is always some left for actions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cockpit.adapters.quota import Hold, ReadBudget
from cockpit.errors import PutOff

READS = 300  # of 400: polls of this process
LOG_READS = 24  # of 30
HERE = 6000  # of an API that is played on this machine, which nobody shares
_RESERVE = 0.1  # share of Render's own count that polls leave to actions, whoever used the rest
_EPOCH = 1e9  # a greater number is a moment
_DEPLOYING = re.compile(r"/services/([^/]+)/(?:deploys|rollback|suspend|resume)(?:$|/)")
_PATCHED = re.compile(r"/services/([^/]+)$")


def bucket_of(method: str, path: str) -> str:
    """Which set a request belongs to."""
    if method == "GET":
        return "logs" if path == "/logs" or path.startswith("/logs/") else "reads"
    match = _DEPLOYING.search(path) or (_PATCHED.search(path) if method == "PATCH" else None)
    return f"deploys of {match[1]}" if match else "changes"


class Bucket:
    """One set, as far as this process knows it."""

    def __init__(self, limit: int) -> None:
        self.own = ReadBudget(limit)
        self.hold = Hold()
        self._scarce_until = float("-inf")

    def told(self, now: float, epoch: float, headers: Mapping[str, str]) -> None:
        """What an answer says is left; `epoch` is now in seconds since then."""
        limit, left, reset = (
            _number(headers.get(f"ratelimit-{name}", "")) for name in ("limit", "remaining", "reset")
        )
        if limit is None or left is None or reset is None or limit < 1:
            return
        wait = reset - epoch if reset > _EPOCH else reset
        self._scarce_until = now + min(60.0, max(0.0, wait)) if left <= limit * _RESERVE else float("-inf")

    def poll_wait_s(self, now: float) -> float:
        """Seconds until a poll may begin: by our own count, by Render's, or because it asked to wait."""
        return max(0.0, self.own.wait_s(now), self._scarce_until - now, self.hold.wait_s(now))


class Quota:
    """All sets of one API key."""

    def __init__(self, *, simulated: bool) -> None:
        self._limits = {"reads": HERE if simulated else READS, "logs": HERE if simulated else LOG_READS}
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, name: str) -> Bucket:
        """By name; made at its first use."""
        return self._buckets.setdefault(name, Bucket(self._limits.get(name, HERE)))

    def may_poll(self, now: float, name: str = "reads") -> None:
        """Asked once as a poll begins. Raises PutOff. Nothing that somebody asked for is held back by it."""
        wait = self.bucket(name).poll_wait_s(now)
        if wait > 0:
            raise PutOff(
                f"not polled for {wait:.0f} s: the {name} that Render allows a minute are nearly used up",
                retry_after_s=wait,
                hint="actions go on; give the sources of this workspace a longer interval",
            )


def retry_after(headers: Mapping[str, str], epoch: float) -> float | None:
    """Seconds to wait: Retry-After in seconds, else the end of the window; None where neither is told."""
    waited = _number(headers.get("retry-after", ""))
    if waited is not None:
        return waited
    reset = _number(headers.get("ratelimit-reset", ""))
    if reset is None:
        return None
    return max(0.0, reset - epoch) if reset > _EPOCH else reset


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip()) else None

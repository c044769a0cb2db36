"""What the rules look at: the fresh payloads by type, and the moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness

P = TypeVar("P")

RECENT_S = 60.0
NOTABLE = 0.01  # a smaller share of failures is noise
SETTLE_S = 3.0  # until a change of the traffic is felt everywhere
_ENOUGH = 5  # fewer errors than this are noise


@dataclass(frozen=True, slots=True)
class View:
    """All sources at one moment."""

    states: tuple[SourceState, ...]
    now: float  # seconds since the epoch

    def fresh(self, kind: type[P]) -> Iterator[tuple[SourceState, P]]:
        """Sources whose reading is fresh and of that type."""
        for state in self.states:
            payload = state.reading.payload if state.reading is not None else None
            if state.freshness is Freshness.FRESH and isinstance(payload, kind):
                yield state, payload

    def error_onset(self) -> tuple[float, str] | None:
        """When the errors of the last minute began, and how bad they are; None without notable errors."""
        found = [onset for _, logs in self.fresh(LogStatus) if (onset := _onset(logs, self.now))]
        return min(found, default=None)

    def onset_seen(self, onset: float) -> bool:
        """Whether the log was read before `onset`, too; else the errors may be older than what is known of it."""
        return any(bucket.start < onset for _, logs in self.fresh(LogStatus) for bucket in logs.buckets)

    def fails_after(self, moment: float) -> bool:
        """Whether requests fail now, in a slice of time that lies wholly after `moment`."""
        for _, logs in self.fresh(LogStatus):
            after = [bucket for bucket in logs.buckets if bucket.start >= moment + SETTLE_S][-2:]
            failing = _added(moment, after)
            if failing.errors >= _ENOUGH and failure_share(failing) >= NOTABLE:
                return True
        return False


def recent(logs: LogStatus, now: float, seconds: float) -> LogBucket:
    """The buckets of the last `seconds` added up."""
    return _added(now - seconds, [bucket for bucket in logs.buckets if bucket.start > now - seconds])


def _added(start: float, buckets: Sequence[LogBucket]) -> LogBucket:
    return LogBucket(
        start,
        sum(bucket.total for bucket in buckets),
        sum(bucket.errors for bucket in buckets),
        sum(bucket.requests for bucket in buckets),
        sum(bucket.failed for bucket in buckets),
    )


def failure_share(bucket: LogBucket) -> float:
    """Share of requests that failed, 0..1; of entries that are errors where the log has no requests."""
    if bucket.requests:
        return bucket.failed / bucket.requests
    return bucket.errors / max(bucket.total, 1)


def _onset(logs: LogStatus, now: float) -> tuple[float, str] | None:
    last = recent(logs, now, RECENT_S)
    if last.errors < _ENOUGH or failure_share(last) < NOTABLE:
        return None
    bound = max(failure_share(last) / 4, 0.005)
    onset, quiet = last.start, 0
    for bucket in reversed(logs.buckets):
        if failure_share(bucket) >= bound:
            onset, quiet = bucket.start, 0
        elif bucket.start < last.start:
            quiet += 1
            if quiet >= 3:  # half a minute of peace: what is older is another story
                break
    share = (
        f"{100 * failure_share(last):.0f} % of requests fail" if last.requests else f"{last.errors} errors a minute"
    )
    return onset, share

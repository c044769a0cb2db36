"""Following one log: what came goes into the ring, and a poll says what the last minutes amount to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cockpit.adapters.capabilities import Tailing
from cockpit.clock import Clock
from cockpit.model.logs import Level, LogBatch, LogBucket, LogEntry, LogStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.polling.logring import LogRing
from cockpit.polling.patterns import PatternBook

BUCKET_S = 10
KEPT_S = 24 * 3600
WINDOW_S = 300
RECENT_S = 60
SLICE = 250  # entries counted before the loop gets its turn
CATCH_UP_S = 1.0  # how long one poll goes on reading while there is more
AHEAD_S = 120.0  # entries dated further into the future are counted as of now
MIN_REQUESTS = 20
WARN_SHARE = 0.01
CRIT_SHARE = 0.05


class _Bucket:
    __slots__ = ("errors", "failed", "requests", "total")

    def __init__(self) -> None:
        self.total = self.errors = self.requests = self.failed = 0


class LogFollower:
    """Probing for a Tailing. Severity: the share of requests that failed in the last minute, or in the last five
    where a minute has too few (over 1 % WARN, over 5 % CRIT, from 20 requests on); else WARN for an error that
    was never seen before; else OK.
    """

    def __init__(self, tail: Tailing, ring: LogRing, clock: Clock) -> None:
        self._tail = tail
        self._ring = ring
        self._clock = clock
        self._patterns = PatternBook(WINDOW_S)
        self._backlog: list[LogEntry] = []
        self._buckets: dict[int, _Bucket] = {}
        self._shown: dict[int, LogBucket] = {}
        self._changed: set[int] = set()
        self._newest_at: float | None = None
        self._lag_s: float | None = None

    async def probe(self) -> Observation:
        """Read what came (for about a second at most while there is more), count it, judge it."""
        until = self._clock.monotonic() + CATCH_UP_S
        notes: dict[str, None] = {}
        while True:
            batch = await self._tail.read()
            notes.update(dict.fromkeys(batch.notes))
            await self._take(batch)
            if not batch.more or self._clock.monotonic() >= until:
                break
        return self._observe(tuple(notes))

    async def close(self) -> None:
        """Close the log; the ring keeps what it has."""
        await self._tail.close()

    async def _take(self, batch: LogBatch) -> None:
        # The backlog outlives a cancelled poll: what was read is never lost.
        self._backlog.extend(batch.entries)
        if self._backlog:
            newest = max(entry.at for entry in self._backlog)
            self._newest_at = newest if self._newest_at is None else max(newest, self._newest_at)
            self._lag_s = max(0.0, self._clock.now().timestamp() - newest)
        while self._backlog:
            part = self._backlog[:SLICE]
            del self._backlog[:SLICE]
            self._ring.append(part)
            self._count(part)
            await asyncio.sleep(0)

    def _count(self, entries: Sequence[LogEntry]) -> None:
        now = self._clock.now().timestamp()
        latest, current = now + AHEAD_S, int(now // BUCKET_S)
        oldest_kept = int((now - KEPT_S) // BUCKET_S)
        buckets, changed = self._buckets, self._changed
        index, bucket = -1, _Bucket()
        for entry in entries:
            at = entry.at
            place = int(at // BUCKET_S) if at <= latest else current
            if place <= oldest_kept:
                continue
            if place != index:
                index, bucket = place, buckets.setdefault(place, _Bucket())
                changed.add(place)
            bucket.total += 1
            failed = entry.status >= 500
            if entry.status:
                bucket.requests += 1
                bucket.failed += failed
            if entry.level >= Level.WARNING:
                self._patterns.add(entry)
                bucket.errors += failed or entry.level >= Level.ERROR
            elif failed:
                bucket.errors += 1
        times = [entry.at for entry in entries]
        self._patterns.note(len(times), min(times), max(times))

    def _observe(self, notes: tuple[str, ...]) -> Observation:
        now = self._clock.now().timestamp()
        self._forget(now)
        window = self._sum(now, WINDOW_S)
        recent = self._sum(now, RECENT_S)
        status = LogStatus(
            origin=self._tail.origin,
            kept=len(self._ring),
            received=self._ring.end,
            dropped=self._ring.first,
            errors_window=window.errors,
            total_window=window.total,
            requests_window=window.requests,
            failed_requests_window=window.failed,
            newest_at=self._newest_at,
            lag_s=self._lag_s,
            buckets=self._bucket_values(),
            patterns=self._patterns.top(now),
            notes=notes,
        )
        return _judge(status, window, recent)

    def _bucket_values(self) -> tuple[LogBucket, ...]:
        for place in self._changed:
            bucket = self._buckets.get(place)
            if bucket is not None:
                self._shown[place] = _value(place, bucket)
        self._changed.clear()
        return tuple(self._shown[place] for place in sorted(self._shown))

    def _forget(self, now: float) -> None:
        oldest_kept = int((now - KEPT_S) // BUCKET_S)
        for place in [place for place in self._buckets if place <= oldest_kept]:
            del self._buckets[place]
            self._shown.pop(place, None)

    def _sum(self, now: float, seconds: int) -> _Bucket:
        first = int((now - seconds) // BUCKET_S) + 1
        total = _Bucket()
        for place in range(first, int((now + AHEAD_S) // BUCKET_S) + 1):
            bucket = self._buckets.get(place)
            if bucket is not None:
                total.total += bucket.total
                total.errors += bucket.errors
                total.requests += bucket.requests
                total.failed += bucket.failed
        return total


def _value(place: int, bucket: _Bucket) -> LogBucket:
    start = float(place * BUCKET_S)
    return LogBucket(start, bucket.total, bucket.errors, bucket.requests, bucket.failed)


def _judge(status: LogStatus, window: _Bucket, recent: _Bucket) -> Observation:
    severity = Severity.OK
    words: list[str] = []
    if window.errors:
        words.append(f"{_number(window.errors)} error{'' if window.errors == 1 else 's'}")
    judged = recent if recent.requests >= MIN_REQUESTS else window
    if window.requests >= MIN_REQUESTS:
        share = judged.failed / judged.requests
        severity = Severity.CRIT if share > CRIT_SHARE else Severity.WARN if share > WARN_SHARE else Severity.OK
        over_window = _percent(window.failed / window.requests)
        if window.failed:
            words.append(f"{over_window} of requests")
        if window.failed and judged is recent and _percent(share) != over_window:
            words.append(f"now {_percent(share)}")
    news = [pattern for pattern in status.patterns if pattern.new and pattern.level >= Level.ERROR]
    if news:
        severity = max(severity, Severity.WARN)
        words.append(f"{len(news)} new")
    if not words:
        words.append(f"{_number(window.total)} entries, no errors" if window.total else "quiet for 5 min")
    return Observation(severity, ", ".join(words), status)


def _percent(share: float) -> str:
    percent = share * 100
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", " ")

"""What a poll of a log says: counts, buckets, patterns and the judgement."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import Unreachable
from cockpit.model.logs import Level, LogBatch, LogEntry, LogStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.polling.logfollow import LogFollower
from cockpit.polling.logring import LogRing
from cockpit.polling.patterns import PatternBook, template_of

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = START.timestamp()


class Script:
    """A Tailing that gives what it was handed."""

    origin = "a script"

    def __init__(self) -> None:
        self.batches: deque[LogBatch | Exception] = deque()
        self.closed = False

    def give(self, *entries: LogEntry, notes: tuple[str, ...] = (), more: bool = False) -> None:
        self.batches.append(LogBatch(entries, notes, more))

    async def read(self) -> LogBatch:
        batch = self.batches.popleft() if self.batches else LogBatch(())
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def ring() -> LogRing:
    return LogRing(1000)


@pytest.fixture
def follower(script: Script, ring: LogRing, clock: ManualClock) -> LogFollower:
    return LogFollower(script, ring, clock)


def status_of(observation: Observation) -> LogStatus:
    assert isinstance(observation.payload, LogStatus)
    return observation.payload


def request(at: float, status: int = 200) -> LogEntry:
    level = Level.ERROR if status >= 500 else Level.INFO
    return LogEntry(at, level, "shop", f"GET /cart {status}", status=status)


def message(at: float, text: str, level: Level = Level.ERROR) -> LogEntry:
    return LogEntry(at, level, "shop", text)


async def test_entries_reach_the_ring_and_are_counted(follower: LogFollower, script: Script, ring: LogRing) -> None:
    script.give(request(NOW - 12), request(NOW - 11, 503), message(NOW - 1, "boom"), notes=("file was rotated",))
    observation = await follower.probe()
    status = status_of(observation)
    assert len(ring) == 3
    assert (status.kept, status.received, status.dropped) == (3, 3, 0)
    assert (status.total_window, status.errors_window) == (3, 2)
    assert (status.requests_window, status.failed_requests_window) == (2, 1)
    assert [(bucket.start, bucket.total, bucket.errors, bucket.requests) for bucket in status.buckets] == [
        (NOW - 20, 2, 1, 2),
        (NOW - 10, 1, 1, 0),
    ]
    assert status.newest_at == NOW - 1
    assert status.lag_s == 1.0
    assert status.notes == ("file was rotated",)
    assert observation.summary == "2 errors"


async def test_a_cancelled_poll_loses_no_entry(follower: LogFollower, script: Script, ring: LogRing) -> None:
    script.give(*(request(NOW - 1) for _ in range(900)))
    poll = asyncio.create_task(follower.probe())
    await asyncio.sleep(0)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    assert len(ring) < 900
    status = status_of(await follower.probe())
    assert len(ring) == 900
    assert status.requests_window == 900


async def test_a_poll_reads_on_while_there_is_more(follower: LogFollower, script: Script, ring: LogRing) -> None:
    script.give(request(NOW), more=True)
    script.give(request(NOW), more=True)
    script.give(request(NOW))
    await follower.probe()
    assert len(ring) == 3


async def test_an_error_of_the_log_is_an_error_of_the_poll(follower: LogFollower, script: Script) -> None:
    script.batches.append(Unreachable("gone"))
    with pytest.raises(Unreachable):
        await follower.probe()
    await follower.close()
    assert script.closed


@pytest.mark.parametrize(
    ("good", "bad", "severity"),
    [
        (100, 0, Severity.OK),
        (100, 1, Severity.OK),  # 0.99 %
        (98, 2, Severity.WARN),
        (94, 6, Severity.CRIT),
        (10, 9, Severity.OK),  # too few requests to judge
    ],
)
async def test_the_share_of_failed_requests_decides(
    follower: LogFollower, script: Script, good: int, bad: int, severity: Severity
) -> None:
    script.give(*(request(NOW - 5) for _ in range(good)), *(request(NOW - 5, 500) for _ in range(bad)))
    observation = await follower.probe()
    assert observation.severity is severity


async def test_the_last_minute_decides_where_it_has_enough_requests(
    follower: LogFollower, script: Script, clock: ManualClock
) -> None:
    script.give(*(request(NOW, 500) for _ in range(1841)), *(request(NOW) for _ in range(3004)))
    first = await follower.probe()
    assert (first.severity, first.summary) == (Severity.CRIT, "1 841 errors, 38 % of requests")
    await clock.advance(70)
    script.give(*(request(NOW + 70) for _ in range(50)))
    second = await follower.probe()
    assert second.severity is Severity.OK
    assert second.summary == "1 841 errors, 38 % of requests, now 0 %"
    await clock.advance(300)
    assert (await follower.probe()).summary == "quiet for 5 min"


async def test_an_error_never_seen_before_is_a_warning_and_an_old_one_is_not(
    follower: LogFollower, script: Script, clock: ManualClock
) -> None:
    script.give(message(NOW - 70, "old trouble 17"), message(NOW - 5, "fine", Level.INFO))
    assert (await follower.probe()).severity is Severity.OK
    script.give(message(NOW, "old trouble 18"), message(NOW, "out of memory in worker 3"))
    observation = await follower.probe()
    assert observation.severity is Severity.WARN
    patterns = {pattern.template: pattern for pattern in status_of(observation).patterns}
    assert patterns["old trouble <n>"].count == 2
    assert not patterns["old trouble <n>"].new
    assert patterns["out of memory in worker <n>"].new
    await clock.advance(400)
    assert (await follower.probe()).severity is Severity.OK


async def test_entries_older_than_a_day_are_kept_but_not_counted(
    follower: LogFollower, script: Script, ring: LogRing, clock: ManualClock
) -> None:
    script.give(request(NOW - 90_000), request(NOW))
    assert len(status_of(await follower.probe()).buckets) == 1
    assert len(ring) == 2
    await clock.advance(90_000)
    assert status_of(await follower.probe()).buckets == ()


async def test_an_entry_from_the_future_is_counted_as_of_now(follower: LogFollower, script: Script) -> None:
    script.give(request(NOW + 9000, 500))
    status = status_of(await follower.probe())
    assert [bucket.start for bucket in status.buckets] == [NOW]
    assert status.errors_window == 1
    assert status.lag_s == 0.0


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("order 4711 failed after 1.5 s", "order <n> failed after <n> s"),
        ("user 'bob' can't pay", "user <str> can't pay"),
        ('key "a b" of 10.1.2.3:443', "key <str> of <ip>"),
        ("peer 2001:db8::17 left", "peer <ip> left"),
        ("id 3f2b8c1e-0000-4a4a-9999-0123456789ab gone", "id <uuid> gone"),
        ("at 0xDEADBEEF and deadbeef01", "at <hex> and <hex>"),
        ("at 2026-11-21T04:11:21.123Z", "at <time>"),
        ("std::vector of 12345678901", "std::vector of <n>"),
    ],
)
def test_variable_parts_become_placeholders(text: str, template: str) -> None:
    assert template_of(text) == template


def test_the_number_of_templates_is_bounded_and_the_live_ones_stay() -> None:
    book = PatternBook()
    for number in range(2000):
        word = "".join(chr(97 + int(digit)) for digit in str(number))
        book.add(message(NOW + number / 100, f"trouble {word} here"))
        book.add(message(NOW + number / 100, "the usual"))
    top = book.top(NOW + 20)
    assert len(top) == 20
    assert top[0].template == "the usual"
    assert top[0].count == 2000
    assert len(book._patterns) <= 300


def test_a_new_error_is_shown_even_behind_twenty_frequent_warnings() -> None:
    book = PatternBook()
    book.note(1000, NOW - 100, NOW)
    for number in range(30):
        for _ in range(5):
            book.add(message(NOW, f"warning {chr(97 + number // 26)}{chr(97 + number % 26)}", Level.WARNING))
    book.add(message(NOW, "a single new error"))
    assert "a single new error" in [pattern.template for pattern in book.top(NOW)]

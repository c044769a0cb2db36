"""The ring and its views: whatever is asked, the answer is that of a plain list and a plain loop."""

from __future__ import annotations

import random
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.model.logs import Level, LogEntry
from cockpit.polling import logring
from cockpit.polling.logring import LogFilter, LogRing, LogView

WORDS = ("checkout", "Cart", "ÄRGER", "timeout", "500", "-dash", "İstanbul", "x")


def entries() -> st.SearchStrategy[LogEntry]:
    text = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
    return st.builds(
        LogEntry,
        at=st.integers(0, 100).map(float),
        level=st.sampled_from(list(Level)),
        origin=st.sampled_from(("", "shop-00001", "shop-00002")),
        message=text,
        fields=text,
        client_ip=st.sampled_from(("", "203.0.113.7")),
        status=st.sampled_from((0, 200, 500)),
        latency_ms=st.sampled_from((0.0, 12.5)),
        insert_id=st.sampled_from(("", "a1")),
    )


def filters() -> st.SearchStrategy[LogFilter]:
    word = st.sampled_from(("check", "CART", "ärger", "-timeout", "500", "shop-00002", "-203.0", "-", "nothing"))
    bound = st.none() | st.integers(0, 100).map(float)
    return st.builds(
        LogFilter,
        text=st.lists(word, max_size=3).map(" ".join),
        level=st.sampled_from(list(Level)),
        since=bound,
        until=bound,
    )


def naive(entry: LogEntry, wanted: LogFilter) -> bool:
    """The definition of the filter, as simple as it can be written."""
    columns = (entry.origin, entry.message, entry.client_ip, str(entry.status or ""), entry.insert_id, entry.fields)

    def occurs(word: str) -> bool:
        return any(word in column.lower() for column in columns)

    for word in wanted.text.lower().split():
        if word.startswith("-") and word != "-":
            if occurs(word[1:]):
                return False
        elif not occurs(word):
            return False
    if wanted.since is not None and entry.at < wanted.since:
        return False
    if wanted.until is not None and entry.at > wanted.until:
        return False
    return entry.level >= wanted.level


def entry(number: int, message: str = "GET /", level: Level = Level.INFO, at: float | None = None) -> LogEntry:
    return LogEntry(float(number) if at is None else at, level, "shop", f"{message} {number}")


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logring, "SEGMENT_ENTRIES", 7)


@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(st.lists(entries(), max_size=12), max_size=8),
    wanted=filters(),
    capacity=st.integers(1, 40),
    start=st.integers(0, 8),
    budget=st.integers(1, 30),
)
def test_a_filtered_view_equals_the_naive_filter(
    batches: list[list[LogEntry]], wanted: LogFilter, capacity: int, start: int, budget: int
) -> None:
    original, logring.SEGMENT_ENTRIES = logring.SEGMENT_ENTRIES, 7
    try:
        ring = LogRing(capacity)
        view: LogView | None = None
        everything: list[LogEntry] = []
        for number, batch in enumerate([*batches, []]):
            if number == start:
                view = LogView(ring, wanted)
            ring.append(batch)
            everything.extend(batch)
            if view is not None:
                view.advance(budget)
        view = view or LogView(ring, wanted)
        while not view.advance(budget):
            pass
        first = max(0, len(everything) - capacity)
        expected = [seq for seq in range(first, len(everything)) if naive(everything[seq], wanted)]
        assert (ring.first, ring.end, len(ring)) == (first, len(everything), len(everything) - first)
        assert ring.slice(0, ring.end) == everything[first:]
        assert view.seqs(0, len(view)) == expected
        assert view.slice(0, len(view)) == [everything[seq] for seq in expected]
        assert [item for item in everything[first:] if wanted.matches(item)] == [everything[seq] for seq in expected]
        for seq in range(first, len(everything) + 1):
            assert view.position(seq) == sum(known < seq for known in expected)
    finally:
        logring.SEGMENT_ENTRIES = original


def test_entries_survive_packing_unchanged_and_fall_off_at_the_capacity() -> None:
    ring = LogRing(20)
    made = [
        LogEntry(1.25 + i, Level.ERROR, "o", f"m {i} ␊ ü", '{"a":1}', "2001:db8::1", 503, 0.1, f"id{i}")
        for i in range(50)
    ]
    ring.append(made)
    assert (ring.first, ring.end) == (30, 50)
    assert ring.slice(0, 99) == made[30:]
    assert ring.get(31) == made[31]
    with pytest.raises(IndexError):
        ring.get(29)
    with pytest.raises(IndexError):
        ring.get(50)


def test_uncleaned_separators_do_not_break_the_lines_apart() -> None:
    ring = LogRing(100)
    ring.append([entry(i, "two\nlines \x1f and a unit separator \ud800") for i in range(7)])
    assert [ring.get(i).message[-1] for i in range(7)] == list("0123456")
    assert "\n" not in ring.get(3).message


def test_a_view_finds_the_newest_matches_first() -> None:
    ring = LogRing(1000)
    ring.append(entry(i) for i in range(700))
    view = LogView(ring, LogFilter("GET"))
    assert len(view) == 0
    assert not view.advance(10)
    known = view.seqs(0, len(view))
    assert known[-1] == 699
    assert known == list(range(known[0], 700))
    assert 0 < view.searched < 1


def test_a_line_keeps_its_number_while_older_ones_fall_off() -> None:
    ring = LogRing(100)
    ring.append(entry(i, "odd" if i % 2 else "even") for i in range(100))
    view = LogView(ring, LogFilter("odd"))
    while not view.advance():
        pass
    cursor = view.seqs(0, len(view))[30]
    line = ring.get(cursor)
    ring.append(entry(i, "odd" if i % 2 else "even") for i in range(100, 140))
    while not view.advance():
        pass
    place = view.position(cursor)
    assert place == 10
    assert view.slice(place, place + 1) == [line]


def test_a_view_that_was_not_looked_at_for_long_starts_at_the_newest_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logring, "BEHIND", 50)
    ring = LogRing(1000)
    view = LogView(ring, LogFilter("GET"))
    view.advance()
    ring.append(entry(i) for i in range(200))
    view.advance(7)
    assert view.seqs(0, len(view))[-1] == 199
    while not view.advance(7):
        pass
    assert len(view) == 200


def test_a_filter_without_any_condition_costs_nothing_and_shows_all() -> None:
    ring = LogRing(50)
    ring.append(entry(i) for i in range(80))
    view = LogView(ring)
    assert view.advance(1)
    assert (len(view), view.seqs(0, 2), view.position(40), view.searched) == (50, [30, 31], 10, 1.0)


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_ring_without_room_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        LogRing(capacity)


def test_two_hundred_thousand_entries_fit_in_twenty_megabytes_and_no_advance_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logring, "SEGMENT_ENTRIES", 1000)
    numbers = random.Random(1)
    ring = LogRing()
    for start in range(0, 210_000, 1000):
        ring.append(
            LogEntry(
                1.8e9 + (start + i) / 5000,
                Level.ERROR if i % 9 == 0 else Level.INFO,
                f"shop-0000{i % 3}",
                f"GET /api/cart/{numbers.randrange(10**6)} in {numbers.randrange(900)} ms",
                f'{{"trace":"{numbers.getrandbits(128):032x}","user":{numbers.randrange(10**6)}}}',
                f"10.0.{i % 256}.{numbers.randrange(256)}",
                200,
                numbers.random() * 100,
            )
            for i in range(1000)
        )
    assert len(ring) == 200_000
    assert ring.packed_bytes < 20 * 2**20
    view = LogView(ring, LogFilter("cart -99", Level.ERROR))
    spans: list[float] = []
    done = False
    while not done:
        started = thread_time()
        done = view.advance()
        spans.append(thread_time() - started)
    assert len(view) > 10_000
    # Processor time and the median: the machine may be busy with other things, or collect garbage in a call.
    assert sorted(spans)[len(spans) // 2] < 0.010

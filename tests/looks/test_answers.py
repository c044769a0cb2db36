"""Looks that answer: from a reading that is fresh, old or not there, and through adapters that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cockpit.adapters.capabilities import Fetched, QueryResult
from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused, TimedOut, Unreachable
from cockpit.looks import book as book_module
from cockpit.looks import database, health, logs, redis
from cockpit.looks.book import LookBook
from cockpit.looks.looker import Looker
from cockpit.model.cache import CacheStatus, Keyspace
from cockpit.model.database import DatabaseStatus
from cockpit.model.health import CheckResult, Component, HealthStatus
from cockpit.model.logs import Level, LogBatch, LogEntry, LogStatus
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Failure, Payload, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.polling.logring import LogRing
from cockpit.polling.newest import Newest

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEALTH = HealthStatus(
    "GET",
    "http://shop/health",
    200,
    12.0,
    True,
    components=(Component("db", Severity.OK, "up", children=(Component("pool", Severity.WARN, "full"),)),),
    checks=(CheckResult("jobs.stuck", "7", Severity.CRIT, "> 5"),),
)
DATABASE = DatabaseStatus(
    "h:5432/shop", "16.1", "oncall", False, AT, 100, 3, 42, (("idle", 30), ("active", 12)),
    (("shop", 40), ("other", 2)), (), (), (), (), "samples",
)  # fmt: skip
CACHE = CacheStatus(
    "h:6379/0", "Redis", "7.2", "r", "master", 0, 60, 1 << 20, 2 << 20, 4 << 20, 0, "noeviction", 1.0, 0, 0.0, 0.0,
    0.5, 10, 100, 0, 5.0, (Keyspace(0, 7, 1),), (),
)  # fmt: skip
LOG = LogStatus("projects/p", 3, 3, 0, 0, 3, 0, 0, None, None)


def state(kind: SourceKind, payload: Payload, freshness: Freshness = Freshness.FRESH) -> SourceState:
    reading = Reading(f"{kind.value}/a", kind, AT, 0.01, Severity.WARN, "so it is", payload)
    failure = Failure("unreachable", "the door is shut") if freshness is Freshness.FAILED else None
    return SourceState(f"{kind.value}/a", kind, "a", 1.0, reading, failure, freshness=freshness, age_s=90.0)


class Nothing:
    """An adapter for looks that ask nobody."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a live look asked for {name}")


def live(kind: SourceKind, found: SourceState | None) -> Looker:
    nobody, clock = Nothing(), ManualClock()
    made: dict[SourceKind, Looker] = {
        SourceKind.HEALTH: health.lookers("health/a", nobody, lambda _: found, clock)[0],  # type: ignore[arg-type]
        SourceKind.DATABASE: database.lookers("database/a", nobody, lambda _: found, clock)[0],  # type: ignore[arg-type]
        SourceKind.REDIS: redis.lookers("redis/a", nobody, lambda _: found, clock)[0],  # type: ignore[arg-type]
        SourceKind.LOGS: logs.lookers("logs/a", Newest(LogRing()), lambda _: found, clock)[0],
    }
    return made[kind]


PAYLOADS: list[tuple[SourceKind, Payload, str]] = [
    (SourceKind.HEALTH, HEALTH, "  pool: full"),
    (SourceKind.DATABASE, DATABASE, "   30  idle"),
    (SourceKind.REDIS, CACHE, "db0: 7 keys, 1 expire"),
]


@pytest.mark.parametrize(("kind", "payload", "line"), PAYLOADS)
async def test_a_fresh_reading_is_the_answer(kind: SourceKind, payload: Payload, line: str) -> None:
    looker = live(kind, state(kind, payload))
    sight = await looker.look(LookRequest(looker.spec.id, looker.source))
    assert sight.severity is Severity.WARN and sight.at == AT and line in sight.lines
    assert looker.unavailable() == "" and await looker.choices("x") == ()


@pytest.mark.parametrize(("kind", "payload", "line"), PAYLOADS)
async def test_an_old_reading_says_its_age_first_and_is_not_taken_for_good(
    kind: SourceKind, payload: Payload, line: str
) -> None:
    for freshness, said in ((Freshness.STALE, "nothing newer came"), (Freshness.FAILED, "the door is shut")):
        looker = live(kind, state(kind, payload, freshness))
        sight = await looker.look(LookRequest(looker.spec.id, looker.source))
        assert sight.severity is Severity.UNKNOWN and "90 s old" in sight.lines[0] and said in sight.lines[0]


@pytest.mark.parametrize("kind", [kind for kind, _, _ in PAYLOADS] + [SourceKind.LOGS])
async def test_without_a_reading_there_is_no_answer(kind: SourceKind) -> None:
    for found in (None, SourceState(f"{kind.value}/a", kind, "a", 1.0)):
        looker = live(kind, found)
        with pytest.raises(Unreachable, match="has not been read yet"):
            await looker.look(LookRequest(looker.spec.id, looker.source))
    failed = SourceState(f"{kind.value}/a", kind, "a", 1.0, failure=Failure("timed out", "no answer"))
    with pytest.raises(Unreachable, match="no answer"):
        await live(kind, failed).look(LookRequest("x", "y"))


async def test_sessions_are_counted_by_state_and_database() -> None:
    looker = live(SourceKind.DATABASE, state(SourceKind.DATABASE, DATABASE))
    for params, said in (
        ({}, "42 sessions; 42 of 97 connections used"),
        ({"state": "idle"}, "30 sessions idle;"),
        ({"database": "shop"}, "40 sessions of shop;"),
        ({"state": "zombie"}, "0 sessions zombie;"),
    ):
        assert (await looker.look(LookRequest("database.sessions", "database/a", params))).summary.startswith(said)


async def test_the_newest_entries_of_a_level_with_a_word() -> None:
    ring = LogRing()
    ring.append(LogEntry(1000.0 + n, Level.ERROR if n % 2 else Level.INFO, "api", f"order {n}") for n in range(3000))
    found = state(SourceKind.LOGS, LOG)
    tail = logs.lookers("logs/a", Newest(ring), lambda _: found, ManualClock())[0]
    sight = await tail.look(LookRequest("logs.tail", "logs/a", {"level": "error", "text": "order 29", "limit": "3"}))
    assert [line.rpartition(" ")[2] for line in sight.lines] == ["2999", "2997", "2995"]
    with pytest.raises(Refused, match="is no level"):
        await tail.look(LookRequest("logs.tail", "logs/a", {"level": "loud"}))
    with pytest.raises(Refused, match="limit"):
        await tail.look(LookRequest("logs.tail", "logs/a", {"limit": "-1"}))


class Cloud:
    """Remembers what it was asked."""

    origin = "projects/p"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float, bool]] = []

    async def query(self, wanted: str, limit: int, fresh_s: float, newest_first: bool) -> LogBatch:
        self.asked.append((wanted, limit, fresh_s, newest_first))
        return LogBatch((LogEntry(1.0, Level.ERROR, "api", "boom"),), more=True)


async def test_a_filter_is_asked_with_its_gaps_filled_and_what_could_mean_more_is_refused() -> None:
    cloud = Cloud()
    look = logs.lookers("logs/a", Newest(LogRing()), lambda _: None, ManualClock(), cloud)[1]
    params = {"filter": 'a="{fill1}"', "fill1": "api-1", "limit": "500", "freshness": "2h", "order": "asc"}
    sight = await look.look(LookRequest("logs.query", "logs/a", params))
    assert cloud.asked == [('a="api-1"', 100, 7200.0, False)]
    assert sight.severity is Severity.WARN and sight.cut and "1+ entries in the last 2 h" in sight.summary
    for value in ('x" OR "', "a b", "", "x\ny", "é"):
        with pytest.raises(Refused, match="fill1"):
            await look.look(LookRequest("logs.query", "logs/a", {**params, "fill1": value}))
    for wrong in ({"order": "up"}, {"freshness": "soon"}, {"limit": "many"}):
        with pytest.raises(Refused):
            await look.look(LookRequest("logs.query", "logs/a", {**params, **wrong}))


class Shop:
    """An HTTP service and a database that answer as they are told."""

    url, origin = "http://shop/health", "http://shop:80"

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.status = 200
        self.hang = False

    async def close(self) -> None:
        """Nothing is open."""

    async def fetch(self, method: str, url: str, path: str, contains: str) -> Fetched:
        self.asked.append((method, url, path, contains))
        return Fetched(self.status, 12.0, "application/json", 2, ("7",), False, "7" if path else "", False)

    async def query(self, sql: str, values: Sequence[str] = ()) -> QueryResult:
        self.asked.append((sql, *values))
        if self.hang:
            await asyncio.Event().wait()
        return QueryResult(("id", "state"), (("1", "stuck"), ("10", "NULL")))


async def test_a_path_is_asked_of_the_sources_host_and_a_bad_status_is_critical() -> None:
    shop = Shop()
    look = health.lookers("health/a", shop, lambda _: None, ManualClock())[1]
    sight = await look.look(LookRequest("health.get", "health/a", {"path": "/api/jobs", "json": "jobs.stuck"}))
    assert shop.asked == [("GET", "http://shop:80/api/jobs", "jobs.stuck", "")]
    assert sight.severity is Severity.OK and sight.summary == "200 in 12 ms: jobs.stuck is 7"
    shop.status = 503
    assert (await look.look(LookRequest("health.get", "health/a", {"path": "/x"}))).severity is Severity.CRIT
    for params in ({}, {"path": "/x", "url": "http://shop/x"}, {"path": "//evil/x"}, {"path": "/a b"}):
        with pytest.raises(Refused):
            await look.look(LookRequest("health.get", "health/a", params))


async def test_rows_are_aligned_and_values_go_apart_from_the_statement() -> None:
    shop = Shop()
    look = database.lookers("database/a", shop, lambda _: None, ManualClock())[1]
    sight = await look.look(
        LookRequest("database.query", "database/a", {"sql": "SELECT $1, $2", "fill1": "x", "fill2": "y"})
    )
    assert shop.asked == [("SELECT $1, $2", "x", "y")]
    assert sight.lines == ("id  state", " 1  stuck", "10  NULL") and sight.summary == "2 rows"


async def test_the_book_has_a_deadline_and_a_limit_of_lines_whatever_a_look_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()
    shop.hang = True
    look = database.lookers("database/a", shop, lambda _: None, ManualClock())[1]
    book = LookBook([database.QUERY, database.SESSIONS], [look])
    monkeypatch.setattr(book_module, "DEADLINE_S", 0.05)
    with pytest.raises(TimedOut, match=r"no answer within 0\.05 s"):
        await book.look(LookRequest("database.query", "database/a", {"sql": "SELECT 1"}))

    async def much(request: LookRequest) -> Sight:
        return Sight(Severity.OK, "much", AT, tuple(str(n) for n in range(300)))

    monkeypatch.setattr(look, "look", much)
    sight = await book.look(LookRequest("database.query", "database/a", {"sql": "SELECT 1"}))
    assert len(sight.lines) == 200 and sight.cut
    assert book.spec("database.sessions") is database.SESSIONS and book.sources_for("database.sessions") == ()
    monkeypatch.setattr(look, "unavailable", lambda: "the server is gone")
    with pytest.raises(Refused, match="the server is gone"):
        await book.look(LookRequest("database.query", "database/a", {"sql": "SELECT 1"}))
    with pytest.raises(NotFound):
        book.looker("database.sessions", "database/a")


def test_a_reading_keeps_its_own_severity_when_worse() -> None:
    found = state(SourceKind.REDIS, CACHE, Freshness.STALE)
    assert found.reading is not None
    bad = replace(found, reading=replace(found.reading, severity=Severity.CRIT))
    sight = asyncio.run(live(SourceKind.REDIS, bad).look(LookRequest("redis.state", "redis/a")))
    assert sight.severity is Severity.CRIT

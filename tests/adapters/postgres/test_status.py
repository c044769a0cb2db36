"""Severity and the summary line follow the thresholds of the profile, the worst first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cockpit.adapters.postgres import adapter as adapter_module
from cockpit.adapters.postgres.queries import Query
from cockpit.adapters.postgres.status import duration, judged
from cockpit.model.database import BlockingNode, DatabaseStatus, Session
from cockpit.model.severity import Severity
from cockpit.profile.schema import DatabaseSource

START = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = DatabaseSource(name="main")
SESSION = Session(11, START, "shop", "app", "web", "local", "idle in transaction", "", 46.0, None, 46.0, "x")
STATUS = DatabaseStatus(
    "db:5432/shop", "16.14", "oncall", False, START, 100, 3, 12, (), (), (SESSION,), (), (), (), "pg_stat_statements"
)


def blocking(waiting_s: float, waiters: int) -> tuple[BlockingNode, ...]:
    children = tuple(BlockingNode(replace(SESSION, pid=20 + n), "lock", waiting_s) for n in range(waiters))
    return (BlockingNode(SESSION, "", None, children),)


@pytest.mark.parametrize(
    ("changes", "severity", "summary"),
    [
        ({}, Severity.OK, "12/97 connections"),
        ({"connections": 78}, Severity.WARN, "pool 80 % 78/97"),
        ({"connections": 93}, Severity.CRIT, "pool 95 % 93/97"),
        ({"connections": 97}, Severity.CRIT, "pool full 97/97"),
        ({"connections": 99}, Severity.CRIT, "pool full 99/97"),
        ({"blocking": blocking(4.9, 12)}, Severity.OK, "12/97 connections"),
        ({"blocking": blocking(5.1, 12)}, Severity.WARN, "pid 11 blocks 12"),
        ({"connections": 97, "blocking": blocking(46, 12)}, Severity.CRIT, "pool full 97/97 · pid 11 blocks 12"),
        (
            {"sessions": (replace(SESSION, transaction_age_s=725.0),)},
            Severity.WARN,
            "pid 11 idle in transaction 12 m",
        ),
        (
            {"sessions": (replace(SESSION, state="active", transaction_age_s=90000.0),)},
            Severity.WARN,
            "pid 11 transaction 1 d",
        ),
    ],
)
def test_the_line_says_the_worst_first(changes: dict[str, Any], severity: Severity, summary: str) -> None:
    seen = judged(replace(STATUS, **changes), SOURCE)
    assert (seen.severity, seen.summary) == (severity, summary)


def test_times_are_rounded_down() -> None:
    assert [duration(value) for value in (0.9, 59.9, 60, 3599, 7200, 200000)] == [
        "0 s",
        "59 s",
        "1 m",
        "59 m",
        "2 h",
        "2 d",
    ]


async def test_beyond_the_limit_sessions_are_counted_but_not_listed(
    make_adapter: Any, connect: Any, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_module, "SESSION_LIMIT", 3)
    for number in range(6):
        await connect(database_dsn, f"web-{number}")
    status = (await make_adapter(database_dsn).probe()).payload
    database = database_dsn.rpartition("/")[2]
    assert len(status.sessions) <= 3
    assert status.connections == sum(count for _, count in status.by_state) >= 7
    assert (database, 7) in status.by_database, "the cockpit's own connection counts"
    assert "the list stops at 3 sessions" in status.notes


async def test_where_the_server_does_not_tell_since_when_a_wait_counts_from_its_first_sight(
    make_adapter: Any, connect: Any, background: Any, eventually: Any, database_dsn: str, monkeypatch: Any
) -> None:
    holder, waiter = await connect(database_dsn), await connect(database_dsn)
    await holder.execute("CREATE TABLE queue (n int)")
    await holder.execute("BEGIN; LOCK TABLE queue")
    background(waiter.execute("SELECT * FROM queue"))
    adapter = make_adapter(database_dsn)
    fetch = adapter._link.fetch

    async def as_version_13(query: Query, *args: object) -> Any:
        rows = await fetch(query, *args)
        return [{**row, "waiting": None} for row in rows] if query is Query.LOCKS else rows

    monkeypatch.setattr(adapter._link, "fetch", as_version_13)

    async def waiting() -> float:
        roots = (await adapter.probe()).payload.blocking
        return roots[0].children[0].waiting_s if roots else -1.0

    first = await eventually(waiting, lambda seen: seen >= 0)
    assert first == 0.0
    assert await eventually(waiting, lambda seen: seen > 0.05) < 10.0


def test_the_bounds_that_it_was_judged_by_go_with_the_reading() -> None:
    seen = judged(STATUS, SOURCE.model_copy(update={"pool_warn": 0.5, "pool_critical": 0.6}))
    assert isinstance(seen.payload, DatabaseStatus) and seen.payload.bounds == (0.5, 0.6)

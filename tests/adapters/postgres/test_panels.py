"""The profile's own queries on a real server: what they say, how they are judged, and that no one harms another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cockpit.model.database import DatabaseStatus
from cockpit.model.severity import Severity
from cockpit.profile.database import SqlPanelSpec

Eventually = Callable[..., Awaitable[Any]]


def panel(title: str, query: str, **fields: Any) -> SqlPanelSpec:
    return SqlPanelSpec(title=title, query=query, **{"interval": 1, **fields})


@pytest.fixture
async def jobs(connect: Any, database_dsn: str) -> Any:
    """Ten stuck jobs, three of them of one owner with a hostile name."""
    client = await connect(database_dsn)
    await client.execute(
        "CREATE TABLE job (id int PRIMARY KEY, state text, owner text);"
        "INSERT INTO job SELECT n, 'stuck', CASE WHEN n <= 3 THEN E'\\x1b[31m[/b]\\x07evil' ELSE 'u' || n END"
        " FROM generate_series(1, 10) n"
    )
    return client


async def answered(adapter: Any, eventually: Eventually) -> DatabaseStatus:
    """The status once each panel has said something."""
    seen = await eventually(adapter.probe, lambda seen: not seen.payload.pending)
    status: DatabaseStatus = seen.payload
    return status


async def test_a_value_is_judged_and_rows_are_kept(
    make_adapter: Any, jobs: Any, eventually: Any, database_dsn: str
) -> None:
    specs = (
        panel("stuck", "SELECT count(*) FROM job WHERE state = 'stuck'", warn="> 5", critical="> 50"),
        panel("owners", "SELECT owner, count(*) FROM job GROUP BY 1 ORDER BY 2 DESC", of="rows", rows=2, warn="> 50"),
        panel("free", "SELECT 0.25", unit="%"),
    )
    adapter = make_adapter(database_dsn, panel=specs)
    first = (await adapter.probe()).payload
    assert first.pending and [each.said for each in first.panels] == ["", "", ""], "the poll does not wait for them"
    seen = await eventually(adapter.probe, lambda seen: not seen.payload.pending)
    stuck, owners, free = seen.payload.panels
    assert (stuck.said, stuck.severity, stuck.bound) == ("10", Severity.WARN, "> 5")
    assert stuck.since and seen.severity is Severity.WARN and "stuck: 10" in seen.summary
    assert owners.said == "8" and owners.columns == ("owner", "count") and owners.more
    assert len(owners.rows) == 2 and owners.rows[0][1] == "3" and owners.severity is Severity.OK
    assert "\x1b" not in owners.rows[0][0] and "\x07" not in owners.rows[0][0]
    assert free.said == "0.25" and free.values == (0.25,)


async def test_each_fails_alone_and_says_why(
    make_adapter: Any, jobs: Any, eventually: Any, database_dsn: str
) -> None:
    await jobs.execute("CREATE FUNCTION purge() RETURNS bigint LANGUAGE sql AS 'DELETE FROM job; SELECT 1::bigint'")
    specs = (
        panel("slow", "SELECT count(*) FROM generate_series(1, 1000000000)", timeout=0.2, warn="> 1"),
        panel("gone", "SELECT count(*) FROM nowhere"),
        panel("purge", "SELECT purge()"),
        panel("sleep", "SELECT pg_sleep(60)"),
        panel("locks", "SELECT id FROM job FOR UPDATE"),
        panel("words", "SELECT owner FROM job ORDER BY id DESC", warn="> 1"),
        panel("nothing", "SELECT max(id) FROM job WHERE false", warn="> 1"),
        panel("none", "SELECT id FROM job WHERE false", warn="> 1"),
        panel("zero", "SELECT 1 / (id - 1) FROM job"),
        panel("last", "SELECT count(*) FROM job"),
    )
    adapter = make_adapter(database_dsn, panel=specs)
    status = await answered(adapter, eventually)
    found = {each.title: each for each in status.panels}
    assert "stopped it after 0.2 s" in found["slow"].problem and found["slow"].severity is Severity.UNKNOWN
    assert "nowhere" in found["gone"].problem and found["gone"].severity is Severity.OK, "no bound, so no alarm"
    assert "purge" in found["purge"].problem and "pg_sleep" in found["sleep"].problem
    assert "takes no change" in found["locks"].problem
    assert "no number" in found["words"].problem and found["words"].said == "u10"
    assert (found["nothing"].said, found["nothing"].severity) == ("NULL", Severity.OK)
    assert (found["none"].said, found["none"].severity) == ("nothing", Severity.OK)
    assert "division by zero" in found["zero"].problem
    assert (found["last"].said, found["last"].problem) == ("10", "")
    assert await jobs.fetchval("SELECT count(*) FROM job") == 10


async def test_a_role_without_the_right_is_told_which_one(
    make_adapter: Any, jobs: Any, eventually: Any, database_dsn: str, role: Any
) -> None:
    adapter = make_adapter(role(database_dsn), panel=(panel("stuck", "SELECT count(*) FROM job"),))
    status = await answered(adapter, eventually)
    assert "permission denied" in status.panels[0].problem and "GRANT" in status.panels[0].problem


@pytest.fixture
async def role(jobs: Any) -> AsyncIterator[Callable[[str], str]]:
    """A login that may connect and nothing more."""
    await jobs.execute("DROP ROLE IF EXISTS panel_reader; CREATE ROLE panel_reader LOGIN PASSWORD 'secret'")

    def dsn(whole: str) -> str:
        _, _, rest = whole.partition("@")
        return f"postgresql://panel_reader:secret@{rest}"

    yield dsn
    await jobs.execute("DROP ROLE panel_reader")


async def test_a_bound_that_heals_is_healed_and_one_with_for_waits(
    make_adapter: Any, jobs: Any, eventually: Any, database_dsn: str
) -> None:
    specs = (
        panel("stuck", "SELECT count(*) FROM job WHERE state = 'stuck'", critical="> 5"),
        panel("later", "SELECT count(*) FROM job WHERE state = 'stuck'", critical="> 5", **{"for": "1h"}),
    )
    adapter = make_adapter(database_dsn, panel=specs)
    stuck, later = (await answered(adapter, eventually)).panels
    assert (stuck.severity, later.severity) == (Severity.CRIT, Severity.OK)
    await jobs.execute("UPDATE job SET state = 'done'")
    seen = await eventually(adapter.probe, lambda seen: seen.payload.panels[0].severity is Severity.OK)
    assert seen.payload.panels[0].values[-2:] == (10.0, 0.0) and seen.payload.panels[0].since == 0.0


async def test_a_query_that_hangs_delays_no_poll_and_closing_ends_it(
    make_adapter: Any, jobs: Any, connect: Any, eventually: Any, database_dsn: str
) -> None:
    await jobs.execute("CREATE VIEW endless AS SELECT count(*) FROM generate_series(1, 100000000000)")
    adapter = make_adapter(database_dsn, panel=(panel("endless", "SELECT * FROM endless", timeout=30),), timeout=2.0)
    for _ in range(5):
        assert (await adapter.probe()).payload.pending
    before = len(asyncio.all_tasks())
    await adapter.close()
    assert len(asyncio.all_tasks()) == before - 1
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%endless%' AND state = 'active' AND pid <> $1"
    watcher = await connect(database_dsn)

    async def running() -> int:
        return int(await watcher.fetchval(query, watcher.get_server_pid()))

    assert await eventually(running, lambda count: count == 0) == 0


async def test_doctor_runs_each_once(make_adapter: Any, jobs: Any, database_dsn: str) -> None:
    specs = (panel("jobs", "SELECT count(*) FROM job"), panel("gone", "SELECT 1 FROM nowhere"))
    adapter = make_adapter(database_dsn, panel=specs)
    found = {each.check: each for each in await adapter.diagnose()}
    assert found["jobs"].ok and found["jobs"].detail.startswith("10, in ")
    assert found["gone"].ok is False and "nowhere" in found["gone"].detail

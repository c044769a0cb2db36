"""Statements of others on a real server: what reads is answered, what changes is bounded, what escapes is refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cockpit.adapters.postgres import statements
from cockpit.adapters.postgres.statements import StatementDesk
from cockpit.errors import (
    CockpitError,
    Misconfigured,
    NotFound,
    PermissionDenied,
    Refused,
    TimedOut,
    Unreachable,
)
from cockpit.model.action import Grant
from cockpit.profile.schema import DatabaseSource
from cockpit.sandbox.postgres import PostgresServer

_numbers = itertools.count(1)
MakeDesk = Callable[[str], StatementDesk]


@pytest.fixture
def make_desk(monkeypatch: pytest.MonkeyPatch) -> MakeDesk:
    def make(dsn: str) -> StatementDesk:
        variable = f"STATEMENT_DSN_{next(_numbers)}"
        monkeypatch.setenv(variable, dsn)
        return StatementDesk(DatabaseSource(name="main", dsn=f"env:{variable}"))

    return make


@pytest.fixture
async def jobs(connect: Callable[..., Awaitable[Any]], database_dsn: str) -> Any:
    """A client on a database with fifty jobs, ten of them stuck, and a function that deletes them."""
    client = await connect(database_dsn)
    await client.execute(
        "CREATE TABLE job (id int PRIMARY KEY, state text, at timestamptz DEFAULT now());"
        "INSERT INTO job SELECT n, CASE WHEN n <= 10 THEN 'stuck' ELSE 'done' END FROM generate_series(1, 50) n;"
        "CREATE FUNCTION purge() RETURNS bigint LANGUAGE sql AS 'DELETE FROM job; SELECT 1::bigint';"
    )
    return client


@pytest.fixture
async def watcher(connect: Callable[..., Awaitable[Any]], database_dsn: str) -> Any:
    """Outside of any transaction, where pg_stat_activity does not stand still."""
    return await connect(database_dsn)


async def left(client: Any) -> int:
    return int(await client.fetchval("SELECT count(*) FROM job"))


async def test_a_query_sees_the_tables_of_its_role_and_at_most_a_hundred_rows(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    desk = make_desk(database_dsn)
    found = await desk.query("SELECT id, state FROM job ORDER BY id;")
    assert found.columns == ("id", "state") and len(found.rows) == 50 and not found.cut
    assert found.rows[0] == ("1", "stuck")
    many = await desk.query("SELECT a.id AS x, b.id AS x FROM job a, job b")
    assert many.columns == ("x", "x") and len(many.rows) == 100 and many.cut
    assert desk.server.startswith("127.0.0.1:")


async def test_what_was_filled_in_is_bound_as_the_type_of_its_column(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    desk = make_desk(database_dsn)
    sql = "SELECT count(*) FROM job WHERE id = $1 AND state = $2"
    assert (await desk.query(sql, ["7", "stuck"])).rows == (("1",),)
    assert (await desk.query(sql, ["7", "x' OR 'a' = 'a"])).rows == (("0",),)
    with pytest.raises(Refused, match="fill1 must be a int4"):
        await desk.query(sql, ["7; DROP TABLE job", "stuck"])
    with pytest.raises(Refused, match="2 gaps, 1 were filled"):
        await desk.query(sql, ["7"])


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1; DROP TABLE job", Refused),
        ("SELECT 1 --\r; DROP TABLE job", Refused),
        ("DELETE FROM job", Refused),
        ("CALL purge()", Refused),
        ("DO $$BEGIN DELETE FROM job; END$$", Refused),
        ("COPY job TO PROGRAM 'true'", Refused),
        ("SELECT purge()", Refused),
        ('SELECT "purge"()', Refused),
        ("SELECT public.purge /* x */ ()", Refused),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", Refused),
        ("SELECT query_to_xml('DELETE FROM job', true, true, '')", Refused),
        ("SELECT pg_advisory_lock(1)", Refused),
        ("SELECT set_config('a.b', 'c', false)", Refused),
        ("SELECT pg_read_file('/etc/passwd')", Refused),
        ("WITH gone AS (DELETE FROM job RETURNING 1) SELECT * FROM gone", PermissionDenied),
        ("EXPLAIN ANALYZE DELETE FROM job", PermissionDenied),
        ("SELECT * INTO copy FROM job", PermissionDenied),
        ("SELECT * FROM job FOR UPDATE", PermissionDenied),
        ("SELECT * FROM nowhere", NotFound),
        ("SELECT 1/0", Misconfigured),
        ("SELECT FROM WHERE", Misconfigured),
    ],
)
async def test_what_could_change_anything_is_refused_and_nothing_changed(
    make_desk: MakeDesk, jobs: Any, database_dsn: str, sql: str, error: type[CockpitError]
) -> None:
    with pytest.raises(error):
        await make_desk(database_dsn).query(sql)
    assert await left(jobs) == 50
    assert await jobs.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_a_view_that_deletes_is_stopped_by_the_read_only_transaction(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    await jobs.execute("CREATE VIEW trap AS SELECT purge() AS n")
    with pytest.raises((PermissionDenied, Misconfigured)):
        await make_desk(database_dsn).query("SELECT * FROM trap")
    assert await left(jobs) == 50


async def test_a_slow_query_is_ended_by_the_server_itself(
    make_desk: MakeDesk, jobs: Any, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "QUERY_S", 0.2)
    with pytest.raises(TimedOut, match=r"stopped it after 0\.2 s"):
        await make_desk(database_dsn).query("SELECT count(*) FROM generate_series(1, 1000000000)")


async def test_a_locked_table_does_not_hold_up_the_look(make_desk: MakeDesk, jobs: Any, database_dsn: str) -> None:
    await jobs.execute("BEGIN; LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(TimedOut, match="lock"):
        await make_desk(database_dsn).query("SELECT * FROM job")


async def test_hostile_text_arrives_clean(make_desk: MakeDesk, jobs: Any, database_dsn: str) -> None:
    await jobs.execute("UPDATE job SET state = E'\\x1b]52;c;aGk=\\x07\\u202e' || repeat('x', 5000) WHERE id = 1")
    found = await make_desk(database_dsn).query('SELECT state AS "\x1b[31mred" FROM job WHERE id = 1')
    assert "\x1b" not in found.columns[0] + found.rows[0][0] and "\u202e" not in found.rows[0][0]
    assert len(found.rows[0][0]) < 200


async def test_a_survey_counts_what_a_statement_would_hit_and_changes_nothing(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    desk = make_desk(database_dsn)
    found = await desk.survey("UPDATE job SET state = 'failed' WHERE state = 'stuck' -- why")
    assert (found.matched, found.population, found.table) == (10, 50, "job")
    assert found.permission.grant is Grant.GRANTED and len(found.sample.rows) == 10 and found.explained
    joined = await desk.survey("DELETE FROM job USING job AS other WHERE job.id < 5 AND other.id < 20")
    assert joined.matched == 4, "a row that is met several times goes once"
    added = await desk.survey("INSERT INTO job SELECT id + 100, state FROM job WHERE id < 4")
    assert added.matched == 3
    assert (await desk.survey("TRUNCATE job")).matched == 50
    assert await left(jobs) == 50


async def test_a_survey_tells_of_triggers_and_of_what_follows(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    await jobs.execute(
        "CREATE TABLE note (job int REFERENCES job ON DELETE CASCADE);"
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER tell AFTER DELETE ON job FOR EACH ROW EXECUTE FUNCTION t()"
    )
    found = await make_desk(database_dsn).survey("DELETE FROM job WHERE id = 1")
    assert found.triggers == ("tell",) and found.cascades == ("note",)


async def test_a_change_that_hits_more_than_was_planned_is_rolled_back(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    desk = make_desk(database_dsn)
    assert await desk.execute("DELETE FROM job WHERE state = 'stuck'", 9) == (10, False)
    assert await desk.execute("TRUNCATE job", 49) == (50, False)
    assert await left(jobs) == 50
    assert await desk.execute("DELETE FROM job WHERE state = 'stuck'", 10) == (10, True)
    assert await left(jobs) == 40


@pytest.mark.parametrize("sql", ["SELECT purge()", "UPDATE job SET id = purge()", "DELETE FROM job; DELETE FROM job"])
async def test_a_change_is_one_plain_statement_without_functions_that_act(
    make_desk: MakeDesk, jobs: Any, database_dsn: str, sql: str
) -> None:
    with pytest.raises(Refused):
        await make_desk(database_dsn).execute(sql, 1000)
    assert await left(jobs) == 50


async def test_a_role_that_may_not_or_is_read_only_is_told_so(
    make_desk: MakeDesk, jobs: Any, database_dsn: str, postgres_server: PostgresServer
) -> None:
    await jobs.execute(
        "DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN PASSWORD 'secret'; GRANT SELECT ON job TO looker"
    )
    name = database_dsn.rpartition("/")[2]
    desk = make_desk(postgres_server.dsn(name, user="looker", password="secret"))
    found = await desk.survey("DELETE FROM job")
    assert found.permission.grant is Grant.DENIED and "GRANT DELETE ON job" in found.permission.how
    with pytest.raises(PermissionDenied) as denied:
        await desk.execute("DELETE FROM job WHERE id = 1", 1)
    assert not denied.value.effect_possible
    await jobs.execute("GRANT DELETE ON job TO looker; ALTER ROLE looker SET default_transaction_read_only = on")
    with pytest.raises(PermissionDenied, match="read-only"):
        await desk.execute("DELETE FROM job WHERE id = 1", 1)
    assert await left(jobs) == 50
    await jobs.execute("DROP OWNED BY looker; DROP ROLE looker")


async def test_a_connection_lost_before_the_commit_changed_nothing_for_certain(
    make_desk: MakeDesk, jobs: Any, watcher: Any, database_dsn: str, background: Any, eventually: Any
) -> None:
    await jobs.execute("BEGIN; UPDATE job SET state = state WHERE id = 1")
    running = background(make_desk(database_dsn).execute("DELETE FROM job WHERE id = 1", 1))
    waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'cockpit' AND wait_event_type = 'Lock'"
    pid = await eventually(lambda: watcher.fetchval(waiting), bool)
    await watcher.fetchval("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(Unreachable) as lost:
        await running
    assert not lost.value.effect_possible
    await jobs.execute("ROLLBACK")
    assert await left(jobs) == 50


async def test_a_connection_lost_at_the_commit_leaves_the_outcome_unknown(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    """A deferred trigger ends its own session while the commit is on its way."""
    await jobs.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END';"
        "CREATE CONSTRAINT TRIGGER late AFTER DELETE ON job DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION die()"
    )
    with pytest.raises(CockpitError) as lost:
        await make_desk(database_dsn).execute("DELETE FROM job WHERE id = 1", 1)
    assert lost.value.effect_possible


async def test_a_deferred_constraint_that_fails_at_the_commit_is_a_plain_failure(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    await jobs.execute(
        "CREATE TABLE note (job int REFERENCES job DEFERRABLE INITIALLY DEFERRED); INSERT INTO note VALUES (1)"
    )
    with pytest.raises(Misconfigured) as failed:
        await make_desk(database_dsn).execute("DELETE FROM job WHERE id = 1", 1)
    assert not failed.value.effect_possible
    assert await left(jobs) == 50


async def test_maintenance_gives_up_at_a_lock_and_at_its_limit_and_stops_on_request(
    make_desk: MakeDesk, jobs: Any, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(database_dsn)
    monkeypatch.setattr(statements, "CHANGE_LOCK_TIMEOUT", "50ms")
    assert await desk.maintain("VACUUM (ANALYZE) job", 10.0, lambda: False)
    await jobs.execute("BEGIN; LOCK TABLE job")
    with pytest.raises(TimedOut, match="lock"):
        await desk.maintain("VACUUM FULL job", 10.0, lambda: False)
    monkeypatch.setattr(statements, "CHANGE_LOCK_TIMEOUT", "30s")
    with pytest.raises(TimedOut, match=r"after 0\.1 s"):
        await desk.maintain("VACUUM FULL job", 0.1, lambda: False)
    assert await desk.maintain("VACUUM FULL job", 20.0, lambda: True) is False
    await jobs.execute("ROLLBACK")
    with pytest.raises(Refused):
        await desk.maintain("DELETE FROM job", 10.0, lambda: False)


async def test_a_stopped_maintenance_no_longer_runs_on_the_server(
    make_desk: MakeDesk,
    jobs: Any,
    watcher: Any,
    database_dsn: str,
    eventually: Any,
    background: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "CHANGE_LOCK_TIMEOUT", "30s")
    await jobs.execute("BEGIN; LOCK TABLE job")
    stop = asyncio.Event()
    running = background(make_desk(database_dsn).maintain("VACUUM FULL job", 60.0, stop.is_set))
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cockpit' AND query LIKE 'VACUUM%'"
    await eventually(lambda: watcher.fetchval(count), lambda seen: seen == 1)
    stop.set()
    await eventually(lambda: watcher.fetchval(count), lambda seen: seen == 0)
    assert await running is False


async def test_upkeep_tells_sizes_owners_and_old_transactions(
    make_desk: MakeDesk, jobs: Any, database_dsn: str
) -> None:
    desk = make_desk(database_dsn)
    found = await desk.upkeep("job_pkey")
    assert [table.name for table in found.tables] == ["job"] and found.permission.grant is Grant.GRANTED
    assert (await desk.upkeep(None)).total == 1
    with pytest.raises(NotFound):
        await desk.upkeep("nowhere")


async def test_a_server_that_is_not_there_is_unreachable(make_desk: MakeDesk) -> None:
    with pytest.raises(Unreachable):
        await make_desk("postgresql://u@127.0.0.1:1/x").query("SELECT 1")

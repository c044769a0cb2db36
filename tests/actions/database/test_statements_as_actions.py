"""database.execute and database.maintain on a real server: what a plan says, and what becomes of it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from cockpit.actions import endings, sql, upkeep
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.postgres import statements
from cockpit.adapters.postgres.statements import StatementDesk
from cockpit.clock import SystemClock
from cockpit.errors import NotFound, Refused, TimedOut
from cockpit.model.action import ActionRequest, Outcome, Plan, Tier
from cockpit.model.command import Call, Placeholder, PlaceholderStyle, SqlStatement, Word, Wrapper
from cockpit.profile.schema import DatabaseSource, Limits

SOURCE = "database/main"
CONTROL = RunControl(lambda done, total, note: None, lambda: False)


class Table:
    """Fifty jobs, ten stuck, and the two actions on them."""

    def __init__(self, client: Any, handlers: dict[str, ActionHandler]) -> None:
        self.client, self.handlers = client, handlers

    async def plan(self, action: str, text: str, **params: str) -> Plan:
        return await self.handlers[action].plan(ActionRequest(action, SOURCE, {"sql": text, **params}))

    async def run(self, plan: Plan) -> Any:
        return await self.handlers[plan.request.action].run(plan, CONTROL)

    async def verify(self, plan: Plan, result: Any) -> Any:
        return await self.handlers[plan.request.action].verify(plan, result)


@pytest.fixture
async def table(clients: Any, database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Table:
    client = await clients.connect()
    await client.execute(
        "CREATE TABLE job (id int PRIMARY KEY, state text, at timestamptz DEFAULT now() - interval '1 day');"
        "INSERT INTO job SELECT n, CASE WHEN n <= 10 THEN 'stuck' ELSE 'done' END FROM generate_series(1, 50) n"
    )
    monkeypatch.setenv("STATEMENT_DSN", database_dsn)
    desk = StatementDesk(DatabaseSource(name="main", dsn="env:STATEMENT_DSN"))
    scene, limits = Scene("shop", "production"), Limits(rows=30)
    made = [
        *sql.handlers(SOURCE, desk, scene, limits, SystemClock()),
        *upkeep.handlers(SOURCE, desk, scene, limits, SystemClock()),
    ]
    return Table(client, {handler.spec.id: handler for handler in made})


STUCK = "UPDATE job SET state = 'failed' WHERE state = 'stuck' AND at < now() - interval '1 hour'"


async def test_a_plan_shows_the_exact_statement_its_rows_and_the_way_to_keep_them(table: Table) -> None:
    plan = await table.plan("database.execute", f"{STUCK};\n")
    assert plan.tier is Tier.T3 and plan.refusals == () and plan.warnings == ()
    assert (plan.count, plan.population) == (10, 50)
    assert STUCK in plan.operation and "more than 11 rows" in plan.operation[2]
    assert plan.objects[0] == "10 rows of 50, the first 10:" and "state=stuck" in plan.objects[1]
    assert "\\copy (SELECT job.* FROM job WHERE state" in plan.equivalent[1]
    assert plan.request.get("at_most") == "11"
    assert plan.digest == (await table.plan("database.execute", STUCK, at_most="11")).digest


async def test_rows_that_came_or_went_since_leave_the_same_plan_up_to_its_ceiling(table: Table) -> None:
    plan = await table.plan("database.execute", STUCK)
    await table.client.execute("UPDATE job SET state = 'stuck' WHERE id = 11")
    again = await table.handlers["database.execute"].plan(plan.request)
    assert again.digest == plan.digest and again.refusals == ()
    await table.client.execute("UPDATE job SET state = 'stuck' WHERE id = 12")
    result = await table.run(plan)
    assert result.outcome is Outcome.FAILED and "rolled back, nothing changed: it hit 12 rows" in result.summary
    assert await table.client.fetchval("SELECT count(*) FROM job WHERE state = 'stuck'") == 12
    late = await table.handlers["database.execute"].plan(plan.request)
    assert "more than when it was planned" in late.refusals[0].reason


async def test_rows_that_vanished_between_plan_and_run_are_said(table: Table) -> None:
    plan = await table.plan("database.execute", STUCK)
    await table.client.execute("UPDATE job SET state = 'done'")
    result = await table.run(plan)
    assert result.outcome is Outcome.FAILED and result.summary == "no row matched any more: nothing changed"
    assert "no row matches" in (await table.plan("database.execute", STUCK)).refusals[0].reason


@pytest.mark.parametrize(
    ("text", "tier", "warning"),
    [
        ("UPDATE job SET state = 'x' WHERE id < 5", Tier.T3, "no time bound"),
        ("DELETE FROM job", Tier.T4, "no WHERE"),
        ("TRUNCATE job", Tier.T4, "over the cap of 30"),
        ("DROP TABLE job", Tier.T4, "over the cap of 30"),
        ("DELETE FROM job WHERE id < 32", Tier.T4, "31 rows are over the cap of 30: needs T4"),
        ("DELETE FROM job WHERE id < 29", Tier.T4, "56 % of the table is over the cap of 50 %: needs T4"),
    ],
)
async def test_the_tier_rises_with_what_is_hit(table: Table, text: str, tier: Tier, warning: str) -> None:
    plan = await table.plan("database.execute", text)
    assert plan.tier is tier
    assert any(warning in each for each in plan.warnings), plan.warnings


async def test_deleting_succeeds_and_is_seen(table: Table) -> None:
    plan = await table.plan("database.execute", "DELETE FROM job WHERE id <= 3")
    result = await table.run(plan)
    assert result.outcome is Outcome.SUCCEEDED and result.done == 3
    assert (await table.verify(plan, result)).holds is True
    gone = await table.plan("database.execute", "DROP TABLE job")
    result = await table.run(gone)
    assert result.outcome is Outcome.SUCCEEDED and (await table.verify(gone, result)).holds is True
    with pytest.raises(NotFound, match="no table job"):
        await table.plan("database.execute", "DELETE FROM job WHERE id = 1")


async def test_an_update_whose_condition_stays_true_is_not_called_verified(table: Table) -> None:
    plan = await table.plan("database.execute", "UPDATE job SET state = 'x' WHERE id < 5")
    assert (await table.verify(plan, await table.run(plan))).holds is None


async def test_a_lock_held_by_others_fails_without_effect(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "CHANGE_LOCK_TIMEOUT", "50ms")
    plan = await table.plan("database.execute", STUCK)
    await table.client.execute("BEGIN; UPDATE job SET state = state WHERE id = 1")
    with pytest.raises(TimedOut) as late:
        await table.run(plan)
    assert not late.value.effect_possible
    await table.client.execute("ROLLBACK")


@pytest.mark.parametrize(
    "text", ["SELECT 1", "DELETE FROM job; DROP TABLE job", "ALTER TABLE job ADD x int", "VACUUM"]
)
async def test_other_statements_are_refused_before_anything_is_asked(table: Table, text: str) -> None:
    with pytest.raises(Refused):
        await table.plan("database.execute", text)


async def test_a_full_vacuum_weighs_more_and_says_what_it_locks_and_who_is_in_its_way(table: Table) -> None:
    light = await table.plan("database.maintain", "VACUUM ANALYZE")
    assert light.tier is Tier.T2 and light.request.get("within") == "10m" and light.deadline_s > 600
    heavy = await table.plan("database.maintain", "VACUUM FULL job", within="1m")
    assert heavy.tier is Tier.T3 and any("nobody reads or writes" in each for each in heavy.warnings)
    assert heavy.objects[0].startswith("job: ") and "SET statement_timeout = '60s'" in heavy.operation
    result = await table.run(heavy)
    assert result.outcome is Outcome.SUCCEEDED
    seen = await table.verify(heavy, result)
    assert seen.holds is True and seen.text.startswith("size ")
    for wrong in ("VACUUM job; DROP TABLE job", "VACUUM (WHAT) job", "DELETE FROM job"):
        with pytest.raises(Refused):
            await table.plan("database.maintain", wrong)
    with pytest.raises(Refused, match="between 1s and 6h"):
        await table.plan("database.maintain", "VACUUM", within="7h")


def statement(text: str, *marks: Placeholder, reads: bool = False, **flags: tuple[str, ...]) -> Call:
    within = (Wrapper("docker exec", "db"), Wrapper("psql", "h", {"-h": ("h",), "-d": ("shop",), **flags}))
    words = tuple(Word(mark.spelled, mark.spelled, (mark,)) for mark in marks)
    return Call(
        "sql", text.split()[0], words=words, text=text, within=within, statement=SqlStatement("", text, reads)
    )


def first(call: Call) -> Any:
    declared = (*endings.REPLACES, *sql.REPLACES, *upkeep.REPLACES)
    return next((found for each in declared if (found := each.understand(call)) is not None), None)


IDLE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND "


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        (f"{IDLE}state_change < now() - interval '10 minutes'", "terminate_idle", {"older_than": "10m"}),
        (
            f"{IDLE}datname = 'shop' AND query_start < NOW() - INTERVAL '2 hours' AND pid <> pg_backend_pid();",
            "terminate_idle",
            {"older_than": "2h", "database": "shop"},
        ),
        (
            f"{IDLE}datname = current_database()\n AND current_timestamp - state_change > interval '90 s'",
            "terminate_idle",
            {"older_than": "90s", "database": "@connected"},
        ),
        ("SELECT pg_terminate_backend(4711)", "terminate", {"pid": "4711"}),
        ("select pg_cancel_backend( 7 );", "cancel", {"pid": "7"}),
        ("DELETE FROM job WHERE id = 1", "execute", {"sql": "DELETE FROM job WHERE id = 1"}),
        ("VACUUM FULL", "maintain", {"sql": "VACUUM FULL"}),
    ],
)
def test_sql_of_a_runbook_finds_its_action(text: str, name: str, params: dict[str, str]) -> None:
    found = first(statement(text))
    assert found.name == f"database.{name}" and dict(found.params) == params
    assert dict(found.target) == {"container": "db", "host": "h", "database": "shop"}
    assert ("state_change" in found.differs) == ("query_start" in text)


@pytest.mark.parametrize(
    "text",
    [
        IDLE.removesuffix(" AND "),
        f"{IDLE}state_change < now() - interval '10 minutes' OR true",
        f"{IDLE}usename = 'app' AND state_change < now() - interval '10 minutes'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        " AND state_change < now() - interval '1 hour'",
        "SELECT pg_terminate_backend(1), pg_terminate_backend(2)",
        "SELECT pg_terminate_backend(1); DROP TABLE x",
        "UPDATE a SET b = 1; UPDATE c SET d = 1",
        "WITH x AS (SELECT 1) DELETE FROM a",
        "VACUUM a, b",
        "DROP DATABASE shop",
    ],
)
def test_what_says_more_than_an_action_does_is_left_to_others(text: str) -> None:
    assert first(statement(text)) is None


def test_a_pid_to_fill_in_is_asked_for_and_a_gap_in_a_change_is_not_guessed() -> None:
    mark = Placeholder("pid", "<pid>", PlaceholderStyle.ANGLE)
    found = first(statement("SELECT pg_terminate_backend(<pid>)", mark))
    assert found.name == "database.terminate" and found.asks["pid"] is mark
    assert first(statement("SELECT pg_cancel_backend(PID)")).asks["pid"].name == "PID"
    assert first(statement("DELETE FROM job WHERE id = '<pid>'", mark)) is None


def test_an_unbounded_change_is_as_grave_as_its_plan_will_be() -> None:
    assert first(statement("DELETE FROM job")).tier is Tier.T4
    assert first(statement("DELETE FROM job WHERE id = 1")).tier is Tier.T3
    assert first(statement("VACUUM FULL")).tier is Tier.T3 and first(statement("VACUUM")).tier is Tier.T2


async def test_sessions_are_offered_where_a_pid_is_open(desk: Any, clients: Any) -> None:
    client: asyncpg.Connection = await clients.connect("checkout")
    choices = await desk.handlers["database.terminate"].choices("pid")
    assert str(client.get_server_pid()) in [choice.value for choice in choices]
    assert any("checkout" in choice.label for choice in choices)
    assert await desk.handlers["database.cancel"].choices("other") == ()


async def test_the_connected_database_can_be_meant_without_its_name(
    desk: Any, clients: Any, database_dsn: str
) -> None:
    client = await clients.connect("lazy")
    await client.execute("SELECT 1")

    async def pins() -> str:
        plan = await desk.plan("database.terminate_idle", older_than="0s", database=endings.THIS_DATABASE)
        assert plan.request.get("database") == database_dsn.rpartition("/")[2]
        return str(plan.request.get("sessions"))

    assert f"{client.get_server_pid()}@" in await pins()

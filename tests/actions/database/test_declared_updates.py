"""database.update on a real server: the profile's own changes, by the rules of every statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cockpit.actions import sqlupdate
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.postgres.statements import StatementDesk
from cockpit.clock import SystemClock
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Grant, Outcome, ParamKind, Plan, Tier
from cockpit.profile.database import SqlInput, SqlUpdateSpec
from cockpit.profile.schema import DatabaseSource, Limits

SOURCE = "database/main"
CONTROL = RunControl(lambda done, total, note: None, lambda: False)
FREE = SqlUpdateSpec(
    name="free",
    title="Free stuck jobs",
    statement="UPDATE job SET state = 'failed' WHERE state = 'stuck' AND at < now() - make_interval(mins => $1)",
    input=(SqlInput(name="minutes", kind="integer", help="older than"),),
    affects="whoever waits for these jobs",
    undo="set state back for the ids that were kept",
    tier="T2",
)
OWNED = SqlUpdateSpec(
    name="owned",
    title="Give jobs away",
    statement="UPDATE job SET owner = $2 WHERE owner = $1 AND id >-$3",
    input=(SqlInput(name="from"), SqlInput(name="to"), SqlInput(name="above", kind="number")),
)
BROAD = SqlUpdateSpec(name="broad", title="All", statement="DELETE FROM job WHERE id > 0", tier="T2")
Make = Callable[..., ActionHandler]


@pytest.fixture
async def jobs(clients: Any) -> Any:
    client = await clients.connect()
    await client.execute(
        "CREATE TABLE job (id int PRIMARY KEY, state text, owner text, at timestamptz);"
        "INSERT INTO job SELECT n, CASE WHEN n <= 10 THEN 'stuck' ELSE 'done' END, 'ann', now() - interval '1 h'"
        " FROM generate_series(1, 50) n"
    )
    return client


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, database_dsn: str) -> Make:
    def made(*declared: SqlUpdateSpec, dsn: str = database_dsn) -> ActionHandler:
        monkeypatch.setenv("UPDATE_DSN", dsn)
        desk = StatementDesk(DatabaseSource(name="main", dsn="env:UPDATE_DSN"))
        scene, limits = Scene("shop", "production"), Limits(rows=30)
        (handler,) = sqlupdate.handlers(SOURCE, declared, desk, scene, limits, SystemClock())
        return handler

    return made


async def planned(handler: ActionHandler, name: str, **values: str) -> Plan:
    return await handler.plan(ActionRequest("database.update", SOURCE, {"name": name, **values}))


async def test_it_is_planned_as_declared_and_run_by_the_rules_of_every_statement(make: Make, jobs: Any) -> None:
    handler = make(FREE, OWNED)
    assert [choice.value for choice in await handler.choices("name")] == ["free", "owned"]
    kinds = {param.name: param.kind for param in handler.spec.params}
    assert kinds["minutes"] is ParamKind.INTEGER and kinds["from"] is ParamKind.TEXT
    plan = await planned(handler, "free", minutes="30")
    assert (plan.title, plan.tier, plan.count, plan.population) == ("Free stuck jobs", Tier.T2, 10, 50)
    assert plan.affected == "whoever waits for these jobs" and plan.undo.text.startswith("set state back")
    assert any("make_interval(mins => 30 )" in line for line in plan.operation) and plan.dry_run
    assert dict(plan.request.params) == {"name": "free", "minutes": "30", "at_most": "11"}
    assert "\\copy" in plan.equivalent[1]
    again = await handler.plan(plan.request)
    assert again.digest == plan.digest
    result = await handler.run(plan, CONTROL)
    assert (result.outcome, result.done) == (Outcome.SUCCEEDED, 10)
    assert (await handler.verify(plan, result)).holds is True
    assert await jobs.fetchval("SELECT count(*) FROM job WHERE state = 'failed'") == 10


async def test_more_rows_than_planned_are_rolled_back(make: Make, jobs: Any) -> None:
    handler = make(FREE)
    plan = await planned(handler, "free", minutes="30")
    await jobs.execute("UPDATE job SET state = 'stuck' WHERE id <= 20")
    result = await handler.run(plan, CONTROL)
    assert result.outcome is Outcome.FAILED and "rolled back" in result.summary
    assert await jobs.fetchval("SELECT count(*) FROM job WHERE state = 'failed'") == 0


async def test_over_the_cap_it_needs_the_next_tier(make: Make, jobs: Any) -> None:
    plan = await planned(make(BROAD), "broad")
    assert plan.tier is Tier.T3
    assert any(each.endswith("over the cap of 30: needs T3") for each in plan.warnings)


@pytest.mark.parametrize(
    "hostile", ["ann' OR '1'='1", "'; DROP TABLE job; --", "$1", "$$ || $$", "a--b", "/*", "[b]x[/]", "%s {0}"]
)
async def test_a_value_is_only_ever_a_value(make: Make, jobs: Any, hostile: str) -> None:
    handler = make(OWNED)
    plan = await planned(handler, "owned", **{"from": "ann", "to": hostile, "above": "-40"})
    assert plan.count == 10, "two dashes in a row would have been a comment"
    assert (await handler.run(plan, CONTROL)).done == 10
    assert await jobs.fetchval("SELECT count(*) FROM job WHERE owner = $1", hostile) == 10
    nobody = await planned(handler, "owned", **{"from": hostile + "x", "to": "x", "above": "0"})
    assert nobody.refusals[0].reason.startswith("no row matches")


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("free", {}, "minutes is needed"),
        ("free", {"minutes": "30; DROP TABLE job"}, "whole number"),
        ("free", {"minutes": "1.5"}, "whole number"),
        ("free", {"minutes": "٣"}, "whole number"),
        ("free", {"minutes": "1", "to": "x"}, "asks for no to"),
        ("owned", {"from": "a\\", "to": "b", "above": "1"}, "plain text"),
        ("owned", {"from": "a\nb", "to": "b", "above": "1"}, "plain text"),
        ("owned", {"from": "a", "to": "b", "above": "1e400"}, "a number"),
        ("other", {}, "no database.update 'other'"),
    ],
)
async def test_what_does_not_fit_is_refused(
    make: Make, jobs: Any, name: str, values: dict[str, str], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        await planned(make(FREE, OWNED), name, **values)


async def test_a_role_that_may_not_is_told_before(make: Make, jobs: Any, database_dsn: str) -> None:
    await jobs.execute("DROP ROLE IF EXISTS update_reader; CREATE ROLE update_reader LOGIN PASSWORD 'secret'")
    try:
        await jobs.execute("GRANT SELECT ON job TO update_reader")
        dsn = f"postgresql://update_reader:secret@{database_dsn.partition('@')[2]}"
        plan = await planned(make(FREE, dsn=dsn), "free", minutes="5")
        assert plan.permission.grant is Grant.DENIED and "GRANT UPDATE" in plan.permission.how
    finally:
        await jobs.execute("DROP OWNED BY update_reader; DROP ROLE update_reader")


async def test_without_a_declared_change_there_is_no_action() -> None:
    desk = StatementDesk(DatabaseSource(name="main"))
    assert sqlupdate.handlers(SOURCE, (), desk, Scene("shop", "production"), Limits(), SystemClock()) == []

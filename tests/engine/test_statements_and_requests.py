"""The actions that only a runbook or a command line reaches, on the real servers of the sandbox: SQL and HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.errors import NotFound, Refused
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.command import Call, Word
from cockpit.model.look import LookRequest
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.system import Sandbox, Tempo

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHY = "as the runbook says"


class Scene:
    """The sandbox with an engine on it, and the superuser's eyes."""

    def __init__(self, sandbox: Sandbox, engine: Engine) -> None:
        self.sandbox, self.engine = sandbox, engine

    async def sql(self, text: str) -> Any:
        assert self.sandbox.postgres is not None
        admin = await asyncpg.connect(self.sandbox.postgres.dsn("shop"))
        try:
            return await admin.fetchval(text) if text.startswith("SELECT") else await admin.execute(text)
        finally:
            await admin.close()

    async def tasks(self) -> None:
        """A table that the cockpit's role owns: thirty rows, ten of them stuck."""
        await self.sql(
            "DROP TABLE IF EXISTS task; CREATE TABLE task (id int PRIMARY KEY, state text);"
            "INSERT INTO task SELECT n, CASE WHEN n <= 10 THEN 'stuck' ELSE 'done' END FROM generate_series(1, 30) n;"
            "ALTER TABLE task OWNER TO oncall"
        )

    async def fresh(self, source: str) -> None:
        self.engine.hub.poll_now(source)
        for _ in range(3000):
            state = self.engine.hub.state(source)
            if state is not None and state.freshness is Freshness.FRESH:
                return
            await self.engine.clock.sleep(0.005)
        pytest.fail(f"{source} never became fresh")

    async def do(self, action: str, source: str, **params: str) -> Record:
        """Plan it, give what the plan asks for, and run it."""
        await self.fresh(source)
        await self.engine.executor.arm(WHY)
        planned = await self.engine.executor.plan(ActionRequest(action, source, params))
        assert planned.refusals == (), planned.refusals
        return await self.engine.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("statements")
    sandbox = await Sandbox.start(folder / "shop", tempo=Tempo(settle_s=0.1, reads_per_minute=600))
    try:
        if sandbox.postgres is None or sandbox.redis is None or sandbox.profile is None:
            pytest.skip("needs PostgreSQL and Redis")
        async with Engine(load(sandbox.profile), state_dir=folder / "state") as engine:
            yield Scene(sandbox, engine)
    finally:
        await sandbox.close()


async def test_an_update_is_planned_with_its_rows_confirmed_committed_and_seen(scene: Scene) -> None:
    await scene.tasks()
    sql = "UPDATE task SET state = 'failed' WHERE state = 'stuck'"
    record = await scene.do("database.execute", "database/shop", sql=sql)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.plan.tier is Tier.T3 and record.plan.count == 10 and record.plan.population == 30
    assert any("no time bound" in warning for warning in record.plan.warnings)
    assert record.verification is not None and record.verification.holds is True
    assert await scene.sql("SELECT count(*) FROM task WHERE state = 'failed'") == 10
    assert record.undo is not None and record.undo.request is None and record.undo.text.startswith("none:")


async def test_a_table_that_is_not_ours_is_refused_for_want_of_the_right(scene: Scene) -> None:
    await scene.sql("DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (id int); INSERT INTO ledger VALUES (1)")
    await scene.fresh("database/shop")
    await scene.engine.executor.arm(WHY)
    for action, sql in (("database.execute", "DELETE FROM ledger"), ("database.maintain", "VACUUM ledger")):
        planned = await scene.engine.executor.plan(ActionRequest(action, "database/shop", {"sql": sql}))
        assert "permission" in [refusal.step for refusal in planned.refusals]
    assert await scene.sql("SELECT count(*) FROM ledger") == 1


async def test_a_vacuum_runs_outside_a_transaction(scene: Scene) -> None:
    await scene.tasks()
    record = await scene.do("database.maintain", "database/shop", sql="VACUUM (ANALYZE) task")
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.plan.tier is Tier.T2 and "SHARE UPDATE EXCLUSIVE" in record.plan.affected
    assert await scene.sql("SELECT reltuples::int FROM pg_class WHERE relname = 'task'") == 30


async def test_a_literal_request_goes_to_the_shop_with_its_secret_from_the_environment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_TOKEN", scene.sandbox.admin_token)
    record = await scene.do(
        "health.send",
        "health/shop",
        method="POST",
        path="/admin/rate-limit",
        headers='{"Authorization": "bearer env:RUNBOOK_TOKEN"}',
        body='{"per_minute": 4321}',
    )
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert scene.sandbox.admin_token not in repr(record.plan)
    assert "Authorization: Bearer ***" in record.plan.operation
    assert scene.sandbox.front is not None
    headers = {"Authorization": f"Bearer {scene.sandbox.admin_token}"}
    async with httpx.AsyncClient(base_url=scene.sandbox.front.url, headers=headers, trust_env=False) as shop:
        assert (await shop.get("/admin/rate-limit")).json()["per_minute"] == 4321


async def test_every_look_of_the_book_has_a_source_here_and_answers(scene: Scene) -> None:
    await scene.tasks()
    for part in scene.engine.parts:
        await scene.fresh(part.source)
    run = scene.engine.names["revisions/shop"]
    params = {
        "health.get": {"path": "/health"},
        "redis.scan": {"pattern": "*"},
        "redis.read": {"command": "DBSIZE"},
        "database.query": {"sql": "SELECT count(*) FROM task"},
        "logs.query": {"filter": "severity>=DEFAULT", "limit": "5"},
        "metrics.query": {"filter": 'metric.type="run.googleapis.com/request_count"'},
        "secrets.versions": {"secret": "payment-api-key"},
        "estate.images": {"image": f"{run['region']}-docker.pkg.dev/{run['project']}/shop/{run['service']}"},
    }
    looks = scene.engine.looks
    assert {spec.id for spec in looks.specs} == {spec.id for spec in compose.look_specs()}
    elsewhere = (  # the demo has none: tests/looks
        SourceKind.WORKLOADS,
        SourceKind.CLUSTER,
        SourceKind.PROMETHEUS,
        SourceKind.CONTAINERS,
        SourceKind.RENDER,
        SourceKind.RENDERMETRICS,
        SourceKind.GITHUB,
    )
    plain = ("health.certificate",)  # the demo's shop speaks no TLS: tests/adapters/http/test_presented.py
    for spec in (each for each in looks.specs if each.pane not in elsewhere and each.id not in plain):
        source = looks.sources_for(spec.id)[0]
        sight = await looks.look(LookRequest(spec.id, source, params.get(spec.id, {})))
        assert sight.summary and len(sight.lines) <= 200 and sight.severity is not Severity.UNKNOWN, spec.id


async def test_the_book_refuses_what_it_does_not_have(scene: Scene) -> None:
    with pytest.raises(NotFound, match=r"no look database\.query on health/shop"):
        await scene.engine.looks.look(LookRequest("database.query", "health/shop"))
    with pytest.raises(Refused, match="sql is needed"):
        await scene.engine.looks.look(LookRequest("database.query", "database/shop"))
    with pytest.raises(Refused, match="no parameter nonsense"):
        await scene.engine.looks.look(LookRequest("redis.state", "redis/cache", {"nonsense": "1"}))


async def test_names_say_where_each_source_is_without_secrets(scene: Scene) -> None:
    names = scene.engine.names
    assert set(names) == {part.source for part in scene.engine.parts}
    assert names["health/shop"]["url"].startswith(names["health/shop"]["origin"])
    assert set(names["revisions/shop"]) == {"service", "region", "project"}
    assert names["database/shop"] == {}, "its connection string is a secret"


async def test_every_replacement_names_an_action_or_look_and_is_silent_about_what_it_does_not_know() -> None:
    known = {spec.id for spec in compose.specs()} | {spec.id for spec in compose.look_specs()}
    word = Word("thing", "thing")
    for declared in compose.replacements():
        assert declared.name in known
        assert declared.understand(Call(declared.program, "no-such-verb", (word,), {"--unknown": ("1",)})) is None

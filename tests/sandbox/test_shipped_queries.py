"""The queries and changes of the shipped profiles on a database of that shape, and the headings that they name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from cockpit.actions import sqlupdate
from cockpit.actions.handler import RunControl, Scene
from cockpit.adapters.postgres.panels import PanelBoard
from cockpit.adapters.postgres.statements import StatementDesk
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.severity import Severity
from cockpit.profile.consistency import SOURCE_IDS
from cockpit.profile.load import load
from cockpit.profile.schema import Limits, Profile
from cockpit.profile.shipped import NAMES, path_of, shipped
from cockpit.runbooks.guide.match import under
from cockpit.runbooks.read import parse

Connect = Callable[[], Awaitable[Any]]
EXTENSION = ("Slowest statement",)  # these need pg_stat_statements, which a server may not have


@pytest.fixture
async def system(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Awaitable[Profile]]:
    """The profile of a system on a database with its tables."""

    async def made(name: str) -> Profile:
        profile = load(path_of(name))
        client = await asyncpg.connect(database_dsn)
        try:
            await client.execute(
                "DO $$ BEGIN CREATE ROLE oncall;"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
            tables = files("cockpit.sandbox.shop").joinpath("systems", f"{name}.sql")
            if tables.is_file():
                await client.execute(tables.read_text(encoding="utf-8"))
        finally:
            await client.close()
        monkeypatch.setenv(str(profile.database[0].dsn).partition("env:")[2].rstrip(")"), database_dsn)
        return profile

    return made


@pytest.mark.parametrize("name", NAMES)
async def test_every_query_answers_on_its_system(name: str, system: Any) -> None:
    profile = await system(name)
    for source in profile.database:
        assert source.panel, "each system has queries of its own"
        board = PanelBoard(source, SystemClock())
        await board.diagnose()
        for panel in board.shown():
            if panel.title in EXTENSION and "pg_stat_statements" in panel.problem:
                continue
            assert (panel.problem, panel.severity) == ("", Severity.OK), f"{panel.title}: {panel.problem}"
            assert panel.said and panel.columns
        await board.close()


async def test_stuck_jobs_are_seen_and_given_up(system: Any, database_dsn: str) -> None:
    profile = await system("storybook")
    (source,) = profile.database
    client = await asyncpg.connect(database_dsn)
    try:
        await client.execute("UPDATE jobs SET updated_at = now() - interval '40 minutes' WHERE status = 'running'")
        board = PanelBoard(source, SystemClock())
        await board.diagnose()
        stuck = board.shown()[0]
        assert (stuck.said, stuck.severity, stuck.playbook) == ("4", Severity.WARN, "Jobs are stuck")
        scene, desk = Scene("storybook", "sandbox"), StatementDesk(source)
        (action,) = sqlupdate.handlers("database/postgres", source.update, desk, scene, Limits(), SystemClock())
        request = ActionRequest("database.update", action.source, {"name": "fail-stuck-jobs", "minutes": "30"})
        plan = await action.plan(request)
        assert (plan.tier, plan.count, plan.refusals) == (Tier.T3, 4, ())
        result = await action.run(plan, RunControl(lambda done, total, note: None, lambda: False))
        assert result.outcome is Outcome.SUCCEEDED
        assert await client.fetchval("SELECT count(*) FROM jobs WHERE error_code = 'MANUAL_RECOVERY'") == 4
    finally:
        await client.close()


def _headings(profile: Profile) -> list[str]:
    tables = [table for kind in SOURCE_IDS for table in getattr(profile, kind)]
    inner = [each for table in tables for key in ("check", "panel") for each in getattr(table, key, ())]
    return [each.playbook for each in (*tables, *inner) if getattr(each, "playbook", None)]


@pytest.mark.parametrize("name", NAMES)
def test_every_playbook_that_a_profile_names_is_a_heading_of_its_runbook(name: str) -> None:
    runbook = parse([(f"{name}.md", shipped(name).runbook)])
    headings = _headings(load(path_of(name)))
    assert len(headings) >= 5
    assert [heading for heading in headings if not under(runbook, heading)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_has_links_and_somebody_to_call(name: str) -> None:
    profile = load(path_of(name))
    assert profile.contact and len(profile.links) >= 2

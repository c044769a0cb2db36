"""Looks at Render, and which commands of a runbook looks and actions stand in for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.clock import ManualClock
from cockpit.engine.binding import bind
from cockpit.engine.compose import replacements
from cockpit.errors import NotFound, Unreachable
from cockpit.looks import render
from cockpit.looks.book import LookBook
from cockpit.model.command import EffectClass, Kind, Understanding
from cockpit.model.logs import Level, LogBatch, LogEntry
from cockpit.model.look import LookRequest, Sight
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series
from cockpit.model.point import Point
from cockpit.model.reading import Observation, Reading, SourceState
from cockpit.model.render import (
    Autoscaling,
    DataStore,
    Deploy,
    Export,
    Recovery,
    RenderEvent,
    RenderService,
    RenderStatus,
)
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = "render/main"
LIVE = Deploy("dep-2", "live", "new_commit", NOW - timedelta(hours=2), NOW - timedelta(hours=1), "b" * 40, "Faster")
WEB = RenderService(
    "srv-web", "web", "web_service", Severity.OK, "live", "", "standard", "frankfurt", False, (), NOW, wanted=2,
    instances=(("srv-web-1", NOW),), autoscaling=Autoscaling(1, 4), maintenance=True, deploys=(LIVE,),
    variables=("DATABASE_URL",),
)  # fmt: skip
DB = DataStore(
    "dpg-1", "postgres", "db", Severity.WARN, "available", "190 of 200 connections", "pro_8gb", "frankfurt", "16",
    False, NOW, 190, 200,
)  # fmt: skip
STATUS = RenderStatus(
    "api.render.com", "tea-1", (WEB,), (DB,), (RenderEvent("evt-1", "srv-web", NOW, "x", "instances 1 -> 2"),),
    ("srv-gone was not found",),
)  # fmt: skip


class Backups:
    async def recovery(self, postgres: str) -> Recovery:
        return Recovery("AVAILABLE", NOW - timedelta(days=7))

    async def exports(self, postgres: str) -> tuple[Export, ...]:
        return (Export("exp-1", NOW, True),)


class Log:
    origin = "srv-web"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float, bool]] = []

    async def query(self, wanted: str, limit: int, fresh_s: float, newest_first: bool) -> LogBatch:
        self.asked.append((wanted, limit, fresh_s, newest_first))
        return LogBatch((LogEntry(NOW.timestamp(), Level.ERROR, "srv-web-1", "no seat"),))


class Board:
    async def probe(self) -> Observation:
        panel = MetricPanel("CPU", "%", (Series("web", (Point(NOW.timestamp(), 0.5),)),), Severity.OK, key="cpu")
        return Observation(Severity.OK, "1 panels", MetricsStatus("", (panel,), 3600.0))

    async def close(self) -> None:
        """Nothing."""


async def look(spec: str, freshness: Freshness = Freshness.FRESH, log: Log | None = None, **params: str) -> Sight:
    reading = Reading(SOURCE, SourceKind.RENDER, NOW, 0.1, Severity.OK, "1 services", STATUS)
    state = SourceState(SOURCE, SourceKind.RENDER, "main", 15.0, reading, freshness=freshness, age_s=70.0)
    clock = ManualClock(NOW)
    every = render.lookers(SOURCE, Backups(), log or Log(), ("dpg-1",), lambda _: state, clock)
    every += render.metric_lookers("rendermetrics/main", Board(), lambda _: None, clock)
    source = "rendermetrics/main" if spec.startswith("rendermetrics") else SOURCE
    return await LookBook(render.SPECS, every).look(LookRequest(spec, source, params))


async def test_every_look_that_is_declared_can_be_asked() -> None:
    for spec in render.SPECS:
        params = {param.name: "dpg-1" for param in spec.params if param.required}
        sight = await look(spec.id, **params)
        assert sight.summary, spec.id
        assert sight.lines, spec.id


async def test_the_state_says_what_serves_and_what_is_full() -> None:
    text = "\n".join((await look("render.state")).lines)
    for said in ("web: live", "autoscaling 1 to 4", "maintenance mode is on", "190 connections of 200", "srv-gone"):
        assert said in text
    sight = await look("render.state", name="db")
    assert (sight.severity, sight.summary) == (Severity.WARN, "db: available")
    assert not any("web" in line for line in sight.lines)


async def test_of_the_environment_names() -> None:
    assert (await look("render.environment", service="web")).lines == ("web: DATABASE_URL",)


async def test_what_is_old_says_so() -> None:
    sight = await look("render.deploys", Freshness.STALE, service="srv-web")
    assert (sight.severity, "70 s old" in sight.lines[0]) == (Severity.UNKNOWN, True)


async def test_what_the_profile_does_not_name_is_not_there() -> None:
    with pytest.raises(NotFound, match="srv-other"):
        await look("render.deploys", service="srv-other")
    with pytest.raises(NotFound):
        await look("render.events", service="dpg-1")
    with pytest.raises(NotFound):
        await look("render.recovery", postgres="dpg-other")


async def test_without_a_reading_there_is_no_answer() -> None:
    every = render.lookers(SOURCE, Backups(), Log(), (), lambda _: None, ManualClock(NOW))
    with pytest.raises(Unreachable):
        await LookBook(render.SPECS, every).look(LookRequest("render.state", SOURCE))


async def test_logs_are_asked_once_with_the_filter() -> None:
    log = Log()
    sight = await look("render.logs", log=log, filter="level=error", limit="500", minutes="5")
    assert log.asked == [("level=error", 100, 300.0, True)]
    await look("render.logs", log=log, resource="srv-web", filter="timeout")
    assert log.asked[1] == ("resource=srv-web timeout", 50, 3600.0, True)
    assert "no seat" in sight.lines[0]


# Commands of a runbook


def understood(command: str) -> Understanding:
    (found,) = understand_all(parse([("book.md", f"# Book\n\n```bash\n{command}\n```\n")]), replacements())
    return found


KEY = '-H "Authorization: Bearer $RENDER_API_KEY"'
API = "https://api.render.com/v1"


@pytest.mark.parametrize(
    ("command", "action", "params"),
    [
        ("render restart srv-web --confirm", "render.restart", {"service": "srv-web"}),
        ("render deploys create srv-web --wait -o json", "render.redeploy", {"service": "srv-web", "cache": "keep"}),
        ("render deploys create srv-web --clear-cache --commit abc", "render.redeploy",
         {"service": "srv-web", "cache": "clear", "commit": "abc"}),
        (f"curl -s -X POST {API}/services/srv-web/restart {KEY}", "render.restart", {"service": "srv-web"}),
        (f"curl -X POST {API}/services/srv-web/rollback {KEY} -d '{{\"deployId\": \"dep-1\"}}'", "render.rollback",
         {"service": "srv-web", "deploy": "dep-1"}),
        (f"curl -X POST {API}/services/srv-web/deploys {KEY} -d '{{\"clearCache\": \"clear\"}}'", "render.redeploy",
         {"service": "srv-web", "cache": "clear"}),
        (f"curl -X POST {API}/services/srv-web/scale {KEY} -d '{{\"numInstances\": 3}}'", "render.scale",
         {"service": "srv-web", "instances": "3"}),
        (f"curl -X POST {API}/services/srv-web/suspend {KEY}", "render.suspend", {"service": "srv-web"}),
        (f"curl -X POST {API}/services/srv-web/resume {KEY}", "render.resume", {"service": "srv-web"}),
        (f"curl -X PATCH {API}/services/srv-web {KEY} "
         "-d '{\"serviceDetails\": {\"maintenanceMode\": {\"enabled\": true}}}'",
         "render.maintenance", {"mode": "on"}),
        (f"curl -X POST {API}/postgres/dpg-1/export {KEY}", "render.backup", {"postgres": "dpg-1"}),
        (f"curl -X POST {API}/postgres/dpg-1/recovery {KEY} -d '{{\"restoreTime\": \"2026-02-28T10:00:00Z\"}}'",
         "render.recover", {"postgres": "dpg-1", "at": "2026-02-28T10:00:00Z"}),
        ('curl "https://api.render.com/deploy/srv-web?key=$HOOK"', "render.redeploy",
         {"service": "srv-web", "cache": "keep"}),
    ],
)  # fmt: skip
def test_a_change_becomes_a_guarded_action(command: str, action: str, params: dict[str, str]) -> None:
    found = understood(command)
    assert (found.kind, found.action) == (Kind.NATIVE, action)
    assert found.intent is not None
    assert dict(found.intent.params) == params
    assert found.effect >= EffectClass.CHANGES, "and it is not taken for a question"
    assert found.intent.differs


@pytest.mark.parametrize(
    ("command", "look_id", "params"),
    [
        ("render services -o json", "render.state", {}),
        ("render deploys list srv-web -o json", "render.deploys", {"service": "srv-web"}),
        ("render logs -r srv-web --level error --text timeout --limit 20", "render.logs",
         {"resource": "srv-web", "filter": "level=error text=timeout", "limit": "20"}),
        ("render logs --resources srv-web,srv-b --tail", "render.logs",
         {"resource": "srv-web,srv-b", "limit": "100"}),
        (f"curl -s {API}/services/srv-web {KEY}", "render.state", {"name": "srv-web"}),
        (f'curl -s "{API}/services/srv-web/deploys?limit=5" {KEY}', "render.deploys", {"service": "srv-web"}),
        (f"curl -s {API}/services/srv-web/events {KEY}", "render.events", {"service": "srv-web"}),
        (f"curl -s {API}/services/srv-web/env-vars {KEY}", "render.environment", {"service": "srv-web"}),
        (f"curl -s {API}/postgres/dpg-1 {KEY}", "render.state", {"name": "dpg-1"}),
        (f"curl -s {API}/postgres/dpg-1/recovery {KEY}", "render.recovery", {"postgres": "dpg-1"}),
        (f"curl -s {API}/key-value/red-1 {KEY}", "render.state", {"name": "red-1"}),
        (f'curl -s "{API}/logs?ownerId=tea-1&resource=srv-web&level=error" {KEY}', "render.logs",
         {"resource": "srv-web", "filter": "level=error", "limit": "20"}),
        (f'curl -s "{API}/metrics/memory?resource=srv-web" {KEY}', "rendermetrics.panels", {"panel": "memory"}),
    ],
)  # fmt: skip
def test_a_question_becomes_a_look(command: str, look_id: str, params: dict[str, str]) -> None:
    found = understood(command)
    assert (found.kind, found.action) == (Kind.LIVE, look_id)
    assert found.intent is not None
    assert dict(found.intent.params) == params


@pytest.mark.parametrize(
    "command",
    [
        "render restart web",
        "render restart srv-web --force",
        "render deploys create srv-web --image nginx:latest",
        "render deploys cancel srv-web dep-1",
        "render pg delete dpg-1",
        "render logs --level error",
        "render logs -r srv-web --start 2026-03-01T00:00:00Z",
        'render psql dpg-1 -c "DELETE FROM seats"',
        "docker exec tools render restart srv-web",
        f"curl -X DELETE {API}/services/srv-web {KEY}",
        f'curl -X POST {API}/services/srv-web/scale {KEY} -d \'{{"numInstances": "3"}}\'',
        f"curl -X POST {API}/services/srv-web/rollback {KEY} -d @body.json",
        f"curl -X POST {API}/services/srv-web/restart {KEY} -d '{{\"x\": 1}}'",
        f'curl -X PATCH {API}/services/srv-web {KEY} -d \'{{"autoDeploy": "no"}}\'',
        f"curl -X PUT {API}/services/srv-web/env-vars {KEY} -d '[]'",
        f"curl -X POST https://api.render.com.evil.example/v1/services/srv-web/restart {KEY}",
        f"curl -X POST http://api.render.com/v1/services/srv-web/restart {KEY}",
        f"curl -s {API}/postgres/dpg-1/connection-info {KEY}",
    ],
)
def test_what_says_more_is_not_taken_for_one_of_these(command: str) -> None:
    assert not understood(command).action.startswith("render")


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = understood(f'curl -X POST "{API}/services/$SRV/rollback" {KEY} -d \'{{"deployId": "<deploy-id>"}}\'')
    assert found.intent is not None
    assert {name: each.spelled for name, each in found.intent.asks.items()} == {
        "service": "$SRV",
        "deploy": "<deploy-id>",
    }


def test_an_id_leads_to_the_table_that_names_it() -> None:
    names: dict[str, Any] = {"render/a": {"render": "srv-a dpg-a"}, "render/b": {"render": "srv-b"}}
    found = bind({"render": "srv-b"}, (), tuple(names), names, {})
    assert (found.sources, found.sure, found.said) == (("render/b",), True, "srv-b")
    none = bind({"render": "srv-"}, (), tuple(names), names, {})
    assert none.sources == ()
    assert re.search("the runbook names srv-;", none.reason)

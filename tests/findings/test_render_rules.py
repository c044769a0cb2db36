"""Rules on Render: a deploy that failed or brought errors, a service that is suspended or down, connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.model.finding import Finding
from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import Reading, SourceState
from cockpit.model.render import DataStore, Deploy, RenderEvent, RenderService, RenderStatus
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = "render/main"


def deploy(name: str, status: str, ago_s: float, commit: str) -> Deploy:
    at = NOW - timedelta(seconds=ago_s)
    return Deploy(name, status, "new_commit", at, at + timedelta(seconds=60), commit * 10, "Message")


LIVE, OLD = deploy("dep-2", "live", 86400, "bbbb"), deploy("dep-1", "deactivated", 2 * 86400, "aaaa")
WEB = RenderService(
    "srv-web", "web", "web_service", Severity.OK, "live", "", "standard", "frankfurt", False, (), NOW, wanted=2,
    instances=(("srv-web-1", NOW), ("srv-web-2", NOW)), maintenance=False, deploys=(LIVE, OLD),
)  # fmt: skip
DB = DataStore(
    "dpg-1", "postgres", "db", Severity.OK, "available", "", "pro_8gb", "frankfurt", "16", False, NOW, 40, 200
)


def found(
    service: RenderService = WEB,
    store: DataStore = DB,
    *more: SourceState,
    freshness: Freshness = Freshness.FRESH,
    events: tuple[RenderEvent, ...] = (),
) -> tuple[Finding, ...]:
    status = RenderStatus("api.render.com", "tea-1", (service,), (store,), events)
    reading = Reading(SOURCE, SourceKind.RENDER, NOW, 0.1, service.severity, "", status)
    state = SourceState(SOURCE, SourceKind.RENDER, "main", 15.0, reading, freshness=freshness, age_s=1.0)
    return find([state, *more], NOW.timestamp())


def test_what_is_well_is_silent() -> None:
    assert found() == ()


def test_a_suspended_service_is_resumed_where_a_user_did_it() -> None:
    service = replace(WEB, suspended=True, suspenders=("user",), state="suspended", said="suspended by user")
    (finding,) = found(service)
    assert (finding.rule, finding.severity) == ("render-suspended", Severity.CRIT)
    assert finding.action is not None
    assert (finding.action.action, dict(finding.action.params)) == ("render.resume", {"service": "srv-web"})
    (finding,) = found(replace(service, suspenders=("billing",)))
    assert finding.action is None, "nobody here can take that back"


def test_a_failed_deploy_says_what_still_serves() -> None:
    failed = deploy("dep-3", "build_failed", 60, "cccc")
    (finding,) = found(replace(WEB, deploys=(failed, LIVE, OLD), severity=Severity.WARN, state="failed"))
    assert (finding.rule, finding.severity) == ("render-deploy-failed", Severity.WARN)
    assert "bbbbbbbb still serves" in finding.text
    assert finding.action is None
    (finding,) = found(replace(WEB, deploys=(failed, OLD), severity=Severity.CRIT, state="failed"))
    assert finding.severity is Severity.CRIT
    assert finding.action is not None
    assert dict(finding.action.params) == {"service": "srv-web", "deploy": "dep-1"}


@pytest.mark.parametrize(("running", "severity"), [(0, Severity.CRIT), (1, Severity.WARN)])
def test_instances_that_are_down_are_restarted(running: int, severity: Severity) -> None:
    service = replace(WEB, instances=(WEB.instances or ())[:running], state="degraded", severity=severity)
    told = RenderEvent("evt-1", "srv-web", NOW, "server_failed", "an instance failed: out of memory (512Mi)", True)
    (finding,) = found(service, events=(told,))
    assert (finding.rule, finding.severity) == ("render-instances-down", severity)
    assert any("out of memory" in each for each in finding.evidence)
    assert finding.action is not None
    assert dict(finding.action.params) == {"service": "srv-web", "live": "dep-2"}


def test_maintenance_mode_is_said() -> None:
    (finding,) = found(replace(WEB, maintenance=True, severity=Severity.WARN, state="maintenance"))
    assert finding.action is not None
    assert (finding.rule, finding.action.action) == ("render-maintenance", "render.maintenance")


def test_a_database_that_is_nearly_full_or_down() -> None:
    full = replace(DB, severity=Severity.WARN, connections=190, said="190 of 200 connections")
    (finding,) = found(WEB, full)
    assert (finding.rule, finding.severity) == ("render-connections", Severity.WARN)
    (finding,) = found(WEB, replace(DB, severity=Severity.CRIT, status="unavailable", said="unavailable"))
    assert (finding.rule, finding.severity) == ("render-store", Severity.CRIT)


def errors(since_s: float) -> SourceState:
    start = NOW.timestamp() - 600
    buckets = tuple(
        LogBucket(start + 10 * index, 100, 30 if start + 10 * index >= NOW.timestamp() - since_s else 0)
        for index in range(60)
    )
    status = LogStatus("log", 1, 1, 0, 60, 600, 0, 0, None, None, buckets)
    reading = Reading("logs/main", SourceKind.LOGS, NOW, 0.1, Severity.CRIT, "", status)
    return SourceState("logs/main", SourceKind.LOGS, "main", 5.0, reading, freshness=Freshness.FRESH, age_s=1.0)


def test_errors_after_a_deploy_have_the_way_back_filled_in() -> None:
    fresh = replace(WEB, deploys=(deploy("dep-3", "live", 260, "cccc"), replace(LIVE, status="deactivated"), OLD))
    every = found(fresh, DB, errors(180))
    finding = next(each for each in every if each.rule == "render-errors-since-deploy")
    assert finding.severity is Severity.CRIT
    assert finding.action is not None
    assert dict(finding.action.params) == {"service": "srv-web", "deploy": "dep-2", "live": "dep-3"}
    assert finding.text.startswith("web got cccccccc at 11:56:40, errors since 11:57:00: ")
    assert cause_chain(every)[0] == finding
    assert not any(each.rule.startswith("render") for each in found(WEB, DB, errors(180))), (
        "an old deploy is innocent"
    )


def test_what_is_stale_is_no_fact() -> None:
    service = replace(WEB, suspended=True, suspenders=("user",))
    assert not any(each.rule.startswith("render") for each in found(service, freshness=Freshness.STALE))

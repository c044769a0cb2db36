"""The playbook that the profile names for what is wrong is suggested first; its contacts name whom a clock means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cockpit.clock import ManualClock
from cockpit.engine.linked import named_headings
from cockpit.engine.people import people_of, with_people
from cockpit.model.finding import Finding
from cockpit.model.health import CheckResult, HealthStatus
from cockpit.model.reading import Failure, Observation, SourceState
from cockpit.model.runbook import ClockKind
from cockpit.model.severity import Severity, SourceKind
from cockpit.polling.hub import Hub
from cockpit.profile.load import load
from cockpit.profile.schema import Profile
from cockpit.runbooks.guide.match import suggest, under
from cockpit.runbooks.guide.timers import escalations
from cockpit.runbooks.read import parse

RUNBOOK = """# R

## Database is slow
1. Look

## Orders pile up
### Workers
1. Restart the worker

## Errors
**Symptoms**:
- 5xx responses above 2 %
1. Roll back
2. If it is not resolved in 20 minutes, tell the database admin
"""
PROFILE = """
system = "shop"
environment = "production"
channels = ["#incidents"]

[[health]]
name = "api"
url = "https://shop.example/health"

[[health.check]]
path = "jobs.stuck"
warn = "> 5"
playbook = "Orders pile up"

[[database]]
name = "main"
service = "main"
playbook = "Database  IS slow"

[[contact]]
role = "Database Admin"
name = "Kim"
reach = "kim@shop.example"
when = "not resolved in 30 minutes"

[[severity]]
name = "P1"
meaning = "down"
response = "15 minutes"

[links]
Grafana = "https://grafana.shop.example"
"""


def profile(tmp_path: Path) -> Profile:
    (tmp_path / "p.toml").write_text(PROFILE)
    return load(tmp_path / "p.toml")


def finding(source: str, text: str = "it is bad", playbook: str = "") -> Finding:
    return Finding("x", Severity.CRIT, text, text, (), source, playbook=playbook)


def test_what_the_profile_names_comes_first(tmp_path: Path) -> None:
    runbook = parse([("R.md", RUNBOOK)])
    findings = [finding("logs/app", "errors: 9 % of requests failed with 5xx"), finding("database/main", "pool full")]
    named = named_headings(profile(tmp_path), findings, ())
    assert named == (("Database  IS slow", "pool full"),)
    first, second = suggest(runbook, findings, named=named)[:2]
    assert first.playbook.title == "Database is slow" and first.reason == "the profile names it for: pool full"
    assert second.playbook.title == "Errors"
    assert [each.title for each in under(runbook, "orders pile up")] == ["Workers"], "a heading above it will do"
    assert under(runbook, "Nothing of the kind") == ()
    assert suggest(runbook, (), named=(("Nothing of the kind", "x"),)) == ()


def test_a_check_s_own_playbook_counts_where_its_bound_is_broken(tmp_path: Path) -> None:
    hub = Hub(ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))
    hub.register("health/api", SourceKind.HEALTH, "api", 1.0, 1.0, lambda: None)
    for severity, named in ((Severity.OK, ()), (Severity.CRIT, (("Orders pile up", "api is bad"),))):
        check = CheckResult("jobs.stuck", "9", severity, "> 5")
        body = HealthStatus("GET", "https://shop.example/health", 200, 12.0, True, checks=(check,))
        hub.poll_succeeded("health/api", Observation(severity, "", body), 0.0)
        assert named_headings(profile(tmp_path), [finding("health/api", "api is bad")], hub.states()) == named


def test_a_source_that_does_not_answer_is_not_well_and_one_that_waits_says_nothing(tmp_path: Path) -> None:
    waiting = SourceState("database/main", SourceKind.DATABASE, "main", 5.0)
    assert named_headings(profile(tmp_path), (), (waiting,)) == ()
    failed = replace(waiting, failure=Failure("unreachable", "nobody listens"))
    assert named_headings(profile(tmp_path), (), (failed,)) == (
        ("Database  IS slow", "database/main: nobody listens"),
    )


def test_a_query_s_own_playbook_goes_before_that_of_its_source(tmp_path: Path) -> None:
    named = named_headings(profile(tmp_path), [finding("database/main", "stuck", "Orders pile up")], ())
    assert [heading for heading, _ in named] == ["Orders pile up", "Database  IS slow"]


def test_a_role_in_the_runbook_is_somebody_of_the_profile(tmp_path: Path) -> None:
    runbook = parse([("R.md", RUNBOOK)])
    facts = with_people(runbook.facts, profile(tmp_path))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    (told,) = escalations(runbook.playbooks[2], facts, now, {}, now)
    assert (told.after_s, told.to, told.reach) == (1200.0, "Kim", "kim@shop.example")
    (general,) = escalations(runbook.playbooks[0], facts, now, {}, now)
    assert (general.after_s, general.to) == (1800.0, "Kim"), "a runbook without escalation has the profile's"
    assert facts.escalation[0][0].kind is ClockKind.AFTER
    people = people_of(profile(tmp_path), runbook.facts)
    assert people.links == (("Grafana", "https://grafana.shop.example"),)
    assert people.severities[0].name == "P1" and people.channels == ("#incidents",)

"""Rules on a Compose project: what is wrong, and what would help."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.engine.changes import deployments
from cockpit.findings.rules import find
from cockpit.findings.symptoms import symptoms
from cockpit.model.containers import ComposeService, Container, ContainerEvent, ContainersStatus, Engine
from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
ENGINE = Engine("Docker", "27", "1.47", "unix:///run/docker.sock", "profile")
SICK = Container(
    "ab" * 32, "shop-api-1", "api", 1, Severity.CRIT, "running", "unhealthy: its check fails", health="unhealthy",
    created=NOW - timedelta(days=9), started=NOW - timedelta(hours=1), image="shop/api:2", uptime_s=3600.0,
)  # fmt: skip
ENDED = replace(
    SICK, state="exited", health="", exit_code=1, reason="exited with code 1", uptime_s=None, finished=NOW
)


def state(*containers: Container, events: tuple[ContainerEvent, ...] = ()) -> SourceState:
    running = sum(each.running for each in containers)
    ids = tuple(each.id for each in containers)
    severity = max((each.severity for each in containers), default=Severity.CRIT)
    service = ComposeService("api", severity, "so", ids, running, named=True)
    status = ContainersStatus(ENGINE, "shop", (service,), containers, events=events)
    reading = Reading("containers/main", SourceKind.CONTAINERS, NOW, 0.1, severity, "", status)
    return SourceState("containers/main", SourceKind.CONTAINERS, "main", 2.0, reading, freshness=Freshness.FRESH)


def test_a_service_that_is_missing():
    destroyed = ContainerEvent(NOW.timestamp(), "destroy", "cd", "shop-api-1", "api")
    (found,) = find([state(events=(destroyed,))], NOW.timestamp())
    assert found.text == "Service api of project shop has no container on unix:///run/docker.sock"
    assert found.evidence == ("docker compose up -d api makes it again", "shop-api-1 was removed")
    assert found.action is None


YOUNG = NOW - timedelta(minutes=3)


@pytest.mark.parametrize(
    ("container", "rule", "action"),
    [
        (SICK, "container-unhealthy", "containers.restart"),
        (replace(SICK, oom_killed=True, state="restarting", reason="x"), "container-oom", "containers.restart"),
        (ENDED, "container-exited", "containers.start"),
        (replace(ENDED, created=YOUNG), "container-exited", "containers.rollback"),
        (replace(ENDED, state="restarting"), "container-restarting", "containers.restart"),
        (replace(ENDED, state="restarting", created=YOUNG), "container-restarting", "containers.rollback"),
    ],
)
def test_what_is_wrong_and_what_would_help(container, rule, action):
    (found,) = find([state(container)], NOW.timestamp())
    assert (found.rule, found.severity) == (rule, Severity.CRIT)
    assert found.action is not None
    assert (found.action.action, found.action.get("service")) == (action, "api")
    if action == "containers.restart":
        assert found.action.get("id") == container.id


def test_one_of_three_is_told_as_that():
    well = replace(SICK, severity=Severity.OK, health="healthy")
    others = [replace(well, id=mark * 32, name=f"shop-api-{mark}") for mark in ("cd", "ef")]
    (found,) = find([state(ENDED, *others)], NOW.timestamp())
    assert found.severity is Severity.WARN
    assert found.text.startswith("1 of 3 containers of api: exited with code 1")


def test_what_is_well_is_no_finding():
    assert find([state(replace(SICK, severity=Severity.OK, health="healthy"))], NOW.timestamp()) == ()


def test_each_service_is_a_symptom_of_its_own():
    found = symptoms([state(SICK)], NOW.timestamp())
    assert found["containers/main api"].severity is Severity.CRIT


def test_what_happened_is_on_the_timeline():
    at = NOW.timestamp()
    told = [("create", ""), ("start", ""), ("die", "exit code 137 (SIGKILL)"), ("die", "exit code 0"), ("oom", ""),
            ("restart", ""), ("health_status: unhealthy", ""), ("health_status: healthy", "")]  # fmt: skip
    events = tuple(ContainerEvent(at, action, "ab", "shop-api-1", "api", said) for action, said in told)
    assert [(each.glyph, each.text) for each in deployments([state(SICK, events=events)])] == [
        ("▲", "shop-api-1 made"),
        ("✖", "shop-api-1 died, exit code 137 (SIGKILL)"),
        ("✖", "shop-api-1 out of memory"),
        ("◆", "shop-api-1 restarted"),
        ("✖", "shop-api-1 unhealthy"),
        ("◆", "shop-api-1 healthy"),
    ]


def test_errors_since_one_service_was_made_anew_have_the_way_back():
    begun = NOW.timestamp() - 600
    buckets = tuple(LogBucket(begun + 10 * count, 100, 30 if count >= 40 else 0) for count in range(60))
    log = LogStatus("log", 1, 1, 0, 60, 600, 0, 0, None, None, buckets)
    read = Reading("logs/main", SourceKind.LOGS, NOW, 0.1, Severity.CRIT, "", log)
    errors = SourceState("logs/main", SourceKind.LOGS, "main", 5.0, read, freshness=Freshness.FRESH, age_s=1.0)
    well = replace(SICK, severity=Severity.OK, health="healthy")
    other = replace(well, id="cd" * 32, name="shop-db-1", service="db")

    def told(made_s: float, other_s: float) -> list[tuple[str, dict[str, str]]]:
        both = [replace(each, created=NOW - timedelta(seconds=s)) for each, s in ((well, made_s), (other, other_s))]
        status = state(*both).reading.payload
        services = tuple(ComposeService(each.service, Severity.OK, "so", (each.id,), 1) for each in both)
        seen = replace(state().reading, payload=replace(status, services=services), severity=Severity.OK)
        every = find([replace(state(), reading=seen), errors], NOW.timestamp())
        return [
            (each.action.action, dict(each.action.params)) for each in every if each.rule == "container-errors-since"
        ]

    assert told(230, 86400) == [("containers.rollback", {"service": "api"})]
    assert told(86400, 86400) == [], "old containers are innocent"
    assert told(230, 230) == [], "a whole project that begins anew names nobody"

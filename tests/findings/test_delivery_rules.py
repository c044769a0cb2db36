"""Rules on deliveries: what failed, what hangs or waits, and what went out shortly before errors began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.model.delivery import DeliveryStatus, Job, PullBrief, Released, Run, Step
from cockpit.model.finding import Finding
from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import Payload, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
A, B = "a" * 40, "b" * 40
LIVE = NOW - timedelta(minutes=4)
BROKEN = Job(1, "deploy", "completed", "failure", steps=(Step(1, "Roll out", "completed", "failure"),))
GOOD = Run(1, 1, 1, "Deploy", "d.yml", "Faster cart", "main", A, "ann", "push", "completed", "success",
           NOW - timedelta(hours=2), NOW - timedelta(hours=2), NOW - timedelta(minutes=115))  # fmt: skip
LATEST = replace(GOOD, id=2, number=2, sha=B, started=LIVE, created=LIVE, updated=NOW)
STATUS = DeliveryStatus(
    "github.com", "pay/web", 1, "main", "d.yml", "production", runs=(LATEST, GOOD),
    merged=(PullBrief(7, "Faster cart", "bob", "cart", "main", "c" * 40, merged=LIVE, merge_sha=B),),
    running=Released(B, LIVE, "last successful deployment to production"),
    previous=Released(A, NOW - timedelta(hours=2), "last successful deployment to production"),
)  # fmt: skip


def state(kind: SourceKind, payload: Payload, freshness: Freshness = Freshness.FRESH) -> SourceState:
    name = f"{kind.value}/main"
    reading = Reading(name, kind, NOW, 0.1, Severity.OK, "", payload)
    return SourceState(name, kind, "main", 1.0, reading, freshness=freshness, age_s=1.0)


def logs(onset: datetime) -> SourceState:
    end = NOW.timestamp()
    buckets = []
    for back in range(90, 0, -1):
        start = end - back * 10
        failed = 60 if start >= onset.timestamp() else 0
        buckets.append(LogBucket(start, 100, failed, 100, failed))
    return state(SourceKind.LOGS, LogStatus("app", 90, 90, 0, 0, 0, 0, 0, end, 0.1, tuple(buckets)))


def found(status: DeliveryStatus, *others: SourceState) -> tuple[Finding, ...]:
    return find([state(SourceKind.GITHUB, status), *others], NOW.timestamp())


def rule(findings: tuple[Finding, ...], name: str) -> Finding | None:
    return next((each for each in findings if each.rule == name), None)


def test_a_failed_deployment_says_where_and_offers_to_run_it_again():
    failed = replace(LATEST, conclusion="failure", jobs=(BROKEN,), actor="cem")
    one = rule(found(replace(STATUS, runs=(failed, GOOD))), "deploy-failed")
    assert one is not None and one.severity is Severity.WARN
    assert one.text == "Deploy #2 of bbbbbbb by cem failed at deploy, Roll out; bbbbbbb runs on"
    assert one.action is not None and one.action.params == {"run": "2", "attempt": "1", "sha": B}


def test_a_failure_that_was_followed_by_a_success_or_is_of_another_branch_is_none():
    failed = replace(GOOD, conclusion="failure")
    assert rule(found(replace(STATUS, runs=(LATEST, failed))), "deploy-failed") is None
    topic = replace(LATEST, conclusion="failure", branch="topic")
    assert rule(found(replace(STATUS, runs=(topic, GOOD))), "deploy-failed") is None


@pytest.mark.parametrize(("minutes", "slow"), [(4, False), (9, False), (11, True)])
def test_one_that_takes_much_longer_than_the_others_is_said(minutes: int, slow: bool):
    under_way = replace(LATEST, status="in_progress", conclusion="", started=NOW - timedelta(minutes=minutes))
    one = rule(found(replace(STATUS, runs=(under_way, GOOD))), "deploy-slow")
    assert (one is not None) is slow
    if one is not None:
        assert "running for 11 min, usually 5" in one.text
        assert one.action is not None and one.action.action == "github.cancel"


def test_one_that_waits_for_a_person_is_said():
    waiting = replace(LATEST, status="waiting", conclusion="")
    one = rule(found(replace(STATUS, runs=(waiting, GOOD))), "deploy-waits")
    assert one is not None and "waits to be approved" in one.text


def test_errors_that_began_shortly_after_a_deployment_name_it_and_its_pull_request():
    findings = found(STATUS, logs(LIVE + timedelta(seconds=70)))
    one = rule(findings, "errors-after-delivery")
    assert one is not None and one.severity is Severity.CRIT
    assert one.text.startswith("bbbbbbb (Faster cart, #7 by bob) was deployed at 11:56:00, errors since 11:57:")
    assert one.action is not None and one.action.params == {"pull": "7", "merged": B}
    assert one.evidence[1] == "aaaaaaa ran before" and one in cause_chain(findings)


@pytest.mark.parametrize("minutes", [60, -2])
def test_errors_long_after_or_before_it_are_not_its_own(minutes: int):
    status = replace(STATUS, running=Released(B, NOW - timedelta(minutes=minutes), "x"))
    assert rule(found(status, logs(NOW - timedelta(minutes=4))), "errors-after-delivery") is None


def test_a_reading_that_is_old_says_nothing():
    failed = replace(STATUS, runs=(replace(LATEST, conclusion="failure"), GOOD))
    old = state(SourceKind.GITHUB, failed, Freshness.STALE)
    assert rule(find([old], NOW.timestamp()), "deploy-failed") is None

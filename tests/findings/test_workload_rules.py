"""Rules on a namespace: a rollout that crashes has the way back filled in; what is due or full is said once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.findings.symptoms import symptoms
from cockpit.model.finding import Finding
from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.workloads import (
    Autoscaler,
    Budget,
    Colour,
    Headroom,
    LiveService,
    Pod,
    RolloutRevision,
    Workload,
    WorkloadsStatus,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = "workloads/main"
V2 = (("api", "reg/api:v2"),)
NEW = RolloutRevision(8, "api-9f", "r8", NOW - timedelta(minutes=4), V2, "release 8", 1, 0, current=True)
OLD = RolloutRevision(
    7, "api-5d", "r7", NOW - timedelta(days=1), V2, "release 7", 2, 2, differs=("image api: v2 -> v1",)
)
OLDER = replace(OLD, revision=6, name="api-4c", ready=0, replicas=0)
API = Workload(
    "deployment", "api", "u", Severity.OK, "ready", "", 2, 2, 2, 2, V2, NOW - timedelta(days=9), {"app": "api"},
    {"app": "api"}, revision=8, history=(NEW, OLD, OLDER),
)  # fmt: skip


def pod(reason: str, said: str = "", severity: Severity = Severity.CRIT, name: str = "api-9f-x", **more: Any) -> Pod:
    fields: dict[str, Any] = {"phase": "Running", "template_hash": "9f", "restarts": 6} | more
    return Pod(
        name=name, uid=name, workload="deployment/api", owner="r8", severity=severity, reason=reason, said=said,
        ready=0, total=1, created=NOW, **fields,
    )  # fmt: skip


def state(workload: Workload = API, *pods: Pod, freshness: Freshness = Freshness.FRESH, **more: Any) -> SourceState:
    status = WorkloadsStatus("gke", "https://x", "ana", "shop", "v1.31", (workload,), pods, **more)
    reading = Reading(SOURCE, SourceKind.WORKLOADS, NOW, 0.1, workload.severity, "said", status)
    return SourceState(SOURCE, SourceKind.WORKLOADS, "main", 2.0, reading, freshness=freshness, age_s=1.0)


def found(workload: Workload = API, *pods: Pod, **more: Any) -> tuple[Finding, ...]:
    return find([state(workload, *pods, **more)], NOW.timestamp())


CRASHES = pod("CrashLoopBackOff", "last run: Error, exit 1")
ROLLING = replace(API, state="progressing", severity=Severity.WARN, updated=1, said="1 of 2 new pods have been made")


def test_what_is_well_is_no_finding() -> None:
    assert found() == ()
    assert found(API, pod("Running", severity=Severity.OK), pod("Completed", severity=Severity.OK)) == ()


def test_a_crash_after_a_rollout_has_the_way_back_to_the_revision_that_still_serves() -> None:
    (one,) = found(replace(ROLLING, history=(NEW, OLDER, OLD)), CRASHES)
    assert (one.rule, one.severity, one.rank) == ("crash-after-rollout", Severity.CRIT, 10)
    assert one.text == (
        "deployment/api crashes since revision 8 at 11:56:00: CrashLoopBackOff, 2 of 2 pods are available"
    )
    assert one.action is not None and one.action.action == "workloads.undo"
    assert dict(one.action.params) == {"workload": "deployment/api", "uid": "u", "revision": "7"}
    assert one.action_title == "Undo api to revision 7"
    assert one.evidence[0] == "revision 8 since 11:56:00 UTC (release 8); back to 7 means image api: v2 -> v1"
    assert "revision 7 still has 2 ready pods" in one.evidence
    assert one.since == NEW.created.timestamp()
    assert cause_chain([one]) == (one,)


def test_a_rollout_of_days_ago_is_blamed_only_while_it_goes_on() -> None:
    long_ago = replace(NEW, created=NOW - timedelta(days=3))
    (one,) = found(replace(ROLLING, history=(long_ago, OLD)), CRASHES)
    assert one.rule == "crash-after-rollout"
    (one,) = found(replace(API, history=(long_ago, OLD), severity=Severity.WARN), CRASHES)
    assert (one.rule, one.action) == ("crash-loop", None)


def test_old_pods_that_crash_are_not_blamed_on_the_new_revision() -> None:
    (one,) = found(ROLLING, replace(CRASHES, template_hash="5d"))
    assert (one.rule, one.action) == ("crash-loop", None)


def test_without_an_earlier_revision_there_is_no_way_back() -> None:
    (one,) = found(replace(ROLLING, history=(NEW,)), CRASHES)
    assert one.action is None and one.action_title == ""


@pytest.mark.parametrize(
    ("reason", "rule", "words", "acts"),
    [
        ("ImagePullBackOff", "image-not-pulled", "cannot pull its image", True),
        ("ErrImagePull", "image-not-pulled", "cannot pull its image", True),
        ("Init:ImagePullBackOff", "image-not-pulled", "cannot pull its image", True),
        ("CreateContainerConfigError", "container-config", "cannot start (CreateContainerConfigError)", True),
        ("Init:CrashLoopBackOff", "crash-after-rollout", "crashes", True),
        ("OOMKilled", "crash-after-rollout", "crashes", True),
    ],
)
def test_the_reason_of_the_pods_is_the_finding(reason: str, rule: str, words: str, acts: bool) -> None:
    (one,) = found(ROLLING, pod(reason))
    assert one.rule == rule and words in one.text and (one.action is not None) is acts


def test_memory_that_runs_out_again_and_again_is_no_matter_of_the_rollout() -> None:
    quiet = replace(
        API, history=(replace(NEW, created=NOW - timedelta(days=3)),), available=1, severity=Severity.WARN
    )
    (one,) = found(quiet, pod("OOMKilled", "last run: OOMKilled, exit 137, limit 128 MiB"))
    assert (one.rule, one.severity, one.rank) == ("out-of-memory", Severity.WARN, 12)
    assert "limit 128 MiB" in one.text and one.evidence == ("api-9f-x: 6 restarts",)


def test_a_quota_that_stops_a_scale_up_names_what_is_full() -> None:
    said = 'FailedCreate: pods "api-x" is forbidden: exceeded quota: small'
    short = replace(API, desired=5, replicas=2, said=said, state="progressing", severity=Severity.WARN)
    full = (Headroom("small", "pods", "2", "2", 1.0), Headroom("small", "secrets", "1", "9", 0.1))
    (one,) = found(short, headroom=full)
    assert (one.rule, one.rank) == ("quota-stops", 9)
    assert one.text.startswith("A quota stops deployment/api at 2 of 5 pods")
    assert one.evidence[0] == "quota small: pods 2 of 2"


SPLIT = LiveService(
    "api", "s", {"app": "api", "tone": "sky"}, 0, 1, ("deployment/api",),
    (Colour("deployment/api", {"tone": "sky"}, 0, True), Colour("deployment/moss", {"tone": "moss"}, 2, False)),
)  # fmt: skip


def test_a_live_colour_without_endpoints_offers_the_other_one() -> None:
    (one,) = found(API, services=(SPLIT,))
    assert (one.rule, one.severity) == ("live-without-endpoints", Severity.CRIT)
    assert one.action is not None and one.action.action == "workloads.switch"
    assert dict(one.action.params) == {"workload": "deployment/moss", "service": "api"}
    unready = replace(SPLIT, colours=tuple(replace(each, ready=0) for each in SPLIT.colours))
    (one,) = found(API, services=(unready,))
    assert one.action is None


def test_a_colour_that_is_not_live_warns_and_is_no_emergency() -> None:
    ill = replace(API, available=0, ready=0, live_by=())
    other = Colour("deployment/moss", {"tone": "moss"}, 2, True)
    service = replace(
        SPLIT, ready=2, backs=("deployment/moss",), colours=(replace(SPLIT.colours[0], live=False), other)
    )
    (idle,) = found(ill, pod("CrashLoopBackOff"), services=(service,))
    assert idle.severity is Severity.WARN and idle.text.endswith("; no service sends to it")
    (live,) = found(ill, pod("CrashLoopBackOff"), services=(replace(service, colours=(service.colours[1],)),))
    assert live.severity is Severity.CRIT


def test_a_service_of_something_that_is_stopped_on_purpose_is_no_finding() -> None:
    plain = replace(SPLIT, colours=())
    assert found(API, services=(plain,))[0].rule == "service-without-endpoints"
    stopped = replace(API, desired=0, updated=0, ready=0, available=0, state="stopped")
    assert found(stopped, services=(plain,)) == ()
    assert found(API, services=(replace(plain, selector={}),)) == ()


@pytest.mark.parametrize(
    ("scaler", "rule"),
    [
        (Autoscaler("h", 2, 5, 5, 5), "autoscaler-at-maximum"),
        (Autoscaler("h", 2, 5, 2, 2, "FailedGetResourceMetric: none"), "autoscaler-blind"),
        (Autoscaler("h", 2, 5, 2, 2, "off while there are 0 replicas"), ""),
        (Autoscaler("h", 2, 5, 3, 3), ""),
        (Autoscaler("h", 3, 3, 3, 3), ""),
    ],
)
def test_an_autoscaler_is_worth_a_word_at_its_maximum_or_blind(scaler: Autoscaler, rule: str) -> None:
    assert [each.rule for each in found(replace(API, autoscaler=scaler))] == ([rule] if rule else [])


def test_a_budget_that_lets_nothing_go_says_whether_it_ever_will() -> None:
    (never,) = found(replace(API, budgets=(Budget("b", 0, 2, 2, 2),)))
    assert "it wants all of them" in never.text and never.rank >= 80
    (now,) = found(replace(API, budgets=(Budget("b", 0, 1, 1, 2),)))
    assert "be evicted now" in now.text
    assert found(replace(API, budgets=(Budget("b", 0, 0, 1, 0),))) == ()


def test_a_rollout_that_failed_for_no_reason_of_a_pod_is_told_by_itself() -> None:
    failed = replace(API, state="failed", severity=Severity.CRIT, said="no progress within 600 s")
    (one,) = found(failed)
    assert one.rule == "rollout-failed" and one.action is not None
    down = replace(
        API, state="degraded", severity=Severity.CRIT, available=0, said="0 of 2 updated pods are available"
    )
    (one,) = found(down)
    assert (one.rule, one.action) == ("workload-down", None)


def test_pods_that_no_node_takes_say_why() -> None:
    why = "0/2 nodes are available: 2 Insufficient cpu."
    (one,) = found(ROLLING, pod("Pending", why, Severity.WARN, phase="Pending"))
    assert one.rule == "pods-not-placed" and why in one.text


def test_what_only_lies_around_causes_nothing() -> None:
    left = [pod("Evicted", "low on memory", Severity.WARN, f"api-{number}", phase="Failed") for number in range(3)]
    (one,) = found(API, *left)
    assert one.rule == "evicted-pods" and cause_chain([one]) == ()
    assert found(API, *left[:2]) == ()
    (one,) = found(API, pod("Terminating", "should have ended at 11:00:00", Severity.WARN))
    assert one.rule == "pod-does-not-end"


def logs(began_s: float) -> SourceState:
    at = NOW.timestamp()
    buckets = tuple(
        LogBucket(at - ago, 100, *((40, 100, 40) if ago <= began_s else (0, 100, 0))) for ago in range(600, 0, -10)
    )
    status = LogStatus("app.log", 100, 100, 0, 40, 100, 100, 40, at, 0.1, buckets)
    reading = Reading("logs/app", SourceKind.LOGS, NOW, 0.1, Severity.CRIT, "", status)
    return SourceState("logs/app", SourceKind.LOGS, "app", 1.0, reading, freshness=Freshness.FRESH, age_s=1.0)


def test_errors_that_begin_with_a_rollout_of_what_serves_have_the_way_back() -> None:
    serving = replace(API, live_by=("api",))
    both = find([state(serving), logs(began_s=200)], NOW.timestamp())
    (one,) = [each for each in both if each.source == SOURCE]
    assert one.rule == "errors-after-rollout" and one.action is not None and one.action.get("revision") == "7"
    assert one.text.startswith("deployment/api got revision 8 at 11:56:00, errors since 11:56:")
    for quiet in (API, replace(serving, history=(replace(NEW, created=NOW - timedelta(hours=2)), OLD))):
        rest = find([state(quiet), logs(began_s=200)], NOW.timestamp())
        assert [each.rule for each in rest if each.source == SOURCE] == []
    crashing = find([state(replace(ROLLING, live_by=("api",)), CRASHES), logs(began_s=200)], NOW.timestamp())
    assert [each.rule for each in crashing if each.source == SOURCE] == ["crash-after-rollout"]


def test_an_old_reading_is_no_fact() -> None:
    assert [each.rule for each in found(ROLLING, CRASHES, freshness=Freshness.STALE)] == []


def test_the_effect_watch_compares_each_workload() -> None:
    held = symptoms([state(replace(API, severity=Severity.CRIT, available=1, state="failed"))], NOW.timestamp())
    one = held["workloads/main deployment/api"]
    assert (one.text, one.severity, one.measured_at) == ("1/2 failed", Severity.CRIT, NOW.timestamp())
    assert held[SOURCE].severity is Severity.CRIT
    stale = symptoms([state(freshness=Freshness.STALE)], NOW.timestamp())
    assert stale["workloads/main deployment/api"].severity is Severity.UNKNOWN

"""From readings to sentences: the rules fire on what they say they fire on, and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.findings.symptoms import symptoms
from cockpit.model.cache import CacheStatus
from cockpit.model.database import BlockingNode, DatabaseStatus, Session
from cockpit.model.logs import Level, LogBucket, LogPattern, LogStatus
from cockpit.model.reading import Failure, Payload, Reading, SourceState
from cockpit.model.revisions import PreviousServing, Revision, Scaling, ServiceStatus, ServingShare, TrafficTarget
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()


def state(kind: SourceKind, payload: Payload, severity: Severity = Severity.OK) -> SourceState:
    name = f"{kind.value}/main"
    reading = Reading(name, kind, NOW, 0.01, severity, "summary", payload)
    return SourceState(name, kind, "main", 1.0, reading, freshness=Freshness.FRESH, age_s=0.5)


def session(pid: int, **changes: object) -> Session:
    base = Session(pid, NOW, "shop", "app", "checkout", "local", "active", "", 1.0, 1.0, 1.0, "UPDATE stock")
    return replace(base, **changes)  # type: ignore[arg-type]  # a test's shorthand


def database(**changes: object) -> DatabaseStatus:
    base = DatabaseStatus(
        server="db:5432/shop",
        version="16.1",
        role="app",
        in_recovery=False,
        started_at=NOW,
        max_connections=100,
        reserved=3,
        connections=10,
        by_state=(("idle", 8), ("active", 2)),
        by_database=(("shop", 10),),
        sessions=(),
        blocking=(),
        statements=(),
        statements_by_mean=(),
        statements_from="samples",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def cache(**changes: object) -> CacheStatus:
    base = CacheStatus(
        "r:6379/0", "Redis", "7.2", "run", "master", 0, 100, 50, 60, 100, 0, "allkeys-lru", 1.1, 0, 0.0, 0.0, 0.99,
        10, 1000, 0, 100.0, (), (),
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def logs(errors_since_s: float = 60, error_share: float = 0.4) -> LogStatus:
    start = AT - 600
    buckets = tuple(
        LogBucket(at, 100, failed, 100, failed)
        for at in (start + 10 * n for n in range(60))
        for failed in (int(100 * error_share) if at >= AT - errors_since_s else 0,)
    )
    return LogStatus(
        "log", 6000, 6000, 0, 100, 3000, 3000, 100, AT, 0.1, buckets,
        (LogPattern("boom <n>", Level.ERROR, 100, AT - 60, AT, True),),
    )  # fmt: skip


def service(live_s_ago: float = 70, previous: str = "shop-00001") -> ServiceStatus:
    live = NOW - timedelta(seconds=live_s_ago)
    old = Revision("shop-00001", NOW - timedelta(days=1), "img:1", "sha256:1", "ready")
    new = Revision("shop-00002", live, "img:2", "sha256:2", "ready", percent=100)
    before = PreviousServing(previous, "served until 11:58", True) if previous else None
    return ServiceStatus(
        "p", "r", "shop", "projects/p/locations/r/services/shop", "uid", "e1", 2, False, "ready", "", "shop-00002",
        "shop-00002", "img:2", Scaling(), (TrafficTarget("", 100),), (ServingShare("shop-00002", 100, latest=True),),
        (new, old), before, live,
    )  # fmt: skip


def rules(*states: SourceState) -> list[str]:
    return [finding.rule for finding in find(states, AT)]


def test_a_quiet_system_has_no_findings() -> None:
    quiet = logs(error_share=0.0)
    states = [
        state(SourceKind.LOGS, quiet),
        state(SourceKind.DATABASE, database()),
        state(SourceKind.REDIS, cache()),
        state(SourceKind.REVISIONS, service()),
    ]
    assert rules(*states) == []


def test_a_revision_that_went_live_before_errors_rose_is_suspected_with_the_way_back() -> None:
    found = find([state(SourceKind.LOGS, logs(60)), state(SourceKind.REVISIONS, service(90))], AT)
    suspect = next(finding for finding in found if finding.rule == "bad-revision")
    assert "shop-00002 went live" in suspect.text and "40 % of requests fail" in suspect.text
    assert suspect.action is not None
    assert dict(suspect.action.params) == {"revision": "shop-00001"}
    assert [finding.rule for finding in cause_chain(found)] == ["bad-revision", "errors"]


def test_when_errors_rose_is_not_said_where_the_log_is_not_known_from_before_them() -> None:
    failing = logs(60)
    cut = replace(failing, buckets=tuple(bucket for bucket in failing.buckets if bucket.errors))
    live = state(SourceKind.REVISIONS, service(600))
    whole = next(each for each in find([state(SourceKind.LOGS, failing), live], AT) if each.rule == "bad-revision")
    assert "errors rose 9 min later: 40 %" in whole.text
    part = next(each for each in find([state(SourceKind.LOGS, cut), live], AT) if each.rule == "bad-revision")
    assert "errors since" in part.text and "at least: 40 %" in part.text and "rose" not in part.text


def test_a_revision_is_not_suspected_when_errors_came_before_it_or_long_after() -> None:
    early = [state(SourceKind.LOGS, logs(300)), state(SourceKind.REVISIONS, service(90))]
    assert "bad-revision" not in rules(*early)
    late = [state(SourceKind.LOGS, logs(60)), state(SourceKind.REVISIONS, service(7200))]
    assert "bad-revision" not in rules(*late)


def test_the_revision_that_cured_it_is_not_suspected() -> None:
    healed = tuple(
        replace(bucket, errors=0, failed=0) if bucket.start > AT - 40 else bucket for bucket in logs(50).buckets
    )
    old = replace(service(42).revisions[1], percent=100)
    back = replace(service(42), serving=(ServingShare("shop-00001", 100),), revisions=(old,))
    failing, cured = state(SourceKind.LOGS, logs(50)), state(SourceKind.LOGS, replace(logs(50), buckets=healed))
    assert "bad-revision" not in rules(cured, state(SourceKind.REVISIONS, back))
    assert "bad-revision" in rules(failing, state(SourceKind.REVISIONS, back)), "unless it fails as well"


def test_without_a_known_predecessor_no_rollback_is_suggested() -> None:
    found = find([state(SourceKind.LOGS, logs(60)), state(SourceKind.REVISIONS, service(90, ""))], AT)
    assert found[0].rule == "bad-revision" and found[0].action is None


def test_a_lock_pileup_names_its_root_by_identity() -> None:
    root = session(4411, state="idle in transaction", transaction_age_s=50.0)
    waiting = tuple(
        BlockingNode(session(pid, blocked_by=(4411,)), "RowExclusiveLock on stock", 40.0) for pid in range(10, 16)
    )
    payload = database(blocking=(BlockingNode(root, "", None, waiting),))
    (finding,) = [f for f in find([state(SourceKind.DATABASE, payload)], AT) if f.rule == "lock-pileup"]
    assert finding.severity is Severity.CRIT and "blocks 6 sessions" in finding.text
    assert finding.action is not None and finding.action.get("pid") == "4411"
    assert finding.action.get("backend_start") == NOW.isoformat()


def test_a_full_pool_of_idlers_suggests_ending_them_and_one_of_workers_does_not() -> None:
    idle = database(connections=96, by_state=(("idle", 90), ("active", 6)))
    busy = database(connections=96, by_state=(("active", 96),))
    assert find([state(SourceKind.DATABASE, idle)], AT)[0].action is not None
    assert find([state(SourceKind.DATABASE, busy)], AT)[0].action is None


def test_a_slow_statement_is_not_one_that_waits_for_a_lock() -> None:
    slow = database(sessions=(session(7, query_age_s=20.0),))
    blocked = database(sessions=(session(7, query_age_s=20.0, blocked_by=(9,)),))
    assert rules(state(SourceKind.DATABASE, slow)) == ["slow-query"]
    assert rules(state(SourceKind.DATABASE, blocked)) == []


def test_evictions_suggest_the_prefix_that_fills_the_memory() -> None:
    evicting = cache(
        used_memory=99, evictions_per_s=41.0, hit_ratio=0.5, prefixes=(("tmp:recs:", 0.9), ("cart:", 0.1))
    )
    (finding,) = find([state(SourceKind.REDIS, evicting)], AT)
    assert finding.action is not None and finding.action.get("pattern") == "tmp:recs:*"
    mixed = replace(evicting, prefixes=(("a:", 0.3), ("b:", 0.3)))
    assert find([state(SourceKind.REDIS, mixed)], AT)[0].action is None


def test_a_full_cache_is_rated_no_milder_than_its_pane_rates_it() -> None:
    full = cache(used_memory=100, evictions_per_s=3.0, policy="volatile-lru")
    (mild,) = find([state(SourceKind.REDIS, full, Severity.WARN)], AT)
    (grave,) = find([state(SourceKind.REDIS, full, Severity.CRIT)], AT)
    assert (mild.severity, grave.severity) == (Severity.WARN, Severity.CRIT)


def test_a_source_that_cannot_be_seen_is_a_finding_and_its_old_payload_is_no_fact() -> None:
    full = state(SourceKind.DATABASE, database(connections=97))
    lost = replace(full, freshness=Freshness.FAILED, failure=Failure("timed out", "no answer in 3 s"), age_s=40.0)
    (finding,) = find([lost], AT)
    assert finding.rule == "source-unseen" and "40 s ago" in finding.text
    assert finding.severity is Severity.UNKNOWN


def lost(kind: SourceKind, name: str, word: str, hint: str = "") -> SourceState:
    failure = Failure(word, f"{name} gives no answer", hint)
    return SourceState(
        f"{kind.value}/{name}", kind, name, 5.0, failure=failure, failures=1, freshness=Freshness.FAILED
    )


def test_where_nothing_is_seen_the_first_sentence_names_every_source_and_not_one() -> None:
    down = [lost(SourceKind.HEALTH, "api", "unreachable"), lost(SourceKind.DATABASE, "main", "timed out")]
    down += [lost(SourceKind.REVISIONS, f"r{number}", "unreachable") for number in range(5)]
    first, *others = find(down, AT)
    assert first.rule == "sources-unseen" and first.severity is Severity.UNKNOWN
    assert first.text == (
        "none of the 7 sources can be seen: unreachable: health/api, revisions/r0, revisions/r1, revisions/r2"
        " and 2 more; timed out: database/main"
    )
    assert "network" in first.evidence[0]
    assert [other.rule for other in others] == ["source-unseen"] * 7, "each still has its own"


def test_where_all_of_google_cloud_is_lost_they_are_named_together_with_the_one_thing_to_do() -> None:
    login = "run: gcloud auth application-default login"
    down = [lost(kind, "shop", "not authenticated", login) for kind in (SourceKind.REVISIONS, SourceKind.CLOUDSQL)]
    well = state(SourceKind.DATABASE, database(), Severity.OK)
    asleep = replace(lost(SourceKind.METRICS, "board", "timed out"), freshness=Freshness.WAITING, asleep=True)
    first = find([well, *down, asleep], AT)[0]
    assert first.text == (
        "none of the 2 sources in Google Cloud can be seen: not authenticated: revisions/shop, cloudsql/shop"
    )
    assert first.evidence == (f"look first at what they share: {login}",)


def test_one_that_is_still_seen_or_waited_for_leaves_the_others_to_speak_for_themselves() -> None:
    down = [lost(SourceKind.REVISIONS, "shop", "unreachable"), lost(SourceKind.CLOUDSQL, "db", "unreachable")]
    waiting = replace(lost(SourceKind.ARMOR, "edge", "x"), freshness=Freshness.WAITING, failure=None)
    for other in (waiting, state(SourceKind.SECRETS, database(), Severity.OK)):
        assert {finding.rule for finding in find([*down, other], AT)} == {"source-unseen"}
    assert {finding.rule for finding in find(down[:1], AT)} == {"source-unseen"}, "one alone is not all"


def test_the_symptom_of_a_log_is_its_last_seconds_not_its_last_minutes() -> None:
    healed = replace(
        logs(300), buckets=tuple(replace(b, errors=0) if b.start > AT - 30 else b for b in logs(300).buckets)
    )
    assert symptoms([state(SourceKind.LOGS, logs(300), Severity.CRIT)], AT)["logs/main"].severity is Severity.CRIT
    assert symptoms([state(SourceKind.LOGS, healed, Severity.CRIT)], AT)["logs/main"].severity is Severity.OK


@pytest.mark.parametrize("kind", [SourceKind.METRICS, SourceKind.ARMOR, SourceKind.SECRETS, SourceKind.ACCESS])
def test_what_tells_of_minutes_ago_or_of_standing_things_is_no_symptom(kind: SourceKind) -> None:
    assert symptoms([replace(state(SourceKind.LOGS, logs(), Severity.WARN), kind=kind)], AT) == {}


def test_a_source_that_sleeps_is_no_symptom_and_a_warning_ahead_is_none_either() -> None:
    base = state(SourceKind.LOGS, None, Severity.WARN)
    assert symptoms([replace(base, asleep=True)], AT) == {}
    for kind in (SourceKind.CLOUDSQL, SourceKind.MEMORYSTORE):
        late, down = replace(base, kind=kind), replace(state(SourceKind.LOGS, None, Severity.CRIT), kind=kind)
        assert symptoms([late], AT)["logs/main"].severity is Severity.OK
        assert symptoms([down], AT)["logs/main"].severity is Severity.CRIT


def test_the_bounds_of_the_profile_decide_when_fullness_is_a_finding() -> None:
    busy = database(connections=70)
    assert rules(state(SourceKind.DATABASE, busy)) == []
    assert rules(state(SourceKind.DATABASE, replace(busy, bounds=(0.6, 0.9)))) == ["pool-nearly-full"]
    full = cache(used_memory=70)
    assert rules(state(SourceKind.REDIS, full)) == []
    assert rules(state(SourceKind.REDIS, replace(full, bounds=(0.6, 0.9)))) == ["redis-nearly-full"]

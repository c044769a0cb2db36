"""For each finding the playbook that a person would choose, and none that only sounds like it."""

from __future__ import annotations

import pytest

from cockpit.model.finding import Finding
from cockpit.model.runbook import Runbook
from cockpit.model.severity import Severity
from cockpit.runbooks.guide.match import MOST, suggest
from cockpit.runbooks.read import parse

_BOOK = """# Ferry operations

## 1. High error rate (>2%)
1. Look at the log

## 2. Pages answer slowly
**Symptoms:** p95 above 3 s
1. Look at the traces

## 3. Database connections exhausted
**Symptoms:** "too many clients"
1. End idle sessions

## 4. Redis connection failures
**Symptoms:** errors with ECONNREFUSED
1. Restart Redis

## 5. SSL certificate errors
**Symptoms:** connection failures in browsers, service errors
1. Renew it

## 6. Payment provider failures
**Symptoms:** errors from the provider
1. Call them

## 7. Rolling back a release
1. Choose the revision before

## 8. Releasing a new version
1. Push the tag

## 9. Rolling back a schema migration
1. Run the down migration

## 10. Blocking queries and deadlocks
1. Find the root blocker

## 11. Total outage
1. Check everything

## 12. Database backups
1. Take one

## 13. Cache evictions
1. Look at the keys

## 14. Weekly checks of the database
1. Look at slow queries
"""


def _finding(rule: str, text: str, source: str, rank: int = 30, severity: Severity = Severity.CRIT) -> Finding:
    return Finding(rule, severity, text, "", (), source, rank=rank)


_POOL = _finding("pool-nearly-full", "97 of 97 connections are in use: 80 idle, 10 active", "database/main")
_LOCKS = _finding("lock-pileup", "active pid 44 (gate) blocks 12 sessions, the longest for 46 s", "database/main", 20)
_SLOW = _finding("slow-query", "pid 8 (api) runs one statement for 42 s", "database/main", 22)
_EVICTING = _finding("redis-evicting", "cache evicts 9 keys a second: memory 100 % of its limit", "redis/cache", 25)
_REVISION = _finding(
    "bad-revision", "gate-7 went live 12:00:01, errors rose 40 s later: 34 % errors", "revisions/gate", 10
)
_ERRORS = _finding("errors", "34 % of requests failed in the last minute (120 of 350)", "logs/gate", 55)
_CERTIFICATE = _finding("certificate-expiry", "certificate of ferry.example: 5 days left", "health/gate", 45)
_HEALTH = _finding("endpoint-unhealthy", "gate: no answer", "health/gate", 50)
_NO_REDIS = _finding("source-unseen", "redis/cache cannot be seen: timed out", "redis/cache", 60, Severity.UNKNOWN)
_NO_DATABASE = _finding(
    "source-unseen", "database/main cannot be seen: connection refused", "database/main", 60, Severity.UNKNOWN
)


@pytest.fixture(scope="module")
def ferry() -> Runbook:
    return parse([("ferry.md", _BOOK)])


def _titles(runbook: Runbook, *findings: Finding) -> list[str]:
    return [each.playbook.title.partition(" ")[2] for each in suggest(runbook, findings)]


@pytest.mark.parametrize(
    ("finding", "title"),
    [
        (_POOL, "Database connections exhausted"),
        (_LOCKS, "Blocking queries and deadlocks"),
        (_EVICTING, "Cache evictions"),
        (_REVISION, "Rolling back a release"),
        (_ERRORS, "High error rate (>2%)"),
        (_CERTIFICATE, "SSL certificate errors"),
        (_HEALTH, "Total outage"),
        (_NO_REDIS, "Redis connection failures"),
        (_NO_DATABASE, "Database connections exhausted"),
    ],
)
def test_the_first_is_what_a_person_would_choose(ferry: Runbook, finding: Finding, title: str) -> None:
    assert _titles(ferry, finding)[0] == title


@pytest.mark.parametrize(
    "finding", [_POOL, _LOCKS, _SLOW, _EVICTING, _REVISION, _ERRORS, _HEALTH, _NO_REDIS, _NO_DATABASE]
)
def test_what_only_shares_general_words_is_not_suggested(ferry: Runbook, finding: Finding) -> None:
    found = _titles(ferry, finding)
    assert not {"SSL certificate errors", "Payment provider failures", "Database backups"} & set(found)
    assert "Releasing a new version" not in found and "Rolling back a schema migration" not in found
    assert len(found) <= MOST == 3


def test_a_bad_revision_leads_to_no_other_subject(ferry: Runbook) -> None:
    assert _titles(ferry, _REVISION) == ["Rolling back a release", "High error rate (>2%)"]


def test_a_source_that_may_not_be_read_is_no_outage(ferry: Runbook) -> None:
    text = "database/main cannot be seen: permission denied for pg_stat_activity"
    assert _titles(ferry, _finding("source-unseen", text, "database/main")) == []


def test_the_sentence_about_all_sources_adds_nothing_to_what_each_of_them_says(ferry: Runbook) -> None:
    text = "none of the 2 sources can be seen: timed out: redis/cache; unreachable: database/main"
    every = _finding("sources-unseen", text, "redis/cache", 59, Severity.UNKNOWN)
    assert _titles(ferry, every) == []
    assert _titles(ferry, every, _NO_REDIS, _NO_DATABASE) == _titles(ferry, _NO_REDIS, _NO_DATABASE)


def test_each_finding_has_its_playbook_where_several_are_wrong(ferry: Runbook) -> None:
    found = _titles(ferry, _LOCKS, _POOL, _REVISION)
    assert {"Rolling back a release", "Blocking queries and deadlocks", "Database connections exhausted"} == set(
        found
    )


@pytest.mark.parametrize(
    ("title", "finding"),
    [
        ("PostgreSQLConnectionPoolHigh", _POOL),
        ("PostgreSQLSlowQueries", _SLOW),
        ("RedisMemoryHigh", _EVICTING),
        ("DatabaseDeadlocks", _LOCKS),
        ("HighErrorRate", _ERRORS),
    ],
)
def test_titles_that_are_names_of_alerts_are_read_as_words(title: str, finding: Finding) -> None:
    runbook = parse([("a.md", f"# Alerts\n\n## {title}\n\n1. Look\n\n## SSLCertificateExpiry\n\n1. Renew it\n")])
    assert [each.playbook.title for each in suggest(runbook, [finding])] == [title]


def test_a_runbook_about_something_else_suggests_nothing() -> None:
    runbook = parse(
        [("a.md", "# Printers\n\n## Paper service errors\n\n1. Open the tray\n\n## Toner failures\n\n1. Shake\n")]
    )
    assert all(suggest(runbook, [each]) == () for each in (_POOL, _LOCKS, _EVICTING, _REVISION, _ERRORS))

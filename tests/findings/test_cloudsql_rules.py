"""Rules on Cloud SQL instances: what brings it down is a cause, what is to be looked after is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.finding import Finding
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FINE = CloudSqlStatus("p", "pay-db", "RUNNABLE", "ALWAYS", "POSTGRES_16", "db-custom-2-8192", "7")


def found(status: CloudSqlStatus, freshness: Freshness = Freshness.FRESH) -> tuple[Finding, ...]:
    reading = Reading("cloudsql/main", SourceKind.CLOUDSQL, NOW, 0.1, Severity.OK, "", status)
    state = SourceState("cloudsql/main", SourceKind.CLOUDSQL, "main", 30.0, reading, freshness=freshness, age_s=1.0)
    return find([state], NOW.timestamp())


def test_a_running_one_is_no_finding() -> None:
    assert found(FINE) == ()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (replace(FINE, activation="NEVER"), "stopped by its owner: nobody can connect"),
        (replace(FINE, state="SUSPENDED", suspended=("BILLING_ISSUE",)), "SUSPENDED (BILLING_ISSUE)"),
        (replace(FINE, state="FAILED"), "is FAILED"),
    ],
)
def test_one_that_is_down_is_the_cause(status: CloudSqlStatus, words: str) -> None:
    (finding,) = found(status)
    assert (finding.rule, finding.severity) == ("cloudsql-down", Severity.CRIT) and words in finding.text
    assert (finding.action is not None) is (status.state == "RUNNABLE"), "only what was stopped can be started"
    assert cause_chain([finding]) == (finding,)
    assert found(status, Freshness.STALE) == (), "only what is fresh counts"


def test_an_operation_that_cuts_sessions_is_a_cause_and_names_who_began_it() -> None:
    operation = SqlOperation("op-1", "FAILOVER", "RUNNING", NOW - timedelta(minutes=1), user="bob@pay.example")
    (finding,) = found(replace(FINE, operations=(operation,)))
    assert finding.text == "FAILOVER of Cloud SQL instance pay-db is under way: its sessions are cut"
    assert finding.evidence == ("operation op-1 RUNNING since 11:59:00 UTC by bob@pay.example",)
    assert finding.since == (NOW - timedelta(minutes=1)).timestamp()
    assert found(replace(FINE, operations=(replace(operation, kind="EXPORT"),))) == ()


def test_a_failed_operation_maintenance_and_a_late_backup_are_no_causes() -> None:
    ended = NOW - timedelta(minutes=30)
    status = replace(
        FINE,
        operations=(SqlOperation("op-1", "IMPORT", "DONE", ended, ended, error="ERROR: no such file"),),
        maintenance_at=NOW + timedelta(hours=20),
        backup_late="last good backup 2026-02-26 02:00 UTC",
    )
    findings = found(status)
    assert [each.rule for each in findings] == [
        "cloudsql-operation-failed",
        "cloudsql-maintenance",
        "cloudsql-backup-late",
    ]
    assert cause_chain(findings) == ()
    assert findings[2].action is not None and findings[2].action.action == "cloudsql.backup"
    later = replace(status, operations=(), maintenance_at=NOW + timedelta(hours=30), activation="NEVER")
    down, late = found(later)
    assert down.rule == "cloudsql-down" and late.action is None, "a stopped instance cannot be backed up"

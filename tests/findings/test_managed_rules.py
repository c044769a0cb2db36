"""Rules on Memorystore and secrets: what serves nobody is a cause, what is due is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.findings.rules import cause_chain, find
from cockpit.model.finding import Finding
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.reading import Payload, Reading, SourceState
from cockpit.model.secretstore import SecretsStatus, SecretVersion, StoredSecret
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
READY = MemorystoreStatus("p", "r1", "cart", "n", "READY", "STANDARD_HA", 5, zone="r1-b")
GOOD = StoredSecret("api-key", NOW, "e", (SecretVersion("2", "ENABLED", NOW), SecretVersion("1", "DISABLED", NOW)))


def found(payload: Payload, freshness: Freshness = Freshness.FRESH) -> tuple[Finding, ...]:
    memory = isinstance(payload, MemorystoreStatus)
    source, kind = ("memorystore/cart", SourceKind.MEMORYSTORE) if memory else ("secrets/pay", SourceKind.SECRETS)
    reading = Reading(source, kind, NOW, 0.1, Severity.OK, "", payload)
    return find([SourceState(source, kind, "x", 30.0, reading, freshness=freshness, age_s=1.0)], NOW.timestamp())


def secrets(*each: StoredSecret) -> SecretsStatus:
    return SecretsStatus("p", each)


def test_what_is_well_is_no_finding() -> None:
    assert found(READY) == ()
    assert found(replace(READY, maintenance_at=NOW + timedelta(hours=25))) == ()
    assert found(secrets(GOOD)) == ()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (replace(READY, state="REPAIRING"), "cart is REPAIRING: it serves nobody"),
        (replace(READY, state="UPDATING", tier="BASIC"), "cart is UPDATING: it serves nobody"),
        (replace(READY, suspended=("CUSTOMER_MANAGED_KEY_ISSUE",)), "is suspended (CUSTOMER_MANAGED_KEY_ISSUE)"),
    ],
)
def test_an_instance_that_serves_nobody_is_a_cause(status: MemorystoreStatus, words: str) -> None:
    (finding,) = found(status)
    assert (finding.rule, finding.severity) == ("memorystore-down", Severity.CRIT) and words in finding.text
    assert cause_chain([finding]) == (finding,)
    assert found(status, Freshness.STALE) == (), "only what is fresh counts"


def test_an_instance_that_is_being_changed_breaks_connections() -> None:
    (finding,) = found(replace(READY, state="FAILING_OVER"))
    assert (finding.rule, finding.severity) == ("memorystore-changing", Severity.WARN)
    assert finding.evidence == ("STANDARD_HA 5 GB, primary in r1-b",)


def test_maintenance_ahead_is_no_cause() -> None:
    (finding,) = found(replace(READY, maintenance_at=NOW + timedelta(hours=20)))
    assert finding.text.endswith("is due at 2026-03-02 08:00 UTC")
    assert cause_chain([finding]) == ()


def test_a_secret_that_nobody_can_read_is_a_cause_with_a_way_out() -> None:
    secret = replace(GOOD, versions=(SecretVersion("3", "DESTROYED", NOW), SecretVersion("2", "DISABLED", NOW)))
    (finding,) = found(secrets(secret))
    assert (finding.rule, finding.severity) == ("secret-unreadable", Severity.CRIT)
    assert finding.evidence == ("version 3 is DESTROYED", "version 2 is DISABLED")
    assert finding.action is not None and finding.action_title == "Enable version 2 of api-key"
    assert dict(finding.action.params) == {"secret": "api-key", "version": "2"}
    assert cause_chain([finding]) == (finding,)
    (finding,) = found(secrets(replace(GOOD, versions=())))
    assert finding.action is None and finding.evidence == ("no version",)


def test_a_newest_version_that_is_disabled_breaks_who_starts_next() -> None:
    versions = (SecretVersion("3", "DISABLED", NOW), *GOOD.versions)
    wrong = replace(GOOD, versions=versions, severity=Severity.WARN, wrong="the newest version is DISABLED")
    (finding,) = found(secrets(wrong, GOOD))
    assert (finding.rule, finding.severity) == ("secret-latest-fails", Severity.WARN)
    assert cause_chain([finding]) == (finding,)


def test_what_is_due_is_no_cause() -> None:
    (finding,) = found(secrets(replace(GOOD, severity=Severity.WARN, wrong="expires in 3 days")))
    assert (finding.rule, finding.text) == ("secret-due", "Secret api-key: expires in 3 days")
    assert cause_chain([finding]) == ()

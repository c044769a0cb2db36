"""Rules on the cluster around a namespace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cockpit.findings.cluster import cluster_findings
from cockpit.findings.view import View
from cockpit.model.cluster import Certificate, ClusterStatus, ExternalSecret, Node
from cockpit.model.finding import Finding
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def node(name: str, said: str = "", *, ready: bool = True, pressures: tuple[str, ...] = ()) -> Node:
    severity = Severity.CRIT if not ready else Severity.WARN if said else Severity.OK
    return Node(name, name, severity, ready, False, said, pressures, "v1.31", NOW, pods=7)


def certificate(name: str, *, left: timedelta, ready: bool = True) -> Certificate:
    said = "" if ready else "Issuing: waiting"
    return Certificate(name, name, ready, said, name, NOW + left, None, "Issuer/ca", ("pay.example",))


def found(freshness: Freshness = Freshness.FRESH, **parts: object) -> dict[str, Finding]:
    facts = {"nodes": (), "events": (), **parts}
    status = ClusterStatus("gke-pay", "https://s", "ann", "pay", "v1.31", **facts)
    reading = Reading("cluster/pay", SourceKind.CLUSTER, NOW, 0.1, Severity.CRIT, "", status)
    state = SourceState("cluster/pay", SourceKind.CLUSTER, "pay", 2, reading, freshness=freshness, age_s=1)
    return {each.rule: each for each in cluster_findings(View((state,), NOW.timestamp()))}


def test_nodes_that_are_down_are_one_finding_and_pressure_one_each() -> None:
    down = [node(f"n{index}", "not ready for 4 min", ready=False) for index in range(3)]
    rules = found(nodes=(*down, node("n9", "short of memory", pressures=("MemoryPressure",)), node("ok")))
    assert rules["node-down"].text == "In gke-pay 3 of 5 nodes are not ready: not ready for 4 min"
    assert rules["node-down"].severity is Severity.CRIT and len(rules["node-down"].evidence) == 3
    assert "pods may be evicted" in rules["node-pressure"].text
    assert set(rules) == {"node-down", "node-pressure"}


def test_a_secret_that_is_not_synced_says_why() -> None:
    bad = ExternalSecret("pay", "u", False, "forbidden", None, "1h", "vault", "pay-env")
    good = ExternalSecret("api", "u", True, "", NOW, "1h", "vault", "api-env")
    rules = found(external_secrets=(bad, good))
    assert rules["secret-not-synced"].text == "External secret pay in pay is not synced: forbidden"
    assert "from vault into pay-env" in rules["secret-not-synced"].evidence[0]


def test_a_certificate_that_ended_is_worse_than_one_that_ends_soon() -> None:
    rules = found(certificates=(certificate("old", left=-DAY), certificate("far", left=60 * DAY)))
    assert set(rules) == {"certificate-ended"} and rules["certificate-ended"].severity is Severity.CRIT
    soon = found(certificates=(certificate("soon", left=5 * DAY),))["certificate-due"]
    assert (soon.severity, "ends soon" in soon.text) == (Severity.WARN, True)
    unready = found(certificates=(certificate("new", left=60 * DAY, ready=False),))["certificate-due"]
    assert "is not ready: Issuing: waiting" in unready.text


def test_nothing_wrong_and_nothing_fresh_say_nothing() -> None:
    assert found(nodes=(node("n1"),), certificates=(certificate("far", left=60 * DAY),)) == {}
    assert found(Freshness.STALE, nodes=(node("n1", "down", ready=False),)) == {}

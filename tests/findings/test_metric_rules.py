"""Bounds of metrics as findings: one for each panel that breaks its own, none for what is unknown or old."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cockpit.findings.rules import find
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series
from cockpit.model.point import Point
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = AT.timestamp()
MEMORY = MetricPanel(
    "cart Redis memory",
    "%",
    (Series("data", (Point(NOW - 30, 0.7),)), Series("system", (Point(NOW - 30, 0.97),))),
    Severity.CRIT,
    "redis.googleapis.com/stats/memory/usage_ratio",
    "> 0.8",
    "> 0.95",
    NOW - 600,
)
STANDBY = MetricPanel(
    "orders SQL ready to fail over",
    "",
    (Series("", (Point(NOW - 60, 0.0),)),),
    Severity.WARN,
    "m",
    "< 1",
    "",
    NOW - 180,
)
FINE = replace(MEMORY, title="fine", severity=Severity.OK, breach_s=0.0)
GONE = replace(MEMORY, title="gone", severity=Severity.UNKNOWN, breach_s=0.0, series=())


def state(*panels: MetricPanel, freshness: Freshness = Freshness.FRESH) -> SourceState:
    status = MetricsStatus("pay", panels, 3600.0)
    reading = Reading("metrics/shop", SourceKind.METRICS, AT, 0.1, Severity.CRIT, "", status)
    return SourceState("metrics/shop", SourceKind.METRICS, "shop", 60, reading, freshness=freshness, age_s=1.0)


def test_each_broken_bound_is_a_finding_with_its_value_and_since_when():
    found = find([state(FINE, MEMORY, GONE, STANDBY)], NOW)
    assert [finding.text for finding in found] == [
        "cart Redis memory is 97 % (system), > 95 % for 10 min",
        "orders SQL ready to fail over is 0, < 1 for 3 min",
    ]
    assert found[0].severity is Severity.CRIT and found[0].since == NOW - 600
    assert found[0].evidence == ("redis.googleapis.com/stats/memory/usage_ratio", "measured 30 s ago")


def test_what_is_no_longer_fresh_is_no_fact():
    assert find([state(MEMORY, freshness=Freshness.STALE)], NOW) == ()

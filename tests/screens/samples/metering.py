"""Panels of Cloud Monitoring: rates that break, a bound that is broken, a gap, a failure."""

from __future__ import annotations

import math
from collections.abc import Callable, Container

from cockpit.model.metrics import MetricPanel, MetricsStatus, Series
from cockpit.model.point import Point
from cockpit.model.severity import Severity, SourceKind

from .engine import SampleEngine
from .moment import NOW

SOURCE = "metrics/shop"
BROKEN = 48  # minute at which it began


def line(label: str, value: Callable[[int], float], *, end: float = NOW - 30, without: Container[int] = ()) -> Series:
    """Sixty points, one a minute."""
    return Series(label, tuple(Point(end - 60 * (59 - at), value(at)) for at in range(60) if at not in without))


def _fails(at: int) -> float:
    return 0.0 if at <= BROKEN else 28 * (1 - math.exp(-(at - BROKEN) / 4))


def panels() -> tuple[MetricPanel, ...]:
    count = "run.googleapis.com/request_count"
    return (
        MetricPanel("Mails waiting", "", (line("", lambda at: 12 + 9 * max(0, at - 40)),), Severity.WARN,
                    "custom.googleapis.com/mail/waiting", "> 100", "> 1000", NOW - 570, key="own/0", for_s=300.0),
        MetricPanel("checkout requests", "1/s",
                    (line("2xx", lambda at: 40 + 4 * math.sin(at / 3) - _fails(at)), line("4xx", lambda at: 0.8),
                     line("5xx", _fails)), Severity.OK, count, key="requests"),
        MetricPanel("checkout 5xx by revision", "1/s",
                    (line("checkout-00142", _fails, without=range(BROKEN)),), Severity.OK, count, key="5xx",
                    quiet=True),
        MetricPanel("orders SQL CPU", "%", (line("", lambda at: 0.4 + 0.1 * math.sin(at / 5)),), Severity.OK,
                    "cloudsql.googleapis.com/database/cpu/utilization", "> 0.9", key="cpu", for_s=300.0),
        MetricPanel("orders SQL replication lag", "s", (line("", lambda at: 0.4, end=NOW - 540),), Severity.UNKNOWN,
                    "cloudsql.googleapis.com/database/replication/replica_lag", "> 30", "> 300", key="lag"),
        MetricPanel("cache Redis memory", "%",
                    (line("data", lambda at: 0.93), line("system", lambda at: 0.9 + at / 1000)), Severity.CRIT,
                    "redis.googleapis.com/stats/memory/usage_ratio", "> 0.8", "> 0.95", NOW - 510, key="memory"),
        MetricPanel("cache Redis clients", "", (), Severity.UNKNOWN, "redis.googleapis.com/clients/connected",
                    key="clients", failure="monitoring API: denied", hint="roles/monitoring.viewer contains it"),
        MetricPanel("Vertex AI quota exceeded", "", (), Severity.OK, "aiplatform.googleapis.com/quota/x/exceeded",
                    "", "> 0", key="vertex", quiet=True),
    )  # fmt: skip


def status() -> MetricsStatus:
    return MetricsStatus("shop-prod", panels(), 3600.0)


def add_metrics(engine: SampleEngine) -> SampleEngine:
    """The engine with a board that was read."""
    engine.add(SOURCE, SourceKind.METRICS, 60.0)
    engine.say(SOURCE, Severity.CRIT, "cache Redis memory 95.9 %", status())
    return engine

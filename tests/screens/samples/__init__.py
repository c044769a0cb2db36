"""A small shop in trouble, as sample readings: what the pane, layout and theme tests and the pictures show.

Real hub and ring; readings and findings are made up, so that every picture is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from cockpit.errors import TimedOut, Unreachable
from cockpit.model.cache import SlowCommand
from cockpit.model.database import BlockingNode, StatementLoad
from cockpit.model.health import CheckResult, Component, TlsState
from cockpit.model.logs import Level, LogPattern
from cockpit.model.severity import Severity, SourceKind
from cockpit.polling.logring import LogRing

from .clustering import add_cluster, cluster
from .delivering import add_delivery, add_scripts
from .engine import SampleEngine
from .hosted import hosted, hosting
from .managed import managed
from .metering import add_metrics
from .metering import status as metrics_status
from .moment import NOW, START, ago
from .namespace import clustered, namespace
from .namespace import pod as pod_of
from .project import composed, project
from .readings import FOUND, ROOT, cache, database, entries, health, log_status, revision, service, session

__all__ = [
    "ALL",
    "FOUND",
    "NOW",
    "ROOT",
    "START",
    "BlockingNode",
    "CheckResult",
    "Component",
    "LogPattern",
    "LogRing",
    "SampleEngine",
    "Severity",
    "SimpleNamespace",
    "SlowCommand",
    "StatementLoad",
    "Unreachable",
    "add_cluster",
    "add_delivery",
    "add_metrics",
    "add_scripts",
    "ago",
    "broken",
    "cache",
    "calm",
    "cluster",
    "clustered",
    "composed",
    "database",
    "empty",
    "entries",
    "health",
    "hosted",
    "hosting",
    "incident",
    "log_status",
    "managed",
    "metrics_status",
    "namespace",
    "on_docker",
    "on_kubernetes",
    "on_render",
    "pod_of",
    "project",
    "revision",
    "service",
    "session",
]


ALL = (
    ("health/web", SourceKind.HEALTH),
    ("health/admin", SourceKind.HEALTH),
    ("logs/app", SourceKind.LOGS),
    ("database/main", SourceKind.DATABASE),
    ("redis/cache", SourceKind.REDIS),
    ("revisions/checkout", SourceKind.REVISIONS),
)


def empty(sources: Sequence[tuple[str, SourceKind]] = ALL) -> SampleEngine:
    """Sources, and nothing from them yet."""
    engine = SampleEngine()
    for source, kind in sources:
        engine.add(source, kind, 5.0 if kind is SourceKind.REVISIONS else 1.0)
        engine.hub.poll_started(source)
    return engine


def incident() -> SampleEngine:
    """A pile-up of locks, a full pool, evictions, and a deployment twelve minutes ago."""
    engine = empty()
    _history(engine)
    engine.say("health/web", Severity.CRIT, "503 in 3 004 ms", health())
    admin = replace(health(38.0, True, "https://admin.example/up"), components=(), checks=(), tls=None)
    engine.say("health/admin", Severity.OK, "200 in 38 ms", admin)
    engine.rings["logs/app"].append(entries(1200))
    engine.say("logs/app", Severity.CRIT, "1 841 errors in 5 m", log_status())
    engine.say("database/main", Severity.CRIT, "pool full 97/97", database())
    engine.say("redis/cache", Severity.WARN, "evicting 41/s", cache())
    engine.say("revisions/checkout", Severity.OK, "checkout-00142 100 %", service())
    engine.found = FOUND
    return engine


def calm() -> SampleEngine:
    """Nothing wrong."""
    engine = empty()
    _history(engine, quiet=True)
    good = replace(health(41.0, True), tls=TlsState("shop.example", START + timedelta(days=62), 62.0, Severity.OK))
    engine.say("health/web", Severity.OK, "200 in 41 ms", good)
    admin = replace(health(38.0, True, "https://admin.example/up"), components=(), checks=(), tls=None)
    engine.say("health/admin", Severity.OK, "200 in 38 ms", admin)
    engine.rings["logs/app"].append(entry for entry in entries(300) if entry.level < Level.WARNING)
    engine.say("logs/app", Severity.OK, "0 errors in 5 m", replace(log_status(False), patterns=()))
    engine.say("database/main", Severity.OK, "31 of 97 connections", database(False))
    engine.say("redis/cache", Severity.OK, "1.1 of 4.0 GB", cache(False))
    engine.say("revisions/checkout", Severity.OK, "checkout-00142 100 %", service())
    return engine


def on_kubernetes() -> SampleEngine:
    """A namespace in trouble in the place of a Cloud Run service."""
    engine = clustered(empty([each for each in ALL if each[1] in (SourceKind.HEALTH, SourceKind.LOGS)]))
    engine.say("health/web", Severity.CRIT, "503 in 3 004 ms", health())
    engine.rings["logs/app"].append(entries(300))
    engine.say("logs/app", Severity.CRIT, "1 841 errors in 5 m", log_status())
    return engine


def on_render() -> SampleEngine:
    """Services at Render in trouble in the place of a Cloud Run service."""
    return hosting(empty([each for each in ALL if each[1] in (SourceKind.HEALTH, SourceKind.LOGS)]))


def on_docker() -> SampleEngine:
    """A Compose project in trouble in the place of a Cloud Run service."""
    engine = composed(empty([each for each in ALL if each[1] in (SourceKind.HEALTH, SourceKind.LOGS)]))
    engine.say("health/web", Severity.CRIT, "503 in 3 004 ms", health())
    engine.rings["logs/app"].append(entries(300))
    engine.say("logs/app", Severity.CRIT, "1 841 errors in 5 m", log_status())
    return engine


def broken() -> SampleEngine:
    """The database fails after good readings, Redis never answered, the log went stale."""
    engine = incident()
    engine.found = FOUND[3:]
    for _ in range(3):
        engine.fail(
            "database/main",
            TimedOut(
                "main did not answer within 3.0 s", hint="Its connection was accepted: the server may be stopped"
            ),
        )
    engine.hub.register("redis/sessions", SourceKind.REDIS, "sessions", 1.0, 3.0, lambda: None)
    engine.fail(
        "redis/sessions", Unreachable("sessions refused the connection at 10.8.0.9:6379", hint="Is it running?")
    )
    return engine


def _history(engine: SampleEngine, quiet: bool = False) -> None:
    """Ninety earlier polls, so that sparklines have something to show."""
    for number in range(90):
        bad = 0 if quiet or number < 50 else 1 - math.exp(-(number - 50) / 6)
        wave = 1 + 0.2 * math.sin(number / 2)
        engine.say("health/web", Severity.OK, "", health(40 * wave + 2960 * bad, not bad))
        engine.say("health/admin", Severity.OK, "", health(36 * wave, True))
        rate = 46 * bad * wave
        engine.say(
            "redis/cache", Severity.OK, "", replace(cache(False), evictions_per_s=rate, ops_per_s=18_000 * wave)
        )

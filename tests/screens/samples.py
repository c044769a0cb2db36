"""A small shop in trouble, as sample readings: what the pane, layout and theme tests and the pictures show.

Real hub and ring; readings and findings are made up, so that every picture is the same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from cockpit.clock import ManualClock
from cockpit.errors import CockpitError, TimedOut, Unreachable
from cockpit.model.action import ActionSpec, Scope, Tier
from cockpit.model.cache import CacheStatus, Keyspace, SlowCommand
from cockpit.model.database import BlockingNode, DatabaseStatus, Session, StatementLoad
from cockpit.model.finding import Finding
from cockpit.model.health import CheckResult, Component, HealthStatus, TlsState
from cockpit.model.logs import Level, LogBucket, LogEntry, LogPattern, LogStatus
from cockpit.model.reading import Marker, Observation
from cockpit.model.revisions import (
    PreviousServing,
    Revision,
    Scaling,
    ServiceStatus,
    ServingShare,
    TrafficTarget,
)
from cockpit.model.severity import Severity, SourceKind
from cockpit.polling.hub import Hub
from cockpit.polling.logring import LogRing

START = datetime(2026, 11, 21, 14, 3, 41, tzinfo=UTC)
NOW = START.timestamp()
PROD = SimpleNamespace(system="shop", environment="production", keys={}, theme=None)


def ago(seconds: float) -> datetime:
    return START - timedelta(seconds=seconds)


# -- actions, as the catalogue declares them


def _spec(id_: str, title: str, pane: SourceKind, key: str, tier: Tier, scope: Scope = Scope.ROW) -> ActionSpec:
    return ActionSpec(id_, title, pane, key, tier, title, (), scope)


SPECS = (
    _spec("health.call", "Call action", SourceKind.HEALTH, "M", Tier.T2, Scope.SOURCE),
    _spec("logs.block", "Block address", SourceKind.LOGS, "B", Tier.T3),
    _spec("database.cancel", "Cancel query", SourceKind.DATABASE, "C", Tier.T1),
    _spec("database.terminate", "Terminate session", SourceKind.DATABASE, "K", Tier.T2),
    _spec("database.terminate_idle", "Idle sessions", SourceKind.DATABASE, "I", Tier.T3, Scope.SOURCE),
    _spec("database.unblock", "Unblock", SourceKind.DATABASE, "U", Tier.T2, Scope.SOURCE),
    _spec("redis.delete", "Delete keys", SourceKind.REDIS, "D", Tier.T3, Scope.SOURCE),
    _spec("redis.flush", "Flush database", SourceKind.REDIS, "F", Tier.T3, Scope.SOURCE),
    _spec("revisions.rollback", "Roll back", SourceKind.REVISIONS, "R", Tier.T2),
    _spec("revisions.promote", "Promote", SourceKind.REVISIONS, "P", Tier.T2),
    _spec("revisions.scale", "Scale", SourceKind.REVISIONS, "S", Tier.T2, Scope.SOURCE),
)


class SampleCatalogue:
    specs = SPECS

    def offers(self, source: str | None = None) -> tuple[Any, ...]:
        return tuple(
            SimpleNamespace(
                spec=spec, source=source or "", available=spec.id != "health.call", reason="the profile declares none"
            )
            for spec in self.specs
        )

    def spec(self, action: str) -> ActionSpec | None:
        return next((spec for spec in self.specs if spec.id == action), None)

    def handler(self, action: str, source: str) -> Any:
        raise AssertionError("samples run no actions")


class SampleExecutor:
    def __init__(self) -> None:
        self.mode = SimpleNamespace(armed=False, reason="", remaining_s=0.0, idle_s=0.0, read_only=False)
        self.undo_offer: Any = None
        self.effect: Any = None
        self.running: tuple[Any, ...] = ()
        self.records: tuple[Any, ...] = ()
        self.catalogue = SampleCatalogue()
        self.touched = 0

    def touch(self) -> None:
        self.touched += 1

    def arm(self, remaining_s: float) -> None:
        self.mode = SimpleNamespace(armed=True, reason="test", remaining_s=remaining_s, idle_s=300.0, read_only=False)

    async def unresolved(self) -> tuple[Any, ...]:
        return ()

    def subscribe(self, callback: Any) -> Any:
        return lambda: None


class SampleEngine:
    """The engine's reading side over a real hub; `say` and `fail` play the pollers."""

    def __init__(self) -> None:
        self.profile: Any = PROD
        self.clock = ManualClock(START)
        self.hub = Hub(self.clock)
        self.rings: dict[str, LogRing] = {}
        self.catalogue: Any = SampleCatalogue()
        self.executor: Any = SampleExecutor()
        self.polls = 0
        self.found: tuple[Finding, ...] = ()
        self.extra_markers: tuple[Marker, ...] = ()

    def add(self, source: str, kind: SourceKind, interval_s: float = 1.0) -> None:
        def wake() -> None:
            self.polls += 1

        self.hub.register(source, kind, source.partition("/")[2], interval_s, 3.0, wake)
        if kind is SourceKind.LOGS:
            self.rings[source] = LogRing(200_000)

    def say(self, source: str, severity: Severity, summary: str, payload: Any) -> None:
        self.hub.poll_succeeded(source, Observation(severity, summary, payload), 0.02)

    def fail(self, source: str, error: CockpitError) -> None:
        self.hub.poll_failed(source, error)

    def findings(self) -> tuple[Finding, ...]:
        return self.found

    def cause_chain(self) -> tuple[Finding, ...]:
        return tuple(sorted(self.found, key=lambda finding: finding.rank))

    def markers(self) -> tuple[Marker, ...]:
        found = list(self.extra_markers)
        for state in self.hub.states():
            payload = state.reading.payload if state.reading else None
            if isinstance(payload, ServiceStatus):
                found += [Marker(revision.created.timestamp(), "▲", revision.name) for revision in payload.revisions]
        return tuple(sorted(found, key=lambda marker: marker.at))


# -- one source after the other


def health(latency_ms: float = 3004.0, ok: bool = False, url: str = "https://shop.example/healthz") -> HealthStatus:
    return HealthStatus(
        "GET",
        url,
        200 if ok else 503,
        latency_ms,
        ok,
        412,
        (
            Component(
                "database",
                Severity.OK if ok else Severity.CRIT,
                "healthy" if ok else "degraded",
                "in_use 12" if ok else "in_use 97, waiting 46",
            ),
            Component("redis", Severity.OK, "healthy", "rtt_ms 0.4"),
            Component(
                "services",
                Severity.OK if ok else Severity.WARN,
                "healthy" if ok else "degraded",
                "",
                (
                    Component("payments", Severity.OK, "healthy"),
                    Component("mailer", Severity.OK if ok else Severity.WARN, "slow", "p95 2.1 s"),
                ),
            ),
        ),
        (
            CheckResult(
                "jobs.stuck", "0" if ok else "7", Severity.OK if ok else Severity.WARN, "> 5", None if ok else 42.0
            ),
        ),
        TlsState("shop.example", START + timedelta(days=11), 11.2, Severity.WARN),
    )


def session(
    pid: int, state: str, age_s: float, query: str, wait: str = "", blocked_by: tuple[int, ...] = ()
) -> Session:
    return Session(
        pid,
        ago(age_s + 900),
        "shop",
        "shop_app",
        "checkout",
        "10.8.0.14",
        state,
        wait,
        age_s,
        age_s,
        age_s,
        query,
        blocked_by,
    )


ROOT = session(
    4411,
    "idle in transaction",
    712,
    "UPDATE inventory SET reserved = reserved + $1 WHERE sku = $2",
    "Client: ClientRead",
)


def database(full: bool = True) -> DatabaseStatus:
    waits = [
        session(
            4502,
            "active",
            46,
            "UPDATE inventory SET reserved = reserved + $1 WHERE sku = $2",
            "Lock: transactionid",
            (4411,),
        ),
        session(
            4519, "active", 45, "UPDATE inventory SET reserved = reserved + $1 WHERE sku = $2", "Lock: tuple", (4502,)
        ),
        session(
            4533,
            "active",
            31,
            "SELECT stock FROM inventory WHERE sku = $1 FOR UPDATE",
            "Lock: transactionid",
            (4411,),
        ),
    ]
    tree = BlockingNode(
        ROOT,
        "",
        None,
        (
            BlockingNode(
                waits[0],
                "RowExclusiveLock on inventory",
                46.0,
                (BlockingNode(waits[1], "tuple lock on inventory", 45.0),),
            ),
            BlockingNode(waits[2], "RowShareLock on inventory", 31.0),
        ),
    )
    others = [session(4600 + number, "idle", 20 + 7 * number, "COMMIT", "Client: ClientRead") for number in range(6)]
    statements = (
        StatementLoad("UPDATE inventory SET reserved = reserved + $1 WHERE sku = $2", 1204, 3_420_000, 2841.0, 0.61),
        StatementLoad(
            "SELECT * FROM orders WHERE user_id = $1 ORDER BY created_at DESC", 41_200, 785_000, 88.0, 0.14
        ),
        StatementLoad("INSERT INTO order_items (order_id, sku, qty) VALUES ($1, $2, $3)", 9_400, 336_000, 12.0, 0.06),
        StatementLoad("SELECT price FROM catalog WHERE sku = ANY($1)", 88_000, 224_000, 3.1, 0.04),
    )
    return DatabaseStatus(
        "db.internal:5432/shop",
        "16.14",
        "cockpit",
        False,
        ago(864000),
        100,
        3,
        97 if full else 31,
        (("active", 62), ("idle", 21), ("idle in transaction", 14)) if full else (("idle", 27), ("active", 4)),
        (("shop", 91), ("postgres", 6)),
        (ROOT, *waits, *others) if full else tuple(others),
        (tree,) if full else (),
        statements,
        statements,
        "pg_stat_statements",
        0.993,
        412.0,
        0,
        None,
        6,
        (),
    )


def cache(evicting: bool = True, now: float = NOW) -> CacheStatus:
    return CacheStatus(
        "cache.internal:6379/0",
        "Redis",
        "7.2.4",
        "a1b2c3",
        "master",
        0,
        864000,
        4_187_593_114 if evicting else 1_200_000_000,
        4_294_967_296,
        4_294_967_296,
        16 * 2**30,
        "allkeys-lru",
        1.12,
        88_120,
        41.0 if evicting else 0.0,
        12.0,
        0.714 if evicting else 0.982,
        212,
        10_000,
        2 if evicting else 0,
        18_210.0,
        (Keyspace(0, 1_204_567, 1_198_002), Keyspace(3, 4_410, 0)),
        (
            SlowCommand(31, now - 40, 812.0, "KEYS cart:*", "10.8.0.14:50122"),
            SlowCommand(30, now - 61, 91.0, "HGETALL session:9917", "10.8.0.15:41200"),
            SlowCommand(29, now - 122, 44.0, "ZRANGEBYSCORE queue:mail 0 1763733821 LIMIT 0 500", "10.8.0.15:41200"),
        ),
        2,
    )


def revision(
    number: int, age_s: float, percent: int = 0, state: str = "ready", reason: str = "", tags: tuple[str, ...] = ()
) -> Revision:
    digest = f"sha256:{number:02x}7f3c2d1e9b04aa11cc"
    return Revision(
        f"checkout-{number:05d}",
        ago(age_s),
        f"europe-docker.pkg.dev/shop/app/checkout:v{number}",
        digest,
        state,
        reason,
        percent,
        tags,
        "ana@shop.example" if number % 2 else "deploy-bot",
        0,
        20,
    )


def service() -> ServiceStatus:
    revisions = (
        revision(142, 740, 100),
        revision(141, 88_000, 0, "ready", "", ("stable",)),
        revision(140, 260_000, 0, "retired"),
        revision(139, 350_000, 0, "failed", "HealthCheckContainerError"),
        revision(138, 610_000, 0, "retired"),
    )
    return ServiceStatus(
        "shop",
        "europe-west1",
        "checkout",
        "projects/shop/locations/europe-west1/services/checkout",
        "uid-1",
        '"etag-7"',
        142,
        False,
        "ready",
        "",
        "checkout-00142",
        "checkout-00142",
        revisions[0].image,
        Scaling(2, 20, "AUTOMATIC"),
        (TrafficTarget("", 100), TrafficTarget("checkout-00141", 0, "stable")),
        (ServingShare("checkout-00142", 100, "", True), ServingShare("checkout-00141", 0, "stable")),
        revisions,
        PreviousServing("checkout-00141", "the cockpit saw it serve until 13:51 today", True),
        ago(740),
        "ana@shop.example",
        "https://checkout-x.a.run.app",
    )


_LINES: tuple[tuple[Level, str, str, int, float, str], ...] = (
    (
        Level.ERROR,
        "checkout",
        "PoolTimeout: could not get connection within 3000ms (size=97, in_use=97, waiting=46)",
        0,
        0,
        "",
    ),
    (Level.ERROR, "checkout", "POST /v2/orders", 503, 3004, "203.0.113.77"),
    (Level.WARNING, "payments", "retry 2/3 charge ord_88121: upstream 503", 0, 0, ""),
    (Level.INFO, "gateway", "GET /v2/catalog/items?page=3", 200, 41, "198.51.100.9"),
    (
        Level.ERROR,
        "checkout",
        "canceling statement due to lock timeout: UPDATE inventory SET reserved = reserved + $1",
        0,
        0,
        "",
    ),
    (Level.WARNING, "cart", "redis: evicted session cart:7731 (maxmemory 4gb, policy allkeys-lru)", 0, 0, ""),
    (Level.INFO, "catalog", "cache refresh 1204 items 212ms", 0, 0, ""),
    (Level.DEBUG, "identity", "jwks refreshed kid=2026-11", 0, 0, ""),
    (Level.INFO, "gateway", "POST /v2/orders", 503, 3011, "203.0.113.77"),
)


def entries(count: int, end: float = NOW, step: float = 0.7) -> list[LogEntry]:
    made: list[LogEntry] = []
    for number in range(count):
        level, origin, message, status, latency, ip = _LINES[(number * 5 + number // 4) % len(_LINES)]
        made.append(
            LogEntry(
                end - (count - number) * step,
                level,
                origin,
                message,
                '{"trace":"7be2a4","sku":"A-17"}',
                ip,
                status,
                latency,
                f"i{number}",
            )
        )
    return made


def log_status(bad: bool = True, kept: int = 1200) -> LogStatus:
    buckets = []
    for index in range(270):
        since = (index - 196) * 10
        grown = 34 * (1 - math.exp(-since / 60)) if bad and since > 0 else 0
        wave = 2 if index % 7 == 0 else (1 if index % 3 == 0 else 0)
        errors = round(grown * (0.9 + 0.1 * math.sin(index))) + (wave if grown else wave // 2)
        buckets.append(LogBucket(math.floor(NOW / 10) * 10 - (269 - index) * 10, 180 + index % 9, errors, 120))
    patterns = (
        LogPattern("PoolTimeout: could not get connection within <n>ms", Level.ERROR, 1841, NOW - 720, NOW - 1, True),
        LogPattern("canceling statement due to lock timeout: <sql>", Level.ERROR, 612, NOW - 660, NOW - 2, True),
        LogPattern("redis: evicted session <key>", Level.WARNING, 208, NOW - 540, NOW - 3, False),
    )
    return LogStatus(
        "projects/shop", kept, kept + 4000, 0, 1841, 52_000, 36_000, 6_624, NOW - 1, 0.8, tuple(buckets), patterns
    )


# -- scenarios


def finding(rank: int, severity: Severity, text: str, short: str, since_s: float = 700, help_: str = "") -> Finding:
    return Finding(
        "sample", severity, text, short, ("evidence one",), "database/main", None, help_, NOW - since_s, rank
    )


FOUND = (
    finding(
        20,
        Severity.CRIT,
        "idle in transaction pid 4411 (checkout) blocks 3 sessions, the longest for 46 s",
        "pid 4411 blocks 3",
        712,
        "Terminate session 4411",
    ),
    finding(10, Severity.WARN, "checkout-00142 went live 1 m before errors rose", "checkout-00142 live", 740),
    finding(30, Severity.CRIT, "97 of 97 connections are in use", "pool 97/97", 650),
    finding(40, Severity.WARN, "Redis evicts 41 keys a second", "redis evicting 41/s", 600),
    finding(50, Severity.CRIT, "web answers 503 in 3 004 ms", "web 503", 640),
)


ALL = (
    ("health/web", SourceKind.HEALTH),
    ("health/admin", SourceKind.HEALTH),
    ("logs/app", SourceKind.LOGS),
    ("database/main", SourceKind.DATABASE),
    ("redis/cache", SourceKind.REDIS),
    ("revisions/checkout", SourceKind.REVISIONS),
)


def empty() -> SampleEngine:
    """Sources, and nothing from them yet."""
    engine = SampleEngine()
    for source, kind in ALL:
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

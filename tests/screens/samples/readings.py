"""What each kind of source says, sick or well."""

from __future__ import annotations

import math
from datetime import timedelta

from cockpit.model.cache import CacheStatus, Keyspace, SlowCommand
from cockpit.model.database import BlockingNode, DatabaseStatus, Session, StatementLoad
from cockpit.model.finding import Finding
from cockpit.model.health import CheckResult, Component, HealthStatus, TlsState
from cockpit.model.logs import Level, LogBucket, LogEntry, LogPattern, LogStatus
from cockpit.model.revisions import (
    PreviousServing,
    Revision,
    Scaling,
    ServiceStatus,
    ServingShare,
    TrafficTarget,
)
from cockpit.model.severity import Severity

from .moment import NOW, START, ago


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

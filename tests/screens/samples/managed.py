"""Managed services of the small shop, as sample readings: something is wrong with each of them."""

from __future__ import annotations

from datetime import datetime

from cockpit.model.access import AccessFailure, AccessStatus, AdminChange
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.secretstore import SecretsStatus, SecretVersion, StoredSecret
from cockpit.model.severity import Severity, SourceKind

from .engine import SampleEngine
from .moment import ago

HOUR = 3600.0


def sql() -> CloudSqlStatus:
    return CloudSqlStatus(
        project="shop-prod", instance="orders-db", state="RUNNABLE", activation="ALWAYS", version="POSTGRES_16",
        tier="db-custom-4-16384", settings_version="41", created=ago(400 * 24 * HOUR), availability="REGIONAL",
        region="europe-west1", zone="europe-west1-b", secondary_zone="europe-west1-c", replicas=("orders-replica",),
        disk_gb=100, disk_autoresize=True, backups_enabled=True, databases=("orders", "postgres"),
        maintenance_at=ago(-9 * HOUR),
        operations=(
            SqlOperation("op-2", "RESTART", "RUNNING", ago(12), None, "ana@shop.example"),
            SqlOperation(
                "op-1", "UPDATE", "DONE", ago(1800), ago(1700), "ben@shop.example", "INTERNAL_ERROR: no capacity"
            ),
        ),
        backups=(
            SqlBackup("1700000000007", "ON_DEMAND", "SUCCESSFUL", ago(2 * HOUR), ago(2 * HOUR - 60), "before 1.42.0"),
            SqlBackup("1700000000006", "AUTOMATED", "FAILED", ago(20 * HOUR), ago(20 * HOUR), error="disk"),
            SqlBackup("1700000000005", "AUTOMATED", "SUCCESSFUL", ago(44 * HOUR), ago(44 * HOUR)),
        ),
    )  # fmt: skip


def memorystore() -> MemorystoreStatus:
    return MemorystoreStatus(
        project="shop-prod", region="europe-west1", instance="sessions",
        name="projects/shop-prod/locations/europe-west1/instances/sessions", state="READY", tier="STANDARD_HA",
        size_gb=5, version="REDIS_7_2", created=ago(90 * 24 * HOUR), zone="europe-west1-b",
        zones=("europe-west1-b", "europe-west1-c"), host="10.9.8.7", port=6379, replicas=1,
    )  # fmt: skip


def armor() -> ArmorStatus:
    return ArmorStatus(
        project="shop-prod", policy="shop-edge", id="4711", fingerprint="abc=", adaptive=True, backends=("shop-lb",),
        rules=(
            ArmorRule(900, "deny(403)", ("203.0.113.0/24",), description="scraper", expires=ago(3 * HOUR)),
            ArmorRule(901, "deny(403)", ("198.51.100.7/32",), expires=ago(-4 * HOUR)),
            ArmorRule(2000, "rate_based_ban", (), "request.path.matches('/login')", preview=True),
            ArmorRule(2147483647, "allow", ("*",), description="default rule"),
        ),
    )  # fmt: skip


def secrets() -> SecretsStatus:
    def version(number: int, state: str, days: float) -> SecretVersion:
        return SecretVersion(str(number), state, ago(days * 24 * HOUR))

    def stored(name: str, *versions: SecretVersion, expires: datetime | None = None) -> StoredSecret:
        return StoredSecret(name, ago(400 * 24 * HOUR), versions=versions, expires=expires)

    return SecretsStatus(
        "shop-prod",
        (
            stored("orders-database-url", version(8, "ENABLED", 3), version(7, "DISABLED", 90)),
            stored("payment-key", version(2, "ENABLED", 140), expires=ago(-100 * HOUR)),
            stored("old-key", version(1, "DESTROYED", 140)),
        ),
    )  # fmt: skip


def access() -> AccessStatus:
    changes = tuple(
        AdminChange(ago(90 + 400 * at), who, f"google.cloud.run.v2.Services.{method}", "services/checkout",
                    "run.googleapis.com", "192.0.2.9", failed=failed, id=f"c{at}")
        for at, (who, method, failed) in enumerate(
            (("ana@shop.example", "UpdateService", ""), ("ben@shop.example", "DeleteService", "PERMISSION_DENIED"),
             ("deploy@shop-prod.iam.gserviceaccount.com", "UpdateService", ""))
        )
    )  # fmt: skip
    failures = tuple(
        AccessFailure(ago(20 + 5 * at), "admin", "203.0.113.9", "wrong password", f"f{at}") for at in range(9)
    )
    return AccessStatus("shop-prod", ago(6 * HOUR), changes, failures, True)


def managed(engine: SampleEngine) -> SampleEngine:
    """`engine`, with the managed services beside what it watches."""
    for source, kind, severity, summary, payload in (
        ("cloudsql/orders", SourceKind.CLOUDSQL, Severity.WARN, "restart running", sql()),
        ("memorystore/sessions", SourceKind.MEMORYSTORE, Severity.OK, "ready", memorystore()),
        ("armor/edge", SourceKind.ARMOR, Severity.WARN, "1 denial is due", armor()),
        ("secrets/shop", SourceKind.SECRETS, Severity.CRIT, "old-key: none enabled", secrets()),
        ("access/shop", SourceKind.ACCESS, Severity.WARN, "9 refused in 5 min", access()),
    ):
        engine.add(source, kind, 30.0)
        engine.say(source, severity, summary, payload)
    return engine

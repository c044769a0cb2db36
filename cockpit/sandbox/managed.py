"""What the sandbox shop has of Google Cloud's managed services, each with a past: databases, a cache, secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cockpit.sandbox.gcp.server import ControlPlane

SQL_INSTANCE = "shop-db"
SQL_REPLICA = "shop-db-replica"
CACHE_INSTANCE = "shop-cache"
READ_SECRET = ("PAYMENT_API_KEY", "payment-api-key", "latest")  # by the shop's template: variable, secret, version
SECRETS = {"payment-api-key": (300, 120, 33), "session-signing-key": (300, 12), "smtp-password": (210,)}  # days old
_SLOWER = 4  # an operation on an instance takes longer than a deployment


def seed_sql(plane: ControlPlane) -> None:
    """An instance with a standby, backups of the last nights, an export that failed, and maintenance ahead."""
    now = datetime.now(UTC)
    made = now - timedelta(days=400)
    sql = plane.sql
    sql.settle_s = plane.run.settle_s * _SLOWER
    region = plane.run.region
    sql.seed(
        SQL_INSTANCE,
        region,
        created=made,
        databases=["postgres", "shop"],
        maintenance_at=now + timedelta(days=3),
        settings_version=19,
    )
    sql.seed(SQL_REPLICA, region, created=made, primary=SQL_INSTANCE, availability="ZONAL", address="10.1.2.4")
    for nights in (3, 2, 1):
        sql.seed_backup(SQL_INSTANCE, now - timedelta(days=nights) + timedelta(hours=13))
    sql.seed_operation(
        SQL_INSTANCE,
        "EXPORT",
        now - timedelta(days=2),
        ("ERROR_RDBMS", "the service account may not write to the bucket"),
    )
    sql.seed_operation(SQL_INSTANCE, "BACKUP_VOLUME", now - timedelta(hours=11))


def seed_cache(plane: ControlPlane) -> None:
    """An instance with a replica. The shop's own Redis plays its data; the two do not know each other."""
    plane.memorystore.settle_s = plane.run.settle_s * _SLOWER
    made = datetime.now(UTC) - timedelta(days=400)
    instance = plane.memorystore.seed(CACHE_INSTANCE, plane.run.region, size_gb=2, created=made)
    window = {"day": "SUNDAY", "startTime": {"hours": 2}, "duration": "3600s"}
    instance.document["maintenancePolicy"] = {"weeklyMaintenanceWindow": [window]}


def seed_secrets(plane: ControlPlane) -> None:
    """Secrets that were rotated now and then; the former versions of the one that the shop reads are disabled."""
    now = datetime.now(UTC)
    for name, ages in SECRETS.items():
        secret = plane.secrets.seed(name, *(now - timedelta(days=age) for age in ages))
        for version in list(secret.versions.values())[:-1]:
            version.state = "DISABLED"

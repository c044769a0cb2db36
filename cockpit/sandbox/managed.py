"""What the sandbox shop has of Google Cloud's managed services, each with a past: databases, a cache, secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.shape import Shape

SQL_INSTANCE, SQL_REPLICA = Shape().sql
CACHE_INSTANCE = Shape().cache
READ_SECRET = ("PAYMENT_API_KEY", "payment-api-key", "latest")  # by the shop's template: variable, secret, version
SECRETS = {"payment-api-key": (300, 120, 33), "session-signing-key": (300, 12), "smtp-password": (210,)}  # days old
_SLOWER = 4  # an operation on an instance takes longer than a deployment


def seed_sql(plane: ControlPlane, names: Sequence[str] = (SQL_INSTANCE, SQL_REPLICA)) -> None:
    """An instance with a standby, backups of the last nights, an export that failed, and maintenance ahead; the
    other names are its replicas.
    """
    if not names:
        return
    first, *replicas = names
    now = datetime.now(UTC)
    made = now - timedelta(days=400)
    sql = plane.sql
    sql.settle_s = plane.run.settle_s * _SLOWER
    region = plane.run.region
    sql.seed(
        first,
        region,
        created=made,
        databases=["postgres", "shop"],
        maintenance_at=now + timedelta(days=3),
        settings_version=19,
    )
    for name in replicas:
        sql.seed(name, region, created=made, primary=first, availability="ZONAL", address="10.1.2.4")
    for nights in (3, 2, 1):
        sql.seed_backup(first, now - timedelta(days=nights) + timedelta(hours=13))
    sql.seed_operation(
        first,
        "EXPORT",
        now - timedelta(days=2),
        ("ERROR_RDBMS", "the service account may not write to the bucket"),
    )
    sql.seed_operation(first, "BACKUP_VOLUME", now - timedelta(hours=11))


def seed_cache(plane: ControlPlane, name: str = CACHE_INSTANCE) -> None:
    """An instance with a replica. The shop's own Redis plays its data; the two do not know each other."""
    plane.memorystore.settle_s = plane.run.settle_s * _SLOWER
    made = datetime.now(UTC) - timedelta(days=400)
    instance = plane.memorystore.seed(name, plane.run.region, size_gb=2, created=made)
    window = {"day": "SUNDAY", "startTime": {"hours": 2}, "duration": "3600s"}
    instance.document["maintenancePolicy"] = {"weeklyMaintenanceWindow": [window]}


def seed_secrets(plane: ControlPlane, more: Iterable[str] = ()) -> None:
    """Secrets that were rotated now and then; the former versions of the one that the shop reads are disabled."""
    now = datetime.now(UTC)
    for name, ages in {**dict.fromkeys(more, (120, 20)), **SECRETS}.items():
        secret = plane.secrets.seed(name, *(now - timedelta(days=age) for age in ages))
        for version in list(secret.versions.values())[:-1]:
            version.state = "DISABLED"

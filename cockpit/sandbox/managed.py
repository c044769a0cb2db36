"""What the sandbox shop has of Google Cloud's managed services: a Cloud SQL primary and its replica, with a past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cockpit.sandbox.gcp.server import ControlPlane

SQL_INSTANCE = "shop-db"
SQL_REPLICA = "shop-db-replica"
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

"""Cloud SQL's JSON out of `sql_state`: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.gcp.sql_state import Backup, CloudSql, Instance, Operation, User

Json = dict[str, Any]


def instance_json(state: CloudSql, instance: Instance, base: str) -> Json:
    """DatabaseInstance."""
    shown: Json = {
        "kind": "sql#instance",
        "name": instance.name,
        "project": state.project,
        "state": instance.state,
        "databaseVersion": instance.version,
        "databaseInstalledVersion": f"{instance.version}_4",
        "instanceType": "READ_REPLICA_INSTANCE" if instance.primary else "CLOUD_SQL_INSTANCE",
        "backendType": "SECOND_GEN",
        "region": instance.region,
        "gceZone": instance.zone,
        "createTime": stamp(instance.created),
        "etag": f"{instance.name}-{instance.settings_version}",
        "connectionName": f"{state.project}:{instance.region}:{instance.name}",
        "ipAddresses": [{"type": "PRIVATE", "ipAddress": instance.address}],
        "selfLink": f"{base}/projects/{state.project}/instances/{instance.name}",
        "settings": _settings(instance),
    }
    if instance.secondary:
        shown["secondaryGceZone"] = instance.secondary
    if instance.primary:
        shown["masterInstanceName"] = f"{state.project}:{instance.primary}"
    if found := state.replicas(instance.name):
        shown["replicaNames"] = found
    if instance.suspended:
        shown["suspensionReason"] = list(instance.suspended)
    if instance.maintenance_at is not None:
        shown["scheduledMaintenance"] = {"startTime": stamp(instance.maintenance_at), "canReschedule": True}
    return shown


def _settings(instance: Instance) -> Json:
    backups = instance.backups_enabled and not instance.primary
    return {
        "kind": "sql#settings",
        "settingsVersion": str(instance.settings_version),
        "tier": instance.tier,
        "edition": "ENTERPRISE",
        "activationPolicy": instance.activation,
        "availabilityType": instance.availability,
        "dataDiskSizeGb": str(instance.disk_gb),
        "dataDiskType": "PD_SSD",
        "storageAutoResize": True,
        "backupConfiguration": {
            "kind": "sql#backupConfiguration",
            "enabled": backups,
            "pointInTimeRecoveryEnabled": backups,
            "startTime": "02:00",
        },
        "maintenanceWindow": {"kind": "sql#maintenanceWindow", "day": 7, "hour": 3},
        "ipConfiguration": {"ipv4Enabled": False, "requireSsl": True},
    }


def operation_json(state: CloudSql, operation: Operation, base: str) -> Json:
    """Operation."""
    project = f"{base}/projects/{state.project}"
    shown: Json = {
        "kind": "sql#operation",
        "name": operation.id,
        "operationType": operation.kind,
        "status": operation.status,
        "targetId": operation.instance,
        "targetProject": state.project,
        "targetLink": f"{project}/instances/{operation.instance}",
        "selfLink": f"{project}/operations/{operation.id}",
        "user": operation.user,
        "insertTime": stamp(operation.inserted),
        **operation.context,
    }
    shown |= _times(("startTime", operation.started), ("endTime", operation.ended))
    if operation.error is not None:
        code, message = operation.error
        one = {"kind": "sql#operationError", "code": code, "message": message}
        shown["error"] = {"kind": "sql#operationErrors", "errors": [one]}
    return shown


def backup_json(state: CloudSql, instance: Instance, backup: Backup, base: str) -> Json:
    """BackupRun."""
    link = f"{base}/projects/{state.project}/instances/{instance.name}/backupRuns/{backup.id}"
    shown: Json = {
        "kind": "sql#backupRun",
        "id": backup.id,
        "instance": instance.name,
        "status": backup.status,
        "type": backup.kind,
        "backupKind": "SNAPSHOT",
        "location": "eu",
        "enqueuedTime": stamp(backup.started),
        "windowStartTime": stamp(backup.started),
        "startTime": stamp(backup.started),
        "selfLink": link,
    }
    if backup.description:
        shown["description"] = backup.description
    if backup.error:
        shown["error"] = {"kind": "sql#operationError", "code": "ERROR", "message": backup.error}
    return shown | _times(("endTime", backup.ended))


def database_json(state: CloudSql, instance: Instance, name: str) -> Json:
    """Database."""
    return {
        "kind": "sql#database",
        "name": name,
        "instance": instance.name,
        "project": state.project,
        "charset": "UTF8",
        "collation": "en_US.UTF8",
    }


def user_json(state: CloudSql, instance: Instance, user: User) -> Json:
    """User, without its password, as the API answers it."""
    return {
        "kind": "sql#user",
        "name": user.name,
        "host": user.host,
        "instance": instance.name,
        "project": state.project,
    }


def _times(*pairs: tuple[str, datetime | None]) -> Json:
    return {name: stamp(at) for name, at in pairs if at is not None}

"""Cloud SQL Admin v1 JSON <-> our values. Pure: nothing is sent from here.

https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances: int64 are strings, absent fields their zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cockpit.adapters.gcp.runwire import Json, moment, number, objects, part, text
from cockpit.adapters.sqlinstance import InstanceBrief
from cockpit.errors import Malformed
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.sqlchange import (
    BackUp,
    ChangeTier,
    Export,
    Failover,
    Import,
    InstanceChange,
    Promote,
    Restart,
    Restore,
    SetPassword,
    Start,
)

MASKED = "***"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """One request: `path` below the instance ("" for itself), and the permission that it needs."""

    method: str
    path: str
    permission: str
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


def request_of(change: InstanceChange, project: str, instance: str) -> SqlRequest:
    """The request that makes this change; of a password only the mask."""
    match change:
        case Restart():
            return SqlRequest("POST", "/restart", "cloudsql.instances.restart")
        case Failover(version):
            context = {"kind": "sql#failoverContext", "settingsVersion": version}
            return SqlRequest("POST", "/failover", "cloudsql.instances.failover", {"failoverContext": context})
        case Promote():
            return SqlRequest("POST", "/promoteReplica", "cloudsql.instances.promoteReplica")
        case BackUp(description):
            body = {"description": description, "instance": instance, "kind": "sql#backupRun"}
            return SqlRequest("POST", "/backupRuns", "cloudsql.backupRuns.create", body)
        case Restore(backup, origin):
            context = {"backupRunId": backup, "instanceId": origin}
            return SqlRequest(
                "POST", "/restoreBackup", "cloudsql.instances.restoreBackup", {"restoreBackupContext": context}
            )
        case Export():
            return SqlRequest("POST", "/export", "cloudsql.instances.export", {"exportContext": _export(change)})
        case Import():
            return SqlRequest("POST", "/import", "cloudsql.instances.import", {"importContext": _import(change)})
        case ChangeTier(tier, version):
            return SqlRequest(
                "PATCH", "", "cloudsql.instances.update", {"settings": {"settingsVersion": version, "tier": tier}}
            )
        case Start(version):
            settings = {"settingsVersion": version, "activationPolicy": "ALWAYS"}
            return SqlRequest("PATCH", "", "cloudsql.instances.update", {"settings": settings})
        case SetPassword(user, host):
            body = {"instance": instance, "name": user, "password": MASKED, "project": project}
            query = {"name": user}
            if host:
                body["host"] = query["host"] = host
            return SqlRequest("PUT", "/users", "cloudsql.users.update", body, query)


def _export(change: Export) -> dict[str, Any]:
    context: dict[str, Any] = {
        "kind": "sql#exportContext",
        "fileType": "SQL",
        "uri": change.uri,
        "offload": change.offload,
    }
    return context | ({"databases": list(change.databases)} if change.databases else {})


def _import(change: Import) -> dict[str, Any]:
    context = {"kind": "sql#importContext", "fileType": "SQL", "uri": change.uri}
    return context | ({"database": change.database} if change.database else {})


def path_of(project: str, instance: str) -> str:
    """Of an instance; names come from profiles and parameters."""
    return f"/v1/projects/{quote(project, safe='')}/instances/{quote(instance, safe='')}"


def instance_of(
    answer: Json,
    operations: Sequence[SqlOperation] = (),
    backups: Sequence[SqlBackup] = (),
    databases: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> CloudSqlStatus:
    """DatabaseInstance. Raises Malformed without name, state or settings."""
    name, state, settings = text(answer.get("name"), 120), text(answer.get("state"), 60), part(answer, "settings")
    if not name or not state or not settings:
        raise Malformed("sqladmin API answered an instance without name, state or settings")
    saved, maintenance = part(settings, "backupConfiguration"), part(answer, "scheduledMaintenance")
    return CloudSqlStatus(
        project=text(answer.get("project"), 120),
        instance=name,
        state=state,
        activation=text(settings.get("activationPolicy"), 60),
        version=text(answer.get("databaseVersion"), 60),
        tier=text(settings.get("tier"), 80),
        settings_version=text(settings.get("settingsVersion"), 40),
        etag=text(answer.get("etag"), 120),
        created=moment(answer.get("createTime")),
        availability=text(settings.get("availabilityType"), 40),
        region=text(answer.get("region"), 60),
        zone=text(answer.get("gceZone"), 60),
        secondary_zone=text(answer.get("secondaryGceZone"), 60),
        primary=_after_colon(answer.get("masterInstanceName")),
        replicas=tuple(_after_colon(each) for each in _texts(answer.get("replicaNames"))),
        disk_gb=number(settings.get("dataDiskSizeGb")),
        disk_autoresize=_switch(settings.get("storageAutoResize")),
        disk_type=text(settings.get("dataDiskType"), 40),
        backups_enabled=_switch(saved.get("enabled")),
        point_in_time=_switch(saved.get("pointInTimeRecoveryEnabled")),
        maintenance_at=moment(maintenance.get("startTime")),
        maintenance_window=_window(part(settings, "maintenanceWindow")),
        addresses=_addresses(answer),
        connection_name=text(answer.get("connectionName"), 200),
        databases=tuple(databases),
        operations=tuple(operations),
        backups=tuple(backups),
        notes=tuple(notes),
        installed_version=text(answer.get("databaseInstalledVersion"), 60),
        edition=text(settings.get("edition"), 40),
        suspended=tuple(_texts(answer.get("suspensionReason"))),
    )


def brief_of(answer: Json) -> InstanceBrief:
    """One element of instances.list; what is missing stays empty."""
    settings = part(answer, "settings")
    return InstanceBrief(
        text(answer.get("name"), 120) or "?",
        text(answer.get("state"), 60) or "unknown",
        text(settings.get("activationPolicy"), 60),
        text(answer.get("databaseVersion"), 60),
        text(settings.get("tier"), 80),
        text(answer.get("region"), 60),
        text(answer.get("gceZone"), 60),
        text(settings.get("availabilityType"), 40),
        _after_colon(answer.get("masterInstanceName")),
        _addresses(answer),
    )


def operation_of(answer: Json) -> SqlOperation:
    """Operation. It failed where it has errors, whatever its status says. Raises Malformed without a name."""
    name = text(answer.get("name"), 120)
    if not name:
        raise Malformed("sqladmin API answered an operation without a name")
    return SqlOperation(
        id=name,
        kind=text(answer.get("operationType"), 60) or "operation",
        status=text(answer.get("status"), 40) or "UNKNOWN",
        started=moment(answer.get("startTime")) or moment(answer.get("insertTime")),
        ended=moment(answer.get("endTime")),
        user=text(answer.get("user"), 120),
        error=_error(answer),
        backup=text(part(answer, "backupContext").get("backupId"), 60),
    )


def backup_of(answer: Json) -> SqlBackup:
    """BackupRun. Raises Malformed without an id."""
    name = text(answer.get("id"), 60)
    if not name:
        raise Malformed("sqladmin API listed a backup without an id")
    error = part(answer, "error")
    return SqlBackup(
        id=name,
        kind=text(answer.get("type"), 40),
        status=text(answer.get("status"), 40),
        started=moment(answer.get("startTime")) or moment(answer.get("enqueuedTime")),
        ended=moment(answer.get("endTime")),
        description=text(answer.get("description"), 200),
        error=text(error.get("message"), 300) or text(error.get("code"), 80),
    )


def _error(answer: Json) -> str:
    errors = objects(part(answer, "error").get("errors"))
    said = []
    for each in errors:
        code, message = text(each.get("code"), 80), text(each.get("message"), 300)
        said.append(f"{code}: {message}" if code and message else code or message or "an error without a text")
    return "; ".join(said)


def _addresses(answer: Json) -> tuple[str, ...]:
    return tuple(
        f"{text(each.get('ipAddress'), 60)} ({text(each.get('type'), 20).lower() or 'address'})"
        for each in objects(answer.get("ipAddresses"))
        if text(each.get("ipAddress"), 60)
    )


def _window(window: Json) -> str:
    day = number(window.get("day"))
    return f"{_DAYS[day - 1]} {number(window.get('hour')):02d}:00 UTC" if 1 <= day <= 7 else ""


def _after_colon(value: object) -> str:
    return text(value, 200).rpartition(":")[2]


def _texts(value: object) -> list[str]:
    return [text(each, 200) for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None

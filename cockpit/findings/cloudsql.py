"""Rules on Cloud SQL instances: down, being changed, failed operations, maintenance ahead, late backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity

_CUTS = (  # operations that cut sessions, as far as they are known to
    *("RESTART", "AUTO_RESTART", "FAILOVER", "SWITCHOVER", "SWITCHOVER_TO_REPLICA", "PROMOTE_REPLICA"),
    *("DEMOTE_MASTER", "RESTORE_VOLUME", "MAJOR_VERSION_UPGRADE"),
    *("MAINTENANCE", "SELF_SERVICE_MAINTENANCE", "CLUSTER_MAINTENANCE"),
)
_DOWN = ("FAILED", "SUSPENDED", "PENDING_DELETE")
_LATELY = timedelta(hours=1)
_AHEAD = timedelta(hours=24)


def cloudsql_findings(view: View) -> Iterator[Finding]:
    """Of every instance: at most one that it is down or being changed, and what is to be looked after."""
    now = datetime.fromtimestamp(view.now, UTC)
    for state, status in view.fresh(CloudSqlStatus):
        yield from _serving(state.source, status)
        yield from _upkeep(state.source, status, now)


def _serving(source: str, status: CloudSqlStatus) -> Iterator[Finding]:
    underway = status.underway
    if status.state in _DOWN or (status.state == "RUNNABLE" and not status.running):
        stopped = status.state == "RUNNABLE"
        how = "stopped by its owner" if stopped else status.state
        why = f" ({', '.join(status.suspended)})" if status.suspended else ""
        yield Finding(
            rule="cloudsql-down",
            severity=Severity.CRIT,
            text=f"Cloud SQL instance {status.instance} is {how}{why}: nobody can connect to it",
            short=f"{status.instance} {how}",
            evidence=(f"state {status.state}, activationPolicy {status.activation}",),
            source=source,
            action=ActionRequest("cloudsql.start", source) if stopped else None,
            action_title=f"Start {status.instance}" if stopped else "",
            rank=5,
        )
    elif underway is not None and underway.kind in _CUTS:
        yield Finding(
            rule="cloudsql-operation",
            severity=Severity.WARN,
            text=f"{underway.kind} of Cloud SQL instance {status.instance} is under way: its sessions are cut",
            short=f"{underway.kind} of {status.instance}",
            evidence=(_told(underway),),
            source=source,
            since=underway.started.timestamp() if underway.started else None,
            rank=8,
        )


def _upkeep(source: str, status: CloudSqlStatus, now: datetime) -> Iterator[Finding]:
    failed = next((each for each in status.operations if each.error and _within(each.ended, now)), None)
    if failed is not None:
        yield Finding(
            rule="cloudsql-operation-failed",
            severity=Severity.WARN,
            text=f"{failed.kind} of Cloud SQL instance {status.instance} failed: {failed.error}",
            short=f"{failed.kind} of {status.instance} failed",
            evidence=(_told(failed),),
            source=source,
            since=failed.ended.timestamp() if failed.ended else None,
            rank=82,
        )
    at = status.maintenance_at
    if at is not None and now <= at <= now + _AHEAD:
        yield Finding(
            rule="cloudsql-maintenance",
            severity=Severity.WARN,
            text=f"Maintenance of Cloud SQL instance {status.instance} is scheduled for {at:%Y-%m-%d %H:%M} UTC",
            short=f"maintenance of {status.instance} at {at:%H:%M}",
            evidence=("it restarts for that, and every session is cut",),
            source=source,
            rank=84,
        )
    if status.backup_late:
        yield Finding(
            rule="cloudsql-backup-late",
            severity=Severity.WARN,
            text=f"Cloud SQL instance {status.instance}: {status.backup_late}",
            short=f"{status.instance} backup late",
            evidence=("a restore would lose everything since then",),
            source=source,
            action=ActionRequest("cloudsql.backup", source) if status.running and status.underway is None else None,
            action_title="Take a backup" if status.running and status.underway is None else "",
            rank=86,
        )


def _within(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - at <= _LATELY


def _told(operation: SqlOperation) -> str:
    since = f" since {operation.started:%H:%M:%S} UTC" if operation.started else ""
    by = f" by {operation.user}" if operation.user else ""
    return f"operation {operation.id} {operation.status}{since}{by}"

"""What a Cloud SQL instance's state means for whoever is on call. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity

MAINTENANCE_SOON = timedelta(hours=24)
FAILURE_FRESH = timedelta(hours=1)
_BAD = {"FAILED": Severity.CRIT, "SUSPENDED": Severity.CRIT, "PENDING_DELETE": Severity.CRIT}


def judge(status: CloudSqlStatus, now: datetime, backup_max_age_s: float) -> Observation:
    """Worst first; an operation under way is said and is no fault."""
    late = _backup(status, now, backup_max_age_s)
    found = [*_state(status), *_recent(status, now), *late]
    status = replace(status, backup_late=", ".join(text for _, text in late))
    severity = max((each for each, _ in found), default=Severity.OK)
    said = [text for each, text in found if each == severity] or [_fine(status)]
    underway = status.underway
    if underway is not None:
        said.append(f"{underway.kind} under way")
    return Observation(severity, ", ".join(said), status)


def _state(status: CloudSqlStatus) -> list[tuple[Severity, str]]:
    if status.state in _BAD:
        why = f" ({', '.join(status.suspended)})" if status.suspended else ""
        return [(_BAD[status.state], f"{status.state}{why}")]
    if status.state != "RUNNABLE":
        known = status.state in ("MAINTENANCE", "ONLINE_MAINTENANCE", "PENDING_CREATE", "REPAIRING")
        return [(Severity.WARN if known else Severity.UNKNOWN, status.state)]
    if not status.running:
        return [(Severity.CRIT, "stopped by its owner")]
    return []


def _recent(status: CloudSqlStatus, now: datetime) -> list[tuple[Severity, str]]:
    found = []
    at = status.maintenance_at
    if at is not None and now <= at <= now + MAINTENANCE_SOON:
        found.append((Severity.WARN, f"maintenance at {at:%H:%M} UTC"))
    failed = next((each for each in status.operations if each.error and _fresh(each, now)), None)
    if failed is not None:
        found.append((Severity.WARN, f"{failed.kind} failed"))
    return found


def _fresh(operation: SqlOperation, now: datetime) -> bool:
    at = operation.ended or operation.started
    return at is not None and now - at <= FAILURE_FRESH


def _backup(status: CloudSqlStatus, now: datetime, most_s: float) -> list[tuple[Severity, str]]:
    """Only where backups are switched on, and their list could be read."""
    if not status.backups_enabled or status.is_replica or any("backups not read" in note for note in status.notes):
        return []
    last = status.last_backup
    if last is None:
        young = status.created is not None and (now - status.created).total_seconds() < most_s
        return [] if young else [(Severity.WARN, "no good backup")]
    at = last.ended or last.started
    if at is None or (now - at).total_seconds() > most_s:
        return [(Severity.WARN, f"last good backup {at:%Y-%m-%d %H:%M} UTC" if at else "backup of unknown age")]
    return []


def _fine(status: CloudSqlStatus) -> str:
    if status.is_replica:
        return f"running, replica of {status.primary}"
    where = f" in {status.zone}" if status.zone else ""
    return f"running{where}{', HA' if status.highly_available else ''}"

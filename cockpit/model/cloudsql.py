"""A Cloud SQL instance as the control plane knows it: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SqlOperation:
    """Something that was or is done to the instance. At most one runs at a time."""

    id: str
    kind: str  # "RESTART", "FAILOVER", "BACKUP_VOLUME", "UPDATE" ...: operationType
    status: str  # "PENDING", "RUNNING", "DONE"
    started: datetime | None = None
    ended: datetime | None = None
    user: str = ""
    error: str = ""  # "" where it has not failed; it fails by being DONE with an error
    backup: str = ""  # id of the backup that it makes

    @property
    def running(self) -> bool:
        """Not at its end."""
        return self.status != "DONE"


@dataclass(frozen=True, slots=True)
class SqlBackup:
    """One backup. Its id is unique within its instance only."""

    id: str
    kind: str  # "AUTOMATED", "ON_DEMAND"
    status: str  # "SUCCESSFUL", "FAILED", "RUNNING" ...
    started: datetime | None = None
    ended: datetime | None = None
    description: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CloudSqlStatus:
    """One instance with its latest operations and backups."""

    project: str
    instance: str
    state: str  # "RUNNABLE", "MAINTENANCE", "FAILED" ...; RUNNABLE also where its owner stopped it
    activation: str  # activationPolicy: "ALWAYS", "NEVER"
    version: str  # "POSTGRES_16"
    tier: str  # "db-custom-2-8192"
    settings_version: str
    etag: str = ""
    created: datetime | None = None  # with the name the identity: an instance may be deleted and made again
    availability: str = ""  # "ZONAL", "REGIONAL"
    region: str = ""
    zone: str = ""
    secondary_zone: str = ""
    primary: str = ""  # name of the primary where this is a replica
    replicas: tuple[str, ...] = ()
    disk_gb: int = 0
    disk_autoresize: bool | None = None
    disk_type: str = ""
    backups_enabled: bool | None = None
    point_in_time: bool | None = None
    maintenance_at: datetime | None = None  # scheduled
    maintenance_window: str = ""  # "Sunday 03:00 UTC"
    addresses: tuple[str, ...] = ()
    connection_name: str = ""
    databases: tuple[str, ...] = ()
    operations: tuple[SqlOperation, ...] = ()  # newest first
    backups: tuple[SqlBackup, ...] = ()  # newest first
    notes: tuple[str, ...] = ()
    installed_version: str = ""  # "POSTGRES_16_4"
    edition: str = ""  # "ENTERPRISE", "ENTERPRISE_PLUS"
    backup_late: str = ""  # why the last good backup is none to rely on, "" where it is fine or not to be told
    suspended: tuple[str, ...] = ()  # why, where the state is SUSPENDED: "BILLING_ISSUE"

    @property
    def running(self) -> bool:
        """It serves: RUNNABLE alone does not say so."""
        return self.state == "RUNNABLE" and self.activation != "NEVER"

    @property
    def is_replica(self) -> bool:
        """It follows another instance."""
        return bool(self.primary)

    @property
    def highly_available(self) -> bool:
        """A standby in another zone can take over."""
        return self.availability == "REGIONAL" and not self.is_replica

    @property
    def last_backup(self) -> SqlBackup | None:
        """The newest that could be restored."""
        return next((each for each in self.backups if each.status == "SUCCESSFUL"), None)

    @property
    def underway(self) -> SqlOperation | None:
        """The operation that is not at its end."""
        return next((each for each in self.operations if each.running), None)

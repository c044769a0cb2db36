"""What is done to the data of a Cloud SQL instance: backup and restore, export to and import from Cloud Storage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from cockpit.actions.cloudsqlframe import IDENTITY, Goal, SqlAction, gcloud, saved_before
from cockpit.actions.cloudsqlserver import serves
from cockpit.actions.google import GoogleGround
from cockpit.adapters.sqlinstance import InstanceChanging
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.severity import SourceKind
from cockpit.model.sqlchange import BackUp, Export, Import, Restore

BACKUP = ActionSpec(
    "cloudsql.backup",
    "Take backup",
    SourceKind.CLOUDSQL,
    "B",
    Tier.T1,
    "Takes a backup of the instance now; it goes on serving, and other operations wait.",
    (Param("description", ParamKind.TEXT, "what it is for", False), *IDENTITY),
    scope=Scope.SOURCE,
    short="Backup",
)
RESTORE = ActionSpec(
    "cloudsql.restore",
    "Restore backup",
    SourceKind.CLOUDSQL,
    "",
    Tier.T4,
    "Puts a backup over the instance: everything written since then is lost, and nobody is served meanwhile.",
    (
        Param("backup", ParamKind.CHOICE, "id of a successful backup"),
        Param("origin", ParamKind.TEXT, "instance that the backup is of, where it is another one", False),
        *IDENTITY,
    ),
    scope=Scope.ROW,  # of a backup's row where the cursor is on one; else it is chosen
)
EXPORT = ActionSpec(
    "cloudsql.export",
    "Export database",
    SourceKind.CLOUDSQL,
    "",
    Tier.T2,
    "Writes a database as SQL to a file in Cloud Storage.",
    (
        Param("database", ParamKind.CHOICE, "which database", False),
        Param(
            "uri", ParamKind.TEXT, "gs://BUCKET/FILE, or a name below the profile's bucket; made up without", False
        ),
        Param("offload", ParamKind.CHOICE, "yes: on a machine of its own, slower, no load", False, default="no"),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
)
IMPORT = ActionSpec(
    "cloudsql.import",
    "Import SQL file",
    SourceKind.CLOUDSQL,
    "",
    Tier.T4,
    "Runs an SQL file of Cloud Storage in a database: whatever its statements drop or overwrite is lost.",
    (
        Param("uri", ParamKind.TEXT, "gs://BUCKET/FILE, or a name below the profile's bucket"),
        Param("database", ParamKind.CHOICE, "which database", False),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
)
SPECS = (BACKUP, RESTORE, EXPORT, IMPORT)

_URI = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/[^\s*?\[\]#]{1,1000}")
_NOWHERE = Undo("nothing to undo")


class TakeBackup(SqlAction):
    """cloudsql.backup."""

    KIND = "BACKUP_VOLUME"
    NEEDS = ("cloudsql.backupRuns.create",)
    AFTER_FAILURE = "there is no new backup"

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """A backup on demand."""
        title = f"Take a backup of {status.instance}"
        if status.is_replica:
            reason = f"{status.instance} is a read replica: backups are taken of {status.primary}"
            return Goal(title, refusals=(Refusal("preconditions", reason, f"back up {status.primary}"),))
        description = request.get("description")
        words = ["backups", "create", f"--instance={status.instance}"]
        return Goal(
            title,
            BackUp(description),
            warnings=(
                "while it runs no other operation is accepted: no restart, no failover by hand",
                "it is kept, and paid for, until somebody deletes it",
            ),
            changes=(Change("last good backup", _last(status), "of now, on demand"),),
            equivalent=(gcloud(status, *words, *([f"--description={description}"] if description else [])),),
            undo=Undo("none: a backup takes nothing away; gcloud sql backups delete removes it"),
        )

    def achieved(self, plan: Plan, operation: SqlOperation) -> str:
        """With its id, which a restore needs."""
        return f"backup {operation.backup or '(id not told)'} taken by operation {operation.id}"

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It is in the list, and good."""
        made = next((each for each in status.backups if each.id == operation.backup), None)
        if made is None:
            return Verification(None, f"backup {operation.backup or 'of unknown id'} is not in the list")
        return Verification(made.status == "SUCCESSFUL", f"backup {made.id} is {made.status}")


class RestoreBackup(SqlAction):
    """cloudsql.restore: https://cloud.google.com/sql/docs/postgres/backup-recovery/restoring."""

    KIND = "RESTORE_VOLUME"
    NEEDS = ("cloudsql.instances.restoreBackup",)
    STATES = ("RUNNABLE", "FAILED")
    AFTER_FAILURE = "the data may be neither the old nor the new: look at it before anybody uses it"

    async def choices(self, param: str) -> Sequence[Choice]:
        """The successful backups of the instance itself, the newest recommended."""
        if param != "backup":
            return ()
        good = [each for each in (await self._adapter.read_instance()).backups if each.status == "SUCCESSFUL"]
        return [Choice(each.id, _label(each), index == 0) for index, each in enumerate(good)]

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """A backup over this instance."""
        wanted, origin = request.get("backup"), request.get("origin") or status.instance
        title = f"Put backup {wanted} of {origin} over {status.instance}"
        refusals = _no_target(status)
        own = origin == status.instance
        backups = status.backups if own else await self._adapter.backups_of(origin)
        backup = next((each for each in backups if each.id == wanted), None)
        if backup is None or backup.status != "SUCCESSFUL":
            unread = next((each for each in status.notes if own and each.startswith("backups not read")), "")
            missing = unread or f"{origin} has no backup {wanted}"
            reason = missing if backup is None else f"backup {wanted} is {backup.status}"
            listed = gcloud(status, "backups", "list", f"--instance={origin}")
            return Goal(title, refusals=(*refusals, Refusal("parameters", reason, f"choose one of: {listed}")))
        words = ["backups", "restore", wanted, f"--restore-instance={status.instance}"]
        return Goal(
            title,
            Restore(wanted, origin),
            tuple(refusals),
            tuple(self._warnings(status, backup, origin)),
            (
                Change(f"data of {status.instance}", "as it is now", f"as of {_moment(_of(backup))} ({origin})"),
                Change("sessions", "as they are", "all cut; nobody is served until it is done"),
            ),
            tuple(f"database {each}" for each in status.databases) or (status.instance,),
            f"everybody who uses {status.instance}",
            (gcloud(status, *words, *([] if own else [f"--backup-instance={origin}"])),),
            Undo("cannot be undone: take a backup of what is there now first (cloudsql.backup)"),
        )

    def _warnings(self, status: CloudSqlStatus, backup: SqlBackup, origin: str) -> list[str]:
        at = _of(backup)
        lost = f"everything written to {status.instance} since {_moment(at)} is lost"
        if at is not None:
            lost += f": {_span((self._ground.clock.now() - at).total_seconds())} of work"
        if origin != status.instance:
            lost = f"everything that is in {status.instance} now is lost; it becomes what {origin} was"
        found = [lost, f"it overwrites {status.instance} in {status.region}: {status.connection_name}"]
        newest = status.last_backup
        if origin == status.instance and newest is not None and newest.id != backup.id:
            found.append(f"there is a newer good backup: {newest.id} of {_moment(_of(newest))}")
        if status.point_in_time:
            found.append(
                "point-in-time recovery is on: gcloud sql instances clone --point-in-time makes a new instance as of"
                " any moment and overwrites nothing; a restore also takes the logs that it needs"
            )
        return found

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It serves; whether the data is what was wanted, somebody has to look."""
        return serves(status, f"restored by operation {operation.id}")


class _Files(SqlAction):
    """What knows files in Cloud Storage. `bucket` is the profile's folder, None without one."""

    def __init__(self, spec: ActionSpec, ground: GoogleGround, adapter: InstanceChanging, bucket: str | None) -> None:
        super().__init__(spec, ground, adapter)
        self._folder = (bucket or "").rstrip("/")

    async def choices(self, param: str) -> Sequence[Choice]:
        """The databases of the instance; where one is needed and only one is the team's, that one."""
        if param == "offload":
            return [Choice("no", "no: on the instance itself"), Choice("yes", "yes: on a machine of its own")]
        if param != "database":
            return ()
        names = (await self._adapter.read_instance()).databases
        own = [each for each in names if each not in ("postgres", "mysql", "sys", "performance_schema")]
        return [Choice(each, each, [each] == own) for each in names]

    def _uri(self, given: str) -> str:
        return given if given.startswith("gs://") or not self._folder else f"{self._folder}/{given.lstrip('/')}"

    def _refusals(self, status: CloudSqlStatus, database: str, uri: str) -> list[Refusal]:
        found: list[Refusal] = []
        if not _URI.fullmatch(uri):
            hint = "gs://BUCKET/FILE; with `bucket` in the profile the name of the file will do"
            found.append(Refusal("parameters", f"{uri or 'nothing'} is no file in Cloud Storage", hint))
        if status.version.startswith("SQLSERVER"):
            found.append(Refusal("preconditions", "SQL Server takes BAK files, no SQL", "gcloud sql export bak"))
        if not database and status.version.startswith("POSTGRES"):
            known = ", ".join(status.databases) or "unknown"
            found.append(Refusal("parameters", "PostgreSQL needs the name of one database", f"there are: {known}"))
        elif database and status.databases and database not in status.databases:
            reason = f"{status.instance} has no database {database}"
            found.append(Refusal("parameters", reason, f"there are: {', '.join(status.databases)}"))
        return found


class ExportDatabase(_Files):
    """cloudsql.export."""

    KIND = "EXPORT"
    NEEDS = ("cloudsql.instances.export",)
    AFTER_FAILURE = "the file, if there is one, is no whole export"

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """One database, to a file that is not there yet; a name that is made up is settled by the first plan."""
        database, offload = request.get("database"), request.get("offload")
        name = f"{status.instance}-{database or 'all'}-{self._ground.clock.now():%Y%m%d-%H%M%S}.sql.gz"
        uri = self._uri(request.get("uri") or (name if self._folder else ""))
        refusals = self._refusals(status, database, uri)
        if offload not in ("yes", "no"):
            refusals.append(Refusal("parameters", "offload is yes or no"))
        spared = offload == "yes"
        words = ["export", "sql", status.instance, uri, *([f"--database={database}"] if database else [])]
        warnings = [
            "a file of that name must not be there yet: the operation fails where it is",
            "the instance's service account must be allowed to write to the bucket (roles/storage.objectAdmin)",
        ]
        if not spared:
            warnings.append(f"it loads {status.instance} itself, and no other operation is accepted meanwhile")
        return Goal(
            f"Export {database or 'all databases'} of {status.instance}",
            Export(uri, (database,) if database else (), spared),
            tuple(refusals),
            tuple(warnings),
            (Change(uri, "not there", f"{database or 'all databases'} as SQL{', gzip' * uri.endswith('.gz')}"),),
            (uri,),
            "nobody directly" if spared else f"who uses {status.instance}: it is busier meanwhile",
            (gcloud(status, *words, *(["--offload"] if spared else [])),),
            Undo("none: the export takes nothing away; delete the file where it is not wanted"),
            pinned={"uri": uri},
        )

    def achieved(self, plan: Plan, operation: SqlOperation) -> str:
        """Where it is."""
        return f"exported to {plan.request.get('uri')} by operation {operation.id}"

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """Its operation is at its end without an error."""
        return Verification(True, f"operation {operation.id} wrote {plan.request.get('uri')}")


class ImportFile(_Files):
    """cloudsql.import."""

    KIND = "IMPORT"
    NEEDS = ("cloudsql.instances.import",)
    AFTER_FAILURE = "statements before the one that failed stand: look at the data before anybody uses it"

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """One file, into one database."""
        database, uri = request.get("database"), self._uri(request.get("uri"))
        refusals = self._refusals(status, database, uri)
        if status.is_replica:
            reason = f"{status.instance} is a read replica of {status.primary}"
            refusals.append(Refusal("preconditions", reason, f"import into {status.primary}"))
        words = ["import", "sql", status.instance, uri, *([f"--database={database}"] if database else [])]
        where = f"database {database}" if database else "the databases that the file names"
        return Goal(
            f"Import {uri} into {database or status.instance}",
            Import(uri, database),
            tuple(refusals),
            (
                "its statements run as they stand: what they drop or overwrite is lost, and nothing is rolled back",
                saved_before(status),
                f"no other operation is accepted on {status.instance} meanwhile",
            ),
            (Change(where, "as it is now", f"with what the statements of {uri} make of it"),),
            (f"database {database}",) if database else (status.instance,),
            f"everybody who uses {where} of {status.instance}",
            (gcloud(status, *words),),
            Undo("cannot be undone: take a backup of what is there now first (cloudsql.backup)"),
            pinned={"uri": uri},
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """Its operation is at its end without an error."""
        return serves(status, f"imported by operation {operation.id}; look at the data")


def _last(status: CloudSqlStatus) -> str:
    return "none" if status.last_backup is None else f"of {_moment(_of(status.last_backup))}"


def _no_target(status: CloudSqlStatus) -> tuple[Refusal, ...]:
    if status.is_replica:
        reason = f"{status.instance} is a read replica of {status.primary}: nothing is restored to a replica"
        return (Refusal("preconditions", reason, f"restore to {status.primary}"),)
    if status.replicas:
        reason = f"{status.instance} has replicas ({', '.join(status.replicas)}): it is restored without them"
        return (Refusal("preconditions", reason, "delete them first, or restore to another instance"),)
    return ()


def _of(backup: SqlBackup) -> datetime | None:
    """The moment that its data is of: its start."""
    return backup.started or backup.ended


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _label(backup: SqlBackup) -> str:
    words = [_moment(_of(backup)), backup.kind.lower().replace("_", " "), backup.description]
    return ", ".join(word for word in words if word)


def _span(seconds: float) -> str:
    for unit, word in ((86400.0, "days"), (3600.0, "hours")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {word}"
    return f"{max(seconds, 0) / 60:.0f} minutes"

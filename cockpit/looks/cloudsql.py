"""Looks at a Cloud SQL instance: how it is, its operations, backups, databases; and the instances of its project."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.adapters.sqlinstance import InstanceBrief, InstanceChanging
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import counted

_LIMIT = Param("limit", ParamKind.INTEGER, "how many, the newest", required=False)

STATE = LookSpec(
    "cloudsql.state",
    "Cloud SQL instance",
    SourceKind.CLOUDSQL,
    "State, high availability, machine, disk, backups, maintenance and addresses of the instance.",
)
OPERATIONS = LookSpec(
    "cloudsql.operations",
    "Cloud SQL operations",
    SourceKind.CLOUDSQL,
    "What was and is done to the instance by the Admin API, newest first, with the one under way.",
    (Param("operation", ParamKind.CHOICE, "only this one", required=False), _LIMIT),
)
BACKUPS = LookSpec(
    "cloudsql.backups",
    "Cloud SQL backups",
    SourceKind.CLOUDSQL,
    "The backups of the instance, newest first, and which could be restored.",
    (Param("backup", ParamKind.CHOICE, "only this one", required=False), _LIMIT),
)
DATABASES = LookSpec(
    "cloudsql.databases", "Cloud SQL databases", SourceKind.CLOUDSQL, "The names of the databases of the instance."
)
INSTANCES = LookSpec(
    "cloudsql.instances",
    "Cloud SQL instances",
    SourceKind.CLOUDSQL,
    "The instances of the same project: which of them run, and which follow which.",
    live=False,
)
SPECS = (STATE, OPERATIONS, BACKUPS, DATABASES, INSTANCES)

_BY_FLAG = {"--project": "project", "--instance": "instance"}
_PROJECT = {"--project": "project"}
_ROWS = frozenset(("--page-size", "--sort-by", "--flatten", "--uri"))
_UNFILTERED = "The whole list is shown: --filter is not applied."
_ADMINISTRATIVE = "It lists what the Admin API did; connections to the database are not among it (database.sessions)."
_OWN = "It looks among the latest operations of the chosen source's instance."
_GROWS = {True: ", grows by itself", False: ", does not grow by itself", None: ""}


def _described(call: Call) -> Intent | None:
    """gcloud sql instances describe NAME."""
    found = cloud_call(call, "sql instances describe", "instance", _PROJECT, frozenset(("--flatten",)))
    if found is None or found.options or found.given or not call.args:
        return None
    return Intent(STATE.id, SourceKind.CLOUDSQL, found.target)


def _operations_asked(call: Call) -> Intent | None:
    """gcloud sql operations list --instance=NAME, and operations describe ID."""
    listed = _listed(call, "sql operations list", OPERATIONS.id, _ADMINISTRATIVE)
    if listed is not None:
        return listed
    one = cloud_call(call, "sql operations describe", "", _PROJECT, frozenset(("--flatten",)))
    return None if one is None else _one(one, OPERATIONS.id, "operation", _OWN)


def _backups_asked(call: Call) -> Intent | None:
    """gcloud sql backups list --instance=NAME, and backups describe ID --instance=NAME."""
    listed = _listed(call, "sql backups list", BACKUPS.id)
    if listed is not None:
        return listed
    one = cloud_call(call, "sql backups describe", "", _BY_FLAG, frozenset(("--flatten",)))
    if one is None or not call.has("--instance"):
        return None
    return _one(one, BACKUPS.id, "backup", "")


def _databases_asked(call: Call) -> Intent | None:
    """gcloud sql databases list --instance=NAME."""
    found = _listed(call, "sql databases list", DATABASES.id)
    return None if found is None or found.params else found


def _instances_asked(call: Call) -> Intent | None:
    """gcloud sql instances list."""
    found = cloud_call(call, "sql instances list", "", _PROJECT, _ROWS)
    if found is None or set(found.options) - {"--filter", "--limit"} or found.given:
        return None
    differs = "The whole list is shown: --filter and --limit are not applied." if found.options else ""
    return Intent(INSTANCES.id, SourceKind.CLOUDSQL, found.target, differs=differs)


def _listed(call: Call, verb: str, look: str, differs: str = "") -> Intent | None:
    found = cloud_call(call, verb, "", _BY_FLAG, _ROWS)
    if found is None or found.given or not call.has("--instance"):
        return None
    options = dict(found.options)
    filtered = options.pop("--filter", None) is not None
    limit = options.pop("--limit", "")
    if options or (limit and not _counts(limit)):
        return None
    said = " ".join(part for part in (differs, _UNFILTERED if filtered else "") if part)
    return Intent(look, SourceKind.CLOUDSQL, found.target, {"limit": limit} if limit else {}, differs=said)


def _one(found: RunCall, look: str, name: str, differs: str) -> Intent | None:
    if found.options or len(found.given) != 1:
        return None
    value = found.value(found.given[0])
    if isinstance(value, Placeholder):
        return Intent(look, SourceKind.CLOUDSQL, found.target, asks={name: value}, differs=differs)
    return Intent(look, SourceKind.CLOUDSQL, found.target, {name: value}, differs=differs)


REPLACES = (
    Replacement(STATE.id, "gcloud", Tier.T0, _described),
    Replacement(OPERATIONS.id, "gcloud", Tier.T0, _operations_asked),
    Replacement(BACKUPS.id, "gcloud", Tier.T0, _backups_asked),
    Replacement(DATABASES.id, "gcloud", Tier.T0, _databases_asked),
    Replacement(INSTANCES.id, "gcloud", Tier.T0, _instances_asked),
)


def lookers(source_id: str, adapter: InstanceChanging, state_of: StateOf, clock: Clock) -> list[Looker]:
    """All for one source."""
    return [
        InstanceState(source_id, state_of, clock),
        OperationList(source_id, state_of, clock),
        BackupList(source_id, state_of, clock),
        DatabaseList(source_id, state_of, clock),
        InstanceList(source_id, adapter, clock),
    ]


class _Live(BoundLook):
    """Answers from the last reading."""

    SPEC = STATE

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(self.SPEC, source)
        self._state_of = state_of
        self._clock = clock

    def _status(self) -> tuple[Reading, tuple[str, ...], CloudSqlStatus]:
        reading, notes = reading_of(self._source, self._state_of)
        if not isinstance(reading.payload, CloudSqlStatus):
            raise Unreachable(f"{self._source} has no reading of a Cloud SQL instance")
        return reading, notes, reading.payload


class InstanceState(_Live):
    """cloudsql.state."""

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes, status = self._status()
        return sight_of(reading, notes, [*state_lines(status, self._clock.now()), *status.notes])


class OperationList(_Live):
    """cloudsql.operations."""

    SPEC = OPERATIONS

    async def choices(self, param: str) -> Sequence[Choice]:
        """The operations of the last reading."""
        found = self._status()[2].operations if param == "operation" else ()
        return [
            Choice(each.id, f"{each.kind} {each.status}, {_moment(each.started)}", each.running) for each in found
        ]

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for an operation that is not listed."""
        reading, notes, status = self._status()
        now = self._clock.now()
        if name := request.get("operation"):
            one = next((each for each in status.operations if each.id == name), None)
            if one is None:
                raise NotFound(
                    f"{status.instance} has no operation {name} among its latest {len(status.operations)}",
                    hint=f"gcloud sql operations describe {name} --project={status.project}",
                )
            return sight_of(reading, notes, [_operation(one, now)], f"{one.kind} is {_ended(one)}")
        shown = status.operations[: _limit(request)]
        underway = status.underway
        said = f"{underway.kind} under way" if underway is not None else "none under way"
        return sight_of(reading, notes, [_operation(each, now) for each in shown], f"{len(shown)} operations, {said}")


class BackupList(_Live):
    """cloudsql.backups."""

    SPEC = BACKUPS

    async def choices(self, param: str) -> Sequence[Choice]:
        """The backups of the last reading."""
        found = self._status()[2].backups if param == "backup" else ()
        return [Choice(each.id, f"{_moment(each.started)}, {each.status}") for each in found]

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for a backup that is not listed."""
        reading, notes, status = self._status()
        now = self._clock.now()
        if name := request.get("backup"):
            one = next((each for each in status.backups if each.id == name), None)
            if one is None:
                raise NotFound(f"{status.instance} has no backup {name}", hint="gcloud sql backups list shows all")
            return sight_of(reading, notes, [_backup(one, now)], f"backup {one.id} is {one.status}")
        shown = status.backups[: _limit(request)]
        last = status.last_backup
        good = "no good one" if last is None else f"last good one {_age(last.started or last.ended, now)} old"
        lines = [*(_backup(each, now) for each in shown), *_without(status), *status.notes]
        return sight_of(reading, notes, lines, f"{len(shown)} backups, {good}")


class DatabaseList(_Live):
    """cloudsql.databases."""

    SPEC = DATABASES

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes, status = self._status()
        return sight_of(reading, notes, [*status.databases, *status.notes], f"{len(status.databases)} databases")


class InstanceList(BoundLook):
    """cloudsql.instances: asked anew."""

    def __init__(self, source: str, adapter: InstanceChanging, clock: Clock) -> None:
        super().__init__(INSTANCES, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        found = await self._adapter.instances()
        stopped = [each.name for each in found if not each.running]
        severity = Severity.WARN if stopped else Severity.OK
        summary = f"{counted(len(found), 'instance')}, not running: {', '.join(stopped[:3]) or 'none'}"
        lines = tuple(_brief(each) for each in found)
        return Sight(severity, summary, self._clock.now(), lines[:LINES], len(lines) > LINES)


def state_lines(status: CloudSqlStatus, now: datetime) -> list[str]:
    """The instance, line by line."""
    stopped = "" if status.running or status.state != "RUNNABLE" else ", but stopped by its owner"
    lines = [f"state: {status.state}{stopped} (activation {status.activation or 'unknown'})"]
    lines += [f"suspended for: {', '.join(status.suspended)}"] if status.suspended else []
    if status.is_replica:
        lines.append(f"read replica of {status.primary}: it is promoted, not failed over")
    elif status.highly_available:
        lines.append(f"high availability: serves from {status.zone}, standby in {status.secondary_zone or 'unknown'}")
    else:
        lines.append(f"no standby: {status.availability or 'unknown'}, serves from {status.zone or 'unknown'}")
    lines += [f"replicas: {', '.join(status.replicas)}"] if status.replicas else []
    lines.append(f"version: {status.installed_version or status.version}, machine {status.tier}")
    lines.append(f"disk: {status.disk_gb} GB {status.disk_type}{_GROWS[status.disk_autoresize]}")
    underway = status.underway
    if underway is not None:
        lines.append(f"under way: {_operation(underway, now)}")
    last = status.last_backup
    good = "none" if last is None else f"{last.id}, {_age(last.started or last.ended, now)} old"
    lines += [] if status.is_replica else [f"last good backup: {good}", *_without(status)]
    if status.maintenance_at is not None:
        lines.append(f"maintenance is scheduled for {_moment(status.maintenance_at)}")
    lines += [f"maintenance window: {status.maintenance_window}"] if status.maintenance_window else []
    lines += [f"address: {', '.join(status.addresses)}"] if status.addresses else []
    lines += [f"databases: {', '.join(status.databases)}"] if status.databases else []
    return lines


def _without(status: CloudSqlStatus) -> list[str]:
    said = []
    if status.backups_enabled is False:
        said.append("automated backups are switched off")
    if status.point_in_time is False and not status.is_replica:
        said.append("no point-in-time recovery")
    return said


def _operation(operation: SqlOperation, now: datetime) -> str:
    by = f"  by {operation.user}" if operation.user else ""
    return f"{operation.id}  {operation.kind}  {_ended(operation)}  {_age(operation.started, now)} ago{by}"


def _ended(operation: SqlOperation) -> str:
    if operation.error:
        return f"FAILED ({operation.error})"
    return operation.status


def _backup(backup: SqlBackup, now: datetime) -> str:
    words = [backup.id, f"{_age(backup.started, now)} old", backup.kind, backup.status]
    return "  ".join(word for word in (*words, backup.description, backup.error) if word)


def _brief(each: InstanceBrief) -> str:
    stopped = each.state == "RUNNABLE" and not each.running
    role = f"replica of {each.primary}" if each.primary else "HA" if each.availability == "REGIONAL" else "no standby"
    words = [each.name, "stopped by its owner" if stopped else each.state, role, each.version, each.tier]
    return "  ".join([*words, each.zone or each.region, *each.addresses])


def _limit(request: LookRequest) -> int:
    limit = request.get("limit")
    if limit and not _counts(limit):
        raise Refused("parameters", "limit must be a number from 1 on")
    return int(limit) if limit else LINES


def _counts(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= 1000


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _age(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "?"
    seconds = max(0.0, (now - at).total_seconds())
    for unit, word in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{int(seconds / unit)} {word}"
    return f"{int(seconds)} s"

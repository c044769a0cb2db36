"""The Cloud SQL Admin API over `sql_state`: v1 as the cockpit speaks it, v1beta4 as gcloud does; both the same paths.

https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances, .../operations, .../backupRuns, .../users
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.sql_state import Backup, CloudSql, Instance, Operation, SqlError
from cockpit.sandbox.gcp.sql_wire import backup_json, database_json, instance_json, operation_json, user_json
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/(v1|sql/v1beta4)/projects/([^/]+)/(instances|operations)(?:/(.+))?")
_URI = re.compile(r"gs://[a-z0-9][a-z0-9._-]+/.+")
Json = dict[str, Any]


class SqlAdmin:
    """Answers both dialects for one project."""

    def __init__(self, state: CloudSql, permissions: Permissions, logs: LogStore) -> None:
        self._state = state
        self._permissions = permissions
        self._logs = logs
        state.on_change = self._audit
        self._posts: dict[str, Callable[[Instance, Request, str], Operation]] = {
            "restart": self._restart,
            "failover": self._failover,
            "promoteReplica": self._promote,
            "restoreBackup": self._restore,
            "export": self._export,
            "import": self._import,
            "backupRuns": self._back_up,
        }

    def takes(self, path: str) -> bool:
        """Whether the request is meant for this API."""
        return _PATH.fullmatch(path) is not None

    async def handle(self, request: Request, principal: str) -> Json:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        dialect, project, collection, rest = match[1], match[2], match[3], (match[4] or "").split("/")
        if project != self._state.project:
            raise SqlError("notAuthorized", "The client is not authorized to make this request.")
        base = f"https://{request.host}/{dialect}"
        if collection == "operations":
            return self._operations(request, principal, rest, base)
        if rest == [""]:
            self._allow(principal, "cloudsql.instances.list")
            shown = [self._shown(each, base) for each in self._state.instances.values()]
            return {"kind": "sql#instancesList", **({"items": shown} if shown else {})}
        return self._instance(request, principal, rest, base)

    def _operations(self, request: Request, principal: str, rest: list[str], base: str) -> Json:
        self._allow(principal, "cloudsql.instances.get")
        if request.method != "GET":
            raise SqlError("invalidOperation", "The operation cannot be changed.")
        if rest != [""]:
            return operation_json(self._state, self._state.operation(rest[0]), base)
        wanted = request.query.get("instance", "")
        if wanted:
            self._state.instance(wanted)
        found = [each for each in self._state.operations.values() if wanted in ("", each.instance)]
        most = int(request.query.get("maxResults") or 100)
        items = [operation_json(self._state, each, base) for each in reversed(found)][:most]
        return {"kind": "sql#operationsList", **({"items": items} if items else {})}

    def _instance(self, request: Request, principal: str, rest: list[str], base: str) -> Json:
        name, verb = rest[0], "/".join(rest[1:])
        if request.method == "GET":
            return self._read(principal, name, rest[1:], base)
        self._allow(principal, _NEEDED.get((request.method, verb), "cloudsql.instances.update"))
        instance = self._state.instance(name)
        if request.method == "PATCH" and not verb:
            operation = self._patch(instance, request, principal)
        elif request.method == "PUT" and verb == "users":
            operation = self._password(instance, request, principal)
        elif request.method == "POST" and verb in self._posts:
            operation = self._posts[verb](instance, request, principal)
        else:
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        return operation_json(self._state, operation, base)

    def _read(self, principal: str, name: str, rest: list[str], base: str) -> Json:
        instance = self._state.instance(name)
        part, one = [*rest, "", ""][:2]
        if not part:
            self._allow(principal, "cloudsql.instances.get")
            return self._shown(instance, base)
        self._allow(principal, f"cloudsql.{part}.list" if not one else f"cloudsql.{part}.get")
        state = self._state
        if part == "backupRuns":
            runs = [backup_json(state, instance, each, base) for each in reversed(instance.backups)]
            if one:
                return backup_json(state, instance, self._backup(instance, one), base)
            return {"kind": "sql#backupRunsList", **({"items": runs} if runs else {})}
        if part == "databases" and instance.activation == "NEVER":
            raise SqlError("invalid", "Invalid request since instance is not running.")
        lists: dict[str, list[Json]] = {
            "databases": [database_json(state, instance, each) for each in instance.databases],
            "users": [user_json(state, instance, each) for each in instance.users],
        }
        if part not in lists or one:
            raise ApiError("NOT_FOUND", f"{part}/{one} was not found on this server.")
        return {"kind": f"sql#{part}List", "items": lists[part]}

    def _shown(self, instance: Instance, base: str) -> Json:
        return instance_json(self._state, instance, base)

    def _restart(self, instance: Instance, request: Request, principal: str) -> Operation:
        _runs(instance)
        return self._state.begin(instance, "RESTART", principal, lambda: _cut(instance))

    def _failover(self, instance: Instance, request: Request, principal: str) -> Operation:
        version = str(request.json()["failoverContext"].get("settingsVersion", ""))
        if instance.primary or instance.availability != "REGIONAL":
            raise SqlError("invalid", "The instance is not configured for high availability.")
        _runs(instance)
        _same_version(instance, version)

        def switch() -> None:
            instance.zone, instance.secondary = instance.secondary, instance.zone
            _cut(instance)

        return self._state.begin(instance, "FAILOVER", principal, switch)

    def _promote(self, instance: Instance, request: Request, principal: str) -> Operation:
        if not instance.primary:
            raise SqlError("invalidOperation", "The instance is not a read replica.")

        def promote() -> None:
            instance.primary = ""
            instance.settings_version += 1
            _cut(instance)

        return self._state.begin(instance, "PROMOTE_REPLICA", principal, promote)

    def _back_up(self, instance: Instance, request: Request, principal: str) -> Operation:
        if instance.primary:
            raise SqlError("invalid", "Backups cannot be taken of a read replica.")
        _runs(instance)
        run = Backup(self._state.backup_id(), "ON_DEMAND", datetime.now(UTC))
        run.description = str(request.json().get("description") or "")

        def finish() -> None:
            run.status, run.ended, run.content = "SUCCESSFUL", datetime.now(UTC), instance.content

        context = {"backupContext": {"kind": "sql#backupContext", "backupId": run.id}}
        operation = self._state.begin(instance, "BACKUP_VOLUME", principal, finish, context=context)
        instance.backups.append(run)
        return operation

    def _restore(self, instance: Instance, request: Request, principal: str) -> Operation:
        asked = request.json()["restoreBackupContext"]
        origin = self._state.instance(str(asked.get("instanceId") or instance.name))
        backup = self._backup(origin, str(asked["backupRunId"]))
        if backup.status != "SUCCESSFUL":
            raise SqlError("invalid", "The backup run was not successful.")
        if instance.primary:
            raise SqlError("invalidOperation", "A read replica cannot be restored to.")
        if self._state.replicas(instance.name):
            raise SqlError("invalidOperation", "Delete the replicas of the instance before restoring to it.")

        def restore() -> None:
            instance.content = backup.content
            instance.state = "RUNNABLE"
            _cut(instance)

        return self._state.begin(instance, "RESTORE_VOLUME", principal, restore)

    def _export(self, instance: Instance, request: Request, principal: str) -> Operation:
        asked = request.json()["exportContext"]
        uri = _storage(asked)
        _runs(instance)
        databases = list(asked.get("databases") or [])
        missing = [each for each in databases if each not in instance.databases]

        def write() -> None:
            if missing:
                raise SqlError("invalid", f'database "{missing[0]}" does not exist')
            if uri in self._state.files:
                raise SqlError("invalid", f"The file {uri} already exists.")
            self._state.files[uri] = instance.content

        return self._state.begin(instance, "EXPORT", principal, write, context={"exportContext": asked})

    def _import(self, instance: Instance, request: Request, principal: str) -> Operation:
        asked = request.json()["importContext"]
        uri = _storage(asked)
        _runs(instance)

        def load() -> None:
            if uri not in self._state.files:
                raise SqlError("notFound", f"The file {uri} does not exist, or the service account may not read it.")
            instance.content = self._state.files[uri]

        return self._state.begin(instance, "IMPORT", principal, load, context={"importContext": asked})

    def _patch(self, instance: Instance, request: Request, principal: str) -> Operation:
        settings = request.json().get("settings") or {}
        if "settingsVersion" in settings:
            _same_version(instance, str(settings["settingsVersion"]))
        tier, activation = settings.get("tier"), settings.get("activationPolicy")
        if tier is not None and not re.fullmatch(r"db-[a-z0-9-]+", str(tier)):
            raise SqlError("invalid", f"Invalid request: Invalid Tier ({tier}) for (POSTGRES_16).")

        def patch() -> None:
            instance.settings_version += 1
            if tier and tier != instance.tier:
                instance.tier = str(tier)
                _cut(instance)
            if activation:
                instance.activation = str(activation)

        return self._state.begin(instance, "UPDATE", principal, patch)

    def _password(self, instance: Instance, request: Request, principal: str) -> Operation:
        _runs(instance)
        name, host = request.query.get("name", ""), request.query.get("host", "")
        user = next((each for each in instance.users if (each.name, each.host) == (name, host)), None)
        if user is None:
            raise SqlError("notFound", "The user does not exist.")
        password = str(request.json().get("password") or "")
        return self._state.begin(instance, "UPDATE_USER", principal, lambda: user.set_password(password))

    def _audit(self, operation: Operation, first: bool) -> None:
        """The Admin Activity entry; a request is never part of it, for one of them has a password."""
        instance = self._state.instances[operation.instance]
        self._logs.activity(
            "cloudsql.googleapis.com",
            _METHODS[operation.kind],
            f"projects/{self._state.project}/instances/{instance.name}",
            operation.user,
            kind="cloudsql_database",
            labels={"database_id": f"{self._state.project}:{instance.name}", "region": instance.region},
            operation=operation.id,
            first=first,
            failed=operation.error[1] if operation.error else "",
        )

    def _backup(self, instance: Instance, wanted: str) -> Backup:
        found = next((each for each in instance.backups if each.id == wanted), None)
        if found is None:
            raise SqlError("notFound", "The requested backup run does not exist.")
        return found

    def _allow(self, principal: str, permission: str) -> None:
        self._permissions.check(principal, permission, f"projects/{self._state.project}")


_NEEDED = {
    ("POST", "restart"): "cloudsql.instances.restart",
    ("POST", "failover"): "cloudsql.instances.failover",
    ("POST", "promoteReplica"): "cloudsql.instances.promoteReplica",
    ("POST", "restoreBackup"): "cloudsql.instances.restoreBackup",
    ("POST", "export"): "cloudsql.instances.export",
    ("POST", "import"): "cloudsql.instances.import",
    ("POST", "backupRuns"): "cloudsql.backupRuns.create",
    ("PUT", "users"): "cloudsql.users.update",
}

_METHODS = {
    "RESTART": "cloudsql.instances.restart",
    "FAILOVER": "cloudsql.instances.failover",
    "PROMOTE_REPLICA": "cloudsql.instances.promoteReplica",
    "RESTORE_VOLUME": "cloudsql.instances.restoreBackup",
    "EXPORT": "cloudsql.instances.export",
    "IMPORT": "cloudsql.instances.import",
    "BACKUP_VOLUME": "cloudsql.backupRuns.create",
    "UPDATE": "cloudsql.instances.update",
    "UPDATE_USER": "cloudsql.users.update",
}


def _cut(instance: Instance) -> None:
    instance.restarts += 1


def _runs(instance: Instance) -> None:
    if instance.activation == "NEVER" or instance.state != "RUNNABLE":
        raise SqlError("invalid", "Invalid request since instance is not running.")


def _same_version(instance: Instance, given: str) -> None:
    if given != str(instance.settings_version):
        raise SqlError("staleData", "The settings version does not match the current one of the instance.")


def _storage(asked: Json) -> str:
    uri = str(asked.get("uri") or "")
    if not _URI.fullmatch(uri):
        raise SqlError("invalid", "Missing or malformed parameter: uri.")
    return uri

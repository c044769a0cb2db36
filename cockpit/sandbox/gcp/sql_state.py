"""The state of a project's Cloud SQL instances, and what an operation does to it when it ends.

https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances says of failover that a settingsVersion which
does not match the current one is refused; of an export that it fails where the file exists. One operation runs at a
time on an instance, a second one gets 409 operationInProgress (as reported by users of the API in
https://github.com/hashicorp/terraform-provider-google/issues/4370).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.http import Response

_KEPT = 200
_HTTP = {
    "invalid": 400,
    "invalidOperation": 400,
    "notAuthorized": 403,
    "instanceDoesNotExist": 404,
    "notFound": 404,
    "operationInProgress": 409,
    "staleData": 412,
}
_CODES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED", 412: "ABORTED"}


class SqlError(ApiError):
    """A refusal in the Admin API's older form, with a reason of its own."""

    def __init__(self, reason: str, message: str) -> None:
        self.number = _HTTP[reason]
        self.reason = reason
        super().__init__(_CODES[self.number], message)

    def response(self) -> Response:
        """`errors[]` beside message and code; no `status`, no details."""
        one = {"message": self.message, "domain": "global", "reason": self.reason}
        return Response.of({"error": {"code": self.number, "message": self.message, "errors": [one]}}, self.number)


@dataclass(slots=True)
class User:
    """A database user; of the password only what is needed to tell another one from it."""

    name: str
    host: str = ""
    salt: str = field(default_factory=lambda: secrets.token_hex(8))
    digest: str = ""

    def set_password(self, password: str) -> None:
        """Keep its hash."""
        self.digest = self._hashed(password)

    def accepts(self, password: str) -> bool:
        """Whether it is the one."""
        return bool(self.digest) and self.digest == self._hashed(password)

    def _hashed(self, password: str) -> str:
        return hashlib.scrypt(password.encode(), salt=self.salt.encode(), n=16, r=1, p=1).hex()


@dataclass(slots=True)
class Backup:
    """One backup run. `content` stands for what was in the databases."""

    id: str
    kind: str
    started: datetime
    status: str = "RUNNING"
    ended: datetime | None = None
    description: str = ""
    content: str = ""
    error: str = ""


@dataclass(slots=True)
class Operation:
    """One operation on an instance."""

    id: str
    instance: str
    kind: str
    user: str
    inserted: datetime
    status: str = "PENDING"
    started: datetime | None = None
    ended: datetime | None = None
    error: tuple[str, str] | None = None  # code, message
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Instance:
    """One instance. `content` stands for what is in its databases."""

    name: str
    region: str
    created: datetime
    version: str = "POSTGRES_16"
    tier: str = "db-custom-2-8192"
    availability: str = "REGIONAL"
    zone: str = ""
    secondary: str = ""
    primary: str = ""
    state: str = "RUNNABLE"
    activation: str = "ALWAYS"
    settings_version: int = 7
    disk_gb: int = 50
    backups_enabled: bool = True
    maintenance_at: datetime | None = None
    suspended: tuple[str, ...] = ()
    databases: list[str] = field(default_factory=lambda: ["postgres"])
    users: list[User] = field(default_factory=lambda: [User("postgres")])
    backups: list[Backup] = field(default_factory=list)  # oldest first
    address: str = "10.1.2.3"
    content: str = "now"
    restarts: int = 0  # how often its sessions were cut


Deed = Callable[[], None]


class CloudSql:
    """Instances, operations and files of one project. `fail_next` and `endless` are for those who test."""

    def __init__(self, project: str, *, settle_s: float = 1.0) -> None:
        self.project = project
        self.settle_s = settle_s
        self.instances: dict[str, Instance] = {}
        self.operations: dict[str, Operation] = {}  # oldest first
        self.files: dict[str, str] = {}  # gs:// URI -> content
        self.fail_next: tuple[str, str] | None = None  # code, message of the next operation's error
        self.endless = False  # operations that begin now never end
        self.on_change: Callable[[Operation, bool], None] = lambda operation, first: None
        self._backup_ids = 1_700_000_000_000
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def seed(self, name: str, region: str = "europe-west1", **facts: Any) -> Instance:
        """An instance that was there before."""
        zone, secondary = f"{region}-b", f"{region}-c"
        regional = facts.get("availability", "REGIONAL") == "REGIONAL"
        given = {"zone": zone, "secondary": secondary if regional else "", "created": datetime.now(UTC), **facts}
        self.instances[name] = Instance(name, region, **given)
        return self.instances[name]

    def seed_backup(self, name: str, at: datetime, *, status: str = "SUCCESSFUL", kind: str = "AUTOMATED") -> Backup:
        """A backup that was taken before."""
        instance = self.instances[name]
        backup = Backup(self.backup_id(), kind, at, status, at, content=f"as of {at:%Y-%m-%d %H:%M}")
        instance.backups.append(backup)
        instance.backups.sort(key=lambda each: each.started)
        return backup

    def seed_operation(self, name: str, kind: str, at: datetime, error: tuple[str, str] | None = None) -> Operation:
        """An operation that ended before."""
        done = Operation(str(uuid.uuid4()), name, kind, "ann@shop.example", at, "DONE", at, at, error)
        self.operations[done.id] = done
        return done

    def instance(self, name: str) -> Instance:
        """By name; 404 otherwise."""
        if name not in self.instances:
            raise SqlError("instanceDoesNotExist", "The Cloud SQL instance does not exist.")
        return self.instances[name]

    def replicas(self, name: str) -> list[str]:
        """Names of those that follow it."""
        return [each.name for each in self.instances.values() if each.primary == name]

    def operation(self, name: str) -> Operation:
        """By id; 404 otherwise."""
        if name not in self.operations:
            raise SqlError("notFound", "The Cloud SQL operation does not exist.")
        return self.operations[name]

    def running(self, name: str) -> Operation | None:
        """The operation under way on an instance."""
        return next((each for each in self.operations.values() if each.instance == name and not each.ended), None)

    def backup_id(self) -> str:
        """A new one; unique here, though only promised within one instance."""
        self._backup_ids += 1
        return str(self._backup_ids)

    def begin(
        self, instance: Instance, kind: str, user: str, deed: Deed, *, context: dict[str, Any] | None = None
    ) -> Operation:
        """Start an operation: PENDING, RUNNING, DONE after `settle_s`, when `deed` takes effect (or raises SqlError).

        409 where another one is under way.
        """
        if self.running(instance.name) is not None:
            raise SqlError(
                "operationInProgress",
                "Operation failed because another operation was already in progress. Try your request after the "
                "current operation is complete.",
            )
        operation = Operation(str(uuid.uuid4()), instance.name, kind, user, datetime.now(UTC), context=context or {})
        failure, self.fail_next = self.fail_next, None
        self.operations[operation.id] = operation
        while len(self.operations) > _KEPT:
            del self.operations[next(iter(self.operations))]
        self.on_change(operation, True)
        task = asyncio.ensure_future(self._settle(operation, deed, failure, self.endless))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    async def _settle(self, operation: Operation, deed: Deed, failure: tuple[str, str] | None, endless: bool) -> None:
        await asyncio.sleep(self.settle_s / 2)
        operation.status, operation.started = "RUNNING", datetime.now(UTC)
        if endless:
            return
        await asyncio.sleep(self.settle_s / 2)
        operation.error = failure
        if failure is None:
            try:
                deed()
            except SqlError as error:
                operation.error = (error.reason, error.message)
        operation.status, operation.ended = "DONE", datetime.now(UTC)
        self.on_change(operation, False)

"""One Cloud SQL instance over the Admin API v1: how it is, and the operations that an incident needs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from cockpit.adapters.gcp.iam import ProjectRights
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import text
from cockpit.adapters.gcp.sqljudge import judge
from cockpit.adapters.gcp.sqlwire import (
    SqlRequest,
    backup_of,
    brief_of,
    instance_of,
    operation_of,
    path_of,
    request_of,
)
from cockpit.adapters.gcp.transport import GoogleApi, Json
from cockpit.adapters.sqlinstance import Followed, InstanceBrief
from cockpit.clock import Clock
from cockpit.errors import (
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.sqlchange import InstanceChange, SetPassword
from cockpit.profile.google import CloudSqlSource
from cockpit.profile.secrets import Secret, SecretRef

OPERATIONS = 20
BACKUPS = 50
INSTANCES = 200
BACKUPS_EVERY_S = 120.0  # while no operation came or ended
DATABASES_EVERY_S = 600.0

# As gcloud polls: after 1 s, then after 2 s, doubling to 20 s; it gives up, and cancels nothing, after 600 s.
POLL_FIRST_S = 1.0
POLL_SECOND_S = 2.0
POLL_MOST_S = 20.0
GIVE_UP_S = 600.0
_TICK_S = 1.0

_BUSY = "another operation was already in progress"
_A = TypeVar("_A")
_B = TypeVar("_B")

_CHANGES = (
    "cloudsql.instances.restart",
    "cloudsql.instances.failover",
    "cloudsql.instances.update",
    "cloudsql.backupRuns.create",
)


class CloudSqlInstance:
    """Probing, Diagnosing and InstanceChanging."""

    def __init__(self, source: CloudSqlSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._api = GoogleApi("sqladmin", source.endpoint, source.timeout, clock)
        self._rights = ProjectRights(source.project, source.endpoint, source.timeout, clock)
        self._path = path_of(source.project, source.instance)
        self._operations_path = f"/v1/projects/{quote(source.project, safe='')}/operations"
        self._backups: tuple[SqlBackup, ...] = ()
        self._backups_key: tuple[object, ...] = ()
        self._backups_at = float("-inf")
        self._backups_problem = ""
        self._databases: tuple[str, ...] = ()
        self._databases_at = float("-inf")
        self._databases_problem = ""

    async def probe(self) -> Observation:
        """The instance and its operations; backups and databases when they may have changed."""
        self._api.may_poll(self._source.project)
        status = await self._read(fresh=False)
        return judge(status, self._clock.now(), self._source.backup_max_age)

    async def read_instance(self) -> CloudSqlStatus:
        """All of it, now."""
        return await self._read(fresh=True)

    async def backups_of(self, instance: str) -> Sequence[SqlBackup]:
        """Newest first, at most 50."""
        path = f"{path_of(self._source.project, instance)}/backupRuns"
        pages = self._api.pages(path, {"maxResults": str(BACKUPS)}, "items", BACKUPS)
        return [backup_of(each) async for each in pages]

    async def instances(self) -> Sequence[InstanceBrief]:
        """All of the project, at most 200."""
        path = self._path.rpartition("/")[0]
        pages = self._api.pages(path, {"maxResults": str(INSTANCES)}, "items", INSTANCES)
        return [brief_of(each) async for each in pages]

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held on the project."""
        return await self._rights.missing(permissions)

    def permission(self, change: InstanceChange) -> str:
        """The right that the change needs."""
        return self._request_of(change).permission

    def request(self, change: InstanceChange) -> str:
        """Request line, then the body where there is one."""
        asked = self._request_of(change)
        line = f"{asked.method} {self._api.url(self._path + asked.path, asked.query)}"
        return f"{line}\n{json.dumps(asked.body)}" if asked.body else line

    async def begin(self, change: InstanceChange) -> SqlOperation:
        """Send it once."""
        asked = self._request_of(change)
        if isinstance(change, SetPassword):
            answer = await self._send_password(asked, change)
        else:
            answer = await self._send(asked, asked.body)
        try:
            return operation_of(answer)
        except Malformed as error:
            raise Malformed(error.message, hint=self._look_at_all(), effect_possible=True) from None

    async def follow(
        self, begun: SqlOperation, tell: Callable[[SqlOperation, str], None], aborted: Callable[[], bool]
    ) -> Followed:
        """Until it is DONE, `aborted`, it may not be looked at, or 600 s are over."""
        started = self._clock.monotonic()
        current, pause, following, trouble = begun, POLL_FIRST_S, POLL_SECOND_S, ""
        while current.running:
            passed = self._clock.monotonic() - started
            if passed >= GIVE_UP_S:
                return Followed(current, passed, f"it was not at its end after {passed:.0f} s")
            if not await self._wait(min(pause, GIVE_UP_S - passed), started, current, trouble, tell, aborted):
                return Followed(current, self._clock.monotonic() - started, "the cockpit was told to stop looking")
            pause, following = following, min(following * 2, POLL_MOST_S)
            try:
                current, trouble = await self._operation(begun.id), ""
            except RateLimited as error:
                trouble, pause = f"not seen: {error.word}", max(pause, error.retry_after_s or 0.0)
            except (Unreachable, TimedOut, Malformed) as error:
                trouble = f"not seen: {error.word}"  # the next look may succeed; the 600 s end this
            except CockpitError as error:
                return Followed(
                    current, self._clock.monotonic() - started, f"it may not be looked at: {error.message}"
                )
        return Followed(current, self._clock.monotonic() - started)

    async def diagnose(self) -> list[Diagnosis]:
        """Token, instance, backups, and whether it may be changed."""
        found: list[Diagnosis] = []
        try:
            token = await self._api.token()
            found.append(Diagnosis("credentials", True, token.origin))
            started = time.perf_counter()
            status = instance_of(await self._get_instance())
            elapsed = (time.perf_counter() - started) * 1000
            found.append(Diagnosis("cloudsql.instances.get", True, f"{status.instance} read in {elapsed:.0f} ms"))
        except CockpitError as error:
            check = "cloudsql.instances.get" if found else "credentials"
            return [*found, Diagnosis(check, False, error.message, self._fix(error, check))]
        try:
            backups = await self.backups_of(self._source.instance)
            found.append(Diagnosis("cloudsql.backupRuns.list", True, f"{len(backups)} backups"))
        except CockpitError as error:
            fix = self._fix(error, "cloudsql.backupRuns.list")
            found.append(Diagnosis("cloudsql.backupRuns.list", None, error.message, fix))
        return [*found, await self._diagnose_changes()]

    async def close(self) -> None:
        """Close both APIs."""
        await self._api.close()
        await self._rights.close()

    # -- reading

    async def _read(self, *, fresh: bool) -> CloudSqlStatus:
        # Two at a time: a poll has one deadline for all of them.
        answer, operations = await _both(self._get_instance(), self._list_operations())
        bare = instance_of(answer, operations)
        await _both(self._refresh_backups(bare, fresh=fresh), self._refresh_databases(bare))
        notes = [each for each in (self._backups_problem, self._databases_problem) if each]
        return instance_of(answer, operations, self._backups, self._databases, notes)

    async def _get_instance(self) -> Json:
        try:
            return await self._api.get(self._path)
        except PermissionDenied as error:
            raise _named(error, "cloudsql.instances.get") from None

    async def _list_operations(self) -> list[SqlOperation]:
        query = {"instance": self._source.instance, "maxResults": str(OPERATIONS)}
        pages = self._api.pages(self._operations_path, query, "items", OPERATIONS)
        return [operation_of(each) async for each in pages]

    async def _refresh_backups(self, status: CloudSqlStatus, *, fresh: bool) -> None:
        key = (status.created, *((each.id, each.status) for each in status.operations))
        now = self._clock.monotonic()
        if status.is_replica:
            self._backups, self._backups_problem = (), ""
            return
        if not fresh and key == self._backups_key and now - self._backups_at < BACKUPS_EVERY_S:
            return
        self._backups_at = float("-inf")  # what fails, or is given up half-way, is asked again by the next poll
        try:
            self._backups, self._backups_problem = tuple(await self.backups_of(self._source.instance)), ""
        except CockpitError as error:
            self._backups, self._backups_problem = (), f"backups not read: {error.message}"
            return
        self._backups_key, self._backups_at = key, now

    async def _refresh_databases(self, status: CloudSqlStatus) -> None:
        now = self._clock.monotonic()
        if not status.running:
            return  # what was known before stays so
        if now - self._databases_at < DATABASES_EVERY_S:
            return
        self._databases_at = float("-inf")
        try:
            pages = self._api.pages(f"{self._path}/databases", {}, "items", 500)
            self._databases = tuple([text(each.get("name"), 120) async for each in pages])
            self._databases_problem = ""
        except CockpitError as error:
            self._databases, self._databases_problem = (), f"databases not read: {error.message}"
            return
        self._databases_at = now

    async def _operation(self, name: str) -> SqlOperation:
        return operation_of(await self._api.get(f"{self._operations_path}/{quote(name, safe='')}"))

    # -- changing

    def _request_of(self, change: InstanceChange) -> SqlRequest:
        return request_of(change, self._source.project, self._source.instance)

    async def _send(self, asked: SqlRequest, body: Json) -> Json:
        self._databases_at = float("-inf")
        try:
            return await self._api.change(asked.method, self._path + asked.path, asked.query, body or None)
        except Conflict as error:
            raise await self._conflict(error) from None
        except PermissionDenied as error:
            if _BUSY in error.message:  # the API has been seen to say so with 403, too
                raise await self._conflict(Conflict(error.message)) from None
            raise _named(error, asked.permission) from None
        except CockpitError as error:
            if error.effect_possible:
                error.hint = self._look_at_all()
            raise

    async def _send_password(self, asked: SqlRequest, change: SetPassword) -> Json:
        """The only place that holds the password; no error that leaves it does."""
        try:
            secret = await SecretRef(change.reference).resolve()
        except ValueError as error:
            raise Misconfigured(f"the new password's reference {error}") from None
        failure: CockpitError
        try:
            return await self._send(asked, {**asked.body, "password": secret.reveal()})
        except CockpitError as error:
            failure = _without(error, secret)
        raise failure

    async def _conflict(self, error: Conflict) -> Conflict:
        """Which operation is in the way, if it can be told."""
        try:
            operations = await self._list_operations()
        except CockpitError:
            return error  # what was said stands
        underway = next((each for each in operations if each.running), None)
        if underway is None:
            return error
        by = f" by {underway.user}" if underway.user else ""
        return Conflict(
            f"{self._source.instance} is busy: operation {underway.id} ({underway.kind}{by}) is {underway.status}",
            hint=f"nothing was begun; wait for it: {self.by_hand(underway.id, 'wait')}",
        )

    async def _wait(
        self,
        seconds: float,
        started: float,
        operation: SqlOperation,
        trouble: str,
        tell: Callable[[SqlOperation, str], None],
        aborted: Callable[[], bool],
    ) -> bool:
        """In steps of a second, so that progress moves and a stop is heard. False where it is to stop."""
        while seconds > 0:
            if aborted():
                return False
            passed = self._clock.monotonic() - started
            tell(operation, f"{operation.status} for {passed:.0f} s{f' ({trouble})' if trouble else ''}")
            step = min(_TICK_S, seconds)
            await self._clock.sleep(step)
            seconds -= step
        return not aborted()

    def by_hand(self, operation: str, verb: str = "describe") -> str:
        """The gcloud command that looks at an operation."""
        return f"gcloud sql operations {verb} {operation} --project={self._source.project}"

    def _look_at_all(self) -> str:
        source = self._source
        listed = f"gcloud sql operations list --instance={source.instance} --project={source.project}"
        return f"it may have begun: look with {listed}"

    # -- saying what is missing

    async def _diagnose_changes(self) -> Diagnosis:
        check = "cloudsql.instances.update"
        try:
            missing = await self.missing_permissions(_CHANGES)
        except CockpitError as error:
            return Diagnosis(check, None, error.message, self._fix(error, "resourcemanager.projects.get"))
        if missing:
            return Diagnosis(missing[0], None, f"may look, but lacks {', '.join(missing)}", self._grant(missing[0]))
        return Diagnosis(check, True, "may restart, fail over, back up and change the tier")

    def _fix(self, error: CockpitError, permission: str) -> str:
        if isinstance(error, PermissionDenied):
            return self._grant(error.missing or permission)
        return error.hint

    def _grant(self, permission: str) -> str:
        role = ROLES.get(permission, "a role with " + permission)
        return f"gcloud projects add-iam-policy-binding {self._source.project} --member=user:YOU --role={role}"


async def _both(first: Coroutine[Any, Any, _A], second: Coroutine[Any, Any, _B]) -> tuple[_A, _B]:
    """Both answers; the first error of either, with the other one ended."""
    tasks = (asyncio.ensure_future(first), asyncio.ensure_future(second))
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _named(error: PermissionDenied, permission: str) -> PermissionDenied:
    """Cloud SQL says "not authorized" without saying for what."""
    if error.missing:
        return error
    role = ROLES.get(permission, "")
    hint = f"{role} contains {permission}" if role else f"ask for {permission}"
    return PermissionDenied(error.message, missing=permission, hint=hint)


def _without(error: CockpitError, secret: Secret) -> CockpitError:
    """The same error; should the other side repeat the password, it is masked, and no cause is kept."""
    value = secret.reveal()
    error.message = error.message.replace(value, "***")
    error.hint = error.hint.replace(value, "***")
    error.args = (error.message,)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)

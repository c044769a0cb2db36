"""One Memorystore for Redis instance over the v1 REST API: how it is, its size, and a failover.

https://cloud.google.com/memorystore/docs/redis/reference/rest/v1/projects.locations.instances. Its memory in use is a
metric and its keys are Redis's own business: neither is here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cockpit.adapters.gcp.iam import ProjectRights
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import Json, moment, number, objects, part, short, text
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Conflict, Malformed, NotFound, PermissionDenied, TimedOut
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.google import MemorystoreSource

CHANGE_S = 15 * 60.0  # how long a resize or failover may take; Google speaks of minutes
LIST = 100
SOON = timedelta(hours=24)
LIMITED, FORCE = "LIMITED_DATA_LOSS", "FORCE_DATA_LOSS"
_SETTLE_S = 2.0
Waited = Callable[[float], None]  # seconds since the change was accepted


class MemorystoreInstance:
    """Probing, Diagnosing, and the changes that an incident needs."""

    def __init__(self, source: MemorystoreSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._parent = f"projects/{source.project}/locations/{source.region}"
        self._name = f"{self._parent}/instances/{source.instance}"
        self._api = GoogleApi("redis", source.endpoint, source.timeout, clock)
        self._rights = ProjectRights(source.project, source.endpoint, source.timeout, clock)

    async def probe(self) -> Observation:
        """The instance now, with its judgement."""
        self._api.may_poll(self._source.project)
        return judge(await self.read(), self._clock.now())

    async def read(self) -> MemorystoreStatus:
        """The instance now. Raises CockpitError."""
        return status_of(await self._api.get(f"/v1/{self._name}"))

    async def instances(self) -> tuple[tuple[MemorystoreStatus, ...], bool]:
        """The first hundred of the region, and whether there may be more. Raises CockpitError."""
        pages = self._api.pages(f"/v1/{self._parent}/instances", {"pageSize": str(LIST)}, "instances", LIST + 1)
        found = [status_of(each) async for each in pages]
        return tuple(found[:LIST]), len(found) > LIST

    async def resize(self, size_gb: int, waited: Waited = lambda seconds: None) -> MemorystoreStatus:
        """PATCH with updateMask=memory_size_gb, once; the instance after its operation ended.

        Raises Conflict where it is busy, CockpitError where the operation failed (then nothing was changed).
        """
        query, body = {"updateMask": "memory_size_gb"}, {"memorySizeGb": size_gb}
        operation = await self._api.change("PATCH", f"/v1/{self._name}", query, body)
        return await self._finished(operation, waited)

    async def failover(self, mode: str, waited: Waited = lambda seconds: None) -> MemorystoreStatus:
        """POST :failover, once; the instance after its operation ended."""
        try:
            operation = await self._api.change("POST", f"/v1/{self._name}:failover", {}, {"dataProtectionMode": mode})
            return await self._finished(operation, waited)
        except Conflict as error:
            if mode != LIMITED or error.effect_possible:
                raise
            hint = (
                "where the replica lags 30 MB or more, only force-data-loss fails over; see replication/offset_diff"
            )
            raise Conflict(error.message, hint=hint) from None

    def resize_request(self, size_gb: int) -> str:
        """The PATCH as text."""
        url = self._api.url(f"/v1/{self._name}", {"updateMask": "memory_size_gb"})
        return f"PATCH {url}\n{json.dumps({'memorySizeGb': size_gb})}"

    def failover_request(self, mode: str) -> str:
        """The POST as text."""
        return f"POST {self._api.url(f'/v1/{self._name}:failover')}\n{json.dumps({'dataProtectionMode': mode})}"

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held on the project: the API cannot be asked for one instance."""
        return await self._rights.missing(permissions)

    async def diagnose(self) -> list[Diagnosis]:
        """Token, instance, and the rights to change it."""
        found: list[Diagnosis] = []
        try:
            token = await self._api.token()
            found.append(Diagnosis("credentials", True, token.origin))
            started = time.perf_counter()
            status = await self.read()
            elapsed = (time.perf_counter() - started) * 1000
            said = f"{status.instance}, {status.tier} {status.size_gb} GB, read in {elapsed:.0f} ms"
            found.append(Diagnosis("redis.instances.get", True, said))
        except CockpitError as error:
            check = "redis.instances.get" if found else "credentials"
            return [*found, Diagnosis(check, False, error.message, error.hint)]
        needs = ("redis.instances.update", "redis.instances.failover")
        try:
            missing = await self._rights.missing(needs)
        except CockpitError as error:
            return [*found, Diagnosis(needs[0], None, error.message, error.hint)]
        for need in needs:
            binding = f"gcloud projects add-iam-policy-binding {self._source.project} --member=user:YOU"
            held = need not in missing
            fix = "" if held else f"{binding} --role={ROLES[need]}"
            found.append(Diagnosis(need, held, "held" if held else "not held", fix))
        return found

    async def close(self) -> None:
        """Close both APIs."""
        await asyncio.gather(self._api.close(), self._rights.close())

    async def _finished(self, operation: Json, waited: Waited) -> MemorystoreStatus:
        until = self._clock.monotonic() + CHANGE_S
        try:
            await self._api.finish(dict(operation), "/v1/", CHANGE_S, waited)
        except (PermissionDenied, NotFound) as error:
            if not error.effect_possible:
                raise
            # The operation may not be looked at (redis.operations.get): the instance itself tells as well.
        try:
            return await self._settled(until)
        except CockpitError as error:
            error.effect_possible = True
            raise

    async def _settled(self, until: float) -> MemorystoreStatus:
        while True:
            status = await self.read()
            if status.state == "READY":
                return status
            if self._clock.monotonic() >= until:
                raise TimedOut(
                    f"{status.instance} is still {status.state}",
                    hint="it goes on without the cockpit: look at the instance before anything else",
                )
            await self._clock.sleep(_SETTLE_S)


def status_of(answer: Json) -> MemorystoreStatus:
    """An Instance of the API. Raises Malformed where it has no name."""
    name = text(answer.get("name"))
    segments = name.split("/")
    if len(segments) != 6:
        raise Malformed("redis API answered an instance without a name")
    policy = objects(part(answer, "maintenancePolicy").get("weeklyMaintenanceWindow"))
    encrypted = text(answer.get("transitEncryptionMode"))
    reasons = answer.get("suspensionReasons")
    suspended = [text(each) for each in reasons if isinstance(each, str)] if isinstance(reasons, list) else []
    endpoint = text(answer.get("readEndpoint"))
    auth = answer.get("authEnabled")
    return MemorystoreStatus(
        project=segments[1],
        region=segments[3],
        instance=short(name),
        name=name,
        state=text(answer.get("state"), 40) or "STATE_UNSPECIFIED",
        tier=text(answer.get("tier"), 40),
        size_gb=number(answer.get("memorySizeGb")),
        version=text(answer.get("redisVersion"), 40),
        created=moment(answer.get("createTime")),
        zone=text(answer.get("currentLocationId"), 80),
        zones=_zones(answer),
        host=text(answer.get("host"), 80),
        port=number(answer.get("port")),
        replicas=number(answer.get("replicaCount")),
        read_endpoint=endpoint and f"{endpoint}:{number(answer.get('readEndpointPort'))}",
        auth=auth if isinstance(auth, bool) else None,
        encrypted=None if not encrypted else encrypted != "DISABLED",
        maintenance_at=moment(part(answer, "maintenanceSchedule").get("startTime")),
        maintenance_window=", ".join(_window(each) for each in policy),
        configs=tuple((text(key, 80), text(value, 80)) for key, value in part(answer, "redisConfigs").items()),
        status_message=text(answer.get("statusMessage")),
        suspended=tuple(suspended),
    )


def judge(status: MemorystoreStatus, now: datetime) -> Observation:
    """Anything but READY is at least a warning, and so is maintenance within a day."""
    severity, said = Severity.OK, status.state
    if status.down:
        severity = Severity.CRIT
    elif status.state != "READY":
        severity = Severity.WARN
    if status.state == "READY":
        said = f"READY, {status.size_gb} GB"
    if status.suspended:
        said = f"{said}, suspended: {status.suspended[0]}"
    if status.maintenance_at is not None and status.maintenance_at - now <= SOON:
        severity = max(severity, Severity.WARN)
        said = f"{said}, maintenance {_until(status.maintenance_at, now)}"
    return Observation(severity, said, status)


def _until(at: datetime, now: datetime) -> str:
    minutes = (at - now).total_seconds() / 60
    if minutes <= 0:
        return "due now"
    return f"in {minutes / 60:.0f} h" if minutes >= 90 else f"in {minutes:.0f} min"


def _zones(answer: Json) -> tuple[str, ...]:
    nodes = [text(node.get("zone"), 80) for node in objects(answer.get("nodes"))]
    named = [text(answer.get(key), 80) for key in ("locationId", "alternativeLocationId")]
    return tuple(dict.fromkeys(zone for zone in (*nodes, *named) if zone))


def _window(window: Json) -> str:
    start = part(window, "startTime")
    day = text(window.get("day"), 20).capitalize()
    return f"{day} {number(start.get('hours')):02d}:{number(start.get('minutes')):02d} UTC"

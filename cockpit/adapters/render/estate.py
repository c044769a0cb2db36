"""What a [[render]] table names, polled: services with deploys, instances, events; data stores with connections.

Three reads a service and one a data store for each poll, one more for the connections of all of them. Events are read
once a minute, names of variables every ten: https://api-docs.render.com/reference/rate-limiting.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from cockpit.adapters.raw import Json, text
from cockpit.adapters.render import wire
from cockpit.adapters.render.api import RenderApi
from cockpit.adapters.render.metering import Meter
from cockpit.adapters.render.series import newest_by_resource
from cockpit.clock import Clock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.render import (
    INSTANCED,
    DataStore,
    Deploy,
    Export,
    Recovery,
    RenderEvent,
    RenderService,
    RenderStatus,
)
from cockpit.model.severity import Severity, worst
from cockpit.profile.docker import RenderSource
from cockpit.text import clean, counted

T = TypeVar("T")
DEPLOYS = 10  # of a service: what there is to roll back to
EVENTS_EVERY_S = 60.0
NAMES_EVERY_S = 600.0
EVENTS = 50
VARIABLES = 500
_LATELY = timedelta(minutes=10)
_BROKEN = (Unreachable, TimedOut, AuthenticationFailed, RateLimited)  # of all of Render, not of one thing there


class Kept(Generic[T]):
    """What changes rarely, by name: asked for again after a while."""

    def __init__(self, every_s: float, clock: Clock) -> None:
        self._every_s = every_s
        self._clock = clock
        self._held: dict[str, tuple[float, T]] = {}

    async def of(self, name: str, ask: Callable[[str], Awaitable[T]]) -> T:
        """As it was, or as it is now. Raises what `ask` raises."""
        held = self._held.get(name)
        now = self._clock.monotonic()
        if held is None or now - held[0] >= self._every_s:
            held = self._held[name] = (now, await ask(name))
        return held[1]


class RenderEstate:
    """Probing, Diagnosing, and what actions and looks read fresh. The API is closed by whoever made it."""

    def __init__(self, api: RenderApi, source: RenderSource, clock: Clock) -> None:
        self.api = api
        self._source = source
        self._clock = clock
        self._meter = Meter(api)
        self._owner = source.owner or ""
        self._names = Kept[tuple[str, ...]](NAMES_EVERY_S, clock)
        self._happened = Kept[tuple[RenderEvent, ...]](EVENTS_EVERY_S, clock)

    async def probe(self) -> Observation:
        """All of it. A thing that is gone is a note; where Render itself cannot be asked, the poll fails."""
        self.api.may_poll()
        services, stores = await asyncio.gather(
            self._all(self._source.services, self._whole),
            self._stores([*self._source.postgres, *self._source.keyvalue]),
        )
        failures = [each for each in (*services, *stores) if isinstance(each, CockpitError)]
        first = next((each for each in failures if isinstance(each, _BROKEN)), None)
        if first is not None or (failures and len(failures) == len(services) + len(stores)):
            raise first or failures[0]
        named = [each for each in services if not isinstance(each, CockpitError)]
        held = [each for each in stores if not isinstance(each, CockpitError)]
        notes = [f"{each.message}. {each.hint}".strip() for each in failures]
        events, more = await self._events([each.id for each in named])
        status = RenderStatus(
            self.api.server, self._owner, tuple(named), tuple(held), events, (*notes, *more, *self._unnamed())
        )
        severities = [*(each.severity for each in named), *(each.severity for each in held)]
        severity = worst([*severities, *([Severity.UNKNOWN] if failures else [])]) if severities else Severity.OK
        return Observation(severity, summary_of(status, severity), status)

    async def diagnose(self) -> list[Diagnosis]:
        """The key, the workspace, each thing that is named."""
        try:
            owners = await self.api.elements("/owners", (), "owner")
        except CockpitError as error:
            return [Diagnosis("API key", False, error.message, error.hint)]
        known = ", ".join(f"{text(each.get('name'), 60)} ({text(each.get('id'), 60)})" for each in owners[:5])
        found = [Diagnosis("API key", True, f"accepted by {self.api.server}; workspaces: {known or 'none'}")]
        for name in (*self._source.services, *self._source.postgres, *self._source.keyvalue):
            try:
                raw = await self.api.record(wire.path_of(name))
            except CockpitError as error:
                found.append(Diagnosis(name, False, error.message, error.hint))
            else:
                found.append(Diagnosis(name, True, f"{text(raw.get('name'), 80)}, may be read"))
        return found

    async def close(self) -> None:
        """The connection."""
        await self.api.close()

    # What actions and looks read, fresh

    async def service(self, service: str) -> RenderService:
        """One service with its deploys and instances as they are now. Raises CockpitError."""
        raw = self.api.record(f"/services/{service}")
        deploys = self.deploys(service)
        found, listed = await asyncio.gather(raw, deploys)
        base = wire.service_of(found)
        made = None
        if base.type in INSTANCED and not base.suspended:
            try:
                made = wire.instances_of(await self.api.elements(f"/services/{service}/instances"))
            except (NotFound, PermissionDenied, Misconfigured):
                made = None  # how many run is then not known, which hides nothing else
        return wire.judged(replace(base, deploys=listed, instances=made), self._clock.now())

    async def deploys(self, service: str, most: int = DEPLOYS) -> tuple[Deploy, ...]:
        """The newest, newest first; the one that is live is among them even where many came after it."""
        path = f"/services/{service}/deploys"
        found = wire.deploys_of(await self.api.elements(path, (), "deploy", most))
        if found and not any(each.status == "live" for each in found):
            live = wire.deploys_of(await self.api.elements(path, (("status", "live"),), "deploy", 1))
            found = (*found, *(each for each in live if each.id not in {other.id for other in found}))
        return found

    async def deploy(self, service: str, deploy: str) -> Deploy:
        """One deploy now."""
        return wire.deploy_of(await self.api.record(f"/services/{service}/deploys/{deploy}"))

    async def store(self, store: str) -> DataStore:
        """One data store now, without its connections."""
        return self._stored(await self.api.record(wire.path_of(store)), store, None)

    async def recovery(self, postgres: str) -> Recovery:
        """What point-in-time recovery can do."""
        return wire.recovery_of(await self.api.record(f"/postgres/{postgres}/recovery"))

    async def exports(self, postgres: str) -> tuple[Export, ...]:
        """Logical backups, newest first."""
        found = [wire.export_of(each) for each in await self.api.elements(f"/postgres/{postgres}/export")]
        return tuple(sorted(found, key=lambda each: each.created, reverse=True))

    async def owner(self) -> str:
        """The workspace: the profile's, else that of the first service. "" where the profile names neither."""
        if not self._owner and self._source.services:
            raw = await self.api.record(f"/services/{self._source.services[0]}")
            self._owner = text(raw.get("ownerId"), 60)
        return self._owner

    # Inside

    async def _all(self, names: Sequence[str], ask: Callable[[str], Awaitable[T]]) -> list[T | CockpitError]:
        async def one(name: str) -> T | CockpitError:
            try:
                return await ask(name)
            except CockpitError as error:
                return error

        return list(await asyncio.gather(*(one(name) for name in names)))

    async def _whole(self, name: str) -> RenderService:
        service = await self.service(name)
        try:
            return replace(service, variables=await self._names.of(name, self._variables))
        except PermissionDenied:  # its names are no reason not to see the service
            return service

    async def _variables(self, service: str) -> tuple[str, ...]:
        """Names alone: the values are dropped as the answer is read."""
        raw = await self.api.elements(f"/services/{service}/env-vars", (), "envVar", VARIABLES)
        return tuple(sorted(filter(None, (text(each.get("key"), 200) for each in raw))))

    async def _stores(self, names: Sequence[str]) -> list[DataStore | CockpitError]:
        if not names:
            return []
        try:
            counted = await self._connections(names)
        except CockpitError as error:
            if isinstance(error, _BROKEN):
                return [error]
            counted = {}

        async def one(name: str) -> DataStore:
            return self._stored(await self.api.record(wire.path_of(name)), name, counted.get(name))

        return await self._all(names, one)

    async def _connections(self, names: Sequence[str]) -> dict[str, int]:
        """Of all data stores at once; the newest point of each. A gap of ten minutes is none."""
        now = self._clock.now()
        span = (("startTime", stamp(now - _LATELY)), ("endTime", stamp(now)), ("resolutionSeconds", "60"))
        found = await self._meter.series("active-connections", names, span)
        return {name: math.ceil(value) for name, value in newest_by_resource(found, names).items()}

    def _stored(self, raw: Json, name: str, connections: int | None) -> DataStore:
        kind = "postgres" if name.startswith("dpg-") else "keyvalue"
        source, now = self._source, self._clock.now()
        return wire.store_of(raw, kind, connections, source.connections, source.connections_warn, now)

    async def _events(self, services: Sequence[str]) -> tuple[tuple[RenderEvent, ...], list[str]]:
        found = await self._all(services, lambda name: self._happened.of(name, self._listed))
        notes = [f"events not read: {each.message}" for each in found if isinstance(each, CockpitError)]
        events = [event for each in found if not isinstance(each, CockpitError) for event in each]
        return wire.newest(events, EVENTS), notes

    async def _listed(self, service: str) -> tuple[RenderEvent, ...]:
        raws = await self.api.elements(f"/services/{service}/events", (), "event", 20)
        return tuple(wire.event_of(each) for each in raws)

    def _unnamed(self) -> list[str]:
        named = (*self._source.services, *self._source.postgres, *self._source.keyvalue)
        return [] if named else ["the profile names no service and no data store"]


def stamp(at: datetime) -> str:
    """A moment as the API wants it: RFC 3339 in UTC."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def summary_of(status: RenderStatus, severity: Severity) -> str:
    """One line: the worst first."""
    states = [(each.name, each.state, each.severity) for each in status.services]
    states += [(each.name, each.status, each.severity) for each in status.stores]
    wrong = [f"{name} {state}" for name, state, how in states if how is severity is not Severity.OK]
    if wrong:
        return clean(wrong[0] + (f", {len(wrong) - 1} more" if len(wrong) > 1 else ""), 60)
    parts = [f"{counted(len(status.services), 'service')}"] if status.services else []
    parts += [f"{counted(len(status.stores), 'data store')}"] if status.stores else []
    return ", ".join(parts) or "nothing named"

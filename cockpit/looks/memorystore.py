"""Looks at a Memorystore for Redis instance: its last reading, and the instances of its region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cockpit.adapters.gcp.commandline import cloud_call
from cockpit.clock import Clock
from cockpit.errors import Unreachable
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.severity import Severity, SourceKind

STATE = LookSpec(
    "memorystore.state",
    "Memorystore instance",
    SourceKind.MEMORYSTORE,
    "State, tier, size, version, zones, address, maintenance and settings of the instance as of the last poll.",
)
INSTANCES = LookSpec(
    "memorystore.instances",
    "Memorystore instances",
    SourceKind.MEMORYSTORE,
    "The instances of the same project and region, with state, tier and size.",
    live=False,
)
SPECS = (STATE, INSTANCES)

_PLACES = {"--region": "region", "--project": "project"}
_NO_USAGE = "It shows the size that was bought; memory in use is a metric and Redis's own business (redis.state)."
_UNFILTERED = "The whole list is shown: --filter and --limit are not applied."
_ROWS = frozenset(("--page-size", "--sort-by", "--flatten", "--uri"))


class Listing(Protocol):
    """Can list the instances of its region."""

    async def instances(self) -> tuple[Sequence[MemorystoreStatus], bool]:
        """Them, and whether there are more. Raises CockpitError."""


def _described(call: Call) -> Intent | None:
    """gcloud redis instances describe NAME."""
    found = cloud_call(call, "redis instances describe", "instance", _PLACES, frozenset(("--flatten",)))
    if found is None or found.options or found.given or not call.args:
        return None
    return Intent(STATE.id, SourceKind.MEMORYSTORE, found.target, differs=_NO_USAGE)


def _listed(call: Call) -> Intent | None:
    """gcloud redis instances list --region=R."""
    found = cloud_call(call, "redis instances list", "", _PLACES, _ROWS)
    if found is None or set(found.options) - {"--filter", "--limit"} or found.given:
        return None
    differs = _UNFILTERED if found.options else ""
    return Intent(INSTANCES.id, SourceKind.MEMORYSTORE, found.target, differs=differs)


REPLACES = (
    Replacement(STATE.id, "gcloud", Tier.T0, _described),
    Replacement(INSTANCES.id, "gcloud", Tier.T0, _listed),
)


def lookers(source_id: str, adapter: Listing, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [InstanceState(source_id, state_of), InstanceList(source_id, adapter, clock)]


class InstanceState(BoundLook):
    """memorystore.state."""

    def __init__(self, source: str, state_of: StateOf) -> None:
        super().__init__(STATE, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, MemorystoreStatus):
            raise Unreachable(f"{self._source} has no reading of a Memorystore instance")
        return sight_of(reading, notes, [*_lines(status), *status.notes])


class InstanceList(BoundLook):
    """memorystore.instances."""

    def __init__(self, source: str, adapter: Listing, clock: Clock) -> None:
        super().__init__(INSTANCES, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        found, more = await self._adapter.instances()
        wrong = [each.instance for each in found if each.state != "READY"]
        said = f"{len(found)}{'+' if more else ''} instances"
        said += f", not READY: {', '.join(wrong)}" if wrong else ""
        lines = [
            f"{each.instance}  {each.state}  {each.tier} {each.size_gb} GB  {each.version}  {each.zone}"
            for each in found
        ]
        severity = Severity.WARN if wrong else Severity.OK
        return Sight(severity, said, self._clock.now(), tuple(lines[:LINES]), more or len(lines) > LINES)


def _lines(status: MemorystoreStatus) -> list[str]:
    replicas = f", {status.replicas} replicas" if status.replicas else ", no replica" if not status.zones[1:] else ""
    lines = [
        f"{status.instance} in {status.region}: {status.state}, {status.version}",
        f"{status.tier} {status.size_gb} GB{replicas}",
        f"primary in {status.zone or 'an unknown zone'}, nodes in {', '.join(status.zones) or 'unknown zones'}",
        f"address {status.host}:{status.port}" if status.host else "no address yet",
    ]
    if status.read_endpoint:
        lines.append(f"read replicas at {status.read_endpoint}")
    words = {True: "on", False: "off", None: "unknown"}
    lines.append(f"AUTH {words[status.auth]}, TLS {words[status.encrypted]}")
    if status.created is not None:
        lines.append(f"created: {status.created:%Y-%m-%d %H:%M} UTC")
    if status.maintenance_at is not None:
        lines.append(f"maintenance: {status.maintenance_at:%Y-%m-%d %H:%M} UTC")
    if status.maintenance_window:
        lines.append(f"maintenance window: {status.maintenance_window}")
    lines += [f"{name} = {value}" for name, value in status.configs]
    lines += [f"suspended: {reason}" for reason in status.suspended]
    if status.status_message:
        lines.append(f"says: {status.status_message}")
    return lines

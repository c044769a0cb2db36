"""Deployments, and changes that others made, as events on the timeline: of the audit log what neither a deployment
nor an own action tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from cockpit.actions.record import Record
from cockpit.model.access import AccessStatus, AdminChange
from cockpit.model.action import Outcome
from cockpit.model.containers import ContainerEvent, ContainersStatus
from cockpit.model.delivery import SHORT, DeliveryStatus
from cockpit.model.reading import Marker, SourceState
from cockpit.model.render import RenderStatus
from cockpit.model.revisions import ServiceStatus
from cockpit.model.workloads import WorkloadsStatus

GLYPH = "◆"
DEPLOYED = "▲"
DIED = "✖"
_SLACK = timedelta(seconds=5)  # clocks differ
_MADE = timedelta(seconds=30)  # a revision is there so long after the call that made it
_MOST = 200  # of one source, the newest
_DEPLOYS = ("CreateService", "UpdateService", "ReplaceService")


def change_markers(states: Sequence[SourceState], records: Iterable[Record]) -> Iterator[Marker]:
    """One for each change that was not refused, less those that a deployment or an own action shows already."""
    payloads = [state.reading.payload for state in states if state.reading is not None]
    services = [payload for payload in payloads if isinstance(payload, ServiceStatus)]
    own = [record for record in records if record.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.FAILED)]
    told: set[str] = set()
    for payload in payloads:
        for change in payload.changes[:_MOST] if isinstance(payload, AccessStatus) else ():
            known = change.id and change.id in told
            if (
                change.failed
                or known
                or _is_deployment(change, services)
                or any(_is_own(change, each) for each in own)
            ):
                continue
            told.add(change.id)
            yield Marker(change.at.timestamp(), GLYPH, said(change))


def deployments(states: Sequence[SourceState]) -> Iterator[Marker]:
    """One for each revision that a service or a workload has; of a namespace the newest."""
    for state in states:
        payload = state.reading.payload if state.reading is not None else None
        if isinstance(payload, ServiceStatus):
            yield from (Marker(each.created.timestamp(), DEPLOYED, each.name) for each in payload.revisions)
        elif isinstance(payload, WorkloadsStatus):
            made = [
                Marker(each.created.timestamp(), DEPLOYED, f"{workload.name} revision {each.revision}")
                for workload in payload.workloads
                for each in workload.history
            ]
            yield from sorted(made, key=lambda marker: -marker.at)[:_MOST]
        elif isinstance(payload, ContainersStatus):
            yield from (marker for event in payload.events[-_MOST:] for marker in _happened(event))
        elif isinstance(payload, RenderStatus):
            yield from _at_render(payload)
        elif isinstance(payload, DeliveryStatus):
            yield from _at_github(payload)


def _at_github(status: DeliveryStatus) -> Iterator[Marker]:
    """Deployments when they succeeded or failed; without any, the runs that deployed the branch."""
    failed = ("failure", "error")
    told = [each for each in status.deployments if each.succeeded or each.state in failed]
    for each in told:
        word = "" if each.succeeded else ", failed"
        at = (each.live if each.succeeded else each.changed) or each.created
        yield Marker(at.timestamp(), DEPLOYED, f"{each.environment} {each.sha[:SHORT]}{word}")
    for run in status.runs if not told else ():
        if run.branch == status.branch and not run.running and (run.failed or run.conclusion == "success"):
            word = "" if run.conclusion == "success" else ", failed"
            at = run.updated or run.created
            yield Marker(at.timestamp(), DEPLOYED, f"{run.workflow} #{run.number} {run.sha[:SHORT]}{word}")


def _at_render(status: RenderStatus) -> Iterator[Marker]:
    """Deploys, and what else happened to the services."""
    for service in status.services:
        for each in service.deploys:
            yield Marker(each.created.timestamp(), DEPLOYED, f"{service.name} {each.version}")
    names = {service.id: service.name for service in status.services}
    for event in status.events:
        if not event.kind.startswith(("deploy_started", "build_")):
            yield Marker(event.at.timestamp(), GLYPH, f"{names.get(event.service, event.service)} {event.said}")


def _happened(event: ContainerEvent) -> Iterator[Marker]:
    """Containers that were made, that died of something, or whose health turned."""
    action, _, more = event.action.partition(": ")
    name = event.name or event.service
    if action == "create":
        yield Marker(event.at, DEPLOYED, f"{name} made")
    elif action == "die" and not event.said.endswith("code 0"):
        yield Marker(event.at, DIED, f"{name} died, {event.said}".rstrip(", "))
    elif action == "oom":
        yield Marker(event.at, DIED, f"{name} out of memory")
    elif action == "restart":
        yield Marker(event.at, GLYPH, f"{name} restarted")
    elif action == "health_status" and more:
        yield Marker(event.at, DIED if more == "unhealthy" else GLYPH, f"{name} {more}")


def said(change: AdminChange) -> str:
    """ "ann UpdateInstance shop-db": who, what, on what."""
    verb, thing = change.method.rpartition(".")[2], change.resource.rpartition("/")[2]
    return " ".join(part for part in (change.who.partition("@")[0], verb, thing) if part)


def _is_deployment(change: AdminChange, services: Iterable[ServiceStatus]) -> bool:
    if change.service != "run.googleapis.com" or change.method.rpartition(".")[2] not in _DEPLOYS:
        return False
    name = change.resource.rpartition("/")[2]
    return any(
        change.at - _SLACK <= revision.created <= change.at + _MADE
        for service in services
        if service.service == name
        for revision in service.revisions
    )


def _is_own(change: AdminChange, record: Record) -> bool:
    """Made while the own action ran, on what its plan names."""
    if not record.started - _SLACK <= change.at <= record.ended + _SLACK:
        return False
    name = change.resource.rpartition("/")[2]
    words = [*record.plan.target.split(), *(value.rpartition("/")[2] for value in record.plan.identity.values())]
    return bool(name) and name in words

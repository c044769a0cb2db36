"""The one state behind both dialects of Cloud Run: changes, revisions, traffic, operations, audit entries."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import INGRESS, Change, Revision, Scaling, Service, Share, Target, Template

_SUFFIXES = itertools.cycle(("kux", "wam", "tib", "zor", "vey", "lod", "nup", "sij", "gah", "qev"))
_OPERATIONS_KEPT = 500


@dataclass(slots=True)
class Operation:
    """A long-running change."""

    id: str
    service: str
    started: datetime
    result: Service | None = None  # set when done
    error: ApiError | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


AuditSink = Callable[[Service, "Audit"], None]


@dataclass(frozen=True, slots=True)
class Audit:
    """Who changed what by which call, for the Admin Activity log."""

    method: str  # google.cloud.run.v2.Services.UpdateService
    principal: str
    peer: str
    request: dict[str, Any]
    user_agent: str = ""


class CloudRun:
    """Services of one project and region."""

    def __init__(self, project: str, number: str, region: str, *, settle_s: float = 1.0) -> None:
        self.project = project
        self.number = number
        self.region = region
        self.settle_s = settle_s  # how long a change takes until it is in effect
        self.services: dict[str, Service] = {}
        self.operations: dict[str, Operation] = {}
        self.on_audit: AuditSink = lambda service, audit: None
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what is still settling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def service(self, name: str) -> Service:
        """By short name; NOT_FOUND otherwise."""
        service = self.services.get(name)
        if service is None:
            raise ApiError("NOT_FOUND", f"Resource '{name}' of kind 'SERVICE' in region '{self.region}' in project "
                                        f"'{self.project}' does not exist.")  # fmt: skip
        return service

    def revision(self, name: str) -> tuple[Service, Revision]:
        """By short name, of any service; NOT_FOUND otherwise."""
        for service in self.services.values():
            if name in service.revisions:
                return service, service.revisions[name]
        raise ApiError("NOT_FOUND", f"Resource '{name}' of kind 'REVISION' in region '{self.region}' in project "
                                    f"'{self.project}' does not exist.")  # fmt: skip

    def seed(self, name: str, template: Template, *, created: datetime, creator: str) -> Service:
        """A service with one ready revision that serves everything."""
        service = Service(
            name=name,
            uid=str(uuid.uuid4()),
            created=created,
            creator=creator,
            template=template,
            traffic=(Target(100),),
            updated=created,
            transition=created,
            last_modifier=creator,
        )
        self.services[name] = service
        self.seed_revision(service, template, created=created, creator=creator)
        return service

    def seed_revision(self, service: Service, template: Template, *, created: datetime, creator: str) -> Revision:
        """A revision that was deployed in the past, ready; the latest from now on."""
        service.template = template
        revision = _new_revision(service, template, created, creator)
        revision.ready, revision.ready_at = True, created
        service.latest_ready = revision.name
        service.serving = _resolve(service)
        service.updated = service.transition = created
        service.last_modifier = creator
        return revision

    def apply(self, name: str, change: Change, audit: Audit, *, validate_only: bool = False) -> Operation:
        """Change a service. The answer comes at once, the effect after `settle_s`. Raises ApiError."""
        stored = self.service(name)
        service = copy.copy(stored) if validate_only else stored
        if validate_only:
            service.revisions = dict(stored.revisions)
        _validate(service, change)
        now = datetime.now(UTC)
        new = _merge(service, change, now, audit.principal)
        service.generation += 1
        service.version += 1
        service.updated = now
        service.last_modifier = audit.principal
        operation = Operation(str(uuid.uuid4()), name, now)
        if validate_only:
            operation.result = service
            operation.done.set()
            return operation
        self.on_audit(service, audit)
        self.operations[operation.id] = operation
        while len(self.operations) > _OPERATIONS_KEPT:
            del self.operations[next(iter(self.operations))]
        task = asyncio.ensure_future(self._settle(service, new, service.generation, operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    async def _settle(self, service: Service, new: Revision | None, generation: int, operation: Operation) -> None:
        await asyncio.sleep(self.settle_s)
        now = datetime.now(UTC)
        if new is not None:
            new.ready, new.ready_at = True, now
            service.latest_ready = new.name
        service.observed_generation = max(service.observed_generation, generation)
        service.transition = now
        service.version += 1
        service.serving = _resolve(service)
        operation.result = service
        operation.done.set()


def _validate(service: Service, change: Change) -> None:
    if change.traffic:
        if sum(target.percent for target in change.traffic) != 100:
            raise ApiError("INVALID_ARGUMENT", "spec.traffic: The sum of all traffic percentages must be 100.")
        for target in change.traffic:
            if not 0 <= target.percent <= 100:
                raise ApiError("INVALID_ARGUMENT", f"spec.traffic: percent {target.percent} is not in [0, 100].")
            if target.revision and target.revision not in service.revisions:
                raise ApiError("FAILED_PRECONDITION", f"Revision named '{target.revision}' does not exist.")
        tags = [target.tag for target in change.traffic if target.tag]
        if len(tags) != len(set(tags)):
            raise ApiError("INVALID_ARGUMENT", "spec.traffic: a tag is used by more than one entry.")
    if change.scaling:
        _validate_scaling(change.scaling, service.scaling)
    if change.ingress is not None and change.ingress not in INGRESS:
        raise ApiError("INVALID_ARGUMENT", f"ingress: '{change.ingress}' is not one of {', '.join(INGRESS)}.")
    if change.template and not change.template.image:
        raise ApiError("INVALID_ARGUMENT", "template.containers: at least one container with an image is needed.")
    if change.template and change.template.revision in service.revisions and change.template != service.template:
        raise ApiError("ALREADY_EXISTS", f"Revision named '{change.template.revision}' with different configuration "
                                         "already exists.")  # fmt: skip


def _validate_scaling(scaling: Scaling, current: Scaling) -> None:
    if current.manual and not scaling.manual and bool(scaling.min_instances) != bool(scaling.max_instances):
        raise ApiError("INVALID_ARGUMENT", "scaling: back to automatic, set both minimum and maximum, or neither.")
    if scaling.min_instances < 0 or scaling.max_instances < 0 or (scaling.manual_instances or 0) < 0:
        raise ApiError("INVALID_ARGUMENT", "scaling: instance counts must not be negative.")
    if scaling.max_instances and scaling.min_instances > scaling.max_instances:
        raise ApiError("INVALID_ARGUMENT", "scaling: min_instance_count must not exceed max_instance_count.")


def _merge(service: Service, change: Change, now: datetime, principal: str) -> Revision | None:
    """Write the change into the service; the new revision, if one is needed."""
    for part in ("traffic", "scaling", "labels", "annotations", "ingress", "description"):
        value = getattr(change, part)
        if value is not None:
            setattr(service, part, _switched(value, service.scaling) if part == "scaling" else value)
    if change.traffic == ():
        service.traffic = (Target(100),)
    template = change.template
    if template is None and change.force_new_revision:
        template = service.template
    if template is None or (template == service.template and not change.force_new_revision):
        return None
    service.template = template
    return _new_revision(service, template, now, principal)


def _switched(scaling: Scaling, current: Scaling) -> Scaling:
    """What else a switch of the mode does: https://cloud.google.com/run/docs/configuring/services/manual-scaling."""
    if scaling.manual and not current.manual:
        return replace(scaling, min_instances=0, max_instances=0)
    if current.manual and not scaling.manual and not scaling.min_instances and not scaling.max_instances:
        count = current.manual_instances or 0
        return replace(scaling, min_instances=count, max_instances=count, manual_instances=None)
    return scaling


def _new_revision(service: Service, template: Template, created: datetime, creator: str) -> Revision:
    number = max((int(name.removeprefix(f"{service.name}-")[:5]) for name in service.revisions
                  if name.removeprefix(f"{service.name}-")[:5].isdigit()), default=40) + 1  # fmt: skip
    name = template.revision or f"{service.name}-{number:05d}-{next(_SUFFIXES)}"
    digest = template.image.partition("@")[2] or f"sha256:{hashlib.sha256(template.image.encode()).hexdigest()}"
    revision = Revision(name, str(uuid.uuid4()), created, replace(template, revision=""), digest, creator)
    service.revisions[name] = revision
    service.latest_created = name
    return revision


def _resolve(service: Service) -> tuple[Share, ...]:
    """Traffic as it is: LATEST is the newest ready revision."""
    return tuple(
        Share(target.percent, target.revision or service.latest_ready, not target.revision, target.tag)
        for target in service.traffic
    )

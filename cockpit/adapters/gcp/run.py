"""One Cloud Run service over the v2 REST API: what serves, what could, and the changes that an incident needs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cockpit.adapters.capabilities import ServingJournal
from cockpit.adapters.gcp.auditlog import AuditTrail, read_trail
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runchange import masked, patch_of
from cockpit.adapters.gcp.runlist import services_of
from cockpit.adapters.gcp.runwire import (
    conditions_of,
    facts_of,
    image_of,
    ingress_of,
    limits_of,
    moment,
    number,
    part,
    revision_of,
    scaling_json,
    scaling_of,
    secrets_of,
    serving_of,
    short,
    state_of_service,
    targets_json,
    targets_of,
    text,
)
from cockpit.adapters.gcp.transport import OPERATION_DEADLINE_S, GoogleApi, Json
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Conflict, Malformed, NotFound, PermissionDenied, TimedOut
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.revisions import (
    PreviousServing,
    Revision,
    Scaling,
    ServiceBrief,
    ServiceChange,
    ServiceStatus,
    TrafficTarget,
)
from cockpit.model.severity import Severity
from cockpit.profile.schema import CloudRunSource

REVISIONS = 100
REVISIONS_EVERY_S = 60.0  # while neither etag nor generation moves
AUDIT_EVERY_S = 300.0
STUCK_S = 300.0  # a change that reconciles for longer is a warning
_SETTLE_S = 0.5


class CloudRunService:
    """Probing, Diagnosing and ServiceChanging. The service is read at each poll, its revisions when it changed."""

    def __init__(self, source: CloudRunSource, journal: ServingJournal | None, clock: Clock) -> None:
        self._source = source
        self._journal = journal
        self._clock = clock
        self._name = f"projects/{source.project}/locations/{source.region}/services/{source.service}"
        self._run = GoogleApi("run", source.endpoint, source.timeout, clock)
        # A simulated Cloud Run has its log at the same address; any other own address is Cloud Run's alone.
        log_endpoint = source.endpoint if self._run.simulated else None
        self._logging = GoogleApi("logging", log_endpoint, min(source.timeout, 5.0), clock)
        self._revisions: list[Json] = []
        self._revisions_key: tuple[str, int, bool] | None = None
        self._revisions_at = float("-inf")
        self._trail = AuditTrail()
        self._trail_generation = -1
        self._trail_at = float("-inf")
        self._probed = False
        self._last: ServiceStatus | None = None
        self._last_read: Json = {}  # the answer that `_last` was made from

    async def probe(self) -> Observation:
        """The service now. The audit log is left for the second poll, so that the first answers at once."""
        self._run.may_poll(self._source.project)
        service = await self._get_service()
        if self._source.audit_log and self._probed:
            await self._refresh_trail(number(service.get("generation")))
        status = await self._status(service)
        self._probed = True
        return _judge(status, self._clock)

    async def read_service(self) -> ServiceStatus:
        """The service with its revisions, now; the audit log is read where no poll has come to it yet."""
        service = await self._get_service()
        if self._source.audit_log and self._trail_generation < 0:
            await self._refresh_trail(number(service.get("generation")))
        return await self._status(service)

    async def services(self) -> tuple[Sequence[ServiceBrief], Sequence[str]]:
        """All of the project, and the regions that did not answer."""
        return await services_of(self._run, self._source.project)

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """testIamPermissions on the service."""
        answer = await self._run.ask(f"/v2/{self._name}:testIamPermissions", {"permissions": list(permissions)})
        held = answer.get("permissions", [])
        if not isinstance(held, list):
            raise Malformed("run API answered testIamPermissions without a list")
        return [permission for permission in permissions if permission not in held]

    async def shift_traffic(
        self, targets: Sequence[TrafficTarget], etag: str, *, validate_only: bool = False
    ) -> ServiceStatus:
        """Replace the whole traffic list: PATCH with updateMask=traffic and the etag; wait for the operation."""
        body: Json = {"etag": etag, "traffic": targets_json(targets)}
        return await self._patch("traffic", body, validate_only)

    async def scale(
        self, minimum: int | None, maximum: int | None, etag: str, *, validate_only: bool = False
    ) -> ServiceStatus:
        """Limits at service level, without a new revision; 0 unsets one, None leaves it, mode and count stay."""
        current = self._last
        if current is None or current.etag != etag:
            current = await self.read_service()
        if current.etag != etag:
            raise self._changed()
        return await self._patch("scaling", self._scale_body(current.scaling, minimum, maximum, etag), validate_only)

    async def change(self, change: ServiceChange, etag: str, *, validate_only: bool = False) -> ServiceStatus:
        """PATCH template, ingress or scaling; wait for the operation."""
        if self._last_read.get("etag") != etag:
            await self.read_service()
        if self._last_read.get("etag") != etag:
            raise self._changed()
        patch = patch_of(change, self._last_read, etag)
        return await self._patch(patch.mask, patch.body, validate_only, patch.query)

    def change_request(self, change: ServiceChange, etag: str) -> str:
        """The PATCH as text; a template is the one that was read last, with the values of its variables masked."""
        patch = patch_of(change, self._last_read, etag)
        return self._request_text(patch.mask, masked(patch.body), patch.query)

    def traffic_request(self, targets: Sequence[TrafficTarget], etag: str) -> str:
        """The PATCH as text: request line, then the body."""
        return self._request_text("traffic", {"etag": etag, "traffic": targets_json(targets)})

    def scale_request(self, minimum: int | None, maximum: int | None, etag: str) -> str:
        """The PATCH as text; what it leaves alone is taken from the service as last read."""
        current = self._last.scaling if self._last is not None else Scaling()
        return self._request_text("scaling", self._scale_body(current, minimum, maximum, etag))

    async def diagnose(self) -> list[Diagnosis]:
        """Token, service, each permission, audit log."""
        found: list[Diagnosis] = []
        try:
            token = await self._run.token()
            found.append(Diagnosis("credentials", True, token.origin))
            started = time.perf_counter()
            await self._get_service()
            elapsed = (time.perf_counter() - started) * 1000
            found.append(Diagnosis("run.services.get", True, f"{self._source.service} read in {elapsed:.0f} ms"))
        except CockpitError as error:
            check = "run.services.get" if found else "credentials"
            return [*found, Diagnosis(check, False, error.message, self._grant(error))]
        found.append(await self._diagnose_revisions())
        found.append(await self._diagnose_update())
        if self._source.audit_log:
            trail = await read_trail(
                self._logging, self._source.project, self._source.region, self._source.service, self._clock
            )
            detail = trail.problem or f"{len(trail.changes)} changes of the last 30 days"
            fix = self._grant_text("logging.logEntries.list") if trail.problem else ""
            found.append(Diagnosis("audit log", None if trail.problem else True, detail, fix))
        return found

    async def close(self) -> None:
        """Close both APIs."""
        await self._run.close()
        await self._logging.close()

    async def _get_service(self) -> Json:
        service = await self._run.get(f"/v2/{self._name}")
        if not service.get("etag") or not service.get("name"):
            raise Malformed("run API answered a service without name or etag")
        return service

    async def _status(self, service: Json) -> ServiceStatus:
        await self._refresh_revisions(service)
        notes: list[str] = []
        memory, cpu = limits_of(part(service, "template"))
        shares = serving_of(service)
        revisions = [revision_of(entry, shares, self._trail.deployers) for entry in self._revisions]
        revisions.sort(key=lambda revision: (revision.created, revision.name), reverse=True)
        state, reason = state_of_service(service)
        status = ServiceStatus(
            project=self._source.project,
            region=self._source.region,
            service=self._source.service,
            name=text(service.get("name")),
            uid=text(service.get("uid")),
            etag=text(service.get("etag")),
            generation=number(service.get("generation")),
            reconciling=state == "deploying",
            state=state,
            reason=reason,
            latest_ready=short(service.get("latestReadyRevision")),
            latest_created=short(service.get("latestCreatedRevision")),
            template_image=image_of(part(service, "template")),
            scaling=scaling_of(service),
            traffic=targets_of(service),
            serving=shares,
            revisions=tuple(revisions),
            previous=None,
            updated=moment(service.get("updateTime")),
            last_modifier=text(service.get("lastModifier"), 120),
            uri=text(service.get("uri")),
            memory=memory,
            cpu=cpu,
            ingress=ingress_of(service),
            secrets=secrets_of(part(service, "template")),
            conditions=conditions_of(service),
            template=facts_of(part(service, "template")),
        )
        previous = self._previous(status, notes)
        if self._trail.problem:
            notes.append(self._trail.problem)
        self._last = dataclasses.replace(status, previous=previous, notes=tuple(notes))
        self._last_read = service
        return self._last

    async def _refresh_revisions(self, service: Json) -> None:
        key = (str(service.get("etag")), number(service.get("generation")), bool(service.get("reconciling")))
        now = self._clock.monotonic()
        if key == self._revisions_key and not key[2] and now - self._revisions_at < REVISIONS_EVERY_S:
            return
        query = {"pageSize": str(REVISIONS)}
        pages = self._run.pages(f"/v2/{self._name}/revisions", query, "revisions", REVISIONS)
        self._revisions = [entry async for entry in pages]
        self._revisions_key, self._revisions_at = key, now

    async def _refresh_trail(self, generation: int) -> None:
        now = self._clock.monotonic()
        if generation == self._trail_generation and now - self._trail_at < AUDIT_EVERY_S:
            return
        trail = await read_trail(
            self._logging, self._source.project, self._source.region, self._source.service, self._clock
        )
        self._trail_generation, self._trail_at = generation, now
        if not trail.problem or not self._trail.changes:
            self._trail = trail

    def _previous(self, status: ServiceStatus, notes: list[str]) -> PreviousServing | None:
        """Journal, then audit log, then the newest good revision that is older than the serving one."""
        serving = status.serving_revision
        if not serving:
            return None
        remembered = None
        if self._journal is not None:
            try:
                remembered = self._journal.before(status.name, serving)
                if not status.reconciling:
                    self._journal.observe(status.name, serving, self._clock.now())
            except CockpitError as error:
                notes.append(f"journal: {error.message}")
        current = status.revision(serving)
        if remembered is not None and _earlier(status.revision(remembered[0]), current):
            when = remembered[1].strftime("%Y-%m-%d %H:%M UTC")
            return PreviousServing(remembered[0], f"this cockpit saw it serve until {when}", True)
        change = self._trail.before(serving)
        if change is not None and _earlier(status.revision(change.serving), current):
            when = change.at.strftime("%Y-%m-%d %H:%M UTC")
            return PreviousServing(
                change.serving, f"the audit log has it serving since {when}, set by {change.by or 'unknown'}", True
            )
        for revision in status.revisions:
            if revision.name != serving and _earlier(revision, current):
                return PreviousServing(
                    revision.name, f"a guess: the newest ready revision created before {serving}", False
                )
        return None

    def _changed(self) -> Conflict:
        return Conflict(f"{self._source.service} was changed since it was read", hint="plan again")

    async def _patch(
        self, mask: str, body: Json, validate_only: bool, also: Mapping[str, str] = MappingProxyType({})
    ) -> ServiceStatus:
        query = {"updateMask": mask, **also}
        path = f"/v2/{self._name}"
        if validate_only:
            answer = await self._run.rehearse("PATCH", path, {**query, "validateOnly": "true"}, body)
            return await self._rehearsed(answer)
        operation = await self._run.change("PATCH", path, query, body)
        self._revisions_key = None
        try:
            await self._run.finish(operation, "/v2/")
        except (PermissionDenied, NotFound) as error:
            if not error.effect_possible:
                raise
            # The operation may not be looked at (run.operations.get): the service itself tells as well.
        try:
            return await self._settled()
        except CockpitError as error:
            error.effect_possible = True
            raise

    async def _rehearsed(self, answer: Json) -> ServiceStatus:
        """What validateOnly answered: an operation with the would-be service as response, or the service itself."""
        service = part(answer, "response") or (answer if "traffic" in answer or "scaling" in answer else {})
        current = self._last if self._last is not None else await self.read_service()
        if not service:
            return current
        return dataclasses.replace(current, traffic=targets_of(service), scaling=scaling_of(service))

    async def _settled(self) -> ServiceStatus:
        until = self._clock.monotonic() + OPERATION_DEADLINE_S
        while True:
            status = await self.read_service()
            if not status.reconciling:
                return status
            if self._clock.monotonic() >= until:
                raise TimedOut(
                    f"{self._source.service} still reconciles", hint="look at the service before anything else"
                )
            await self._clock.sleep(_SETTLE_S)

    def _scale_body(self, current: Scaling, minimum: int | None, maximum: int | None, etag: str) -> Json:
        wanted = dataclasses.replace(
            current,
            min_instances=current.min_instances if minimum is None else minimum,
            max_instances=current.max_instances if maximum is None else maximum,
        )
        return {"etag": etag, "scaling": scaling_json(wanted)}

    def _request_text(self, mask: str, body: Json, also: Mapping[str, str] = MappingProxyType({})) -> str:
        url = self._run.url(f"/v2/{self._name}", {"updateMask": mask, **also})
        return f"PATCH {url}\n{json.dumps(body)}"

    async def _diagnose_revisions(self) -> Diagnosis:
        try:
            pages = self._run.pages(f"/v2/{self._name}/revisions", {"pageSize": "1"}, "revisions", 1)
            count = len([entry async for entry in pages])
        except CockpitError as error:
            return Diagnosis("run.revisions.list", False, error.message, self._grant(error))
        return Diagnosis("run.revisions.list", True, "revisions can be listed" if count else "there are none yet")

    async def _diagnose_update(self) -> Diagnosis:
        check = "run.services.update"
        try:
            missing = await self.missing_permissions([check])
        except CockpitError as error:
            return Diagnosis(check, None, f"cannot be checked: {error.message}", self._grant(error))
        if missing:
            return Diagnosis(check, None, "may look, but not roll back or scale", self._grant_text(check))
        return Diagnosis(check, True, "may roll back, promote, split, scale, restart and stop")

    def _grant(self, error: CockpitError) -> str:
        if isinstance(error, PermissionDenied) and error.missing:
            return self._grant_text(error.missing)
        return error.hint

    def _grant_text(self, permission: str) -> str:
        role = ROLES.get(permission, "a role with " + permission)
        return f"gcloud projects add-iam-policy-binding {self._source.project} --member=user:YOU --role={role}"


def _earlier(candidate: Revision | None, current: Revision | None) -> bool:
    """Fit to go back to: ready and created before the serving one. After a roll-back the bad one is not."""
    if candidate is None or candidate.state not in ("ready", "retired"):
        return False
    return current is None or (candidate.created, candidate.name) < (current.created, current.name)


def _judge(status: ServiceStatus, clock: Clock) -> Observation:
    shares: dict[str, int] = {}
    for share in status.serving:
        shares[share.revision] = shares.get(share.revision, 0) + share.percent
    serving = sorted(((name, percent) for name, percent in shares.items() if percent), key=lambda item: -item[1])
    summary = ", ".join(f"{name} {percent} %" for name, percent in serving[:2])
    if len(serving) > 2:
        summary += f" +{len(serving) - 2}"
    failed = [name for name, _ in serving if (found := status.revision(name)) is not None and found.state == "failed"]
    if not serving:
        return Observation(Severity.CRIT, "nothing serves", status)
    if status.scaling.stopped:
        return Observation(Severity.CRIT, "stopped: manual scaling, 0 instances", status)
    if failed:
        return Observation(Severity.CRIT, f"{summary}: {failed[0]} failed", status)
    if status.state == "failed":
        return Observation(Severity.WARN, f"{summary}, last change failed", status)
    if status.state == "unknown":
        return Observation(Severity.UNKNOWN, f"{summary}, state unknown", status)
    if status.reconciling:
        age = (clock.now() - status.updated).total_seconds() if status.updated else 0.0
        severity = Severity.WARN if age > STUCK_S else Severity.OK
        return Observation(severity, f"{summary}, deploying", status)
    return Observation(Severity.OK, summary, status)

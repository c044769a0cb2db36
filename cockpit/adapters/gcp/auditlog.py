"""The Admin Activity log of one Cloud Run service: who deployed which revision, and what the traffic was before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from cockpit.adapters.gcp.budget import budget_of
from cockpit.adapters.gcp.runwire import Json, moment, number, objects, part, short, text
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import CockpitError, RateLimited

LOOK_BACK_DAYS = 30
ENTRIES = 100
_METHODS = (
    "google.cloud.run.v1.Services.ReplaceService",
    "google.cloud.run.v2.Services.UpdateService",
    "google.cloud.run.v1.Services.CreateService",
    "google.cloud.run.v2.Services.CreateService",
)


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """One accepted change of the service: when, by whom, and which revision had most of the traffic after it."""

    at: datetime
    by: str
    serving: str
    created: str  # the revision that the change made, "" for none


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """Changes, newest first; `problem` says why there are none."""

    changes: tuple[AuditedChange, ...] = ()
    problem: str = ""
    deployers: dict[str, str] = field(default_factory=dict)

    def before(self, serving: str) -> AuditedChange | None:
        """The newest change that gave most of the traffic to another revision than `serving` has it now."""
        return next((change for change in self.changes if change.serving and change.serving != serving), None)


async def read_trail(api: GoogleApi, project: str, region: str, service: str, clock: Clock) -> AuditTrail:
    """One read of Cloud Logging, from the shared budget. Never raises: the pane works without."""
    budget = budget_of(api.base_url, project)
    if not budget.take(clock.monotonic()):
        return AuditTrail(problem="audit log not read: the project's read budget is used up")
    now = clock.now().timestamp()
    since = datetime.fromtimestamp(now - LOOK_BACK_DAYS * 86400, tz=clock.now().tzinfo)
    try:
        answer = await api.ask(
            "/v2/entries:list",
            {
                "resourceNames": [f"projects/{project}"],
                "filter": audit_filter(region, service, since),
                "orderBy": "timestamp desc",
                "pageSize": ENTRIES,
            },
        )
    except RateLimited as error:
        budget.refused(clock.monotonic(), error.retry_after_s)
        return AuditTrail(problem="audit log not read: Cloud Logging asked to slow down")
    except CockpitError as error:
        return AuditTrail(problem=f"audit log not read: {error}")
    budget.accepted()
    changes = tuple(found for entry in objects(answer.get("entries")) if (found := _change(entry)) is not None)
    deployers = {change.created: change.by for change in reversed(changes) if change.created and change.by}
    return AuditTrail(changes, "", deployers)


def audit_filter(region: str, service: str, since: datetime) -> str:
    """The filter; names are quoted as JSON strings, which is how the query language quotes."""
    methods = " OR ".join(json.dumps(method) for method in _METHODS)
    return (
        f'timestamp>="{since.strftime("%Y-%m-%dT%H:%M:%SZ")}"'
        ' AND log_id("cloudaudit.googleapis.com/activity")'
        ' AND protoPayload.serviceName="run.googleapis.com"'
        f" AND protoPayload.methodName=({methods})"
        f' AND resource.type="cloud_run_revision" AND resource.labels.service_name={json.dumps(service)}'
        f" AND resource.labels.location={json.dumps(region)}"
    )


def _change(entry: Json) -> AuditedChange | None:
    payload = part(entry, "protoPayload")
    at = moment(entry.get("timestamp"))
    if at is None or number(part(payload, "status").get("code")):
        return None
    by = text(part(payload, "authenticationInfo").get("principalEmail"), 120)
    answered, asked = part(payload, "response"), part(part(payload, "request"), "service")
    created = short(answered.get("latestCreatedRevision")) or short(
        part(answered, "status").get("latestCreatedRevisionName")
    )
    return AuditedChange(at, by, _most(answered, asked, created), created)


def _most(answered: Json, asked: Json, created: str) -> str:
    """The revision with most traffic after the change: v2 `traffic`, v1 `spec.traffic`.

    LATEST is what the change created: when it was answered, that was not ready yet and latestReady the old one.
    """
    latest = created or (
        short(answered.get("latestReadyRevision")) or short(part(answered, "status").get("latestReadyRevisionName"))
    )
    best, most = "", 0
    for source in (asked, answered):
        for entry in [*objects(source.get("traffic")), *objects(part(source, "spec").get("traffic"))]:
            percent = number(entry.get("percent"))
            revision = short(entry.get("revision")) or short(entry.get("revisionName")) or latest
            if percent > most and revision:
                best, most = revision, percent
        if best:
            break
    return best

"""Render's JSON -> our values: https://api-docs.render.com/reference/list-services and its neighbours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cockpit.adapters.raw import Json, moment, number, part, parts, text, texts
from cockpit.model.render import (
    INSTANCED,
    UNDERWAY,
    Autoscaling,
    DataStore,
    Deploy,
    Export,
    Recovery,
    RenderEvent,
    RenderService,
)
from cockpit.model.severity import Severity

_EPOCH = datetime.fromtimestamp(0, UTC)
_RAM = re.compile(r"(?:basic|pro|accelerated)_(\d+)(mb|gb)")
SETTLING = timedelta(minutes=3)  # instances that are new since then are a start, and no sign of trouble
_WELL = ("available", "maintenance_scheduled")
_PASSING = ("creating", "config_restart", "updating_instance", "maintenance_in_progress", "recovery_in_progress")


def path_of(name: str) -> str:
    """Where the API has a service or a data store, by the beginning of its id."""
    kind = {"dpg": "postgres", "red": "key-value"}.get(name.partition("-")[0], "services")
    return f"/{kind}/{name}"


def service_of(raw: Json) -> RenderService:
    """GET /services/{serviceId}, without what other requests tell."""
    details = part(raw, "serviceDetails")
    mode = part(details, "maintenanceMode")
    scaling = part(details, "autoscaling")
    return RenderService(
        id=text(raw.get("id"), 100),
        name=text(raw.get("name"), 100) or text(raw.get("id"), 100),
        type=text(raw.get("type"), 40),
        severity=Severity.UNKNOWN,
        state="",
        said="",
        plan=text(details.get("plan"), 40),
        region=text(details.get("region"), 40),
        suspended=raw.get("suspended") == "suspended",
        suspenders=texts(raw.get("suspenders"), 40),
        created=moment(raw.get("createdAt")) or _EPOCH,
        wanted=number(details.get("numInstances")),
        autoscaling=(
            Autoscaling(number(scaling.get("min")), number(scaling.get("max")))
            if scaling.get("enabled") is True
            else None
        ),
        maintenance=mode.get("enabled") is True if mode else None,
        maintenance_uri=text(mode.get("uri"), 500),
        auto_deploy=raw.get("autoDeploy") == "yes",
        repo=text(raw.get("repo"), 300),
        branch=text(raw.get("branch"), 200),
        url=text(details.get("url"), 300),
        dashboard=text(raw.get("dashboardUrl"), 300),
        updated=moment(raw.get("updatedAt")),
    )


def deploy_of(raw: Json) -> Deploy:
    """GET /services/{serviceId}/deploys/{deployId}."""
    commit, image = part(raw, "commit"), part(raw, "image")
    ref, digest = text(image.get("ref"), 300), text(image.get("sha"), 100)
    message = commit.get("message")
    return Deploy(
        id=text(raw.get("id"), 100),
        status=text(raw.get("status"), 40) or "unknown",
        trigger=text(raw.get("trigger"), 40),
        created=moment(raw.get("createdAt")) or _EPOCH,
        finished=moment(raw.get("finishedAt")),
        commit=text(commit.get("id"), 64),
        message=text(message.strip().partition("\n")[0], 200) if isinstance(message, str) else "",
        image=f"{ref.partition('@')[0]}@{digest}" if digest else ref,
    )


def deploys_of(raws: Sequence[Json]) -> tuple[Deploy, ...]:
    """Newest first, whatever order they came in."""
    return tuple(sorted((deploy_of(each) for each in raws), key=lambda each: each.created, reverse=True))


def instances_of(raws: Sequence[Json]) -> tuple[tuple[str, datetime], ...]:
    """GET /services/{serviceId}/instances: id and when it was made."""
    return tuple((text(each.get("id"), 100), moment(each.get("createdAt")) or _EPOCH) for each in raws)


def judged(service: RenderService, now: datetime) -> RenderService:
    """With state, severity and why."""
    severity, state, said = _verdict(service, now)
    return replace(service, severity=severity, state=state, said=said)


def _verdict(service: RenderService, now: datetime) -> tuple[Severity, str, str]:
    if service.suspended:
        by = ", ".join(service.suspenders) or "somebody"
        return Severity.CRIT, "suspended", f"suspended by {by}: nobody is served"
    if service.type in INSTANCED and service.instances == () and service.live is not None and service.held:
        return Severity.CRIT, "degraded", f"no instance runs, of {service.held}"
    failed, live, underway = service.failed, service.live, service.underway
    if failed is not None:
        serves = f"{live.version} still serves" if live is not None else "nothing serves"
        return (
            Severity.WARN if live is not None else Severity.CRIT,
            "failed",
            f"deploy {failed.version}: {failed.status.replace('_', ' ')}; {serves}",
        )
    if service.maintenance:
        return Severity.WARN, "maintenance", "in maintenance mode: every visitor gets 503"
    if underway is not None:
        return Severity.WARN, "deploying", f"{underway.version}: {underway.status.replace('_', ' ')}"
    if live is None:
        return Severity.UNKNOWN, "no deploy", "none of its latest deploys is live"
    if service.instances is not None and len(service.instances) < service.held:
        missing = f"{len(service.instances)} of {service.held} instances run"
        settled = live.finished is None or now - live.finished > SETTLING
        return (Severity.WARN if settled else Severity.OK), "degraded" if settled else "live", missing
    return Severity.OK, "live", ""


def store_of(
    raw: Json, kind: str, connections: int | None, limits: Mapping[str, int], warn: float, now: datetime
) -> DataStore:
    """GET /postgres/{postgresId} and GET /key-value/{keyValueId}. `limits`: what the profile says, by id."""
    plan, name = text(raw.get("plan"), 60), text(raw.get("id"), 100)
    limit = limits.get(name) or (postgres_limit(plan) if kind == "postgres" else None)
    run = part(raw, "maintenance")
    status = text(raw.get("status"), 60) or "unknown"
    suspended = raw.get("suspended") == "suspended" or status == "suspended"
    found = DataStore(
        id=name,
        kind=kind,
        name=text(raw.get("name"), 100) or name,
        severity=Severity.UNKNOWN,
        status="suspended" if suspended else status,
        said="",
        plan=plan,
        region=text(raw.get("region"), 40),
        version=text(raw.get("version"), 40),
        suspended=suspended,
        created=moment(raw.get("createdAt")) or _EPOCH,
        connections=connections,
        limit=limit,
        high_availability=raw.get("highAvailabilityEnabled") is True,
        role=text(raw.get("role"), 40),
        replicas=tuple(text(each.get("name"), 100) for each in parts(raw, "readReplicas")),
        disk_gb=number(raw.get("diskSizeGB")),
        expires=moment(raw.get("expiresAt")),
        maintenance_at=moment(run.get("scheduledAt")),
        policy=text(part(raw, "options").get("maxmemoryPolicy"), 40),
        dashboard=text(raw.get("dashboardUrl"), 300),
    )
    severity, said = _store_verdict(found, warn, now)
    return replace(found, severity=severity, said=said)


def _store_verdict(store: DataStore, warn: float, now: datetime) -> tuple[Severity, str]:
    if store.status in _PASSING:
        return Severity.WARN, store.status.replace("_", " ")
    if store.status == "unknown":
        return Severity.UNKNOWN, "Render does not know its state"
    if store.status not in _WELL:
        return Severity.CRIT, store.status.replace("_", " ")
    used = store.connections
    if used is not None and store.limit and used >= warn * store.limit:
        return (Severity.CRIT if used >= store.limit else Severity.WARN), f"{used} of {store.limit} connections"
    if store.expires is not None and store.expires - now < timedelta(days=7):
        return Severity.WARN, f"expires {store.expires:%Y-%m-%d}"
    return Severity.OK, ""


def postgres_limit(plan: str) -> int | None:
    """Connections by memory: https://render.com/tutorials/postgres-on-render/connection-limits-and-pooling.

    None for older plans, whose limits are others.
    """
    match = _RAM.fullmatch(plan)
    if match is None:
        return None
    gigabytes = int(match[1]) / (1024 if match[2] == "mb" else 1)
    return next(limit for below, limit in ((8, 100), (16, 200), (32, 400), (float("inf"), 500)) if gigabytes < below)


def recovery_of(raw: Json) -> Recovery:
    """GET /postgres/{postgresId}/recovery."""
    return Recovery(text(raw.get("recoveryStatus"), 40) or "unknown", moment(raw.get("startsAt")))


def export_of(raw: Json) -> Export:
    """One of GET /postgres/{postgresId}/export; of its URL only whether it is there."""
    return Export(text(raw.get("id"), 100), moment(raw.get("createdAt")) or _EPOCH, bool(raw.get("url")))


_PLAIN = {
    "service_suspended": "suspended",
    "service_resumed": "resumed",
    "server_restarted": "restarted",
    "server_available": "an instance is available",
    "server_unhealthy": "an instance is unhealthy",
    "server_hardware_failure": "hardware of Render failed",
    "maintenance_mode_enabled": "maintenance mode switched",
    "maintenance_started": "Render's maintenance began",
    "maintenance_ended": "Render's maintenance ended",
    "zero_downtime_redeploy_started": "moved by Render",
}
_BAD = (
    *("server_failed", "server_unhealthy", "server_hardware_failure", "image_pull_failed", "artifact_fetch_failed"),
    *("branch_deleted", "service_disk_usage_high", "pipeline_minutes_exhausted"),
)


def event_of(raw: Json) -> RenderEvent:
    """One of GET /services/{serviceId}/events."""
    kind, details = text(raw.get("type"), 60), part(raw, "details")
    said, bad = _told(kind, details)
    return RenderEvent(
        text(raw.get("id"), 100),
        text(raw.get("serviceId"), 100),
        moment(raw.get("timestamp")) or _EPOCH,
        kind,
        said,
        bad or kind in _BAD,
    )


def _told(kind: str, details: Json) -> tuple[str, bool]:
    """In words, and whether it is bad."""
    if kind in ("deploy_ended", "build_ended", "pre_deploy_ended"):
        # "status" beside it is a number that nobody explains.
        words = (text(details.get(key), 40) for key in ("deployStatus", "buildStatus", "preDeployStatus"))
        word, failure = next(filter(None, words), "ended"), _failure(part(details, "reason", "failure"))
        what = kind.removesuffix("_ended").replace("_", " ")
        return f"{what} {word}{f': {failure}' if failure else ''}", word == "failed" or bool(failure)
    if kind in ("deploy_started", "build_started"):
        trigger = part(details, "trigger")
        target = text(trigger.get("rollbackTargetDeployId"), 100)
        commit = text(trigger.get("newCommit"), 64)[:8]
        why = f" back to {target}" if target else f" of {commit}" if commit else ""
        return f"{kind.removesuffix('_started')} started{why}", False
    if kind in ("instance_count_changed", "autoscaling_started", "autoscaling_ended"):
        return f"instances {number(details.get('fromInstances'))} -> {number(details.get('toInstances'))}", False
    if kind == "server_failed":
        return f"an instance failed: {_failure(part(details, 'reason')) or 'no reason told'}", True
    if kind == "plan_changed":
        return f"plan {text(details.get('from'), 40)} -> {text(details.get('to'), 40)}", False
    return _PLAIN.get(kind, kind.replace("_", " ")), False


def _failure(reason: Json) -> str:
    if reason.get("oomKilled"):
        return f"out of memory ({text(part(reason, 'oomKilled').get('memoryLimit'), 20) or 'limit not told'})"
    if reason.get("evicted") is True:
        return text(reason.get("evictionReason"), 100) or "evicted"
    if isinstance(reason.get("nonZeroExit"), int):
        return f"exit {number(reason.get('nonZeroExit'))}"
    if reason.get("earlyExit") is True:
        return "it exited though it should go on"
    seconds = number(reason.get("timedOutSeconds"))
    told = text(reason.get("unhealthy"), 200) or text(reason.get("timedOutReason"), 200)
    return told or (f"timed out after {seconds} s" if seconds else "")


def newest(events: Sequence[RenderEvent], most: int) -> tuple[RenderEvent, ...]:
    """Newest first."""
    return tuple(sorted(events, key=lambda each: each.at, reverse=True)[:most])


def is_underway(deploy: Deploy) -> bool:
    """It has not ended yet."""
    return deploy.status in UNDERWAY

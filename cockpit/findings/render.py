"""Rules on what runs at Render: a deploy that failed or brought errors, services and instances down, connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cockpit.findings.service import SKEW_S, SUSPECT_S
from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.finding import Finding
from cockpit.model.render import DataStore, Deploy, RenderService, RenderStatus
from cockpit.model.severity import Severity


def render_findings(view: View) -> Iterator[Finding]:
    """Of every table."""
    onset = view.error_onset()
    for state, status in view.fresh(RenderStatus):
        for service in status.services:
            found = list(_service(state.source, status, service))
            yield from found
            if onset is not None and not found:
                yield from _errors_since(state.source, service, *onset)
        for store in status.stores:
            yield from _store(state.source, store)


def rollback_of(source: str, service: RenderService) -> tuple[ActionRequest | None, str]:
    """To what served before, and its title; None where there is nothing."""
    before, live = service.previous, service.live
    if before is None:
        return None, ""
    params = {"service": service.id, "deploy": before.id} | ({"live": live.id} if live is not None else {})
    return ActionRequest("render.rollback", source, params), f"Roll {service.name} back to {before.version}"


def _service(source: str, status: RenderStatus, service: RenderService) -> Iterator[Finding]:
    if service.suspended:
        own = set(service.suspenders) <= {"user"}
        yield Finding(
            rule="render-suspended",
            severity=Severity.CRIT,
            text=f"Render service {service.name} is {service.said}",
            short=f"{service.name} suspended",
            evidence=(f"suspenders: {', '.join(service.suspenders) or 'not told'}",),
            source=source,
            action=ActionRequest("render.resume", source, {"service": service.id}) if own else None,
            action_title=f"Resume {service.name}" if own else "",
            rank=5,
        )
        return
    failed = service.failed
    if failed is not None:
        yield _deploy_failed(source, service, failed)
    elif service.state == "degraded":
        yield _down(source, status, service)
    elif service.maintenance:
        yield Finding(
            rule="render-maintenance",
            severity=Severity.WARN,
            text=f"Render service {service.name} is in maintenance mode: every visitor gets 503",
            short=f"{service.name} in maintenance",
            evidence=(f"page: {service.maintenance_uri or 'of Render'}",),
            source=source,
            action=ActionRequest("render.maintenance", source, {"mode": "off"}),
            action_title="Maintenance mode off",
            rank=12,
        )


def _deploy_failed(source: str, service: RenderService, failed: Deploy) -> Finding:
    """While something older serves, trying again is for whoever has read the log."""
    live = service.live
    request, title = (None, "") if live is not None else rollback_of(source, service)
    word = failed.status.replace("_", " ")
    serves = f"{live.version} still serves" if live is not None else "nothing serves"
    return Finding(
        rule="render-deploy-failed",
        severity=Severity.WARN if live is not None else Severity.CRIT,
        text=f"Deploy of {failed.version} to Render service {service.name} failed ({word}); {serves}",
        short=f"{service.name}: {word}",
        evidence=(f"{failed.id}, {failed.trigger.replace('_', ' ')}", failed.message or "no commit message"),
        source=source,
        action=request,
        action_title=title,
        since=failed.created.timestamp(),
        rank=20,
    )


def _down(source: str, status: RenderStatus, service: RenderService) -> Finding:
    running = len(service.instances or ())
    told = next((each for each in status.events if each.service == service.id and each.bad), None)
    evidence = [f"{running} of {service.held} instances run"]
    evidence += [f"{told.at:%H:%M:%S} {told.said}"] if told is not None else []
    params = {"service": service.id} | ({"live": service.live.id} if service.live is not None else {})
    return Finding(
        rule="render-instances-down",
        severity=Severity.CRIT if not running else Severity.WARN,
        text=f"Render service {service.name}: {running} of {service.held} instances run",
        short=f"{service.name} {running}/{service.held} up",
        evidence=tuple(evidence),
        source=source,
        action=ActionRequest("render.restart", source, params),
        action_title=f"Restart {service.name}",
        since=told.at.timestamp() if told is not None else None,
        rank=15,
    )


def _errors_since(source: str, service: RenderService, onset: float, how: str) -> Iterator[Finding]:
    """Errors that began soon after a deploy went live."""
    live = service.live
    at = (live.finished or live.created).timestamp() if live is not None else 0.0
    if live is None or not -SKEW_S <= onset - at <= SUSPECT_S:
        return
    request, title = rollback_of(source, service)
    yield Finding(
        rule="render-errors-since-deploy",
        severity=Severity.CRIT,
        text=f"{service.name} got {live.version} at {_clock(at)}, errors since {_clock(onset)}: {how}",
        short=f"{service.name} {live.version} {_clock(at)[:5]}",
        evidence=(f"{live.id}, {live.trigger.replace('_', ' ')}", live.message or "no commit message"),
        source=source,
        action=request,
        action_title=title,
        since=at,
        rank=10,
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def _store(source: str, store: DataStore) -> Iterator[Finding]:
    if store.severity in (Severity.OK, Severity.UNKNOWN):
        return
    kind = "Postgres" if store.kind == "postgres" else "Key Value"
    full = store.limit is not None and store.connections is not None and store.said.endswith("connections")
    yield Finding(
        rule="render-connections" if full else "render-store",
        severity=store.severity,
        text=f"Render {kind} {store.name}: {store.said}",
        short=f"{store.name} {store.said}",
        evidence=(
            f"status {store.status}, plan {store.plan}",
            "fewer instances or smaller pools need fewer connections" if full else f"id {store.id}",
        ),
        source=source,
        rank=25 if full else 8,
    )

"""Rules on what users feel and what was deployed: endpoints, errors, revisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cockpit.findings.view import NOTABLE, RECENT_S, View, failure_share, recent
from cockpit.model.action import ActionRequest
from cockpit.model.finding import Finding
from cockpit.model.health import HealthStatus
from cockpit.model.logs import LogStatus
from cockpit.model.revisions import ServiceStatus
from cockpit.model.severity import Severity

SUSPECT_S = 1800.0  # a revision is suspected when errors began at most this long after it went live
SKEW_S = 12.0  # errors may seem to begin before the deployment by clock differences and bucket width


def health_findings(view: View) -> Iterator[Finding]:
    """Endpoints that answer badly, thresholds crossed, certificates that run out."""
    for state, health in view.fresh(HealthStatus):
        severity = state.severity
        if severity in (Severity.WARN, Severity.CRIT):
            bad = [check for check in health.checks if check.severity > Severity.OK]
            evidence = [f"{check.path} = {check.value} ({check.threshold})" for check in bad]
            answered = f"{health.status}" if health.status is not None else "no answer"
            yield Finding(
                rule="endpoint-unhealthy",
                severity=severity,
                text=f"{state.title}: {state.summary}",
                short=f"{state.title} {state.summary}",
                evidence=(*evidence, f"{health.method} {health.url}: {answered} in {health.latency_ms:.0f} ms"),
                source=state.source,
                rank=50,
            )
        if health.tls is not None and health.tls.severity > Severity.OK:
            days = health.tls.days_left
            left = health.tls.problem or (f"{days:.0f} days left" if days is not None else "expiry unknown")
            yield Finding(
                rule="certificate-expiry",
                severity=health.tls.severity,
                text=f"certificate of {health.tls.host}: {left}",
                short=f"certificate {left}",
                evidence=(f"expires {health.tls.expires:%Y-%m-%d %H:%M} UTC" if health.tls.expires else left,),
                source=state.source,
                rank=45,
            )


def log_findings(view: View) -> Iterator[Finding]:
    """Errors in the last minute, and patterns that were not there before."""
    for state, logs in view.fresh(LogStatus):
        last = recent(logs, view.now, RECENT_S)
        share = failure_share(last)
        if last.requests >= 10 and share > NOTABLE:
            pattern = next((p for p in logs.patterns if p.new), logs.patterns[0] if logs.patterns else None)
            yield Finding(
                rule="errors",
                severity=Severity.CRIT if share > 0.05 else Severity.WARN,
                text=f"{100 * share:.0f} % of requests failed in the last minute ({last.failed} of {last.requests})",
                short=f"errors {100 * share:.0f} %",
                evidence=(f"{pattern.count}x {pattern.template}",) if pattern else (),
                source=state.source,
                rank=55,
            )


def revision_findings(view: View) -> Iterator[Finding]:
    """A revision that went live shortly before errors rose; one that serves and is not ready."""
    onset = view.error_onset()
    for state, service in view.fresh(ServiceStatus):
        serving = service.revision(service.serving_revision)
        if serving is None:
            continue
        back = _rollback(state.source, service)
        if serving.state == "failed":
            yield Finding(
                rule="serving-revision-failed",
                severity=Severity.CRIT,
                text=f"{serving.name} gets {serving.percent} % of the traffic and is not ready: {serving.reason}",
                short=f"{serving.name} failed",
                evidence=(service.reason or serving.reason,),
                source=state.source,
                action=back,
                action_title=_rollback_title(service),
                rank=10,
            )
        if onset is None:
            continue
        began, share = onset
        live = _went_live(view, service, serving.created.timestamp(), began)
        if live is None:
            continue
        when = datetime.fromtimestamp(live, UTC)
        since = f"{datetime.fromtimestamp(began, UTC):%H:%M:%S}"
        begun = "then" if began <= live else since  # the log is counted in steps of ten seconds
        rose = f"rose {_later(began - live)}" if view.onset_seen(began) else f"since {begun} at least"
        yield Finding(
            rule="bad-revision",
            severity=Severity.CRIT,
            text=f"{serving.name} went live {when:%H:%M:%S}, errors {rose}: {share}",
            short=f"{serving.name} live {when:%H:%M}",
            evidence=(
                f"live since {when:%H:%M:%S} UTC with {serving.percent} % of the traffic",
                f"errors since {since} UTC: {share}",
                service.previous.evidence if service.previous else "the revision before it is not known",
            ),
            source=state.source,
            action=back,
            action_title=_rollback_title(service),
            since=live,
            rank=10,
        )


def _later(seconds: float) -> str:
    if seconds < 10:
        return "at once"
    return f"{seconds / 60:.0f} min later" if seconds >= 90 else f"{seconds:.0f} s later"


def _went_live(view: View, service: ServiceStatus, created: float, onset: float) -> float | None:
    """When what serves got its traffic, if that can have caused what began at `onset`.

    An older revision may have got its traffic with the cure: it is suspected only if requests go on failing.
    """
    if _fits(created, onset):
        return created
    changed = service.updated.timestamp() if service.updated is not None else created
    return changed if _fits(changed, onset) and view.fails_after(changed) else None


def _fits(moment: float, onset: float) -> bool:
    return -SKEW_S <= onset - moment <= SUSPECT_S


def _rollback(source: str, service: ServiceStatus) -> ActionRequest | None:
    if service.previous is None:
        return None
    return ActionRequest("revisions.rollback", source, {"revision": service.previous.revision})


def _rollback_title(service: ServiceStatus) -> str:
    return f"Roll back to {service.previous.revision}" if service.previous else ""

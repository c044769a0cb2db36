"""Rules on a Compose project: what is missing, what died and of what, what is sick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cockpit.findings.service import SKEW_S, SUSPECT_S
from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.containers import ComposeService, Container, ContainersStatus
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity


def container_findings(view: View) -> Iterator[Finding]:
    """Of every project."""
    onset = view.error_onset()
    for state, status in view.fresh(ContainersStatus):
        ill = [each for each in (_service(state.source, status, one, view.now) for one in status.services) if each]
        yield from ill
        if onset is not None and not ill:
            yield from _errors_since(state.source, status, *onset)


def _service(source: str, status: ContainersStatus, service: ComposeService, now: float) -> Finding | None:
    """The worst that is wrong with it, and what would help."""
    where = f"of project {status.project}"
    if service.missing:
        return Finding(
            rule="service-missing",
            severity=Severity.CRIT,
            text=f"Service {service.name} {where} has no container on {status.engine.host}",
            short=f"{service.name} missing",
            evidence=(f"docker compose up -d {service.name} makes it again", *_removed(status, service)),
            source=source,
            rank=11,
        )
    mine = [each for each in status.of_service(service.name) if each.severity is Severity.CRIT]
    for rule, chosen in (
        ("container-oom", [each for each in mine if each.oom_killed]),
        ("container-restarting", [each for each in mine if each.state == "restarting"]),
        ("container-unhealthy", [each for each in mine if each.health == "unhealthy"]),
        ("container-exited", mine),
    ):
        if chosen:
            return _finding(rule, source, status, service, chosen, now)
    return None


def _errors_since(source: str, status: ContainersStatus, onset: float, how: str) -> Iterator[Finding]:
    """Errors that began soon after the containers of one service were made anew, while the others stayed."""
    made = {one.name: [_made(each) for each in status.of_service(one.name)] for one in status.services}
    anew = [name for name, at in made.items() if at and all(-SKEW_S <= onset - each <= SUSPECT_S for each in at)]
    if not anew or len(anew) == len(made):
        return
    name = max(anew, key=lambda each: max(made[each]))
    at, image = max(made[name]), status.of_service(name)[0].image
    yield Finding(
        rule="container-errors-since",
        severity=Severity.CRIT,
        text=f"{name} of project {status.project} was made anew at {_clock(at)}, errors since {_clock(onset)}: {how}",
        short=f"{name} anew {_clock(at)[:5]}",
        evidence=(f"image {image}", f"made at {_clock(at)} UTC; other services are older"),
        source=source,
        action=ActionRequest("containers.rollback", source, {"service": name}),
        action_title=f"Roll {name} back to the image before",
        since=at,
        rank=10,
    )


def _made(each: Container) -> float:
    return each.created.timestamp() if each.created is not None else 0.0


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def _finding(
    rule: str, source: str, status: ContainersStatus, service: ComposeService, ill: Sequence[Container], now: float
) -> Finding:
    first, total = ill[0], len(service.containers)
    many = f"{len(ill)} of {total} containers of {service.name}" if total > 1 else service.name
    action, title = _cure(rule, source, service, ill, now)
    return Finding(
        rule=rule,
        severity=Severity.CRIT if not service.running or rule != "container-exited" else Severity.WARN,
        text=f"{many}: {first.reason}{f' ({first.said})' if first.said else ''}",
        short=f"{service.name} {_SHORT[rule]}",
        evidence=_evidence(ill, status),
        source=source,
        action=action,
        action_title=title,
        since=_since(first),
        rank=12,
    )


_SHORT = {
    "container-oom": "out of memory",
    "container-restarting": "restarts again and again",
    "container-unhealthy": "unhealthy",
    "container-exited": "exited",
}


def _cure(
    rule: str, source: str, service: ComposeService, ill: Sequence[Container], now: float
) -> tuple[ActionRequest | None, str]:
    """Young and crashing: what it ran before. Ended: start it. Sick: restart that one."""
    params = {"service": service.name}
    young = all(each.created is not None and now - each.created.timestamp() < SUSPECT_S for each in ill)
    if young and rule in ("container-restarting", "container-exited") and any(each.exit_code for each in ill):
        return ActionRequest("containers.rollback", source, params), f"Roll {service.name} back to the image before"
    if rule == "container-exited":
        return ActionRequest("containers.start", source, params), f"Start {service.name}"
    if len(ill) == 1:
        params |= {"container": ill[0].name, "id": ill[0].id}
    return ActionRequest(
        "containers.restart", source, params
    ), f"Restart {ill[0].name if len(ill) == 1 else service.name}"


def _evidence(ill: Sequence[Container], status: ContainersStatus) -> tuple[str, ...]:
    found: list[str] = []
    for each in ill[:3]:
        limit = f", memory limit {each.memory_limit / 1e6:.0f} MB" if each.memory_limit else ""
        found.append(f"{each.name}: {each.state}, {each.restarts} restarts{limit}, {each.image}")
    ids = {each.id for each in ill}
    happened = [each for each in status.events if each.container in ids]
    found += [f"{each.action} {each.name} {each.said}".rstrip() for each in happened[-3:]]
    return tuple(found)


def _removed(status: ContainersStatus, service: ComposeService) -> tuple[str, ...]:
    gone = [each for each in status.events if each.service == service.name and each.action == "destroy"]
    return tuple(f"{each.name} was removed" for each in gone[-3:])


def _since(each: Container) -> float | None:
    at = each.finished if not each.running else each.started
    return at.timestamp() if at is not None else None

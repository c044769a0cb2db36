"""Rules on a Kubernetes namespace: rollouts that crash, images, memory, quotas, a live colour with nobody behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cockpit.findings.service import SKEW_S, SUSPECT_S
from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity
from cockpit.model.workloads import LiveService, Pod, RolloutRevision, Workload, WorkloadsStatus, idle

_CRASHES = ("CrashLoopBackOff", "Error", "OOMKilled", "StartError", "ContainerCannotRun", "RunContainerError")
_IMAGES = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_OVER = "exceeded quota"
_EVICTED = 3  # so many lie around before it is worth a line


def workload_findings(view: View) -> Iterator[Finding]:
    """Of every namespace."""
    onset = view.error_onset()
    for state, status in view.fresh(WorkloadsStatus):
        for service in status.services:
            yield from _service(state.source, status, service)
        ill: dict[str, list[Pod]] = {}
        for pod in status.pods:
            if pod.severity is not Severity.OK and pod.phase not in ("Failed", "Succeeded"):
                ill.setdefault(pod.workload, []).append(pod)
        for workload in status.workloads:
            yield from _workload(state.source, status, workload, ill.get(workload.ref, ()), view.now)
            if onset is not None and workload.ref not in ill:
                yield from _errors_since(state.source, workload, *onset)
        yield from _left(state.source, status)


def previous_of(workload: Workload) -> RolloutRevision | None:
    """What to go back to: the newest other revision that still has ready pods, else the newest other."""
    others = [each for each in workload.history if not each.current and each.differs]
    return next((each for each in others if each.ready), others[0] if others else None)


def undo_of(source: str, workload: Workload) -> tuple[ActionRequest | None, str]:
    """The filled-in action to the revision before, and its title; None where there is none."""
    before = previous_of(workload)
    if workload.kind != "deployment" or before is None:
        return None, ""
    params = {"workload": workload.ref, "uid": workload.uid, "revision": str(before.revision)}
    return ActionRequest("workloads.undo", source, params), f"Undo {workload.name} to revision {before.revision}"


def _service(source: str, status: WorkloadsStatus, service: LiveService) -> Iterator[Finding]:
    """What decides what is live, and has nobody ready to serve."""
    if service.ready or not service.selector:
        return
    chosen = [each for each in (status.workload(ref) for ref in service.backs) if each is not None]
    if not service.split and not any(each.desired for each in chosen):
        return
    live = ", ".join(each.name for each in chosen) or "no workload"
    ready = next((each for each in service.colours if not each.live and each.ready), None)
    evidence = [f"{each.name}: {each.ready} of {each.desired} ready, {each.state}" for each in chosen]
    evidence += [f"{each.workload} has {each.ready} ready pods and is not chosen" for each in service.colours
                 if not each.live]  # fmt: skip
    request = None
    if ready is not None:
        request = ActionRequest("workloads.switch", source, {"workload": ready.workload, "service": service.name})
    yield Finding(
        rule="live-without-endpoints" if service.split else "service-without-endpoints",
        severity=Severity.CRIT,
        text=f"Service {service.name} in {status.namespace} sends to {live}, and no endpoint of it is ready",
        short=f"{service.name} has no endpoints",
        evidence=tuple(evidence) or (f"its selector chooses nothing: {_words(service)}",),
        source=source,
        action=request,
        action_title=f"Switch {service.name} to {ready.workload.partition('/')[2]}" if ready is not None else "",
        rank=14,
    )


def _words(service: LiveService) -> str:
    return ", ".join(f"{key}={value}" for key, value in service.selector.items())


def _workload(
    source: str, status: WorkloadsStatus, workload: Workload, pods: Sequence[Pod], now: float
) -> Iterator[Finding]:
    """Why it is not as it should be, the cause first and once; then what limits it. `pods`: those in trouble."""
    if _OVER in workload.said:
        yield _over_quota(source, status, workload)
    found = _pods(source, workload, pods, now) or _stuck(source, workload)
    if found is not None:
        yield _idle(found) if idle(workload, status.services) else found
    yield from _limits(source, workload)


def _idle(finding: Finding) -> Finding:
    text = f"{finding.text}; no service sends to it"
    return replace(finding, severity=min(finding.severity, Severity.WARN), text=text, rank=max(finding.rank, 30))


def _over_quota(source: str, status: WorkloadsStatus, workload: Workload) -> Finding:
    full = [each for each in status.headroom if each.share >= 1]
    evidence = tuple(f"quota {each.quota}: {each.resource} {each.used} of {each.hard}" for each in full)
    severity = Severity.CRIT if not workload.available and workload.desired else Severity.WARN
    return Finding(
        rule="quota-stops",
        severity=severity,
        text=f"A quota stops {workload.ref} at {workload.replicas} of {workload.desired} pods: {workload.said}",
        short=f"quota stops {workload.name}",
        evidence=(*evidence, "a rollout needs room for its new pods beside the old ones"),
        source=source,
        rank=9,
    )


def _pods(source: str, workload: Workload, pods: Sequence[Pod], now: float) -> Finding | None:
    """The trouble that its pods are in; of several kinds the one that most have."""
    for rule, reasons in (("image", _IMAGES), ("crash", _CRASHES), ("config", ())):
        ill = [pod for pod in pods if pod.severity is Severity.CRIT and _of(pod, reasons)]
        if ill:
            return _trouble(rule, source, workload, ill, now)
    waiting = [pod for pod in pods if pod.reason == "Pending" and pod.severity is not Severity.OK]
    if not waiting:
        return None
    return Finding(
        rule="pods-not-placed",
        severity=Severity.CRIT if not workload.available else Severity.WARN,
        text=f"{_count(waiting)} of {workload.ref} cannot be placed on a node: {waiting[0].said}",
        short=f"{workload.name} not placed",
        evidence=tuple(pod.name for pod in waiting[:5]),
        source=source,
        rank=12,
    )


def _of(pod: Pod, reasons: Sequence[str]) -> bool:
    """No reasons: any other."""
    reason = pod.reason.removeprefix("Init:")
    return reason in reasons if reasons else reason not in (*_IMAGES, *_CRASHES)


def _count(pods: Sequence[Pod]) -> str:
    return "1 pod" if len(pods) == 1 else f"{len(pods)} pods"


def _trouble(rule: str, source: str, workload: Workload, ill: Sequence[Pod], now: float) -> Finding:
    worst = ill[0]
    current = next((each for each in workload.history if each.current), None)
    recent = current is not None and 0 <= now - current.created.timestamp() < SUSPECT_S
    under_way = workload.state in ("progressing", "failed")
    rolled = (recent or under_way) and previous_of(workload) is not None and _are_new(ill, current)
    request, title = undo_of(source, workload)
    oom = any(pod.reason.endswith("OOMKilled") for pod in ill)
    if rule == "crash" and oom and not rolled:
        return _out_of_memory(source, workload, ill)
    evidence = [f"{pod.name}: {pod.said or pod.reason}" for pod in ill[:3]]
    if rolled and current is not None:
        evidence.insert(0, _deployed(workload, current))
        before = previous_of(workload)
        if before is not None and before.ready:
            evidence.append(f"revision {before.revision} still has {before.ready} ready pods")
    said = {"image": "cannot pull its image", "crash": "crashes", "config": f"cannot start ({worst.reason})"}[rule]
    since = f" since revision {current.revision} at {_clock(current)}" if rolled and current is not None else ""
    serving = f"{workload.available} of {workload.desired} pods are available"
    return Finding(
        rule={"image": "image-not-pulled", "crash": "crash-after-rollout" if rolled else "crash-loop",
              "config": "container-config"}[rule],
        severity=Severity.CRIT if rolled or not workload.available else Severity.WARN,
        text=f"{workload.ref} {said}{since}: {worst.reason}, {serving}",
        short=f"{workload.name} {worst.reason}",
        evidence=tuple(evidence),
        source=source,
        action=request if rolled or rule == "image" else None,
        action_title=title if rolled or rule == "image" else "",
        since=current.created.timestamp() if rolled and current is not None else None,
        rank=10 if rolled else 11,
    )  # fmt: skip


def _errors_since(source: str, workload: Workload, began: float, share: str) -> Iterator[Finding]:
    """A new template of what serves went out shortly before errors began: its pods are well, its code may not be."""
    current = next((each for each in workload.history if each.current), None)
    request, title = undo_of(source, workload)
    if current is None or request is None or not workload.live_by:
        return
    live = current.created.timestamp()
    if not -SKEW_S <= began - live <= SUSPECT_S:
        return
    since = f"{datetime.fromtimestamp(began, UTC):%H:%M:%S}"
    yield Finding(
        rule="errors-after-rollout",
        severity=Severity.CRIT,
        text=f"{workload.ref} got revision {current.revision} at {_clock(current)}, errors since {since}: {share}",
        short=f"{workload.name} revision {current.revision} {_clock(current)[:5]}",
        evidence=(_deployed(workload, current), f"service {', '.join(workload.live_by)} sends to it"),
        source=source,
        action=request,
        action_title=title,
        since=live,
        rank=10,
    )


def _are_new(ill: Sequence[Pod], current: RolloutRevision | None) -> bool:
    """Those in trouble have the present template; where pods tell their template at all."""
    if current is None:
        return False
    hashes = {pod.template_hash for pod in ill} - {""}
    return any(current.name == each or current.name.endswith(f"-{each}") for each in hashes)


def _deployed(workload: Workload, current: RolloutRevision) -> str:
    cause = f" ({current.change_cause})" if current.change_cause else ""
    before = previous_of(workload)
    changed = f"; back to {before.revision} means {', '.join(before.differs[:3])}" if before is not None else ""
    return f"revision {current.revision} since {_clock(current)} UTC{cause}{changed}"


def _clock(entry: RolloutRevision) -> str:
    return f"{datetime.fromtimestamp(entry.created.timestamp(), UTC):%H:%M:%S}"


def _out_of_memory(source: str, workload: Workload, ill: Sequence[Pod]) -> Finding:
    return Finding(
        rule="out-of-memory",
        severity=Severity.CRIT if not workload.available else Severity.WARN,
        text=f"{workload.ref} is killed for its memory again and again: {ill[0].said}",
        short=f"{workload.name} OOMKilled",
        evidence=tuple(f"{pod.name}: {pod.restarts} restarts" for pod in ill[:4]),
        source=source,
        rank=12,
    )


def _stuck(source: str, workload: Workload) -> Finding | None:
    """A rollout that failed, or nobody there, for a reason that no pod tells."""
    if workload.state == "failed":
        request, title = undo_of(source, workload)
        said = f"The rollout of {workload.ref} does not go on: {workload.said}"
    elif workload.desired and not workload.available and workload.severity is Severity.CRIT:
        request, title = None, ""
        said = f"No pod of {workload.ref} is available: {workload.said or workload.state}"
    else:
        return None
    return Finding(
        rule="rollout-failed" if workload.state == "failed" else "workload-down",
        severity=Severity.CRIT,
        text=said,
        short=f"{workload.name} {workload.available}/{workload.desired}",
        evidence=(f"{workload.updated} updated, {workload.ready} ready, {workload.available} available of "
                  f"{workload.desired}",),
        source=source,
        action=request,
        action_title=title,
        rank=13,
    )  # fmt: skip


def _limits(source: str, workload: Workload) -> Iterator[Finding]:
    scaler = workload.autoscaler
    if scaler is not None and scaler.desired >= scaler.maximum > scaler.minimum:
        yield Finding(
            rule="autoscaler-at-maximum",
            severity=Severity.WARN,
            text=f"Autoscaler {scaler.name} has {workload.ref} at its maximum of {scaler.maximum} pods",
            short=f"{workload.name} at {scaler.maximum} pods, its maximum",
            evidence=(scaler.said or "more load than this gets no more pods",),
            source=source,
            rank=40,
        )
    elif scaler is not None and scaler.said and "off while" not in scaler.said:
        yield Finding(
            rule="autoscaler-blind",
            severity=Severity.WARN,
            text=f"Autoscaler {scaler.name} of {workload.ref} does not work: {scaler.said}",
            short=f"autoscaler of {workload.name} does not work",
            evidence=(f"{scaler.current} pods, {scaler.minimum} to {scaler.maximum} allowed",),
            source=source,
            rank=82,
        )
    for budget in workload.budgets:
        if budget.expected and not budget.allowed:
            always = " whatever their state: it wants all of them" if budget.wanted >= budget.expected else " now"
            yield Finding(
                rule="budget-blocks",
                severity=Severity.WARN,
                text=f"Budget {budget.name} lets no pod of {workload.ref} be evicted{always}; drains of nodes wait",
                short=f"budget {budget.name} blocks",
                evidence=(f"{budget.healthy} healthy, {budget.wanted} wanted of {budget.expected}",),
                source=source,
                rank=85,
            )


def _left(source: str, status: WorkloadsStatus) -> Iterator[Finding]:
    """Pods that nobody needs any more."""
    evicted = [pod for pod in status.pods if pod.phase == "Failed" and pod.reason == "Evicted"]
    if len(evicted) >= _EVICTED:
        yield Finding(
            rule="evicted-pods",
            severity=Severity.WARN,
            text=f"{len(evicted)} evicted pods lie around in {status.namespace}: {evicted[0].said}",
            short=f"{len(evicted)} evicted pods",
            evidence=tuple(pod.name for pod in evicted[:5]),
            source=source,
            rank=87,
        )
    stuck = [pod for pod in status.pods if pod.reason == "Terminating" and pod.severity is not Severity.OK]
    if stuck:
        yield Finding(
            rule="pod-does-not-end",
            severity=Severity.WARN,
            text=f"{_count(stuck)} in {status.namespace} should have ended: {stuck[0].name} {stuck[0].said}",
            short=f"{stuck[0].name} does not end",
            evidence=tuple(f"{pod.name}: {pod.said}" for pod in stuck[:4]),
            source=source,
            rank=84,
        )

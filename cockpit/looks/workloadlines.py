"""Workloads, pods, services and limits as lines of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cockpit.model.severity import Severity
from cockpit.model.workloads import (
    ContainerState,
    LiveService,
    Pod,
    RolloutRevision,
    Usage,
    Workload,
    WorkloadsStatus,
)

MARK = {Severity.OK: " ", Severity.WARN: "!", Severity.CRIT: "x", Severity.UNKNOWN: "?"}


def age(since: datetime | None, now: datetime) -> str:
    """ "12 m", "3 h", "4 d"."""
    if since is None:
        return "?"
    seconds = max(0.0, (now - since).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _and(said: str) -> str:
    return f", {said}" if said else ""


def words(labels: Mapping[str, str] | None) -> str:
    """ "app=api, version=blue"."""
    return ", ".join(f"{key}={value}" for key, value in (labels or {}).items())


def brief(each: Workload, now: datetime) -> str:
    """One line of a list."""
    images = ", ".join(image for _, image in each.images)
    live = f"  chosen by {', '.join(each.live_by)}" if each.live_by else ""
    said = f": {each.said}" if each.said else ""
    return (
        f"{MARK[each.severity]} {each.ref}  {each.ready}/{each.desired} ready, {each.updated} updated, "
        f"{each.available} available  {age(each.created, now)}  {each.state}{said}{live}  {images}"
    )


def whole(each: Workload, status: WorkloadsStatus, now: datetime) -> list[str]:
    """All that is known of one."""
    lines = [
        f"{each.ref} in {status.namespace} (context {status.context}): {each.state}{_and(each.said)}",
        f"pods: {each.desired} desired, {each.updated} updated, {each.ready} ready, {each.available} available, "
        f"{each.replicas} exist",
        *(f"image {name}: {image}" for name, image in each.images),
    ]
    if each.revision:
        lines.append(f"revision {each.revision}{f': {each.change_cause}' if each.change_cause else ''}")
    lines += [f"chosen by service {name}" for name in each.live_by]
    lines += [f"before: {entry(past)}" for past in each.history if not past.current]
    lines += limits(each)
    lines += [f"reads configmap {name}" for name in each.configmaps] + [
        f"reads secret {name}" for name in each.secrets
    ]
    lines += [f"use: {use(each.usage)}"] if use(each.usage) else []
    lines += [pod(found, now) for found in status.pods_of(each.ref)]
    lines += [f"selector: {words(each.selector)}", f"created {age(each.created, now)} ago, uid {each.uid}"]
    return lines


def limits(each: Workload) -> list[str]:
    """Autoscaler, budgets and owner."""
    lines = []
    scaler = each.autoscaler
    if scaler is not None:
        said = f": {scaler.said}" if scaler.said else ""
        lines.append(
            f"autoscaler {scaler.name} of {each.ref}: {scaler.minimum} to {scaler.maximum}, has {scaler.current}, "
            f"wants {scaler.desired}{said}"
        )
    lines += [
        f"budget {budget.name} of {each.ref}: {budget.allowed} may be evicted now, {budget.healthy} healthy, "
        f"{budget.wanted} wanted"
        for budget in each.budgets
    ]
    if each.owner is not None:
        how = "puts its own state back" if each.owner.reverts else "undoes changes when it next applies"
        lines.append(f"owner: {f'{each.owner.kind} {each.owner.name}'.strip()} {how}")
    return lines


def entry(past: RolloutRevision) -> str:
    """One revision."""
    images = ", ".join(image for _, image in past.images)
    cause = f"  {past.change_cause}" if past.change_cause else ""
    now = "  as it is now" if past.current else f"  differs: {', '.join(past.differs)}" if past.differs else ""
    return f"revision {past.revision}  {images}{cause}{now}  {past.ready} of {past.replicas} ready"


def pod(each: Pod, now: datetime) -> str:
    """One line of a list."""
    restarts = f"  {each.restarts} restarts" if each.restarts else ""
    said = f": {each.said}" if each.said else ""
    return (
        f"{MARK[each.severity]} {each.name}  {each.ready}/{each.total}  {each.reason}{said}{restarts}  "
        f"{age(each.created, now)}  {each.node}".rstrip()
    )


def whole_pod(each: Pod, now: datetime) -> list[str]:
    """All that is known of one."""
    lines = [
        f"{each.name}: {each.reason}{_and(each.said)}",
        f"phase {each.phase}{_and('being deleted' if each.deleting else '')}",
        f"{each.ready} of {each.total} containers ready, {each.restarts} restarts",
        f"belongs to {each.workload or 'nobody: it is not made again'}",
        f"node {each.node or 'none yet'}  {each.address}".rstrip(),
    ]
    for found in each.containers:
        lines += container(found)
    return [*lines, f"labels: {words(each.labels)}", f"created {age(each.created, now)} ago, uid {each.uid}"]


def container(each: ContainerState) -> list[str]:
    """State, image, the run before, use."""
    kind = "init container" if each.init else "container"
    ended = f", exit {each.exit_code}" if each.exit_code is not None else ""
    lines = [f"{kind} {each.name}: {each.state} {each.reason}".rstrip() + ended, f"  image {each.image}"]
    lines += [f"  {each.said}"] if each.said else []
    if each.last_exit is not None:
        when = f" at {each.last_ended:%Y-%m-%d %H:%M:%S} UTC" if each.last_ended is not None else ""
        lines.append(
            f"  last run: {each.last_reason or 'ended'}, exit {each.last_exit}{when}; {each.restarts} restarts"
        )
    return [*lines, f"  {use(each.usage)}"] if use(each.usage) else lines


def use(usage: Usage) -> str:
    """ "CPU 40m, asks for 50m; memory 80 MiB, limit 128 MiB"; what is not known is left out."""
    cpu = _used(_cores(usage.cpu), _cores(usage.cpu_request), _cores(usage.cpu_limit))
    memory = _used(_mib(usage.memory), _mib(usage.memory_request), _mib(usage.memory_limit))
    return "; ".join(f"{name} {said}" for name, said in (("CPU", cpu), ("memory", memory)) if said)


def _used(used: str, asked: str, limit: str) -> str:
    return ", ".join(filter(None, (used, f"asks for {asked}" if asked else "", f"limit {limit}" if limit else "")))


def _cores(millis: int | None) -> str:
    return "" if millis is None else f"{millis}m"


def _mib(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:.0f} MiB"


def service(each: LiveService) -> str:
    """One line of a list."""
    late = f", {each.not_ready} not" if each.not_ready else ""
    backs = ", ".join(each.backs) or "no workload"
    live = "  ".join(
        f"{'live' if colour.live else 'could be'} {words(colour.labels)}: {colour.workload} ({colour.ready} ready)"
        for colour in each.colours
    )
    mark = "x" if not each.ready and (each.backs or each.colours) else " "
    chosen = f"chooses {backs} by {words(each.selector)}" if each.selector else "no selector"
    return (
        f"{mark} {each.name}  {each.ready} endpoints ready{late}  {chosen}  {', '.join(each.ports)}  {live}".rstrip()
    )

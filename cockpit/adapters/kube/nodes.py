"""Nodes as values: ready, under pressure, cordoned, and how full.

Conditions: https://kubernetes.io/docs/reference/node/node-status/. What pods ask for counts while they are neither
Succeeded nor Failed, as the scheduler counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cockpit.adapters.kube.fields import (
    conditions,
    created_of,
    labels_of,
    millis,
    moment,
    name_of,
    part,
    parts,
    quantity,
    said,
    size,
    text,
    uid_of,
)
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.terms import Json
from cockpit.model.cluster import Node
from cockpit.model.severity import Severity
from cockpit.model.workloads import Usage

_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_POOLS = ("cloud.google.com/gke-nodepool", "eks.amazonaws.com/nodegroup", "kubernetes.azure.com/agentpool")
_OVER = (("MemoryPressure", "memory"), ("DiskPressure", "disk"), ("PIDPressure", "process ids"))
FULL = 0.95  # of what the node can give: nothing more fits


async def asked(pods: Iterable[Json]) -> dict[str, tuple[int, int, int]]:
    """Node -> CPU and memory that the containers of its pods ask for, and how many pods."""
    found: dict[str, tuple[int, int, int]] = {}
    pace = Pace()
    for pod in pods:
        node = text(part(pod, "spec").get("nodeName"), 253)
        if not node or part(pod, "status").get("phase") in ("Succeeded", "Failed"):
            continue
        cpu, memory = requests_of(part(pod, "spec"))
        before = found.get(node, (0, 0, 0))
        found[node] = (before[0] + cpu, before[1] + memory, before[2] + 1)
        await pace.step()
    return found


def requests_of(spec: Json) -> tuple[int, int]:
    """What a pod asks for: its containers together, or an init container that asks for more."""
    cpu = memory = 0
    for container in parts(spec, "containers"):
        wanted = part(container, "resources", "requests")
        cpu += millis(wanted.get("cpu")) or 0
        memory += size(wanted.get("memory")) or 0
    for container in parts(spec, "initContainers"):
        wanted = part(container, "resources", "requests")
        cpu = max(cpu, millis(wanted.get("cpu")) or 0)
        memory = max(memory, size(wanted.get("memory")) or 0)
    return cpu, memory


def node_of(
    obj: Json, used: Mapping[str, Json], wanted: Mapping[str, tuple[int, int, int]] | None, now: datetime
) -> Node:
    """One node; `used` are NodeMetrics by name, `wanted` as `asked` tells, None where pods cannot be listed."""
    name, status = name_of(obj), part(obj, "status")
    found = conditions(obj)
    ready = found.get("Ready", {})
    state = ready.get("status")
    pressures = tuple(each for each in _PRESSURES if found.get(each, {}).get("status") == "True")
    cordoned = part(obj, "spec").get("unschedulable") is True
    cpu_ask, memory_ask, pods = (wanted or {}).get(name, (0, 0, 0))
    room = part(status, "allocatable")
    use = part(used.get(name), "usage")
    usage = Usage(
        cpu=millis(use.get("cpu")),
        memory=size(use.get("memory")),
        cpu_request=cpu_ask if wanted is not None else None,
        memory_request=memory_ask if wanted is not None else None,
        cpu_limit=millis(room.get("cpu")),
        memory_limit=size(room.get("memory")),
    )
    severity, words = _judged(state, ready, found, pressures, cordoned, now)
    tags = labels_of(obj)
    return Node(
        name=name,
        uid=uid_of(obj),
        severity=severity,
        ready=state == "True",
        cordoned=cordoned,
        said=words,
        pressures=pressures,
        version=text(part(status, "nodeInfo").get("kubeletVersion"), 60),
        created=created_of(obj),
        zone=next((tags[each] for each in _ZONES if each in tags), ""),
        pool=next((tags[each] for each in _POOLS if each in tags), ""),
        taints=tuple(_taint(each) for each in parts(obj, "spec", "taints")),
        usage=usage,
        pods=pods,
        pods_allowed=int(quantity(room.get("pods")) or 0),
    )


def _judged(
    state: object,
    ready: Json,
    found: Mapping[str, Json],
    pressures: Sequence[str],
    cordoned: bool,
    now: datetime,
) -> tuple[Severity, str]:
    if state == "Unknown":
        return Severity.CRIT, f"its kubelet stopped answering{_since(ready, now)}: {said(ready)}"
    if state != "True":
        return Severity.CRIT, f"not ready{_since(ready, now)}: {said(ready) or 'no condition Ready'}"
    if pressures:
        words = [word for name, word in _OVER if name in pressures]
        words += ["network"] if "NetworkUnavailable" in pressures else []
        return Severity.WARN, f"short of {', '.join(words)}: {said(found[pressures[0]])}"
    return (Severity.WARN, "cordoned: no new pods") if cordoned else (Severity.OK, "")


def _since(condition: Json, now: datetime) -> str:
    at = moment(condition.get("lastTransitionTime"))
    if at is None or now - at < timedelta(0):
        return ""
    minutes = int((now - at).total_seconds() // 60)
    return f" for {minutes} min" if minutes else ""


def _taint(taint: Json) -> str:
    value = text(taint.get("value"), 63)
    key = text(taint.get("key"), 253)
    return f"{key}{f'={value}' if value else ''}:{text(taint.get('effect'), 40)}"


def used_pods(metrics: Iterable[Json]) -> tuple[tuple[str, str, int, int], ...]:
    """PodMetrics as (namespace, name, CPU, memory), all containers together."""
    found: list[tuple[str, str, int, int]] = []
    for each in metrics:
        uses = [part(container, "usage") for container in parts(each, "containers")]
        cpu = sum(millis(use.get("cpu")) or 0 for use in uses)
        memory = sum(size(use.get("memory")) or 0 for use in uses)
        found.append((text(part(each, "metadata").get("namespace"), 253), name_of(each), cpu, memory))
    return tuple(found)


def limits_of(spec: Json) -> tuple[int | None, int | None]:
    """What a pod may have: its containers together; None where one of them has no limit."""
    cpu, memory = [], []
    for container in parts(spec, "containers"):
        most = part(container, "resources", "limits")
        cpu.append(millis(most.get("cpu")))
        memory.append(size(most.get("memory")))
    return _sum(cpu), _sum(memory)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [each for each in values if each is not None]
    return sum(known) if known and len(known) == len(values) else None

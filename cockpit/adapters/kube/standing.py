"""Where a workload stands: its rollout as `kubectl rollout status` judges it, and what it is made of.

https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cockpit.adapters.kube import templates
from cockpit.adapters.kube.fields import (
    annotations_of,
    conditions,
    created_of,
    labels,
    moment,
    name_of,
    number,
    part,
    parts,
    said,
    text,
    uid_of,
)
from cockpit.adapters.kube.history import CAUSE, images_of, revision_of
from cockpit.adapters.kube.owners import owner_of
from cockpit.adapters.kube.terms import Json
from cockpit.model.severity import Severity
from cockpit.model.workloads import Workload

KINDS = {"deployments": "deployment", "statefulsets": "statefulset", "daemonsets": "daemonset"}
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods of a workload by what its controller last wrote."""

    desired: int
    replicas: int
    updated: int
    ready: int
    available: int


def workload_of(obj: Json, kind: str) -> Workload:
    """One workload by itself: without history, autoscaler, budgets, services and use."""
    counts, metadata = counts_of(obj, kind), part(obj, "metadata")
    state, why = standing(obj, kind, counts)
    template = part(obj, "spec", "template")
    reads = tuple(references(template))
    return Workload(
        kind=kind,
        name=name_of(obj),
        uid=uid_of(obj),
        severity=_severity(state, counts, why),
        state=state,
        said=why,
        desired=counts.desired,
        updated=counts.updated,
        ready=counts.ready,
        available=counts.available,
        images=images_of(template),
        created=created_of(obj),
        selector=labels(part(obj, "spec", "selector").get("matchLabels")),
        labels=labels(part(template, "metadata").get("labels")),
        revision=revision_of(obj),
        change_cause=annotations_of(obj).get(CAUSE, ""),
        generation=number(metadata.get("generation")),
        observed=number(part(obj, "status").get("observedGeneration")),
        paused=part(obj, "spec").get("paused") is True,
        replicas=counts.replicas,
        owner=owner_of(obj),
        configmaps=tuple(sorted({name for what, name in reads if what == "configmap"})),
        secrets=tuple(sorted({name for what, name in reads if what == "secret"})),
        template=templates.mark(template),
        restarted=moment(part(template, "metadata", "annotations").get(_RESTARTED)),
    )


def counts_of(obj: Json, kind: str) -> Counts:
    """Of a deployment, stateful set or daemon set."""
    spec, status = part(obj, "spec"), part(obj, "status")
    if kind == "daemonset":
        return Counts(
            number(status.get("desiredNumberScheduled")),
            number(status.get("currentNumberScheduled")),
            number(status.get("updatedNumberScheduled")),
            number(status.get("numberReady")),
            number(status.get("numberAvailable")),
        )
    desired, ready = spec.get("replicas"), number(status.get("readyReplicas"))
    available = status.get("availableReplicas")
    if available is None and kind == "statefulset":
        available = ready  # servers before 1.22 do not tell; without minReadySeconds it is the same
    return Counts(
        1 if desired is None else number(desired),
        number(status.get("replicas")),
        _updated(obj, kind),
        ready,
        number(available),
    )


def _updated(obj: Json, kind: str) -> int:
    """Stateful sets count as updated only what was made since the last change; none was: all are."""
    status = part(obj, "status")
    told = number(status.get("updatedReplicas"))
    same = status.get("updateRevision") == status.get("currentRevision")
    return max(told, number(status.get("replicas"))) if kind == "statefulset" and same else told


def standing(obj: Json, kind: str, counts: Counts) -> tuple[str, str]:
    """State, and why, in words; a rollout under way is told as kubectl tells it."""
    spec, status = part(obj, "spec"), part(obj, "status")
    if number(part(obj, "metadata").get("generation")) > number(status.get("observedGeneration")):
        return "progressing", "waiting for its controller to see the last change"
    if kind == "deployment":
        return _deployment(obj, counts)
    if kind == "statefulset":
        return _stateful(spec, status, counts)
    if counts.updated < counts.desired:
        manual = text(part(spec, "updateStrategy").get("type"), 40) == "OnDelete"
        how = ", each once it is deleted by hand" if manual else ""
        return "progressing", f"{counts.updated} of {counts.desired} pods are updated{how}"
    return _short_of(counts)


def _deployment(obj: Json, counts: Counts) -> tuple[str, str]:
    found = conditions(obj)
    progress, failure = found.get("Progressing", {}), found.get("ReplicaFailure", {})
    why = said(failure) if failure.get("status") == "True" else ""
    if progress.get("reason") == "ProgressDeadlineExceeded":
        seconds = part(obj, "spec").get("progressDeadlineSeconds")
        told = f"no progress within {number(seconds) or 600} s (ProgressDeadlineExceeded)"
        return "failed", "; ".join(filter(None, (told, why)))
    if part(obj, "spec").get("paused") is True:
        return "paused", "; ".join(filter(None, ("changes of its template wait until it is resumed", why)))
    waits = ""
    if counts.updated < counts.desired:
        waits = f"{counts.updated} of {counts.desired} new pods have been made"
    elif counts.replicas > counts.updated:
        waits = f"{_pods(counts.replicas - counts.updated)} of before still {_end(counts.replicas - counts.updated)}"
    elif counts.available < counts.updated:
        waits = f"{counts.available} of {counts.updated} updated pods are available"
    if not waits:
        return ("stopped", why) if counts.desired == 0 else ("degraded" if why else "ready", why)
    # It was complete once and no deadline runs: pods went missing since, which is no rollout.
    done = progress.get("reason") == "NewReplicaSetAvailable" and counts.updated >= counts.replicas
    return "degraded" if done else "progressing", "; ".join(filter(None, (why, waits)))


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _end(count: int) -> str:
    return "has to end" if count == 1 else "have to end"


def _stateful(spec: Json, status: Json, counts: Counts) -> tuple[str, str]:
    old = status.get("updateRevision") != status.get("currentRevision")
    partition = number(part(spec, "updateStrategy", "rollingUpdate").get("partition"))
    if text(part(spec, "updateStrategy").get("type"), 40) == "OnDelete":
        if old:
            return (
                "progressing",
                f"{counts.updated} of {counts.desired} pods are updated, each once it is deleted by hand",
            )
        return _short_of(counts)
    if old and partition:
        wanted = max(0, counts.desired - partition)
        if counts.updated < wanted:
            return "progressing", f"{counts.updated} of {wanted} pods from number {partition} on are updated"
        state, why = _short_of(counts)
        return state, why or f"only pods from number {partition} on are updated (partition)"
    if old:
        return "progressing", f"{counts.updated} of {counts.desired} pods are updated"
    return _short_of(counts)


def _short_of(counts: Counts) -> tuple[str, str]:
    """No rollout runs: whether all are there."""
    if counts.desired == 0:
        return "stopped", ""
    if counts.available < counts.desired:
        return "degraded", f"{counts.available} of {counts.desired} pods are available"
    return "ready", ""


def _severity(state: str, counts: Counts, why: str) -> Severity:
    if state == "failed" or (counts.desired and not counts.available):
        return Severity.CRIT
    if state in ("degraded", "paused") or counts.available < counts.desired:
        return Severity.WARN
    return Severity.WARN if why and "forbidden" in why else Severity.OK


def references(template: Json) -> Iterator[tuple[str, str]]:
    """("configmap" or "secret", name) for all that the pods of a template read."""
    spec = part(template, "spec")
    for container in (*parts(spec, "containers"), *parts(spec, "initContainers")):
        for each in parts(container, "envFrom"):
            yield from _named(each, "configMapRef", "secretRef", "name")
        for each in parts(container, "env"):
            yield from _named(part(each, "valueFrom"), "configMapKeyRef", "secretKeyRef", "name")
    for volume in parts(spec, "volumes"):
        yield from _named(volume, "configMap", "", "name")
        yield from _named(volume, "", "secret", "secretName")
        for each in parts(volume, "projected", "sources"):
            yield from _named(each, "configMap", "secret", "name")


def _named(holder: Mapping[str, object], configmap: str, secret: str, key: str) -> Iterator[tuple[str, str]]:
    for what, field in (("configmap", configmap), ("secret", secret)):
        name = text(part(holder, field).get(key), 253) if field else ""
        if name:
            yield what, name

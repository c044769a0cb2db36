"""Pods as values, each with the reason that a person needs: not only that it waits, but for what.

States: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/. The order of the reasons is that of
`kubectl get pods`, except that what killed a container stands before the back-off that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cockpit.adapters.kube.containers import PULLING, containers_of, sentence, sum_of, trouble_of
from cockpit.adapters.kube.fields import (
    conditions,
    controller_of,
    created_of,
    labels_of,
    millis,
    moment,
    name_of,
    part,
    parts,
    said,
    size,
    text,
    texts,
    uid_of,
)
from cockpit.adapters.kube.terms import Json
from cockpit.model.severity import Severity
from cockpit.model.workloads import ContainerState, Pod, Usage

_STARTING = timedelta(seconds=60)  # that long a pod may take to start without being called slow
_ENDING = timedelta(seconds=30)  # beyond its own grace period
_LATELY = timedelta(minutes=10)  # that long a restart is worth a word
_HASHES = ("pod-template-hash", "controller-revision-hash")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a pod."""

    severity: Severity
    reason: str
    said: str = ""


def pod_of(obj: Json, workload: str, now: datetime) -> Pod:
    """One pod, without what it uses."""
    containers = containers_of(obj)
    verdict = _verdict(obj, containers, now)
    status, labels = part(obj, "status"), labels_of(obj)
    ended = [each.last_ended for each in containers if each.last_ended is not None and each.restarts]
    main = [each for each in containers if not each.init]
    return Pod(
        name=name_of(obj),
        uid=uid_of(obj),
        workload=workload,
        owner=controller_of(obj)[2],
        severity=verdict.severity,
        reason=verdict.reason,
        said=verdict.said,
        phase=text(status.get("phase"), 40),
        ready=sum(each.ready for each in main),
        total=len(main),
        restarts=sum(each.restarts for each in containers),
        created=created_of(obj),
        node=text(part(obj, "spec").get("nodeName"), 253),
        address=text(status.get("podIP"), 60),
        containers=containers,
        labels=labels,
        template_hash=next((labels[name] for name in _HASHES if name in labels), ""),
        deleting=_deleted_at(obj) is not None,
        usage=sum_of(main),
        last_restart=max(ended, default=None),
    )


def settled(pod: Pod) -> bool:
    """Time alone makes nothing else of it."""
    return pod.severity is Severity.OK and pod.reason in ("Running", "Completed") and pod.last_restart is None


def serves(pod: Pod) -> bool:
    """It would be an endpoint of a service."""
    return pod.phase == "Running" and pod.total > 0 and pod.ready == pod.total and not pod.deleting


def with_usage(pod: Pod, metrics: Json) -> Pod:
    """With what metrics.k8s.io says that its containers use."""
    used: Mapping[str, Json] = {
        text(each.get("name"), 253): part(each, "usage") for each in parts(metrics, "containers")
    }
    told = []
    for each in pod.containers:
        use = used.get(each.name)
        told.append(each if use is None else replace(each, usage=_using(each.usage, use)))
    containers = tuple(told)
    return replace(pod, containers=containers, usage=sum_of([each for each in containers if not each.init]))


def _using(usage: Usage, use: Json) -> Usage:
    return replace(usage, cpu=millis(use.get("cpu")), memory=size(use.get("memory")))


def _deleted_at(obj: Json) -> datetime | None:
    return moment(part(obj, "metadata").get("deletionTimestamp"))


def _verdict(obj: Json, containers: Sequence[ContainerState], now: datetime) -> Verdict:
    status = part(obj, "status")
    phase, reason = text(status.get("phase"), 40), text(status.get("reason"), 80)
    message = text(status.get("message"))
    lost = reason == "NodeLost"
    if phase == "Unknown" or lost:
        return Verdict(Severity.UNKNOWN, "Unknown", message or "its node does not answer")
    if (due := _deleted_at(obj)) is not None:
        return _terminating(obj, due, now)
    if phase == "Succeeded":
        return Verdict(Severity.OK, "Completed", message)
    if phase == "Failed" and reason:
        return Verdict(Severity.WARN, reason, message)
    trouble = trouble_of(containers)
    if trouble is not None:
        grave = phase != "Failed"
        return Verdict(Severity.CRIT if grave else Severity.WARN, trouble.reason, trouble.said)
    if phase == "Failed":
        return Verdict(Severity.WARN, "Failed", message)
    if phase == "Pending":
        return _pending(obj, containers, now)
    if phase == "Running":
        return _running(obj, containers, now)
    return Verdict(Severity.UNKNOWN, phase or "Unknown", message)


def _terminating(obj: Json, due: datetime, now: datetime) -> Verdict:
    """`due` is when its grace period ends."""
    if now <= due + _ENDING:
        return Verdict(Severity.OK, "Terminating")
    waits = texts(part(obj, "metadata").get("finalizers"), 100)
    node = text(part(obj, "spec").get("nodeName"), 253)
    why = f"waits for the finalizers {', '.join(waits)}" if waits else f"{node or 'its node'} has not confirmed it"
    return Verdict(Severity.WARN, "Terminating", f"should have ended at {due:%H:%M:%S}; {why}")


def _pending(obj: Json, containers: Sequence[ContainerState], now: datetime) -> Verdict:
    scheduled = conditions(obj).get("PodScheduled", {})
    late = now - created_of(obj) > _STARTING
    severity = Severity.WARN if late else Severity.OK
    if scheduled.get("status") == "False":
        why = text(scheduled.get("message")) or said(scheduled)
        return Verdict(Severity.WARN, "Pending", why or "no node has been found for it")
    if scheduled.get("status") != "True" and not text(part(obj, "spec").get("nodeName")):
        return Verdict(severity, "Pending", "no scheduler has looked at it yet")
    init = [each for each in containers if each.init]
    done = sum(each.state == "terminated" and each.exit_code == 0 for each in init)
    if init and done < len(init):
        current = next(each for each in init if not (each.state == "terminated" and each.exit_code == 0))
        return Verdict(severity, f"Init:{done}/{len(init)}", f"{current.name} has to end first" if late else "")
    waiting = next((each for each in containers if each.state == "waiting" and each.reason), None)
    if waiting is None:
        return Verdict(severity, "Pending", "its containers have not been created yet" if late else "")
    why = waiting.said or (f"since {created_of(obj):%H:%M:%S}: {PULLING}" if late else "")
    return Verdict(severity, waiting.reason, why)


def _running(obj: Json, containers: Sequence[ContainerState], now: datetime) -> Verdict:
    main = [each for each in containers if not each.init]
    recent = [
        each for each in main if each.last_ended is not None and now - each.last_ended < _LATELY and each.restarts
    ]
    told = "; ".join(sentence(each, many=len(main) > 1) for each in recent if each.last_exit != 0)
    if main and all(each.state == "terminated" for each in main):
        return Verdict(Severity.OK, "Completed")
    found = conditions(obj).get("Ready", {})
    if found.get("status") != "True" or not all(each.ready for each in main):
        why = text(found.get("message")) or text(found.get("reason"))
        young = now - (moment(part(obj, "status").get("startTime")) or created_of(obj)) < _STARTING
        severity = Severity.OK if young and not told else Severity.WARN
        return Verdict(severity, "NotReady", "; ".join(filter(None, (told, why))))
    return Verdict(Severity.WARN if told else Severity.OK, "Running", told)

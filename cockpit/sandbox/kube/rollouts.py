"""Deployments and what they make: ReplicaSets, revisions, rollouts; ReplicaSets and their pods.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/. Small: replicas, surge, unavailability, pause,
revision numbers, history limit and the progress deadline are as the real controllers have them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Sequence

from cockpit.adapters.kube.fields import moment
from cockpit.sandbox.kube.kinds import KINDS
from cockpit.sandbox.kube.node.terms import now
from cockpit.sandbox.kube.selectors import matches
from cockpit.sandbox.kube.shaping import Writer, suffix
from cockpit.sandbox.kube.statuses import ApiError, Object
from cockpit.sandbox.kube.store import Store
from cockpit.sandbox.kube.writing import Writing

REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_WRITER = Writer("system:controller", "kube-controller-manager")
_STATUS = Writer("system:controller", "kube-controller-manager", subresource="status")
_BY_KEY = {kind.key: kind for kind in KINDS}
DEPLOYMENTS, SETS, PODS = (_BY_KEY[key] for key in ("deployments.apps", "replicasets.apps", "pods"))


class Rollouts:
    """One round looks at everything; what is already so is not written again."""

    def __init__(self, store: Store, writing: Writing) -> None:
        self._store = store
        self._writing = writing
        self._moved: dict[str, tuple[object, float]] = {}  # uid -> counts and when they last changed

    def round(self) -> None:
        """Deployments, then ReplicaSets, then the deployments' status."""
        for deployment in self._store.all(DEPLOYMENTS):
            if not deployment["metadata"].get("deletionTimestamp"):
                self._deployment(deployment)
        for replica_set in self._store.all(SETS):
            if not replica_set["metadata"].get("deletionTimestamp"):
                self._replica_set(replica_set)
        for deployment in self._store.all(DEPLOYMENTS):
            self._deployment_status(deployment)

    # Deployments

    def _deployment(self, deployment: Object) -> None:
        sets = self._sets(deployment)
        newest = next((each for each in sets if _plain(each) == _template(deployment)), None)
        paused = deployment["spec"].get("paused", False)
        if newest is None and not paused:
            newest = self._made(deployment, sets)
        if newest is None:
            newest = max(sets, key=_number, default=None)
            if newest is None:
                return
            self._scaled(newest, deployment["spec"]["replicas"] - sum(_wanted(x) for x in sets if x is not newest))
            return
        if not paused:
            self._numbered(deployment, newest, sets)
        old = [each for each in self._sets(deployment) if each["metadata"]["uid"] != newest["metadata"]["uid"]]
        newest = self._store.get(SETS, deployment["metadata"]["namespace"], newest["metadata"]["name"]) or newest
        self._rolled(deployment, newest, old)
        if not paused:
            self._forgotten(deployment, old)

    def _sets(self, deployment: Object) -> list[Object]:
        uid, space = deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
        return [each for each in self._store.all(SETS, space) if _controller(each) == uid]

    def _made(self, deployment: Object, sets: Sequence[Object]) -> Object:
        meta, template = deployment["metadata"], copy.deepcopy(deployment["spec"]["template"])
        digest = hashlib.sha256(json.dumps(_template(deployment), sort_keys=True).encode()).hexdigest()[:9]
        labels = {**(template.get("metadata", {}).get("labels") or {}), _HASH: digest}
        template.setdefault("metadata", {})["labels"] = labels
        selector = copy.deepcopy(deployment["spec"]["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), _HASH: digest}
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "labels": labels,
                "annotations": {REVISION: str(max(map(_number, sets), default=0) + 1)},
                "ownerReferences": [_owner(deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        }
        return self._writing.create(SETS, meta["namespace"], body, _WRITER)

    def _numbered(self, deployment: Object, newest: Object, sets: Sequence[Object]) -> None:
        """The one that is wanted now has the highest revision, and the deployment says which."""
        highest = max((_number(each) for each in sets if each is not newest), default=0)
        number = max(_number(newest), highest + 1) if _number(newest) <= highest else _number(newest)
        notes = newest["metadata"].get("annotations") or {}
        kept = {
            key: value
            for key, value in (deployment["metadata"].get("annotations") or {}).items()
            if key not in (REVISION, "kubectl.kubernetes.io/last-applied-configuration")
        }
        wanted = {**notes, **kept, REVISION: str(number)}
        if notes != wanted:
            self._store.put(SETS, _annotated(newest, wanted))
        have = deployment["metadata"].get("annotations") or {}
        if have.get(REVISION) != str(number):
            self._store.put(DEPLOYMENTS, _annotated(deployment, {**have, REVISION: str(number)}))

    def _rolled(self, deployment: Object, newest: Object, old: Sequence[Object]) -> None:
        spec = deployment["spec"]
        desired, strategy = spec["replicas"], spec["strategy"]
        if strategy.get("type") == "Recreate":
            for each in old:
                self._scaled(each, 0)
            if not any(self._pods(each) for each in old):
                self._scaled(newest, desired)
            return
        rolling = strategy.get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), desired, up=True)
        missing = _share(rolling.get("maxUnavailable", "25%"), desired, up=False)
        if not surge and not missing:
            missing = 1
        total = _wanted(newest) + sum(map(_wanted, old))
        if _wanted(newest) > desired:
            self._scaled(newest, desired)
        elif _wanted(newest) < desired:
            room = desired + surge - total if any(map(_wanted, old)) else desired
            self._scaled(newest, min(desired, _wanted(newest) + max(0, room)))
        self._shrunk(newest, old, desired - missing)

    def _shrunk(self, newest: Object, old: Sequence[Object], least: int) -> None:
        """Pods of before end as far as enough are available: those that serve nobody first."""
        newest = self._store.get(SETS, newest["metadata"]["namespace"], newest["metadata"]["name"]) or newest
        unready = _wanted(newest) - _available(newest)
        room = _wanted(newest) + sum(map(_wanted, old)) - least - unready
        for each in sorted(old, key=_number):
            broken = min(room, _wanted(each) - _available(each))
            if broken > 0:
                each = self._scaled(each, _wanted(each) - broken)
                room -= broken
        spare = _available(newest) + sum(map(_available, old)) - least
        for each in sorted(old, key=_number):
            fewer = min(spare, room, _wanted(each))
            if fewer > 0:
                self._scaled(each, _wanted(each) - fewer)
                spare, room = spare - fewer, room - fewer

    def _forgotten(self, deployment: Object, old: Sequence[Object]) -> None:
        empty = sorted((each for each in old if not _wanted(each) and not self._pods(each)), key=_number)
        for each in empty[: max(0, len(empty) - deployment["spec"].get("revisionHistoryLimit", 10))]:
            self._store.remove(SETS, each)

    def _scaled(self, replica_set: Object, replicas: int) -> Object:
        replicas = max(0, replicas)
        if _wanted(replica_set) == replicas:
            return replica_set
        meta = replica_set["metadata"]
        body = {**replica_set, "spec": {**replica_set["spec"], "replicas": replicas}}
        return self._writing.update(SETS, meta["namespace"], meta["name"], body, _WRITER)

    def _deployment_status(self, deployment: Object) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        sets = self._sets(deployment)
        newest = [each for each in sets if _plain(each) == _template(deployment)]
        replicas, ready, available = (
            sum(each.get("status", {}).get(key, 0) for each in sets)
            for key in ("replicas", "readyReplicas", "availableReplicas")
        )
        updated = sum(each.get("status", {}).get("replicas", 0) for each in newest)
        desired = spec["replicas"]
        counts = {
            "replicas": replicas,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": available,
            "unavailableReplicas": max(0, sum(map(_wanted, sets)) - available),
        }
        missing = _share(spec["strategy"].get("rollingUpdate", {}).get("maxUnavailable", 0), desired, up=False)
        enough = available >= desired - missing
        reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
        has = "has minimum availability" if enough else "does not have minimum availability"
        conditions = [_condition(deployment, "Available", enough, reason, f"Deployment {has}.")]
        done = bool(newest) and updated == desired == replicas == available
        conditions.append(self._progress(deployment, (meta["generation"], tuple(counts.values())), newest, done=done))
        failure = next((each for one in newest for each in one.get("status", {}).get("conditions", ())), None)
        if failure is not None:
            conditions.append(failure)
        status = {"observedGeneration": meta["generation"], **{key: value for key, value in counts.items() if value}}
        self._status(DEPLOYMENTS, deployment, {**status, "conditions": conditions})

    def _progress(self, deployment: Object, counts: object, newest: Sequence[Object], *, done: bool) -> Object:
        uid, spec = deployment["metadata"]["uid"], deployment["spec"]
        before, since = self._moved.get(uid, (None, 0.0))
        if before != counts:
            since = time.monotonic()
            self._moved[uid] = (counts, since)
        name = newest[0]["metadata"]["name"] if newest else deployment["metadata"]["name"]
        if spec.get("paused"):
            return _condition(deployment, "Progressing", None, "DeploymentPaused", "Deployment is paused")
        old = _found(deployment, "Progressing")
        complete = old.get("reason") == "NewReplicaSetAvailable" and name in old.get("message", "")
        if done or complete:
            said = f'ReplicaSet "{name}" has successfully progressed.'
            return _condition(deployment, "Progressing", True, "NewReplicaSetAvailable", said)
        if time.monotonic() - since > spec.get("progressDeadlineSeconds", 600):
            said = f'ReplicaSet "{name}" has timed out progressing.'
            return _condition(deployment, "Progressing", False, "ProgressDeadlineExceeded", said)
        said = f'ReplicaSet "{name}" is progressing.'
        return _condition(deployment, "Progressing", True, "ReplicaSetUpdated", said)

    # ReplicaSets

    def _pods(self, replica_set: Object) -> list[Object]:
        uid, space = replica_set["metadata"]["uid"], replica_set["metadata"]["namespace"]
        return [each for each in self._store.all(PODS, space) if _controller(each) == uid]

    def _replica_set(self, replica_set: Object) -> None:
        meta, spec = replica_set["metadata"], replica_set["spec"]
        self._claimed(replica_set)
        pods = [
            each
            for each in self._pods(replica_set)
            if not each["metadata"].get("deletionTimestamp")
            and each.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        ]
        failure = None
        for _ in range(spec["replicas"] - len(pods)):
            try:
                pods.append(self._new_pod(replica_set))
            except ApiError as refusal:
                failure = _condition(replica_set, "ReplicaFailure", True, "FailedCreate", str(refusal))
                break
        surplus = len(pods) - spec["replicas"]
        if surplus > 0:
            pods.sort(key=lambda pod: (is_ready(pod), pod["metadata"]["creationTimestamp"]))
            # Those that are not ready first, then the youngest.
            pods.sort(key=lambda pod: (is_ready(pod), -(moment_of(pod))))
            for pod in pods[:surplus]:
                self._writing.delete(PODS, meta["namespace"], pod["metadata"]["name"], {}, _WRITER)
            pods = pods[surplus:]
        ready = sum(map(is_ready, pods))
        counts = {"replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready,
                  "availableReplicas": ready}  # fmt: skip
        status = {key: value for key, value in counts.items() if value or key == "replicas"}
        status["observedGeneration"] = meta["generation"]
        self._status(SETS, replica_set, status | ({"conditions": [failure]} if failure else {}))

    def _claimed(self, replica_set: Object) -> None:
        """Pods whose labels no longer fit are let go, orphans whose labels fit are taken."""
        meta, uid = replica_set["metadata"], replica_set["metadata"]["uid"]
        for pod in self._store.all(PODS, meta["namespace"]):
            fits = matches(replica_set["spec"]["selector"], pod["metadata"].get("labels") or {})
            owner = _controller(pod)
            if owner == uid and not fits:
                kept = [each for each in pod["metadata"]["ownerReferences"] if each["uid"] != uid]
                changed = {key: value for key, value in pod["metadata"].items() if key != "ownerReferences"}
                self._store.put(PODS, {**pod, "metadata": changed | ({"ownerReferences": kept} if kept else {})})
            elif not owner and fits and not pod["metadata"].get("deletionTimestamp"):
                owners = [*(pod["metadata"].get("ownerReferences") or []), _owner(replica_set)]
                self._store.put(PODS, {**pod, "metadata": {**pod["metadata"], "ownerReferences": owners}})

    def _new_pod(self, replica_set: Object) -> Object:
        meta, template = replica_set["metadata"], replica_set["spec"]["template"]
        inner = template.get("metadata") or {}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{meta['name']}-{suffix()}",
                "generateName": f"{meta['name']}-",
                "labels": dict(inner.get("labels") or {}),
                **({"annotations": dict(inner["annotations"])} if inner.get("annotations") else {}),
                "ownerReferences": [_owner(replica_set)],
            },
            "spec": copy.deepcopy(template["spec"]),
        }
        return self._writing.create(PODS, meta["namespace"], body, _WRITER)

    def _status(self, kind: object, obj: Object, status: Object) -> None:
        found = DEPLOYMENTS if kind is DEPLOYMENTS else SETS
        meta = obj["metadata"]
        current = self._store.get(found, meta["namespace"], meta["name"])
        if current is not None and current.get("status") != status:
            self._writing.update(found, meta["namespace"], meta["name"], {**current, "status": status}, _STATUS)


def is_ready(pod: Object) -> bool:
    """By its condition."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def moment_of(obj: Object) -> float:
    """When it was made."""
    at = moment(obj["metadata"].get("creationTimestamp"))
    return at.timestamp() if at is not None else 0.0


def _controller(obj: Object) -> str:
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((str(each["uid"]) for each in owners if each.get("controller")), "")


def _owner(obj: Object) -> Object:
    meta = obj["metadata"]
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"],
            "controller": True, "blockOwnerDeletion": True}  # fmt: skip


def _number(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _wanted(replica_set: Object) -> int:
    return int(replica_set["spec"]["replicas"])


def _available(replica_set: Object) -> int:
    return int(replica_set.get("status", {}).get("availableReplicas", 0))


def _template(deployment: Object) -> Object:
    template: Object = deployment["spec"]["template"]
    return template


def _plain(replica_set: Object) -> Object:
    """Its template as the deployment had it."""
    template: Object = copy.deepcopy(replica_set["spec"]["template"])
    template["metadata"]["labels"].pop(_HASH, None)
    return template


def _annotated(obj: Object, notes: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": notes}}


def _share(value: object, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    part = float(str(value).rstrip("%")) * of / 100
    return math.ceil(part) if up else math.floor(part)


def _found(obj: Object, kind: str) -> Object:
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def _condition(obj: Object, kind: str, holds: bool | None, reason: str, message: str) -> Object:
    """Its times stay where it did not change."""
    status = "Unknown" if holds is None else str(holds)
    before: Object = _found(obj, kind)
    same = before.get("status") == status
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    if same and before.get("reason") == reason and before.get("message") == message:
        return before
    since = before["lastTransitionTime"] if same else now()
    return {**told, "lastUpdateTime": now(), "lastTransitionTime": since}

"""What follows pods and objects: endpoints, budgets, quotas, autoscalers, what goes with its owner or its namespace.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

import math

from cockpit.sandbox.kube.admission import QUOTAS, counted, usage, written
from cockpit.sandbox.kube.kinds import KINDS, Kind
from cockpit.sandbox.kube.node.terms import now
from cockpit.sandbox.kube.rollouts import DEPLOYMENTS, PODS, SETS, is_ready
from cockpit.sandbox.kube.selectors import matches
from cockpit.sandbox.kube.shaping import Writer
from cockpit.sandbox.kube.statuses import ApiError, Object
from cockpit.sandbox.kube.store import Store
from cockpit.sandbox.kube.subresources import BUDGETS
from cockpit.sandbox.kube.writing import NAMESPACES, Writing

_WRITER = Writer("system:controller", "kube-controller-manager")
_BY_KEY = {kind.key: kind for kind in KINDS}
SERVICES, ENDPOINTS = _BY_KEY["services"], _BY_KEY["endpoints"]
SLICES = _BY_KEY["endpointslices.discovery.k8s.io"]
AUTOSCALERS = _BY_KEY["horizontalpodautoscalers.autoscaling"]


class Around:
    """One round looks at everything; what is already so is not written again."""

    def __init__(self, store: Store, writing: Writing) -> None:
        self._store = store
        self._writing = writing

    def round(self) -> None:
        """All of it."""
        self._garbage()
        self._namespaces()
        for service in self._store.all(SERVICES):
            self._endpoints(service)
        for budget in self._store.all(BUDGETS):
            self._budget(budget)
        for quota in self._store.all(QUOTAS):
            self._quota(quota)
        for scaler in self._store.all(AUTOSCALERS):
            self._autoscaler(scaler)

    def _garbage(self) -> None:
        """What belonged to something that is gone goes too."""
        there = {obj["metadata"]["uid"] for kind in KINDS for obj in self._store.all(kind)}
        for kind in KINDS:
            for obj in self._store.all(kind):
                owners = obj["metadata"].get("ownerReferences") or ()
                ending = obj["metadata"].get("deletionTimestamp")
                if owners and not ending and all(each["uid"] not in there for each in owners):
                    self._gone(kind, obj)

    def _namespaces(self) -> None:
        for space in self._store.all(NAMESPACES):
            meta = space["metadata"]
            if not meta.get("deletionTimestamp"):
                continue
            left = [(kind, obj) for kind in KINDS if kind.namespaced for obj in self._store.all(kind, meta["name"])]
            for kind, obj in left:
                if not obj["metadata"].get("deletionTimestamp"):
                    self._gone(kind, obj)
            if not left:
                self._store.remove(NAMESPACES, space)

    def _gone(self, kind: Kind, obj: Object) -> None:
        meta = obj["metadata"]
        try:
            self._writing.delete(kind, meta.get("namespace", ""), meta["name"], {}, _WRITER)
        except ApiError:
            return  # it went meanwhile

    def _endpoints(self, service: Object) -> None:
        meta, spec = service["metadata"], service["spec"]
        if not spec.get("selector"):
            return
        pods = [
            pod
            for pod in self._store.all(PODS, meta["namespace"])
            if matches({"matchLabels": spec["selector"]}, pod["metadata"].get("labels") or {})
            and pod.get("status", {}).get("podIP")
            and pod["status"].get("phase") not in ("Succeeded", "Failed")
            and not pod["metadata"].get("deletionTimestamp")
        ]
        ports = [{"name": each.get("name", ""), "port": each["targetPort"], "protocol": each["protocol"]}
                 for each in spec.get("ports", ())]  # fmt: skip
        subset: Object = {"ports": ports}
        for key, wanted in (("addresses", True), ("notReadyAddresses", False)):
            found = [_address(pod) for pod in pods if is_ready(pod) is wanted]
            if found:
                subset[key] = found
        subsets = [subset] if len(subset) > 1 else []
        name, space = meta["name"], meta["namespace"]
        self._written(ENDPOINTS, space, name, {"subsets": subsets})
        endpoints = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": is_ready(pod), "serving": is_ready(pod), "terminating": False},
                "nodeName": pod["spec"].get("nodeName"),
                "targetRef": _reference(pod),
            }
            for pod in pods
        ]
        labels = {"kubernetes.io/service-name": name}
        owner = {"apiVersion": "v1", "kind": "Service", "name": name, "uid": meta["uid"], "controller": True}
        body = {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        self._written(SLICES, space, f"{name}-1", body, {"labels": labels, "ownerReferences": [owner]})

    def _written(self, kind: Kind, space: str, name: str, body: Object, more: Object | None = None) -> None:
        before = self._store.get(kind, space, name)
        if before is None:
            made = {"apiVersion": kind.api_version(kind.versions[0]), "kind": kind.kind, **body}
            try:
                self._writing.create(kind, space, {**made, "metadata": {"name": name, **(more or {})}}, _WRITER)
            except ApiError:
                return  # its namespace is ending
        elif any(before.get(key) != value for key, value in body.items()):
            self._store.put(kind, {**before, **body})

    def _budget(self, budget: Object) -> None:
        meta, spec = budget["metadata"], budget["spec"]
        pods = [
            pod
            for pod in self._store.all(PODS, meta["namespace"])
            if matches(spec.get("selector"), pod["metadata"].get("labels") or {}) and counted(pod)
        ]
        expected = self._expected(pods)
        healthy = sum(is_ready(pod) and not pod["metadata"].get("deletionTimestamp") for pod in pods)
        if "maxUnavailable" in spec:
            wanted = max(0, expected - _part(spec["maxUnavailable"], expected))
        else:
            wanted = _part(spec.get("minAvailable", 1), expected)
        status = {
            "observedGeneration": meta.get("generation", 1),
            "expectedPods": expected,
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "disruptionsAllowed": max(0, healthy - wanted) if expected else 0,
        }
        self._told(BUDGETS, budget, status)

    def _expected(self, pods: list[Object]) -> int:
        """What their controllers want; pods of their own count as they are."""
        owners = {each["uid"] for pod in pods for each in pod["metadata"].get("ownerReferences") or ()}
        wanted = sum(each["spec"]["replicas"] for each in self._store.all(SETS) if each["metadata"]["uid"] in owners)
        alone = sum(not pod["metadata"].get("ownerReferences") for pod in pods)
        return int(wanted + alone)

    def _quota(self, quota: Object) -> None:
        hard = quota["spec"].get("hard") or {}
        pods = [pod for pod in self._store.all(PODS, quota["metadata"]["namespace"]) if counted(pod)]
        used = {name: written(name, value) for name, value in usage(hard, pods).items()}
        self._told(QUOTAS, quota, {"hard": hard, "used": used})

    def _autoscaler(self, scaler: Object) -> None:
        """It keeps within its bounds; that load makes it scale is not played."""
        meta, spec = scaler["metadata"], scaler["spec"]
        target = self._store.get(DEPLOYMENTS, meta["namespace"], spec["scaleTargetRef"]["name"])
        if target is None:
            return
        have = target["spec"]["replicas"]
        wanted = min(spec["maxReplicas"], max(spec.get("minReplicas", 1), have)) if have else 0
        if wanted != have:
            body = {**target, "spec": {**target["spec"], "replicas": wanted}}
            writer = Writer("system:controller", "horizontal-pod-autoscaler")
            self._writing.update(DEPLOYMENTS, meta["namespace"], target["metadata"]["name"], body, writer)
        active = (
            ("True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count")
            if have
            else ("False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
        )
        words = (("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
                 ("ScalingActive", *active))  # fmt: skip
        before = {each["type"]: each for each in scaler.get("status", {}).get("conditions", ())}
        conditions = []
        for kind, holds, reason, message in words:
            told = {"type": kind, "status": holds, "reason": reason, "message": message}
            old = before.get(kind, {})
            since = old.get("lastTransitionTime") if old.get("status") == holds else None
            conditions.append({**told, "lastTransitionTime": since or now()})
        status = {"currentReplicas": have, "desiredReplicas": wanted, "conditions": conditions}
        self._told(AUTOSCALERS, scaler, {**status, "currentMetrics": _measured(spec)})

    def _told(self, kind: Kind, obj: Object, status: Object) -> None:
        meta = obj["metadata"]
        current = self._store.get(kind, meta["namespace"], meta["name"])
        if current is not None and current.get("status") != status:
            self._store.put(kind, {**current, "status": status})


def _measured(spec: Object) -> list[Object]:
    """Of each metric that is a resource: well below what it aims at."""
    found = []
    for each in spec.get("metrics", ()):
        if each.get("type") == "Resource":
            aim = each["resource"]["target"].get("averageUtilization", 70)
            current = {"averageUtilization": aim // 2, "averageValue": "120m"}
            found.append({"type": "Resource", "resource": {"name": each["resource"]["name"], "current": current}})
    return found


def _address(pod: Object) -> Object:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _reference(pod)}


def _reference(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _part(value: object, of: int) -> int:
    """Budgets round up."""
    return value if isinstance(value, int) else math.ceil(float(str(value).rstrip("%")) * of / 100)

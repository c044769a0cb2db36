"""The exact requests that change ConfigMaps, pods, nodes and network policies. Pure: as objects were read in.

A JSON patch that tests a field for null holds only while the field is not there (the API server's own library, from
1.20 to the newest): so absence is tested as well as a value. https://kubernetes.io/docs/concepts/scheduling-eviction/
api-eviction/ says how an eviction asks the disruption budgets, which deleting a pod does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cockpit.adapters.kube.changing import CORE, KubeChange, Operation, escaped, patch
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import name_of, part, text, uid_of
from cockpit.adapters.kube.terms import Json

ISOLATED = "cockpit/isolated"  # label: which isolation a pod is in
BEFORE = "cockpit/labels-before"  # annotation: the labels that it had
POLICIES = "/apis/networking.k8s.io/v1"
V1_EVICTION = (1, 22)  # the first version that takes an eviction of policy/v1


def configmaps_path(namespace: str, name: str = "") -> str:
    """Of ConfigMaps."""
    return path_of(CORE, "configmaps", namespace, name)


def pods_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """Of pods; of all namespaces where none is named."""
    return path_of(CORE, "pods", namespace, name, subresource)


def nodes_path(name: str = "") -> str:
    """Of nodes."""
    return path_of(CORE, "nodes", "", name)


def policies_path(namespace: str, name: str = "") -> str:
    """Of network policies."""
    return path_of(POLICIES, "networkpolicies", namespace, name)


def tested(obj: Json, *path: str) -> list[Operation]:
    """This object, and this field as it was read, or not there as it was read."""
    holder: Any = part(obj, *path[:-1])
    pointer = "/" + "/".join(map(escaped, path))
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid_of(obj)},
        {"op": "test", "path": pointer, "value": holder.get(path[-1])},
    ]


def put_key(path: str, obj: Json, key: str, value: str | None) -> KubeChange:
    """One key of a ConfigMap; None takes it away."""
    data = obj.get("data")
    if not isinstance(data, dict):  # there is nothing to test a key in
        return patch(path, [*tested(obj, "data"), {"op": "add", "path": "/data", "value": {key: value}}])
    pointer = f"/data/{escaped(key)}"
    if value is None:
        return patch(path, [*tested(obj, "data", key), {"op": "remove", "path": pointer}])
    return patch(path, [*tested(obj, "data", key), {"op": "add", "path": pointer, "value": value}])


def eviction(namespace: str, pod: Json, minor: tuple[int, int]) -> KubeChange:
    """Ask for this very pod to go; the server refuses with 429 while a budget does not allow it."""
    version = "policy/v1" if minor >= V1_EVICTION else "policy/v1beta1"
    body: Json = {
        "apiVersion": version,
        "kind": "Eviction",
        "metadata": {"name": name_of(pod), "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid_of(pod)}},
    }
    return KubeChange("POST", pods_path(namespace, name_of(pod), "eviction"), body)


def pod_deletion(namespace: str, name: str, uid: str) -> KubeChange:
    """Of this very pod."""
    body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
    return KubeChange("DELETE", pods_path(namespace, name), body)


def cordon(node: Json, *, wanted: bool) -> KubeChange:
    """Whether the scheduler may put pods on it."""
    path = nodes_path(name_of(node))
    tests = tested(node, "spec", "unschedulable")
    if not wanted and "unschedulable" in part(node, "spec"):
        return patch(path, [*tests, {"op": "remove", "path": "/spec/unschedulable"}])
    return patch(path, [*tests, {"op": "add", "path": "/spec/unschedulable", "value": wanted}])


def policy(name: str, token: str) -> Json:
    """Nothing goes to the pods of one isolation, and nothing comes from them."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {ISOLATED: token}},
        "spec": {"podSelector": {"matchLabels": {ISOLATED: token}}, "policyTypes": ["Ingress", "Egress"]},
    }


def policy_creation(namespace: str, name: str, token: str) -> KubeChange:
    """Make it; 409 where it is there."""
    return KubeChange("POST", policies_path(namespace), policy(name, token))


def policy_deletion(namespace: str, obj: Json) -> KubeChange:
    """Of this very policy."""
    body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid_of(obj)}}
    return KubeChange("DELETE", policies_path(namespace, name_of(obj)), body)


def label_out(namespace: str, pod: Json, token: str) -> KubeChange:
    """All labels of a pod away, so that no selector chooses it; they are kept in an annotation."""
    kept = json.dumps(part(pod, "metadata", "labels"), sort_keys=True, separators=(",", ":"))
    path = pods_path(namespace, name_of(pod))
    return patch(
        path,
        [
            *tested(pod, "metadata", "labels"),
            {"op": "add", "path": "/metadata/labels", "value": {ISOLATED: token}},
            *_noted(pod, kept),
        ],
    )


def label_back(namespace: str, pod: Json, labels: Mapping[str, str]) -> KubeChange:
    """The labels that it had, in the place of those that it has."""
    path = pods_path(namespace, name_of(pod))
    operations: list[Operation] = [
        *tested(pod, "metadata", "labels"),
        {"op": "add", "path": "/metadata/labels", "value": dict(labels)},
        {"op": "remove", "path": f"/metadata/annotations/{escaped(BEFORE)}"},
    ]
    return patch(path, operations)


def _noted(pod: Json, kept: str) -> list[Operation]:
    if part(pod, "metadata", "annotations"):
        return [{"op": "add", "path": f"/metadata/annotations/{escaped(BEFORE)}", "value": kept}]
    return [
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "add", "path": "/metadata/annotations", "value": {BEFORE: kept}},
    ]


def labels_before(pod: Json) -> dict[str, str] | None:
    """The labels that an isolated pod had; None where nothing says so."""
    written = part(pod, "metadata", "annotations").get(BEFORE)
    if not isinstance(written, str):
        return None
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        return None
    return {text(key, 320): text(value, 63) for key, value in found.items()}

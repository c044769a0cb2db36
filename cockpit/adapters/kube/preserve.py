"""What of a namespace is worth keeping, in which order it can be made again, and what the server wrote into it. Pure.

Left out is what a controller makes again by itself, what has ended, and what only tells of a moment. Applied to an
empty namespace, what is kept gives the same workloads with the same history.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

from cockpit.adapters.kube.changing import LAST_APPLIED, REVISION
from cockpit.adapters.kube.discovery import NEWEST, Discovery, Resource
from cockpit.adapters.kube.fields import conditions, controller_of, labels_of, name_of, part, parts, text
from cockpit.adapters.kube.terms import Json

MOMENTARY = {
    ("", "events"),
    ("events.k8s.io", "events"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
}
_MEASURED = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
_HISTORY = ("replicasets", "controllerrevisions")  # owned, and kept: what can be rolled back to
_SERVER_SET = (
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences",
    "deletionTimestamp", "deletionGracePeriodSeconds", "namespace",
)  # fmt: skip
_PUBLISHED = {"kube-root-ca.crt", "openshift-service-ca.crt"}  # a controller puts them into every namespace
_BOUND = "pv.kubernetes.io/bound-by-controller"
_OF_THE_BINDER = (
    _BOUND, "pv.kubernetes.io/bind-completed", "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node",
)  # fmt: skip
_TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
# Who comes later needs who came before: rights and configuration, then history before the workload that adopts it.
_ORDER = (
    "serviceaccounts", "roles", "rolebindings", "resourcequotas", "limitranges", "configmaps", "secrets",
    "persistentvolumeclaims", "services", "endpoints", "controllerrevisions", "replicasets", "deployments",
    "statefulsets", "daemonsets", "pods", "jobs", "cronjobs", "horizontalpodautoscalers", "poddisruptionbudgets",
    "networkpolicies", "ingresses",
)  # fmt: skip
SECRETS = ("", "secrets")


def kept_resources(found: Discovery) -> tuple[Resource, ...]:
    """Every resource of a namespace that can be listed and made again, each in one version, in the order of making.

    Secrets are among them.
    """
    pairs = dict.fromkeys((each.group, each.plural) for each in found.resources)
    chosen: dict[tuple[str, str], Resource] = {}
    for group, plural in pairs:
        resource = found.find(group, plural, NEWEST.get(plural, ())) or found.find(group, plural)
        if resource is not None and _worth(resource):
            chosen[group, plural] = resource
    twice = {each.plural for each in chosen.values() if each.group != "extensions"}
    one = [each for each in chosen.values() if each.group != "extensions" or each.plural not in twice]
    return tuple(sorted(one, key=lambda each: (_rank(each.plural), each.group, each.plural)))


def _worth(resource: Resource) -> bool:
    made = {"list", "create", "patch"} <= set(resource.verbs)
    passing = (resource.group, resource.plural) in MOMENTARY or resource.group in _MEASURED
    return resource.namespaced and made and not passing


def _rank(plural: str) -> int:
    return _ORDER.index(plural) if plural in _ORDER else len(_ORDER)


def left_out(resource: Resource, obj: Json, services: Mapping[str, Json]) -> str:
    """Why it is not kept, "" where it is. `services`: all of the namespace by name."""
    if part(obj, "metadata").get("deletionTimestamp"):
        return "being deleted"
    kind, owner, _ = controller_of(obj)
    if owner and resource.plural not in _HISTORY:
        return f"made by {kind}"
    if resource.group:
        return "ended" if resource.group == "batch" and _ended_job(obj) else ""
    match resource.plural:
        case "pods":
            return "ended" if part(obj, "status").get("phase") in ("Succeeded", "Failed") else ""
        case "configmaps":
            return "in every namespace" if name_of(obj) in _PUBLISHED else ""
        case "endpoints":
            service = services.get(name_of(obj))
            chosen = service is not None and part(service, "spec", "selector")
            return "follows from pods" if chosen or service is None else ""
        case "secrets":
            token = text(obj.get("type")) == "kubernetes.io/service-account-token"
            return "token of a service account" if token else ""
    return ""


def _ended_job(obj: Json) -> bool:
    """Made again, it would run again."""
    found = conditions(obj)
    return any(found.get(kind, {}).get("status") == "True" for kind in ("Complete", "Failed"))


def applicable(resource: Resource, obj: Json) -> Json:
    """As it is given to a server-side apply: without what the server and the controllers wrote."""
    found: Json = {key: copy.deepcopy(value) for key, value in obj.items() if key != "status"}
    found |= {"apiVersion": resource.api_version, "kind": resource.kind}
    metadata = part(found, "metadata")
    for key in _SERVER_SET:
        metadata.pop(key, None)
    annotations = part(metadata, "annotations")
    annotations.pop(LAST_APPLIED, None)
    if resource.plural != "replicasets":
        annotations.pop(REVISION, None)
    if clean := _OWN.get(resource.plural if resource.group in ("", "batch") else ""):
        clean(found)
    for key in ("annotations", "labels"):
        if not metadata.get(key, True):
            del metadata[key]
    return {key: found[key] for key in ("apiVersion", "kind", "metadata")} | found


def _service(found: Json) -> None:
    """Another address is given to it, unless it has none at all."""
    spec = part(found, "spec")
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)


def _claim(found: Json) -> None:
    """The volume that a controller found for it is not named: another cluster, or an empty one, has another."""
    annotations = part(found, "metadata", "annotations")
    if annotations.get(_BOUND):
        part(found, "spec").pop("volumeName", None)
    for key in _OF_THE_BINDER:
        annotations.pop(key, None)


def _account(found: Json) -> None:
    own = (f"{name_of(found)}-token-", f"{name_of(found)}-dockercfg-")
    for key in ("secrets", "imagePullSecrets"):
        rest = [each for each in parts(found, key) if not text(each.get("name")).startswith(own)]
        found.pop(key, None)
        if rest:
            found[key] = rest


def _pod(found: Json) -> None:
    """Not the node that a scheduler chose, and not the token that admission put in."""
    spec = part(found, "spec")
    spec.pop("nodeName", None)
    injected: set[str] = set()
    for group in ("containers", "initContainers"):
        for container in parts(spec, group):
            mounts = list(parts(container, "volumeMounts"))
            injected |= {str(each.get("name")) for each in mounts if each.get("mountPath") == _TOKENS}
            rest = [each for each in mounts if each.get("mountPath") != _TOKENS]
            if mounts:
                container["volumeMounts"] = rest
    if injected:
        spec["volumes"] = [each for each in parts(spec, "volumes") if each.get("name") not in injected]


def _job(found: Json) -> None:
    """Without the labels of its own uid."""
    spec = part(found, "spec")
    if spec.get("manualSelector") is True:
        return
    spec.pop("selector", None)
    for holder in (part(found, "metadata"), part(spec, "template", "metadata")):
        for key in [each for each in part(holder, "labels") if each.endswith(("controller-uid", "job-name"))]:
            del holder["labels"][key]


_OWN = {
    "services": _service,
    "persistentvolumeclaims": _claim,
    "serviceaccounts": _account,
    "pods": _pod,
    "jobs": _job,
}


def namespace_of(obj: Json) -> Json:
    """The namespace itself, to be made first."""
    metadata: Json = {"name": name_of(obj)}
    labels = {key: value for key, value in labels_of(obj).items() if key != "kubernetes.io/metadata.name"}
    if labels:
        metadata["labels"] = labels
    annotations = part(obj, "metadata", "annotations")
    kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    if kept:
        metadata["annotations"] = kept
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def tally(reasons: Iterable[str]) -> dict[str, int]:
    """How many were left out for each reason."""
    found: dict[str, int] = {}
    for reason in reasons:
        found[reason] = found.get(reason, 0) + 1
    return dict(sorted(found.items()))

"""What an API server makes of an object that is sent to it: defaults, metadata, generation, who changed it.

https://kubernetes.io/docs/reference/using-api/api-concepts/ and server-side-apply/ beside it.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.sandbox.kube.kinds import Kind
from cockpit.sandbox.kube.node.terms import drawn, now
from cockpit.sandbox.kube.statuses import Object, bad_request, invalid

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_NO_GENERATION = {"pods", "services", "endpoints", "configmaps", "secrets", "events", "nodes", "namespaces",
                  "serviceaccounts", "resourcequotas", "endpointslices", "leases"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how."""

    user: str = "admin"
    manager: str = "unknown"
    operation: str = "Update"  # or Apply
    subresource: str = ""
    dry_run: bool = False


def suffix(length: int = 5) -> str:
    """Of a generated name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def fresh(kind: Kind, sent: Object, namespace: str, writer: Writer) -> Object:
    """A new object as it is stored. Raises ApiError."""
    obj: Object = copy.deepcopy(sent)
    meta = obj.setdefault("metadata", {})
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = f"{meta['generateName']}{suffix()}"
    name = meta.get("name")
    if not name:
        raise invalid(kind, "", [("metadata.name", "Required value: name or generateName is required")])
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 253:
        said = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        raise invalid(kind, str(name), [("metadata.name", f'Invalid value: "{name}": {said}')])
    if meta.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if kind.namespaced:
        if meta.get("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    meta.update(uid=str(uuid.uuid4()), creationTimestamp=now())
    for key in ("selfLink", "deletionTimestamp", "managedFields"):
        meta.pop(key, None)
    if kind.plural not in _NO_GENERATION:
        meta["generation"] = 1
    if "status" in kind.subresources and kind.plural not in ("pods", "nodes", "namespaces"):
        obj.pop("status", None)
    defaults(kind, obj)
    validate(kind, obj)
    return signed({}, obj, writer)


def changed(kind: Kind, before: Object, after: Object, writer: Writer) -> Object:
    """The next state of an object: what may not change stays, its generation grows with its spec."""
    obj: Object = copy.deepcopy(after)
    old, meta = before["metadata"], obj.setdefault("metadata", {})
    for key in ("uid", "creationTimestamp", "namespace", "name", "generation", "deletionTimestamp"):
        if key in old:
            meta[key] = old[key]
        else:
            meta.pop(key, None)
    if writer.subresource == "status":
        kept = {"labels", "annotations"} if kind.plural not in ("pods",) else set()
        meta = {**old, **{key: meta[key] for key in kept if key in meta}}
        obj = {**before, "metadata": meta, "status": obj.get("status", {})}
    elif "status" in kind.subresources:
        obj.pop("status", None)
        if "status" in before:
            obj["status"] = before["status"]
    obj["apiVersion"], obj["kind"] = before["apiVersion"], before["kind"]
    defaults(kind, obj)
    validate(kind, obj, before)
    specs = [
        {key: value for key, value in each.items() if key not in ("metadata", "status")} for each in (before, obj)
    ]
    if "generation" in old and specs[0] != specs[1]:
        obj["metadata"]["generation"] = old["generation"] + 1
    return signed(before, obj, writer)


def signed(before: Object, obj: Object, writer: Writer) -> Object:
    """With who changed it last, by managers; fields are told by their first two levels."""
    mine = {"manager": writer.manager, "operation": writer.operation, "apiVersion": obj.get("apiVersion"),
            **({"subresource": writer.subresource} if writer.subresource else {})}  # fmt: skip
    held = [each for each in before.get("metadata", {}).get("managedFields", ()) if not _same(each, mine)]
    entry = {**mine, "time": now(), "fieldsType": "FieldsV1", "fieldsV1": _fields(before, obj)}
    obj["metadata"]["managedFields"] = [*held, entry]
    return obj


def _same(each: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    return all(each.get(key) == mine.get(key) for key in ("manager", "operation", "subresource"))


def _fields(before: Object, obj: Object) -> Object:
    found: Object = {}
    for key, value in obj.items():
        if key in ("apiVersion", "kind") or value == before.get(key):
            continue
        old = before.get(key) if isinstance(before.get(key), dict) else {}
        inner = value if isinstance(value, dict) else {}
        changed_keys = [name for name in inner if name != "managedFields" and inner[name] != (old or {}).get(name)]
        found[f"f:{key}"] = {f"f:{name}": {} for name in changed_keys}
    return found


def defaults(kind: Kind, obj: Object) -> None:
    """As far as somebody here relies on them."""
    spec = obj.get("spec")
    match kind.key:
        case "secrets":
            plain = obj.pop("stringData", None) or {}
            encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
            obj["data"] = {**(obj.get("data") or {}), **encoded}
            obj.setdefault("type", "Opaque")
        case "namespaces":
            obj.setdefault("spec", {"finalizers": ["kubernetes"]})
            obj.setdefault("status", {"phase": "Active"})
            obj["metadata"].setdefault("labels", {}).setdefault(
                "kubernetes.io/metadata.name", obj["metadata"]["name"]
            )
        case "nodes":
            obj.setdefault("spec", {})
            obj.setdefault("status", {})
        case "pods" if isinstance(spec, dict):
            _pod_defaults(spec)
            obj.setdefault("status", {"phase": "Pending", "qosClass": "Burstable"})
        case "services" if isinstance(spec, dict):
            spec.setdefault("type", "ClusterIP")
            spec.setdefault("clusterIP", f"10.96.{secrets.randbelow(250)}.{secrets.randbelow(250) + 1}")
            for port in spec.get("ports", ()):
                port.setdefault("protocol", "TCP")
                port.setdefault("targetPort", port.get("port"))
        case "deployments.apps" | "replicasets.apps" | "statefulsets.apps" if isinstance(spec, dict):
            _workload_defaults(kind, spec)
        case "horizontalpodautoscalers.autoscaling" if isinstance(spec, dict):
            spec.setdefault("minReplicas", 1)


def _workload_defaults(kind: Kind, spec: Object) -> None:
    spec.setdefault("replicas", 1)
    if kind.plural == "deployments":
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
        spec.setdefault("strategy", rolling)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
    template = spec.get("template")
    if isinstance(template, dict):
        template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
        _pod_defaults(template.setdefault("spec", {}))


def _pod_defaults(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        container.setdefault("imagePullPolicy", "IfNotPresent")
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("resources", {})


def validate(kind: Kind, obj: Object, before: Object | None = None) -> None:
    """The few rules that the cockpit meets. Raises ApiError 422."""
    name, spec = obj["metadata"]["name"], obj.get("spec")
    if kind.key in ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"):
        if not isinstance(spec, dict) or not isinstance(spec.get("selector"), dict):
            raise invalid(kind, name, [("spec.selector", "Required value")])
        replicas = spec.get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            said = f"Invalid value: {replicas}: must be greater than or equal to 0"
            raise invalid(kind, name, [("spec.replicas", said)])
        _containers(kind, name, spec.get("template", {}).get("spec", {}), "spec.template.spec")
        labels = spec["template"].get("metadata", {}).get("labels") or {}
        wanted = spec["selector"].get("matchLabels") or {}
        if any(labels.get(key) != value for key, value in wanted.items()):
            said = "Invalid value: `selector` does not match template `labels`"
            raise invalid(kind, name, [("spec.template.metadata.labels", said)])
        if before is not None and before["spec"]["selector"] != spec["selector"]:
            raise invalid(kind, name, [("spec.selector", "Invalid value: field is immutable")])
    if kind.key == "pods":
        _containers(kind, name, spec or {}, "spec")
    data = obj.get("data") or {}
    if kind.key == "configmaps" and not all(isinstance(value, str) for value in data.values()):
        said = "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
        raise bad_request(f'ConfigMap in version "v1" cannot be handled as a ConfigMap: {said}')


def _containers(kind: Kind, name: str, spec: Object, path: str) -> None:
    listed = spec.get("containers")
    if not listed:
        raise invalid(kind, name, [(f"{path}.containers", "Required value")])
    for index, each in enumerate(listed):
        if not each.get("image"):
            raise invalid(kind, name, [(f"{path}.containers[{index}].image", "Required value")])


def later(seconds: float) -> str:
    """That moment from now on, as Kubernetes writes it."""
    return drawn(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))

"""The objects that tests make, as small as the API server takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]


def container(name: str, image: str, **more: Any) -> Object:
    """One container with modest requests and limits."""
    resources = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    return {"name": name, "image": image, "resources": resources, **more}


def template(
    labels: Mapping[str, str],
    image: str,
    *,
    notes: Mapping[str, str] | None = None,
    containers: Sequence[Object] | None = None,
    **spec: Any,
) -> Object:
    """A pod template; its one container is called "app" unless `containers` says more."""
    meta: Object = {"labels": dict(labels)}
    if notes:
        meta["annotations"] = dict(notes)
    return {"metadata": meta, "spec": {"containers": list(containers or [container("app", image)]), **spec}}


def pod(name: str, image: str = "reg.test/app:v1", *, labels: Mapping[str, str] | None = None, **more: Any) -> Object:
    """A pod of its own; `more` as in `template`."""
    made = template(labels or {"app": name}, image, **more)
    made["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **made}


def workload(
    name: str,
    image: str = "reg.test/app:v1",
    *,
    kind: str = "Deployment",
    replicas: int = 2,
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    **more: Any,
) -> Object:
    """A Deployment, StatefulSet or DaemonSet; `spec` adds to its own spec, `more` as in `template`."""
    chosen = dict(labels or {"app": name})
    inner: Object = {"selector": {"matchLabels": chosen}, "template": template(chosen, image, **more)}
    if kind != "DaemonSet":
        inner["replicas"] = replicas
    if kind == "StatefulSet":
        inner["serviceName"] = name
    meta = {"name": name, "labels": chosen}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": inner | dict(spec or {})}


def service(name: str, selector: Mapping[str, str], port: int = 8000) -> Object:
    """A cluster-internal Service."""
    spec = {"selector": dict(selector), "ports": [{"name": "http", "port": port, "targetPort": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def configmap(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def quota(name: str, **hard: str) -> Object:
    """`quota("q", pods="4", requests_cpu="2")`."""
    spec = {"hard": {key.replace("_", ".", 1): value for key, value in hard.items()}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": spec}


def budget(name: str, labels: Mapping[str, str], *, min_available: int) -> Object:
    """A PodDisruptionBudget, in the version that this server has."""
    spec = {"minAvailable": min_available, "selector": {"matchLabels": dict(labels)}}
    return {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


def autoscaler(name: str, target: str, low: int, high: int) -> Object:
    """A HorizontalPodAutoscaler of a Deployment."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    spec = {"scaleTargetRef": reference, "minReplicas": low, "maxReplicas": high}
    meta = {"name": name}
    return {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}


def rights(name: str, user: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> list[Object]:
    """A Role and its binding to a user: `[{"apiGroups": ["apps"], "resources": [...], "verbs": [...]}]`."""
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": {"name": name},
        "rules": [dict(r) for r in rules],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": group}],
        "roleRef": {"kind": "Role", "name": name, "apiGroup": group},
    }
    return [role, binding]


def external_secret(name: str, *keys: str, notes: Mapping[str, str] | None = None) -> Object:
    """An ExternalSecret that is synced into the Secret of the same name."""
    data = [{"secretKey": key, "remoteRef": {"key": f"{name}/{key}"}} for key in keys]
    spec = {"refreshInterval": "1h", "secretStoreRef": {"name": "store"}, "target": {"name": name}, "data": data}
    meta = {"name": name, "annotations": dict(notes or {})}
    return {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": meta, "spec": spec}


def certificate(name: str, *names: str, notes: Mapping[str, str] | None = None) -> Object:
    """A cert-manager Certificate for these DNS names, kept in the Secret NAME-tls."""
    spec = {"secretName": f"{name}-tls", "dnsNames": list(names), "issuerRef": {"name": "test", "kind": "Issuer"}}
    meta = {"name": name, "annotations": dict(notes or {})}
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": meta, "spec": spec}

"""The objects that a profile expects to find: two colours of a service, and all that stands around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.sandbox.kube.node.terms import Object

PORT = 8000
CONTAINER = "api"


@dataclass(frozen=True, slots=True)
class Layout:
    """Names, as the profile has them."""

    system: str
    context: str
    namespace: str
    service: str
    live: str  # the deployment that serves
    other: str  # the other colour
    configmap: str
    flag: str  # key of the maintenance mode, "" without one
    off: str
    on: str
    image: str  # without a tag
    runs: bool  # the shop runs here, and not at Cloud Run

    @classmethod
    def of(cls, profile: Mapping[str, Any]) -> Layout:
        """Of the first cluster that this profile names."""
        table = profile["kubernetes"][0]
        system = str(profile["system"])
        mode = table.get("maintenance", {})
        named = [str(each) for each in (*mode.get("restart", ()), *table.get("workloads", ()))]
        deployments = [each.partition("/")[2] for each in named if each.startswith("deployment/")]
        service = str((table.get("services") or [f"{system}-api"])[0])
        defaults = [f"{service}-blue", f"{service}-green"]
        live, other = (list(dict.fromkeys([*deployments, *defaults])))[:2]
        project = next((str(each["project"]) for each in profile.get("cloud_sql", ())), "demo-project")
        return cls(
            system=system,
            context=str(table.get("context") or system),
            namespace=str(table.get("namespace") or "default"),
            service=service,
            live=live,
            other=other,
            configmap=str(mode.get("configmap", f"{system}-config")),
            flag=str(mode.get("key", "")),
            off=str(mode.get("off", "false")),
            on=str(mode.get("on", "true")),
            image=f"gcr.io/{project}/{system}-system",
            runs="cloud_run" not in profile,
        )

    def labels(self, deployment: str) -> dict[str, str]:
        """Of its pods."""
        return {"app": self.service, "version": deployment.rpartition("-")[2] or deployment}


def objects(layout: Layout, good: str, before: str) -> Iterator[Object]:
    """All but the pods; `good` and `before` are tags."""
    data = {"LOG_LEVEL": "INFO", **({layout.flag: layout.off} if layout.flag else {})}
    yield _made("v1", "ConfigMap", layout.configmap, data=data)
    secrets = f"{layout.system}-secrets"
    references = [{"secretKey": key, "remoteRef": {"key": f"{layout.system}-{key.lower().replace('_', '-')}"}}
                  for key in ("DATABASE_URL", "API_KEY")]  # fmt: skip
    spec = {"refreshInterval": "1h", "secretStoreRef": {"name": "gcp", "kind": "SecretStore"},
            "target": {"name": secrets}, "data": references}  # fmt: skip
    yield _made("external-secrets.io/v1", "ExternalSecret", secrets, spec=spec)
    yield deployment(layout, layout.live, before, 3)
    yield deployment(layout, layout.other, before, 1)
    ports = [{"name": "http", "port": PORT, "targetPort": PORT}]
    yield _made("v1", "Service", layout.service, spec={"selector": layout.labels(layout.live), "ports": ports})
    for name in (layout.live, layout.other):
        colour = layout.labels(name)["version"]
        yield _made(
            "v1", "Service", f"{layout.service}-{colour}", spec={"selector": layout.labels(name), "ports": ports}
        )
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": layout.live}
    aim = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    scaling = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5, "metrics": [aim]}
    yield _made("autoscaling/v2", "HorizontalPodAutoscaler", layout.live, spec=scaling)
    budget = {"minAvailable": 2, "selector": {"matchLabels": layout.labels(layout.live)}}
    yield _made("policy/v1", "PodDisruptionBudget", layout.live, spec=budget)
    hard = {"pods": "20", "requests.cpu": "8", "requests.memory": "16Gi"}
    yield _made("v1", "ResourceQuota", f"{layout.system}-quota", spec={"hard": hard})


def deployment(layout: Layout, name: str, tag: str, replicas: int) -> Object:
    """One colour."""
    labels = layout.labels(name)
    env = [
        {"name": layout.flag, "valueFrom": {"configMapKeyRef": {"name": layout.configmap, "key": layout.flag}}},
        {"name": "DATABASE_URL",
         "valueFrom": {"secretKeyRef": {"name": f"{layout.system}-secrets", "key": "DATABASE_URL"}}},
    ]  # fmt: skip
    container = {
        "name": CONTAINER,
        "image": f"{layout.image}:{tag}",
        "ports": [{"containerPort": PORT}],
        "env": env if layout.flag else env[1:],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 5},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return _made("apps/v1", "Deployment", name, spec={"replicas": replicas, "selector": {"matchLabels": labels},
                                                      "template": template})  # fmt: skip


def prometheus(name: str) -> Iterator[Object]:
    """What a Prometheus looks like in a cluster."""
    labels = {"app": name}
    container = {"name": name, "image": "quay.io/prometheus/prometheus:v2.53.0", "ports": [{"containerPort": 9090}],
                 "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    yield _made("apps/v1", "Deployment", name, spec={"replicas": 1, "selector": {"matchLabels": labels},
                                                     "template": template})  # fmt: skip
    ports = [{"name": "web", "port": 9090, "targetPort": 9090}]
    yield _made("v1", "Service", name, spec={"selector": labels, "ports": ports})


def namespace(name: str) -> Object:
    """A namespace."""
    return _made("v1", "Namespace", name)


def _made(version: str, kind: str, name: str, **rest: object) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}

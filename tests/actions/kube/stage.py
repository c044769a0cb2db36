"""A namespace in which every action on workloads has something to do, and what each would be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ...servers.kube.client import Object
from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import service, workload

IMAGE = "reg.test/api"
NAMES = ("api", "held", "blue", "green", "spare")
DEEDS: Mapping[str, Mapping[str, str]] = {
    "undo": {"workload": "deployment/api"},
    "restart": {"workload": "deployment/api"},
    "image": {"workload": "deployment/api", "image": f"{IMAGE}:v3"},
    "scale": {"workload": "deployment/api", "replicas": "3"},
    "pause": {"workload": "deployment/api"},
    "resume": {"workload": "deployment/held"},
    "switch": {"workload": "deployment/green", "service": "live"},
    "delete": {"workload": "deployment/spare"},
}
READS: Sequence[Mapping[str, Sequence[str]]] = (
    {
        "apiGroups": ["apps"],
        "resources": ["deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "apiGroups": [""],
        "resources": ["pods", "services", "endpoints", "resourcequotas"],
        "verbs": ["get", "list", "watch"],
    },
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["get", "list", "watch"]},
)
WRITES: Sequence[Mapping[str, Sequence[str]]] = (
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch", "delete", "create"]},
    {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["patch"]},
)


def things() -> list[Object]:
    """All of it, at its first revision."""
    colours = [
        workload(name, f"{IMAGE}:{name}", replicas=1, labels={"app": "live", "version": name})
        for name in ("blue", "green")
    ]
    return [
        workload("api", f"{IMAGE}:v1", replicas=1),
        workload("held", f"{IMAGE}:v1", replicas=1),
        workload("spare", f"{IMAGE}:v1", replicas=1),
        *colours,
        service("live", {"app": "live", "version": "blue"}),
    ]


async def set_up(namespace: Namespace) -> None:
    """Until it stands still."""
    namespace.apply(*things())
    for name in NAMES:
        await asyncio.to_thread(namespace.rolled_out, name)
    set_image(namespace, "api", "v2")
    await asyncio.to_thread(namespace.rolled_out, "api")
    namespace.client.patch(path(namespace, "held"), {"spec": {"paused": True}})
    set_image(namespace, "held", "v2")
    await until_async(lambda: status_seen(namespace, "held"))


def path(namespace: Namespace, name: str) -> str:
    return namespace.path(f"deployments/{name}", "apps/v1")


def set_image(namespace: Namespace, name: str, version: str) -> None:
    """As somebody else would."""
    image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{IMAGE}:{version}"}
    namespace.client.patch(path(namespace, name), [image], "json")


def status_seen(namespace: Namespace, name: str) -> bool:
    found = namespace.client.get(path(namespace, name))
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


def state(namespace: Namespace) -> dict[str, Any]:
    """What the actions change: specs by name, the service's selector; without what a controller writes."""
    found = namespace.client.items(namespace.path("deployments", "apps/v1"))
    specs: dict[str, Any] = {each["metadata"]["name"]: each["spec"] for each in found}
    return specs | {"service": namespace.get("services/live")["spec"]["selector"]}

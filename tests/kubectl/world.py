"""A namespace of the real API server as the recorded commands found theirs, what is in it, and who did what there.

A further kind of object: make it in `things`, bring it into its state in `_BEFORE`, and take it up in `snapshot`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..servers.kube.client import Object
from ..servers.kube.fixtures import Namespace, until_async

IMAGE = "reg.test/team/storefront"
# What must have happened before a command, so that it has something to do.
_BEFORE = {"delete-blue": "green live", "resume": "blue paused"}
Facts = Mapping[str, Any]


def _deployment(colour: str, replicas: int) -> Object:
    labels = {"app": "web", "version": colour}
    container = {
        "name": "api",
        "image": f"{IMAGE}:v1",
        "ports": [{"containerPort": 8000}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"web-{colour}", "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def things() -> list[Object]:
    """Both colours at their first revision, the service that chooses blue, and their settings."""
    spec = {"selector": {"app": "web", "version": "blue"}, "ports": [{"port": 8000, "targetPort": 8000}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    data = {"LOG_LEVEL": "INFO", "MAINTENANCE_MODE": "false"}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-settings"}, "data": data}
    return [_deployment("blue", 3), _deployment("green", 1), service, settings]


async def set_up(namespace: Namespace, command: str) -> None:
    """Until it stands still: blue has two revisions."""
    namespace.apply(*things())
    for name in ("web-green", "web-blue"):
        await asyncio.to_thread(namespace.rolled_out, name)
    blue, admin = namespace.path("deployments/web-blue", "apps/v1"), namespace.client
    image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{IMAGE}:v2"}
    admin.patch(blue, [image], "json")
    await asyncio.to_thread(namespace.rolled_out, "web-blue")
    match _BEFORE.get(command):
        case "green live":
            admin.patch(namespace.path("services/web"), {"spec": {"selector": {"version": "green"}}})
        case "blue paused":
            admin.patch(blue, {"spec": {"paused": True}})
            await until_async(lambda: _seen(admin.get(blue)))


def _seen(obj: Object) -> bool:
    return bool(obj["status"]["observedGeneration"] == obj["metadata"]["generation"])


def snapshot(namespace: Namespace) -> dict[str, Any]:
    """By path what people decide, without what controllers write and what differs each time."""
    facts: dict[str, Any] = {}
    for each in namespace.client.items(namespace.path("deployments", "apps/v1")):
        at = f"deployment/{each['metadata']['name']}"
        facts |= _flat(each["spec"], f"{at}/spec")
        notes = each["metadata"].get("annotations", {})
        facts |= {f"{at}/{key}": value for key, value in notes.items() if key == "kubernetes.io/change-cause"}
    for each in namespace.client.items(namespace.path("services")):
        facts |= _flat(each["spec"]["selector"], f"service/{each['metadata']['name']}/selector")
    facts |= _flat(namespace.get("configmaps/web-settings")["data"], "configmap/web-settings/data")
    return facts


def _flat(value: Any, at: str) -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {path: each for key in value for path, each in _flat(value[key], f"{at}/{key}").items()}
    if isinstance(value, list) and value:
        return {
            path: each for index in range(len(value)) for path, each in _flat(value[index], f"{at}/{index}").items()
        }
    return {at: "a moment" if at.endswith("/restartedAt") else value}


def changed(before: Facts, after: Facts) -> dict[str, Any]:
    """What is other than before; None for what is gone."""
    paths = sorted(before.keys() | after.keys())
    return {path: after.get(path) for path in paths if before.get(path) != after.get(path)}

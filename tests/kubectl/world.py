"""A namespace of the real API server as the recorded commands found theirs, what is in it, and who did what there.

A further kind of object: make it in `things` or, where one command alone needs it, in `_MORE`; bring it into its
state in `_bring_about`, and take it up in `snapshot`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..servers.kube.client import KubeError, Object, path_of
from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.things import certificate, external_secret, pod, quota, secret, service
from .recorded import NAMESPACE, Recorded

IMAGE = "reg.test/team/storefront"
NODE = "node-1"
_NODE_WORK = ("cordon", "uncordon", "uncordon-again", "drain")
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
    live = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    data = {"LOG_LEVEL": "INFO", "MAINTENANCE_MODE": "false"}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-settings"}, "data": data}
    return [_deployment("blue", 3), _deployment("green", 1), live, settings]


def around() -> list[Object]:
    """What only looks are about."""
    hidden, green = secret("web-secrets", token="kept-to-itself"), {"app": "web", "version": "green"}
    return [quota("room", pods="40"), hidden, external_secret("web-secrets", "key"), service("web-green", green)]


def _guests(command: Recorded) -> list[Object]:
    """Pods on the node that is drained, called as those that were evicted."""
    gone = [each.path.split("/") for each in command.requests if each.path.endswith("/eviction")]
    made = [pod(path[-2], labels={"app": "guest"}, nodeName=NODE) for path in gone]
    for each, path in zip(made, gone, strict=True):
        each["metadata"]["namespace"] = path[-4]
    return made


async def _full_node(namespace: Namespace, command: Recorded) -> dict[str, str]:
    """Guests of two namespaces, and no pods of a deployment, which may be on any node."""
    other = await asyncio.to_thread(make_namespace, namespace.server, f"{namespace.name}-too")
    names = {NAMESPACE: namespace.name, "gauges": other.name}
    guests = _guests(command.renamed(names))
    await asyncio.to_thread(namespace.apply, *things()[2:], *guests)
    for each in map(path_of, guests):
        await until_async(lambda each=each: namespace.client.get(each)["status"]["phase"] == "Running")
    return names


_MORE: Mapping[str, Callable[[Recorded], list[Object]]] = {
    "delete-secret": lambda _: [certificate("web", "web.test")],
    "backup": lambda _: [secret("plain", password="kept-to-itself")],
}


async def set_up(namespace: Namespace, command: Recorded) -> dict[str, str]:
    """Until it stands still: where it matters, blue has two revisions. The names there for those of the command."""
    if command.id == "drain":
        return await _full_node(namespace, command)
    admin = namespace.client
    more = _MORE.get(command.id, lambda _: [])(command)
    await asyncio.to_thread(namespace.apply, *things(), *more)
    for name in ("web-green", "web-blue"):
        await asyncio.to_thread(namespace.rolled_out, name)
    blue = namespace.path("deployments/web-blue", "apps/v1")
    if "undo" in command.id or command.looks:
        image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{IMAGE}:v2"}
        await asyncio.to_thread(admin.patch, blue, [image], "json")
        await asyncio.to_thread(namespace.rolled_out, "web-blue")
    here = {NAMESPACE if _names(command, NAMESPACE) else "default": namespace.name}
    names = here | await pods_for(namespace, command.pods())
    await _bring_about(namespace, command, [names[each] for each, _ in command.pods()])
    return names


async def pods_for(namespace: Namespace, wanted: Sequence[tuple[str, str]]) -> dict[str, str]:
    """One that is there for each of that colour, another for each as long as there are others."""
    names: dict[str, str] = {}
    for colour in ("blue", "green"):
        there = await asyncio.to_thread(namespace.pods, f"version={colour}")
        there = [each for each in there if each["status"].get("phase") == "Running"]
        of_colour = [name for name, its in wanted if its == colour]
        for index, name in enumerate(of_colour):
            names[name] = there[index % len(there)]["metadata"]["name"]
    return names


def _names(command: Recorded, word: str) -> bool:
    return any(f"/{word}" in each.path for each in command.requests) or f" {word}" in command.command


async def _bring_about(namespace: Namespace, command: Recorded, pods: Sequence[str]) -> None:
    """What must have happened before a command, so that it has something to do."""
    admin, blue = namespace.client, namespace.path("deployments/web-blue", "apps/v1")
    match command.id:
        case "delete-blue":
            admin.patch(namespace.path("services/web"), {"spec": {"selector": {"version": "green"}}})
        case "resume":
            admin.patch(blue, {"spec": {"paused": True}})
            await until_async(lambda: _seen(admin.get(blue)))
        case "clear-evicted":
            for name in pods:
                namespace.annotate(f"pods/{name}", behaviour="evict")
            for name in pods:
                await until_async(lambda name=name: namespace.get(f"pods/{name}")["status"]["phase"] == "Failed")
            await asyncio.to_thread(namespace.rolled_out, "web-blue")
        case "delete-secret":
            await until_async(lambda: namespace.get("certificates/web", "cert-manager.io/v1")["status"]["revision"])
        case "uncordon" | "uncordon-again":
            admin.patch(f"/api/v1/nodes/{NODE}", {"spec": {"unschedulable": True}})


def open_again(namespace: Namespace) -> None:
    """The node takes pods, as before."""
    namespace.client.patch(f"/api/v1/nodes/{NODE}", {"spec": {"unschedulable": None}})


def _seen(obj: Object) -> bool:
    return bool(obj["status"]["observedGeneration"] == obj["metadata"]["generation"])


async def settled(namespace: Namespace, command: Recorded) -> None:
    """Until what was deleted is gone."""
    path = f"/api/v1/namespaces/{namespace.name}"
    if command.id == "delete-namespace":
        return
    await until_async(
        lambda: all("deletionTimestamp" not in each["metadata"] for each in namespace.client.items(f"{path}/pods"))
    )


def snapshot(namespace: Namespace, command: Recorded, names: Mapping[str, str]) -> dict[str, Any]:
    """By path what people decide, without what controllers write and what differs each time."""
    admin = namespace.client
    try:
        if "deletionTimestamp" in admin.get(f"/api/v1/namespaces/{namespace.name}")["metadata"]:
            return {}
    except KubeError as error:
        if error.code != 404:
            raise
        return {}
    facts: dict[str, Any] = {"namespace": "there"}
    for each in admin.items(namespace.path("deployments", "apps/v1")):
        at = f"deployment/{each['metadata']['name']}"
        facts |= _flat(each["spec"], f"{at}/spec")
        notes = each["metadata"].get("annotations", {})
        facts |= {f"{at}/{key}": value for key, value in notes.items() if key == "kubernetes.io/change-cause"}
    for each in admin.items(namespace.path("services")):
        facts |= _flat(each["spec"]["selector"], f"service/{each['metadata']['name']}/selector")
    facts |= _flat(namespace.get("configmaps/web-settings")["data"], "configmap/web-settings/data")
    for each in admin.items(namespace.path("networkpolicies", "networking.k8s.io/v1")):
        facts |= _flat(each["spec"]["policyTypes"], "networkpolicy/policyTypes")
    for each in admin.items(namespace.path("secrets")):
        if each["type"] != "kubernetes.io/service-account-token":
            at, content = f"secret/{each['metadata']['name']}", json.dumps(each.get("data"), sort_keys=True)
            facts |= {f"{at}/uid": each["metadata"]["uid"]}
            facts |= {f"{at}/content": hashlib.sha256(content.encode()).hexdigest()}
    for each in admin.items(namespace.path("pods")):
        name = each["metadata"]["name"]
        if name in names.values() or each["metadata"]["labels"].get("app") == "guest":
            facts |= {f"pod/{name}/uid": each["metadata"]["uid"]}
            facts |= {f"pod/{name}/labels/{key}": value for key, value in each["metadata"]["labels"].items()}
    if command.id in _NODE_WORK:
        facts[f"node/{NODE}/unschedulable"] = admin.get(f"/api/v1/nodes/{NODE}")["spec"].get("unschedulable", False)
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
    """What is other than before; None for what is gone, "another" for what is not the same each time."""
    found = {path: after.get(path) for path in sorted(before.keys() | after.keys())}
    return {
        path: "another" if value and path.endswith(("/uid", "/content", "/cockpit/isolated")) else value
        for path, value in found.items()
        if before.get(path) != value
    }

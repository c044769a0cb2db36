"""What the commands of a runbook say of a Kubernetes cluster: its context, namespaces, workloads, services, flags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.model.command import Call
from cockpit.runbooks.draft.evidence import Origin, Value, flag, literal, safe

_WORKLOADS = {
    "deployment": "deployment", "deployments": "deployment", "deploy": "deployment", "daemonset": "daemonset",
    "ds": "daemonset", "statefulset": "statefulset", "sts": "statefulset",
}  # fmt: skip
_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MAINTENANCE = re.compile(r"MAINTENANCE|READ_?ONLY", re.IGNORECASE)


@dataclass(slots=True)
class Cluster:
    """What the commands of a runbook say of a cluster."""

    context: Value | None = None
    namespaces: dict[str, Origin] = field(default_factory=dict)
    workloads: dict[str, Origin] = field(default_factory=dict)  # "deployment/api"
    services: dict[str, Origin] = field(default_factory=dict)  # whose selector a command changes
    flags: dict[tuple[str, str, str], Origin] = field(default_factory=dict)  # ConfigMap, key, value of a maintenance


def context_of(call: Call, origin: Origin) -> Value | None:
    """Of `gcloud container clusters get-credentials`: the context that it writes into the kubeconfig.

    gke_PROJECT_LOCATION_CLUSTER:
    https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl
    """
    name = literal(call.args[0]) if call.args else ""
    place, project = flag(call, "--region", "--zone", "--location"), flag(call, "--project")
    if not (name and place and project):
        return None
    return Value(f"gke_{project}_{place}_{name}", origin, "as get-credentials names it")


def note(found: Cluster, call: Call, origin: Origin) -> None:
    """What a kubectl command names."""
    if context := flag(call, "--context"):
        found.context = found.context or Value(context, origin)
    if call.verb == "config use-context" and call.args and (name := literal(call.args[0])):
        found.context = found.context or Value(name, origin)
    if (namespace := flag(call, "-n", "--namespace")) and _OBJECT.fullmatch(namespace):
        found.namespaces.setdefault(namespace, origin)
    for kind, name in _objects(call):
        if kind in _WORKLOADS:
            found.workloads.setdefault(f"{_WORKLOADS[kind]}/{name}", origin)
        elif call.verb == "patch" and kind in ("service", "svc", "services") and "selector" in _patch(call):
            found.services.setdefault(name, origin)
        elif call.verb == "patch" and kind in ("configmap", "cm", "configmaps"):
            for key, value in _texts(_patch(call).get("data")):
                if _MAINTENANCE.search(key):
                    found.flags.setdefault((name, key, value), origin)


def _objects(call: Call) -> Iterator[tuple[str, str]]:
    words = [literal(word) for word in call.args]
    for index, word in enumerate(words):
        kind, slash, name = word.partition("/")
        if not slash:
            name = words[index + 1] if index + 1 < len(words) else ""
        if _OBJECT.fullmatch(name):
            yield kind.casefold(), name


def _patch(call: Call) -> dict[str, Any]:
    """The body of a patch, with what is in its spec; {} for what is no object. It may hold anything: nothing of it
    is taken over but names and short values.
    """
    try:
        body = json.loads(call.flag("-p", "--patch") or "{}")
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    inner = body.get("spec")
    return {**body, **(inner if isinstance(inner, dict) else {})}


def _texts(value: object) -> Iterator[tuple[str, str]]:
    for key, each in value.items() if isinstance(value, Mapping) else ():
        if isinstance(key, str) and isinstance(each, str) and len(each) < 20 and safe(f"{key}={each}"):
            yield key, each

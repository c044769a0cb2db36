"""Which workloads read a ConfigMap, and whether they see a change of one of its keys while they run. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cockpit.adapters.kube.fields import name_of, part, parts, text
from cockpit.adapters.kube.terms import Json


class Sight(enum.Enum):
    """How a workload sees a change. The worst of several ways counts."""

    START = "variables, read at the start only"
    PINNED = "files mounted by subPath, never renewed while it runs"
    FILES = "files, renewed within about a minute; whether it reads them again is its own matter"


@dataclass(frozen=True, slots=True)
class Reader:
    """A workload that reads the key."""

    ref: str  # "deployment/api"
    sight: Sight

    @property
    def restart(self) -> bool:
        """It sees the change after a restart only."""
        return self.sight is not Sight.FILES


def readers_of(workloads: Iterable[tuple[str, Json]], configmap: str, key: str) -> tuple[Reader, ...]:
    """By kind and object; `key` that a workload leaves out is not read by it."""
    found: list[Reader] = []
    for kind, obj in workloads:
        sights = set(_sights(part(obj, "spec", "template", "spec"), configmap, key))
        worst = next((each for each in Sight if each in sights), None)
        if worst is not None:
            found.append(Reader(f"{kind}/{name_of(obj)}", worst))
    return tuple(found)


def _sights(spec: Json, configmap: str, key: str) -> Iterator[Sight]:
    mounted = {text(each.get("name"), 253) for each in parts(spec, "volumes") if _holds(each, configmap, key)}
    for container in (*parts(spec, "containers"), *parts(spec, "initContainers")):
        if any(_named(each, "configMapRef", configmap) for each in parts(container, "envFrom")):
            yield Sight.START
        for each in parts(container, "env"):
            reference = part(each, "valueFrom", "configMapKeyRef")
            if reference.get("name") == configmap and reference.get("key") == key:
                yield Sight.START
        for mount in parts(container, "volumeMounts"):
            if mount.get("name") in mounted:
                yield Sight.PINNED if mount.get("subPath") or mount.get("subPathExpr") else Sight.FILES


def _named(holder: Json, field: str, name: str) -> bool:
    return part(holder, field).get("name") == name


def _holds(volume: Json, configmap: str, key: str) -> bool:
    sources = [
        part(volume, "configMap"),
        *(part(each, "configMap") for each in parts(volume, "projected", "sources")),
    ]
    return any(_takes(each, key) for each in sources if each.get("name") == configmap)


def _takes(source: Json, key: str) -> bool:
    """Items that are named leave out all others."""
    items = [each.get("key") for each in parts(source, "items")]
    return not items or key in items

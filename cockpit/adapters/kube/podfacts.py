"""What the cluster pane needs of each pod, worked out once for each of its versions: there may be thousands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.adapters.kube.fields import controller_of, name_of, part, parts, text
from cockpit.adapters.kube.nodes import limits_of, requests_of
from cockpit.adapters.kube.packed import Kept
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.terms import Json
from cockpit.model.cluster import PodUse
from cockpit.model.workloads import Usage


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one pod."""

    name: str
    controller: tuple[str, str]  # kind and name
    configmaps: frozenset[str]
    requests: tuple[int, int]
    limits: tuple[int | None, int | None]


class PodFacts:
    """Of all pods of a namespace."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}
        self._pods = Kept(facts_of)
        self._sets = Kept(_owned)
        self.owners: dict[str, str] = {}  # name of a pod or ReplicaSet -> "deployment/api"

    async def look(self, sets: Mapping[str, Json], pods: Mapping[str, Json]) -> None:
        """Take over what is new, forget what is gone; both by uid."""
        pace = Pace()
        owners = {name: owner for name, owner in (await self._sets.of(sets, pace)).values() if owner}
        found = await self._pods.of(pods, pace)
        for held in found.values():
            kind, name = held.controller
            if name:
                owners[held.name] = owners.get(name, "") or f"{kind.casefold()}/{name}"
        if owners != self.owners:
            self.owners = owners
        self._facts = found

    def readers(self) -> dict[str, tuple[str, ...]]:
        """ConfigMap -> workloads whose pods read it."""
        found: dict[str, dict[str, None]] = {}
        for each in self._facts.values():
            for configmap in each.configmaps:
                found.setdefault(configmap, {})[self.owners.get(each.name, f"pod/{each.name}")] = None
        return {name: tuple(workloads) for name, workloads in found.items()}

    def top(self, used: Sequence[tuple[str, str, int, int]], most: int) -> tuple[PodUse, ...]:
        """The pods that use most memory; `used` as `used_pods` tells."""
        largest = sorted(used, key=lambda each: -each[3])[:most]
        known = {each.name: each for each in self._facts.values()} if largest else {}
        found: list[PodUse] = []
        for namespace, name, cpu, memory in largest:
            facts = known.get(name)
            wanted, limits = (facts.requests, facts.limits) if facts is not None else ((0, 0), (None, None))
            usage = Usage(cpu, memory, wanted[0] or None, wanted[1] or None, *limits)
            found.append(PodUse(name, namespace, usage))
        return tuple(found)


def _owned(obj: Json) -> tuple[str, str]:
    """Its name, and "deployment/api" for what owns it."""
    kind, name, _ = controller_of(obj)
    return name_of(obj), f"{kind.casefold()}/{name}" if name else ""


def facts_of(pod: Json) -> Facts:
    """Of one version of a pod."""
    kind, name, _ = controller_of(pod)
    spec = part(pod, "spec")
    return Facts(name_of(pod), (kind, name), frozenset(configmaps_of(spec)), requests_of(spec), limits_of(spec))


def configmaps_of(spec: Json) -> set[str]:
    """Names of the ConfigMaps that a pod's volumes and variables come from."""
    found = {text(part(volume, "configMap").get("name"), 253) for volume in parts(spec, "volumes")}
    for volume in parts(spec, "volumes"):
        found |= {text(part(each, "configMap").get("name"), 253) for each in parts(volume, "projected", "sources")}
    for key in ("containers", "initContainers"):
        for container in parts(spec, key):
            found |= {text(part(each, "configMapRef").get("name"), 253) for each in parts(container, "envFrom")}
            sources = [part(each, "valueFrom", "configMapKeyRef") for each in parts(container, "env")]
            found |= {text(each.get("name"), 253) for each in sources}
    return found - {""}

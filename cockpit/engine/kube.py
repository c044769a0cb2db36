"""The parts of a profile that run on Kubernetes: one connection a table, shared by all that looks through it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.estate import gke_cluster
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.estate import GkeCluster
from cockpit.model.severity import SourceKind
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import Profile

if TYPE_CHECKING:
    from cockpit.adapters.kube.kube import Kube
    from cockpit.adapters.kube.kubeconfig import Place


def kube_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {
        "cockpit.adapters.kube.kube": bool(profile.kubernetes),
    }


def kubes_of(profile: Profile, clock: Clock) -> dict[str, Kube]:
    """By the name of its table. Opens no connection."""
    if not profile.kubernetes:
        return {}
    from cockpit.adapters.kube.kube import Kube

    return {table.name: Kube(table, clock) for table in profile.kubernetes}


def compose_kube(
    parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf, kubes: dict[str, Kube]
) -> None:
    """Add sources, actions and looks. Opens no connection."""
    for table in profile.kubernetes:
        kube = kubes[table.name]
        parts.closing.append(kube)
        _workloads(parts, table, kube, profile, scene, clock, state_of)
        _cluster(parts, table, kube, profile, scene, clock, state_of)


def _workloads(
    parts: Parts,
    table: KubernetesSource,
    kube: Kube,
    profile: Profile,
    scene: Scene,
    clock: Clock,
    state_of: StateOf,
) -> None:
    from cockpit.actions.kube import keeping, rollouts, upkeep
    from cockpit.actions.kube.ground import KubeGround
    from cockpit.adapters.kube.asking import NamespaceAsker
    from cockpit.adapters.kube.podreading import PodLogReader
    from cockpit.adapters.kube.workloads import WorkloadsProbe
    from cockpit.looks import podlogs
    from cockpit.looks import workloads as looks

    probe = WorkloadsProbe(kube, table, clock)
    parts.add(SourceKind.WORKLOADS, table.name, probe, table.interval, table.timeout)
    parts.lookers.extend(looks.lookers(f"workloads/{table.name}", state_of, clock, NamespaceAsker(kube, clock)))
    ground = KubeGround(f"workloads/{table.name}", table, kube, scene, profile.limits, clock)
    parts.handlers.extend(rollouts.handlers(ground))
    parts.handlers.extend(upkeep.handlers(ground))
    parts.handlers.extend(keeping.workload_handlers(ground))
    parts.lookers.extend(podlogs.lookers(ground.source, PodLogReader(kube), state_of, clock))


def _cluster(
    parts: Parts,
    table: KubernetesSource,
    kube: Kube,
    profile: Profile,
    scene: Scene,
    clock: Clock,
    state_of: StateOf,
) -> None:
    from cockpit.actions.kube import clusterwork, keeping
    from cockpit.actions.kube.ground import KubeGround
    from cockpit.adapters.kube.clusterstate import ClusterProbe
    from cockpit.looks import cluster as looks
    from cockpit.looks import credentials

    async def asked(project: str, location: str, name: str) -> GkeCluster:
        return await gke_cluster(profile, project, location, name, table.timeout, clock)

    probe = ClusterProbe(kube, table, clock)
    parts.add(SourceKind.CLUSTER, table.name, probe, table.interval, table.timeout)
    parts.lookers.extend(looks.lookers(f"cluster/{table.name}", state_of))
    parts.lookers.append(credentials.CredentialsLook(f"cluster/{table.name}", partial(_place, kube), asked, clock))
    ground = KubeGround(f"cluster/{table.name}", table, kube, scene, profile.limits, clock)
    parts.handlers.extend(clusterwork.handlers(ground))
    parts.handlers.extend(keeping.handlers(ground))


def _place(kube: Kube) -> Place:
    return kube.place

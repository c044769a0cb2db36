"""The actions on configuration, pods and nodes of one namespace, as any user of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from cockpit.actions.handler import Scene
from cockpit.actions.kube import clusterwork, upkeep
from cockpit.actions.kube.ground import KubeGround
from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import Limits

from ....servers.kube.fixtures import Namespace
from ..conftest import Desk, Desks

SOURCES = {"workloads": "workloads/main", "cluster": "cluster/main"}


@dataclass
class Bench(Desk):
    """As a Desk; actions by their whole id."""

    async def plan(self, action: str, **params: str) -> Plan:
        return await self.planned(ActionRequest(action, SOURCES[action.partition(".")[0]], params))


def bench(namespace: Namespace, user: str = "admin", limits: Limits | None = None, **table: object) -> Bench:
    """The actions there as that user; close its `kube` afterwards."""
    config = namespace.kubeconfig(user)
    source = KubernetesSource.model_validate({"name": "main", "kubeconfig": str(config), **table})
    kube = Kube(source, SystemClock())
    scene = Scene("shop", "test")
    around = {
        name: KubeGround(each, source, kube, scene, limits or Limits(), SystemClock())
        for name, each in SOURCES.items()
    }
    handlers = [*upkeep.handlers(around["workloads"]), *clusterwork.handlers(around["cluster"])]
    return Bench(namespace, kube, {each.spec.id: each for each in handlers})


@pytest_asyncio.fixture
async def desk_of(namespace: Namespace) -> AsyncIterator[Desks]:
    """`desk_of("viewer", limits=Limits(pods=2), maintenance={...})`: the actions as that user."""
    made: list[Bench] = []

    def desk(user: str = "admin", limits: Limits | None = None, **table: object) -> Bench:
        made.append(bench(namespace, user, limits, **table))
        return made[-1]

    yield desk
    await asyncio.gather(*(each.kube.close() for each in made))


@pytest_asyncio.fixture
async def desk(desk_of: Desks) -> Desk:
    """As admin."""
    made: Desk = desk_of()
    return made

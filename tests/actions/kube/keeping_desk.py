"""The actions of `keeping` on one namespace of the real API server, for whoever tests them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cockpit.actions.handler import Scene
from cockpit.actions.kube import keeping
from cockpit.actions.kube.ground import KubeGround
from cockpit.actions.params import completed
from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import Limits

from ...servers.kube.fixtures import Namespace
from .conftest import Desk


class KeepingDesk(Desk):
    """As the one of workloads, with whole names of actions."""

    async def plan(self, action: str, **params: str) -> Plan:
        handler = self.handlers[action]
        return await handler.plan(completed(handler.spec, ActionRequest(action, handler.source, params)))


@asynccontextmanager
async def keeping_on(namespace: Namespace, user: str = "admin", **table: object) -> AsyncIterator[KeepingDesk]:
    """The actions there as that user; `table` adds to the table of the profile."""
    config = namespace.kubeconfig(user)
    source = KubernetesSource.model_validate({"name": "main", "kubeconfig": str(config), **table})
    kube = Kube(source, SystemClock())

    def ground(name: str) -> KubeGround:
        return KubeGround(name, source, kube, Scene("shop", "test"), Limits(), SystemClock())

    found = [*keeping.handlers(ground("cluster/main")), *keeping.workload_handlers(ground("workloads/main"))]
    try:
        yield KeepingDesk(namespace, kube, {each.spec.id: each for each in found})
    finally:
        await kube.close()

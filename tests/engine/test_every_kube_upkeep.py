"""Every action on configuration, pods and nodes through the engine: refused unarmed, recorded first, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.kube import clusterwork, upkeep
from cockpit.model.action import ActionRequest, Outcome
from cockpit.sandbox.process import NoBinary

from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.server import KubeServer, Options
from ..servers.kube.things import configmap, pod, workload
from .kubeengine import WHY, Crew, crew_on

TABLE = """
[[kubernetes]]
name = "main"
kubeconfig = "{config}"
interval = "0.5s"
[kubernetes.maintenance]
configmap = "settings"
key = "MAINTENANCE"
restart = ["deployment/api"]
"""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Stage:
    """An armed engine on a namespace of a cluster that nobody else uses."""

    crew: Crew
    namespace: Namespace

    def data(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.namespace.get("configmaps/settings")["data"]
        return found

    def closed(self) -> bool:
        """node-1 takes no pods."""
        return self.namespace.client.get("/api/v1/nodes/node-1")["spec"].get("unschedulable") is True

    def pods(self) -> dict[str, object]:
        return {each["metadata"]["uid"]: each["metadata"].get("labels") for each in self.namespace.pods()}

    def failed(self) -> int:
        return len(self.namespace.get("pods", fieldSelector="status.phase=Failed")["items"])

    def serving(self) -> dict[str, str]:
        return {"pod": min(each["metadata"]["name"] for each in self.namespace.pods("app=api"))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("every-kube-upkeep")
    try:
        server = await asyncio.to_thread(KubeServer.start, folder, Options(extensions=()))
    except NoBinary as reason:
        pytest.skip(str(reason))
    try:
        namespace = make_namespace(server)
        failed = pod("gone", notes={"fake-node/behaviour": "evict"})
        namespace.apply(configmap("settings", MAINTENANCE="false", LEVEL="INFO"), workload("api", replicas=1), failed)
        await asyncio.to_thread(namespace.rolled_out, "api")
        await until_async(lambda: namespace.get("pods/gone")["status"].get("reason") == "Evicted")
        async with crew_on(folder / "engine", TABLE.format(config=namespace.kubeconfig())) as crew:
            yield Stage(crew, namespace)
    finally:
        server.stop()


def _nothing(stage: Stage) -> dict[str, str]:
    return {}


def _node(stage: Stage) -> dict[str, str]:
    return {"node": "node-1"}


@dataclass(frozen=True)
class Deed:
    """One action: its parameters, what it changes, and which action takes it back ("" for none)."""

    params: Callable[[Stage], dict[str, str]]
    look: Callable[[Stage], object]
    undone_by: str = ""


DEEDS = {
    "workloads.clear_failed": Deed(_nothing, Stage.failed),
    "cluster.configmap": Deed(
        lambda _: {"configmap": "settings", "key": "LEVEL", "value": "DEBUG"}, Stage.data, "cluster.configmap"
    ),
    "workloads.maintenance": Deed(lambda _: {"mode": "on"}, Stage.data, "workloads.maintenance"),
    "workloads.evict": Deed(Stage.serving, Stage.pods),
    "workloads.isolate": Deed(
        Stage.serving,
        lambda stage: stage.namespace.client.items(stage.namespace.path("networkpolicies", "networking.k8s.io/v1")),
        "workloads.rejoin",
    ),
    "cluster.cordon": Deed(_node, Stage.closed, "cluster.uncordon"),
    "cluster.drain": Deed(_node, Stage.closed, "cluster.uncordon"),
    "cluster.uncordon": Deed(_node, Stage.closed, "cluster.cordon"),  # last: by its way back the node is closed
}


async def test_every_one_is_here() -> None:
    """What ends an isolation is tried with the isolation."""
    assert {spec.id for spec in (*upkeep.SPECS, *clusterwork.SPECS)} == {*DEEDS, "workloads.rejoin"}


@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done_and_taken_back(stage: Stage, action: str) -> None:
    deed, crew = DEEDS[action], stage.crew
    if action == "cluster.uncordon":
        stage.namespace.client.patch("/api/v1/nodes/node-1", {"spec": {"unschedulable": True}})
    source = "cluster/main" if action.startswith("cluster.") else "workloads/main"
    request, before = ActionRequest(action, source, deed.params(stage)), deed.look(stage)
    await crew.executor.disarm()
    planned = await crew.planned(request)
    assert planned.refusals == () and planned.needs_arming
    refused = await crew.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert [refusal.step for refusal in refused.refusals] == ["mode"] and deed.look(stage) == before

    await crew.executor.arm(WHY)
    record = await crew.do(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True, record.verification
    assert deed.look(stage) != before
    assert crew.events(record.run) == ["intent", "outcome", "verified"]
    assert record.undo is not None
    if not deed.undone_by:
        assert record.undo.request is None and record.undo.text.startswith("cannot be undone")
        return
    assert record.undo.request is not None and record.undo.request.action == deed.undone_by
    back = await crew.do(record.undo.request)
    assert back.outcome is Outcome.SUCCEEDED and deed.look(stage) == before

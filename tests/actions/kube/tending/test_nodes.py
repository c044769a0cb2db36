"""Cordon, uncordon, drain: as budgets allow, with what would be lost named before, and what is left told after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from cockpit.actions.kube import drain
from cockpit.errors import Conflict, PermissionDenied
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.process import NoBinary

from ....servers.kube.client import Object
from ....servers.kube.fixtures import Namespace, make_namespace, until_async
from ....servers.kube.server import KubeServer, Options
from ....servers.kube.things import budget, pod, rights, workload
from ..conftest import Desk, Desks
from .conftest import bench

CORDON, UNCORDON, DRAIN = "cluster.cordon", "cluster.uncordon", "cluster.drain"
NODE = {"node": "node-1"}


def closed(namespace: Namespace, node: str = "node-1") -> bool:
    return namespace.client.get(f"/api/v1/nodes/{node}")["spec"].get("unschedulable") is True


def on(namespace: Namespace, node: str) -> list[Object]:
    return [each for each in namespace.pods() if each["spec"].get("nodeName") == node]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """A cluster where no other test has pods."""
    try:
        server = KubeServer.start(tmp_path_factory.mktemp("nodes"), Options(nodes=2, extensions=()))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest_asyncio.fixture
async def own(alone: KubeServer) -> AsyncIterator[tuple[Desk, Namespace]]:
    """A desk there, and its namespace; afterwards the nodes are empty and open again."""
    namespace = make_namespace(alone)
    desk = bench(namespace, timeout="5s")
    yield desk, namespace
    await desk.kube.close()
    namespace.client.delete(f"/api/v1/namespaces/{namespace.name}")
    namespace.client.patch("/api/v1/nodes/node-1", {"spec": {"unschedulable": None}})
    await until_async(lambda: not namespace.client.items("/api/v1/pods"))


async def spread(namespace: Namespace) -> None:
    """Three pods of a deployment, one at least on node-1, and a daemon set's on each."""
    namespace.apply(workload("api", replicas=3), workload("agent", kind="DaemonSet"))
    await asyncio.to_thread(namespace.rolled_out, "api")
    await asyncio.to_thread(namespace.rolled_out, "agent", "daemonsets")
    assert [each for each in on(namespace, "node-1") if each["metadata"]["name"].startswith("api")]


async def test_cordon_and_back(desk: Desk, namespace: Namespace) -> None:
    plan, result = await desk.do(CORDON, **NODE)
    assert plan.tier is Tier.T3 and result.summary == "node/node-1 takes no further pods" and closed(namespace)
    assert plan.equivalent == ("kubectl --context test cordon node-1",)
    again = await desk.plan(CORDON, **NODE)
    assert [each.reason for each in again.refusals] == ["node/node-1 is cordoned already"]
    last = await desk.plan(CORDON, node="node-2")
    assert last.warnings == ("no other node is ready and open: pods that are made from now on stay Pending",)
    back, _ = await desk.undo(plan, result)
    assert back.tier is Tier.T2 and not closed(namespace)
    assert [each.reason for each in (await desk.planned(back.request)).refusals] == ["node/node-1 is open already"]


async def test_what_changed_since_the_plan_is_left_alone(desk: Desk, namespace: Namespace) -> None:
    plan = await desk.plan(CORDON, **NODE)
    path = "/api/v1/nodes/node-1"
    namespace.client.patch(path, {"spec": {"unschedulable": True}})
    with pytest.raises(Conflict):
        await desk.run(plan)
    opened = await desk.plan(UNCORDON, **NODE)
    namespace.client.patch(path, {"spec": {"unschedulable": None}})
    with pytest.raises(Conflict):
        await desk.run(opened)
    assert not closed(namespace)
    row = await desk.plan(CORDON, **NODE, uid="that-of-the-row")
    assert [each.step for each in row.refusals] == ["identity"]


async def test_who_may_not(desk_of: Desks, namespace: Namespace) -> None:
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]
    role, binding = rights(f"nodes-{namespace.name}", "viewer", rules)
    binding["roleRef"]["kind"] = "ClusterRole"
    namespace.client.apply({**role, "kind": "ClusterRole"}, {**binding, "kind": "ClusterRoleBinding"})
    desk = desk_of("viewer")
    plan = await desk.plan(CORDON, **NODE)
    assert plan.permission.grant is Grant.DENIED and plan.permission.needs == "patch nodes in the whole cluster"
    with pytest.raises(PermissionDenied):
        await plan.basis["change"].send(desk.kube.gateway)  # type: ignore[attr-defined]
    drained = await desk.plan(DRAIN, **NODE)
    assert "create pods/eviction in the whole cluster" in drained.permission.needs
    assert drained.refusals[0].reason == "pods of all namespaces cannot be seen"
    assert not closed(namespace)
    namespace.client.delete(f"/apis/{group}/v1/clusterrolebindings/nodes-{namespace.name}")


async def test_drain_evicts_all_but_daemon_sets_and_uncordon_takes_it_back(own: tuple[Desk, Namespace]) -> None:
    desk, namespace = own
    await spread(namespace)
    plan, result = await desk.do(DRAIN, **NODE)
    assert plan.tier is Tier.T3 and plan.moving and "--ignore-daemonsets --timeout=300s" in plan.equivalent[0]
    assert result.outcome is Outcome.SUCCEEDED and closed(namespace)
    assert [each["metadata"]["name"].partition("-")[0] for each in on(namespace, "node-1")] == ["agent"]
    await asyncio.to_thread(namespace.rolled_out, "api")
    done = await desk.plan(DRAIN, **NODE)
    assert [each.reason for each in done.refusals] == ["node/node-1 is cordoned and has no pods to evict"]
    await desk.undo(plan, result)
    assert not closed(namespace)


async def test_a_budget_is_waited_for(own: tuple[Desk, Namespace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "_AGAIN_S", 0.2)
    desk, namespace = own
    await spread(namespace)
    namespace.apply(budget("keep", {"app": "api"}, min_available=3))
    path = namespace.path("poddisruptionbudgets/keep", "policy/v1beta1")
    await until_async(lambda: namespace.client.get(path)["status"]["currentHealthy"] == 3)
    plan = await desk.plan(DRAIN, **NODE)
    assert any(
        "keep allows no eviction now (3 healthy, 3 wanted): it is waited for" in each for each in plan.warnings
    )
    running = asyncio.create_task(desk.run(plan))
    await until_async(lambda: any("needs 3 healthy pods" in each for each in desk.told))
    namespace.client.patch(path, {"spec": {"minAvailable": 2}})
    result = await running
    assert result.outcome is Outcome.SUCCEEDED and (await desk.verify(plan, result)).holds


@pytest.mark.parametrize("stop", [True, False])
async def test_what_is_left_is_told_when_it_is_stopped_or_time_is_up(
    own: tuple[Desk, Namespace], monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    monkeypatch.setattr(drain, "_TICK_S", 0.1)
    desk, namespace = own
    await spread(namespace)
    namespace.apply(budget("keep", {"app": "api"}, min_available=3))
    path = namespace.path("poddisruptionbudgets/keep", "policy/v1beta1")
    await until_async(lambda: namespace.client.get(path)["status"]["currentHealthy"] == 3)
    plan = await desk.plan(DRAIN, **NODE, within="1h" if stop else "1s")
    running = asyncio.create_task(desk.run(plan))
    await until_async(lambda: any("needs 3 healthy pods" in each for each in desk.told))
    desk.stop = stop
    result = await running
    assert result.outcome is Outcome.FAILED and "are left; the node stays cordoned" in result.summary
    assert result.summary.startswith("stopped on request" if stop else "not empty by the deadline")
    assert all("needs 3 healthy pods" in each for each in result.details) and result.details
    assert (await desk.verify(plan, result)).holds is False
    await desk.undo(plan, result)
    assert not closed(namespace)


async def test_what_would_be_lost_is_refused_unless_it_is_agreed_to(own: tuple[Desk, Namespace]) -> None:
    desk, namespace = own
    scratch: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    namespace.apply(pod("alone", nodeName="node-1"), pod("both", nodeName="node-1", volumes=scratch))
    for name in ("alone", "both"):
        await until_async(lambda name=name: namespace.get(f"pods/{name}")["status"]["phase"] == "Running")
    plan = await desk.plan(DRAIN, **NODE)
    where = namespace.name
    assert [each.reason for each in plan.refusals] == [
        f"nobody makes them again: {where}/alone, {where}/both",
        f"what is in their emptyDir volumes would be lost: {where}/both",
    ]
    partly = await desk.plan(DRAIN, **NODE, alone="yes")
    assert [each.hint for each in partly.refusals] == ["scratch=yes ends them all the same"]
    plan, _ = await desk.do(DRAIN, **NODE, alone="yes", scratch="yes")
    assert "--force --delete-emptydir-data" in plan.equivalent[0] and on(namespace, "node-1") == []


async def test_one_that_the_server_will_not_let_go_holds_up_no_other(own: tuple[Desk, Namespace]) -> None:
    desk, namespace = own
    for name in ("stuck", "other"):
        namespace.apply(pod(name, nodeName="node-1"))
    namespace.apply(*(budget(name, {"app": "stuck"}, min_available=0) for name in ("one", "two")))
    for name in ("stuck", "other"):
        await until_async(lambda name=name: namespace.get(f"pods/{name}")["status"]["phase"] == "Running")
    plan = await desk.plan(DRAIN, **NODE, alone="yes")
    result = await desk.run(plan)
    assert [each["metadata"]["name"] for each in on(namespace, "node-1")] == ["stuck"]
    assert result.outcome is Outcome.FAILED and result.summary.startswith("what is left may not be evicted; 1 of 2")
    (said,) = result.details
    assert said.startswith(f"{namespace.name}/stuck: ") and "more than one PodDisruptionBudget" in said


async def test_a_pod_that_came_after_the_plan_is_not_lost(own: tuple[Desk, Namespace]) -> None:
    desk, namespace = own
    await spread(namespace)
    plan = await desk.plan(DRAIN, **NODE)
    namespace.apply(pod("late", nodeName="node-1"))
    await until_async(lambda: namespace.get("pods/late")["status"]["phase"] == "Running")
    result = await desk.run(plan)
    assert result.outcome is Outcome.FAILED and result.summary.startswith("what is left may not be evicted")
    assert result.details == (f"{namespace.name}/late: nobody makes it again; it came after the plan",)

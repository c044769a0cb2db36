"""Pods cut off from everything and kept running, and let back; what replaces them, and what the network can do."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.adapters.kube.tending import ISOLATED
from cockpit.errors import Conflict, PermissionDenied, Refused
from cockpit.model.action import Grant, Outcome, Tier

from ....servers.kube.client import Object
from ....servers.kube.fixtures import Namespace, until_async
from ....servers.kube.things import rights, service, workload
from ..conftest import Desk, Desks

ISOLATE, REJOIN = "workloads.isolate", "workloads.rejoin"
API = {"workload": "deployment/api"}


def policies(namespace: Namespace) -> list[Object]:
    return namespace.client.items(namespace.path("networkpolicies", "networking.k8s.io/v1"))


def endpoints(namespace: Namespace) -> set[str]:
    subsets = namespace.get("endpoints/api").get("subsets", [])
    return {each["targetRef"]["name"] for subset in subsets for each in subset.get("addresses", [])}


def names(namespace: Namespace) -> set[str]:
    return {each["metadata"]["name"] for each in namespace.pods()}


async def serving(namespace: Namespace) -> set[str]:
    """Names of two pods behind a service."""
    namespace.apply(workload("api"), service("api", {"app": "api"}))
    await asyncio.to_thread(namespace.rolled_out, "api")
    await until_async(lambda: len(endpoints(namespace)) == 2)
    return names(namespace)


async def test_a_pod_is_cut_off_runs_on_and_comes_back(desk: Desk, namespace: Namespace) -> None:
    before = await serving(namespace)
    name = min(before)
    labels = namespace.get(f"pods/{name}")["metadata"]["labels"]
    plan, result = await desk.do(ISOLATE, pod=name)
    assert plan.tier is Tier.T3 and result.outcome is Outcome.SUCCEEDED
    assert plan.warnings[0].startswith(
        "whether the network of this cluster enforces network policies cannot be known"
    )
    assert "1 others are made at once, of the same image and configuration" in plan.warnings
    pod = namespace.get(f"pods/{name}")
    token = plan.identity["isolation"]
    assert pod["metadata"]["labels"] == {ISOLATED: token} and pod["status"]["phase"] == "Running"
    (policy,) = policies(namespace)
    assert policy["spec"] == {
        "podSelector": {"matchLabels": {ISOLATED: token}},
        "policyTypes": ["Ingress", "Egress"],
    }
    await until_async(lambda: len(endpoints(namespace)) == 2 and name not in endpoints(namespace))
    again = await desk.plan(ISOLATE, pod=name)
    assert [each.reason for each in again.refusals] == [f"pod/{name} is isolated already"]
    back, _ = await desk.undo(plan, result)
    assert back.objects[0].startswith(f"pod/{name} (") and policies(namespace) == []
    found = [each for each in namespace.pods() if each["metadata"]["name"] == name]
    assert all(each["metadata"]["labels"] == labels for each in found), "or the controller ended it as one too many"


async def test_a_workload_with_others_in_their_place(desk: Desk, namespace: Namespace) -> None:
    before = await serving(namespace)
    plan, result = await desk.do(ISOLATE, **API)
    assert len(plan.objects) == 2
    await asyncio.to_thread(namespace.rolled_out, "api")
    assert before < names(namespace) and len(names(namespace)) == 4
    assert {each["metadata"]["name"] for each in namespace.pods(ISOLATED)} == before
    row = await desk.plan(REJOIN, pod=min(before))
    assert row.refusals == () and len(row.objects) == 3
    await desk.undo(plan, result)
    assert namespace.pods(ISOLATED) == [] and policies(namespace) == []


async def test_a_workload_that_nothing_replaces_and_its_number_comes_back(desk: Desk, namespace: Namespace) -> None:
    before = await serving(namespace)
    plan, result = await desk.do(ISOLATE, **API, replacements="none")
    assert [(each.before, each.after) for each in plan.changes if each.what == "replicas"] == [("2", "0")]
    await until_async(lambda: names(namespace) == before)
    assert namespace.get("deployments/api", "apps/v1")["spec"]["replicas"] == 0
    await desk.undo(plan, result)
    assert namespace.get("deployments/api", "apps/v1")["spec"]["replicas"] == 2
    assert policies(namespace) == []


async def test_what_would_still_let_traffic_through_is_said(desk: Desk, namespace: Namespace) -> None:
    name = min(await serving(namespace))
    namespace.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "open"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
        }
    )
    plan = await desk.plan(ISOLATE, pod=name)
    assert "network policy open chooses every pod, and what it allows stays allowed" in plan.warnings


async def test_what_changed_since_the_plan_is_left_alone_and_the_way_back_is_kept(
    desk: Desk, namespace: Namespace
) -> None:
    first, second = sorted(await serving(namespace))
    plan = await desk.plan(ISOLATE, **API)
    namespace.client.patch(namespace.path(f"pods/{second}"), {"metadata": {"labels": {"seen": "by-somebody"}}})
    result = await desk.run(plan)
    assert result.outcome is Outcome.FAILED and result.summary.startswith("stopped after 2 of 3 requests")
    assert {each["metadata"]["name"] for each in namespace.pods(ISOLATED)} == {first}
    assert (await desk.verify(plan, result)).holds is False
    await desk.undo(plan, result)
    assert policies(namespace) == []
    one = await desk.plan(ISOLATE, pod=second)
    policy = one.basis["changes"][0]  # type: ignore[index]
    await policy.send(desk.kube.gateway)
    with pytest.raises(Conflict):
        await desk.run(one)


async def test_who_may_not(desk_of: Desks, namespace: Namespace) -> None:
    name = min(await serving(namespace))
    reads = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    namespace.apply(*rights("reading", "viewer", reads))
    desk = desk_of("viewer")
    plan = await desk.plan(ISOLATE, pod=name)
    assert plan.permission.grant is Grant.DENIED
    assert f"create networkpolicies.networking.k8s.io in {namespace.name}" in plan.permission.needs
    assert (
        "other network policies cannot be seen: one that chooses every pod may let traffic through" in plan.warnings
    )
    for change in plan.basis["changes"]:  # type: ignore[attr-defined]
        with pytest.raises(PermissionDenied):
            await change.send(desk.kube.gateway)
    assert policies(namespace) == [] and namespace.pods(ISOLATED) == []


async def test_refusals(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("none", replicas=0))
    assert [each.reason for each in (await desk.plan(ISOLATE, workload="deployment/none")).refusals] == [
        "deployment/none has no running pods"
    ]
    with pytest.raises(Refused, match="no workload and no pod was named"):
        await desk.plan(ISOLATE)
    name = min(await serving(namespace))
    assert [each.step for each in (await desk.plan(ISOLATE, pod=name, uid="of-the-row")).refusals] == ["identity"]
    with pytest.raises(Refused, match="is not isolated"):
        await desk.plan(REJOIN, pod=name)
    gone = await desk.plan(REJOIN, isolation="0123456789")
    assert [each.reason for each in gone.refusals] == ["nothing is left of isolation 0123456789"]

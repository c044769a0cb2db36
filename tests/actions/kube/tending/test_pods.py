"""Evicting a pod as its budget allows, and clearing those that failed: just the pods that were agreed to."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.errors import Conflict, PermissionDenied, RateLimited
from cockpit.model.action import Grant, Outcome, Plan, Tier
from cockpit.profile.schema import Limits

from ....servers.kube.fixtures import Namespace, until_async
from ....servers.kube.things import budget, pod, rights, workload
from ..conftest import Desk, Desks

EVICT, CLEAR = "workloads.evict", "workloads.clear_failed"


def names(namespace: Namespace) -> list[str]:
    return sorted(each["metadata"]["name"] for each in namespace.pods())


async def deployed(namespace: Namespace, replicas: int = 2) -> str:
    """The name of one of its pods."""
    namespace.apply(workload("api", replicas=replicas))
    await asyncio.to_thread(namespace.rolled_out, "api")
    return names(namespace)[0]


async def guarded(namespace: Namespace, least: int) -> None:
    namespace.apply(budget("keep", {"app": "api"}, min_available=least))
    await until_async(
        lambda: namespace.get("poddisruptionbudgets/keep", "policy/v1beta1")["status"]["currentHealthy"] == 2
    )


async def test_an_evicted_pod_is_replaced(desk: Desk, namespace: Namespace) -> None:
    name = await deployed(namespace)
    await guarded(namespace, 1)
    plan, result = await desk.do(EVICT, pod=name)
    assert plan.tier is Tier.T2 and plan.dry_run == "the API server accepts it (dryRun=All)"
    assert plan.warnings == ("budget keep: 1 may be evicted now (2 healthy, 1 wanted)",)
    assert "ReplicaSet api-" in plan.changes[0].after and plan.undo.request is None
    assert result.outcome is Outcome.SUCCEEDED and "2 pods of ReplicaSet" in result.summary
    assert name not in names(namespace) and len(names(namespace)) == 2


async def test_a_budget_says_no_in_its_own_words_before_and_at_the_time(desk: Desk, namespace: Namespace) -> None:
    name = await deployed(namespace)
    planned = await desk.plan(EVICT, pod=name)
    await guarded(namespace, 2)
    with pytest.raises(RateLimited, match="The disruption budget keep needs 2 healthy pods and has 2 currently"):
        await desk.run(planned)
    refused = await desk.plan(EVICT, pod=name)
    assert [each.step for each in refused.refusals] == ["disruption budget"]
    assert "needs 2 healthy pods" in refused.refusals[0].reason
    assert name in names(namespace)


async def test_a_pod_that_nobody_makes_again_is_told_of(desk: Desk, namespace: Namespace) -> None:
    volumes = [{"name": "scratch", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "x", "optional": True}}]
    namespace.apply(pod("alone", volumes=volumes))
    await until_async(lambda: namespace.get("pods/alone")["status"]["phase"] == "Running")
    plan, result = await desk.do(EVICT, pod="alone")
    assert plan.warnings == (
        "nobody makes it again: it has no controller",
        "what is in its emptyDir volumes is lost: scratch",
    )
    assert result.summary == "pod/alone was evicted: it is gone"


async def test_another_pod_of_the_same_name_is_left_alone(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("db", kind="StatefulSet", replicas=1))
    await asyncio.to_thread(namespace.rolled_out, "db", "statefulsets")
    plan = await desk.plan(EVICT, pod="db-0")
    uid = namespace.get("pods/db-0")["metadata"]["uid"]
    namespace.client.delete(namespace.path("pods/db-0"))
    await until_async(lambda: namespace.get("pods/db-0")["metadata"]["uid"] != uid)
    await asyncio.to_thread(namespace.rolled_out, "db", "statefulsets")
    there = namespace.get("pods/db-0")["metadata"]["uid"]
    with pytest.raises(Conflict):
        await desk.run(plan)
    assert namespace.get("pods/db-0")["metadata"]["uid"] == there
    row = await desk.plan(EVICT, pod="db-0", uid="of-the-row")
    assert [each.step for each in row.refusals] == ["identity"]


async def failed(namespace: Namespace, evicted: int = 2, crashed: int = 1) -> None:
    namespace.apply(workload("api", replicas=1))
    for number in range(evicted):
        namespace.apply(pod(f"evicted-{number}", notes={"fake-node/behaviour": "evict"}))
    for number in range(crashed):
        namespace.apply(pod(f"crashed-{number}"))
        status = {"status": {"phase": "Failed", "reason": "Error"}}
        await until_async(lambda at=number: namespace.get(f"pods/crashed-{at}")["status"]["phase"] == "Running")
        namespace.client.patch(namespace.path(f"pods/crashed-{number}/status"), status)
    query = {"fieldSelector": "status.phase=Failed"}
    await until_async(lambda: len(namespace.get("pods", **query)["items"]) == evicted + crashed)
    await asyncio.to_thread(namespace.rolled_out, "api")


async def test_failed_pods_are_deleted_and_no_other(desk: Desk, namespace: Namespace) -> None:
    await failed(namespace)
    only = await desk.plan(CLEAR, only="evicted")
    assert [each.partition(" ")[0] for each in only.objects] == ["pod/evicted-0", "pod/evicted-1"]
    plan, result = await desk.do(CLEAR)
    assert plan.title == "Delete 3 failed pods" and "2 Evicted" in plan.affected
    assert result.summary == "3 deleted, 0 skipped of 3"
    assert [each.partition("-")[0] for each in names(namespace)] == ["api"]
    nothing = await desk.plan(CLEAR)
    assert [each.reason for each in nothing.refusals] == ["no pod of this namespace has failed"]


async def test_the_list_is_the_one_that_was_agreed_to(desk: Desk, namespace: Namespace) -> None:
    await failed(namespace, evicted=2, crashed=0)
    plan = await desk.plan(CLEAR)
    namespace.client.delete(namespace.path("pods/evicted-0"), {"gracePeriodSeconds": 0})
    namespace.apply(pod("late", notes={"fake-node/behaviour": "evict"}))
    await until_async(lambda: namespace.get("pods/late")["status"]["phase"] == "Failed")
    again = await desk.planned(plan.request)
    assert again.digest == plan.digest and "1 of them are gone and will be skipped" in again.warnings
    result = await desk.run(plan)
    assert result.summary == "1 deleted, 1 skipped of 2"
    assert "late" in names(namespace) and (await desk.verify(plan, result)).holds


async def test_over_the_cap_it_weighs_more_and_it_stops_when_asked(desk_of: Desks, namespace: Namespace) -> None:
    await failed(namespace, evicted=3, crashed=0)
    desk = desk_of(limits=Limits(pods=2))
    plan = await desk.plan(CLEAR)
    assert plan.tier is Tier.T3 and plan.warnings[0] == "3 pods are over the cap of 2: needs T3"
    desk.stop = True
    result = await desk.run(plan)
    assert result.outcome is Outcome.FAILED and result.summary.startswith("stopped on request after 0 of 3")


async def test_who_may_not(desk_of: Desks, namespace: Namespace) -> None:
    await failed(namespace, evicted=1, crashed=0)
    reads = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    namespace.apply(*rights("reading", "viewer", reads))
    desk = desk_of("viewer")
    evict, clear = await desk.plan(EVICT, pod=names(namespace)[0]), await desk.plan(CLEAR)
    needs: list[tuple[Plan, str]] = [(evict, "create pods/eviction"), (clear, "delete pods")]
    for plan, right in needs:
        assert plan.permission.grant is Grant.DENIED and plan.permission.needs == f"{right} in {namespace.name}"
        assert [each.step for each in plan.refusals] == ["permission"]
    assert "disruption budgets cannot be seen; the server asks them all the same" in evict.warnings
    with pytest.raises(PermissionDenied):
        await evict.basis["change"].send(desk.kube.gateway)  # type: ignore[attr-defined]
    assert len(names(namespace)) == 2

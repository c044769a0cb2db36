"""How many pods: the effect, what a quota and an autoscaler do about it, and none at all."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.model.action import Outcome, Tier

from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import autoscaler, budget, quota, service, workload
from .conftest import Desk

API = {"workload": "deployment/api"}


def wanted(namespace: Namespace, kind: str = "deployments") -> int:
    return int(namespace.get(f"{kind}/api", "apps/v1")["spec"]["replicas"])


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
async def test_up_down_to_none_and_back_each_time(desk: Desk, namespace: Namespace, kind: str) -> None:
    namespace.apply(workload("api", kind=kind, replicas=1), service("api", {"app": "api"}))
    plural = f"{kind.lower()}s"
    await asyncio.to_thread(namespace.rolled_out, "api", plural)
    ref = f"{kind.lower()}/api"
    plan, result = await desk.do("scale", workload=ref, replicas="3")
    assert plan.tier is Tier.T2 and result.outcome is Outcome.SUCCEEDED and wanted(namespace, plural) == 3
    assert "--replicas=3 --current-replicas=1" in plan.equivalent[0]
    await desk.undo(plan, result)
    assert wanted(namespace, plural) == 1
    none, result = await desk.do("scale", workload=ref, replicas="0")
    assert none.tier is Tier.T3 and "no pod is left" in none.affected and "service/api" in none.affected
    await until_async(lambda: not namespace.pods())
    await desk.undo(none, result)
    assert wanted(namespace, plural) == 1


async def test_the_way_back_is_void_once_somebody_else_scaled(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("api", replicas=1))
    plan, _ = await desk.do("scale", **API, replicas="2")
    namespace.client.patch(namespace.path("deployments/api/scale", "apps/v1"), {"spec": {"replicas": 3}})
    assert plan.undo.request is not None
    again = await desk.planned(plan.undo.request)
    assert [each.reason for each in again.refusals] == ["it was scaled since: 3 pods are wanted, not 2"]


async def test_what_a_quota_has_no_room_for_is_refused_and_the_rest_is_said(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("api", replicas=1))
    await asyncio.to_thread(namespace.rolled_out, "api")
    namespace.apply(quota("most", pods="3", requests_cpu="1"))
    await until_async(lambda: namespace.get("resourcequotas/most")["status"]["used"]["pods"] == "1")
    plan = await desk.plan("scale", **API, replicas="6")
    (refusal,) = plan.refusals
    assert refusal.reason == "quota most has room for 2 more pods (pods: used 1 of 3), not for 5"
    assert refusal.hint.startswith("3 would fit")
    plan = await desk.plan("scale", **API, replicas="3")
    assert plan.refusals == ()


async def test_a_quota_that_comes_in_between_ends_it_with_the_words_of_the_server(
    desk: Desk, namespace: Namespace
) -> None:
    namespace.apply(workload("api", replicas=1))
    await asyncio.to_thread(namespace.rolled_out, "api")
    plan = await desk.plan("scale", **API, replicas="4")
    namespace.apply(quota("most", pods="2"))
    await until_async(lambda: namespace.get("resourcequotas/most")["status"]["used"]["pods"] == "1")
    result = await desk.run(plan)
    assert result.outcome is Outcome.FAILED and "exceeded quota: most" in result.summary
    await desk.undo(plan, result)
    assert wanted(namespace) == 1


async def test_an_autoscaler_and_a_budget_are_named(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("api", replicas=3), autoscaler("api", "api", 2, 5))
    namespace.apply(budget("keep", {"app": "api"}, min_available=2))
    await asyncio.to_thread(namespace.rolled_out, "api")
    await until_async(
        lambda: namespace.get("poddisruptionbudgets/keep", "policy/v1beta1")["status"]["desiredHealthy"]
    )
    high, low, none = [await desk.plan("scale", **API, replicas=each) for each in ("9", "1", "0")]
    assert "autoscaler api (2 to 5) takes this back within seconds, to 5" in high.warnings[0]
    assert "takes this back within seconds, to 2" in low.warnings[0]
    assert low.warnings[1] == "budget keep wants 2 healthy pods; a scale-down does not ask it"
    assert "autoscaler api (2 to 5) is off while there are 0 pods" in none.warnings[0]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"replicas": "-1"}, "there cannot be fewer than no pods"),
        ({"replicas": "2"}, "2 pods are wanted already"),
        ({"replicas": "3", "expect": "5"}, "it was scaled since: 2 pods are wanted, not 5"),
        ({"replicas": "3", "uid": "another"}, "deployment/api was deleted and made again"),
    ],
)
async def test_refusals(desk: Desk, namespace: Namespace, params: dict[str, str], said: str) -> None:
    namespace.apply(workload("api"))
    plan = await desk.plan("scale", **API, **params)
    assert [each.reason for each in plan.refusals] == [said]

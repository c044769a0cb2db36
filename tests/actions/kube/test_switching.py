"""Blue and green: switched once the other is ready, the endpoints follow, and back; the live one is not deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cockpit.errors import Refused
from cockpit.model.action import Outcome, Tier

from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import service, workload
from .conftest import Desk

GREEN = {"workload": "deployment/api-green"}
BLUE = {"workload": "deployment/api-blue"}


def colour(name: str, replicas: int = 2, **more: Any) -> Mapping[str, Any]:
    labels = {"app": "api", "version": name}
    return workload(f"api-{name}", f"reg.test/api:{name}", replicas=replicas, labels=labels, **more)


def live(namespace: Namespace) -> dict[str, str]:
    return dict(namespace.get("services/api")["spec"]["selector"])


async def blue_and_green(namespace: Namespace, **more: Any) -> None:
    namespace.apply(colour("blue"), colour("green", **more), service("api", {"app": "api", "version": "blue"}))
    await asyncio.to_thread(namespace.rolled_out, "api-blue")
    if not more:
        await asyncio.to_thread(namespace.rolled_out, "api-green")


async def test_switch_and_back_and_the_endpoints_follow(desk: Desk, namespace: Namespace) -> None:
    await blue_and_green(namespace)
    plan, result = await desk.do("switch", **GREEN)
    assert plan.title == "Switch service/api to deployment/api-green"
    assert [(each.what, each.before, each.after) for each in plan.changes] == [("selector version", "blue", "green")]
    assert "in place of deployment/api-blue (2 ready)" in plan.affected
    assert result.outcome is Outcome.SUCCEEDED and result.summary.endswith(
        "2 ready endpoints, all of deployment/api-green"
    )
    assert live(namespace) == {"app": "api", "version": "green"}
    back, result = await desk.undo(plan, result)
    assert live(namespace) == {"app": "api", "version": "blue"}
    forth, _ = await desk.undo(back, result)
    assert live(namespace) == {"app": "api", "version": "green"} and forth.request.get("service") == "api"


async def test_nobody_ready_is_refused(desk: Desk, namespace: Namespace) -> None:
    await blue_and_green(namespace, notes={"fake-node/behaviour": "unready"})
    plan = await desk.plan("switch", **GREEN)
    (refusal,) = plan.refusals
    assert refusal.reason.startswith("no pod of deployment/api-green is ready: the service would have no endpoint")
    assert live(namespace)["version"] == "blue"


async def test_a_named_port_that_the_new_pods_do_not_have_is_refused(desk: Desk, namespace: Namespace) -> None:
    await blue_and_green(namespace)
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    namespace.client.patch(namespace.path("services/api"), {"spec": {"ports": ports}})
    plan = await desk.plan("switch", **GREEN)
    assert "have no port named web" in plan.refusals[0].reason


async def test_a_selector_as_a_runbook_has_it(desk: Desk, namespace: Namespace) -> None:
    await blue_and_green(namespace)
    plan, result = await desk.do("switch", service="api", selector="version=green")
    assert plan.title == "Switch service/api to deployment/api-green" and live(namespace)["version"] == "green"
    added, result = await desk.do("switch", service="api", selector="version-")
    assert live(namespace) == {"app": "api"} and "several workloads" in added.warnings[0]
    await desk.undo(added, result)
    assert live(namespace) == {"app": "api", "version": "green"}
    again = await desk.plan("switch", service="api", selector="version=green")
    assert [each.reason for each in again.refusals] == ["deployment/api-green is live already"]
    late = await desk.plan("switch", service="api", selector="version=blue", expect="version=blue")
    assert "was switched since" in late.refusals[0].reason


async def test_which_service_is_meant_is_not_guessed(desk: Desk, namespace: Namespace) -> None:
    await blue_and_green(namespace)
    namespace.apply(service("api-internal", {"app": "api", "version": "blue"}))
    with pytest.raises(Refused, match="could be live behind"):
        await desk.plan("switch", **GREEN)
    assert (await desk.plan("switch", **GREEN, service="api-internal")).refusals == ()
    other = await desk.plan("switch", service="api")
    assert other.title == "Switch service/api to deployment/api-green", "the only other colour"
    with pytest.raises(Refused, match="is a colour of no service"):
        await desk.plan("switch", workload="deployment/none")


async def test_the_live_colour_is_not_deleted_and_the_other_can_be_made_again(
    desk: Desk, namespace: Namespace
) -> None:
    await blue_and_green(namespace)
    plan = await desk.plan("delete", **BLUE)
    assert plan.tier is Tier.T3
    (refusal,) = plan.refusals
    assert refusal.reason == "deployment/api-blue is live: 2 of the 2 pods ready behind service/api are its own"
    spec = namespace.get("deployments/api-green", "apps/v1")["spec"]
    plan, result = await desk.do("delete", **GREEN)
    assert result.outcome is Outcome.SUCCEEDED
    await until_async(lambda: not namespace.pods("version=green"))
    again, _ = await desk.undo(plan, result)
    assert again.request.action == "workloads.create"
    assert namespace.get("deployments/api-green", "apps/v1")["spec"] == spec
    there = await desk.planned(again.request)
    assert [each.reason for each in there.refusals] == ["deployment/api-green is there"]


async def test_the_only_way_back_of_a_service_that_is_down_is_not_deleted(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(colour("blue", 0), service("api", {"app": "api"}))
    plan = await desk.plan("delete", **BLUE)
    assert plan.refusals[0].reason == "nothing else is ready behind service/api, which chooses deployment/api-blue"


async def test_plain_values_of_what_was_deleted_are_nowhere_but_in_memory(desk: Desk, namespace: Namespace) -> None:
    container = {"name": "app", "image": "reg.test/api:v1", "env": [{"name": "PASSWORD", "value": "never-shown"}]}
    namespace.apply(workload("api", containers=[container]))
    await asyncio.to_thread(namespace.rolled_out, "api")
    plan, result = await desk.do("delete", workload="deployment/api")
    assert "kept in memory only" in plan.warnings[0]
    shown = (plan.operation, plan.changes, plan.undo, result.details, plan.request)
    assert "never-shown" not in repr(shown) and "PASSWORD" in repr(result.details)
    again, _ = await desk.undo(plan, result)
    assert "never-shown" not in repr((again.operation, again.changes, again.request))
    made = namespace.get("deployments/api", "apps/v1")["spec"]["template"]
    assert made["spec"]["containers"][0]["env"] == container["env"]

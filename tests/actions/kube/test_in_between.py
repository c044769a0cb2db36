"""Every action as one who may not, on what was changed or made anew since it was planned, and without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cockpit.errors import CockpitError, Conflict, PermissionDenied
from cockpit.model.action import Grant, Outcome, Plan

from ...servers.kube.fixtures import Namespace, make_namespace, until_async
from ...servers.kube.server import KubeServer
from ...servers.kube.things import rights, workload
from .conftest import Desk, Desks, desk_on
from .stage import DEEDS, NAMES, READS, WRITES, path, set_image, set_up, state, things


async def plans(desk: Desk) -> dict[str, Plan]:
    return {action: await desk.plan(action, **params) for action, params in DEEDS.items()}


async def refused_by(desk: Desk, plan: Plan) -> CockpitError | None:
    """The error of running it, None where there was none."""
    try:
        await desk.run(plan)
    except CockpitError as error:
        return error
    return None


async def test_who_may_only_read_is_told_what_is_missing_and_changes_nothing(
    desk_of: Desks, namespace: Namespace
) -> None:
    await set_up(namespace)
    namespace.apply(*rights("reading", "viewer", READS))
    desk, before = desk_of("viewer"), state(namespace)
    for action, plan in (await plans(desk)).items():
        verb, resource = {
            "switch": ("patch", "services"),
            "delete": ("delete", "deployments.apps"),
            "scale": ("patch", "deployments.apps/scale"),
        }.get(action, ("patch", "deployments.apps"))
        assert plan.permission.grant is Grant.DENIED
        assert plan.permission.needs == f"{verb} {resource} in {namespace.name}"
        assert f"--verb={verb} --resource={resource}" in plan.permission.how
        assert [each.step for each in plan.refusals] == ["permission"], (action, plan.refusals)
        change = plan.basis["change"]
        with pytest.raises(PermissionDenied):
            await change.send(desk.kube.gateway)  # type: ignore[attr-defined]  # a KubeChange
    assert state(namespace) == before


async def test_the_documented_rights_are_enough_and_what_may_not_be_seen_is_said(
    desk_of: Desks, namespace: Namespace
) -> None:
    await set_up(namespace)
    namespace.apply(*rights("acting", "responder", [*READS[:3], *WRITES]))
    desk = desk_of("responder")
    scaled = await desk.plan("scale", **DEEDS["scale"])
    assert "autoscalers cannot be seen (missing: list horizontalpodautoscalers.autoscaling)" in scaled.warnings[0]
    for action, params in DEEDS.items():
        plan, result = await desk.do(action, **params)
        assert result.outcome is Outcome.SUCCEEDED, action
        if plan.undo.request is not None:
            await desk.undo(plan, result)


async def test_what_was_changed_since_the_plan_is_left_alone(desk: Desk, namespace: Namespace) -> None:
    await set_up(namespace)
    planned = await plans(desk)
    for name in ("api", "held", "spare"):
        set_image(namespace, name, "changed")
    admin = namespace.client
    admin.patch(namespace.path("deployments/api/scale", "apps/v1"), {"spec": {"replicas": 2}})
    admin.patch(namespace.path("services/live"), {"spec": {"selector": {"tier": "web"}}})
    before = state(namespace)
    for action, plan in planned.items():
        error = await refused_by(desk, plan)
        assert isinstance(error, Conflict) and not error.effect_possible, (action, error)
        again = await desk.planned(plan.request)
        assert again.digest != plan.digest, action
    assert state(namespace) == before


async def test_what_was_made_anew_under_the_same_name_is_left_alone(desk: Desk, namespace: Namespace) -> None:
    await set_up(namespace)
    planned = await plans(desk)
    for name in NAMES:
        namespace.client.delete(path(namespace, name), {"propagationPolicy": "Background"})
    namespace.client.delete(namespace.path("services/live"))
    namespace.apply(*things())
    for name in NAMES:
        await asyncio.to_thread(namespace.rolled_out, name)
    before = state(namespace)
    for action, plan in planned.items():
        error = await refused_by(desk, plan)
        assert isinstance(error, Conflict), (action, error)
        assert (await desk.planned(plan.request)).digest != plan.digest, action
    row = await desk.plan("restart", workload="deployment/api", uid="that-of-the-row")
    assert [each.step for each in row.refusals] == ["identity"]
    assert state(namespace) == before


@pytest.mark.timeout(300)  # a cluster of its own
async def test_an_answer_that_does_not_come_is_unknown_and_nothing_is_sent_again(
    start_cluster: Callable[..., KubeServer],
) -> None:
    server = start_cluster(audit=True, nodes=1, extensions=())
    namespace = make_namespace(server)
    namespace.apply(workload("api", replicas=1))
    await asyncio.to_thread(namespace.rolled_out, "api")
    async with desk_on(namespace, timeout="1s") as desk:
        plan = await desk.plan("restart", workload="deployment/api")
        server.pause_api()
        change = plan.basis["change"]
        with pytest.raises(CockpitError) as hung:
            await change.send(desk.kube.gateway)  # type: ignore[attr-defined]
        server.resume_api()
        assert hung.value.effect_possible and "may have happened" in str(hung.value)

        later = await desk.plan("scale", workload="deployment/api", replicas="2")
        server.stop_api()
        with pytest.raises(CockpitError) as gone:
            await later.basis["change"].send(desk.kube.gateway)  # type: ignore[attr-defined]
        assert isinstance(gone.value, CockpitError)
        await asyncio.to_thread(server.start_api)
        patches = [
            each
            for each in server.requests("admin")
            if each["verb"] == "patch" and "dryRun" not in each["requestURI"]
        ]
        assert len([each for each in patches if each["objectRef"]["name"] == "api"]) <= 1


@pytest.mark.timeout(300)  # a cluster of its own
async def test_a_rollout_is_followed_over_a_restart_of_the_api_server(
    start_cluster: Callable[..., KubeServer],
) -> None:
    server = start_cluster(nodes=1, extensions=(), ready_s=3.0)
    namespace = make_namespace(server)
    namespace.apply(workload("api", replicas=2))
    await asyncio.to_thread(namespace.rolled_out, "api")
    async with desk_on(namespace, timeout="2s") as desk:
        plan = await desk.plan("restart", workload="deployment/api")
        running = asyncio.create_task(desk.run(plan))
        await until_async(lambda: any("new pods have been made" in each for each in desk.told))
        await asyncio.to_thread(server.restart_api)
        result = await running
        assert result.outcome is Outcome.SUCCEEDED, result
        assert any("looking again" in each for each in desk.told)

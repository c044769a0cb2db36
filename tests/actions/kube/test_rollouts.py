"""Roll back, restart, image, pause: what they do to the real API server, and how they are taken back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cockpit.adapters.kube import rollout
from cockpit.model.action import Outcome

from ...servers.kube.fixtures import Namespace
from ...servers.kube.things import workload
from .conftest import Desk

API = {"workload": "deployment/api"}
IMAGE = "reg.test/api"


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "LOOK_S", 0.2)


async def rolled_out(namespace: Namespace, name: str = "api", kind: str = "deployments") -> None:
    await asyncio.to_thread(namespace.rolled_out, name, kind)


async def deployed(namespace: Namespace, *versions: str, kind: str = "Deployment", **more: Any) -> None:
    """One revision after the other."""
    for version in versions:
        namespace.apply(workload("api", f"{IMAGE}:{version}", kind=kind, **more))
        await rolled_out(namespace, kind=f"{kind.lower()}s")


def image(namespace: Namespace, kind: str = "deployments") -> str:
    found = namespace.get(f"{kind}/api", "apps/v1")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).removeprefix(f"{IMAGE}:")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
async def test_undo_goes_to_the_revision_that_it_names_and_back(desk: Desk, namespace: Namespace, kind: str) -> None:
    await deployed(namespace, "v1", "v2", kind=kind)
    ref, plural = f"{kind.lower()}/api", f"{kind.lower()}s"
    plan, result = await desk.do("undo", workload=ref)
    assert plan.request.get("revision") == "1" and "revision 1" in plan.title
    assert [(each.what, each.before, each.after) for each in plan.changes] == [
        ("image app", f"{IMAGE}:v2", f"{IMAGE}:v1")
    ]
    assert result.outcome is Outcome.SUCCEEDED and image(namespace, plural) == "v1"
    assert plan.equivalent[0].endswith(f"rollout undo {ref} --to-revision=1")
    assert plan.dry_run == "the API server accepts it (dryRun=All)"
    back, _ = await desk.undo(plan, result)
    assert back.request.get("revision") == "2" and image(namespace, plural) == "v2"


async def test_undo_twice_does_not_toggle(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1", "v2", "v3")
    await desk.do("undo", **API)
    assert image(namespace) == "v2"
    again = await desk.plan("undo", **API)
    assert [each.reason for each in again.refusals] == [
        "it was rolled back already, to revision 4: 3 is the one that was left"
    ]
    named = await desk.plan("undo", **API, revision="3")
    assert named.refusals == () and "this goes forward" in named.warnings[0]
    await desk.do("undo", **API, revision="1")
    assert image(namespace) == "v1"


async def test_pods_that_crash_end_it_long_before_the_deadline_and_the_way_back_is_kept(
    desk: Desk, namespace: Namespace
) -> None:
    await deployed(namespace, "v1")
    plan = await desk.plan("image", **API, image=f"{IMAGE}:crash")
    result = await desk.run(plan)
    assert (result.outcome is Outcome.FAILED and "CrashLoopBackOff" in result.summary) or "exit" in result.summary
    assert (await desk.verify(plan, result)).holds is False
    await desk.undo(plan, result)
    assert image(namespace) == "v1"


async def test_restart(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1")
    before = {pod["metadata"]["uid"] for pod in namespace.pods()}
    plan, result = await desk.do("restart", **API)
    after = {pod["metadata"]["uid"] for pod in namespace.pods()}
    assert result.outcome is Outcome.SUCCEEDED and len(after) == 2 and not before & after
    assert plan.undo.request is None
    again = await desk.planned(plan.request)
    assert again.request.get("at") == plan.request.get("at")

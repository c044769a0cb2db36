"""Roll back, restart, image, pause: what they do to the real API server, and how they are taken back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cockpit.actions.handler import Choosing
from cockpit.adapters.kube import rollout
from cockpit.adapters.kube.errors import Expired
from cockpit.errors import Refused
from cockpit.model.action import Outcome

from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import container, quota, service, workload
from .conftest import Desk

API = {"workload": "deployment/api"}
IMAGE = "reg.test/api"
TEMPLATE_CHANGED = "the pod template of deployment/api was changed since the row was drawn"


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
    assert plan.lock == f"workloads/main/{ref}", "others may act on other workloads while it is followed"
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
    assert named.refusals == ()
    said = named.warnings[0]  # by the second in which each was made
    assert (
        said.endswith(": this goes forward")
        or said == "revision 4 had run before 3 and came back: this leaves it again"
    )
    await desk.do("undo", **API, revision="1")
    assert image(namespace) == "v1"


async def test_what_was_deployed_a_second_time_is_not_called_older(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1", "v2", "v1", "v2")
    plan = await desk.plan("undo", **API, revision="3")
    assert plan.refusals == () and "newer" not in repr(plan.warnings)
    assert plan.warnings[0] == "revision 4 had run before 3 and came back: this leaves it again"


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


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
async def test_restart(desk: Desk, namespace: Namespace, kind: str) -> None:
    await deployed(namespace, "v1", kind=kind)
    before = {pod["metadata"]["uid"] for pod in namespace.pods()}
    plan, result = await desk.do("restart", workload=f"{kind.lower()}/api")
    after = {pod["metadata"]["uid"] for pod in namespace.pods()}
    assert result.outcome is Outcome.SUCCEEDED and len(after) == 2 and not before & after
    assert plan.undo.request is None
    again = await desk.planned(plan.request)
    assert again.request.get("at") == plan.request.get("at")


async def test_a_rollout_that_is_not_at_its_end_by_the_deadline_is_unknown(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1")
    plan = await desk.plan("image", **API, image=f"{IMAGE}:unready")
    result = await desk.run(replace(plan, deadline_s=6.0))
    assert result.outcome is Outcome.UNKNOWN and "not at its end after 6 s: 1 of 2 new pods" in result.summary
    assert "it goes on by itself" in result.summary and (await desk.verify(plan, result)).holds is None
    await desk.undo(plan, result)


async def test_a_watch_that_ends_or_is_too_old_is_begun_again(
    desk: Desk, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployed(namespace, "v1")
    plan = await desk.plan("restart", **API)
    real, opened = desk.kube.gateway.watch, []

    async def watch(path: str, version: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any]]:
        opened.append(version)
        if len(opened) == 1:
            return
        if len(opened) == 2:
            raise Expired("too old")
        async for event in real(path, version, query):
            yield event

    monkeypatch.setattr(desk.kube.gateway, "watch", watch)
    result = await desk.run(plan)
    assert result.outcome is Outcome.SUCCEEDED and len(opened) == 3


async def test_a_workload_that_is_deleted_meanwhile_ends_it(
    desk: Desk, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployed(namespace, "v1")
    plan = await desk.plan("image", **API, image=f"{IMAGE}:unready")
    running = asyncio.create_task(desk.run(plan))
    await until_async(lambda: any("new pods" in each for each in desk.told))
    path = namespace.path("deployments/api", "apps/v1")
    await asyncio.to_thread(namespace.client.delete, path)
    result = await running
    assert result.outcome is Outcome.FAILED and "deployment/api was deleted meanwhile" in result.summary
    assert (await desk.verify(plan, result)).holds is False


async def test_what_can_be_chosen(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1", "v2")
    undo, image_of = desk.handlers["workloads.undo"], desk.handlers["workloads.image"]
    assert isinstance(undo, Choosing) and isinstance(image_of, Choosing)
    (first,) = await undo.choices_among("revision", API)
    assert first.value == "1" and first.recommended and "api:v1" in first.label
    assert [each.value for each in await image_of.choices_among("container", API)] == ["app"]
    assert [each.value for each in await undo.choices("workload")] == ["deployment/api"]


async def test_a_tag_that_a_pod_runs_is_set_by_its_digest_and_taken_back_as_it_was_written(
    desk: Desk, namespace: Namespace
) -> None:
    await deployed(namespace, "v1")
    namespace.apply(workload("other", f"{IMAGE}:v2", replicas=1))
    await rolled_out(namespace, "other")
    digest = hashlib.sha256(f"{IMAGE}:v2".encode()).hexdigest()
    plan, result = await desk.do("image", **API, image=f"{IMAGE}:v2")
    found = namespace.get("deployments/api", "apps/v1")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == f"{IMAGE}@sha256:{digest}"
    assert f"set by the digest that pod {namespace.pods('app=other')[0]['metadata']['name']} runs" in plan.warnings[0]
    assert found["metadata"]["annotations"]["kubernetes.io/change-cause"].endswith(digest)
    assert (await desk.planned(plan.request)).refusals[0].reason == "deployment/api has this image already"
    await desk.undo(plan, result)
    assert image(namespace) == "v1"


async def test_a_tag_that_nobody_runs_may_move_and_that_is_said(desk: Desk, namespace: Namespace) -> None:
    namespace.apply(workload("api", f"{IMAGE}:v1", containers=[container("api", "a:1"), container("proxy", "b:1")]))
    plan = await desk.plan("image", **API, image=f"{IMAGE}:v9", container="api")
    assert plan.request.get("image") == f"{IMAGE}:v9" and "a tag may move" in plan.warnings[0]
    exact = await desk.plan("image", **API, image=f"{IMAGE}@sha256:{'0' * 64}", container="api")
    assert exact.refusals == () and not any("tag" in each for each in exact.warnings)
    several = await desk.plan("image", **API, image=f"{IMAGE}:v9")
    assert several.refusals[0].hint == "container is one of: api, proxy"
    wrong = await desk.plan("image", **API, image="no image")
    assert wrong.refusals[0].step == "parameters"


async def test_pause_holds_back_what_resume_lets_out(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1")
    paused, result = await desk.do("pause", **API)
    assert namespace.get("deployments/api", "apps/v1")["spec"]["paused"] is True
    for action, params in (("undo", {}), ("restart", {}), ("image", {"image": f"{IMAGE}:v3"})):
        refused = await desk.plan(action, **API, **params)
        assert refused.refusals, action
    assert "is paused" in (await desk.plan("restart", **API)).refusals[0].reason
    change = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{IMAGE}:v2"}]
    namespace.client.patch(namespace.path("deployments/api", "apps/v1"), change, "json")
    resumed = await desk.plan("resume", **API)
    assert [each.what for each in resumed.changes] == ["paused", "image app"]
    assert "workloads.undo" in resumed.undo.text
    await desk.done(resumed)
    assert "paused" not in namespace.get("deployments/api", "apps/v1")["spec"]
    assert {pod["spec"]["containers"][0]["image"] for pod in namespace.pods()} == {f"{IMAGE}:v2"}
    late = await desk.planned(paused.request)
    assert late.refusals == () and result.outcome is Outcome.SUCCEEDED
    assert (await desk.plan("resume", **API)).refusals[0].reason == "deployment/api is not paused"


async def test_no_longer_followed_is_unknown_and_the_change_stands(desk: Desk, namespace: Namespace) -> None:
    await deployed(namespace, "v1")
    plan = await desk.plan("image", **API, image=f"{IMAGE}:slow")
    desk.stop = True
    result = await desk.run(plan)
    assert result.outcome is Outcome.UNKNOWN and "goes on by itself, no longer followed" in result.summary
    assert image(namespace) == "slow" and result.undo is not None


async def test_an_owner_that_puts_its_state_back_a_full_quota_and_who_feels_it_are_named(
    desk: Desk, namespace: Namespace
) -> None:
    namespace.apply(service("shop", {"app": "api"}))
    await deployed(namespace, "v1")
    namespace.apply(quota("full", pods="2"))
    await until_async(lambda: namespace.get("resourcequotas/full")["status"]["used"]["pods"] == "2")
    notes = {"argocd.argoproj.io/tracking-id": "shop-app:apps/Deployment:shop/api"}
    namespace.client.patch(namespace.path("deployments/api", "apps/v1"), {"metadata": {"annotations": notes}})
    plan = await desk.plan("restart", **API)
    assert plan.warnings[0].startswith("quota full has no room for one more pod")
    assert plan.warnings[1].startswith("Argo CD shop-app owns it and puts its own state back")
    assert plan.affected.startswith("requests to service/shop: all 2 pods are replaced")


@pytest.mark.parametrize(
    ("action", "params", "said"),
    [
        ("undo", {}, "there is no revision with another template"),
        ("undo", {"revision": "7"}, "there is no revision 7"),
        ("undo", {"revision": "1"}, "revision 1 is what it runs: nothing would change"),
        (
            "restart",
            {"template": "another"},
            "the pod template of deployment/api was changed since the row was drawn",
        ),
        ("resume", {}, "deployment/api is not paused"),
        ("image", {"image": f"{IMAGE}:v1"}, "deployment/api has this image already"),
    ],
)
async def test_refusals(desk: Desk, namespace: Namespace, action: str, params: dict[str, str], said: str) -> None:
    await deployed(namespace, "v1")
    exact = {"exact": "yes"} if action == "image" else {}
    plan = await desk.plan(action, **API, **params, **exact)
    assert [each.reason for each in plan.refusals] == [said] and plan.dry_run == ""


async def test_a_kind_that_an_action_is_not_for_is_refused(desk: Desk) -> None:
    for action, params in (("pause", {}), ("scale", {"replicas": "1"})):
        with pytest.raises(Refused, match="is not for daemonset/agent"):
            await desk.plan(action, workload="daemonset/agent", **params)

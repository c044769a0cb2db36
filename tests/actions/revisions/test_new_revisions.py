"""Restart, memory, another image: what the new revision is, who gets it, and when it is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from cockpit.errors import Conflict, PermissionDenied, TimedOut
from cockpit.model.action import Grant, Outcome
from cockpit.sandbox.gcp.cloud import CloudRun, Operation
from cockpit.sandbox.gcp.model import Revision as Deployed
from cockpit.sandbox.gcp.model import Service
from cockpit.sandbox.http import Request, Response

GOOD, BAD = "shop-00001-good", "shop-00002-bad"
Rig = Any  # the class of the fixture lives in conftest.py, which tests do not import
NEW = {"revisions.restart": {}, "revisions.memory": {"memory": "4Gi"}, "revisions.deploy": {"image": "reg/shop:v3"}}


def shop(rig: Rig) -> Service:
    service: Service = rig.plane.run.services["shop"]
    return service


async def rolled_back(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.rollback", revision=GOOD))


async def test_a_restart_serves_the_same_image_from_a_new_revision(rig: Rig) -> None:
    plan = await rig.plan("revisions.restart")
    assert plan.refusals == () and plan.title == "Restart shop as a new revision"
    digest = shop(rig).revisions[BAD].digest
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        ("latest revision", BAD, "a new one"),
        ("image, the same by digest", "reg/shop:v2", f"reg/shop@{digest}"),
    ]
    assert plan.operation[0].endswith("/services/shop?updateMask=template&forceNewRevision=true")
    assert plan.dry_run == "Cloud Run accepts the template (validateOnly)"
    assert plan.equivalent[0].startswith("gcloud run services update shop --update-env-vars=RESTARTED_AT=")
    assert plan.affected.startswith("100 % of the requests to shop go to the new revision")
    assert len(shop(rig).revisions) == 2, "a plan makes nothing"
    assert (await rig.again(plan)).digest == plan.digest
    result = await rig.run(plan)
    new = shop(rig).latest_ready
    assert new not in (GOOD, BAD)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, f"{new} is ready, serves 100 %")
    assert (await rig.verify(plan, result)).holds is True
    assert shop(rig).revisions[new].digest == digest
    assert result.undo.request is None and result.undo.text.startswith("cannot be undone:")
    assert BAD in result.undo.text


async def test_a_restart_that_would_start_nothing_that_serves_is_refused_with_what_instead(rig: Rig) -> None:
    await rolled_back(rig)
    plan = await rig.plan("revisions.restart")
    (refusal,) = plan.refusals
    assert f"pinned to {GOOD} by name" in refusal.reason
    assert f"deploy reg/shop@{shop(rig).revisions[GOOD].digest}" in refusal.hint
    await rig.run(await rig.plan("revisions.promote", to="latest"))
    await rig.run(await rig.plan("revisions.pin"))
    (refusal,) = (await rig.plan("revisions.restart")).refusals
    assert f"pinned to {BAD}" in refusal.reason and "promote to latest first" in refusal.hint


async def test_what_is_stopped_cannot_be_restarted_and_its_limits_have_no_effect(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.stop"))
    (refusal,) = (await rig.plan("revisions.restart")).refusals
    assert "shop is stopped" in refusal.reason and "revisions.resume" in refusal.hint
    assert "stopped by manual scaling" in rig.reasons(await rig.plan("revisions.scale", max="10"))
    plan = await rig.plan("revisions.memory", memory="4Gi")
    assert plan.refusals == ()
    assert "the service is stopped: no instance runs until it is resumed" in plan.warnings


async def test_a_restart_of_part_of_the_traffic_says_which(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.split", revision=GOOD, percent="30"))
    plan = await rig.plan("revisions.restart")
    assert plan.refusals == ()
    assert any("only the 70 %" in warning for warning in plan.warnings)
    assert any(f"{GOOD} runs another image" in warning for warning in plan.warnings)


async def test_memory_is_a_new_revision_and_its_undo_the_former_limit(rig: Rig) -> None:
    plan = await rig.plan("revisions.memory", memory="4Gi", cpu="2")
    assert plan.title == "Give each instance of shop memory 4Gi and cpu 2"
    assert ("memory of an instance", "512Mi", "4Gi") in [(c.what, c.before, c.after) for c in plan.changes]
    assert plan.equivalent[0].startswith("gcloud run services update shop --memory=4Gi --cpu=2 --region=")
    assert any("takes 100 %" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    template = shop(rig).template
    assert (template.memory, template.cpu) == ("4Gi", "2")
    smaller = await rig.undo(result.undo.request)
    assert smaller.request.params == {"memory": "512Mi", "cpu": "1000m"}
    assert any("less memory" in warning for warning in smaller.warnings)
    await rig.run(smaller)
    assert (shop(rig).template.memory, shop(rig).template.cpu) == ("512Mi", "1000m")
    assert len(shop(rig).revisions) == 4


async def test_cpu_alone_is_a_new_revision_and_refused_alike(rig: Rig) -> None:
    plan = await rig.plan("revisions.memory", cpu="2")
    first = plan.changes[0]
    assert (first.what, first.before, first.after) == ("cpu of an instance", "1000m", "2")
    result = await rig.run(plan)
    assert (shop(rig).template.memory, shop(rig).template.cpu) == ("512Mi", "2")
    assert (await rig.undo(result.undo.request)).request.params == {"cpu": "1000m"}
    await rolled_back(rig)
    assert "a new revision would bring it back" in rig.reasons(await rig.plan("revisions.memory", cpu="4"))


async def test_memory_is_refused_while_it_would_bring_back_the_image_that_was_left(rig: Rig) -> None:
    await rolled_back(rig)
    plan = await rig.plan("revisions.memory", memory="4Gi")
    assert "the template still holds reg/shop:v2" in rig.reasons(plan)
    assert f"{GOOD} would stay as it is" in rig.reasons(plan)
    good = f"reg/shop@{shop(rig).revisions[GOOD].digest}"
    assert good in plan.refusals[0].hint
    # The way that it names works: the good image as template, its limits, then latest.
    deploy = await rig.plan("revisions.deploy", image=good)
    assert any("gets no traffic" in warning for warning in deploy.warnings)
    assert deploy.affected.startswith("nobody yet")
    assert (await rig.run(deploy)).summary.endswith("is ready, without traffic")
    more = await rig.plan("revisions.memory", memory="4Gi")
    assert more.refusals == ()
    await rig.run(more)
    await rig.run(await rig.plan("revisions.promote", to="latest"))
    serving = shop(rig).revisions[shop(rig).serving[0].revision].template
    assert (serving.image, serving.memory) == (good, "4Gi")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "neither memory nor cpu"),
        ({"memory": "lots"}, "no amount of memory"),
        ({"memory": "4 Gi"}, "no amount of memory"),
        ({"cpu": "two"}, "no number of CPUs"),
        ({"memory": "0.5Gi"}, "already so"),
        ({"cpu": "1"}, "already so"),
    ],
)
async def test_limits_that_are_none_are_refused_and_not_rehearsed(
    rig: Rig, params: dict[str, str], reason: str
) -> None:
    assert reason in rig.reasons(await rig.plan("revisions.memory", **params))
    assert rig.patches == []


async def test_another_image_takes_the_traffic_that_follows_and_goes_back_by_digest(rig: Rig) -> None:
    former = f"reg/shop@{shop(rig).revisions[BAD].digest}"
    plan = await rig.plan("revisions.deploy", image="reg.example:5000/team/shop:v3")
    assert ("image", "reg/shop:v2", "reg.example:5000/team/shop:v3") in [
        (c.what, c.before, c.after) for c in plan.changes
    ]
    assert any("takes 100 % of the traffic" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert (await rig.verify(plan, result)).holds
    assert shop(rig).revisions[shop(rig).serving[0].revision].template.image == "reg.example:5000/team/shop:v3"
    assert f"roll back to {BAD}" in result.undo.text
    await rig.run(await rig.undo(result.undo.request))
    serving = shop(rig).revisions[shop(rig).serving[0].revision]
    assert (serving.template.image, serving.digest) == (former, shop(rig).revisions[BAD].digest)


async def test_an_image_is_checked_and_a_known_tag_may_have_moved(rig: Rig) -> None:
    for image in ("--image", "shop v3", "reg/shop:", "reg/shop@sha256:12"):
        assert "no name of an image" in rig.reasons(await rig.plan("revisions.deploy", image=image))
    plan = await rig.plan("revisions.deploy", image="reg/shop:v2")
    assert any("what its tag means now" in warning for warning in plan.warnings)


async def test_the_rest_of_the_template_is_sent_back_as_it_was_and_its_secrets_are_not_shown(rig: Rig) -> None:
    service = shop(rig)
    service.template = replace(service.template, env=(("API_KEY", "hunter2"),), concurrency=7, max_instances=20)
    service.version += 1
    plan = await rig.plan("revisions.memory", memory="1Gi")
    assert "hunter2" not in plan.operation[1] and "API_KEY" in plan.operation[1]
    await rig.run(plan)
    sent = rig.sent()[0].json()
    assert sent["template"]["containers"][0]["env"] == [{"name": "API_KEY", "value": "hunter2"}]
    assert "revision" not in sent["template"], "the name of a revision can be used once"
    after = shop(rig).template
    assert (after.env, after.concurrency, after.max_instances, after.memory) == (
        (("API_KEY", "hunter2"),), 7, 20, "1Gi"
    )  # fmt: skip
    shown = json.loads(plan.operation[1])
    shown["template"]["containers"][0]["env"][0]["value"] = "hunter2"
    assert shown == sent


async def test_only_the_container_that_serves_is_changed_beside_a_sidecar(rig: Rig) -> None:
    async def with_a_sidecar(request: Request) -> Response | None:
        if request.method != "GET":
            return None
        body = json.loads((await rig.plane.handle(request)).body)
        for holder in (body.get("template", {}), *body.get("revisions", ())):
            if "containers" in holder:
                holder["containers"].insert(0, {"name": "proxy", "image": "reg/proxy:1"})
        for revision in body.get("revisions", ()):
            revision["containerStatuses"].insert(0, {"imageDigest": "reg/proxy@sha256:" + "0" * 64})
        return Response.of(body)

    rig.fault = with_a_sidecar
    status = await rig.adapter.read_service()
    assert (status.template_image, status.memory) == ("reg/shop:v2", "512Mi")
    assert status.revision(BAD).digest == shop(rig).revisions[BAD].digest
    plan = await rig.plan("revisions.memory", memory="4Gi")
    proxy, web = json.loads(plan.operation[1])["template"]["containers"]
    assert "resources" not in proxy and proxy["image"] == "reg/proxy:1"
    assert web["resources"]["limits"]["memory"] == "4Gi"


@pytest.mark.parametrize("action", NEW)
async def test_a_change_in_between_gives_another_digest_and_a_conflict(rig: Rig, action: str) -> None:
    plan = await rig.plan(action, **NEW[action])
    row = {"uid": plan.identity["uid"], "etag": plan.identity["etag"]}
    rig.changed_by_somebody()
    assert "was changed by eve@shop.example" in rig.reasons(await rig.plan(action, **NEW[action], **row))
    assert (await rig.again(plan)).digest != plan.digest
    with pytest.raises(Conflict) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible
    assert len(shop(rig).revisions) == 2


@pytest.mark.parametrize("action", NEW)
async def test_a_missing_permission_is_in_the_plan_and_stops_the_run(rig: Rig, action: str) -> None:
    plan = await rig.plan(action, **NEW[action])
    rig.plane.permissions.revoke("run.services.update")
    refused = await rig.plan(action, **NEW[action])
    assert refused.permission.grant is Grant.DENIED
    assert "permission" in [refusal.step for refusal in refused.refusals]
    with pytest.raises(PermissionDenied):
        await rig.run(plan)
    assert len(shop(rig).revisions) == 2


@pytest.mark.parametrize(
    ("action", "params"), [("revisions.restart", {}), ("revisions.rollback", {"revision": GOOD})]
)
async def test_a_service_account_that_may_not_be_acted_as_is_found_by_the_rehearsal(
    rig: Rig, action: str, params: dict[str, str]
) -> None:
    # https://cloud.google.com/run/docs/reference/iam/roles#additional-configuration
    said = "Permission 'iam.serviceaccounts.actAs' denied on service account run@shop.example (or it may not exist)."

    async def refuse(request: Request) -> Response | None:
        error = {"error": {"code": 403, "message": said, "status": "PERMISSION_DENIED"}}
        return Response.of(error, 403) if request.method == "PATCH" else None

    rig.fault = refuse
    plan = await rig.plan(action, **params)
    (refusal,) = plan.refusals
    assert refusal.step == "permission" and "iam.serviceaccounts.actAs" in refusal.reason
    assert "run@shop.example" in refusal.reason and "roles/iam.serviceAccountUser" in refusal.hint
    assert rig.sent() == []


async def test_a_lost_answer_leaves_the_outcome_open_and_verification_finds_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await rig.plan("revisions.restart")
    assert (await rig.verify(plan, None)).text == f"there is no new revision; {BAD} serves"

    async def swallow(request: Request) -> Response | None:
        if request.method == "PATCH":
            await rig.plane.handle(request)
            await asyncio.sleep(60)
        return None

    rig.fault = swallow
    monkeypatch.setattr(rig.adapter._run, "_timeout_s", 0.3)
    with pytest.raises(TimedOut) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible
    assert len(rig.sent()) == 1
    assert (await rig.verify(plan, None)).holds is True


async def test_a_revision_that_does_not_become_ready_is_a_failure_and_who_serves_is_said(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_ready(
        self: CloudRun, service: Service, new: Deployed | None, generation: int, operation: Operation
    ) -> None:
        service.observed_generation = generation
        operation.result = service
        operation.done.set()

    monkeypatch.setattr(CloudRun, "_settle", never_ready)
    plan = await rig.plan("revisions.deploy", image="reg/shop:v9")
    result = await rig.run(plan)
    assert result.outcome is Outcome.FAILED
    assert "did not become ready" in result.summary and f"{BAD} serves on" in result.summary


async def test_the_equivalent_commands_do_the_same_with_the_real_gcloud(
    rig: Rig, gcloud: Callable[[str], Awaitable[None]]
) -> None:
    digest = shop(rig).revisions[BAD].digest
    await gcloud((await rig.plan("revisions.restart")).equivalent[0])
    assert len(shop(rig).revisions) == 3
    assert shop(rig).revisions[shop(rig).latest_created].digest == digest
    await gcloud((await rig.plan("revisions.memory", memory="2Gi", cpu="2")).equivalent[0])
    assert (shop(rig).template.memory, shop(rig).template.cpu) == ("2Gi", "2")
    await gcloud((await rig.plan("revisions.deploy", image="reg/shop:v3")).equivalent[0])
    assert shop(rig).template.image == "reg/shop:v3"
    assert shop(rig).serving[0].revision == shop(rig).latest_created

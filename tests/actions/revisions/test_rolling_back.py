"""A roll-back: what its plan shows, what stops it, what is left open, how it is taken back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cockpit.actions import revisions
from cockpit.errors import Conflict, PermissionDenied, TimedOut
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.http import Request, Response

GOOD, BAD = "shop-00001-good", "shop-00002-bad"
Rig = Any  # the class of the fixture lives in conftest.py, which tests do not import


def test_keys_and_tiers_are_those_of_the_design() -> None:
    declared = {spec.id: (spec.key, spec.tier) for spec in revisions.SPECS}
    assert declared == {
        "revisions.rollback": ("R", Tier.T2),
        "revisions.promote": ("P", Tier.T2),
        "revisions.scale": ("S", Tier.T2),
        "revisions.split": ("T", Tier.T2),
        "revisions.restore": ("", Tier.T2),
        "revisions.restore_scale": ("", Tier.T2),
        "revisions.pin": ("", Tier.T2),
        "revisions.restart": ("", Tier.T2),
        "revisions.memory": ("", Tier.T2),
        "revisions.deploy": ("", Tier.T2),
        "revisions.stop": ("", Tier.T3),
        "revisions.resume": ("", Tier.T2),
        "revisions.ingress": ("", Tier.T2),
        "revisions.tag": ("", Tier.T2),
        "revisions.untag": ("", Tier.T2),
    }


async def test_the_plan_of_a_roll_back_shows_what_it_would_do_and_does_nothing(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.refusals == ()
    assert plan.title == f"Roll back to {GOOD}"
    assert plan.target == "shop on Cloud Run demo-shop/europe-west1"
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        (f"traffic to {GOOD}", "0 %", "100 %"),
        (f"traffic to {BAD}", "100 %", "0 %"),
        ("new deployments", "get traffic", "get none until promoted"),
    ]
    assert plan.objects == (f"{GOOD}: 0 % -> 100 %", f"{BAD}: 100 % -> 0 %")
    assert plan.affected == "100 % of the requests to shop change their revision"
    assert plan.operation[0].startswith("PATCH http://127.0.0.1:")
    assert plan.operation[0].endswith(
        "/v2/projects/demo-shop/locations/europe-west1/services/shop?updateMask=traffic"
    )
    assert json.loads(plan.operation[1])["etag"] == plan.identity["etag"]
    assert plan.equivalent == (
        f"gcloud run services update-traffic shop --to-revisions={GOOD}=100"
        " --region=europe-west1 --project=demo-shop",
    )
    assert plan.permission.grant is Grant.GRANTED
    assert plan.dry_run == "Cloud Run accepts the traffic list (validateOnly)"
    assert plan.undo.text == f"restore latest=100,tag:canary@{GOOD}=0"
    assert any("reg/shop:v2" in warning and "deploy it again" in warning for warning in plan.warnings)
    assert any("pinned" in warning for warning in plan.warnings)
    assert rig.sent() == []
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert (await rig.again(plan)).digest == plan.digest


async def test_a_roll_back_and_its_undo_restore_the_exact_list(rig: Rig) -> None:
    former = rig.traffic()
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, f"shop serves {GOOD} 100 %")
    assert (await rig.verify(plan, result)).holds is True
    assert json.loads(plan.operation[1]) == rig.sent()[0].json()
    assert rig.traffic() == f"{GOOD}=100,tag:canary@{GOOD}=0"
    for request in (plan.undo.request, result.undo.request):
        assert request is not None
    back = await rig.undo(result.undo.request)
    assert back.refusals == ()
    await rig.run(back)
    assert rig.traffic() == former


async def test_without_a_revision_it_goes_to_the_one_before_and_says_how_that_is_known(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback")
    assert plan.title == f"Roll back to {GOOD}"
    assert any("guess" in warning for warning in plan.warnings)
    assert "guess" in plan.affected
    await rig.run(plan)
    again = await rig.plan("revisions.rollback")
    assert rig.reasons(again) == "preconditions: no revision is known that served before"


async def test_what_cannot_serve_or_serves_already_is_refused_and_nothing_is_rehearsed(rig: Rig) -> None:
    assert "serves 100 % already" in rig.reasons(await rig.plan("revisions.rollback", revision=BAD))
    assert "does not exist" in rig.reasons(await rig.plan("revisions.rollback", revision="shop-00000-gone"))
    service = rig.plane.run.services["shop"]
    service.revisions[GOOD].ready = False
    service.version += 1
    assert "is deploying" in rig.reasons(await rig.plan("revisions.rollback", revision=GOOD))
    assert rig.patches == []


async def test_the_same_image_is_a_warning(rig: Rig) -> None:
    service = rig.plane.run.services["shop"]
    service.revisions[GOOD].digest = service.revisions[BAD].digest
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert any("same image" in warning for warning in plan.warnings)


async def test_a_row_that_is_no_longer_true_is_refused(rig: Rig) -> None:
    first = await rig.plan("revisions.rollback", revision=GOOD)
    row = {"revision": GOOD, "uid": first.identity["uid"], "etag": first.identity["etag"]}
    assert (await rig.plan("revisions.rollback", **row)).refusals == ()
    rig.changed_by_somebody()
    assert "was changed by eve@shop.example" in rig.reasons(await rig.plan("revisions.rollback", **row))
    assert "created again" in rig.reasons(await rig.plan("revisions.rollback", **{**row, "uid": "other"}))


async def test_a_change_between_plan_and_run_gives_another_digest_and_a_conflict(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    rig.changed_by_somebody()
    assert (await rig.again(plan)).digest != plan.digest
    with pytest.raises(Conflict) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"


async def test_a_missing_permission_is_in_the_plan_with_the_way_to_get_it(rig: Rig) -> None:
    rig.plane.permissions.revoke("run.services.update")
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.permission.grant is Grant.DENIED
    assert "--role=roles/run.developer" in plan.permission.how
    assert "permission" in [refusal.step for refusal in plan.refusals]
    plan = await rig.plan("revisions.scale", max="5")
    assert plan.permission.grant is Grant.DENIED


async def test_a_permission_lost_after_the_plan_stops_the_run(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    rig.plane.permissions.revoke("run.services.update")
    with pytest.raises(PermissionDenied):
        await rig.run(plan)


async def test_a_lost_answer_leaves_the_outcome_open_and_verification_finds_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)

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


async def test_verification_sees_when_it_is_not_so(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    verification = await rig.verify(plan, None)
    assert verification.holds is False
    assert f"{BAD} 100 %" in verification.text


async def test_a_rehearsal_that_the_server_cannot_answer_is_said_and_does_not_stop_the_operator(rig: Rig) -> None:
    async def overloaded(request: Request) -> Response | None:
        return Response(503, b"{}") if request.query.get("validateOnly") else None

    rig.fault = overloaded
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.refusals == ()
    assert plan.dry_run.startswith("not known")

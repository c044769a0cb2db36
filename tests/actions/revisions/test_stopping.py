"""Stop and resume, ingress, pinning, choices, and a list that keeps its tags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cockpit.errors import Conflict
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.gcp.model import Scaling, Service

GOOD, BAD = "shop-00001-good", "shop-00002-bad"
Rig = Any  # the class of the fixture lives in conftest.py, which tests do not import


def shop(rig: Rig) -> Service:
    service: Service = rig.plane.run.services["shop"]
    return service


async def test_a_stop_is_manual_scaling_with_no_instance_and_is_taken_back(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.scale", min="2", max="20"))
    plan = await rig.plan("revisions.stop")
    assert (plan.refusals, plan.tier, plan.title) == ((), Tier.T3, "Stop shop")
    assert [(c.what, c.before, c.after) for c in plan.changes] == [("scaling", "automatic", "manual 0")]
    assert '"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 0}' in plan.operation[1]
    assert plan.operation[0].endswith("?updateMask=scaling")
    assert plan.equivalent[0].startswith("gcloud beta run services update shop --scaling=0 --region=")
    assert any("503" in warning for warning in plan.warnings)
    assert any("least 2, most 20" in warning for warning in plan.warnings)
    assert any("canary" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, "scaling of shop is manual 0")
    assert shop(rig).scaling == Scaling(mode="MANUAL", manual_instances=0)
    assert len(shop(rig).revisions) == 2, "no new revision"
    assert (await rig.verify(plan, result)).holds is True
    assert "already so" in rig.reasons(await rig.plan("revisions.stop"))
    back = await rig.undo(result.undo.request)
    assert (back.refusals, back.tier) == ((), Tier.T2)
    again = await rig.run(back)
    scaling = shop(rig).scaling
    assert (scaling.mode, scaling.min_instances, scaling.max_instances) == ("AUTOMATIC", 2, 20)
    assert "changed since" in rig.reasons(await rig.undo(result.undo.request))
    assert again.undo.request.action == "revisions.stop"


async def test_a_stop_of_fixed_instances_goes_back_to_their_number(rig: Rig) -> None:
    shop(rig).scaling = Scaling(mode="MANUAL", manual_instances=3)
    shop(rig).version += 1
    result = await rig.run(await rig.plan("revisions.stop"))
    back = await rig.undo(result.undo.request)
    assert back.equivalent[0].startswith("gcloud beta run services update shop --scaling=3 ")
    await rig.run(back)
    assert shop(rig).scaling == Scaling(mode="MANUAL", manual_instances=3)


async def test_a_single_limit_is_lost_by_a_stop_and_that_is_said(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.scale", min="2"))
    result = await rig.run(await rig.plan("revisions.stop"))
    assert "then set its limit again: least 2, most unset" in result.undo.text
    await rig.run(await rig.undo(result.undo.request))
    assert shop(rig).scaling.min_instances == 0


async def test_resuming_after_fixed_instances_says_what_becomes_of_the_limits(rig: Rig) -> None:
    shop(rig).scaling = Scaling(mode="MANUAL", manual_instances=3)
    shop(rig).version += 1
    plan = await rig.plan("revisions.resume")
    assert any("3 instances of now both limits" in warning for warning in plan.warnings)
    await rig.run(plan)
    assert (shop(rig).scaling.min_instances, shop(rig).scaling.max_instances) == (3, 3)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "already so"),
        ({"instances": "0"}, "no way to run"),
        ({"instances": "2", "max": "3"}, "has no limits"),
        ({"min": "2"}, "both limits"),
        ({"min": "4", "max": "3"}, "at most 3 is below"),
    ],
)
async def test_a_resumption_that_makes_no_sense_is_refused(rig: Rig, params: dict[str, str], reason: str) -> None:
    assert reason in rig.reasons(await rig.plan("revisions.resume", **params))
    assert rig.patches == []


async def test_ingress_weighs_more_where_it_cuts_somebody_off_and_is_taken_back(rig: Rig) -> None:
    plan = await rig.plan("revisions.ingress", ingress="internal-and-cloud-load-balancing")
    assert (plan.refusals, plan.tier) == ((), Tier.T3)
    assert '"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"' in plan.operation[1]
    assert any("404 from outside" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert shop(rig).ingress == "internal-and-cloud-load-balancing"
    assert (await rig.verify(plan, result)).holds is True
    assert (await rig.plan("revisions.ingress", ingress="internal")).tier is Tier.T3
    back = await rig.undo(result.undo.request)
    assert (back.refusals, back.tier) == ((), Tier.T2)
    await rig.run(back)
    assert shop(rig).ingress == "all"
    assert "changed since" in rig.reasons(await rig.undo(result.undo.request))
    assert "already so" in rig.reasons(await rig.plan("revisions.ingress", ingress="all"))
    assert "no ingress 'vpn'" in rig.reasons(await rig.plan("revisions.ingress", ingress="vpn"))
    choices = await rig.handlers["revisions.ingress"].choices("ingress")
    assert [choice.value for choice in choices] == ["all", "internal", "internal-and-cloud-load-balancing"]


@pytest.mark.parametrize("action", ["revisions.stop", "revisions.ingress"])
async def test_a_change_in_between_and_a_missing_permission_stop_both(rig: Rig, action: str) -> None:
    params = {"ingress": "internal"} if action == "revisions.ingress" else {}
    plan = await rig.plan(action, **params)
    rig.changed_by_somebody()
    assert (await rig.again(plan)).digest != plan.digest
    with pytest.raises(Conflict):
        await rig.run(plan)
    assert (await rig.verify(plan, None)).holds is False
    rig.plane.permissions.revoke("run.services.update")
    assert (await rig.plan(action, **params)).permission.grant is Grant.DENIED


async def test_pinning_names_the_revision_that_serves_and_moves_no_request(rig: Rig) -> None:
    former = rig.traffic()
    plan = await rig.plan("revisions.pin")
    assert (plan.refusals, plan.title) == ((), f"Pin traffic to {BAD}")
    assert plan.affected == "0 % of the requests to shop change their revision"
    assert ("new deployments", "get traffic", "get none until promoted") in [
        (c.what, c.before, c.after) for c in plan.changes
    ]
    result = await rig.run(plan)
    assert rig.traffic() == f"{BAD}=100,tag:canary@{GOOD}=0"
    assert (await rig.verify(plan, result)).holds is True
    assert "pinned already" in rig.reasons(await rig.plan("revisions.pin"))
    await rig.run(await rig.undo(result.undo.request))
    assert rig.traffic() == former


async def test_a_split_may_name_a_tag_and_a_list_may_keep_the_tags(rig: Rig) -> None:
    plan = await rig.plan("revisions.split", tag="canary", percent="10")
    assert plan.title == f"Give 10 % to {GOOD}"
    await rig.run(plan)
    assert rig.traffic() == f"{GOOD}=10,latest=90,tag:canary@{GOOD}=0"
    assert "no tag 'beta'" in rig.reasons(await rig.plan("revisions.split", tag="beta", percent="10"))
    await rig.run(await rig.plan("revisions.restore", traffic=f"{GOOD}=50,{BAD}=50", tags="keep"))
    assert rig.traffic() == f"{GOOD}=50,{BAD}=50,tag:canary@{GOOD}=0"


async def test_a_tag_is_set_moved_and_taken_away_without_moving_a_request(rig: Rig) -> None:
    former = rig.traffic()
    plan = await rig.plan("revisions.tag", tag="blue", revision=BAD)
    assert (plan.refusals, plan.warnings) == ((), ())
    assert plan.affected == "0 % of the requests to shop change their revision"
    result = await rig.run(plan)
    assert rig.traffic() == f"{former},tag:blue@{BAD}=0"
    assert (await rig.verify(plan, result)).holds is True
    assert "already so" in rig.reasons(await rig.plan("revisions.tag", tag="blue", revision=BAD))
    moved = await rig.plan("revisions.tag", tag="blue", revision=GOOD)
    assert moved.warnings == (f"blue leaves {BAD}",)
    await rig.run(moved)
    assert (await rig.verify(plan, result)).holds is False
    away = await rig.plan("revisions.untag", tag="blue")
    result = await rig.run(away)
    assert (await rig.verify(away, result)).holds is True
    assert rig.traffic() == former
    await rig.run(await rig.undo(result.undo.request))
    assert f"tag:blue@{GOOD}=0" in rig.traffic()


@pytest.mark.parametrize(
    ("action", "params", "reason"),
    [
        ("revisions.tag", {"tag": "Blue", "revision": GOOD}, "'Blue' is no tag"),
        ("revisions.tag", {"tag": "b" * 43, "revision": GOOD}, "is no tag"),
        ("revisions.tag", {"tag": "blue", "revision": "shop-00001-gon"}, "does not exist"),
        ("revisions.untag", {"tag": "blue"}, "there is no tag 'blue'"),
    ],
)
async def test_a_tag_that_makes_no_sense_is_refused(
    rig: Rig, action: str, params: dict[str, str], reason: str
) -> None:
    assert reason in rig.reasons(await rig.plan(action, **params))
    assert rig.patches == []


async def test_revisions_are_offered_with_the_previous_one_recommended(rig: Rig) -> None:
    for action in ("revisions.rollback", "revisions.split"):
        (choice,) = await rig.handlers[action].choices("revision")
        assert (choice.value, choice.recommended) == (GOOD, True)
        assert "shop:v1" in choice.label and "guess" in choice.label
        assert await rig.handlers[action].choices("percent") == ()
    (tag,) = await rig.handlers["revisions.split"].choices("tag")
    assert (tag.value, tag.label) == ("canary", f"tag canary ({GOOD})")
    await rig.run(await rig.plan("revisions.split", revision=GOOD, percent="10"))
    offered = await rig.handlers["revisions.rollback"].choices("revision")
    assert [(each.value, each.recommended) for each in offered] == [(BAD, False), (GOOD, True)]
    assert "serves 90 %" in offered[0].label
    shop(rig).revisions[GOOD].ready = False
    shop(rig).version += 1
    assert [each.value for each in await rig.handlers["revisions.rollback"].choices("revision")] == [BAD]


async def test_the_equivalent_commands_do_the_same_with_the_real_gcloud(
    rig: Rig, gcloud: Callable[[str], Awaitable[None]]
) -> None:
    await gcloud((await rig.plan("revisions.tag", tag="blue", revision=BAD)).equivalent[0])
    assert f"tag:blue@{BAD}" in rig.traffic()
    await gcloud((await rig.plan("revisions.untag", tag="blue")).equivalent[0])
    assert "blue" not in rig.traffic()
    await gcloud((await rig.plan("revisions.pin")).equivalent[0])
    assert rig.traffic().startswith(f"{BAD}=100")
    await gcloud((await rig.plan("revisions.ingress", ingress="internal")).equivalent[0])
    assert shop(rig).ingress == "internal"
    await gcloud((await rig.plan("revisions.stop")).equivalent[0])
    assert shop(rig).scaling.stopped
    await gcloud((await rig.plan("revisions.resume")).equivalent[0])
    assert shop(rig).scaling.mode == "AUTOMATIC" and not shop(rig).scaling.min_instances

"""Promotion, split, restoring a list, limits; and the same by hand with gcloud."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cockpit.actions.traffic import compact
from cockpit.errors import CockpitError, Refused
from cockpit.sandbox.gcp.cloud import Audit
from cockpit.sandbox.gcp.model import Change, Template

GOOD, BAD = "shop-00001-good", "shop-00002-bad"
Rig = Any  # the class of the fixture lives in conftest.py, which tests do not import


async def test_promotion_to_latest_unpins_and_to_a_tag_does_not(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.rollback", revision=GOOD))
    choices = await rig.handlers["revisions.promote"].choices("to")
    assert [(choice.value, choice.recommended) for choice in choices] == [("latest", True), ("canary", False)]
    plan = await rig.plan("revisions.promote", to="latest")
    assert plan.equivalent[0].startswith("gcloud run services update-traffic shop --to-latest --region=")
    assert ("new deployments", "get none until promoted", "get traffic") in [
        (change.what, change.before, change.after) for change in plan.changes
    ]
    await rig.run(plan)
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert "already so" in rig.reasons(await rig.plan("revisions.promote", to="latest"))
    await rig.run(await rig.plan("revisions.promote", to="canary"))
    assert rig.traffic() == f"{GOOD}=100,tag:canary@{GOOD}=0"
    assert "no tag 'beta'" in rig.reasons(await rig.plan("revisions.promote", to="beta"))


async def test_a_split_gives_a_share_and_the_rest_shrinks(rig: Rig) -> None:
    plan = await rig.plan("revisions.split", revision=GOOD, percent="10")
    assert plan.affected == "10 % of the requests to shop change their revision"
    assert f"--to-revisions={GOOD}=10,LATEST=90" in plan.equivalent[0]
    assert not any("pinned" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert (await rig.verify(plan, result)).holds
    assert rig.traffic() == f"{GOOD}=10,latest=90,tag:canary@{GOOD}=0"
    await rig.run(await rig.plan("revisions.split", revision=GOOD, percent="0"))
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert "no other revision" in rig.reasons(await rig.plan("revisions.split", revision=BAD, percent="50"))
    assert "0 to 99" in rig.reasons(await rig.plan("revisions.split", revision=GOOD, percent="100"))
    assert "no revision was named" in rig.reasons(await rig.plan("revisions.split", percent="5"))


async def test_an_undo_is_refused_once_somebody_else_changed_the_traffic(rig: Rig) -> None:
    result = await rig.run(await rig.plan("revisions.rollback", revision=GOOD))
    await rig.run(await rig.plan("revisions.split", revision=BAD, percent="5"))
    assert "was changed since" in rig.reasons(await rig.undo(result.undo.request))
    with pytest.raises(Refused, match="not 100"):
        await rig.plan("revisions.restore", traffic="latest=90")


async def test_limits_go_to_the_service_and_back_to_exactly_what_they_were(rig: Rig) -> None:
    plan = await rig.plan("revisions.scale", min="2", max="20")
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        ("least instances", "unset", "2"),
        ("most instances", "unset", "20"),
    ]
    assert plan.operation[0].endswith("?updateMask=scaling")
    assert plan.equivalent == (
        "gcloud beta run services update shop --min=2 --max=20 --region=europe-west1 --project=demo-shop",
    )
    result = await rig.run(plan)
    assert (await rig.verify(plan, result)).holds
    assert rig.sent()[0].json() == json.loads(plan.operation[1])
    smaller = await rig.plan("revisions.scale", max="5")
    assert any("fewer instances" in warning for warning in smaller.warnings)
    back = await rig.undo(result.undo.request)
    assert back.equivalent[0].startswith("curl -X PATCH ")
    assert json.loads(shlex.split(back.equivalent[0])[-1]) == {"etag": back.identity["etag"], "scaling": {}}
    await rig.run(back)
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (0, 0)
    assert "changed since" in rig.reasons(await rig.undo(result.undo.request))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"max": "0"}, "not a stop"),
        ({"min": "7", "max": "3"}, "at most 3 is below at least 7"),
        ({"max": "1"}, "at most 1 is below at least 2"),
        ({"min": "-1"}, "cannot be negative"),
        ({}, "neither min nor max"),
        ({"min": "2"}, "already so"),
    ],
)
async def test_limits_that_make_no_sense_are_refused(rig: Rig, params: dict[str, str], reason: str) -> None:
    await rig.run(await rig.plan("revisions.scale", min="2"))
    sent = len(rig.patches)
    assert reason in rig.reasons(await rig.plan("revisions.scale", **params))
    assert len(rig.patches) == sent


async def test_manual_scaling_is_kept_and_said(rig: Rig) -> None:
    service = rig.plane.run.services["shop"]
    service.scaling = type(service.scaling)(mode="MANUAL", manual_instances=3)
    plan = await rig.plan("revisions.scale", max="5")
    assert any("manual" in warning for warning in plan.warnings)
    assert json.loads(plan.operation[1])["scaling"] == {
        "maxInstanceCount": 5,
        "scalingMode": "MANUAL",
        "manualInstanceCount": 3,
    }


async def test_a_service_that_cannot_be_read_raises(rig: Rig) -> None:
    rig.plane.run.services.clear()
    with pytest.raises(CockpitError, match="does not exist"):
        await rig.plan("revisions.rollback", revision=GOOD)


async def test_the_equivalent_commands_do_the_same_with_the_real_gcloud(
    rig: Rig, gcloud: Callable[[str], Awaitable[None]]
) -> None:
    """Each command is pasted into gcloud, against the same control plane."""
    for action, params in (
        ("revisions.rollback", {"revision": GOOD}),
        ("revisions.promote", {"to": "latest"}),
        ("revisions.split", {"revision": GOOD, "percent": "10"}),
    ):
        plan = await rig.plan(action, **params)
        assert plan.refusals == ()
        (line,) = plan.equivalent
        await gcloud(line)
        assert sorted(rig.traffic().split(",")) == sorted(compact(plan.basis["targets"]).split(","))
    plan = await rig.plan("revisions.scale", min="2", max="20")
    await gcloud(plan.equivalent[0])
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (2, 20)
    plan = await rig.plan("revisions.restore_scale", min="0", max="20")
    await gcloud(plan.equivalent[0])
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (0, 20)
    assert len(rig.plane.run.services["shop"].revisions) == 2


async def test_taking_back_a_list_that_follows_latest_warns_when_latest_is_another_revision(rig: Rig) -> None:
    result = await rig.run(await rig.plan("revisions.rollback", revision=GOOD))
    assert (await rig.undo(result.undo.request)).warnings == (), "latest is still what it was"
    audit = Audit("google.cloud.run.v2.Services.UpdateService", "bob@shop.example", "127.0.0.1", {})
    deployment = rig.plane.run.apply(
        "shop", Change(template=Template("reg/shop:v3", revision="shop-00003-new")), audit
    )
    async with asyncio.timeout(10):
        await deployment.done.wait()
    plan = await rig.undo(result.undo.request)
    assert plan.refusals == ()
    assert any("latest is shop-00003-new now" in warning and BAD in warning for warning in plan.warnings)

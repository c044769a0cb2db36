"""The revisions pane: what it says of a service beside the list of its revisions."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.revisions import Condition, Scaling, ServingShare, TemplateFacts
from cockpit.model.severity import Severity

SOURCE = "revisions/checkout"


async def shown(stage, status) -> str:
    stage.engine.say(SOURCE, Severity.WARN, "", status)
    stage.tick()
    await stage.pilot.press("5", "z")
    await stage.pilot.pause()
    return stage.text()


async def test_limits_ingress_and_failed_conditions_stand_below_the_list(stage, samples):
    broken = Condition("RoutesReady", "failed", "the domain is not mapped")
    status = replace(
        samples.service(), memory="512Mi", cpu="2", ingress="internal", conditions=(Condition("Ready", "ok"), broken)
    )
    text = await shown(stage, status)
    assert "each instance  512Mi  2 CPU   ingress internal" in text
    assert "RoutesReady: the domain is not mapped" in text


async def test_a_stopped_service_is_said_to_be_stopped_and_a_former_number_is_no_mode(stage, samples):
    status = replace(samples.service(), scaling=Scaling(0, 0, "MANUAL", 0))
    text = await shown(stage, status)
    assert "stopped: no instance runs until it is resumed" in text
    assert "scale manual 0" in text
    stage.engine.say(SOURCE, Severity.OK, "", replace(status, scaling=Scaling(1, 5, "AUTOMATIC", 3)))
    stage.tick()
    await stage.pilot.pause()
    assert "scale min 1  max 5" in stage.text()


async def test_a_template_of_another_digest_is_warned_of_where_the_tag_is_the_same(stage, samples):
    status = samples.service()
    newest, older, *rest = status.revisions
    older = replace(older, image=newest.image, digest="sha256:other", percent=100)
    serving = (ServingShare(older.name, 100),)
    newest = replace(newest, percent=0, digest="sha256:this")
    assert "any change of it deploys that again" not in await shown(stage, status)
    stage.engine.say(SOURCE, Severity.WARN, "", replace(status, revisions=(newest, older, *rest), serving=serving))
    stage.tick()
    await stage.pilot.pause()
    assert f"template holds {newest.name}'s image: any change of it deploys that again" in stage.text()


async def test_the_detail_has_the_set_up_and_no_value(stage, samples):
    facts = TemplateFacts(80, 300.0, "run@shop.example", ("POOL_SIZE",))
    status = replace(
        samples.service(), template=facts, secrets=(("api-key", "latest"),), conditions=(Condition("Ready", "ok"),)
    )
    await shown(stage, status)
    lines = dict(stage.screen.revisions.detail()[1])
    assert (lines["timeout"], lines["runs as"], lines["variables"]) == ("300 s", "run@shop.example", "POOL_SIZE")
    assert (lines["secrets"], lines["Ready"]) == ("api-key:latest", "ok")

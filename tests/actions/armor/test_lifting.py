"""armor.lift and armor.adaptive: what goes, what is another thing by now, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp.armorwire import due_text
from cockpit.errors import CockpitError, Conflict, Refused, Unreachable
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.http import Response

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)  # of the rig
ADDRESS = "198.51.100.7"
DUE = Rule(9999, "deny(404)", (ADDRESS,), description=due_text(NOW - timedelta(hours=3)))
PLAIN = Rule(9998, "deny(403)", ("192.0.2.9",))
LATER = Rule(9997, "deny(403)", ("192.0.2.10",), description=due_text(NOW + timedelta(hours=3)))
Rig = Any


async def test_a_denial_is_lifted_and_undo_puts_back_the_very_same_rule(rig: Rig) -> None:
    for rule in (DUE, PLAIN):
        rig.add(rule)
        before = dict(rig.rules)
        plan = await rig.plan("armor.lift", priority=str(rule.priority))
        assert plan.refusals == () and plan.tier is Tier.T2 and plan.objects == rule.ranges
        assert plan.operation[0].endswith(f"/edge/removeRule?priority={rule.priority}")
        assert plan.equivalent == (
            f"gcloud compute security-policies rules delete {rule.priority} --security-policy=edge"
            " --project=demo-shop",
        )
        assert (await rig.again(plan.request)).digest == plan.digest
        result = await rig.run(plan)
        assert result.outcome is Outcome.SUCCEEDED and rule.priority not in rig.rules
        assert (await rig.verify(plan, result)).holds is True
        assert plan.undo.request is not None
        back = await rig.again(plan.undo.request)
        assert (await rig.run(back)).outcome is Outcome.SUCCEEDED
        assert rig.rules == before


async def test_the_choices_are_the_denials_those_that_are_due_first(rig: Rig) -> None:
    for rule in (DUE, PLAIN, LATER):
        rig.add(rule)
    found = await rig.handlers["armor.lift"].choices("priority")
    assert [(each.value, each.recommended) for each in found] == [("9999", True), ("9997", False), ("9998", False)]
    assert found[0].label == f"{ADDRESS}, rule 9999, due since 2026-03-01 09:00 UTC"
    assert found[1].label.endswith("until 2026-03-01 15:00 UTC")
    assert found[2].label == "192.0.2.9, rule 9998, says nothing of itself"
    assert await rig.handlers["armor.lift"].choices("ranges") == ()


async def test_only_denials_of_addresses_are_lifted(rig: Rig) -> None:
    rig.add(Rule(700, "deny(403)", expression="origin.region_code == 'XX'"))
    rig.add(Rule(701, "deny(403)", (ADDRESS,), preview=True))
    for priority, word in (("500", "allow"), ("700", "region_code"), ("701", "preview"), ("2147483647", "allow")):
        plan = await rig.plan("armor.lift", priority=priority)
        assert "no denial of addresses" in plan.refusals[0].reason and word in plan.refusals[0].reason
    with pytest.raises(Refused):
        await rig.plan("armor.lift", priority="4242")


async def test_a_rule_that_became_another_since_is_not_lifted(rig: Rig) -> None:
    rig.add(DUE)
    status = await rig.policy.read_policy()
    plan = await rig.plan("armor.lift", priority="9999", fingerprint=status.fingerprint)
    assert plan.refusals == ()
    rig.add(Rule(9999, "deny(404)", ("192.0.2.77",)))
    row = await rig.plan("armor.lift", priority="9999", fingerprint=status.fingerprint)
    assert (row.refusals[0].step, row.refusals[0].reason) == (
        "identity",
        "edge was changed since the row was drawn",
    )
    undo = await rig.plan("armor.lift", priority="9999", ranges=ADDRESS)
    assert undo.refusals[0].reason == "rule 9999 is for 192.0.2.77 now"
    with pytest.raises(Conflict):
        await rig.run(plan)
    assert not rig.sent(), "it was looked at once more before it was sent"


async def test_a_denial_that_the_profile_would_not_allow_is_put_back_by_hand(rig: Rig) -> None:
    rig.add(Rule(9999, "deny(403)", ("198.51.0.0/16",), description="a whole provider"))
    plan = await rig.plan("armor.lift", priority="9999")
    assert plan.refusals == () and plan.undo.request is None
    assert "this profile denies at most a /24" in plan.undo.text
    assert "rules create 9999 --security-policy=edge --action=deny-403" in plan.undo.text


async def test_another_rule_that_denies_the_same_is_told(rig: Rig) -> None:
    rig.add(DUE)
    rig.add(Rule(9000, "deny(403)", (ADDRESS,)))
    plan = await rig.plan("armor.lift", priority="9999")
    assert (await rig.run(plan)).summary == "rule 9999 of edge is gone; rule 9000 denies it, too"


async def test_adaptive_protection_is_switched_on_and_off_again(rig: Rig) -> None:
    plan = await rig.plan("armor.adaptive", wanted="on")
    assert plan.refusals == () and plan.tier is Tier.T2
    assert [(each.what, each.before, each.after) for each in plan.changes] == [("layer 7 DDoS defence", "off", "on")]
    assert "--enable-layer7-ddos-defense" in plan.equivalent[0] and "keeps nobody out" in plan.affected
    assert (await rig.again(plan.request)).digest == plan.digest
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, "adaptive protection of edge is on")
    (patch,) = rig.sent()
    assert plan.operation[0].startswith("PATCH ") and patch.json()["fingerprint"] in " ".join(plan.operation)
    assert (await rig.plan("armor.adaptive", wanted="on")).refusals[0].reason == "it is on already"
    assert plan.undo.request is not None
    assert (await rig.run(await rig.again(plan.undo.request))).outcome is Outcome.SUCCEEDED
    assert (await rig.policy.read_policy()).adaptive is False
    assert [each.value for each in await rig.handlers["armor.adaptive"].choices("wanted")] == ["on", "off"]
    with pytest.raises(Refused):
        await rig.plan("armor.adaptive", wanted="maybe")


async def test_who_is_affected_is_said_for_on_and_for_off(rig: Rig) -> None:
    await rig.run(await rig.plan("armor.adaptive", wanted="on"))
    plan = await rig.plan("armor.adaptive", wanted="off")
    assert plan.title == "Switch off adaptive protection of edge"
    assert "nobody is alerted" in plan.affected and "learns" not in plan.affected


async def test_a_policy_of_the_same_name_is_another_one_however_often_it_is_planned(rig: Rig) -> None:
    seen = await rig.policy.read_policy()
    rig.add(PLAIN)
    row = {"wanted": "on", "fingerprint": seen.fingerprint}
    changed = (await rig.plan("armor.adaptive", policy_id=seen.id, **row)).refusals
    assert [(each.step, each.outdated) for each in changed] == [("identity", ("fingerprint",))]
    other = (await rig.plan("armor.adaptive", policy_id="1", **row)).refusals
    assert [(each.step, each.outdated) for each in other] == [("identity", ())]


async def test_an_old_fingerprint_refuses_and_nothing_is_sent(rig: Rig) -> None:
    plan = await rig.plan("armor.adaptive", wanted="on")
    rig.add(PLAIN)
    assert (await rig.again(plan.request)).digest != plan.digest
    with pytest.raises(Conflict):
        await rig.run(plan)
    assert not rig.sent()


@pytest.mark.parametrize("action", ["armor.lift", "armor.adaptive"])
@pytest.mark.parametrize(
    ("fault", "kind", "unknown"),
    [
        (Response(500, b""), Unreachable, True),
        (Response(409, b'{"error": {"message": "changed"}}'), Conflict, False),
        (Response(404, b'{"error": {"message": "gone"}}'), CockpitError, False),
    ],
)
async def test_what_goes_wrong_is_told_and_nothing_is_sent_twice(
    rig: Rig, action: str, fault: Response, kind: type[CockpitError], unknown: bool
) -> None:
    rig.add(DUE)
    params = {"priority": "9999"} if action == "armor.lift" else {"wanted": "on"}
    plan = await rig.plan(action, **params)
    assert plan.permission.grant is Grant.GRANTED
    rig.fault = fault
    with pytest.raises(kind) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible is unknown and len(rig.sent()) == 1

"""armor.deny: the rule that it would make, what it refuses, what it does once, and the way back."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from cockpit.errors import CockpitError, Conflict, Refused, TimedOut, Unreachable
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.http import Response

ADDRESS = "198.51.100.7"
UNTIL = "denied by cockpit until 2026-03-02 12:01 UTC"
Rig = Any


async def test_an_address_is_kept_out_by_one_rule_before_all_that_let_in(rig: Rig) -> None:
    plan = await rig.plan("armor.deny", address=ADDRESS)
    assert plan.refusals == () and plan.warnings == ()
    assert (plan.tier, plan.title, plan.target) == (
        Tier.T2,
        f"Deny {ADDRESS} at edge",
        "edge of Cloud Armor in demo-shop",
    )
    assert [(each.what, each.before, each.after) for each in plan.changes] == [
        (f"requests from {ADDRESS}", "reach the service", "get HTTP 403 at the load balancer"),
        ("rule 9999 of edge", "none", f"deny(403), {UNTIL}"),
    ]
    assert plan.dry_run == "Compute Engine accepts the rule (validateOnly)"
    assert plan.permission.grant is Grant.GRANTED
    assert "never ask the VPC firewall" in plan.affected and "NAT" in plan.affected
    assert not rig.sent(), "a plan changes nothing"
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, f"rule 9999 of edge denies {ADDRESS}")
    (request,) = rig.sent()
    assert plan.operation[0].startswith("POST ") and plan.operation[0].endswith(request.path)
    assert json.loads("\n".join(plan.operation[1:])) == request.json()
    assert rig.rules[9999] == Rule(9999, "deny(403)", (ADDRESS,), description=UNTIL).json()
    assert (await rig.verify(plan, result)).holds is True
    words = shlex.split(plan.equivalent[0])
    assert words[:5] == ["gcloud", "compute", "security-policies", "rules", "create"]
    assert {"9999", "--security-policy=edge", "--action=deny-403", f"--src-ip-ranges={ADDRESS}"} <= set(words)
    assert f"--description={UNTIL}" in words


async def test_the_same_plan_has_the_same_digest_and_a_changed_policy_another(rig: Rig) -> None:
    plan = await rig.plan("armor.deny", address=ADDRESS, expire="2h")
    assert "2026-03-01 14:01 UTC" in plan.changes[1].after
    again = await rig.again(plan.request)
    assert again.digest == plan.digest, "the end is settled when it is first planned"
    rig.add(Rule(4000, "allow", ("192.0.2.0/24",)))
    changed = await rig.again(plan.request)
    assert changed.refusals == () and changed.digest != plan.digest
    rig.rules[9999] = Rule(9999, "deny(403)", ("192.0.2.9",)).json()
    taken = await rig.again(plan.request)
    assert taken.refusals[0].reason == "there is a rule 9999 already" and "9998" in taken.refusals[0].hint


async def test_a_policy_that_was_made_again_is_another(rig: Rig) -> None:
    plan = await rig.plan("armor.deny", address=ADDRESS)
    rig.plane.compute.seed("edge")
    again = await rig.again(plan.request)
    assert again.refusals[0].step == "identity" and "created again" in again.refusals[0].reason


async def test_it_stands_before_what_would_let_the_address_in_first(rig: Rig) -> None:
    inside = await rig.plan("armor.deny", address="203.0.113.9")
    assert inside.request.get("at") == "499"
    assert inside.warnings == ("rule 500 (partner) is for 203.0.113.0/24: the denial comes before it",)
    rig.add(Rule(9999, "deny(403)", ("192.0.2.9",)))
    assert (await rig.plan("armor.deny", address=ADDRESS)).request.get("at") == "9998"
    rig.add(Rule(300, "throttle", expression="request.path.matches('/login')"))
    assert (await rig.plan("armor.deny", address=ADDRESS)).request.get("at") == "299", "who knows whom it matches"
    rig.add(Rule(100, "allow", ("*",), preview=True))
    assert (await rig.plan("armor.deny", address=ADDRESS)).request.get("at") == "299", "a preview decides nothing"
    rig.add(Rule(0, "allow", ("*",)))
    refused = await rig.plan("armor.deny", address=ADDRESS)
    assert refused.refusals[0].reason == "no priority is free before rule 0"


async def test_a_wished_priority_is_taken_where_it_has_an_effect(rig: Rig) -> None:
    assert (await rig.plan("armor.deny", address=ADDRESS, at="70")).request.get("at") == "70"
    taken = await rig.plan("armor.deny", address=ADDRESS, at="500")
    assert (taken.refusals[0].reason, taken.refusals[0].hint) == (
        "there is a rule 500 already",
        "leave it out: 9999 is free",
    )
    late = await rig.plan("armor.deny", address="203.0.113.9", at="9000")
    assert late.refusals[0].reason == "priority 9000 has no effect: rule 500 (allow) decides first"
    beyond = await rig.plan("armor.deny", address=ADDRESS, at="2147483648")
    assert "no effect" in beyond.refusals[0].reason


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("198.51.0.0/16", "holds 65,536 addresses: this profile denies at most a /24 at once"),
        ("0.0.0.0/0", "holds 4,294,967,296 addresses"),
        ("2001:db8::/32", "holds 2^96 addresses: this profile denies at most a /56 at once"),
        ("198.19.7.7", "is in 198.18.0.0/15, which the profile never denies"),
        ("192.0.2.44", "you are connected from 192.0.2.44 yourself"),
        ("192.0.2.0/24", "you are connected from 192.0.2.44 yourself"),
        ("::ffff:192.0.2.44", "you are connected from 192.0.2.44 yourself"),
        ("35.191.3.4", "is in 35.191.0.0/16: Google's load balancers and health checks"),
        ("130.211.1.0/24", "health checks"),
        ("209.85.152.9", "health checks"),
        ("2600:2d00:1:b029::7", "health checks"),
        ("35.235.241.1", "Identity-Aware Proxy"),
        ("127.0.0.1", "this machine"),
        ("::1", "this machine"),
        ("10.1.2.3", "a private network"),
        ("::ffff:10.1.2.3", "a private network"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.5", "multicast"),
        ("255.255.255.255", "reserved"),
        ("fe80::1", "link-local"),
    ],
)
async def test_what_would_hit_ourselves_or_too_many_is_refused(rig: Rig, address: str, reason: str) -> None:
    plan = await rig.plan("armor.deny", address=address)
    assert any(reason in refusal.reason for refusal in plan.refusals), plan.refusals
    assert plan.operation == ()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("198.51.100.7/24", "bits set behind its prefix"),
        ("198.51.100.7-198.51.100.9", "no IP address"),
        ("attacker.example", "no IP address"),
        ("198.51.100.007", "no IP address"),
        ("*", "everybody"),
        ("fe80::1%eth0", "zone"),
        ("::/80", "all IPv4"),
        (" , ", "no address"),
        (",".join(f"198.51.100.{number}" for number in range(11)), "a rule takes 10"),
    ],
)
async def test_what_is_no_address_is_refused_at_once(rig: Rig, address: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        await rig.plan("armor.deny", address=address)
    assert said in caught.value.message and caught.value.hint
    assert not rig.requests, "nothing was asked for it"


async def test_several_ranges_make_one_rule_and_clothes_are_taken_off(rig: Rig) -> None:
    plan = await rig.plan(
        "armor.deny", address="198.51.100.0/28, ::ffff:198.51.100.200 2001:db8:7::/64,198.51.100.0/28"
    )
    assert plan.objects == ("198.51.100.0/28", "198.51.100.200", "2001:db8:7::/64")
    await rig.run(plan)
    assert rig.rules[9999]["match"]["config"]["srcIpRanges"] == list(plan.objects)


async def test_what_is_denied_already_is_refused_and_a_preview_denies_nothing(rig: Rig) -> None:
    rig.add(Rule(7000, "deny(404)", ("198.51.100.0/24",)))
    plan = await rig.plan("armor.deny", address=ADDRESS)
    assert plan.refusals[0].reason == f"{ADDRESS} is denied already by rule 7000"
    assert (await rig.plan("armor.deny", address="198.51.101.7")).refusals == ()
    rig.rules[7000]["preview"] = True
    assert (await rig.plan("armor.deny", address=ADDRESS)).refusals == ()


@pytest.mark.parametrize(
    ("params", "said"),
    [({"code": "429"}, "429"), ({"expire": "5s"}, "less than a minute"), ({"expire": "9999999d"}, "calendar")],
)
async def test_what_the_api_does_not_know_is_refused(rig: Rig, params: dict[str, str], said: str) -> None:
    with pytest.raises(Refused) as caught:
        await rig.plan("armor.deny", address=ADDRESS, **params)
    assert said in caught.value.message


async def test_a_policy_that_filters_nothing_or_is_walked_around_is_warned_of(rig: Rig) -> None:
    rig.plane.compute.backends.clear()
    rig.doors.append("shop at https://shop.example")
    plan = await rig.plan("armor.deny", address=ADDRESS)
    assert plan.warnings == (
        "no backend service uses this policy: it filters nothing",
        "shop at https://shop.example takes requests past the load balancer: this policy does not filter them",
    )


async def test_a_missing_right_is_named_with_its_role(rig: Rig) -> None:
    rig.plane.permissions.revoke("compute.securityPolicies.update")
    plan = await rig.plan("armor.deny", address=ADDRESS)
    assert plan.permission.grant is Grant.DENIED
    assert "roles/compute.securityAdmin" in plan.permission.how
    assert plan.refusals[0].step == "permission" and "compute.securityPolicies.update" in plan.refusals[0].reason


async def test_a_change_by_somebody_else_under_way_is_a_conflict(rig: Rig) -> None:
    rig.plane.compute.busy.add("edge")  # somebody else changes it
    plan = await rig.plan("armor.deny", address=ADDRESS)
    assert plan.refusals == (), "a rehearsal tells of the rule, not of what else is under way"
    with pytest.raises(Conflict) as caught:
        await rig.run(plan)
    assert "not ready" in caught.value.message and len(rig.sent()) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "unknown"),
    [
        (Response(500, b""), Unreachable, True),
        (Response(412, b'{"error": {"message": "Invalid fingerprint."}}'), Conflict, False),
        (Response(403, b'{"error": {"message": "no"}}'), CockpitError, False),
    ],
)
async def test_what_goes_wrong_is_told_and_nothing_is_sent_twice(
    rig: Rig, fault: Response, kind: type[CockpitError], unknown: bool
) -> None:
    plan = await rig.plan("armor.deny", address=ADDRESS)
    rig.fault = fault
    with pytest.raises(kind) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible is unknown and len(rig.sent()) == 1


async def test_an_operation_that_fails_or_never_ends_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = await rig.plan("armor.deny", address=ADDRESS)
    rig.plane.compute.fail = ("QUOTA_EXCEEDED", 403, "too many rules")
    with pytest.raises(CockpitError) as failed:
        await rig.run(plan)
    assert not failed.value.effect_possible
    monkeypatch.setattr("cockpit.adapters.gcp.armor.OPERATION_DEADLINE_S", 0.0)
    with pytest.raises(TimedOut) as endless:
        await rig.run(plan)
    assert endless.value.effect_possible


async def test_undo_removes_exactly_that_rule(rig: Rig) -> None:
    before = dict(rig.rules)
    plan = await rig.plan("armor.deny", address=ADDRESS)
    await rig.run(plan)
    assert plan.undo.request is not None and plan.undo.request.action == "armor.lift"
    back = await rig.again(plan.undo.request)
    assert (await rig.run(back)).outcome is Outcome.SUCCEEDED
    assert rig.rules == before

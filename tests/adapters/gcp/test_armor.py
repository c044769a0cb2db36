"""A Cloud Armor policy as the cockpit reads and changes it: once, as it was shown, and honest about the unknown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp import armor, transport
from cockpit.adapters.gcp.armor import ArmorPolicy
from cockpit.adapters.gcp.armorwire import due_of, due_text
from cockpit.clock import ManualClock, SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.severity import Severity
from cockpit.profile.google import ArmorSource
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

PATH = "/compute/v1/projects/demo-shop/global/securityPolicies/edge"
DENY = ArmorRule(9999, "deny(403)", ("198.51.100.9",), description="denied by hand")


def answer(status: int, body: object) -> Response:
    return Response(status, json.dumps(body).encode(), (("content-type", "application/json"),))


def refusal(status: int, reason: str, message: str) -> Response:
    return answer(status, {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}})


@pytest.fixture
async def policy(front: Any, plane: ControlPlane) -> AsyncIterator[ArmorPolicy]:
    plane.compute.seed(
        "edge",
        Rule(500, "allow", ("203.0.113.0/24",), description="office"),
        Rule(800, "throttle", expression="request.path.matches('/login')"),
        backends=("web", "web-api"),
    )
    source = ArmorSource(name="edge", project="demo-shop", policy="edge", endpoint=front.url, timeout=3)
    policy = ArmorPolicy(source, SystemClock())
    yield policy
    await policy.close()


async def adds(policy: ArmorPolicy) -> ArmorStatus:
    return await policy.add_rule(DENY)


async def removes(policy: ArmorPolicy) -> ArmorStatus:
    return await policy.remove_rule(ArmorRule(500, "allow", ("203.0.113.0/24",), description="office"))


async def switches(policy: ArmorPolicy) -> ArmorStatus:
    return await policy.set_adaptive(True, (await policy.read_policy()).fingerprint)


CHANGES = [adds, removes, switches]
Changing = Callable[[ArmorPolicy], Awaitable[ArmorStatus]]


def changed(front: Any) -> list[Request]:
    return [each for each in front.requests if each.method == "PATCH" or each.path.endswith("Rule")]


async def test_a_poll_that_was_given_up_half_way_asks_for_the_backends_again(policy: ArmorPolicy, front: Any) -> None:
    await front.given_up("backendServices", policy.probe())
    status = (await policy.probe()).payload
    assert isinstance(status, ArmorStatus)
    assert (status.backends, status.protects) == (("web", "web-api"), True)


async def test_a_poll_reads_rules_switches_and_who_is_protected(policy: ArmorPolicy, front: Any) -> None:
    seen = await policy.probe()
    status = seen.payload
    assert isinstance(status, ArmorStatus)
    assert (seen.severity, seen.summary) == (Severity.OK, "3 rules, 0 denials, adaptive off")
    assert (status.project, status.policy, status.kind, status.protects) == ("demo-shop", "edge", "CLOUD_ARMOR", True)
    assert status.backends == ("web", "web-api") and status.id.isdigit() and status.fingerprint
    assert [(rule.priority, rule.action, rule.ranges) for rule in status.rules] == [
        (500, "allow", ("203.0.113.0/24",)),
        (800, "throttle", ()),
        (2147483647, "allow", ("*",)),
    ]
    assert status.rules[1].expression == "request.path.matches('/login')"
    await policy.probe()
    assert len(front.sent("GET", "backendServices")) == 1, "who uses it is not asked at every poll"


async def test_a_denial_whose_end_has_come_is_a_warning(policy: ArmorPolicy, plane: ControlPlane) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    rules = plane.compute.policies["edge"].rules
    rules[9000] = Rule(9000, "deny(403)", ("198.51.100.7",), description=due_text(past)).json()
    later = due_text(past + timedelta(days=9))
    rules[9001] = Rule(9001, "deny(403)", ("198.51.100.8",), description=later).json()
    seen = await policy.probe()
    assert seen.severity is Severity.WARN
    assert seen.summary == f"198.51.100.7 is due to be let in again since {past:%m-%d %H:%M} UTC"
    rules[9001]["description"] = due_text(past - timedelta(days=1))
    assert (await policy.probe()).summary.startswith("2 denials are due to be let in again since")
    rules[9000]["preview"] = rules[9001]["preview"] = True
    assert (await policy.probe()).severity is Severity.OK, "what is only logged keeps nobody out"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("denied by cockpit until 2026-03-02 18:00 UTC", datetime(2026, 3, 2, 18, tzinfo=UTC)),
        ("scraper, until 2026-03-02T18:00:30Z, ticket 7", datetime(2026, 3, 2, 18, tzinfo=UTC)),
        ("until 2026-13-40 18:00 UTC", None),
        ("until tomorrow", None),
        ("until 2026-03-02 18:00 CET", None),
        ("", None),
    ],
)
def test_the_end_of_a_denial_is_read_from_what_it_says_of_itself(text: str, found: datetime | None) -> None:
    assert due_of(text) == found
    if found:
        assert due_of(due_text(found)) == found and len(due_text(found)) <= 64


async def test_a_policy_that_nothing_uses_says_so_and_one_that_may_not_be_seen_says_that(
    front: Any, plane: ControlPlane
) -> None:
    plane.compute.seed("edge")
    source = ArmorSource(name="edge", project="demo-shop", policy="edge", endpoint=front.url, timeout=3)
    policy = ArmorPolicy(source, SystemClock())
    seen = await policy.probe()
    assert isinstance(seen.payload, ArmorStatus) and seen.payload.protects is False
    assert seen.payload.notes == ("no backend service uses this policy: it filters nothing",)
    assert seen.summary.endswith("used by no backend")
    plane.permissions.revoke("compute.backendServices.list")
    unknown = ArmorPolicy(source, SystemClock())
    status = await unknown.read_policy()
    assert status.protects is None and "compute.backendServices.list" in status.notes[0]
    for each in (policy, unknown):
        await each.close()


async def test_a_rule_is_added_by_one_request_as_it_was_shown(policy: ArmorPolicy, front: Any) -> None:
    shown = policy.rule_request(DENY)
    await policy.rehearse_rule(DENY)
    assert (await policy.read_policy()).rule(9999) is None, "a rehearsal stores nothing"
    after = await policy.add_rule(DENY)
    dry, request = front.sent("POST", "addRule")
    assert (dict(dry.query), dict(request.query)) == ({"validateOnly": "true"}, {})
    line, body = shown.split("\n", 1)
    assert line == f"POST {front.url}{PATH}/addRule" and json.loads(body) == request.json() == dry.json()
    assert request.json() == {
        "priority": 9999,
        "action": "deny(403)",
        "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["198.51.100.9"]}},
        "description": "denied by hand",
    }
    assert after.rule(9999) == DENY and after.denials == (DENY,)
    assert front.sent("POST", "/wait") and front.sent("POST", "/wait")[0].body == b""


async def test_a_rule_is_removed_only_where_it_still_is_the_one_that_was_seen(
    policy: ArmorPolicy, front: Any
) -> None:
    await policy.add_rule(DENY)
    for other in (replace(DENY, ranges=("198.51.100.10",)), replace(DENY, priority=9998)):
        with pytest.raises(Conflict) as caught:
            await policy.remove_rule(other)
        assert not caught.value.effect_possible
    assert not front.sent("POST", "removeRule")
    assert (await policy.remove_rule(DENY)).rule(9999) is None
    (request,) = front.sent("POST", "removeRule")
    assert policy.removal_request(9999) == f"POST {front.url}{PATH}/removeRule?priority=9999"
    assert (dict(request.query), request.body) == ({"priority": "9999"}, b"")


async def test_the_adaptive_switch_leaves_what_else_is_set_and_needs_the_fingerprint(
    policy: ArmorPolicy, front: Any, plane: ControlPlane
) -> None:
    kept = {"layer7DdosDefenseConfig": {"enable": False, "ruleVisibility": "STANDARD"}}
    plane.compute.policies["edge"].adaptive = kept
    before = await policy.read_policy()
    assert before.adaptive is False
    shown = json.loads(policy.adaptive_request(True, before.fingerprint).split("\n", 1)[1])
    after = await policy.set_adaptive(True, before.fingerprint)
    (patch,) = front.sent("PATCH")
    assert patch.json()["adaptiveProtectionConfig"]["layer7DdosDefenseConfig"] == {
        "enable": True,
        "ruleVisibility": "STANDARD",
    }
    assert shown["fingerprint"] == patch.json()["fingerprint"] == before.fingerprint
    assert after.adaptive is True
    with pytest.raises(Conflict) as caught:
        await policy.set_adaptive(False, before.fingerprint)
    assert not caught.value.effect_possible and len(front.sent("PATCH")) == 1
    front.fail("GET", "securityPolicies", answer(200, {"id": "1", "name": "edge", "fingerprint": before.fingerprint}))
    with pytest.raises(Conflict) as late:
        await policy.set_adaptive(False, before.fingerprint)
    assert "Invalid fingerprint" in late.value.message and not late.value.effect_possible


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("fault", "kind", "open_effect"),
    [
        (refusal(401, "authError", "Invalid Credentials"), AuthenticationFailed, False),
        (refusal(404, "notFound", "The resource was not found"), NotFound, False),
        (refusal(409, "alreadyExists", "conflict"), Conflict, False),
        (refusal(412, "conditionNotMet", "Invalid fingerprint."), Conflict, False),
        (refusal(400, "resourceNotReady", "The resource is not ready"), Conflict, False),
        (refusal(400, "invalid", "Invalid value for field"), Misconfigured, False),
        (refusal(429, "rateLimitExceeded", "Rate Limit Exceeded"), RateLimited, False),
        (refusal(500, "backendError", "Internal error"), Unreachable, True),
        (Response(200, b'{"kind": "compute#oper'), Malformed, True),
        (answer(200, {"kind": "compute#operation"}), Malformed, True),
    ],
)
async def test_what_goes_wrong_with_a_change_is_said_and_it_is_sent_once(
    policy: ArmorPolicy, front: Any, change: Changing, fault: Response, kind: type[CockpitError], open_effect: bool
) -> None:
    for method, part in (("POST", "addRule"), ("POST", "removeRule"), ("PATCH", "edge")):
        front.fail(method, part, fault)
    with pytest.raises(kind) as caught:
        await change(policy)
    assert caught.value.effect_possible is open_effect
    assert len(changed(front)) == 1, "nothing is sent twice"


@pytest.mark.parametrize("change", CHANGES)
async def test_a_missing_right_is_named_with_the_role_that_holds_it(
    policy: ArmorPolicy, plane: ControlPlane, change: Changing
) -> None:
    plane.permissions.revoke(armor.CHANGES)
    with pytest.raises(PermissionDenied) as caught:
        await change(policy)
    assert caught.value.missing == "compute.securityPolicies.update"
    assert "roles/compute.securityAdmin" in caught.value.hint
    assert await policy.missing_permissions([armor.READS, armor.CHANGES]) == [armor.CHANGES]


@pytest.mark.parametrize("change", CHANGES)
async def test_an_operation_that_fails_is_a_failure_for_certain(
    policy: ArmorPolicy, plane: ControlPlane, change: Changing
) -> None:
    plane.compute.fail = ("QUOTA_EXCEEDED", 403, "Quota 'SECURITY_POLICY_RULES' exceeded.")
    with pytest.raises(CockpitError) as caught:
        await change(policy)
    assert "SECURITY_POLICY_RULES" in caught.value.message and not caught.value.effect_possible
    plane.compute.fail = ("CONDITION_NOT_MET", 412, "Invalid fingerprint.")
    with pytest.raises(Conflict):
        await change(policy)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_operation_that_never_ends_is_unknown_after_its_deadline(
    policy: ArmorPolicy, front: Any, change: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(armor, "OPERATION_DEADLINE_S", 0.2)

    async def runs_on(request: Request) -> Response | None:
        return answer(200, {"name": "operation-1", "status": "RUNNING"}) if "/wait" in request.path else None

    front.faults.append(runs_on)
    with pytest.raises(TimedOut) as caught:
        await change(policy)
    assert caught.value.effect_possible and "accepted" in caught.value.message
    assert len(changed(front)) == 1


async def test_trouble_with_the_operation_is_not_trouble_with_the_change(policy: ArmorPolicy, front: Any) -> None:
    busy = refusal(429, "rateLimitExceeded", "Rate Limit Exceeded")
    front.fail("POST", "/wait", busy, refusal(503, "backendError", "down"), Response(200, b"{"))
    assert (await policy.add_rule(DENY)).rule(9999) == DENY
    front.fail("POST", "/wait", refusal(401, "authError", "Invalid Credentials"))
    await policy.remove_rule(DENY)
    assert len(front.sent("POST", "addRule")) == len(front.sent("POST", "removeRule")) == 1
    front.fail("POST", "/wait", *[refusal(401, "authError", "Invalid Credentials")] * 2)
    with pytest.raises(AuthenticationFailed) as caught:
        await policy.add_rule(DENY)
    assert caught.value.effect_possible


async def test_who_may_not_look_at_operations_sees_the_effect_in_the_policy(
    policy: ArmorPolicy, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane.permissions.revoke("compute.globalOperations.get")
    monkeypatch.setattr(armor, "_PAUSE_MOST_S", 0.02)
    assert (await policy.add_rule(DENY)).rule(9999) == DENY
    plane.compute.stall = True
    monkeypatch.setattr(armor, "UNSEEN_S", 0.1)
    with pytest.raises(TimedOut) as caught:
        await policy.remove_rule(DENY)
    assert caught.value.effect_possible and "roles/compute.viewer" in caught.value.hint


async def test_reads_are_asked_again_and_tokens_renewed(
    policy: ArmorPolicy, front: Any, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "RETRY_FIRST_S", 0.01)
    await policy.probe()
    plane.tokens.expire_all()
    assert (await policy.probe()).severity is Severity.OK
    front.fail("GET", "securityPolicies", refusal(429, "rateLimitExceeded", "slow down"))
    assert (await policy.probe()).severity is Severity.OK
    for fault, kind in (
        (Response(200, b'{"id": "4'), Malformed),
        (answer(200, {"rules": []}), Malformed),
        (refusal(404, "notFound", "The resource was not found"), NotFound),
        (refusal(403, "forbidden", "Required 'compute.securityPolicies.get' permission for 'x'"), PermissionDenied),
    ):
        front.fail("GET", "securityPolicies", fault)
        with pytest.raises(kind):
            await policy.probe()


async def test_hostile_text_is_cleaned(policy: ArmorPolicy, plane: ControlPlane) -> None:
    rule = Rule(7, "deny(403)", ("198.51.100.7",), description="a\x1b]52;c;eA==\x07b\u202e").json()
    plane.compute.policies["edge"].rules[7] = rule
    found = (await policy.read_policy()).rule(7)
    assert found is not None and "\x1b" not in found.description and "\u202e" not in found.description


async def test_all_policies_of_the_project_are_listed(policy: ArmorPolicy, plane: ControlPlane) -> None:
    plane.compute.seed("admin")
    assert [each.policy for each in await policy.policies()] == ["admin", "edge"]


async def test_the_doctor_tells_of_token_policy_and_right(policy: ArmorPolicy, plane: ControlPlane) -> None:
    assert [(each.check, each.ok) for each in await policy.diagnose()] == [
        ("credentials", True),
        ("compute.securityPolicies.get", True),
        ("compute.securityPolicies.update", True),
    ]
    plane.permissions.revoke(armor.CHANGES)
    lacks = (await policy.diagnose())[-1]
    assert lacks.ok is False and "roles/compute.securityAdmin" in lacks.fix
    plane.permissions.revoke(armor.READS)
    unreadable = (await policy.diagnose())[-1]
    assert unreadable.ok is False and "roles/compute.viewer" in unreadable.fix


def test_clocks_of_the_cockpit_decide_what_is_due() -> None:
    clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    rule = replace(DENY, expires=clock.now())
    status = ArmorStatus("p", "edge", "1", "f", (rule, replace(rule, priority=1, expires=None)))
    assert status.due(clock.now()) == (rule,) == status.expiring
    assert status.due(clock.now() - timedelta(minutes=1)) == ()

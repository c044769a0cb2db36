"""The local Compute Engine: security policies, their fingerprints, rules that it does not take, operations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.server import ControlPlane

ROOT = "/compute/v1/projects/demo-shop/global"
POLICY = f"{ROOT}/securityPolicies/edge"


def rule(priority: object = 9999, **more: object) -> dict[str, object]:
    match = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["198.51.100.9"]}}
    return {"priority": priority, "action": "deny(403)", "match": match, **more}


def ranges(*found: str) -> dict[str, object]:
    return {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": list(found)}}


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    control = ControlPlane(settle_s=0.02)
    control.compute.seed("edge", Rule(500, "allow", ("203.0.113.0/24",)), backends=("web",))
    await control.start()
    yield control
    await control.close()


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {plane.tokens.issue()}"}
    async with httpx.AsyncClient(base_url=plane.url, headers=headers) as client:
        yield client


async def get(api: httpx.AsyncClient, path: str = POLICY) -> dict[str, Any]:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def send(api: httpx.AsyncClient, verb: str, body: object = None, **query: str) -> dict[str, Any]:
    answer = await api.post(f"{POLICY}/{verb}", json=body, params=query)
    assert answer.status_code == 200, answer.text
    waited = await api.post(f"{ROOT}/operations/{answer.json()['name']}/wait")
    found: dict[str, Any] = waited.json()
    return found


async def test_a_rule_is_added_and_removed_by_operations_that_the_audit_log_tells_of(
    plane: ControlPlane, api: httpx.AsyncClient
) -> None:
    before = await get(api)
    pending = (await api.post(f"{POLICY}/addRule", json=rule())).json()
    assert pending["status"] == "PENDING" and before == await get(api), "the effect comes with the end"
    done = (await api.post(f"{ROOT}/operations/{pending['name']}/wait")).json()
    assert done["status"] == "DONE" and "error" not in done
    after = await get(api)
    assert [each["priority"] for each in after["rules"]] == [500, 9999, 2147483647]
    assert after["fingerprint"] != before["fingerprint"]
    assert (await send(api, "removeRule", priority="9999"))["status"] == "DONE"
    assert [each["priority"] for each in (await get(api))["rules"]] == [500, 2147483647]
    entries = (
        await api.post(
            "/v2/entries:list", json={"resourceNames": ["projects/demo-shop"], "filter": "severity=NOTICE"}
        )
    ).json()["entries"]
    assert [each["protoPayload"]["methodName"].rpartition(".")[2] for each in entries] == [
        "addRule",
        "addRule",
        "removeRule",
        "removeRule",
    ]


async def test_an_old_fingerprint_is_412_and_a_second_change_at_once_is_not_ready(
    plane: ControlPlane, api: httpx.AsyncClient
) -> None:
    wanted = {"adaptiveProtectionConfig": {"layer7DdosDefenseConfig": {"enable": True}}}
    old = (await get(api))["fingerprint"]
    first = await api.patch(POLICY, json={**wanted, "fingerprint": old})
    second = await api.post(f"{POLICY}/addRule", json=rule())
    assert (second.status_code, second.json()["error"]["errors"][0]["reason"]) == (400, "resourceNotReady")
    await api.post(f"{ROOT}/operations/{first.json()['name']}/wait")
    assert (await get(api))["adaptiveProtectionConfig"] == wanted["adaptiveProtectionConfig"]
    stale = await api.patch(POLICY, json={**wanted, "fingerprint": old})
    assert (stale.status_code, stale.json()["error"]["message"]) == (412, "Invalid fingerprint.")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rule(500), "same priorities"),
        (rule("9999"), "priority"),
        (rule(9, action="deny(429)"), "action"),
        (rule(9, description="x" * 65), "64 characters"),
        (rule(9, match={}), "either source ranges or an expression"),
        (rule(9, match=ranges(*(f"198.51.100.{n}" for n in range(11)))), "more than 10"),
        (rule(9, match=ranges("198.51.100.9/24")), "host bits"),
        (rule(9, match={"config": {"srcIpRanges": ["198.51.100.9"]}}), "SRC_IPS_V1"),
    ],
)
async def test_a_rule_that_the_api_does_not_take_is_refused_at_once(
    api: httpx.AsyncClient, body: object, said: str
) -> None:
    answer = await api.post(f"{POLICY}/addRule", json=body)
    assert answer.status_code == 400 and said in answer.json()["error"]["message"]


async def test_validate_only_stores_nothing_a_failed_operation_neither(
    plane: ControlPlane, api: httpx.AsyncClient
) -> None:
    dry = await api.post(f"{POLICY}/addRule", json=rule(), params={"validateOnly": "true"})
    assert dry.json()["status"] == "DONE"
    plane.compute.fail = ("QUOTA_EXCEEDED", 403, "Quota 'SECURITY_POLICY_RULES' exceeded.")
    failed = await send(api, "addRule", rule())
    assert failed["status"] == "DONE" and failed["error"]["errors"][0]["code"] == "QUOTA_EXCEEDED"
    assert [each["priority"] for each in (await get(api))["rules"]] == [500, 2147483647]


async def test_a_rule_is_changed_and_read_alone_and_lists_name_backends(api: httpx.AsyncClient) -> None:
    await send(api, "patchRule", {"description": "office"}, priority="500")
    alone = (await api.get(f"{POLICY}/getRule", params={"priority": "500"})).json()
    assert (alone["description"], alone["action"]) == ("office", "allow")
    every = await get(api, "/compute/v1/projects/demo-shop/aggregated/securityPolicies")
    assert [each["name"] for each in every["items"]["global"]["securityPolicies"]] == ["edge"]
    assert [each["name"] for each in (await get(api, f"{ROOT}/securityPolicies"))["items"]] == ["edge"]
    (backend,) = (await get(api, f"{ROOT}/backendServices"))["items"]
    assert backend["securityPolicy"].endswith("/global/securityPolicies/edge")
    assert (await api.get(f"{POLICY}/getRule", params={"priority": "7"})).status_code == 400
    assert (await api.post(f"{POLICY}/removeRule", params={"priority": "2147483647"})).status_code == 400
    assert (await api.get(f"{ROOT}/securityPolicies/other")).status_code == 404


async def test_a_missing_right_is_named_as_compute_engine_names_it(
    plane: ControlPlane, api: httpx.AsyncClient
) -> None:
    plane.permissions.revoke("compute.securityPolicies.update")
    answer = await api.post(f"{POLICY}/addRule", json=rule())
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].startswith("Required 'compute.securityPolicies.update' permission for")


async def test_the_first_rule_that_fits_decides_what_a_client_gets(plane: ControlPlane) -> None:
    policy = plane.compute.policies["edge"]
    policy.rules[100] = Rule(100, "deny(404)", ("203.0.113.9", "2001:db8::/64")).json()
    policy.rules[90] = Rule(90, "deny(403)", ("*",), preview=True).json()
    policy.rules[600] = Rule(600, "deny(502)", ("203.0.113.0/24", "198.51.100.0/24")).json()
    policy.rules[50] = Rule(50, "deny(403)", expression="true").json()
    found = {each: policy.verdict(each) for each in ("203.0.113.9", "2001:db8::7", "203.0.113.8", "198.51.100.1")}
    assert found == {"203.0.113.9": 404, "2001:db8::7": 404, "203.0.113.8": 0, "198.51.100.1": 502}
    assert policy.verdict("192.0.2.1") == policy.verdict("unknown") == 0

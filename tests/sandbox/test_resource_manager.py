"""The local Resource Manager answers which permissions are held, in both versions; any API's change is audited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cockpit.sandbox.gcp.server import ControlPlane

HELD, LOST = "redis.instances.update", "redis.instances.failover"


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    control = ControlPlane(settle_s=0.02)
    control.permissions.revoke(LOST)
    await control.start()
    yield control
    await control.close()


async def _ask(plane: ControlPlane, path: str, body: object, *, token: str | None = None) -> httpx.Response:
    given = plane.tokens.issue() if token is None else token
    async with httpx.AsyncClient(base_url=plane.url) as client:
        return await client.post(path, json=body, headers={"Authorization": f"Bearer {given}"})


@pytest.mark.parametrize("version", ["v1", "v3"])
@pytest.mark.parametrize("project", ["demo-shop", "123456789012"])
async def test_what_was_revoked_is_missing_from_the_answer(plane: ControlPlane, version: str, project: str) -> None:
    path = f"/{version}/projects/{project}:testIamPermissions"
    answer = await _ask(plane, path, {"permissions": [HELD, LOST]})
    assert answer.json() == {"permissions": [HELD]}
    assert (await _ask(plane, path, {"permissions": [LOST]})).json() == {}


async def test_another_project_a_wildcard_and_no_token_are_refused(plane: ControlPlane) -> None:
    path = "/v3/projects/demo-shop:testIamPermissions"
    other = await _ask(plane, "/v3/projects/elsewhere:testIamPermissions", {"permissions": [HELD]})
    wild = await _ask(plane, path, {"permissions": ["redis.*"]})
    many = await _ask(plane, path, {"permissions": [f"redis.instances.x{n}" for n in range(101)]})
    nobody = await _ask(plane, path, {"permissions": [HELD]}, token="stolen")
    assert [other.status_code, wild.status_code, many.status_code, nobody.status_code] == [403, 400, 400, 401]


async def test_the_change_of_any_api_is_in_the_admin_activity_log(plane: ControlPlane) -> None:
    name = "projects/demo-shop/locations/europe-west1/instances/cache"
    method = "google.cloud.redis.v1.CloudRedis.UpdateInstance"
    for first in (True, False):
        plane.logs.activity(
            "redis.googleapis.com", method, name, "ada@shop.example", operation="op-1", first=first, body={"a": 1}
        )
    plane.logs.activity("redis.googleapis.com", method, name, "eve@shop.example", failed="no")
    question = {
        "resourceNames": ["projects/demo-shop"],
        "filter": 'log_id("cloudaudit.googleapis.com/activity") AND protoPayload.serviceName="redis.googleapis.com"',
    }
    answer = await _ask(plane, "/v2/entries:list", question)
    found: list[dict[str, Any]] = answer.json()["entries"]
    assert [entry["protoPayload"]["authenticationInfo"]["principalEmail"] for entry in found] == [
        "ada@shop.example",
        "ada@shop.example",
        "eve@shop.example",
    ]
    assert [entry.get("operation", {}).get("last") for entry in found] == [None, True, None]
    assert [entry["protoPayload"]["status"] for entry in found] == [{}, {}, {"code": 9, "message": "no"}]

"""The local control planes behave as Cloud Run v1, v2 and Cloud Logging do, over one state, for gcloud too."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane

PROJECT, REGION = "demo-shop", "europe-west1"
SERVICE = f"/v2/projects/{PROJECT}/locations/{REGION}/services/shop"
KNATIVE = f"/apis/serving.knative.dev/v1/namespaces/{PROJECT}"
GOOD, BAD = "shop-00041-old", "shop-00042-new"


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    control = ControlPlane(PROJECT, region=REGION, settle_s=0.05)
    created = datetime.now(UTC) - timedelta(days=2)
    first = Template("registry.example/shop:v1", env=(("DB_POOL_SIZE", "10"),), revision=GOOD)
    service = control.run.seed("shop", first, created=created, creator="ci@shop.example")
    second = Template("registry.example/shop:v2", revision=BAD)
    control.run.seed_revision(service, second, created=datetime.now(UTC), creator="ci@shop.example")
    service.template = Template("registry.example/shop:v2")
    await control.start()
    yield control
    await control.close()


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=plane.url) as client:
        answer = await client.post("/token", data={"grant_type": "client_credentials"})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def _get(api: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _patch(api: httpx.AsyncClient, body: object, **query: str) -> Any:
    answer = await api.patch(SERVICE, json=body, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _finish(api: httpx.AsyncClient, operation: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(f"/v2/{operation['name']}:wait", json={"timeout": "10s"})
    done: dict[str, Any] = answer.json()
    assert done["done"]
    return done


def _rollback(revision: str, **more: object) -> dict[str, Any]:
    entry = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": 100}
    return {"traffic": [entry], **more}


async def test_a_traffic_change_is_an_operation_that_takes_effect_later(api: httpx.AsyncClient) -> None:
    before = await _get(api, SERVICE)
    assert before["trafficStatuses"] == [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "revision": BAD, "percent": 100}
    ]
    operation = await _patch(api, _rollback(GOOD, etag=before["etag"]), updateMask="traffic")
    assert "done" not in operation
    during = await _get(api, SERVICE)
    assert during["reconciling"] and during["generation"] != during["observedGeneration"]
    assert during["trafficStatuses"][0]["revision"] == BAD
    done = await _finish(api, operation)
    assert done["response"]["@type"] == "type.googleapis.com/google.cloud.run.v2.Service"
    after = await _get(api, SERVICE)
    assert after["trafficStatuses"][0] == {
        "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": GOOD, "percent": 100
    }  # fmt: skip
    assert "reconciling" not in after and after["etag"] != before["etag"]
    assert after["latestReadyRevision"].endswith(BAD)
    assert (await _get(api, f"/v2/{operation['name']}"))["done"]


async def test_a_stale_etag_is_refused_and_nothing_changes(api: httpx.AsyncClient) -> None:
    stale = (await _get(api, SERVICE))["etag"]
    await _finish(api, await _patch(api, {"scaling": {"minInstanceCount": 2}}, updateMask="scaling"))
    answer = await api.patch(SERVICE, json=_rollback(GOOD, etag=stale), params={"updateMask": "traffic"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "ABORTED")
    assert (await _get(api, SERVICE))["trafficStatuses"][0]["revision"] == BAD


async def test_validate_only_shows_the_result_and_stores_nothing(api: httpx.AsyncClient) -> None:
    before = await _get(api, SERVICE)
    answer = await _patch(api, _rollback(GOOD), updateMask="traffic", validateOnly="true")
    assert answer["done"] and answer["response"]["traffic"][0]["revision"] == GOOD
    assert await _get(api, SERVICE) == before


@pytest.mark.parametrize(
    ("body", "mask", "status"),
    [
        ({"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90}]}, "traffic", 400),
        (_rollback("shop-00099-nix"), "traffic", 400),
        ({"scaling": {"minInstanceCount": 9, "maxInstanceCount": 3}}, "scaling", 400),
        ({"nonsense": 1}, "nonsense", 400),
        ({"annotations": {"run.googleapis.com/ingress": "all"}}, "annotations", 400),
        ({"traffic": 7}, "traffic", 400),
        ({"template": {"containers": []}}, "template", 400),
    ],
)
async def test_invalid_changes_are_refused(api: httpx.AsyncClient, body: object, mask: str, status: int) -> None:
    before = await _get(api, SERVICE)
    for validate in ("true", "false"):
        answer = await api.patch(SERVICE, json=body, params={"updateMask": mask, "validateOnly": validate})
        assert answer.status_code == status, answer.text
    assert await _get(api, SERVICE) == before


async def test_a_new_template_makes_a_revision_and_latest_follows(api: httpx.AsyncClient) -> None:
    template = (await _get(api, SERVICE))["template"]
    template["containers"][0]["image"] = "registry.example/shop:v3"
    await _finish(api, await _patch(api, {"template": template}, updateMask="template"))
    revisions = (await _get(api, f"{SERVICE}/revisions"))["revisions"]
    assert [r["containers"][0]["image"][-2:] for r in revisions] == ["v3", "v2", "v1"]
    assert revisions[0]["containerStatuses"][0]["imageDigest"].startswith("registry.example/shop@sha256:")
    serving = (await _get(api, SERVICE))["trafficStatuses"]
    assert [share["revision"] for share in serving] == [revisions[0]["name"].rpartition("/")[2]]
    await _finish(api, await _patch(api, {"template": template}, updateMask="template", forceNewRevision="true"))
    assert len((await _get(api, f"{SERVICE}/revisions"))["revisions"]) == 4


async def test_scaling_and_tags_live_at_service_level(api: httpx.AsyncClient) -> None:
    body = _rollback(GOOD)
    body["traffic"].append({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": BAD, "tag": "canary"})
    body["scaling"] = {"scalingMode": "MANUAL", "manualInstanceCount": 0}
    await _finish(api, await _patch(api, body, updateMask="traffic,scaling"))
    service = await _get(api, SERVICE)
    assert service["scaling"] == {"scalingMode": "MANUAL", "manualInstanceCount": 0}
    assert service["trafficStatuses"][1]["uri"].startswith("https://canary---shop-")
    await _finish(api, await _patch(api, {"scaling": {"maxInstanceCount": 5}}, updateMask="scaling.maxInstanceCount"))
    assert (await _get(api, SERVICE))["scaling"] == {
        "scalingMode": "MANUAL", "manualInstanceCount": 0, "maxInstanceCount": 5
    }  # fmt: skip
    assert len((await _get(api, f"{SERVICE}/revisions"))["revisions"]) == 2


async def test_a_switch_of_the_scaling_mode_takes_the_limits_along_as_documented(api: httpx.AsyncClient) -> None:
    async def now(**scaling: object) -> Any:
        await _finish(api, await _patch(api, {"scaling": scaling}, updateMask="scaling"))
        return (await _get(api, SERVICE)).get("scaling")

    await now(minInstanceCount=2, maxInstanceCount=9)
    stopped = {"scalingMode": "MANUAL", "manualInstanceCount": 0}
    assert await now(**stopped, minInstanceCount=2) == stopped, "manual: both limits are unset"
    assert await now(scalingMode="AUTOMATIC") == {"scalingMode": "AUTOMATIC"}
    await now(scalingMode="MANUAL", manualInstanceCount=3)
    answer = await api.patch(
        SERVICE,
        json={"scaling": {"scalingMode": "AUTOMATIC", "maxInstanceCount": 5}},
        params={"updateMask": "scaling"},
    )
    assert answer.status_code == 400, "one limit alone is refused"
    automatic = await now(scalingMode="AUTOMATIC")
    assert automatic == {"scalingMode": "AUTOMATIC", "minInstanceCount": 3, "maxInstanceCount": 3}


async def test_ingress_is_one_of_three_in_both_dialects(api: httpx.AsyncClient) -> None:
    await _finish(api, await _patch(api, {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}, updateMask="ingress"))
    document = await _get(api, f"{KNATIVE}/services/shop")
    notes = document["metadata"]["annotations"]
    assert notes["run.googleapis.com/ingress"] == "internal"
    for word, status in (("open", 400), ("internal-and-cloud-load-balancing", 200)):
        notes["run.googleapis.com/ingress"] = word
        answer = await api.put(f"{KNATIVE}/services/shop", json=document)
        assert answer.status_code == status, answer.text
    assert (await _get(api, SERVICE))["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    answer = await api.patch(SERVICE, json={"ingress": "INGRESS_OPEN"}, params={"updateMask": "ingress"})
    assert answer.status_code == 400


async def test_revisions_come_in_pages(api: httpx.AsyncClient) -> None:
    first = await _get(api, f"{SERVICE}/revisions", pageSize="1")
    second = await _get(api, f"{SERVICE}/revisions", pageSize="1", pageToken=first["nextPageToken"])
    assert [page["revisions"][0]["name"].rpartition("/")[2] for page in (first, second)] == [BAD, GOOD]
    assert "nextPageToken" not in second


async def test_tokens_are_required_expire_and_can_be_refused(plane: ControlPlane, api: httpx.AsyncClient) -> None:
    async with httpx.AsyncClient(base_url=plane.url) as stranger:
        answer = await stranger.get(SERVICE)
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    await _get(api, SERVICE)
    plane.tokens.expire_all()
    assert (await api.get(SERVICE)).status_code == 401
    plane.tokens.refuse = True
    answer = await api.post("/token", data={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")


async def test_revoked_permissions_are_refused_and_not_granted(plane: ControlPlane, api: httpx.AsyncClient) -> None:
    asked = {"permissions": ["run.services.get", "run.services.update"]}
    assert (await api.post(f"{SERVICE}:testIamPermissions", json=asked)).json() == asked
    plane.permissions.revoke("run.services.update")
    granted = (await api.post(f"{SERVICE}:testIamPermissions", json=asked)).json()
    assert granted == {"permissions": ["run.services.get"]}
    answer = await api.patch(SERVICE, json=_rollback(GOOD), params={"updateMask": "traffic"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "run.services.update" in answer.json()["error"]["message"]
    assert (await api.get(SERVICE)).status_code == 200


async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    for path in (f"{SERVICE}x", "/v2/projects/other/locations/x/services/shop", "/nowhere", f"{KNATIVE}/revisions/x"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


async def test_knative_replaces_what_was_read_and_refuses_what_is_old(
    plane: ControlPlane, api: httpx.AsyncClient
) -> None:
    service = await _get(api, f"{KNATIVE}/services/shop")
    service["spec"]["traffic"] = [{"revisionName": GOOD, "percent": 100}]
    dry = await api.put(f"{KNATIVE}/services/shop", json=service, params={"dryRun": "all"})
    assert dry.json()["spec"]["traffic"][0]["revisionName"] == GOOD
    assert (await _get(api, f"{KNATIVE}/services/shop"))["spec"]["traffic"] == [
        {"latestRevision": True, "percent": 100}
    ]
    assert (await api.put(f"{KNATIVE}/services/shop", json=service)).status_code == 200
    again = await api.put(f"{KNATIVE}/services/shop", json=service)
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ABORTED")
    (operation,) = plane.run.operations
    await _finish(api, {"name": f"projects/{PROJECT}/locations/{REGION}/operations/{operation}"})
    v2 = await _get(api, SERVICE)
    assert v2["trafficStatuses"][0]["revision"] == GOOD
    assert len((await _get(api, f"{SERVICE}/revisions"))["revisions"]) == 2
    names = await _get(api, f"{KNATIVE}/revisions", labelSelector="serving.knative.dev/service = shop")
    assert [item["metadata"]["name"] for item in names["items"]] == [BAD, GOOD]
    everywhere = await _get(api, f"/v1/projects/{PROJECT}/locations/-/services")
    assert [item["metadata"]["name"] for item in everywhere["items"]] == ["shop"]


async def test_changes_leave_audit_entries_with_their_traffic(api: httpx.AsyncClient) -> None:
    await _finish(api, await _patch(api, _rollback(GOOD), updateMask="traffic"))
    text = (
        'log_id("cloudaudit.googleapis.com/activity") protoPayload.serviceName="run.googleapis.com" '
        'protoPayload.methodName=("google.cloud.run.v1.Services.ReplaceService" OR '
        '"google.cloud.run.v2.Services.UpdateService")'
    )
    body = {"resourceNames": [f"projects/{PROJECT}"], "filter": text}
    entries = (await api.post("/v2/entries:list", json=body)).json()["entries"]
    assert entries[0]["protoPayload"]["request"]["service"]["traffic"][0]["revision"] == GOOD
    assert entries[0]["protoPayload"]["authenticationInfo"]["principalEmail"] == "oncall@shop.example"
    assert entries[0]["protoPayload"]["response"]["trafficStatuses"][0]["revision"] == BAD


async def test_reads_of_the_log_are_limited_a_minute(plane: ControlPlane, api: httpx.AsyncClient) -> None:
    plane.logs.quota.per_minute = 3
    body = {"resourceNames": [f"projects/{PROJECT}"]}
    statuses = [(await api.post("/v2/entries:list", json=body)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    error = (await api.post("/v2/entries:list", json=body)).json()["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"][0]["metadata"]["quota_metric"] == "logging.googleapis.com/read_requests"


async def test_entries_come_in_order_and_in_pages(plane: ControlPlane, api: httpx.AsyncClient) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in (0, 2, 1, 4, 3):
        plane.logs.write("app", {"jsonPayload": {"n": number}}, at=start + timedelta(seconds=number))
    for order, wanted in (("timestamp asc", [0, 1, 2, 3, 4]), ("timestamp desc", [4, 3, 2, 1, 0])):
        body = {"resourceNames": [f"projects/{PROJECT}"], "orderBy": order, "pageSize": 2, "filter": 'logName:"app"'}
        seen: list[int] = []
        while True:
            page = (await api.post("/v2/entries:list", json=body)).json()
            seen += [entry["jsonPayload"]["n"] for entry in page.get("entries", [])]
            if "nextPageToken" not in page:
                break
            body["pageToken"] = page["nextPageToken"]
        assert seen == wanted
    changed = await api.post("/v2/entries:list", json={**body, "filter": ""})
    assert changed.status_code == 400


@pytest.fixture
async def gcloud(plane: ControlPlane, tmp_path: Path) -> Any:
    program = shutil.which("gcloud")
    if program is None:
        pytest.skip("gcloud is not installed here")
    token = tmp_path / "token"
    token.write_text(plane.tokens.issue("dev@shop.example"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(plane.port),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.googleapis.com/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": "http://logging.googleapis.com/",
    }

    async def run(*words: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            program, *words, "--format=json", env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads(output)

    return run


async def test_gcloud_and_v2_see_each_others_changes(gcloud: Any, api: httpx.AsyncClient) -> None:
    await _finish(api, await _patch(api, {"scaling": {"minInstanceCount": 3}}, updateMask="scaling"))
    described = await gcloud("run", "services", "describe", "shop", f"--region={REGION}")
    assert described["metadata"]["annotations"]["run.googleapis.com/minScale"] == "3"
    listed = await gcloud("run", "revisions", "list", "--service=shop", f"--region={REGION}")
    assert [item["metadata"]["name"] for item in listed] == [BAD, GOOD]
    await gcloud("run", "services", "update-traffic", "shop", f"--to-revisions={GOOD}=100", f"--region={REGION}")
    service = await _get(api, SERVICE)
    assert [share["revision"] for share in service["trafficStatuses"]] == [GOOD]
    assert service["scaling"] == {"minInstanceCount": 3}
    assert len((await _get(api, f"{SERVICE}/revisions"))["revisions"]) == 2
    await _finish(api, await _patch(api, _rollback(BAD), updateMask="traffic"))
    described = await gcloud("run", "services", "describe", "shop", f"--region={REGION}")
    assert described["status"]["traffic"] == [{"percent": 100, "revisionName": BAD}]
    entries = await gcloud("logging", "read", 'protoPayload.methodName:"ReplaceService"', "--limit=5")
    assert entries[0]["protoPayload"]["authenticationInfo"]["principalEmail"] == "dev@shop.example"
    assert len(await gcloud("run", "services", "list")) == 1


def _elsewhere(plane: ControlPlane) -> None:
    created = datetime.now(UTC) - timedelta(days=9)
    plane.region("us-east1").seed("shop", Template("registry.example/shop:v9"), created=created, creator="us")


async def test_each_region_has_its_own_service_of_a_name(plane: ControlPlane, api: httpx.AsyncClient) -> None:
    _elsewhere(plane)
    there = SERVICE.replace(REGION, "us-east1")
    answer = await api.patch(there, json={"scaling": {"minInstanceCount": 2}}, params={"updateMask": "scaling"})
    assert answer.json()["name"].startswith(f"projects/{PROJECT}/locations/us-east1/operations/")
    await _finish(api, answer.json())
    assert (await _get(api, there))["scaling"] == {"minInstanceCount": 2} and "scaling" not in await _get(
        api, SERVICE
    )
    assert (await api.get(SERVICE.replace(REGION, "us-west9"))).status_code == 404
    everywhere = await _get(api, f"/v1/projects/{PROJECT}/locations/-/services")
    places = [each["metadata"]["labels"]["cloud.googleapis.com/location"] for each in everywhere["items"]]
    assert places == [REGION, "us-east1"]
    body = {"resourceNames": [f"projects/{PROJECT}"], "filter": 'resource.labels.location="us-east1"'}
    entries = (await api.post("/v2/entries:list", json=body)).json()["entries"]
    assert [each["protoPayload"]["methodName"].rpartition(".")[2] for each in entries] == ["UpdateService"]


async def test_gcloud_tells_regions_apart(plane: ControlPlane, gcloud: Any) -> None:
    _elsewhere(plane)
    assert len(await gcloud("run", "services", "list")) == 2
    (there,) = await gcloud("run", "services", "list", "--region=us-east1")
    assert there["metadata"]["annotations"]["serving.knative.dev/creator"] == "us"
    revisions = await gcloud("run", "revisions", "list", "--service=shop", "--region=us-east1")
    assert [each["spec"]["containers"][0]["image"] for each in revisions] == ["registry.example/shop:v9"]

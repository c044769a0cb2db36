"""Cloud Run v2 as the cockpit changes it: once, as it was shown, and honest about what is not known."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cockpit.adapters.gcp import transport
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.runwire import LATEST, REVISION
from cockpit.clock import SystemClock
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
from cockpit.model.revisions import IngressChange, ModeChange, ServiceChange, TemplateChange, TrafficTarget
from cockpit.profile.schema import CloudRunSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

NAME = "projects/demo-shop/locations/europe-west1/services/shop"


GOOD = (TrafficTarget("shop-00001-good", 100), TrafficTarget("shop-00001-good", 0, "canary"))


def error(code: int, status: str, message: str, **detail: object) -> Response:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **detail}] if detail else []
    body = {"error": {"code": code, "status": status, "message": message, "details": details}}
    return Response(code, json.dumps(body).encode(), (("content-type", "application/json"),))


async def test_traffic_is_replaced_by_one_patch_as_it_was_shown(
    adapter: CloudRunService, front: Any, plane: ControlPlane
) -> None:
    before = await adapter.read_service()
    shown = adapter.traffic_request(GOOD, before.etag)
    after = await adapter.shift_traffic(GOOD, before.etag)
    (patch,) = front.sent("PATCH")
    assert patch.path == f"/v2/{NAME}"
    assert dict(patch.query) == {"updateMask": "traffic"}
    assert patch.json() == {
        "etag": before.etag,
        "traffic": [
            {"type": REVISION, "revision": "shop-00001-good", "percent": 100},
            {"type": REVISION, "revision": "shop-00001-good", "percent": 0, "tag": "canary"},
        ],
    }
    assert shown == f"PATCH {front.url}/v2/{NAME}?updateMask=traffic\n{patch.body.decode()}".replace(
        patch.body.decode(), json.dumps(patch.json())
    )
    assert after.serving_revision == "shop-00001-good"
    assert after.pinned
    assert plane.run.services["shop"].template.image.endswith(":v3")
    assert [share.tag for share in after.serving if share.tag] == ["canary"]


async def test_latest_is_sent_without_a_revision(adapter: CloudRunService, front: Any) -> None:
    status = await adapter.read_service()
    await adapter.shift_traffic((TrafficTarget("shop-00001-good", 10), TrafficTarget("", 90)), status.etag)
    (patch,) = front.sent("PATCH")
    assert patch.json()["traffic"][1] == {"type": LATEST, "percent": 90}
    found = await adapter.read_service()
    assert {share.revision: share.percent for share in found.serving} == {
        "shop-00001-good": 10,
        "shop-00003-worse": 90,
    }


async def test_a_rehearsal_changes_nothing(adapter: CloudRunService, front: Any) -> None:
    before = await adapter.read_service()
    would_be = await adapter.shift_traffic(GOOD, before.etag, validate_only=True)
    (patch,) = front.sent("PATCH")
    assert dict(patch.query) == {"updateMask": "traffic", "validateOnly": "true"}
    assert would_be.traffic == GOOD
    after = await adapter.read_service()
    assert (after.etag, after.traffic) == (before.etag, before.traffic)


async def test_an_old_etag_is_a_conflict_that_changed_nothing(adapter: CloudRunService) -> None:
    old = (await adapter.read_service()).etag
    await adapter.shift_traffic(GOOD, old)
    with pytest.raises(Conflict) as caught:
        await adapter.shift_traffic((TrafficTarget("", 100),), old)
    assert not caught.value.effect_possible
    assert (await adapter.read_service()).serving_revision == "shop-00001-good"
    with pytest.raises(Conflict):
        await adapter.scale(1, 5, old)


async def test_limits_are_set_at_service_level_without_a_revision(
    adapter: CloudRunService, front: Any, plane: ControlPlane
) -> None:
    status = await adapter.read_service()
    after = await adapter.scale(2, None, status.etag)
    assert (after.scaling.min_instances, after.scaling.max_instances) == (2, 0)
    after = await adapter.scale(None, 20, after.etag)
    assert (after.scaling.min_instances, after.scaling.max_instances) == (2, 20)
    after = await adapter.scale(0, 0, after.etag)
    assert (after.scaling.min_instances, after.scaling.max_instances) == (0, 0)
    patches = front.sent("PATCH")
    assert [dict(patch.query) for patch in patches] == [{"updateMask": "scaling"}] * 3
    assert [patch.json()["scaling"] for patch in patches] == [
        {"minInstanceCount": 2},
        {"minInstanceCount": 2, "maxInstanceCount": 20},
        {},
    ]
    assert len(plane.run.services["shop"].revisions) == 3


async def test_a_missing_permission_is_named_with_the_role_that_has_it(
    adapter: CloudRunService, plane: ControlPlane
) -> None:
    status = await adapter.read_service()
    plane.permissions.revoke("run.services.update")
    assert await adapter.missing_permissions(["run.services.get", "run.services.update"]) == ["run.services.update"]
    with pytest.raises(PermissionDenied) as caught:
        await adapter.shift_traffic(GOOD, status.etag)
    assert caught.value.missing == "run.services.update"
    assert "roles/run.developer" in caught.value.hint
    assert not caught.value.effect_possible


async def test_without_the_right_to_see_operations_the_service_itself_tells(
    adapter: CloudRunService, plane: ControlPlane
) -> None:
    status = await adapter.read_service()
    plane.permissions.revoke("run.operations.get")
    after = await adapter.shift_traffic(GOOD, status.etag)
    assert after.serving_revision == "shop-00001-good"


async def test_a_connection_lost_after_the_patch_leaves_the_effect_open(
    adapter: CloudRunService, front: Any, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = await adapter.read_service()

    async def apply_then_hang(request: Request) -> Response | None:
        if request.method != "PATCH":
            return None
        await plane.handle(request)
        await asyncio.sleep(60)
        return None

    front.faults.append(apply_then_hang)
    monkeypatch.setattr(adapter._run, "_timeout_s", 0.3)
    with pytest.raises(TimedOut) as caught:
        await adapter.shift_traffic(GOOD, status.etag)
    assert caught.value.effect_possible
    assert len(front.sent("PATCH")) == 1
    assert (await adapter.read_service()).serving_revision == "shop-00001-good"


async def test_an_operation_that_does_not_end_is_an_open_effect(
    adapter: CloudRunService, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = await adapter.read_service()
    plane.run.settle_s = 60
    monkeypatch.setattr(transport, "OPERATION_DEADLINE_S", 0.3)
    with pytest.raises(TimedOut, match="did not finish") as caught:
        await adapter.shift_traffic(GOOD, status.etag)
    assert caught.value.effect_possible


async def test_a_hiccup_while_waiting_for_the_operation_is_waited_out(adapter: CloudRunService, front: Any) -> None:
    status = await adapter.read_service()
    front.fail("GET", "/operations/", Response(500, b"oops"), Response(200, b'{"name": "cut'))
    after = await adapter.shift_traffic(GOOD, status.etag)
    assert after.serving_revision == "shop-00001-good"


async def test_a_failed_operation_is_a_definite_failure(adapter: CloudRunService, front: Any) -> None:
    status = await adapter.read_service()
    failed = {"name": "operations/x", "done": True, "error": {"code": 13, "message": "revision crashed"}}
    front.fail("PATCH", "", Response.of(failed))
    with pytest.raises(CockpitError, match="revision crashed") as caught:
        await adapter.shift_traffic(GOOD, status.etag)
    assert not caught.value.effect_possible


@pytest.mark.parametrize(
    ("answer", "kind", "open_effect"),
    [
        (error(409, "ABORTED", "version"), Conflict, False),
        (error(412, "FAILED_PRECONDITION", "etag"), Conflict, False),
        (error(400, "FAILED_PRECONDITION", "etag"), Conflict, False),
        (error(400, "INVALID_ARGUMENT", "sum"), Misconfigured, False),
        (error(429, "RESOURCE_EXHAUSTED", "slow down"), RateLimited, False),
        (error(404, "NOT_FOUND", "none"), NotFound, False),
        (error(401, "UNAUTHENTICATED", "who"), AuthenticationFailed, False),
        (error(500, "INTERNAL", "bug"), Unreachable, True),
        (error(503, "UNAVAILABLE", "later"), Unreachable, True),
        (error(504, "DEADLINE_EXCEEDED", "slow"), TimedOut, True),
        (Response(200, b'{"name": "oper'), Malformed, True),
        (Response(200, b"[]"), Malformed, True),
        (Response.of({"metadata": {}}), Malformed, True),
    ],
)
async def test_a_mutation_is_sent_once_whatever_comes_back(
    adapter: CloudRunService, front: Any, answer: Response, kind: type[CockpitError], open_effect: bool
) -> None:
    status = await adapter.read_service()
    front.fail("PATCH", "", answer)
    with pytest.raises(kind) as caught:
        await adapter.shift_traffic(GOOD, status.etag)
    assert type(caught.value) is kind
    assert caught.value.effect_possible is open_effect
    assert len(front.sent("PATCH")) == 1


async def test_nothing_listening_is_unreachable_and_no_open_effect(source: CloudRunSource) -> None:
    nowhere = source.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    adapter = CloudRunService(nowhere, None, SystemClock())
    with pytest.raises(Unreachable) as caught:
        await adapter.probe()
    assert not caught.value.effect_possible
    (line,) = await adapter.diagnose()
    assert (line.check, line.ok) == ("credentials", False)
    await adapter.close()


@pytest.mark.parametrize(
    ("change", "query", "sent"),
    [
        (
            IngressChange("internal-and-cloud-load-balancing"),
            {"updateMask": "ingress"},
            {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"},
        ),
        (
            ModeChange(0),
            {"updateMask": "scaling"},
            {"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 0}},
        ),
        (
            ModeChange(None, 2, 9),
            {"updateMask": "scaling"},
            {"scaling": {"scalingMode": "AUTOMATIC", "minInstanceCount": 2, "maxInstanceCount": 9}},
        ),
    ],
)
async def test_ingress_and_mode_are_one_patch_as_shown_and_nothing_is_stored_by_a_rehearsal(
    adapter: CloudRunService,
    front: Any,
    change: ServiceChange,
    query: dict[str, str],
    sent: dict[str, Any],
) -> None:
    before = await adapter.read_service()
    await adapter.change(change, before.etag, validate_only=True)
    assert (await adapter.read_service()).etag == before.etag
    shown = adapter.change_request(change, before.etag)
    after = await adapter.change(change, before.etag)
    rehearsal, patch = front.sent("PATCH")
    assert dict(rehearsal.query) == {**query, "validateOnly": "true"} and dict(patch.query) == query
    assert patch.json() == rehearsal.json() == {"etag": before.etag, **sent}
    assert json.loads(shown.partition("\n")[2]) == patch.json()
    assert len(after.revisions) == 3
    with pytest.raises(Conflict):
        await adapter.change(change, before.etag)


async def test_a_template_is_sent_back_whole_under_no_name_and_makes_a_revision(
    adapter: CloudRunService, front: Any
) -> None:
    before = await adapter.read_service()
    assert (before.memory, before.cpu, before.ingress) == ("512Mi", "1000m", "all")
    after = await adapter.change(TemplateChange(memory="2Gi"), before.etag)
    (patch,) = front.sent("PATCH")
    assert dict(patch.query) == {"updateMask": "template", "forceNewRevision": "true"}
    template = patch.json()["template"]
    assert "revision" not in template
    assert template["containers"][0]["resources"]["limits"] == {"cpu": "1000m", "memory": "2Gi"}
    assert (after.memory, after.cpu, after.template_image) == ("2Gi", "1000m", before.template_image)
    assert len(after.revisions) == 4 and after.latest_ready == after.latest_created == after.revisions[0].name
    again = await adapter.change(TemplateChange(), after.etag)
    assert len(again.revisions) == 5, "the same template again is a new revision, too"


async def test_a_template_that_changed_since_is_a_conflict_before_anything_is_sent(
    adapter: CloudRunService, front: Any
) -> None:
    before = await adapter.read_service()
    await adapter.shift_traffic(GOOD, before.etag)
    with pytest.raises(Conflict, match="was changed since it was read"):
        await adapter.change(TemplateChange(), before.etag)
    assert len(front.sent("PATCH")) == 1


async def test_a_template_without_a_container_cannot_be_changed(
    adapter: CloudRunService, front: Any, plane: ControlPlane
) -> None:
    async def bare(request: Request) -> Response | None:
        if request.method != "GET" or "revisions" in request.path:
            return None
        body = json.loads((await plane.handle(request)).body)
        del body["template"]["containers"]
        return Response.of(body)

    front.faults.append(bare)
    status = await adapter.read_service()
    with pytest.raises(Malformed, match="no container"):
        await adapter.change(TemplateChange(), status.etag)

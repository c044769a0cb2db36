"""Memorystore as the cockpit reads and changes it: once, as it was shown, and honest about what is not known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp import memorystore
from cockpit.adapters.gcp.memorystore import FORCE, LIMITED, MemorystoreInstance, judge, status_of
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
from cockpit.model.severity import Severity
from cockpit.profile.google import MemorystoreSource
from cockpit.sandbox.gcp.memorystore import Instance
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

NAME = "projects/demo-shop/locations/europe-west1/instances/cart"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def error(code: int, status: str, message: str) -> Response:
    return Response(code, json.dumps({"error": {"code": code, "status": status, "message": message}}).encode())


@pytest.fixture
def cart(plane: ControlPlane) -> Instance:
    return plane.memorystore.seed("cart", "europe-west1", size_gb=4)


@pytest.fixture
async def adapter(front: Any, cart: Instance) -> AsyncIterator[MemorystoreInstance]:
    source = MemorystoreSource(
        name="cart", project="demo-shop", region="europe-west1", instance="cart", endpoint=front.url, timeout=2
    )
    adapter = MemorystoreInstance(source, SystemClock())
    yield adapter
    await adapter.close()


async def test_a_poll_reads_the_instance_with_its_judgement(adapter: MemorystoreInstance, front: Any) -> None:
    seen = await adapter.probe()
    assert (seen.severity, seen.summary) == (Severity.OK, "READY, 4 GB")
    (request,) = front.sent("GET")
    assert request.path == f"/v1/{NAME}"
    status = seen.payload
    assert status == await adapter.read()
    assert (status.instance, status.region, status.project) == ("cart", "europe-west1", "demo-shop")
    assert (status.tier, status.size_gb, status.version) == ("STANDARD_HA", 4, "REDIS_7_2")
    assert (status.zone, status.zones) == ("europe-west1-b", ("europe-west1-b", "europe-west1-c"))
    assert (status.host, status.port, status.auth, status.encrypted) == ("10.9.8.3", 6379, True, False)
    assert status.configs == (("maxmemory-policy", "volatile-lru"),)


@pytest.mark.parametrize(
    ("state", "tier", "severity"),
    [
        ("READY", "BASIC", Severity.OK),
        ("UPDATING", "STANDARD_HA", Severity.WARN),
        ("UPDATING", "BASIC", Severity.CRIT),
        ("MAINTENANCE", "STANDARD_HA", Severity.WARN),
        ("MAINTENANCE", "BASIC", Severity.CRIT),
        ("FAILING_OVER", "STANDARD_HA", Severity.WARN),
        ("REPAIRING", "STANDARD_HA", Severity.CRIT),
        ("CREATING", "STANDARD_HA", Severity.CRIT),
        ("DELETING", "BASIC", Severity.CRIT),
        ("SOMETHING_NEW", "STANDARD_HA", Severity.WARN),
    ],
)
def test_anything_but_ready_is_told(state: str, tier: str, severity: Severity) -> None:
    seen = judge(status_of({"name": NAME, "state": state, "tier": tier, "memorySizeGb": 4}), NOW)
    assert seen.severity is severity
    assert state in seen.summary


@pytest.mark.parametrize(
    ("ahead", "severity", "said"),
    [
        (timedelta(hours=25), Severity.OK, "READY, 4 GB"),
        (timedelta(hours=23), Severity.WARN, "READY, 4 GB, maintenance in 23 h"),
        (timedelta(minutes=40), Severity.WARN, "READY, 4 GB, maintenance in 40 min"),
        (timedelta(minutes=-5), Severity.WARN, "READY, 4 GB, maintenance due now"),
    ],
)
def test_maintenance_within_a_day_is_a_warning(ahead: timedelta, severity: Severity, said: str) -> None:
    ready = status_of({"name": NAME, "state": "READY", "tier": "STANDARD_HA", "memorySizeGb": 4})
    seen = judge(replace(ready, maintenance_at=NOW + ahead), NOW)
    assert (seen.severity, seen.summary) == (severity, said)


def test_a_suspended_instance_is_critical() -> None:
    answer = {"name": NAME, "state": "READY", "suspensionReasons": ["CUSTOMER_MANAGED_KEY_ISSUE"]}
    assert judge(status_of(answer), NOW).severity is Severity.CRIT


def test_texts_are_cleaned_and_what_is_absent_is_unknown() -> None:
    hostile = {"name": NAME, "state": "READY\x1b[31m", "statusMessage": "a\x1b]52;c;x\x07b", "redisConfigs": {"k": 3}}
    status = status_of(hostile)
    assert (status.state, status.status_message) == ("READY", "ab")
    assert (status.auth, status.encrypted, status.created, status.zones) == (None, None, None, ())
    with pytest.raises(Malformed):
        status_of({"name": "cart"})


async def test_a_resize_is_one_patch_as_it_was_shown(
    adapter: MemorystoreInstance, front: Any, cart: Instance
) -> None:
    waits: list[float] = []
    after = await adapter.resize(6, waits.append)
    (patch,) = front.sent("PATCH")
    assert (patch.path, dict(patch.query)) == (f"/v1/{NAME}", {"updateMask": "memory_size_gb"})
    assert adapter.resize_request(6) == f"PATCH {front.url}/v1/{NAME}?updateMask=memory_size_gb\n" + json.dumps(
        patch.json()
    )
    assert (after.size_gb, after.state, cart.document["memorySizeGb"]) == (6, "READY", 6)
    assert waits and waits == sorted(waits)


async def test_a_failover_moves_the_primary(adapter: MemorystoreInstance, front: Any) -> None:
    after = await adapter.failover(LIMITED)
    (post,) = [request for request in front.sent("POST", ":failover")]
    assert adapter.failover_request(LIMITED) == f"POST {front.url}/v1/{NAME}:failover\n{json.dumps(post.json())}"
    assert post.json() == {"dataProtectionMode": LIMITED}
    assert after.zone == "europe-west1-c"
    assert (await adapter.failover(FORCE)).zone == "europe-west1-b"


async def test_a_replica_that_lags_stops_the_careful_failover_and_not_the_forced_one(
    adapter: MemorystoreInstance, cart: Instance
) -> None:
    cart.lag_bytes = 64 * 1024 * 1024
    with pytest.raises(Conflict, match="lags too far") as caught:
        await adapter.failover(LIMITED)
    assert "force-data-loss" in caught.value.hint and not caught.value.effect_possible
    assert (await adapter.read()).zone == "europe-west1-b"
    assert (await adapter.failover(FORCE)).zone == "europe-west1-c"


async def test_a_size_below_what_is_stored_fails_and_changes_nothing(
    adapter: MemorystoreInstance, cart: Instance
) -> None:
    cart.used_gb = 2.5
    with pytest.raises(Conflict, match="smaller than"):
        await adapter.resize(2)
    assert (await adapter.read()).size_gb == 4


async def test_a_busy_instance_refuses_a_second_change(
    adapter: MemorystoreInstance, cart: Instance, front: Any
) -> None:
    cart.document["state"] = "MAINTENANCE"
    with pytest.raises(Conflict, match="MAINTENANCE") as caught:
        await adapter.resize(6)
    assert not caught.value.effect_possible
    assert len(front.sent("PATCH")) == 1


async def test_an_operation_that_fails_says_why(adapter: MemorystoreInstance, plane: ControlPlane) -> None:
    plane.memorystore.fails = "The zone has no capacity."
    with pytest.raises(CockpitError, match="no capacity") as caught:
        await adapter.resize(6)
    assert not caught.value.effect_possible


async def test_an_operation_that_never_ends_is_unknown(
    adapter: MemorystoreInstance, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memorystore, "CHANGE_S", 0.3)
    plane.memorystore.never_ends = True
    with pytest.raises(TimedOut, match=r"did not finish within 0\.3 s") as caught:
        await adapter.resize(6)
    assert caught.value.effect_possible and "look at" in caught.value.hint


async def test_without_the_right_to_look_at_operations_the_instance_itself_tells(
    adapter: MemorystoreInstance, plane: ControlPlane
) -> None:
    plane.permissions.revoke("redis.operations.get")
    assert (await adapter.resize(6)).size_gb == 6


async def test_a_token_that_ends_is_renewed_for_reads_and_no_change_is_sent_twice(
    adapter: MemorystoreInstance, plane: ControlPlane, front: Any
) -> None:
    await adapter.read()
    plane.tokens.expire_all()
    assert (await adapter.read()).size_gb == 4
    plane.tokens.expire_all()
    with pytest.raises(AuthenticationFailed):
        await adapter.resize(6)
    assert len(front.sent("PATCH")) == 1
    assert (await adapter.read()).size_gb == 4


@pytest.mark.parametrize(
    ("answer", "kind", "open_"),
    [
        (error(404, "NOT_FOUND", "Resource was not found"), NotFound, False),
        (error(409, "ABORTED", "changed"), Conflict, False),
        (error(412, "FAILED_PRECONDITION", "stale"), Conflict, False),
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), RateLimited, False),
        (error(400, "INVALID_ARGUMENT", "no such size"), Misconfigured, False),
        (error(500, "INTERNAL", "internal"), Unreachable, True),
        (Response(200, b'{"name": "projects/demo'), Malformed, True),
    ],
)
async def test_each_refusal_is_one_sentence_and_nothing_is_repeated(
    adapter: MemorystoreInstance, front: Any, answer: Response, kind: type[CockpitError], open_: bool
) -> None:
    front.fail("PATCH", NAME, answer)
    with pytest.raises(kind) as caught:
        await adapter.resize(6)
    assert caught.value.effect_possible is open_ and caught.value.message
    assert len(front.sent("PATCH")) == 1
    assert (await adapter.read()).size_gb == 4


async def test_faults_of_a_poll(adapter: MemorystoreInstance, front: Any, plane: ControlPlane) -> None:
    front.fail("GET", NAME, error(500, "INTERNAL", "internal"))
    with pytest.raises(Unreachable):
        await adapter.probe()
    front.fail("GET", NAME, Response(200, b'{"name": "proj'))
    with pytest.raises(Malformed):
        await adapter.probe()
    front.fail("GET", NAME, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"))
    assert (await adapter.probe()).severity is Severity.OK
    plane.permissions.revoke("redis.instances.get")
    with pytest.raises(PermissionDenied) as caught:
        await adapter.probe()
    assert caught.value.missing == "redis.instances.get" and "roles/redis.viewer" in caught.value.hint


async def test_a_change_whose_answer_is_lost_is_unknown(adapter: MemorystoreInstance, front: Any) -> None:
    async def then_breaks(request: Request) -> Response | None:
        done = front.sent("PATCH") and request.method == "GET" and "/instances/" in request.path
        return Response(200, b"{") if done else None

    front.faults.append(then_breaks)
    with pytest.raises(Malformed) as caught:
        await adapter.resize(6)
    assert caught.value.effect_possible


async def test_doctor_names_the_missing_right_and_its_role(adapter: MemorystoreInstance, plane: ControlPlane) -> None:
    found = {each.check: each for each in await adapter.diagnose()}
    assert all(each.ok for each in found.values()) and "4 GB" in found["redis.instances.get"].detail
    plane.permissions.revoke("redis.instances.failover")
    found = {each.check: each for each in await adapter.diagnose()}
    assert found["redis.instances.update"].ok is True
    assert found["redis.instances.failover"].ok is False
    assert found["redis.instances.failover"].fix.endswith("--role=roles/redis.admin")
    assert list(await adapter.missing_permissions(["redis.instances.failover"])) == ["redis.instances.failover"]


async def test_the_instances_of_the_region(adapter: MemorystoreInstance, plane: ControlPlane) -> None:
    plane.memorystore.seed("elsewhere", "us-central1")
    plane.memorystore.seed("sessions", "europe-west1", tier="BASIC", size_gb=1)
    found, more = await adapter.instances()
    assert [(each.instance, each.tier) for each in found] == [("cart", "STANDARD_HA"), ("sessions", "BASIC")]
    assert not more

"""Who changed what, and who was turned away: read little by little, within the project's budget, and never lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp import budget
from cockpit.adapters.gcp.access import AccessTrail
from cockpit.adapters.gcp.accesswire import change_of, failure_of
from cockpit.clock import SystemClock
from cockpit.errors import AuthenticationFailed, Malformed, Misconfigured, PermissionDenied, RateLimited, Unreachable
from cockpit.model.access import AccessStatus, busiest
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.google import AccessSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

FILTER = 'jsonPayload.event_type="authentication_failed"'
REDIS = "google.cloud.redis.v1.CloudRedis.UpdateInstance"
CACHE = "projects/demo-shop/locations/europe-west1/instances/cache"


def refusal(status: int, word: str = "", **headers: str) -> Response:
    body = json.dumps({"error": {"code": status, "status": word, "message": "no"}}).encode()
    return Response(status, body, tuple(headers.items()))


@pytest.fixture
async def trail(front: Any) -> AsyncIterator[AccessTrail]:
    source = AccessSource(
        name="shop", project="demo-shop", endpoint=front.url, timeout=3, failures=FILTER, many=5, interval=60
    )
    trail = AccessTrail(source, SystemClock())
    yield trail
    await trail.close()


def status_of(seen: Observation) -> AccessStatus:
    assert isinstance(seen.payload, AccessStatus)
    return seen.payload


def fail(plane: ControlPlane, who: str, address: str, *, minutes: float = 1) -> None:
    payload = {"event_type": "authentication_failed", "message": f"no {who}", "user": who, "client_ip": address}
    plane.logs.write("app", {"jsonPayload": payload}, at=datetime.now(UTC) - timedelta(minutes=minutes))


def change(plane: ControlPlane, who: str, **more: Any) -> None:
    plane.logs.activity("redis.googleapis.com", REDIS, CACHE, who, **more)


async def test_changes_and_refused_logins_are_told_newest_first(trail: AccessTrail, plane: ControlPlane) -> None:
    change(plane, "ann@shop.example", at=datetime.now(UTC) - timedelta(hours=2))
    change(plane, "bob@shop.example", operation="o1", first=True)
    change(plane, "bob@shop.example", operation="o1", first=False)
    change(plane, "eve@shop.example", failed="Permission denied")
    change(plane, "old@shop.example", at=datetime.now(UTC) - timedelta(hours=7))
    fail(plane, "admin", "198.51.100.7", minutes=30)
    fail(plane, "root", "198.51.100.7", minutes=20)
    seen = await trail.probe()
    status = status_of(seen)
    assert (seen.severity, seen.summary) == (Severity.OK, "3 changes, 1 of them refused, 2 refused logins in 6 h")
    assert [each.who for each in status.changes] == ["eve@shop.example", "bob@shop.example", "ann@shop.example"]
    assert status.changes[0].failed == "Permission denied" and not status.changes[1].failed
    assert (status.changes[1].method, status.changes[1].resource) == (REDIS, CACHE)
    assert status.changes[1].service == "redis.googleapis.com" and status.changes[1].first
    assert [(each.who, each.address, each.text) for each in status.failures] == [
        ("root", "198.51.100.7", "no root"),
        ("admin", "198.51.100.7", "no admin"),
    ]
    assert status.watched and status.many == 5 and status.notes == () and not status.cut


async def test_only_what_is_new_is_asked_for_and_nothing_is_told_twice(
    trail: AccessTrail, plane: ControlPlane, front: Any
) -> None:
    change(plane, "ann@shop.example")
    await trail.probe()
    first = [request.json()["filter"] for request in front.sent("POST", "entries:list")]
    assert len(first) == 2 and FILTER in first[1]
    for number in range(3):
        change(plane, f"late{number}@shop.example", at=datetime.now(UTC) - timedelta(seconds=50))
    fail(plane, "admin", "198.51.100.7")
    status = status_of(await trail.probe())
    assert [each.who.partition("@")[0] for each in status.changes] == ["ann", "late2", "late1", "late0"]
    assert len(status.failures) == 1
    assert [len(status_of(await trail.probe()).changes) for _ in range(2)] == [4, 4]
    later = front.sent("POST", "entries:list")[2].json()["filter"]
    since = [datetime.fromisoformat(text.split('"')[1]) for text in (first[0], later)]
    assert since[1] - since[0] > timedelta(hours=5), "not the whole window again"
    assert len(front.sent("POST", "entries:list")) == 8, "two reads a poll"


async def test_many_refused_logins_in_five_minutes_are_a_warning_with_their_busiest_address(
    trail: AccessTrail, plane: ControlPlane
) -> None:
    for number in range(4):
        fail(plane, f"u{number}", "198.51.100.7")
    assert (await trail.probe()).severity is Severity.OK
    fail(plane, "u5", "192.0.2.1")
    fail(plane, "early", "192.0.2.1", minutes=9)
    seen = await trail.probe()
    assert (seen.severity, seen.summary) == (Severity.WARN, "5 refused logins in 5 min, 4 from 198.51.100.7")
    status = status_of(seen)
    assert busiest(status.burst(datetime.now(UTC))) == (("198.51.100.7", 4), ("192.0.2.1", 1))


async def test_a_busy_log_is_cut_and_says_so(
    trail: AccessTrail, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.adapters.gcp.access.PAGE", 3)
    for number in range(5):
        change(plane, f"u{number}@shop.example")
    status = status_of(await trail.probe())
    assert len(status.changes) == 3 and status.cut and "oldest are left out" in status.notes[0]


async def test_when_the_service_asks_to_slow_down_what_is_known_stays(
    trail: AccessTrail, plane: ControlPlane, front: Any
) -> None:
    change(plane, "ann@shop.example")
    await trail.probe()
    front.fail("POST", "entries:list", refusal(429, "RESOURCE_EXHAUSTED", **{"retry-after": "7"}))
    sent = len(front.requests)
    seen = await trail.probe()
    assert len(status_of(seen).changes) == 1
    assert len(front.requests) == sent + 1, "the second read waits, too"
    notes = status_of(seen).notes
    assert notes[0].startswith("changes not read: ") and "asked to slow down" in notes[1]


async def test_what_was_never_read_is_not_counted_as_none(
    trail: AccessTrail, plane: ControlPlane, front: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(plane, "ann@shop.example")
    answered = 0

    async def second_is_refused(request: Request) -> Response | None:
        nonlocal answered
        answered += "entries:list" in request.path
        return refusal(429, "RESOURCE_EXHAUSTED") if answered == 2 else None

    front.faults.append(second_is_refused)
    seen = await trail.probe()
    assert (seen.severity, seen.summary) == (Severity.UNKNOWN, "1 change, refused logins not known in 6 h")


async def test_what_was_read_long_ago_is_not_known_any_more(
    trail: AccessTrail, plane: ControlPlane, front: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(plane, "ann@shop.example")
    assert (await trail.probe()).severity is Severity.OK
    front.fail("POST", "entries:list", refusal(500, "INTERNAL"))
    assert (await trail.probe()).severity is Severity.OK, "one missed poll is no long time"
    monkeypatch.setattr("cockpit.adapters.gcp.access.PATIENCE", -1)
    front.fail("POST", "entries:list", refusal(500, "INTERNAL"))
    seen = await trail.probe()
    assert seen.severity is Severity.UNKNOWN and "changes not known" in seen.summary


async def test_slowed_down_for_long_or_from_the_start_it_is_a_failure(
    front: Any, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = AccessSource(name="s", project="demo-shop", endpoint=front.url, timeout=3, interval=5)
    trail = AccessTrail(source, SystemClock())
    busy = budget.budget_of(front.url, "demo-shop")
    now = SystemClock().monotonic()
    while busy.take(now):
        pass
    with pytest.raises(RateLimited) as caught:
        await trail.probe()
    assert caught.value.retry_after_s and not front.sent("POST", "entries:list")
    busy._taken.clear()
    await trail.probe()
    while busy.take(SystemClock().monotonic()):
        pass
    assert status_of(await trail.probe()).notes
    monkeypatch.setattr("cockpit.adapters.gcp.access.PATIENCE", -1)
    with pytest.raises(RateLimited):
        await trail.probe()
    await trail.close()


async def test_one_log_that_cannot_be_read_does_not_hide_the_other(
    trail: AccessTrail, plane: ControlPlane, front: Any
) -> None:
    change(plane, "ann@shop.example")

    async def fault(request: Request) -> Response | None:
        return refusal(400, "INVALID_ARGUMENT") if b"authentication_failed" in request.body else None

    front.faults.append(fault)
    status = status_of(await trail.probe())
    assert len(status.changes) == 1 and status.notes[0].startswith("refused logins not read: ")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusal(403, "PERMISSION_DENIED"), PermissionDenied),
        (refusal(500, "INTERNAL"), Unreachable),
        (Response(200, b'{"entries": ['), Malformed),
        (refusal(400, "INVALID_ARGUMENT"), Misconfigured),
    ],
)
async def test_where_nothing_answers_it_is_a_failure(
    trail: AccessTrail, front: Any, fault: Response, kind: type[Exception]
) -> None:
    await trail.probe()
    front.fail("POST", "entries:list", *[fault] * 2)
    with pytest.raises(kind):
        await trail.probe()


async def test_a_token_is_renewed_once(trail: AccessTrail, front: Any, plane: ControlPlane) -> None:
    await trail.probe()
    plane.tokens.expire_all()
    assert status_of(await trail.probe()).notes == ()
    front.fail("POST", "entries:list", *[refusal(401, "UNAUTHENTICATED")] * 4)
    with pytest.raises(AuthenticationFailed):
        await trail.probe()


async def test_the_doctor_tells_of_both_filters(trail: AccessTrail, front: Any, plane: ControlPlane) -> None:
    assert [(each.check, each.ok) for each in await trail.diagnose()] == [
        ("credentials", True),
        ("admin activity", True),
        ("failures", True),
    ]
    plane.permissions.revoke("logging.logEntries.list")
    lacks = (await trail.diagnose())[1]
    assert lacks.ok is False and "roles/logging.viewer" in lacks.fix
    bare = AccessTrail(AccessSource(name="s", project="demo-shop", endpoint=front.url, timeout=3), SystemClock())
    plane.permissions.restore("logging.logEntries.list")
    assert [each.ok for each in await bare.diagnose()] == [True, True, None]
    assert (await bare.probe()).summary == "0 changes in 6 h"
    await bare.close()


def test_entries_of_other_makes_are_read_as_far_as_they_tell() -> None:
    assert change_of({"timestamp": "2026-03-01T12:00:00Z", "textPayload": "x"}) is None
    assert change_of({"protoPayload": {"methodName": "m"}}) is None
    ended = {
        "timestamp": "2026-03-01T12:00:00Z",
        "operation": {"last": True},
        "protoPayload": {"methodName": "m", "status": {"code": 13}},
    }
    found = change_of(ended)
    assert found is not None and (found.failed, found.who, found.first) == ("code 13", "unknown", False)
    text = failure_of({"timestamp": "2026-03-01T12:00:00Z", "textPayload": "bad\x1b[31m password"})
    assert text is not None and (text.who, text.address) == ("", "") and "\x1b" not in text.text
    nested = {
        "timestamp": "2026-03-01T12:00:00Z",
        "jsonPayload": {"user": {"email": "ann@shop.example"}, "x_forwarded_for": "198.51.100.7, 10.0.0.1"},
    }
    seen = failure_of(nested)
    assert seen is not None and (seen.who, seen.address) == ("ann@shop.example", "198.51.100.7")
    request = {"timestamp": "2026-03-01T12:00:00Z", "httpRequest": {"remoteIp": "192.0.2.8", "status": 401}}
    by_request = failure_of(request)
    assert by_request is not None and by_request.address == "192.0.2.8"
    assert failure_of({"jsonPayload": {}}) is None


def test_a_filter_that_is_too_long_is_said_before_it_is_sent() -> None:
    source = AccessSource(name="s", project="p", failures="x" * 20_000)
    with pytest.raises(Misconfigured):
        AccessTrail(source, SystemClock())

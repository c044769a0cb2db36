"""Requests to Render: what errors mean, what is asked again and what never, how limits are kept to."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.adapters.render import asking
from cockpit.adapters.render.api import RenderApi
from cockpit.adapters.render.quota import Bucket, Quota, bucket_of, retry_after
from cockpit.clock import SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    PutOff,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.profile.docker import RenderSource
from cockpit.sandbox.render.server import KEY
from tests.adapters.render.conftest import Desk

READ, CHANGE = "retrieve-service", "restart-service"


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, Misconfigured, "HTTP 400"),
        (402, Misconfigured, "Billing"),
        (403, PermissionDenied, "protected environment"),
        (404, NotFound, "ids in the profile"),
        (409, Conflict, "plan again"),
        (410, NotFound, "HTTP 410"),
        (500, Unreachable, "status.render.com"),
        (503, Unreachable, "HTTP 503"),
    ],
)
async def test_a_status_is_told_in_words(desk: Desk, status: int, error: type[CockpitError], said: str) -> None:
    desk.plane.faults[READ] = [status]
    with pytest.raises(error, match=said) as found:
        await desk.api.record("/services/srv-booking")
    assert not found.value.effect_possible
    assert desk.asked(READ) == 1, "asked once"


@pytest.mark.parametrize(("status", "possible"), [(400, False), (403, False), (409, False), (500, True), (504, True)])
async def test_a_change_that_may_have_happened_says_so(desk: Desk, status: int, possible: bool) -> None:
    desk.plane.faults[CHANGE] = [status]
    with pytest.raises(CockpitError) as found:
        await desk.change.send(asking.restart("srv-booking"))
    assert (found.value.effect_possible, desk.asked(CHANGE)) == (possible, 1)


async def test_a_missing_right_is_named(desk: Desk) -> None:
    desk.plane.denied.add(CHANGE)
    with pytest.raises(PermissionDenied) as found:
        await desk.change.send(asking.restart("srv-booking"))
    assert "POST /services/srv-booking/restart" in found.value.missing


async def test_a_key_is_fetched_anew_once_for_a_read_and_never_for_a_change(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENDER_KEY", "rnd_old")
    with pytest.raises(AuthenticationFailed, match="API key"):
        await desk.api.record("/services/srv-booking")
    assert desk.asked(READ) == 2
    monkeypatch.setenv("RENDER_KEY", KEY)
    assert (await desk.api.record("/services/srv-booking"))["id"] == "srv-booking"
    desk.plane.keys.clear()
    with pytest.raises(AuthenticationFailed):
        await desk.change.send(asking.restart("srv-booking"))
    assert desk.asked(CHANGE) == 1


@pytest.mark.parametrize("value", ["rnd_secret\nvalue", "rnd_secret\u2028", "rnd_secret\u00e9"])
async def test_no_error_holds_the_key(desk: Desk, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RENDER_KEY", value)
    with pytest.raises(Misconfigured) as found:
        await desk.api.record("/services/srv-booking")
    assert "secret" not in str(found.value)
    monkeypatch.delenv("RENDER_KEY")
    desk.api._key = None
    with pytest.raises(Misconfigured, match="RENDER_KEY is not set"):
        await desk.api.record("/services/srv-booking")


@pytest.mark.parametrize("body", [b'{"id": "srv', b"<html>", b"\xff\xfe"])
async def test_garbage_is_not_understood(desk: Desk, body: bytes) -> None:
    desk.plane.faults[READ] = [body]
    with pytest.raises(Malformed):
        await desk.api.record("/services/srv-booking")
    desk.plane.faults["rollback-deploy"] = [body]
    with pytest.raises(Malformed) as found:
        await desk.change.send(asking.rollback("srv-booking", "dep-n0002"))
    assert found.value.effect_possible, "it was accepted"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"{}", b'[1, null, {"cursor": 5}]', b'[{"deploy": []}]'])
async def test_another_shape_is_an_error_or_nothing_and_never_a_fault(desk: Desk, body: bytes) -> None:
    for operation in ("retrieve-service", "list-deploys", "list-events", "list-instances", "retrieve-postgres"):
        desk.plane.faults[operation] = [body]
    desk.plane.faults["get-active-connections"] = [body]
    try:
        found = await desk.estate.probe()
    except CockpitError as error:
        assert error.message
    else:
        assert found.summary


async def test_silence_has_a_deadline_and_leaves_a_change_open(desk: Desk) -> None:
    table = desk.table.model_copy(update={"timeout": 0.3})
    api = RenderApi(table, SystemClock())
    desk.plane.faults[READ] = ["swallow"]
    desk.plane.faults[CHANGE] = ["swallow"]
    with pytest.raises(TimedOut) as read:
        await api.record("/services/srv-booking")
    with pytest.raises(TimedOut) as change:
        await api.change("POST", "/services/srv-booking/restart")
    assert (read.value.effect_possible, change.value.effect_possible) == (False, True)
    assert desk.asked(CHANGE) == 1
    await api.close()


async def test_a_connection_that_breaks_after_it_was_sent_leaves_it_open(desk: Desk) -> None:
    desk.plane.faults[CHANGE] = ["swallow"]
    sent = asyncio.create_task(desk.change.send(asking.restart("srv-booking")))
    async with asyncio.timeout(20):
        while not desk.asked(CHANGE):  # noqa: ASYNC110  # a server is asked: nothing announces it
            await asyncio.sleep(0.005)
    await desk.plane.close()
    with pytest.raises(Unreachable, match="broke") as found:
        await sent
    assert found.value.effect_possible
    assert desk.asked(CHANGE) == 1


async def test_nobody_there_is_unreachable_and_nothing_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDER_KEY", KEY)
    table = RenderSource.model_validate({"name": "x", "token": "env:RENDER_KEY", "endpoint": "http://127.0.0.1:1"})
    api = RenderApi(table, SystemClock())
    with pytest.raises(Unreachable) as found:
        await api.change("POST", "/services/srv-booking/restart")
    assert not found.value.effect_possible
    await api.close()
    await api.close()


async def test_pages_are_followed_by_their_cursors(desk: Desk) -> None:
    service = desk.plane.estate.services["srv-booking"]
    service.variables = {f"NAME_{number:03d}": "value" for number in range(230)}
    found = await desk.api.elements("/services/srv-booking/env-vars", (), "envVar", 500)
    assert len({each["key"] for each in found}) == 230
    assert desk.asked("get-env-vars-for-service") == 3
    assert len(await desk.api.elements("/services/srv-booking/env-vars", (), "envVar", 120)) == 120


# Limits


def test_each_set_of_endpoints_is_counted_for_itself() -> None:
    assert bucket_of("GET", "/services/srv-1") == "reads"
    assert bucket_of("GET", "/logs") == bucket_of("GET", "/logs/values") == "logs"
    assert bucket_of("GET", "/logship") == "reads"
    assert bucket_of("POST", "/services/srv-1/restart") == bucket_of("POST", "/services/srv-1/scale") == "changes"
    assert bucket_of("POST", "/services/srv-1/deploys") == "deploys of srv-1"
    assert bucket_of("PATCH", "/services/srv-1") == bucket_of("POST", "/services/srv-1/resume") == "deploys of srv-1"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"ratelimit-reset": "45"}, 45.0),
        ({"ratelimit-reset": "1000000030"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-5", "ratelimit-reset": "x"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_told_in_several_ways(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, 1_000_000_000.0) == wait


def test_polls_leave_the_last_tenth_to_actions() -> None:
    bucket = Bucket(300)
    bucket.told(0.0, 0.0, {"ratelimit-limit": "400", "ratelimit-remaining": "41", "ratelimit-reset": "20"})
    assert bucket.poll_wait_s(0.0) == 0.0
    bucket.told(0.0, 0.0, {"ratelimit-limit": "400", "ratelimit-remaining": "40", "ratelimit-reset": "20"})
    assert bucket.poll_wait_s(5.0) == 15.0
    bucket.told(6.0, 0.0, {"ratelimit-limit": "400", "ratelimit-remaining": "399", "ratelimit-reset": "60"})
    assert bucket.poll_wait_s(6.0) == 0.0
    bucket.told(6.0, 0.0, {"ratelimit-limit": "nonsense"})
    assert bucket.poll_wait_s(6.0) == 0.0


def test_our_own_count_puts_polls_off() -> None:
    quota = Quota(simulated=False)
    for _ in range(300):
        quota.bucket("reads").own.count(0.0)
    with pytest.raises(PutOff, match="actions go on"):
        quota.may_poll(1.0)
    quota.may_poll(61.0)
    quota.may_poll(1.0, "logs")


async def test_a_poll_is_put_off_while_an_action_is_let_through(desk: Desk) -> None:
    desk.plane.limits["reads"] = 12
    await desk.estate.service("srv-booking")
    for _ in range(8):
        await desk.api.record("/services/srv-mailer")
    with pytest.raises(PutOff):
        await desk.estate.probe()
    before = len(desk.plane.requests)
    assert (await desk.api.record("/services/srv-booking"))["id"] == "srv-booking"
    await desk.change.send(asking.restart("srv-booking"))
    assert len(desk.plane.requests) == before + 2


async def test_after_429_nobody_asks_before_the_time_that_was_named(desk: Desk) -> None:
    desk.plane.limits["reads"] = 0
    with pytest.raises(RateLimited) as found:
        await desk.api.record("/services/srv-booking")
    assert found.value.retry_after_s is not None
    asked = len(desk.plane.requests)
    with pytest.raises(RateLimited, match="asked to wait"):
        await desk.api.record("/services/srv-mailer")
    assert len(desk.plane.requests) == asked, "it was not even sent"
    desk.plane.limits["reads"] = 400
    assert await desk.change.send(asking.restart("srv-booking")) == "", "a change has a limit of its own"


async def test_a_short_wait_is_waited_for(desk: Desk) -> None:
    desk.plane.faults[READ] = [429]
    bucket = desk.api.quota.bucket("reads")
    played = bucket.hold.refused
    bucket.hold.refused = lambda now, told, first=1.0: played(now, 0.05, first)  # type: ignore[method-assign]
    assert (await desk.api.record("/services/srv-booking"))["id"] == "srv-booking"
    assert desk.asked(READ) == 2


async def test_a_change_that_met_429_was_not_done_and_is_not_repeated(desk: Desk) -> None:
    desk.plane.limits["changes"] = 0
    with pytest.raises(RateLimited, match="nothing was done") as found:
        await desk.change.send(asking.restart("srv-booking"))
    assert not found.value.effect_possible
    assert desk.asked(CHANGE) == 1

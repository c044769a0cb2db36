"""A quota that is used up is waited for by everybody of the project, said, and never hides a change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from cockpit.adapters.gcp.budget import Hold
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import ManualClock
from cockpit.errors import NotFound, RateLimited
from cockpit.sandbox.http import Response

PATH = "/v2/projects/demo-shop/locations/europe-west1/services/shop"
OTHER = "/v2/projects/another/locations/europe-west1/services/shop"


def busy(*details: dict[str, Any], **headers: str) -> Response:
    error = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": list(details)}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(429, json.dumps({"error": error}).encode(), named)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def make(front: Any, clock: ManualClock) -> AsyncIterator[Callable[[], GoogleApi]]:
    made: list[GoogleApi] = []

    def build() -> GoogleApi:
        made.append(GoogleApi("run", front.url, 5.0, clock))
        return made[-1]

    yield build
    for api in made:
        await api.close()


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}


@pytest.mark.parametrize("answer", [busy(retry_after="30"), busy(RETRY_INFO)])
async def test_nobody_asks_the_api_for_that_project_before_the_time_that_it_named(
    front: Any, clock: ManualClock, make: Callable[[], GoogleApi], answer: Response
) -> None:
    one, two = make(), make()
    front.fail("GET", PATH, answer)
    with pytest.raises(RateLimited) as caught:
        await one.get(PATH)
    assert caught.value.retry_after_s == 30
    await clock.advance(10)
    for api in (one, two):
        with pytest.raises(
            RateLimited, match="run API: the quota of demo-shop is used up, asked again in 20 s"
        ) as held:
            await api.get(PATH)
        assert held.value.retry_after_s == 20
    assert len(front.sent("GET", PATH)) == 1, "nobody asked"
    with pytest.raises(NotFound):
        await two.get(OTHER)  # another project has its own quota
    await clock.advance(20)
    await two.get(PATH)
    assert len(front.sent("GET", PATH)) == 2


async def test_what_one_api_refuses_says_nothing_of_another_behind_the_same_endpoint(
    front: Any, clock: ManualClock, make: Callable[[], GoogleApi]
) -> None:
    front.fail("GET", PATH, busy(retry_after="30"))
    one = make()
    with pytest.raises(RateLimited):
        await one.get(PATH)
    other = GoogleApi("compute", front.url, 5.0, clock)
    try:
        await other.get(PATH)
    finally:
        await other.close()
    assert len(front.sent("GET", PATH)) == 2


async def test_a_change_is_sent_all_the_same_and_says_that_it_was_not_done(
    front: Any, make: Callable[[], GoogleApi]
) -> None:
    api = make()
    front.fail("GET", PATH, busy(retry_after="30"))
    with pytest.raises(RateLimited):
        await api.get(PATH)
    front.fail("PATCH", PATH, busy(retry_after="40"))
    with pytest.raises(RateLimited) as caught:
        await api.change("PATCH", PATH, {}, {})
    assert not caught.value.effect_possible
    assert "nothing was done; again in 40 s" in caught.value.hint
    assert len(front.sent("PATCH")) == 1
    with pytest.raises(RateLimited, match="asked again in 40 s"):
        await api.get(PATH)


async def test_a_date_is_understood_too(front: Any, make: Callable[[], GoogleApi]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    front.fail("GET", PATH, busy(retry_after=soon))
    with pytest.raises(RateLimited) as caught:
        await make().get(PATH)
    assert caught.value.retry_after_s is not None and 0 < caught.value.retry_after_s <= 30


def test_without_a_word_the_wait_doubles_until_it_is_answered() -> None:
    hold = Hold()
    assert [hold.refused(100.0 * n, None) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    hold.answered()
    assert hold.refused(1000.0, None) == 1
    assert hold.refused(2000.0, 1e9) == 3600, "not for ever, whatever it says"


def test_a_wait_of_nothing_does_not_mean_to_ask_without_end() -> None:
    hold = Hold()
    assert [hold.refused(100.0 * n, 0.0) for n in range(8)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4, 4])

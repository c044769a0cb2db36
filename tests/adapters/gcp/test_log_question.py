"""A filter of its own asked once of Cloud Logging: bounded, within the budget, never mixed with the tail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp.budget import READS_PER_MINUTE, budget_of
from cockpit.adapters.gcp.logging import CloudLog
from cockpit.clock import ManualClock
from cockpit.errors import CockpitError, Misconfigured, RateLimited
from cockpit.profile.schema import LogSource
from cockpit.sandbox.http import Response


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def log(front: Any, clock: ManualClock) -> AsyncIterator[CloudLog]:
    fields = {"name": "app", "type": "cloud_logging", "project": "demo-shop", "endpoint": front.url, "timeout": 3}
    made = CloudLog(LogSource.model_validate({**fields, "filter": "severity>=ERROR"}), clock)
    yield made
    await made.close()


def write(plane: Any, message: str, at: datetime, severity: str = "INFO") -> None:
    entry = {"severity": severity, "jsonPayload": {"message": message}, "timestamp": at.isoformat()}
    plane.logs.write("run.googleapis.com/stdout", {**entry, "resource": {"type": "cloud_run_revision", "labels": {}}})


async def test_the_filter_is_its_own_with_a_bound_on_age_order_and_number(
    log: CloudLog, plane: Any, front: Any, clock: ManualClock
) -> None:
    now = clock.now()
    for age in (5000, 3, 2, 1):
        write(plane, f"{age} s ago", now - timedelta(seconds=age))
    found = await log.query('severity="INFO"', 50, 3600.0, True)
    assert [entry.message for entry in found.entries] == ["1 s ago", "2 s ago", "3 s ago"] and not found.more
    assert len((await log.query('severity="INFO"', 50, 0.0, True)).entries) == 4, "of any age"
    first = await log.query('severity="INFO"', 1, 3600.0, False)
    assert [entry.message for entry in first.entries] == ["3 s ago"] and first.more
    asked = front.sent("POST", "entries:list")[0].json()
    assert asked["pageSize"] == 50 and "severity>=ERROR" not in asked["filter"]
    assert asked["filter"].endswith('AND (\nseverity="INFO"\n)')


async def test_no_more_than_a_hundred_are_asked_for(log: CloudLog, front: Any) -> None:
    await log.query("", 5000, 60.0, True)
    assert front.sent("POST", "entries:list")[0].json()["pageSize"] == 100


async def test_a_used_up_budget_and_a_slow_down_are_said_and_remembered(
    log: CloudLog, front: Any, clock: ManualClock
) -> None:
    front.fail("POST", "entries:list", Response.of({"error": {"message": "slow down"}}, 429))
    with pytest.raises(RateLimited):
        await log.query("", 1, 60.0, True)
    with pytest.raises(RateLimited, match="asked to slow down"):
        await log.query("", 1, 60.0, True)
    assert len(front.sent("POST", "entries:list")) == 1, "the second question was not sent"
    await clock.advance(120.0)
    budget = budget_of(front.url, "demo-shop")
    while budget.take(clock.monotonic()):
        assert budget.used <= READS_PER_MINUTE
    with pytest.raises(RateLimited, match="used up"):
        await log.query("", 1, 60.0, True)


async def test_a_filter_that_is_no_filter_or_too_long_is_the_runbooks_fault(log: CloudLog, front: Any) -> None:
    with pytest.raises(Misconfigured, match="longer"):
        await log.query("x" * 20_000, 1, 60.0, True)
    assert front.sent("POST", "entries:list") == []
    with pytest.raises(CockpitError):
        await log.query("severity>=", 1, 60.0, True)

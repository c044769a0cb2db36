"""Each API's reads are counted for the whole process: polls wait, what somebody asked for does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cockpit.adapters.gcp import budget
from cockpit.adapters.gcp.answers import error_of_answer
from cockpit.adapters.gcp.armor import ArmorPolicy
from cockpit.adapters.gcp.budget import READS, READS_HERE, ReadBudget, budget_of, reads_of
from cockpit.adapters.gcp.logging import CloudLog
from cockpit.adapters.gcp.memorystore import MemorystoreInstance
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery, filter_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.secretmanager import SecretVault
from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.clock import ManualClock
from cockpit.errors import PermissionDenied, PutOff, RateLimited
from cockpit.profile.google import ArmorSource, CloudSqlSource, MemorystoreSource, MetricsSource, SecretsSource
from cockpit.profile.schema import CloudRunSource, LogSource

COUNT = MetricQuery("a.b/c", filter_of("a.b/c", "", {}), "ALIGN_RATE", "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def run(front: Any, clock: ManualClock, source: CloudRunSource) -> AsyncIterator[CloudRunService]:
    adapter = CloudRunService(source.model_copy(update={"audit_log": False}), None, clock)
    yield adapter
    await adapter.close()


async def test_where_the_reads_are_used_up_a_poll_waits_and_an_actions_read_does_not(
    front: Any, clock: ManualClock, run: CloudRunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "READS_HERE", 2)
    await run.probe()  # the service and its revisions
    asked = len(front.sent("GET"))
    await clock.advance(10)
    with pytest.raises(PutOff) as caught:
        await run.probe()
    assert caught.value.message == (
        "not polled for 50 s: the cockpit has made the 2 reads a minute of the run API that it allows itself"
        " in demo-shop"
    )
    assert "Google refused nothing" in caught.value.hint and caught.value.retry_after_s == 50
    assert len(front.sent("GET")) == asked, "nobody asked"
    status = await run.read_service()  # as a plan does
    assert status.service == "shop" and len(front.sent("GET")) > asked
    assert await run.missing_permissions(["run.services.update"]) == []
    await clock.advance(50)
    with pytest.raises(PutOff, match="not polled for 10 s"):
        await run.probe()  # what the plan read counts
    await clock.advance(10)
    await run.probe()


async def test_a_poll_that_has_begun_is_not_broken_off(
    front: Any, run: CloudRunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "READS_HERE", 1)
    await run.probe()
    assert len(front.sent("GET")) == 2


async def test_every_polled_service_of_a_project_yields(
    front: Any, clock: ManualClock, run: CloudRunService, source: CloudRunSource
) -> None:
    at = {"name": "x", "project": source.project, "endpoint": front.url}
    adapters: dict[str, Any] = {
        "run": run,
        "sqladmin": CloudSqlInstance(CloudSqlSource(instance="db", **at), clock),
        "redis": MemorystoreInstance(MemorystoreSource(instance="cache", region="europe-west1", **at), clock),
        "compute": ArmorPolicy(ArmorSource(policy="edge", **at), clock),
        "secretmanager": SecretVault(SecretsSource(**at), clock),
    }
    assert READS.keys() == {*adapters, "cloudresourcemanager"}
    for service, adapter in adapters.items():
        counted = reads_of(service, front.url, source.project, simulated=True)
        assert counted is not None
        for _ in range(counted.limit):
            counted.count(clock.monotonic())
        with pytest.raises(PutOff, match=f"reads a minute of the {service} API"):
            await adapter.probe()
        await adapter.close()
    assert front.requests == []


async def test_a_board_of_metrics_says_whose_limit_it_waits_for(clock: ManualClock) -> None:
    board = MetricsBoard(MetricsSource(name="m", project="of-this-board"), (COUNT,), clock)
    counted = budget_of("https://monitoring.googleapis.com", "of-this-board")
    while counted.take(clock.monotonic()):
        pass
    with pytest.raises(PutOff, match="has made the 300 reads a minute of the monitoring API") as caught:
        await board.probe()
    assert "Google refused nothing" in caught.value.hint
    counted.refused(clock.monotonic(), 90.0)
    with pytest.raises(RateLimited, match="its quota is used up, asked again in 90 s"):
        await board.probe()
    await board.close()


async def test_a_log_says_whose_limit_it_waits_for(front: Any, clock: ManualClock) -> None:
    log = CloudLog(LogSource(name="l", type="cloud_logging", project="p", endpoint=front.url), clock)
    counted = budget_of(front.url, "p")
    while counted.take(clock.monotonic()):
        pass
    (note,) = (await log.read()).notes
    assert note.startswith("the cockpit's 60 reads a minute are used up, next read at")
    with pytest.raises(RateLimited, match="the 60 log reads a minute that the cockpit allows itself in the project"):
        await log.query("", 1, 60.0, True)
    counted.refused(clock.monotonic(), 90.0)
    (note,) = (await log.read()).notes
    assert note.startswith("Cloud Logging asked to slow down, next read at")
    assert front.requests == []
    await log.close()


def test_only_what_is_played_here_may_be_asked_as_often_as_one_likes() -> None:
    for service, limit in READS.items():
        base = f"https://{service}.googleapis.com"
        real = reads_of(service, base, "of-this-test", simulated=False)
        assert real is not None and real.limit == limit < READS_HERE
        assert reads_of(service, base, "of-this-test", simulated=False) is real, "one for the whole process"
        assert reads_of(service, base, "another", simulated=False) is not real
    played = {service: reads_of(service, "http://127.0.0.1:9", "of-this-test", simulated=True) for service in READS}
    assert len({id(each) for each in played.values()}) == len(READS), "one address, and yet each its own"
    assert {each.limit for each in played.values() if each is not None} == {READS_HERE}
    assert reads_of("logging", "https://logging.googleapis.com", "p", simulated=False) is None, "it counts itself"
    assert budget_of("https://logging.googleapis.com", "of-this-test").limit == 60


def test_reads_beyond_the_limit_are_remembered_as_long_as_they_matter() -> None:
    counted = ReadBudget(2)
    for moment in (0.0, 1.0, 30.0, 50.0):
        counted.count(moment)
    assert counted.wait_s(59.0) == 31.0, "until one of the last two is a minute old"
    assert counted.wait_s(90.0) == 0
    assert counted.used == 1


def refusal(reason: str, status: str = "PERMISSION_DENIED") -> bytes:
    error = {"code": 403, "message": "Quota exceeded", "errors": [{"reason": reason}], "status": status}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded"])
def test_compute_says_403_where_others_say_429(reason: str) -> None:
    error = error_of_answer("compute", 403, {"retry-after": "7"}, refusal(reason), read=True)
    assert isinstance(error, RateLimited) and error.retry_after_s == 7
    assert isinstance(error_of_answer("compute", 403, {}, refusal("forbidden"), read=True), PermissionDenied)

"""Cloud Logging by polling: nothing twice, nothing lost in the overlap, no more reads than the project may have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp import logging
from cockpit.adapters.gcp.budget import ReadBudget
from cockpit.adapters.gcp.logging import CloudLog, entry_of_cloud
from cockpit.clock import Clock, ManualClock, SystemClock
from cockpit.errors import Misconfigured, PermissionDenied, RateLimited
from cockpit.model.logs import Level
from cockpit.profile.schema import LogSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Response

USER_FILTER = 'severity>=WARNING OR jsonPayload.component="cart"'


@pytest.fixture
def start() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def clock(start: datetime) -> ManualClock:
    return ManualClock(start)


@pytest.fixture
async def make(front: Any) -> AsyncIterator[Callable[..., CloudLog]]:
    made: list[CloudLog] = []

    def build(clock: Clock, **fields: Any) -> CloudLog:
        source = {"name": "app", "type": "cloud_logging", "project": "demo-shop", "endpoint": front.url, "timeout": 3}
        made.append(CloudLog(LogSource(**{**source, **fields}), clock))
        return made[-1]

    yield build
    for log in made:
        await log.close()


@pytest.fixture
def log(make: Callable[..., CloudLog], clock: ManualClock) -> CloudLog:
    return make(clock)


def write(plane: ControlPlane, message: str, at: datetime, severity: str = "INFO") -> None:
    labels = {"service_name": "shop", "revision_name": "shop-00002-bad"}
    plane.logs.write(
        "run.googleapis.com/stdout",
        {
            "severity": severity,
            "jsonPayload": {"message": message},
            "resource": {"type": "cloud_run_revision", "labels": labels},
        },
        at=at,
    )


async def messages(log: CloudLog) -> list[str]:
    return [entry.message for entry in (await log.read()).entries]


async def test_entries_come_oldest_first_and_once(
    log: CloudLog, plane: ControlPlane, start: datetime, clock: ManualClock
) -> None:
    for number in range(3):
        write(plane, f"m{number}", start - timedelta(seconds=9 - number))
    assert await messages(log) == ["m0", "m1", "m2"]
    write(plane, "m3", start + timedelta(seconds=1))
    await clock.advance(5)
    assert await messages(log) == ["m3"]
    assert await messages(log) == []


async def test_a_late_entry_inside_the_overlap_is_still_found(
    log: CloudLog, plane: ControlPlane, start: datetime
) -> None:
    write(plane, "on time", start)
    assert await messages(log) == ["on time"]
    write(plane, "late", start - timedelta(seconds=9))
    write(plane, "same moment", start)
    assert await messages(log) == ["late", "same moment"]


async def test_the_request_is_bounded_in_time_and_keeps_the_users_filter_apart(
    make: Callable[..., CloudLog], front: Any, plane: ControlPlane, clock: ManualClock, start: datetime
) -> None:
    log = make(clock, filter=USER_FILTER)
    write(plane, "info", start)
    write(plane, "bad", start, "ERROR")
    assert await messages(log) == ["bad"]
    (request,) = front.sent("POST", "entries:list")
    body = request.json()
    since = (start - timedelta(seconds=600)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert body == {
        "resourceNames": ["projects/demo-shop"],
        "filter": f'timestamp>="{since}" AND (\n{USER_FILTER}\n)',
        "orderBy": "timestamp desc",
        "pageSize": 1000,
    }
    await log.read()
    moved = front.sent("POST", "entries:list")[1].json()["filter"]
    assert moved.startswith(f'timestamp>="{(start - timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S")}')


async def test_pages_are_followed_and_a_flood_is_cut_and_said(
    log: CloudLog, plane: ControlPlane, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "PAGE", 10)
    for number in range(35):
        write(plane, f"m{number:02d}", start - timedelta(milliseconds=400 - number))
    monkeypatch.setattr(log._page.__func__, "__defaults__", (10,))
    assert await messages(log) == [f"m{number:02d}" for number in range(35)]
    for number in range(80):
        write(plane, f"n{number:02d}", start + timedelta(milliseconds=number))
    batch = await log.read()
    assert [entry.message for entry in batch.entries] == [f"n{number:02d}" for number in range(30, 80)]
    assert "older ones were skipped" in batch.notes[0]


async def test_sixty_reads_a_minute_are_shared_by_all_logs_of_the_project(
    make: Callable[..., CloudLog], front: Any, plane: ControlPlane, clock: ManualClock
) -> None:
    plane.logs.quota.per_minute = 1000  # the server's minute is a real one
    first, second = make(clock), make(clock, filter="severity>=ERROR")
    for number in range(30):
        assert (await first.read()).notes == ()
        assert (await second.read()).notes == ()
        await clock.advance(0.5 if number else 0)
    (note,) = (await first.read()).notes
    assert "60 reads a minute are used up, next read at" in note
    assert (await second.read()).notes
    assert len(front.sent("POST", "entries:list")) == 60
    await clock.advance(46)
    assert (await first.read()).notes == ()


async def test_429_is_waited_out_with_a_note_and_becomes_a_failure_when_it_lasts(
    log: CloudLog, front: Any, plane: ControlPlane, clock: ManualClock, start: datetime
) -> None:
    write(plane, "kept", start)
    front.fail("POST", "entries:list", Response(429, b"{}", (("retry-after", "20"),)), Response(429, b"{}"))
    (note,) = (await log.read()).notes
    assert note.startswith("Cloud Logging asked to slow down, next read at")
    assert note.endswith("(in 20 s)")
    await clock.advance(19)
    assert (await log.read()).notes
    assert len(front.sent("POST", "entries:list")) == 1
    await clock.advance(1)
    assert (await log.read()).notes[0].endswith("(in 20 s)")
    await clock.advance(11)
    with pytest.raises(RateLimited) as caught:
        await log.read()
    assert caught.value.retry_after_s == pytest.approx(9)
    await clock.advance(9)
    assert await messages(log) == ["kept"]


async def test_a_missing_permission_is_named(log: CloudLog, plane: ControlPlane) -> None:
    plane.permissions.revoke("logging.logEntries.list")
    with pytest.raises(PermissionDenied) as caught:
        await log.read()
    assert caught.value.missing == "logging.logEntries.list"
    found = await log.diagnose()
    assert (found[-1].ok, found[-1].check) == (False, "logging.logEntries.list")
    assert "roles/logging.viewer" in found[-1].fix


async def test_a_filter_that_is_wrong_is_said_by_the_server(
    make: Callable[..., CloudLog], clock: ManualClock
) -> None:
    with pytest.raises(Misconfigured, match="logging API"):
        await make(clock, filter="severity >=").read()
    with pytest.raises(Misconfigured, match="longer"):
        make(clock, filter="x" * 20_000)


async def test_an_expired_token_is_renewed(log: CloudLog, plane: ControlPlane, start: datetime) -> None:
    await log.read()
    plane.tokens.expire_all()
    write(plane, "after", start)
    assert await messages(log) == ["after"]


async def test_the_doctor_says_whether_entries_come(log: CloudLog, plane: ControlPlane, start: datetime) -> None:
    assert [line.ok for line in await log.diagnose()] == [True, None]
    write(plane, "x", start)
    assert [line.ok for line in await log.diagnose()] == [True, True]


async def test_it_works_with_the_machines_own_clock(make: Callable[..., CloudLog], plane: ControlPlane) -> None:
    log = make(SystemClock())
    write(plane, "now", datetime.now(UTC))
    assert await messages(log) == ["now"]
    assert log.origin == "projects/demo-shop"


def entry(**raw: Any) -> Any:
    return entry_of_cloud({"severity": "INFO", "insertId": "i1", **raw}, 5.0)


def test_every_kind_of_payload_becomes_columns() -> None:
    resource = {"type": "cloud_run_revision", "labels": {"service_name": "shop", "revision_name": "shop-00002-bad"}}
    request = {"requestMethod": "GET", "requestUrl": "https://x/a", "status": 503, "remoteIp": "203.0.113.7",
               "latency": "0.120s"}  # fmt: skip
    plain = entry(textPayload="boom\x1b[31m", resource=resource, severity="ERROR")
    assert (plain.level, plain.origin, plain.message, plain.insert_id) == (
        Level.ERROR,
        "shop-00002-bad",
        "boom",
        "i1",
    )
    web = entry(httpRequest=request, resource=resource, severity="WARNING", trace="projects/p/traces/t")
    assert (web.message, web.status, web.client_ip, web.latency_ms) == (
        "GET https://x/a 503", 503, "203.0.113.7", 120.0
    )  # fmt: skip
    assert web.level is Level.WARNING
    assert json.loads(web.fields)["trace"] == "projects/p/traces/t"
    structured = entry(jsonPayload={"message": "no cart", "component": "cart", "user": 3}, resource=resource)
    assert (structured.message, json.loads(structured.fields)) == ("no cart", {"component": "cart", "user": 3})
    unlevelled = entry(jsonPayload={"message": "x", "status": 500}, severity=None)
    assert (unlevelled.level, unlevelled.status) == (Level.ERROR, 500)
    audit = {
        "methodName": "google.cloud.run.v2.Services.UpdateService",
        "resourceName": "services/shop",
        "authenticationInfo": {"principalEmail": "bob@x"},
        "status": {"code": 7, "message": "denied"},
    }
    assert entry(protoPayload=audit).message == "UpdateService services/shop by bob@x refused: denied"
    assert entry(logName="projects/p/logs/syslog").origin == "syslog"


def test_the_budget_opens_again_as_the_minute_passes() -> None:
    budget = ReadBudget(3)
    assert [budget.take(at) for at in (0.0, 10.0, 20.0, 30.0)] == [True, True, True, False]
    assert budget.wait_s(30.0) == 30.0
    assert budget.take(60.0)
    assert not budget.take(60.0)


def test_refusals_double_the_wait_until_one_read_is_answered() -> None:
    budget = ReadBudget()
    assert [budget.refused(at, None) for at in (0.0, 10.0, 30.0, 70.0)] == [10.0, 20.0, 40.0, 60.0]
    assert not budget.take(129.0)
    budget.accepted()
    assert budget.refused(200.0, None) == 10.0

"""The board against a real gRPC server: panels, paging, tokens, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from cockpit.adapters.gcp import metricwire
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery, filter_of, queries_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.clock import ManualClock, SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.metrics import MetricPanel, MetricsStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.schema import Profile
from cockpit.sandbox.gcp.door import Door
from cockpit.sandbox.gcp.errors import ApiError, info
from cockpit.sandbox.gcp.monitoring import Monitoring
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.measurements import Measurements, Subject
from cockpit.sandbox.shop.meter import Meter

PLACE = {"resource.labels.service_name": "shop", "resource.labels.location": "europe-west1"}
COUNT = "run.googleapis.com/request_count"
Make = Callable[..., MetricsBoard]


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane(settle_s=0.02)
    await plane.start()
    subject = Subject(PLACE, {"resource.labels.database_id": "demo-shop:orders"}, {})
    Measurements(plane.monitoring.store, subject, Meter(), 20.0).write_past(time.time(), "shop-00002")
    yield plane
    await plane.close()


@pytest.fixture
async def make(plane: ControlPlane) -> AsyncIterator[Make]:
    made: list[MetricsBoard] = []

    def board(*, clock: Any = None, extra: dict[str, Any] | None = None, **keys: Any) -> MetricsBoard:
        table = {"name": "board", "project": "demo-shop", "endpoint": plane.monitoring.url, "timeout": 10, **keys}
        profile = Profile.model_validate(
            {
                "system": "shop",
                "environment": "test",
                "cloud_run": [
                    {"name": "shop", "project": "demo-shop", "region": "europe-west1", "service": "shop"},
                    *(extra or {}).get("cloud_run", []),
                ],
                "metrics": [table],
            }
        )
        source = profile.metrics[0]
        made.append(MetricsBoard(source, queries_of(profile, source), clock or SystemClock()))
        return made[-1]

    yield board
    for each in made:
        await each.close()


def panels(seen: Observation) -> dict[str, MetricPanel]:
    assert isinstance(seen.payload, MetricsStatus)
    return {panel.title: panel for panel in seen.payload.panels}


async def failure(board: MetricsBoard) -> CockpitError:
    with pytest.raises(CockpitError) as caught:
        await board.probe()
    return caught.value


def every(plane: ControlPlane, *errors: ApiError) -> None:
    """All questions of the next poll are answered with these."""
    plane.monitoring.fail_next.extend(errors * 7)


async def test_panels_of_a_service(make: Make, plane: ControlPlane) -> None:
    seen = await make().probe()
    found = panels(seen)
    assert (seen.severity, seen.summary) == (Severity.OK, "6 panels")
    assert [series.label for series in found["shop requests"].series] == ["2xx", "4xx"]
    assert [series.label for series in found["shop latency"].series] == ["P95", "P99"]
    (memory,) = found["shop memory"].series
    assert memory.label == "shop-00002" and 0.3 < memory.points[-1].value < 0.5
    assert found["shop 5xx by revision"].quiet and not found["shop 5xx by revision"].series
    times = [point.at for point in memory.points]
    assert times == sorted(times) and len(times) == 60
    assert plane.monitoring.calls.count("list_time_series") == 7


async def test_two_services_cost_no_more_calls(make: Make, plane: ControlPlane) -> None:
    other = {"name": "web", "project": "demo-shop", "region": "europe-west1", "service": "web"}
    found = panels(await make(extra={"cloud_run": [other]}).probe())
    assert plane.monitoring.calls.count("list_time_series") == 7
    assert found["web requests"].severity is Severity.UNKNOWN, "nothing was ever measured of it"


async def test_pages_are_read_to_the_end(make: Make, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metricwire, "_PAGE_POINTS", 60)
    found = panels(await make().probe())
    assert len(found["shop requests"].series) == 2
    assert plane.monitoring.calls.count("list_time_series") == 9, "two lines on two pages each, twice"


async def test_a_long_window_has_longer_steps_and_no_more_points(make: Make) -> None:
    assert (metricwire.step_s(3600), metricwire.step_s(7 * 86400)) == (60, 2520)
    found = panels(await make(window="6h").probe())
    steps = [point.at for point in found["shop CPU"].series[0].points]
    assert all(after - before == pytest.approx(120.0) for before, after in pairwise(steps))


async def test_one_panel_that_fails_does_not_take_the_others_down(make: Make, plane: ControlPlane) -> None:
    board = make()
    await board.probe()
    plane.monitoring.fail_next.append(ApiError("UNAVAILABLE", "try later"))
    seen = await board.probe()
    failed = [panel for panel in panels(seen).values() if panel.failure]
    assert len(failed) == 1 and "try later" in failed[0].failure
    assert seen.severity is Severity.UNKNOWN
    assert (await board.probe()).severity is Severity.OK


async def test_a_permission_that_is_missing_is_named_with_its_role(make: Make, plane: ControlPlane) -> None:
    plane.permissions.revoke("monitoring.timeSeries.list")
    error = await failure(make())
    assert isinstance(error, PermissionDenied) and error.missing == "monitoring.timeSeries.list"
    assert "roles/monitoring.viewer" in error.hint
    diagnosis = (await make().diagnose())[-1]
    assert diagnosis.ok is False and "add-iam-policy-binding demo-shop" in diagnosis.fix


async def test_an_api_that_is_switched_off_says_how_to_switch_it_on(make: Make, plane: ControlPlane) -> None:
    off = ApiError(
        "PERMISSION_DENIED", "off", info("SERVICE_DISABLED", "googleapis.com", consumer="projects/demo-shop")
    )
    every(plane, off)
    error = await failure(make())
    assert isinstance(error, Misconfigured)
    assert error.hint == "gcloud services enable monitoring.googleapis.com --project=demo-shop"


async def test_a_used_up_quota_is_honoured_for_as_long_as_the_api_says(make: Make, plane: ControlPlane) -> None:
    clock = ManualClock()
    board = make(clock=clock)
    busy = ApiError("RESOURCE_EXHAUSTED", "Quota exceeded", {"retryDelay": "40s"})
    every(plane, busy)
    error = await failure(board)
    assert isinstance(error, RateLimited) and error.retry_after_s is not None and error.retry_after_s >= 40.0
    asked = len(plane.monitoring.calls)
    assert asked < 7, "the rest was not even sent"
    plane.monitoring.fail_next.clear()
    await clock.advance(39.0)
    assert isinstance(await failure(board), RateLimited)
    assert len(plane.monitoring.calls) == asked
    assert isinstance(await failure(make(clock=clock)), RateLimited), "another board of the project waits, too"
    await clock.advance(2.0)
    await board.probe()


async def test_a_token_that_is_not_accepted_is_renewed_once(make: Make, plane: ControlPlane) -> None:
    board = make()
    await board.probe()
    plane.tokens.expire_all()
    issued = plane.tokens.issued
    assert (await board.probe()).severity is Severity.OK
    assert plane.tokens.issued == issued + 1, "all questions share the new one"


async def test_a_token_that_is_never_accepted_is_no_endless_loop(make: Make, plane: ControlPlane) -> None:
    refused = ApiError("UNAUTHENTICATED", "no")
    plane.monitoring.fail_next.extend([refused] * 100)
    assert isinstance(await failure(make()), AuthenticationFailed)
    assert len(plane.monitoring.calls) == 14, "each question twice"


async def test_a_server_that_hangs_ends_with_one_deadline_for_all(make: Make, plane: ControlPlane) -> None:
    board = make()
    await board.probe()
    board = make(timeout=0.6)
    hold = asyncio.Event()

    async def wait() -> None:
        await hold.wait()

    plane.monitoring.delay = wait
    begun = time.monotonic()
    error = await failure(board)
    assert isinstance(error, TimedOut) and "0.6 s" in error.message
    assert time.monotonic() - begun < 5.0, "not a deadline for each question"
    hold.set()


async def test_what_came_before_the_deadline_is_shown(make: Make, plane: ControlPlane) -> None:
    board = make(timeout=1.0)
    await board.probe()
    hold, answered = asyncio.Event(), 0

    async def some() -> None:
        nonlocal answered
        answered += 1
        if answered > 3:
            await hold.wait()

    plane.monitoring.delay = some
    found = panels(await board.probe())
    late = [panel for panel in found.values() if panel.failure]
    assert late and len(late) < len(found)
    assert all("deadline" in panel.failure for panel in late)
    hold.set()


async def test_a_server_that_is_killed_in_the_middle(make: Make, plane: ControlPlane) -> None:
    board = make()
    await board.probe()
    reached, hold = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await hold.wait()

    plane.monitoring.delay = wait
    polling = asyncio.ensure_future(board.probe())
    await reached.wait()
    await plane.monitoring.close()
    with pytest.raises(Unreachable):
        await polling
    hold.set()


async def test_nobody_listens(plane: ControlPlane, make: Make) -> None:
    board = make()
    await board.probe()
    await plane.monitoring.close()
    error = await failure(board)
    assert isinstance(error, Unreachable) and "127.0.0.1" in error.message


async def test_a_server_that_comes_back_is_found_again_soon(make: Make, plane: ControlPlane) -> None:
    board = make(timeout=2)
    await board.probe()
    store, port = plane.monitoring.store, int(plane.monitoring.url.rpartition(":")[2])
    await plane.monitoring.close()
    for _ in range(3):
        assert isinstance(await failure(board), Unreachable)
    plane.monitoring = Monitoring("demo-shop", store, plane.tokens, plane.permissions)
    await plane.monitoring.start(plane.port, port)
    async with asyncio.timeout(20):
        while True:
            try:
                assert (await board.probe()).severity is Severity.OK
                return
            except Unreachable:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def behind_a_door(plane: ControlPlane, port: int) -> AsyncIterator[str]:
    """The token endpoint, and another server in the place of gRPC."""

    async def other() -> int:
        return port

    door = Door(plane.port, other)
    await door.start()
    try:
        yield door.url
    finally:
        await door.close()


async def test_an_answer_that_makes_no_sense(make: Make, plane: ControlPlane) -> None:
    import grpc

    async def answer(request: bytes, context: Any) -> bytes:
        return b"\xff\xff\xff not protobuf"

    methods = {"ListTimeSeries": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.aio.server()
    handler = grpc.method_handlers_generic_handler("google.monitoring.v3.MetricService", methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with behind_a_door(plane, port) as url:
            board = make(endpoint=url)
            error = await failure(board)
            await board.close()
    finally:
        await server.stop(None)
    assert isinstance(error, Malformed), error


async def test_a_server_that_speaks_something_else(make: Make, plane: ControlPlane) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with behind_a_door(plane, int(server.sockets[0].getsockname()[1])) as url:
        board = make(endpoint=url, timeout=2)
        error = await failure(board)
        await board.close()
    server.close()
    await server.wait_closed()
    assert isinstance(error, Unreachable | TimedOut), error


async def test_closing_in_the_middle_ends_the_calls(make: Make, plane: ControlPlane) -> None:
    board = make()
    await board.probe()
    reached, hold = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await hold.wait()

    plane.monitoring.delay = wait
    polling = asyncio.ensure_future(board.probe())
    await reached.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    await board.close()
    await board.close()
    hold.set()
    plane.monitoring.delay = None
    assert (await board.probe()).severity is Severity.OK, "it opens again"


async def test_a_metric_that_nobody_ever_wrote(make: Make) -> None:
    lone = MetricQuery("custom.googleapis.com/x", filter_of("custom.googleapis.com/x", "", {}), "ALIGN_MEAN",
                       "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))  # fmt: skip
    with pytest.raises(NotFound):
        await make().ask(lone, 3600.0)


async def test_an_alignment_that_does_not_fit_the_metric(make: Make) -> None:
    metric = "run.googleapis.com/container/instance_count"
    wrong = MetricQuery(metric, filter_of(metric, "", {}), "ALIGN_RATE", "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))
    with pytest.raises(Misconfigured) as caught:
        await make().ask(wrong, 3600.0)
    assert "ALIGN_RATE" in caught.value.message


async def test_kinds_of_metrics(make: Make) -> None:
    board = make()
    assert await board.describe(COUNT) == ("DELTA", "INT64")
    assert await board.describe("run.googleapis.com/request_latencies") == ("DELTA", "DISTRIBUTION")
    with pytest.raises(NotFound):
        await board.describe("run.googleapis.com/nonsense")


async def test_no_credential_goes_over_plain_text_to_another_machine(make: Make) -> None:
    error = await failure(make(endpoint="http://192.0.2.7:80"))
    assert isinstance(error, Misconfigured) and "no credential" in error.message


async def test_the_doctor_says_where_the_token_comes_from(make: Make) -> None:
    found = await make().diagnose()
    assert [each.ok for each in found] == [True, True]
    assert found[0].detail == "simulated token endpoint"


async def test_panels_of_vertex_ai_are_quiet_where_nothing_is_called(make: Make) -> None:
    found = panels(await make(builtin=False, vertex=True).probe())
    assert len(found) == 5
    assert {panel.severity for panel in found.values()} == {Severity.OK}


async def test_a_profile_without_services_asks_nothing(make: Make, plane: ControlPlane) -> None:
    seen = await make(builtin=False).probe()
    assert isinstance(seen.payload, MetricsStatus)
    assert seen.payload.notes and not plane.monitoring.calls

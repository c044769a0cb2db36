"""Metrics in the engine: asleep until they are wanted, looked at without being polled, ended amid a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.engine.engine import Engine
from cockpit.model.look import LookRequest
from cockpit.model.metrics import MetricsStatus
from cockpit.model.severity import Freshness, Severity
from cockpit.profile.schema import Profile
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.measurements import Measurements, Subject
from cockpit.sandbox.shop.meter import Meter

SOURCE = "metrics/board"
PLACE = {"resource.labels.service_name": "shop", "resource.labels.location": "europe-west1"}


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    await plane.start()
    Measurements(plane.monitoring.store, Subject(PLACE, {}, {}), Meter(), 20.0).write_past(time.time(), "shop-1")
    yield plane
    await plane.close()


def engine(plane: ControlPlane, folder: Path, **panel: Any) -> Engine:
    run = {"name": "shop", "service": "shop", "project": "demo-shop", "region": "europe-west1", "endpoint": plane.url}
    board: dict[str, Any] = {"name": "board", "project": "demo-shop", "endpoint": plane.monitoring.url}
    if panel:
        metric = {"title": "Requests", "metric": "run.googleapis.com/request_count", "align": "rate"}
        board["panel"] = [{**metric, **panel}]
    tables = {"system": "shop", "environment": "test", "cloud_run": [run], "metrics": [board]}
    return Engine(Profile.model_validate(tables), state_dir=folder)


async def until(made: Engine, freshness: Freshness) -> None:
    changed = asyncio.Event()
    leave = made.hub.subscribe(lambda _: changed.set())
    async with asyncio.timeout(20):
        while (state := made.hub.state(SOURCE)) is None or state.freshness is not freshness:
            await changed.wait()
            changed.clear()
    leave()


async def test_a_board_sleeps_until_it_is_named(plane: ControlPlane, tmp_path: Path) -> None:
    async with engine(plane, tmp_path) as made:
        made.hub.poll_now()
        state = made.hub.state(SOURCE)
        assert state is not None and state.asleep
        assert made.names[SOURCE] == {"project": "demo-shop"}
        made.hub.poll_now(SOURCE)
        await until(made, Freshness.FRESH)
        state = made.hub.state(SOURCE)
        assert state is not None and not state.asleep and state.reading is not None
        assert isinstance(state.reading.payload, MetricsStatus)
    assert plane.monitoring.calls


async def test_a_bound_that_is_broken_is_found_without_anybody_looking(plane: ControlPlane, tmp_path: Path) -> None:
    async with engine(plane, tmp_path, critical="> 0.001") as made:
        await until(made, Freshness.FRESH)
        (found,) = [finding for finding in made.findings() if finding.rule == "metric-bound"]
    assert found.severity is Severity.CRIT and found.text.startswith("Requests is ")


async def test_a_step_of_a_runbook_may_ask_while_the_board_sleeps(plane: ControlPlane, tmp_path: Path) -> None:
    async with engine(plane, tmp_path) as made:
        wanted = 'metric.type="run.googleapis.com/container/memory/utilizations"'
        sight = await made.looks.look(LookRequest("metrics.query", SOURCE, {"filter": wanted}))
        assert sight.severity is Severity.OK and "memory/utilizations (99th percentile)" in sight.summary
        now = await made.looks.look(LookRequest("metrics.panels", SOURCE))
        assert any(line.startswith("shop requests: 2xx ") for line in now.lines)
        state = made.hub.state(SOURCE)
        assert state is not None and state.asleep, "a look is no poll"


async def test_leaving_ends_a_call_that_hangs(plane: ControlPlane, tmp_path: Path) -> None:
    reached, hold = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await hold.wait()

    plane.monitoring.delay = wait
    made = engine(plane, tmp_path)
    await made.__aenter__()
    made.hub.poll_now(SOURCE)
    async with asyncio.timeout(20):
        await reached.wait()
    async with asyncio.timeout(5):
        await made.close()
    hold.set()

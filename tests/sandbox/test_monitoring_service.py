"""The local Cloud Monitoring: behind one port with the token endpoint, loaded when it is first asked for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from cockpit.adapters.gcp.metricqueries import queries_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.clock import SystemClock
from cockpit.model.metrics import MetricPanel, MetricsStatus
from cockpit.profile.schema import Profile
from cockpit.sandbox.gcp.metric_types import DESCRIPTORS
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.timeseries import Aggregation, TimeSeriesStore
from cockpit.sandbox.measurements import CacheLoad, DatabaseLoad, Measurements, Subject
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shop.meter import Meter
from cockpit.sandbox.system import Sandbox, Tempo, Unavailable

SUBJECT = Subject(
    {"resource.labels.service_name": "shop", "resource.labels.location": "r"},
    {"resource.labels.database_id": "p:orders"},
    {"resource.labels.instance_id": "projects/p/locations/r/instances/cart"},
)
AT = 1_800_000_000.0
HOUR = (AT - 3600, AT)


def last(store: TimeSeriesStore, metric: str, aligner: str, by: str) -> dict[str, float]:
    found = store.query(f'metric.type = "{metric}"', *HOUR, Aggregation(60, aligner, "REDUCE_SUM", (by,)))
    values = {series.labels[by]: series.points[-1][1] for series in found}
    assert all(isinstance(value, float) for value in values.values())
    return values  # type: ignore[return-value]  # numbers, as asserted


def test_the_door_counts_what_was_answered():
    meter = Meter()
    for number in range(1000):
        meter.add("r1", 500 if number % 10 == 0 else 200, 0.01 * (number % 7))
    counted = meter.take()
    assert counted.requests == {("r1", 200): 900, ("r1", 500): 100}
    assert len(counted.latencies["r1"]) <= 40
    assert meter.take().requests == {}


def test_requests_become_series_by_revision_and_class():
    store, meter = TimeSeriesStore(DESCRIPTORS), Meter()
    made = Measurements(store, SUBJECT, meter, 25.0)
    for _ in range(60):
        meter.add("r1", 200, 0.02)
        meter.add("r2", 503, 2.0)
    made.write_service(AT - 1, meter.take(), 5.0)
    count = "run.googleapis.com/request_count"
    assert last(store, count, "ALIGN_RATE", "metric.labels.response_code_class") == {"2xx": 1.0, "5xx": 1.0}
    assert last(store, count, "ALIGN_DELTA", "resource.labels.revision_name") == {"r1": 60.0, "r2": 60.0}
    cpu = store.query(
        'metric.type = "run.googleapis.com/container/cpu/utilizations"', *HOUR, Aggregation(60, "ALIGN_PERCENTILE_99")
    )
    assert len(cpu) == 2 and all(0 < value < 1 for series in cpu for _, value in series.points)  # type: ignore[operator]  # numbers


async def test_servers_are_looked_at_only_once_somebody_asks():
    store = TimeSeriesStore(DESCRIPTORS)
    made = Measurements(store, SUBJECT, Meter(), 25.0)
    looks: list[str] = []

    async def database() -> DatabaseLoad | None:
        looks.append("database")
        return DatabaseLoad({"shop": 23, "postgres": 1}, 20, 10**9)

    async def cache() -> CacheLoad | None:
        looks.append("cache")
        return CacheLoad(6_000_000, 8_000_000, 9, 100 * len(looks), 0)

    made.database, made.cache = database, cache
    await made.sample()
    assert looks == []
    await made.want()
    await made.want()
    assert looks == ["database", "cache"]
    await made.sample()
    assert looks == ["database", "cache"] * 2


async def test_one_port_gives_tokens_and_metrics_and_grpc_comes_with_the_first_caller():
    plane = ControlPlane()
    await plane.start()
    wanted: list[str] = []

    async def first() -> None:
        wanted.append("metrics")

    plane.monitoring.on_first = first
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{plane.monitoring.url}/token", data={"grant_type": "client_credentials"})
        assert answer.json()["access_token"]
        assert not plane.monitoring.serving and wanted == []
        ports = await asyncio.gather(plane.monitoring.serve(), plane.monitoring.serve())
        assert ports[0] == ports[1] and plane.monitoring.serving
        assert wanted == ["metrics"]
    finally:
        await plane.close()


def test_a_sandbox_that_nobody_asks_for_metrics_loads_no_grpc():
    program = (
        "import asyncio, sys\n"
        "import cockpit.sandbox.system\n"
        "from cockpit.sandbox.gcp.server import ControlPlane\n"
        "async def main():\n"
        "    plane = ControlPlane()\n"
        "    await plane.start()\n"
        "    await plane.close()\n"
        "asyncio.run(main())\n"
        "print(sorted({'grpc', 'google'} & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr


async def test_the_metrics_of_a_running_shop_show_which_revision_fails(tmp_path: Path):
    tempo = Tempo(requests_per_s=40, warm_up_s=0.5, settle_s=0.05)
    try:
        system = await Sandbox.start(tmp_path / "sandbox", Scenario.BAD_REVISION, tempo=tempo)
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        assert system.profile is not None and system.measurements is not None
        profile = Profile.model_validate(tomllib.loads(system.profile.read_text()))
        source = profile.metrics[0]
        assert not system.plane.monitoring.serving
        board = MetricsBoard(source, queries_of(profile, source), SystemClock())
        bad = list(system.plane.run.service("shop").revisions)[-1]
        async with asyncio.timeout(30):
            while True:
                await system.measurements.sample()
                failing = await _panel(board, "shop 5xx by revision")
                if any(series.label == bad for series in failing.series):
                    break
                await asyncio.sleep(0.1)
        requests = await _panel(board, "shop requests")
        assert {"2xx", "5xx"} <= {series.label for series in requests.series}
        assert len(requests.series[0].points) >= 29, "the shop has a past"
        await board.close()
    finally:
        await system.close()


async def _panel(board: MetricsBoard, title: str) -> MetricPanel:
    seen = await board.probe()
    assert isinstance(seen.payload, MetricsStatus)
    panel = seen.payload.panel(title)
    assert panel is not None
    return panel

"""`python -m benchmarks.metrics`: what metrics cost the cockpit, as one JSON object; exit code 1 above the bound.

A board of five services, two databases and two caches against the local Cloud Monitoring in another process: import,
first and later polls, memory; and how long the event loop stood still meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.usage import rss_mib

MOST_MIB = 220
POLLS = 5
_SERVICES = tuple(f"service-{number}" for number in range(5))


def _serve(pipe: Connection) -> None:
    """The other process: says where it listens, and ends when told."""
    from cockpit.sandbox.gcp.server import ControlPlane
    from cockpit.sandbox.measurements import Measurements, Subject
    from cockpit.sandbox.shop.meter import Meter

    async def run() -> None:
        plane = ControlPlane()
        await plane.start()
        for name in _SERVICES:
            place = {"resource.labels.service_name": name, "resource.labels.location": "europe-west1"}
            subject = Subject(
                place,
                {"resource.labels.database_id": f"demo-shop:{name}"},
                {"resource.labels.instance_id": f"projects/demo-shop/locations/europe-west1/instances/{name}"},
            )
            Measurements(plane.monitoring.store, subject, Meter(), 25.0).write_past(time.time(), f"{name}-00001")
        pipe.send(plane.monitoring.url)
        await asyncio.to_thread(pipe.recv)
        await plane.close()

    asyncio.run(run())


def _profile(url: str) -> dict[str, Any]:
    place = {"project": "demo-shop"}
    return {
        "system": "shop",
        "environment": "bench",
        "cloud_run": [{"name": name, "service": name, "region": "europe-west1", **place} for name in _SERVICES],
        "cloud_sql": [{"name": name, "instance": name, **place} for name in _SERVICES[:2]],
        "memorystore": [
            {"name": name, "instance": name, "region": "europe-west1", **place} for name in _SERVICES[:2]
        ],
        "metrics": [{"name": "board", "endpoint": url, **place}],
    }


async def _measure(url: str) -> dict[str, Any]:
    import os

    from cockpit.adapters.gcp.metricqueries import queries_of
    from cockpit.adapters.gcp.metricwire import load
    from cockpit.adapters.gcp.monitoring import MetricsBoard
    from cockpit.clock import SystemClock
    from cockpit.model.metrics import MetricsStatus
    from cockpit.profile.schema import Profile

    profile = Profile.model_validate(_profile(url))
    found: dict[str, Any] = {"rss_before_mib": rss_mib(os.getpid())}
    stalls = asyncio.ensure_future(_stalls())
    begun, used = time.perf_counter(), time.process_time()
    await asyncio.to_thread(load)
    found["import_ms"] = 1000 * (time.perf_counter() - begun)
    found["import_cpu_ms"] = 1000 * (time.process_time() - used)
    found["rss_imported_mib"] = rss_mib(os.getpid())
    board = MetricsBoard(profile.metrics[0], queries_of(profile, profile.metrics[0]), SystemClock())
    times: list[tuple[float, float]] = []
    for _ in range(1 + POLLS):
        begun, used = time.perf_counter(), time.process_time()
        seen = await board.probe()
        times.append((1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - used)))
    assert isinstance(seen.payload, MetricsStatus)
    found["panels"] = len(seen.payload.panels)
    found["points"] = sum(len(series.points) for panel in seen.payload.panels for series in panel.series)
    found["first_poll_ms"] = times[0][0]
    found["poll_ms"] = min(wall for wall, _ in times[1:])
    found["poll_cpu_ms"] = min(cpu for _, cpu in times[1:])
    stalls.cancel()
    found["longest_stall_ms"] = await stalls
    found["rss_mib"] = rss_mib(os.getpid())
    await board.close()
    return found


async def _stalls() -> float:
    """The longest time that the event loop was late, in ms; ends when it is cancelled."""
    worst = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.002)
            worst = max(worst, 1000 * (time.perf_counter() - begun - 0.002))
    except asyncio.CancelledError:
        return worst


def main() -> int:
    """Run it in fresh processes."""
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    server = context.Process(target=_serve, args=(other,), daemon=True)
    server.start()
    try:
        found = asyncio.run(_measure(str(pipe.recv())))
    finally:
        pipe.send("end")
        server.join(10)
    print(json.dumps({name: round(value, 1) for name, value in found.items()}, indent=2))
    return 0 if found["rss_mib"] <= MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())

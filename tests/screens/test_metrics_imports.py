"""gRPC is loaded once metrics are looked at, not before, and the whole process stays small with it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.measurements import Measurements, Subject
from cockpit.sandbox.shop.meter import Meter

BUDGET_MIB = 220
PROFILE = """
system = "shop"
environment = "staging"
[[cloud_run]]
name = "shop"
project = "demo-shop"
region = "europe-west1"
service = "shop"
endpoint = "{url}"
[[metrics]]
name = "board"
project = "demo-shop"
endpoint = "{monitoring}"
{more}
"""
BOUND = """
[[metrics.panel]]
title = "Requests"
metric = "run.googleapis.com/request_count"
align = "rate"
warn = "> 1000"
"""
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from screens.app import CockpitApp, _given

found = {}

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules} & {"grpc", "google", "proto"})

async def main():
    app = CockpitApp(_given(Path(sys.argv[1])))
    async with app.run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(60):
            while app.engine is None:
                await asyncio.sleep(0.01)
            states = app.engine.hub.states
            while any(not state.asleep and state.reading is None and state.failure is None for state in states()):
                await asyncio.sleep(0.01)
            found["asleep"] = [state.source for state in states() if state.asleep]
            await pilot.press("5", "ctrl+r", "j")
            found["before"] = loaded()
            await pilot.press("6")
            while any(state.reading is None and state.failure is None for state in states()):
                await asyncio.sleep(0.01)
            app.cockpit_screen.publisher.tick(force=True)
            await pilot.pause()
        found["after"] = loaded()
        found["summary"] = [state.summary for state in states()]
        pane = app.cockpit_screen.current
        found["rows"] = len(pane.body)
    # Not ru_maxrss: Linux hands that on from whoever started the process.
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found["mib"] = max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), default=0.0)

asyncio.run(main())
print(json.dumps(found))
"""


async def _run(folder: Path, more: str = "") -> dict[str, object]:
    plane = ControlPlane()
    await plane.start()
    place = {"resource.labels.service_name": "shop", "resource.labels.location": "europe-west1"}
    Measurements(plane.monitoring.store, Subject(place, {}, {}), Meter(), 20.0).write_past(time.time(), "shop-1")
    profile = folder / "shop.toml"
    profile.write_text(PROFILE.format(url=plane.url, monitoring=plane.monitoring.url, more=more))
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(profile)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_STATE_HOME": str(folder)},
        )
        out, errors = await process.communicate()
    finally:
        await plane.close()
    assert process.returncode == 0, errors.decode()
    assert errors == b"", "the gRPC core keeps its troubles off the screen"
    found: dict[str, object] = json.loads(out.splitlines()[-1])
    return found


async def test_grpc_is_loaded_when_the_pane_is_opened_and_not_before(tmp_path: Path) -> None:
    found = await _run(tmp_path)
    assert found["asleep"] == ["metrics/board"]
    assert found["before"] == []
    assert found["after"] == ["google", "grpc", "proto"]
    assert "6 panels" in str(found["summary"])
    rows, mib = found["rows"], found["mib"]
    assert isinstance(rows, int) and rows > 20, "panels with their plots"
    assert isinstance(mib, float) and mib <= BUDGET_MIB


async def test_a_bound_of_the_team_is_watched_from_the_start(tmp_path: Path) -> None:
    found = await _run(tmp_path, BOUND)
    assert found["asleep"] == []
    assert found["before"] == ["google", "grpc", "proto"]


@pytest.mark.parametrize(
    "module",
    ["cockpit.adapters.gcp.monitoring", "cockpit.looks.metrics", "cockpit.engine.gauges", "cockpit.sandbox.system"],
)
async def test_no_module_of_ours_brings_grpc_along(module: str) -> None:
    program = (
        f"import sys, {module}; print({{'grpc', 'google', 'proto'}} & {{n.partition('.')[0] for n in sys.modules}})"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"set()"

"""A profile with Render: its sources are polled, examined, looked at; its deploys are on the timeline."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.engine import compose
from cockpit.engine.changes import deployments
from cockpit.engine.engine import Engine
from cockpit.model.look import LookRequest
from cockpit.model.metrics import MetricsStatus
from cockpit.model.render import RenderStatus
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.render.server import KEY, RenderPlane

PROGRAM = Path(sys.executable).with_name("cockpit")
PROFILE = """
system = "booking"
environment = "test"

[[render]]
name = "booking"
token = "env:RENDER_KEY"
endpoint = "{url}"
services = ["srv-booking", "srv-mailer"]
postgres = ["dpg-booking"]
keyvalue = ["red-booking"]
interval = "2s"
timeout = "20s"

[[logs]]
name = "booking"
type = "render"
render = "booking"
interval = "1s"
timeout = "20s"
"""
SOURCES = ("render/booking", "rendermetrics/booking", "logs/booking")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDER_KEY", KEY)


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[RenderPlane]:
    played = RenderPlane()
    await played.start()
    yield played
    await played.close()


def profile_in(folder: Path, plane: RenderPlane) -> Path:
    path = folder / "profile.toml"
    path.write_text(PROFILE.format(url=plane.url), encoding="utf-8")
    return path


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not so():  # noqa: ASYNC110  # a server is asked: nothing announces it
            await asyncio.sleep(0.01)


async def test_all_is_read_and_a_log_line_is_followed(plane: RenderPlane, tmp_path: Path) -> None:
    plane.estate.write("srv-booking", "no seat left", "error")
    async with Engine(load(profile_in(tmp_path, plane)), state_dir=tmp_path / "state") as engine:
        for source in SOURCES:
            engine.hub.poll_now(source)

        def fresh() -> bool:
            states = [engine.hub.state(source) for source in SOURCES]
            return all(state is not None and state.freshness is Freshness.FRESH for state in states)

        await until(fresh)
        states = {state.source: state for state in engine.hub.states()}
        reading = states["render/booking"].reading
        assert reading is not None
        assert isinstance(reading.payload, RenderStatus)
        metrics = states["rendermetrics/booking"].reading
        assert metrics is not None
        assert isinstance(metrics.payload, MetricsStatus)
        await until(lambda: len(engine.rings["logs/booking"]) > 0)
        markers = [marker.text for marker in deployments(tuple(states.values()))]
        assert "booking-api 9c41d2ab" in markers
        params = {"render.recovery": {"postgres": "dpg-booking"}}
        kinds = (SourceKind.RENDER, SourceKind.RENDERMETRICS)
        for spec in (each for each in compose.look_specs() if each.pane in kinds):
            (source,) = engine.looks.sources_for(spec.id)
            sight = await engine.looks.look(LookRequest(spec.id, source, params.get(spec.id, {})))
            assert sight.summary, spec.id
        assert engine.names["render/booking"] == {"render": "srv-booking srv-mailer dpg-booking red-booking"}


async def test_what_goes_wrong_is_found_with_the_way_out(plane: RenderPlane, tmp_path: Path) -> None:
    plane.estate.services["srv-mailer"].instances = []
    async with Engine(load(profile_in(tmp_path, plane)), state_dir=tmp_path / "state") as engine:
        engine.hub.poll_now("render/booking")
        await until(lambda: any(each.rule == "render-instances-down" for each in engine.findings()))
        found = next(each for each in engine.findings() if each.rule == "render-instances-down")
        assert found.action is not None
        planned = await engine.executor.plan(found.action)
        assert planned.plan.title == "Restart booking-mailer"
        assert planned.refusals == ()


async def _said(folder: Path, command: str, profile: Path) -> dict[str, dict[str, object]]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "RENDER_KEY") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, command, str(profile), "--json"),
        env={**kept, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        out, errors = await process.communicate()
    assert errors == b"", errors.decode()
    told = json.loads(out)["readings" if command == "check" else "sources"]
    return {each["source"]: each for each in told}


async def test_check_and_doctor_say_that_it_is_well(plane: RenderPlane, tmp_path: Path) -> None:
    path = profile_in(tmp_path, plane)
    checked, examined = await _said(tmp_path, "check", path), await _said(tmp_path, "doctor", path)
    for source in SOURCES:
        assert (checked[source]["freshness"], checked[source]["severity"]) == ("fresh", "ok"), checked[source]
        checks = examined[source]["checks"]
        assert isinstance(checks, list)
        assert len(checks) > 1, "the adapter itself says something, beside the poll"
        assert [each for each in checks if each["ok"] is False] == []
    assert KEY not in json.dumps([checked, examined])


async def test_a_key_that_is_not_accepted_is_said_once_for_all(plane: RenderPlane, tmp_path: Path) -> None:
    plane.keys.clear()
    async with Engine(load(profile_in(tmp_path, plane)), state_dir=tmp_path / "state") as engine:
        for source in SOURCES:
            engine.hub.poll_now(source)
        await until(lambda: all(state.failure is not None for state in engine.hub.states()))
        (first, *_) = engine.findings()
        assert first.severity is Severity.UNKNOWN
        assert "none of the 3 sources can be seen" in first.text

"""How the cockpit starts and ends: what is imported when, what a bad profile says, what happens on leaving early."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from screens.app import EXIT_BAD_PROFILE, CockpitApp, _given

BAD = """
system = "shop"
enviroment = "production"

[[health]]
name = "web"
url = "ftp://shop.example"
"""
EMPTY_LOG = """
system = "shop"
environment = "staging"

[keys]
zoom = "w"

[[logs]]
name = "app"
type = "file"
path = "{path}"
interval = "200ms"
"""


def test_nothing_heavy_is_imported_before_the_first_paint():
    program = (
        "import sys, screens.app\n"
        "heavy = {'pydantic', 'httpx', 'asyncpg', 'redis', 'google', 'grpc', 'kubernetes', 'jmespath', 'click'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == "[]"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing in the app announces these moments
            await asyncio.sleep(0.01)


async def test_a_bad_profile_ends_it_with_all_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    app = CockpitApp(_given(path))
    async with app.run_test(size=(120, 40)):
        await until(lambda: app._exit)
    assert app.return_code == EXIT_BAD_PROFILE
    said = capsys.readouterr().err
    assert "environment" in said
    assert "did you mean" in said
    assert "must be a URL" in said


async def test_a_missing_profile_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    app = CockpitApp(_given(tmp_path / "nowhere.toml"))
    async with app.run_test(size=(80, 24)):
        await until(lambda: app._exit)
    assert app.return_code == EXIT_BAD_PROFILE
    assert "does not exist" in " ".join(capsys.readouterr().err.split())


async def test_a_real_engine_fills_the_panes_and_is_closed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    log = tmp_path / "app.log"
    log.write_text("ERROR the first line\n")
    path = tmp_path / "shop.toml"
    path.write_text(EMPTY_LOG.format(path=log))
    app = CockpitApp(_given(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: app.engine is not None and app.cockpit_screen.logs.entry is not None)
        assert "the first line" in app.cockpit_screen.logs.entry.message
        await pilot.press("w")
        assert app.cockpit_screen.has_class("-zoom")
    assert app._operating is not None
    assert app._operating.done()
    assert app._operating.exception() is None


async def test_what_gcloud_is_told_and_the_cockpit_does_not_do_is_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CLOUDSDK_AUTH_DISABLE_SSL_VALIDATION", "true")
    path = tmp_path / "shop.toml"
    path.write_text(
        'system = "shop"\nenvironment = "test"\n[[cloud_run]]\nname = "api"\nproject = "demo-shop"\n'
        'region = "europe-west1"\nservice = "api"\nendpoint = "http://127.0.0.1:9"\n'
    )
    app = CockpitApp(_given(path))
    async with app.run_test(size=(120, 40)):
        await until(lambda: len(app._notifications) > 0)
        (said,) = app._notifications
    assert said.message.startswith("gcloud's auth/disable_ssl_validation is not followed: the cockpit sends no token")
    assert said.severity == "warning"


async def test_leaving_while_it_still_prepares_is_quick():
    started = asyncio.Event()

    async def forever(say) -> Path:
        say("starting a database")
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    app = CockpitApp(forever)
    async with app.run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(5):
            await started.wait()
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
        assert "starting a database" in text
        await pilot.press("q")
    assert app._operating is not None
    assert app._operating.cancelled()

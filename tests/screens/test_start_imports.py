"""Starting the screen on every kind of source imports no cloud SDK, and nothing heavy before the first paint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cockpit.sandbox.process import free_port

PROFILE = """
system = "shop"
environment = "staging"
[[health]]
name = "web"
url = "http://127.0.0.1:{port}/health"
[[database]]
name = "main"
dsn = "file:{folder}/dsn"
[[redis]]
name = "cache"
url = "redis://127.0.0.1:{port}/0"
[[cloud_run]]
name = "shop"
project = "shop-staging"
region = "europe-west1"
service = "shop"
endpoint = "http://127.0.0.1:{port}"
[[logs]]
name = "cloud"
type = "cloud_logging"
project = "shop-staging"
endpoint = "http://127.0.0.1:{port}"
[[logs]]
name = "file"
type = "file"
path = "{folder}/app.log"
"""
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from screens.app import CockpitApp, _given

found = {}

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules})

async def main():
    app = CockpitApp(_given(Path(sys.argv[1])))
    async with app.run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(20):
            while app.engine is None:
                await asyncio.sleep(0.01)
            states = app.engine.hub.states
            while any(state.reading is None and state.failure is None for state in states()):
                await asyncio.sleep(0.01)
        found["sources"] = [state.source for state in states()]
        found["running"] = loaded()
        found["guide"] = sorted(name for name in sys.modules if name.startswith("screens.guide"))
        await pilot.press("3", "j", "5", "j")

import screens.app
found["painted"] = loaded()
asyncio.run(main())
print(json.dumps(found))
"""


def test_a_started_screen_has_asked_every_source_and_imported_no_cloud_sdk(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "dsn").write_text(f"postgresql://nobody:secret@127.0.0.1:{port}/shop")
    (tmp_path / "dsn").chmod(0o600)
    (tmp_path / "app.log").write_text("ERROR one\n")
    profile = tmp_path / "shop.toml"
    profile.write_text(PROFILE.format(port=port, folder=tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(profile)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert len(found["sources"]) == 6
    assert {"httpx", "asyncpg", "redis"} <= set(found["running"]), "all adapters were at work"
    assert not {"grpc", "google", "kubernetes"} & set(found["running"])
    assert found["guide"] == [], "the guide is imported when it is opened"
    heavy = {"httpx", "asyncpg", "redis", "pydantic", "google", "grpc", "kubernetes"}
    assert not heavy & set(found["painted"])
    assert not {"tree_sitter_bash", "sqlglot", "markdown_it"} & set(found["painted"])

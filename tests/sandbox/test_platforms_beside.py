"""What a system has besides its shop: pages of its own, scripts of the team, an engine that says what is served."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit.profile.shipped import NAMES, shipped
from cockpit.sandbox.docker.compose import ComposePlatform
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.shop.documents import PAGES_A_BOOK, pages_of
from cockpit.sandbox.shop.revision import BAD_TAG, GOOD_TAG, Backends
from cockpit.sandbox.system import Sandbox, Tempo
from cockpit.sandbox.teamscripts import ScriptsPlatform

TEMPO = Tempo(requests_per_s=20, warm_up_s=0.2)


def shape(system: str) -> Shape:
    return Shape.of(tomllib.loads(shipped(system).text))


class Told:
    """Stands for the door: keeps what it is told."""

    def __init__(self) -> None:
        self.backends = Backends(None, None)
        self.serves = ""
        self.per_minute = 0
        self.restarts = 0

    def serve(self, tag: str, env: dict[str, str] | None = None) -> None:
        self.serves = tag

    def stop(self) -> None:
        self.serves = "nothing"

    def limit(self, per_minute: int) -> None:
        self.per_minute = per_minute

    async def restarted(self) -> None:
        self.restarts += 1


async def test_what_booking_tells_of_itself_wants_its_key(tmp_path: Path) -> None:
    system = await Sandbox.start(tmp_path / "s", Scenario.NONE, tempo=TEMPO, shape=shape("booking"))
    try:
        assert system.front is not None
        async with httpx.AsyncClient(base_url=system.front.url, timeout=20) as client:
            seen: dict[str, Any] = {}
            for path in pages_of("booking"):
                assert (await client.get(path)).status_code == 401
                answer = await client.get(path, headers={"X-API-Key": system.admin_token})
                assert answer.status_code == 200, (path, answer.text)
                seen[path] = answer.json()
        if system.postgres is not None:
            connections = seen["/api/database/connection-limit"]
            assert 0 < connections["current"] <= connections["max"] == 30
            assert seen["/api/performance/queries/stats"]["transactions"] > 0
        assert seen["/api/rate-limit/status"]["enabled"] is False
    finally:
        await system.close()


@pytest.mark.parametrize("system", NAMES)
async def test_scripts_of_the_team_can_be_run_and_a_dry_run_says_so(system: str, tmp_path: Path) -> None:
    profile = tomllib.loads(shipped(system).text)
    platform = ScriptsPlatform()
    await platform.start(shape(system), Told(), tmp_path)  # type: ignore[arg-type]
    platform.place(profile)
    for table in profile.get("script", ()):
        said: list[str] = []
        for key in ("argv", "dry_run"):
            words = [word.replace("{", "x").replace("}", "x") for word in table.get(key, ())]
            if words:
                done = await asyncio.to_thread(
                    subprocess.run, words, cwd=table["directory"], capture_output=True, text=True, timeout=60
                )
                assert done.returncode == 0 and done.stdout.strip(), (words, done.stderr)
                said.append(done.stdout)
        assert len(said) == len(set(said)) and ("dry run" in said[-1]) == ("dry_run" in table)


async def test_the_containers_decide_what_the_door_serves(tmp_path: Path) -> None:
    platform, told = ComposePlatform(), Told()
    try:
        await platform.start(shape("storybook"), told, tmp_path)  # type: ignore[arg-type]
        engine = platform.engine
        engine.stop_s = 0.0
        assert (told.serves, told.per_minute) == (GOOD_TAG, 10 * PAGES_A_BOOK)
        await platform.deploy(BAD_TAG)
        assert told.serves == BAD_TAG
        box = engine.box("api-server")
        good = next(
            each for each in engine.images.values() if each.version == GOOD_TAG and "/api@" in each.digests[0]
        )
        await engine.remove(box, force=True)
        assert told.serves == "nothing"
        labels = {name: value for name, value in box.labels.items() if name.startswith("com.docker")}
        body = {"Image": good.digests[0], "Labels": labels, "Env": ["RATE_LIMIT_REQUESTS=5"]}
        engine.start(engine.create("api-server", body))
        assert (told.serves, told.per_minute) == (GOOD_TAG, 5 * PAGES_A_BOOK)
        await asyncio.sleep(0)
        assert told.restarts >= 2
    finally:
        await platform.close()
        await platform.close()

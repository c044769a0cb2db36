"""The demo, headless: a real incident is seen within seconds, and nothing is left of it."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.sandbox.postgres import PostgresServer

Cockpit = Callable[..., Awaitable[Any]]


@pytest.fixture
def temporary(tmp_path: Path, surroundings: dict[str, str], postgres_server: PostgresServer) -> Path:
    """Where the demo puts its folder; others may pass through, for its servers run under another account."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for path in (folder, *folder.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    surroundings["TMPDIR"] = str(folder)
    return folder


async def test_a_headless_demo_prints_what_check_prints_and_leaves_nothing(
    installed: Cockpit, temporary: Path
) -> None:
    ran = await installed("demo", "--headless", "--for", "8s", "--json")
    assert ran.code == 0, ran.err
    seen = ran.json
    assert list(seen) == ["system", "environment", "severity", "readings", "findings"]
    assert {reading["kind"] for reading in seen["readings"]} >= {"health", "logs", "revisions"}
    assert seen["severity"] == "crit"
    rollback = [
        finding for finding in seen["findings"] if (finding["action"] or {}).get("id") == "revisions.rollback"
    ]
    assert rollback and rollback[0]["action"]["params"]["revision"]
    assert "scenario: bad-revision" in ran.err
    assert list_of(temporary) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at all processes in /proc")
async def test_a_demo_that_is_terminated_takes_everything_along(start: Cockpit, temporary: Path) -> None:
    process = await start("demo", "--headless", "--for", "5m", "--scenario", "none")
    async with asyncio.timeout(60):
        told: list[bytes] = []
        while not (match := re.search(rb"ready: (\S+)", (told or [b""])[-1])):
            told.append(await process.stderr.readline())
            assert told[-1], f"it ended before it was ready: {told}"
        folder = match[1].decode().rpartition("/")[0]
        before = naming(folder)
        assert before, "the supervisor and its servers name their folder"
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 143
    assert naming(folder) == []
    assert list_of(temporary) == []


def list_of(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def naming(folder: str) -> list[str]:
    """Command lines that name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if folder in line:
                found.append(line)
    return found

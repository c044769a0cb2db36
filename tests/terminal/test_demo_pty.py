"""The main job by keys alone: the demo on a terminal, its incident seen, rolled back, seen to help, and on record."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.sandbox.postgres import PostgresServer

pytestmark = pytest.mark.pty
COMMAND = [sys.executable, "-c", "from screens.main import main; main()", "demo"]
REASON = "errors since the deployment"


def typed(host: Any, text: str) -> None:
    """As fingers type: what arrives at once is a paste."""
    for char in text:
        host.send(char)
        pause(host, 0.06)


def pause(host: Any, seconds: float) -> None:
    """Look for a while, as an operator does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        host.pump(0.02)


def naming(folder: Path) -> list[str]:
    """Command lines of running processes that name the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.fixture
def folder(tmp_path: Path, postgres_server: PostgresServer) -> Path:
    """Where the demo keeps its files; others may pass through, for its servers run under another account."""
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    return tmp_path / "demo"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at all processes in /proc")
def test_the_incident_of_the_demo_is_seen_cured_by_keys_and_recorded(start: Any, folder: Path) -> None:
    host = start.command([*COMMAND, "--keep", str(folder)], columns=120, lines=40, ready="")
    host.shows("OBSERVE", "503", deadline_s=30)
    host.until(lambda: re.search(r"shop-\d+-\w+ .*live", host.text), "the revision is suspected", 30)
    typed(host, "!")
    host.shows("reason")
    pause(host, 0.4)  # keys before that are thrown away
    typed(host, f"{REASON}\r")
    host.shows("ARMED")
    typed(host, "f")
    host.shows("Roll back")
    typed(host, "\r")
    host.shows("PATCH", deadline_s=20)
    host.shows("granted: run.services.update")
    pause(host, 0.4)
    typed(host, "y")
    host.shows("recovered", deadline_s=90)
    host.send("\x1b[27u")  # escape, as a terminal with kitty keys says it
    pause(host, 0.2)
    typed(host, "q")
    host.shows("Leave")
    pause(host, 0.4)
    typed(host, "y")
    assert host.exit_code(20) == 0
    assert naming(folder) == []
    (log,) = folder.rglob("audit.jsonl")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    events = [entry["event"] for entry in entries]
    assert [event for event in events if event not in ("disarmed",)] == [
        "armed", "intent", "outcome", "verified", "verdict",
    ]  # fmt: skip
    facts = {entry["event"]: entry["facts"] for entry in entries}
    assert facts["armed"]["reason"] == REASON
    assert facts["intent"]["reason"] == REASON
    assert facts["verdict"]["verdict"] == "recovered"

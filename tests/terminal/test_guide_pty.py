"""A playbook by keys alone: from the symptom to a cure that was seen to hold, on a real terminal and the sandbox."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.system import Sandbox, Tempo

pytestmark = pytest.mark.pty
COCKPIT = [sys.executable, "-c", "from screens.main import main; main()"]
REASON = "errors since the deployment"
SHARED = Path(__file__).parents[2].parent / "shared" / "runbooks"
GUESSLYFE = Shape(
    system="guesslyfe",
    service="guesslyfe-backend",
    region="us-central1",
    health="/api/v1/health",
    detailed="/api/v1/health/detailed",
    runbook=SHARED / "guesslyfe.md",
    targets={
        "api.guesslyfe.com": "health/components",
        "guesslyfe-db": "database/shop",
        "guesslyfe-redis": "redis/cache",
    },
)


@contextmanager
def running(folder: Path, shape: Shape) -> Iterator[Path]:
    """A system with a bad revision, on a loop of its own; its profile's path."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox")
    thread.start()
    try:
        starting = Sandbox.start(folder, Scenario.BAD_REVISION, tempo=Tempo(reads_per_minute=600), shape=shape)
        sandbox = asyncio.run_coroutine_threadsafe(starting, loop).result(60)
        try:
            assert sandbox.profile is not None
            yield sandbox.profile
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.close(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def pause(host: Any, seconds: float) -> None:
    """Look for a while, as an operator does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        host.pump(0.02)


def typed(host: Any, text: str) -> None:
    """As fingers type: what arrives at once is a paste."""
    for char in text:
        host.send(char)
        pause(host, 0.08)


def pressed_until(host: Any, key: str, holds: Callable[[], object], what: str) -> None:
    """The key again and again, until it holds."""
    for _ in range(60):
        if holds():
            return
        typed(host, key)
        pause(host, 0.15)
    pytest.fail(f"{what} was not reached with {key!r}:\n{host.text}")


def answered(host: Any, key: str, holds: Callable[[], object], what: str) -> None:
    """A deliberate key: with calm before and after it, once more where the calm was not enough."""
    for _ in range(8):
        pause(host, 0.7)
        if holds():
            return
        typed(host, key)
    pause(host, 0.7)
    assert holds(), f"{what}:\n{host.text}"


def under_cursor(host: Any, text: str) -> bool:
    """Whether the step under the cursor has the text, however wrapped: its lines begin with a bar."""
    lines = [line.partition("▌")[2].strip(" ┃") for line in host.text.splitlines() if "▌" in line]
    return text.replace(" ", "") in re.sub(r"\s+", "", "".join(lines))


def entries(folder: Path) -> list[dict[str, Any]]:
    (log,) = folder.rglob("audit.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """Where the sandbox keeps its files; its servers run under another account."""
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    return tmp_path


@dataclass(frozen=True)
class Play:
    """A playbook, and what its steps are known by."""

    shape: Shape
    title: str
    log: str
    health: str
    rollback: str
    placeholder: str


OWN = Play(
    Shape(),
    "Errors after a deployment",
    "severity>=ERROR' --project",
    "curl -fsS --max-time 5",
    "update-traffic shop",
    "PREV_REVISION",
)
THEIRS = Play(
    GUESSLYFE,
    "High Error Rate",
    'logging read "severity>=ERROR"',
    "curl https://api.guesslyfe.com/api/v1/health/detailed",
    "update-traffic",
    "PREVIOUS_REVISION",
)


def test_the_playbook_of_the_demo_from_symptom_to_verified_cure(start: Any, open_folder: Path) -> None:
    play_it(start, open_folder, OWN)


@pytest.mark.skipif(not (SHARED / "guesslyfe.md").exists(), reason="the runbook of this system is not here")
def test_high_error_rate_after_a_deployment_from_symptom_to_verified_cure(start: Any, open_folder: Path) -> None:
    play_it(start, open_folder, THEIRS)


def play_it(start: Any, folder: Path, play: Play) -> None:
    """Accept, open what is suggested, observe twice, roll back, see that it helped: all by keys, all on record."""
    with running(folder / "system", play.shape) as profile:
        host = start.command(
            [*COCKPIT, str(profile)], columns=120, lines=40, ready="", env={"XDG_STATE_HOME": str(folder / "state")}
        )
        host.until(lambda: re.search(rf"{play.shape.service}-\d+-\w+ .*live", host.text), "the symptom is seen", 45)
        typed(host, "r")
        host.shows("Accept this runbook?", deadline_s=20)
        answered(host, "y", lambda: "Accept this runbook?" not in host.text, "the runbook is accepted")
        host.shows("fits what is found now")
        assert play.title in host.text.partition("fits what is found now")[2][:1500], "it is among the suggested"
        pressed_until(host, "j", lambda: under_cursor(host, play.title), "the suggested playbook")
        typed(host, "\r")
        host.shows("since opened", "symptoms")
        pressed_until(host, "j", lambda: under_cursor(host, play.health), "the health step")
        host.until(lambda: under_cursor(host, "error_rate"), "the reading stands under its step", 20)
        typed(host, "\r")
        typed(host, "g")
        pressed_until(host, "j", lambda: under_cursor(host, play.log), "the log step")
        typed(host, "\r")
        host.until(lambda: under_cursor(host, "entries"), "the log's answer stands under its step", 20)
        pressed_until(host, "j", lambda: under_cursor(host, play.rollback), "the roll-back step")
        typed(host, "\r")
        host.shows(play.placeholder, "recommended", deadline_s=20)
        pause(host, 0.5)
        typed(host, "\r")
        host.shows("PATCH", deadline_s=20)
        pause(host, 0.5)
        typed(host, "!")
        host.shows("reason")
        pause(host, 0.5)
        typed(host, f"{REASON}\r")
        host.shows("ARMED")
        host.shows("granted: run.services.update", deadline_s=20)
        answered(host, "y", lambda: "PATCH" not in host.text, "the plan is agreed to")
        host.shows("recovered", deadline_s=120)
        host.until(lambda: under_cursor(host, "[x]"), "the step is done", 20)
    events = [(entry["event"], entry["facts"]) for entry in entries(folder)]
    acted = [name for name, _ in events if name in ("armed", "intent", "outcome", "verified", "verdict")]
    assert acted == ["armed", "intent", "outcome", "verified", "verdict"]
    facts = dict(events)
    assert facts["intent"]["reason"] == REASON and facts["verdict"]["verdict"] == "recovered"
    assert len([name for name, _ in events if "step" in name]) >= 3, "each step that was worked on is on record"

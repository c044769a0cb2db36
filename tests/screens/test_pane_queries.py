"""The profile's own queries in the database pane: a row each, the answer behind it, and what has no answer.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/test_pane_queries.py` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cockpit.model.database import SqlPanel
from cockpit.model.severity import Severity

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


def panels(now: datetime) -> tuple[SqlPanel, ...]:
    at = now - timedelta(seconds=12)
    stuck = SqlPanel(
        "Stuck jobs", "SELECT count(*) FROM jobs WHERE state = 'running'", "", Severity.CRIT, "9", "> 5",
        at.timestamp() - 60, at, 4.2, ("count",), (("9",),), False, "", "Jobs hang", (2.0, 9.0),
    )  # fmt: skip
    states = SqlPanel(
        "Jobs by state", "SELECT state, count(*) FROM jobs GROUP BY 1", "", Severity.OK, "done", "", 0.0, at, 11.0,
        ("state", "count"), (("done", "1204"), ("[red]x[/oops]", "9"), ("running", "9")), True,
    )  # fmt: skip
    share = SqlPanel("Failed", "SELECT 0.034", "%", Severity.OK, "0.034", "> 0.1", 0.0, at, 1.0, values=(0.034,))
    gone = replace(
        share, title="Gone", bound="", said="", at=None, values=(), problem='relation "x" does not exist (another?)'
    )
    waits = SqlPanel("Users", "SELECT count(*) FROM users", "")
    return (stuck, states, share, gone, waits)


def say(samples: ModuleType, engine: Any) -> None:
    status = replace(samples.database(False), panels=panels(engine.clock.now()))
    engine.say("database/main", Severity.CRIT, "Stuck jobs: 9", status)


@pytest.mark.parametrize(
    ("size", "keys"), [("200x50", ()), ("120x40", ()), ("120x40", ("enter",)), ("80x24", ()), ("80x24", ("enter",))]
)
async def test_it_looks_as_agreed(samples: ModuleType, stage: Any, size: str, keys: tuple[str, ...]) -> None:
    await stage.pilot.resize_terminal(*SIZES[size])
    say(samples, stage.engine)
    stage.tick()
    await stage.pilot.press("3", *(() if size == "200x50" else ("z",)))
    assert stage.screen.database.go("panel/1/Jobs by state")
    await stage.pilot.press(*keys)
    await stage.pilot.pause()
    text = stage.text()
    path = GOLDEN / f"{'_'.join(['queries', size, *keys])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


async def test_a_query_is_no_session_to_be_ended(samples: ModuleType, stage: Any) -> None:
    say(samples, stage.engine)
    stage.tick()
    await stage.pilot.press("3")
    assert stage.screen.database.go("panel/0/Stuck jobs")
    assert stage.screen.database.selection() == {}
    await stage.pilot.press("K")
    assert stage.flow.started == [("database.terminate", "database/main", {})], "its form asks for the pid"

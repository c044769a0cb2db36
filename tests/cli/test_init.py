"""`cockpit init` drafts a profile from a runbook, and the draft is a valid profile."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

Cockpit = Callable[..., Awaitable[Any]]
SAMPLE = Path(__file__).parents[1] / "runbooks" / "samples" / "ferry.md"
SHARED = Path(__file__).parents[2] / ".." / "shared" / "runbooks"


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if "partial" in path.name]


async def test_the_draft_is_a_valid_profile(cockpit: Cockpit, tmp_path: Path) -> None:
    output = tmp_path / "ferry.toml"
    ran = await cockpit("init", "--from", str(SAMPLE), "-o", str(output))
    assert ran.code == 0, ran.err
    checked = await cockpit("check", str(output), "--config-only")
    assert checked.code == 0, checked.err
    assert "guessed" in ran.out
    assert "missing" in ran.out


@pytest.mark.parametrize("name", ["aia", "booking", "guesslyfe", "roadtrip", "storybook"])
async def test_the_draft_of_a_real_runbook_is_a_valid_profile(name: str, cockpit: Cockpit, tmp_path: Path) -> None:
    source = SHARED / f"{name}.md"
    if not source.exists():
        pytest.skip("the real runbooks are not beside this checkout")
    output = tmp_path / "drafted.toml"
    ran = await cockpit("init", "--from", str(source), "-o", str(output))
    assert ran.code == 0, ran.err
    checked = await cockpit("check", str(output), "--config-only", "--json")
    assert checked.code == 0, checked.err
    assert checked.json["declared"]["health"]
    assert checked.json["declared"]["database"]


async def test_a_profile_that_is_there_is_left_alone(cockpit: Cockpit, tmp_path: Path) -> None:
    output = tmp_path / "mine.toml"
    output.write_text("mine")
    ran = await cockpit("init", "--from", str(SAMPLE), "-o", str(output))
    assert ran.code == 64
    assert "--force" in ran.err
    assert output.read_text() == "mine"
    forced = await cockpit("init", "--from", str(SAMPLE), "-o", str(output), "--force")
    assert forced.code == 0, forced.err
    assert tomllib.loads(output.read_text())["system"] == "ferry-tickets"
    assert left_over(tmp_path) == []


async def test_several_runbooks_and_json(cockpit: Cockpit, tmp_path: Path) -> None:
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    first.write_text("# Kiosk\n\n```\ncurl https://kiosk.example/health\n```\n")
    second.write_text("# More\n\n```\nredis-cli -h 10.9.9.9 INFO\n```\n")
    output = tmp_path / "kiosk.toml"
    ran = await cockpit("init", "--from", str(first), "--from", str(second), "-o", str(output), "--json")
    assert ran.code == 0, ran.err
    profile = tomllib.loads(output.read_text())
    assert profile["runbook"]["files"] == ["a.md", "b.md"]
    assert profile["redis"][0]["url"] == "redis://10.9.9.9:6379/0"
    assert {"what": "health health: url", "value": "https://kiosk.example/health", "comment": "from a.md:4"} in (
        ran.json["found"]
    )


async def test_a_runbook_that_is_not_there(cockpit: Cockpit, tmp_path: Path) -> None:
    ran = await cockpit("init", "--from", str(tmp_path / "no.md"), "-o", str(tmp_path / "p.toml"))
    assert ran.code == 64
    assert "cannot be read" in ran.err
    assert not (tmp_path / "p.toml").exists()

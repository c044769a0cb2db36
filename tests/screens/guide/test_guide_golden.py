"""The guide at its sizes, compared with readable dumps.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/guide` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.runbook import Contact, SeverityLevel
from cockpit.runbooks.guide.people import People

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_looks_as_agreed(room: Callable[..., Any], size: str) -> None:
    async with room(SIZES[size]) as guide:
        await guide.press("r")
        compare(f"list_{size}", guide.text)


@pytest.mark.parametrize("size", SIZES)
async def test_a_playbook_looks_as_agreed(room: Callable[..., Any], size: str) -> None:
    async with room(SIZES[size]) as guide:
        await guide.press("r", "enter")
        await guide.press("space", "j", "j", "space", "j", "s", "j")
        await guide.pass_time(671)
        compare(f"playbook_{size}", guide.text)


PEOPLE = People(
    contacts=(Contact("Database Admin", "Kim", "kim@shop.example", "critical database issues", 0),),
    severities=(SeverityLevel("P1", "nobody can buy", "15 minutes", None, "", 0),),
    channels=("#incidents",),
    links=(
        ("Incidents", "https://chat.shop.example/incidents"),
        ("Error rate by route", "https://grafana.shop.example/d/errors"),
    ),
)


@pytest.mark.parametrize("size", ["120x40", "80x24"])
@pytest.mark.parametrize("keys", [(), ("w",)])
async def test_whom_and_what_prose_names_stands_below_it(
    room: Callable[..., Any], size: str, keys: tuple[str, ...]
) -> None:
    async with room(SIZES[size]) as guide:
        guide.desk.people = PEOPLE
        await guide.press("r", "enter", "j", "j", *keys)
        compare("_".join(["people", size, *keys]), guide.text)


async def test_y_copies_the_way_there(room: Callable[..., Any]) -> None:
    async with room((120, 40)) as guide:
        guide.desk.people = PEOPLE
        kept: list[str] = []

        async def copied(text: str) -> str:
            kept.append(text)
            return "copied"

        guide.screen._copied = copied
        await guide.press("r", "enter", "j", "j", "y")
        assert kept == ["https://chat.shop.example/incidents"]


async def test_without_anybody_w_says_where_they_would_stand(room: Callable[..., Any]) -> None:
    async with room((120, 40)) as guide:
        await guide.press("r", "w")
        (said,) = [note.message for note in guide.app._notifications]
        assert "[[contact]] and [links]" in said

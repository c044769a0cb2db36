"""The guide at its sizes, compared with readable dumps.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/guide` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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

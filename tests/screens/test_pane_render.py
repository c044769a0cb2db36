"""What runs at Render in the Revisions pane: what is wrong, and what a row names for an action.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/test_pane_render.py` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cockpit.engine import compose
from cockpit.model.render import RenderStatus
from cockpit.model.severity import Severity, SourceKind
from screens.app import CockpitApp
from screens.panes.revisions import RevisionsPane

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}
SOURCE = "render/booking"


class Shown:
    """The cockpit on a reading of Render, with the pane open."""

    def __init__(self, app: CockpitApp, engine: Any, pilot: Any) -> None:
        self.app, self.engine, self.pilot = app, engine, pilot

    @property
    def pane(self) -> RevisionsPane:
        return self.app.cockpit_screen.revisions

    async def text(self) -> str:
        await self.pilot.pause()
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"

    async def say(self, status: RenderStatus) -> str:
        """Another reading; what the pane then holds."""
        self.engine.say(SOURCE, Severity.CRIT, "", status)
        self.app.cockpit_screen.publisher.tick(force=True)
        await self.pilot.pause()
        return "\n".join(self.pane.body.row(index).text for index in range(len(self.pane.body)))


@asynccontextmanager
async def shown(engine: Any, size: tuple[int, int], *keys: str, ascii_only: bool = False) -> AsyncIterator[Shown]:
    app = CockpitApp(ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press("5", *keys)
        yield Shown(app, engine, pilot)


@pytest.mark.parametrize(
    ("size", "keys", "ascii_only"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("120x40", ("z",), False),
        ("120x40", ("z", "enter"), False),
        ("80x24", (), False),
        ("80x24", ("z",), True),
    ],
)
async def test_it_looks_as_agreed(samples: ModuleType, size: str, keys: tuple[str, ...], ascii_only: bool) -> None:
    async with shown(samples.on_render(), SIZES[size], *keys, ascii_only=ascii_only) as desk:
        text = await desk.text()
    path = GOLDEN / f"{'_'.join(['hosted', size, *keys, *(['ascii'] if ascii_only else [])])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("service/srv-api", {"service": "srv-api", "live": "dep-3"}),
        ("deploy/srv-api/dep-1", {"service": "srv-api", "live": "dep-3", "deploy": "dep-1"}),
        ("deploy/srv-api/dep-3", {"service": "srv-api", "live": "dep-3"}),
        ("store/red-booking", {}),
        ("event/evt-2", {}),
    ],
)
async def test_a_row_names_what_an_action_is_about(samples: ModuleType, row: str, named: dict[str, str]) -> None:
    async with shown(samples.on_render(), (120, 60)) as desk:
        assert desk.pane.go(row)
        assert desk.pane.selection() == named
        assert (desk.pane.source, desk.pane.kind) == (SOURCE, SourceKind.RENDER)


@pytest.mark.parametrize(
    ("row", "resource"),
    [("service/srv-api", "srv-api"), ("deploy/srv-api/dep-1", "srv-api"), ("store/red-booking", "red-booking"),
     ("event/evt-2", "")],
)  # fmt: skip
async def test_the_detail_of_a_row_brings_its_log(samples: ModuleType, row: str, resource: str) -> None:
    async with shown(samples.on_render(), (120, 60)) as desk:
        assert desk.pane.go(row)
        asked = desk.pane.question()
        assert (asked.get("resource") if asked is not None else "") == resource


async def test_a_database_is_told_by_when_it_was_made(samples: ModuleType) -> None:
    async with shown(samples.on_render(), (120, 60)) as desk:
        assert desk.pane.go("store/dpg-booking")
        made = f"{samples.ago(200 * 86400):%Y-%m-%dT%H:%M:%SZ}"
        assert desk.pane.selection() == {"postgres": "dpg-booking", "created": made}


async def test_a_letter_opens_the_plan_of_this_platform(samples: ModuleType, stage_on: Any) -> None:
    stage = stage_on(samples.on_render())
    stage.engine.catalogue.specs = compose.specs()
    async with stage.app.run_test(size=(120, 60)) as pilot:
        stage.attach()
        await pilot.pause()
        await pilot.press("5")
        assert stage.screen.revisions.go("deploy/srv-api/dep-1")
        await pilot.press("R")
    (action, source, selection) = stage.flow.started[0]
    assert (action, source) == ("render.rollback", SOURCE)
    assert (selection["service"], selection["deploy"], selection["live"]) == ("srv-api", "dep-1", "dep-3")


def test_letters_are_told_apart() -> None:
    letters = [spec.key for spec in compose.specs() if spec.pane is SourceKind.RENDER and spec.key]
    assert len(letters) == len(set(letters)) == 9
    assert not set(letters) & set("GNEA")


async def test_text_from_outside_stays_text(samples: ModuleType) -> None:
    bad = "[red]x[/oops] \x1b[31m".replace("\x1b", "␛")
    service = replace(samples.hosted().services[0], name=bad, said=bad)
    async with shown(samples.on_render(), (120, 40)) as desk:
        rows = await desk.say(replace(samples.hosted(), services=(service,), notes=(bad,)))
        assert "[red]x[/oops]" in rows
        await desk.pilot.press("z", "enter")
        assert "[red]x[/oops]" in await desk.text()


async def test_nothing_named_is_no_empty_lie(samples: ModuleType) -> None:
    empty = RenderStatus("api.render.com", "", (), (), (), ("the profile names no service and no data store",))
    async with shown(samples.on_render(), (80, 24)) as desk:
        assert "names no service" in await desk.say(empty)
        assert desk.pane.selection() == {}

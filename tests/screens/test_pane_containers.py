"""A Compose project in the Revisions pane: what is wrong, and what a row names for an action.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/test_pane_containers.py` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cockpit.model.severity import Severity, SourceKind
from screens.app import CockpitApp
from screens.panes.revisions import RevisionsPane

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}
SOURCE = "containers/shop"
API_2 = ("702" * 32)[:64]


class Opened:
    def __init__(self, app: CockpitApp, engine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def pane(self) -> RevisionsPane:
        return self.app.cockpit_screen.revisions

    async def text(self) -> str:
        await self.pilot.pause()
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"

    async def say(self, status) -> str:
        """Another reading; what the pane then holds."""
        self.engine.say(SOURCE, Severity.CRIT, "", status)
        self.app.cockpit_screen.publisher.tick(force=True)
        await self.pilot.pause()
        return "\n".join(self.pane.body.row(index).text for index in range(len(self.pane.body)))


@asynccontextmanager
async def opened(engine, size: tuple[int, int] = (120, 40), *keys: str, ascii: bool = False) -> AsyncIterator[Opened]:
    app = CockpitApp(ascii_only=ascii)
    async with app.run_test(size=size) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press("5", *keys)
        yield Opened(app, engine, pilot)


@pytest.mark.parametrize(
    ("size", "keys", "ascii"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("120x40", ("z",), False),
        ("120x40", ("z", "j", "j", "enter"), False),
        ("80x24", (), False),
        ("80x24", ("z",), True),
    ],
)
async def test_a_project_looks_as_agreed(samples, size, keys, ascii):
    async with opened(samples.on_docker(), SIZES[size], *keys, ascii=ascii) as shown:
        text = await shown.text()
    path = GOLDEN / f"{'_'.join(['project', size, *keys, *(['ascii'] if ascii else [])])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("service/api", {"service": "api"}),
        ("service/mailer", {"service": "mailer"}),
        ("service/web", {"service": "web", "id": ("651" * 32)[:64]}),
        (f"container/{API_2}", {"service": "api", "container": "shop-api-2", "id": API_2}),
    ],
)
async def test_a_row_names_what_an_action_is_about(samples, row, named):
    async with opened(samples.on_docker(), (120, 60)) as shown:
        assert shown.pane.go(row)
        assert shown.pane.selection() == named
        assert (shown.pane.source, shown.pane.kind) == (SOURCE, SourceKind.CONTAINERS)


async def test_a_project_without_any_container_says_so(samples):
    async with opened(samples.on_docker()) as shown:
        said = await shown.say(replace(samples.project(), services=(), containers=()))
    assert "project shop has no container on this engine" in said


async def test_what_a_container_is_called_is_no_markup(samples):
    status = samples.project()
    evil = replace(status.containers[0], name="[red]x[/oops]", image="[link=x]", said="[/]", oneoff=True)
    async with opened(samples.on_docker()) as shown:
        said = await shown.say(replace(status, containers=(evil,), services=()))
    assert "run [red]x[/oops]" in said

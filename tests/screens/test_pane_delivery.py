"""Delivery pane: how it looks, which run or pull request an action is about, what a row asks once it is opened."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.errors import Unreachable
from cockpit.looks.github import difference_lines, said_of
from cockpit.model.delivery import Commit, Difference, FileChange
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity, SourceKind
from screens.app import CockpitApp

START = datetime(2026, 11, 21, 14, 3, 41, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


class Book:
    """Answers with the difference between two commits."""

    async def look(self, request: LookRequest) -> Sight:
        files = tuple(FileChange(name, "modified", 14, 9) for name in ("app/cart.py", "app/[bold]x.py"))
        commits = tuple(Commit(f"{index}a1b2c3d4", f"Change {index}", "bob", START) for index in range(3))
        found = Difference(request.get("base"), request.get("head"), "ahead", 3, 0, commits, files)
        return Sight(Severity.OK, said_of(found), START, tuple(difference_lines(found)))


async def shown(samples, size: tuple[int, int], *keys: str, ascii: bool = False, engine=None):
    app = CockpitApp(ascii_only=ascii)
    async with app.run_test(size=size) as pilot:
        engine = engine or samples.add_delivery(samples.incident())
        engine.looks = Book()
        app.attach(engine)
        await pilot.pause()
        await pilot.press("9", *keys)
        await pilot.pause()
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        pane = next(each for each in app.cockpit_screen.panes if each.KIND is SourceKind.GITHUB)
        text = "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"
        return text, (pane.key, pane.selection(), pane.question(), pane.kind, pane.source)


@pytest.mark.parametrize(
    ("size", "keys", "ascii"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("80x24", (), True),
        ("80x24", ("G",), False),
        ("120x40", ("g", "enter"), False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
async def test_the_pane_looks_as_agreed(samples, size, keys, ascii):
    text, _ = await shown(samples, SIZES[size], *keys, ascii=ascii)
    path = GOLDEN / f"{'_'.join(['delivery', size, *keys, *(['ascii'] if ascii else [])])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("size", "keys"),
    [("200x50", ()), ("120x40", ("G", "g", "enter")), ("80x24", ())],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
async def test_the_commands_of_the_team_look_as_agreed(samples, size, keys):
    text, _ = await shown(samples, SIZES[size], *keys, engine=samples.add_scripts(samples.incident()))
    path = GOLDEN / f"{'_'.join(['scripts', size, *keys])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


async def test_a_script_is_what_its_row_runs_and_its_output_is_no_markup(samples):
    engine = samples.add_scripts(samples.add_delivery(samples.incident()))
    text, found = await shown(samples, (120, 60), "G", engine=engine)
    assert "The team's commands" in text and "[red]shop[/] 4 of 9" in text
    assert found[3:] == (SourceKind.SCRIPTS, "scripts/migrate") and found[1] == {}


A, B, D = "a1b2c3d4" * 5, "b2c3d4e5" * 5, "d4e5f6a7" * 5


def asks(look: str, **params: str) -> LookRequest:
    return LookRequest(f"github.{look}", "github/shop", params)


@pytest.mark.parametrize(
    ("filter_", "key", "selected", "asked"),
    [
        ("#47", "run/9047", {"run": "9047", "attempt": "2", "sha": "c3d4e5f6" * 5}, asks("run", run="9047")),
        ("#113", "pull/113", {"pull": "113", "head": "e5f6a7b8" * 5}, asks("pull", pull="113")),
        ("#108  merged", "pull/108", {"pull": "108", "merged": B}, asks("pull", pull="108")),
        ("running", f"running/{B}", {}, asks("diff", base=A, head=B)),
        ("in progress  github-actions", "deployment/5", {}, asks("diff", base=B, head=D)),
    ],
)
async def test_a_row_names_what_it_is_and_asks_for_what_is_behind_it(samples, filter_, key, selected, asked):
    words = [{" ": "space", "#": "number_sign"}.get(each, each) for each in filter_]
    _, found = await shown(samples, (120, 40), "/", *words, "enter", "g")
    assert found == (f"github/shop|{key}", selected, asked, SourceKind.GITHUB, "github/shop")


async def test_words_of_others_stay_words(samples):
    text, _ = await shown(samples, (200, 50))
    assert "Try the new price list [/oops]" in text


async def test_a_repository_that_never_answered_is_a_row_all_the_same(samples):
    engine = samples.incident()
    engine.add("github/shop", SourceKind.GITHUB, 2.0)
    engine.fail("github/shop", Unreachable("api.github.com: refused"))
    text, found = await shown(samples, (80, 24), engine=engine)
    assert "never answered" in text and found[:2] == ("github/shop", {})

"""The whole screen at its sizes: what stands where, compared with readable dumps.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/test_layout.py` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cockpit.model.reading import Marker
from screens.app import CockpitApp
from screens.panes.base import Pane

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


def dump(app: CockpitApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


async def shown(pilot: Pilot[None]) -> str:
    await pilot.pause()
    await pilot.pause()
    return dump(pilot.app)  # type: ignore[arg-type]  # the pilot knows the app as any app


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


def visible(app: CockpitApp) -> list[str]:
    return [pane.LABEL for pane in app.cockpit_screen.panes if pane.region.area > 0 and pane.display]


CASES = [
    ("incident", "200x50", ()),
    ("incident", "120x40", ()),
    ("incident", "80x24", ()),
    ("calm", "120x40", ()),
    ("broken", "120x40", ("3",)),
    ("broken", "80x24", ("4",)),
    ("empty", "80x24", ()),
    ("incident", "120x40", ("space",)),
    ("incident", "120x40", ("3", "z")),
]


@pytest.mark.parametrize(("scenario", "size", "keys"), CASES, ids=lambda value: "-".join(value) or "as-is")
async def test_the_screen_looks_as_agreed(samples, scenario, size, keys):
    app = CockpitApp()
    async with app.run_test(size=SIZES[size]) as pilot:
        app.attach(getattr(samples, scenario)())
        await pilot.pause()
        await pilot.press(*keys)
        compare("_".join([scenario, size, *keys]), await shown(pilot))


async def test_the_frame_stands_before_there_is_an_engine():
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        text = await shown(pilot)
    for words in ("1 Health", "2 Logs", "3 Postgres", "4 Redis", "5 Revisions", "OBSERVE", "reading the profile"):
        assert words in text


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (1, 1), (2, 3), (300, 90), (100, 12)], ids=str)
async def test_odd_sizes_do_not_break_it(samples, size):
    app = CockpitApp()
    async with app.run_test(size=size) as pilot:
        app.attach(samples.incident())
        await pilot.press("3", "j", "G", "z", "tab", "space", "space", "g")
        text = await shown(pilot)
        assert len(text.splitlines()) == size[1]


async def test_environment_and_mode_are_on_every_size(samples):
    for size in SIZES.values():
        app = CockpitApp()
        async with app.run_test(size=size) as pilot:
            engine = samples.incident()
            app.attach(engine)
            text = await shown(pilot)
            assert "PRODUCTION" in text.splitlines()[0]
            assert "OBSERVE" in text
            engine.executor.arm(581)
            await engine.clock.advance(1)
            app.cockpit_screen.publisher.tick()
            text = await shown(pilot)
            assert "ARMED 09:41" in text.splitlines()[0]
            assert "OBSERVE" not in text


async def test_columns_follow_the_width_without_losing_the_place(samples):
    app = CockpitApp()
    async with app.run_test(size=(200, 50)) as pilot:
        app.attach(samples.incident())
        await pilot.press("3", "j", "j")
        key = app.cockpit_screen.database.key
        assert key
        assert len(visible(app)) == 5
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert visible(app) == ["Postgres"]
        assert app.cockpit_screen.database.key == key
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        await pilot.pause()
        assert len(visible(app)) == 5
        assert app.cockpit_screen.database.key == key


async def test_numbers_and_tab_move_between_panes(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.incident())
        for key, label in (("1", "Health"), ("5", "Revisions"), ("4", "Redis"), ("3", "Postgres"), ("2", "Logs")):
            await pilot.press(key)
            assert isinstance(app.focused, Pane)
            assert label == app.focused.LABEL
        await pilot.press("tab")
        assert app.cockpit_screen.current.LABEL == "Postgres"
        await pilot.press("shift+tab", "shift+tab")
        assert app.cockpit_screen.current.LABEL == "Health"


async def test_zoom_shows_one_pane_and_comes_back(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.incident())
        await pilot.press("4", "z")
        await pilot.pause()
        assert visible(app) == ["Redis"]
        await pilot.press("tab")
        await pilot.pause()
        assert visible(app) == ["Revisions"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(visible(app)) == 5


async def test_paused_the_screen_stands_still_and_catches_up(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = samples.incident()
        app.attach(engine)
        await pilot.press("space")
        engine.say("redis/cache", samples.Severity.OK, "quiet again", samples.cache(False))
        await engine.clock.advance(5)
        app.cockpit_screen.publisher.tick()
        text = await shown(pilot)
        assert "PAUSED" in text
        assert "this screen stands still" in text
        assert "evicting 41/s" in text
        await pilot.press("space")
        text = await shown(pilot)
        assert "PAUSED" not in text
        assert "quiet again" in text


async def test_the_clock_moves_alone_when_nothing_else_does(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = samples.incident()
        app.attach(engine)
        await shown(pilot)
        touched: list[tuple[str, int]] = []
        screen = app.cockpit_screen
        for widget in (*screen.panes, screen.banner, screen.timeline, screen.status, screen.footer):
            original = widget.refresh

            def spy(*regions, original=original, widget=widget, **options):
                touched.extend((str(widget.id), region.area) for region in regions)
                if not regions:
                    touched.append((str(widget.id), -1))
                return original(*regions, **options)

            widget.refresh = spy  # type: ignore[method-assign]  # a spy for this test
        screen.publisher.tick(force=True)
        assert touched == []
        await engine.clock.advance(1)
        screen.publisher.tick()
        # One digit of the clock, and the foot of each pane with its age: nothing that is a body line.
        assert ("status", 1) in touched or any(name == "status" for name, _ in touched)
        panes = {pane.id: pane.region.width for pane in screen.panes}
        assert all(area <= panes.get(name, 120) for name, area in touched)
        assert sum(1 for name, _ in touched if name in panes) <= len(panes)


async def test_markers_and_errors_stand_at_their_moments(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = samples.incident()
        engine.extra_markers = (Marker(samples.NOW - 120, "⚑", "Roll back: succeeded"),)
        app.attach(engine)
        lines = (await shown(pilot)).splitlines()
        assert "▲ checkout-00142" in lines[4]
        assert "⚑ Roll back" in lines[4]
        assert lines[4].index("▲") < lines[4].index("⚑")
        await pilot.press("w")
        lines = (await shown(pilot)).splitlines()
        assert "−48 min" in lines[4]


async def test_a_key_keeps_it_armed(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = samples.incident()
        app.attach(engine)
        assert engine.executor.touched == 0
        await pilot.press("j")
        assert engine.executor.touched > 0


async def test_a_passing_message_covers_neither_the_status_bar_nor_the_footer(samples):
    app = CockpitApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.attach(samples.incident())
        bottom = (await shown(pilot)).splitlines()[-2:]
        app.notify("pid 4411 was told to end", title="Terminate session: done")
        text = await shown(pilot)
        assert "pid 4411 was told to end" in text
        assert text.splitlines()[-2:] == bottom

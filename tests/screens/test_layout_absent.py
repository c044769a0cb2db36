"""A profile without some of the five: what is absent takes no room, the others have all of it, keys say so."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from cockpit.model.severity import SourceKind
from screens.app import CockpitApp
from screens.arrangement import ORDER, apply, arrange

SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


def only(samples: Any, *kinds: str) -> Any:
    """An engine of the sample sources of these kinds, none of which was read."""
    return samples.empty([each for each in samples.ALL if each[1].value in kinds])


def regions(app: CockpitApp) -> dict[str, tuple[int, int, int, int]]:
    """Of the panes in sight: x, y, width, height."""
    panes = app.cockpit_screen.panes
    return {str(pane.id): tuple(pane.region) for pane in panes if pane.display and pane.region.area}  # type: ignore[misc]  # four


async def settled(pilot: Pilot[None]) -> dict[str, tuple[int, int, int, int]]:
    await pilot.pause()
    await pilot.pause()
    return regions(pilot.app)  # type: ignore[arg-type]  # the pilot knows the app as any app


def fills(app: CockpitApp) -> bool:
    """The panes in sight cover the grid, none another."""
    grid = app.cockpit_screen.query_one("#grid").region
    found = list(regions(app).values())
    cells = {
        (x, y)
        for left, top, width, height in found
        for x in range(left, left + width)
        for y in range(top, top + height)
    }
    return len(cells) == sum(width * height for _, _, width, height in found) == grid.area


@pytest.mark.parametrize("size", ["200x50", "120x40"])
@pytest.mark.parametrize(
    "kinds", ["health logs revisions", "health", "redis logs", "database revisions redis", "logs revisions"]
)
async def test_the_panes_that_are_there_have_the_whole_grid(samples, size, kinds):
    app = CockpitApp()
    async with app.run_test(size=SIZES[size]) as pilot:
        app.attach(only(samples, *kinds.split()))
        assert set(await settled(pilot)) == set(kinds.split())
        assert fills(app)
        assert app.focused is app.cockpit_screen.current
        assert not app.cockpit_screen.current.absent


async def test_what_is_below_the_log_goes_below_health_where_there_are_two_columns(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.on_kubernetes())
        found = await settled(pilot)
        assert found["health"][0] == found["revisions"][0] == 0
        assert found["health"][1] < found["revisions"][1]
        assert found["logs"][3] == found["health"][3] + found["revisions"][3]


async def test_with_all_five_the_stylesheet_alone_has_the_places_and_both_agree(samples):
    app = CockpitApp()
    async with app.run_test(size=(200, 50)) as pilot:
        standing = await settled(pilot)
        app.attach(samples.incident())
        assert await settled(pilot) == standing
        grid = app.cockpit_screen.query_one("#grid")
        for columns, width in ((3, 200), (2, 120)):
            await pilot.resize_terminal(width, 50)
            usual = await settled(pilot)
            assert not grid.styles.inline.has_rule("grid_columns")
            assert [child.id for child in grid.children] == list(ORDER)
            apply(arrange(ORDER, columns), grid)
            assert grid.styles.inline.has_rule("grid_columns")
            assert await settled(pilot) == usual
            apply(None, grid)


async def test_attaching_moves_the_panes_once(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        seen = [await settled(pilot)]
        compositor = app.screen._compositor
        original = compositor.reflow

        def reflow(*given: Any) -> Any:
            found = original(*given)
            places = compositor.full_map
            seen.append(
                {str(pane.id): tuple(places[pane].region) for pane in app.cockpit_screen.panes if pane in places}
            )
            return found

        compositor.reflow = reflow  # type: ignore[method-assign]  # a spy for this test
        app.attach(samples.on_kubernetes())
        after = await settled(pilot)
        assert len(seen) > 1
        assert seen[0] != after
        assert all(places in (seen[0], after) for places in seen)


async def test_the_foot_counts_what_is_below_in_the_new_room(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.on_kubernetes())
        await settled(pilot)
        await pilot.pause()
        for pane in app.cockpit_screen.present:
            said = "".join(text for text, _ in pane.frame.left_foot)
            assert said == (f"↓ {pane.below} more" if pane.below else "")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("3", "This profile has no database source: [[database]] in the profile adds one."),
        (
            "5",
            "This profile has no revisions source: [[cloud_run]] or [[kubernetes]] or [[docker]] or [[render]] in the"
            " profile adds one.",
        ),
        ("e", "This profile has no logs source: [[logs]] in the profile adds one."),
        ("right_square_bracket", "This profile has no logs source: [[logs]] in the profile adds one."),
    ],
)
async def test_a_key_of_an_absent_pane_says_what_adds_a_source_and_the_focus_stays(samples, key, said):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(only(samples, "health", "redis"))
        await pilot.press("4", key)
        assert [each.message for each in app._notifications] == [said]
        assert app.focused is app.cockpit_screen.redis
        assert set(await settled(pilot)) == {"health", "redis"}


async def test_tab_goes_round_what_is_there_and_the_tabs_line_keeps_the_rest_muted(samples):
    app = CockpitApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.attach(only(samples, "health", "redis"))
        await settled(pilot)
        (bar,) = app.cockpit_screen.tabs.bars(80, 1)
        assert "2 Logs ·  3 PG ·  4 Redis ?  5 Revs ·" in "".join(text for text, _ in bar.left)
        seen = []
        for _ in range(3):
            await pilot.press("tab")
            seen.append(app.cockpit_screen.current.LABEL)
            assert list(await settled(pilot)) == [app.cockpit_screen.current.id]
        assert seen == ["Redis", "Health", "Redis"]


async def test_neither_palette_nor_help_offers_what_is_absent(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 60)) as pilot:
        app.attach(only(samples, "health", "redis"))
        assert [each.name for each in app.palette_commands() if each.name.startswith("Pane: ")] == [
            "Pane: Health", "Pane: Redis",
        ]  # fmt: skip
        await pilot.press("question_mark")
        await pilot.pause()
        topics = app.screen.topics  # type: ignore[attr-defined]  # of the help
        assert [topic.key for topic in topics if topic.text == "Pane by number"] == ["1 4"]
        assert not [topic for topic in topics if topic.text in ("Next error", "Longer log window")]


async def test_sizes_and_the_zoom_come_and_go_without_a_hole(samples):
    app = CockpitApp()
    async with app.run_test(size=(200, 50)) as pilot:
        app.attach(only(samples, "database", "logs", "redis", "revisions"))
        screen = app.cockpit_screen
        wide = await settled(pilot)
        await pilot.resize_terminal(120, 40)
        medium = await settled(pilot)
        assert len(medium) == 4 and fills(app)
        await pilot.press("3", "z")
        assert list(await settled(pilot)) == ["database"] and fills(app)
        assert [child.id for child in screen.query_one("#grid").children] == list(ORDER)
        await pilot.press("z")
        assert await settled(pilot) == medium
        await pilot.resize_terminal(80, 24)
        assert list(await settled(pilot)) == ["database"] and fills(app)
        await pilot.resize_terminal(200, 50)
        assert await settled(pilot) == wide
        assert fills(app)
        assert app.focused is screen.database


async def test_a_page_is_left_for_the_same_panes(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = only(samples, "health", "database")
        engine.add("metrics/shop", SourceKind.METRICS)
        app.attach(engine)
        found = await settled(pilot)
        await pilot.press("6")
        assert list(await settled(pilot)) == ["metrics"] and fills(app)
        await pilot.press("escape")
        assert await settled(pilot) == found
        assert app.focused is app.cockpit_screen.health


async def test_where_there_are_only_pages_all_five_stand_as_they_did(samples):
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot:
        engine = samples.empty([])
        engine.add("metrics/shop", SourceKind.METRICS)
        before = await settled(pilot)
        app.attach(engine)
        assert await settled(pilot) == before
        await pilot.press("6")
        assert list(await settled(pilot)) == ["metrics"]

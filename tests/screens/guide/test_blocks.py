"""Rows in blocks: what the cursor does with lines that belong together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult

from screens.guide.blocks import Block, BlockRows
from screens.paint import note


def block(key: str, lines: int) -> Block:
    return Block(key, tuple(note(f"{key or 'head'} {number}") for number in range(lines)))


class OneList(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.rows = BlockRows()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#9aa7b5", "line": "#35414f", "cursor": "#1d3350", "border": "#6cb6ff"}

    def compose(self) -> ComposeResult:
        yield self.rows


@pytest.fixture
def listed() -> Callable[..., Any]:
    @asynccontextmanager
    async def run(*blocks: Block, height: int = 10) -> AsyncIterator[tuple[BlockRows, Any]]:
        app = OneList()
        async with app.run_test(size=(40, height)) as pilot:
            app.rows.show_blocks((), blocks)
            app.rows.focus()
            await pilot.pause()
            yield app.rows, pilot

    return run


def lines(rows: BlockRows) -> list[str]:
    return [strip.text.strip() for strip in rows._strips]


async def test_the_cursor_goes_from_block_to_block_and_passes_headings(listed: Callable[..., Any]) -> None:
    async with listed(block("", 1), block("a", 3), block("", 1), block("b", 2)) as (rows, pilot):
        assert rows.key == "a"
        await pilot.press("j")
        assert rows.key == "b"
        await pilot.press("k")
        assert rows.key == "a"


async def test_all_lines_of_the_chosen_block_are_marked(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 3), block("b", 2)) as (rows, _):
        assert [line.startswith("▌") for line in lines(rows)[:5]] == [True, True, True, False, False]


async def test_a_block_is_brought_into_sight_as_a_whole_with_its_heading(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 8), block("", 1), block("b", 5)) as (rows, pilot):
        await pilot.press("j")
        shown = lines(rows)
        assert "b 4" in shown[-1]
        await pilot.press("k")
        await pilot.press("j")
        assert any("head 0" in line for line in lines(rows))


async def test_a_block_longer_than_the_room_is_scrolled_through_first(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 25), block("b", 1)) as (rows, pilot):
        seen = set(lines(rows))
        for _ in range(2):
            await pilot.press("j")
            assert rows.key == "a"
            seen |= set(lines(rows))
        assert {line.lstrip("▌ ") for line in seen} >= {f"a {number}" for number in range(25)}
        await pilot.press("j")
        assert rows.key == "b"
        await pilot.press("k", "k", "k", "k")
        assert rows.key == "a"
        assert "a 0" in lines(rows)[0]


async def test_a_refresh_keeps_the_place_within_a_long_block(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 25), block("b", 1)) as (rows, pilot):
        await pilot.press("j")
        before = lines(rows)
        rows.show_blocks((), (block("a", 25), block("b", 1)))
        assert lines(rows) == before


async def test_what_cannot_be_chosen_at_the_end_can_be_read(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 2), block("", 20)) as (rows, pilot):
        for _ in range(15):
            await pilot.press("j")
        assert "head 19" in lines(rows)[-1]
        rows.show_blocks((), (block("a", 2), block("", 20)))
        assert "head 19" in lines(rows)[-1], "a refresh does not jump back"
        assert rows.key == "", "nothing is chosen that is out of sight"
        for _ in range(6):
            await pilot.press("k")
        assert rows.key == "a"


async def test_a_click_on_any_line_chooses_the_block(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 2), block("", 1), block("b", 3)) as (rows, pilot):
        await pilot.click(BlockRows, offset=(3, 5))
        assert rows.key == "b"
        await pilot.click(BlockRows, offset=(3, 2))
        assert rows.key == "b", "a heading is no block"
        await pilot.click(BlockRows, offset=(3, 1))
        assert rows.key == "a"


async def test_pages_go_to_the_block_that_is_there(listed: Callable[..., Any]) -> None:
    many = [block(f"k{number}", 3) for number in range(12)]
    async with listed(*many) as (rows, pilot):
        await pilot.press("pagedown")
        assert rows.key == "k3"
        await pilot.press("G")
        assert rows.key == "k11"
        await pilot.press("pageup")
        assert rows.key == "k8"
        await pilot.press("pagedown", "pagedown")
        assert rows.key == "k11"


async def test_a_block_that_vanishes_chooses_no_other(listed: Callable[..., Any]) -> None:
    async with listed(block("a", 2), block("b", 2)) as (rows, pilot):
        await pilot.press("j")
        rows.show_blocks((), (block("a", 2), block("c", 2)))
        assert rows.key == ""
        assert rows.lost == "b"

"""Keys behind an escape or an answer, on a machine that comes to them late; and parts whose text grows."""

from __future__ import annotations

import time
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from cockpit.clock import ManualClock
from screens.dialogs.base import Dialog, Flow
from screens.dialogs.detail import DetailScreen
from screens.dialogs.yes_no import YesNo


def stalled(table: Any, *keys: tuple[str, float]) -> None:
    """Keys that were read `seconds` ago, one behind the other, before the app came to any of them."""
    driver = table.app._driver
    for key, seconds in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.time = time.monotonic() - seconds
        event.set_sender(table.app)
        driver.send_message(event)


class Heard:
    """What the screen beneath has bound to `y`."""

    def __init__(self, table: Any) -> None:
        self.count = 0
        table.app.action_heard = self.hear
        table.app.screen._bindings.key_to_bindings["y"] = [Binding("y", "app.heard", "heard")]

    async def hear(self) -> None:
        self.count += 1


async def test_a_yes_that_was_pressed_behind_an_escape_is_none(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        beneath = Heard(table)
        answers = await table.open(YesNo(clock, "-calm"))
        await table.pass_time(5.0)
        stalled(table, ("escape", 2.0), ("y", 1.0))
        await table.until(lambda: len(answers) == 1, "it is closed")
        assert answers == [False]
        await table.until(lambda: beneath.count == 1, "it means what it means beneath")


async def test_a_key_behind_an_escape_means_what_it_means_beneath(stage: Any) -> None:
    copied: list[str] = []

    async def copy(text: str) -> str:
        copied.append(text)
        return "copied"

    async with stage() as table:
        beneath = Heard(table)
        answers = await table.open(DetailScreen("a row", [("pid", "4711")], copy))
        stalled(table, ("escape", 0.2), ("y", 0.1))
        await table.until(lambda: len(answers) == 1 and beneath.count == 1, "the key has come down")
        assert copied == []


async def test_what_is_typed_behind_an_answer_is_for_nobody(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        beneath = Heard(table)
        answers = await table.open(YesNo(clock, "-calm"))
        await table.pass_time(5.0)
        stalled(table, ("y", 0.2), ("y", 0.1))
        await table.until(lambda: len(answers) == 1, "it is closed")
        await table.pass_time(1.0)
        assert answers == [True] and beneath.count == 0


async def test_an_escape_that_ends_the_search_only_leaves_the_keys_to_the_dialog(stage: Any) -> None:
    async with stage() as table:
        answers = await table.open(DetailScreen("a row", [("pid", "4711"), ("query", "SELECT 1")], None))
        screen = table.app.screen
        await table.press("slash")
        assert screen.focused is not None
        stalled(table, ("escape", 0.2))
        await table.pass_time(1.0)
        assert answers == [] and screen.focused is None
        await table.press("slash")
        assert screen.focused is not None, "it hears keys again"


class Growing(Dialog[None]):
    """Its head becomes longer after it was laid out."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 1

    def compose_head(self) -> ComposeResult:
        yield Flow(lambda width: [Content(f"head {number}") for number in range(self.lines)], id="grows")

    def compose_body(self) -> ComposeResult:
        yield Static(Content("\n".join(f"line {number}" for number in range(60))), markup=False)

    def compose_foot(self) -> ComposeResult:
        yield Static(Content("the keys"), markup=False)


async def test_the_body_makes_room_for_a_head_that_grows_and_says_what_is_below(stage: Any) -> None:
    async with stage((80, 24)) as table:
        screen = Growing()
        await table.open(screen)
        await table.until(lambda: "↓ 40 more" in table.text, "what is below is told")
        screen.lines = 8
        screen.query_one("#grows", Flow).redraw()
        await table.until(lambda: "↓ 47 more" in table.text and "the keys" in table.text, "the head has its room")

"""Arming, leaving, and what a former cockpit left behind: only the right key, pressed on purpose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from textual import events

from cockpit.actions.executor import Executor
from cockpit.actions.mode import Mode
from cockpit.actions.record import Running, Unresolved
from cockpit.clock import ManualClock
from cockpit.errors import Misconfigured
from screens.dialogs.arm import ArmDialog, Arms, LockDialog
from screens.dialogs.desk import show_unresolved
from screens.dialogs.leave import QuitDialog
from screens.dialogs.notice import Notice
from screens.dialogs.unresolved import UnresolvedDialog

LEFT = Unresolved(
    "ab12",
    "2026-11-21T13:00:00Z",
    "ana",
    "Terminate session [/x]",
    "session 4411",
    ("SELECT pg_terminate(4411)",),
    "process group 4711: it may still run",
)


async def test_arming_takes_a_reason_and_minutes(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(ArmDialog("shop", "production", 600.0, clock))
        await table.type("pool is full")
        await table.press("tab", "backspace", "backspace", "5", "enter")
        assert answers == [Arms("pool is full", 300.0)]


async def test_without_either_it_does_not_arm(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        for reason, minutes in (("", "10"), ("   ", "10"), ("pool", ""), ("pool", "0"), ("pool", "481")):
            answers = await table.open(ArmDialog("shop", "production", 600.0, clock))
            await table.type(reason)
            await table.press("tab", "backspace", "backspace")
            await table.type(minutes)
            await table.press("enter", "!", "y")
            assert answers == [], (reason, minutes)
            await table.press("escape")
            assert answers == [None]


async def test_a_pasted_reason_does_not_arm(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(ArmDialog("shop", "production", 600.0, clock))
        await table.pass_time(1.0)
        table.app.post_message(events.Paste("INC-7 pool is full\ny"))
        await table.pass_time(1.0)
        assert "INC-7 pool is full" in table.text, "a reason may be pasted, its first line"
        assert answers == []
        for char in "pool is full":
            table.app.post_message(events.Key({" ": "space"}.get(char, char), char))
        table.app.post_message(events.Key("enter", "\r"))
        await table.pass_time(1.0)
        assert answers == []


async def test_the_arm_dialog_names_environment_and_system(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        await table.open(ArmDialog("shop", "production", 600.0, clock))
        assert "PRODUCTION" in table.text
        assert "shop" in table.text


async def test_breaking_a_lock_takes_a_reason_only(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(LockDialog("shop", "production", 60.0, clock))
        await table.press("enter")
        assert answers == []
        await table.type("ben is offline")
        await table.press("enter")
        assert [answer.reason for answer in answers] == ["ben is offline"]


UNDER_WAY = Running(
    "r1", "Roll back", "revisions/checkout", "running", 0, 0, "", datetime(2026, 1, 1, tzinfo=UTC), True
)


async def test_only_y_leaves(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(QuitDialog(Mode(True), (UNDER_WAY,), clock))
        for key in ("q", "enter", " ", "Y", "Q", "!", "tab", "G"):
            await table.press(key)
            assert answers == [], key
        assert "Roll back on revisions/checkout is under way" in table.text
        assert "leaving disarms it" in table.text
        await table.press("y")
        assert answers == [True]


async def test_a_y_typed_before_the_question_was_seen_does_not_leave(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(QuitDialog(Mode(False), (), clock))
        await table.send("y")
        await table.pass_time(2.0)
        assert answers == []
        await table.press("escape")
        assert answers == [False]


async def test_a_lost_action_is_shown_in_full_and_only_y_acknowledges(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(UnresolvedDialog([LEFT], clock))
        for part in (
            "UNKNOWN: check 1 action",
            LEFT.title,
            LEFT.target,
            LEFT.at,
            LEFT.who,
            LEFT.operation[0],
            LEFT.run,
            LEFT.process,
        ):
            assert part in table.text, part
        await table.press("enter", " ", "q")
        assert answers == []
        await table.press("y")
        assert answers == [True]


class Left:
    """What the executor says of lost actions, without one."""

    def __init__(self, error: Misconfigured | None = None) -> None:
        self.error = error
        self.resolved: list[str] = []

    async def unresolved(self) -> tuple[Unresolved, ...]:
        if self.error:
            raise self.error
        return (LEFT,)

    async def resolve(self, run: str, note: str) -> None:
        self.resolved.append(run)


@pytest.mark.parametrize(("key", "resolved"), [("y", ["ab12"]), ("escape", [])])
async def test_a_lost_action_is_shown_at_the_start_until_it_was_checked(
    stage: Any, clock: ManualClock, key: str, resolved: list[str]
) -> None:
    left = Left()
    async with stage() as table:
        show_unresolved(table.app, left, clock)
        await table.until(lambda: isinstance(table.app.screen, UnresolvedDialog), "the dialog")
        await table.pilot.pause()
        await table.press(key)
        await table.until(lambda: not isinstance(table.app.screen, UnresolvedDialog), "its end")
        await table.until(lambda: left.resolved == resolved, "the note")


async def test_an_unreadable_audit_log_is_said_at_the_start(stage: Any, clock: ManualClock) -> None:
    async with stage() as table:
        show_unresolved(table.app, Left(Misconfigured("audit.jsonl is not readable", hint="chmod 600")), clock)
        await table.until(lambda: isinstance(table.app.screen, Notice), "the notice")
        await table.pilot.pause()
        assert "audit.jsonl is not readable" in table.text


async def test_nothing_lost_shows_nothing(stage: Any, executor: Executor, clock: ManualClock) -> None:
    async with stage() as table:
        show_unresolved(table.app, executor, clock)
        await table.app.workers.wait_for_complete()
        assert not isinstance(table.app.screen, UnresolvedDialog | Notice)

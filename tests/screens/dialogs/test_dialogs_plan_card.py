"""The plan card: what it shows, and that nothing but the right keys at the right time confirms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from cockpit.clock import ManualClock
from cockpit.model.action import Grant, Permission, Plan, Refusal, Tier
from screens.dialogs.plan_card import Agreed, Declined, Overtaken, PlanCard, Sheet
from screens.dialogs.plan_text import body

HARMLESS = ["enter", " ", "K", "Y", "k", "j", "n", "t", "1", "G", "R", "!", "r", "b", "tab", "pagedown"]


async def test_y_confirms_a_disruptive_plan(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    async with stage() as table:
        sheet = sheet_of(plan_of())
        answers = await table.open(PlanCard(sheet, clock))
        await table.press("y")
        assert len(answers) == 1
        assert isinstance(answers[0], Agreed)
        assert answers[0].sheet is sheet
        assert answers[0].confirmation.phrase == "y"


@pytest.mark.parametrize("tier", [Tier.T1, Tier.T3])
async def test_no_other_key_confirms(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock, tier: Tier) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(tier=tier)), clock))
        await table.press("tab")
        for key in HARMLESS[1:]:
            await table.press(key)
        assert answers == []


async def test_enter_on_the_focused_cancel_closes_without_acting(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        await table.press("enter")
        assert answers == [Declined.CANCELLED]


async def test_escape_declines(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock))
        await table.press("escape")
        assert answers == [Declined.CANCELLED]


async def test_keys_in_the_dead_time_do_not_count(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        await table.pass_time(0.29)
        await table.pilot.press("y")
        await table.pass_time(5.0)
        assert answers == []
        await table.press("y")
        assert len(answers) == 1


async def test_a_key_read_before_the_card_was_painted_does_not_count(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        card = PlanCard(sheet_of(plan_of()), clock)
        answers = await table.open(card)
        await table.pass_time(10.0)
        early = events.Key("y", "y")
        early.time -= 30.0
        table.app.post_message(early)
        await table.pass_time(5.0)
        assert answers == []


async def test_a_y_among_other_keys_does_not_count(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        await table.pass_time(1.0)
        await table.pilot.press("y", "e", "s")
        await table.pass_time(5.0)
        assert answers == []
        await table.pilot.press("e", "y")
        await table.pass_time(5.0)
        assert answers == []


async def test_a_held_y_does_not_confirm(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        for _ in range(40):
            await table.send("y")
            await table.move(0.03)
        await table.pass_time(5.0)
        assert answers == []


async def test_a_bracketed_paste_confirms_nothing(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        await table.pass_time(1.0)
        table.app.post_message(events.Paste("y"))
        await table.pass_time(5.0)
        assert answers == []
        assert "pasting is refused" in table.text


async def test_it_becomes_a_no_after_a_minute_without_a_key(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        assert "no in 60 s" in table.text
        await table.pass_time(30.0)
        assert "no in 30 s" in table.text
        await table.pass_time(29.0)
        assert answers == []
        await table.pass_time(2.0)
        assert answers == [Declined.TIMED_OUT]


async def test_reading_keeps_it_open_but_never_beyond_the_life_of_the_plan(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock))
        for _ in range(2):
            await table.pass_time(50.0)
            await table.pilot.press("down")
        assert answers == []
        await table.pass_time(19.0)
        assert answers == [Declined.TIMED_OUT]


async def _fill(table: Any, phrase: str, reason: str) -> None:
    await table.press("tab")
    await table.type(phrase)
    await table.press("tab")
    await table.type(reason)
    await table.press("tab")


async def test_a_destructive_plan_needs_the_exact_phrase_a_reason_and_y(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock))
        await _fill(table, "production/main", "pool is full")
        await table.press("enter", " ", "K")
        assert answers == []
        await table.press("y")
        assert len(answers) == 1, table.text
        assert isinstance(answers[0], Agreed)
        assert answers[0].confirmation.phrase == "production/main"
        assert answers[0].confirmation.reason == "pool is full"


async def test_a_phrase_typed_before_its_field_is_chosen_is_told_where_to_go(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock))
        await table.type("pro")
        assert "tab goes to the field for production/main" in table.text
        assert answers == []


INCOMPLETE = [
    ("", "full"),
    ("production/mai", "full"),
    ("Production/main", "full"),
    ("production/main ", "full"),
    ("production/main", ""),
    ("production/main", "   "),
]


async def test_anything_less_does_not_confirm_a_destructive_plan(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        for phrase, reason in INCOMPLETE:
            answers = await table.open(PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock))
            await _fill(table, phrase, reason)
            await table.press("y")
            assert answers == [], (phrase, reason)
            await table.press("escape")
            assert answers == [Declined.CANCELLED]


async def test_y_inside_a_field_is_a_letter(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    async with stage() as table:
        card = PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock)
        answers = await table.open(card)
        await _fill(table, "production/main", "they")
        await table.press("shift+tab", "y")
        assert answers == []
        assert card.query_one("#reason", Input).value == "theyy"


async def test_the_phrase_takes_no_paste_and_a_reason_does(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        card = PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock)
        await table.open(card)
        await table.pass_time(1.0)
        values = []
        for field in ("phrase", "reason"):
            entry = card.query_one(f"#{field}", Input)
            entry.focus()
            await table.pilot.pause()
            table.app.post_message(events.Paste("production/main"))
            await table.pass_time(0.5)
            values.append(entry.value)
        assert values == ["", "production/main"]
        card.query_one("#phrase", Input).focus()
        table.app.copy_to_clipboard("production/main")
        await table.pilot.press("ctrl+v")
        assert card.query_one("#phrase", Input).value == ""


async def test_letters_that_come_faster_than_fingers_are_thrown_away(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        card = PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock)
        await table.open(card)
        await table.press("tab")
        await table.pass_time(1.0)
        for char in "production/main":
            table.app.post_message(events.Key("slash" if char == "/" else char, char))
        await table.pass_time(1.0)
        assert card.query_one("#phrase", Input).value != "production/main"
        assert "pasted" in table.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (60, 20)])
@pytest.mark.parametrize("tier", [Tier.T2, Tier.T4])
async def test_target_environment_and_confirmation_are_visible_at_every_size(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock, size: tuple[int, int], tier: Tier
) -> None:
    long = tuple(f"pid {number}  checkout  UPDATE inventory SET a = {number}" for number in range(300))
    plan = plan_of(tier=tier, objects=long, count=300, population=310, warnings=("mind the gap " * 30,))
    async with stage(size) as table:
        await table.open(PlanCard(sheet_of(plan), clock))
        await table.pass_time(0.5)
        for key in ("home", "end"):
            await table.press(key)
            assert "PRODUCTION" in table.text
            assert "session 4411 of checkout" in table.text
            assert "Cancel" in table.text
            foot = table.text.partition("Cancel")[2]
            assert "Terminate session on" in foot
            assert "PRODUCTION" in foot
            assert "shop" in foot
            assert "no in " in table.text
            if tier >= Tier.T3:
                assert "type production/main" in table.text


async def test_a_smaller_terminal_keeps_the_confirmation_and_what_was_typed(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage((120, 40)) as table:
        card = PlanCard(sheet_of(plan_of(tier=Tier.T3, objects=("one object",) * 60, count=60)), clock)
        await table.open(card)
        await table.press("tab")
        await table.type("produc")
        await table.pilot.resize_terminal(60, 18)
        await table.until(lambda: "no in " in table.text and "Cancel" in table.text, "the foot at the new size")
        assert "PRODUCTION" in table.text
        assert "type production/main produc" in table.text


async def test_every_part_of_the_plan_can_be_read(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    plan: Plan = plan_of(dry_run="validateOnly: accepted", undo=plan_of().undo)
    async with stage((120, 50)) as table:
        await table.open(PlanCard(sheet_of(plan), clock))
        for part in (
            "T2 disruptive",
            plan.target,
            "idle in transaction → ended, its transaction rolled back",
            "1 of 46 (2 %)",
            plan.objects[0],
            plan.affected,
            plan.operation[0],
            plan.equivalent[0],
            "granted: pg_signal_backend",
            plan.undo.text,
            "the session holds 3 locks",
            "validateOnly: accepted",
            "pid 4411 · backend_start 2026-11-21T13:51:02+00:00",
            plan.digest[:12],
        ):
            assert part in table.text, part


def test_a_long_request_comes_after_the_one_line_that_says_the_same(plan_of: Any) -> None:
    for lines, first in ((3, "runs"), (40, "by hand")):
        plan: Plan = plan_of(operation=tuple(f"line {number}" for number in range(lines)))
        labels = [each.plain.split("  ")[0].strip() for each in body(plan, (), 100)]
        assert next(each for each in labels if each in ("runs", "by hand")) == first


async def test_with_refusals_there_is_nothing_to_confirm(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    denied = plan_of(permission=Permission(Grant.DENIED, "pg_signal_backend", "GRANT pg_signal_backend TO cockpit"))
    refusal = Refusal("permission", "missing: pg_signal_backend", "GRANT pg_signal_backend TO cockpit")
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(denied, (refusal,)), clock))
        await table.press("y")
        assert answers == []
        assert "it cannot run" in table.text
        assert "permission: missing: pg_signal_backend" in table.text
        assert "GRANT pg_signal_backend TO cockpit" in table.text
        assert "Terminate session on PRODUCTION" not in table.text
        await table.press("r")
        assert answers == [Declined.PLAN_AGAIN]


async def test_in_observe_it_offers_to_arm_and_nothing_else(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(), needs_arming=True), clock))
        await table.press("y")
        assert answers == []
        assert "OBSERVE" in table.text
        await table.press("!")
        assert answers == [Declined.ARM]


async def test_only_a_lock_can_be_broken(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    held = Refusal("lock", "the target is held by ben", "Talk to them")
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of(), (held, Refusal("freshness", "stale"))), clock))
        await table.press("b")
        assert answers == []
        await table.press("escape")
        answers = await table.open(PlanCard(sheet_of(plan_of(), (held,)), clock))
        await table.press("b")
        assert answers == [Declined.BREAK_LOCK]


async def test_c_copies_the_command_and_says_where_it_went(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        answers = await table.open(PlanCard(sheet_of(plan_of()), clock, table.app.copy_text))
        await table.press("c")
        assert table.app.copied == ['psql -c "SELECT pg_terminate_backend(4411)"']
        assert "copied" in table.text
        assert answers == []


async def test_a_plan_that_changes_while_the_card_is_open_ends_the_card(
    stage: Any, plan_of: Any, sheet_of: Callable[..., Sheet], clock: ManualClock
) -> None:
    first = sheet_of(plan_of())
    later = sheet_of(plan_of(count=2, objects=("pid 4411", "pid 4502")))
    sheets = [first, later]

    async def recheck() -> Sheet:
        return sheets.pop(0)

    async with stage() as table:
        answers = await table.open(PlanCard(first, clock, None, recheck))
        await table.pass_time(10.5)
        assert answers == []
        await table.pass_time(10.5)
        assert isinstance(answers[0], Overtaken)
        assert answers[0].sheet == replace(later, changed=("while you looked: it hit 1 objects and now hits 2",))


async def test_text_from_outside_is_never_markup(stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock) -> None:
    nasty = "[@click=app.quit]x[/] [/x] [bold]y [type=x, v={'a[0]'}]"
    plan = plan_of(target=nasty, affected=nasty, warnings=(nasty,), operation=(nasty,), objects=(nasty,), title=nasty)
    async with stage((120, 40)) as table:
        await table.open(PlanCard(sheet_of(plan, (Refusal("permission", nasty, nasty),)), clock))
        assert table.text.count(nasty) >= 6

"""Opening, leaving and resuming the guide; the list, its search; whether the runbook is accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cockpit.runbooks.guide.desk import Reading
from cockpit.runbooks.trust import Accepted, Changed
from screens.guide.trust import TrustDialog

Room = Callable[..., Any]


def line_with(text: str, words: str) -> str:
    return next((line for line in text.splitlines() if words in line), "")


async def test_what_fits_the_findings_comes_first_with_the_reason(room: Room) -> None:
    async with room() as guide:
        await guide.press("r")
        text = guide.text
        assert "its symptom “the pool is full” fits: pool 97/97" in text
        assert text.index("Checkout answers with errors") < text.index("Slow queries")
        assert text.count("Checkout answers with errors") == 1
        assert "6 steps" in line_with(text, "Checkout answers with errors")
        assert "Common issues ▸ Database" in text


async def test_without_a_match_all_playbooks_stand_in_the_order_of_the_file(room: Room) -> None:
    async with room() as guide:
        guide.desk.suggested = ()
        await guide.press("r")
        assert "all playbooks · 3" in guide.text
        assert guide.text.index("Slow queries") < guide.text.index("Checkout answers with errors")


async def test_leaving_and_coming_back_keeps_the_playbook_and_the_place(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space", "j", "j")
        place = guide.guide.playbook.key
        await guide.press("r")
        assert "Guide" not in guide.text
        assert guide.app.focused is guide.screen.current
        await guide.press("r")
        assert guide.guide.playbook.key == place == "tell"
        assert "1 of 6 done" in guide.text
        await guide.press("escape")
        assert "Slow queries" in guide.text
        assert "1 of 6 done" in guide.text
        await guide.press("escape")
        assert not guide.screen.guide_open


async def test_a_session_of_an_earlier_cockpit_is_gone_on_with(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space", "j", "s")
        session = guide.guide.playbook.session
        await session.close()
    async with room() as guide:
        await guide.press("r")
        assert "2 of 6 done" in guide.text
        await guide.press("enter")
        assert guide.guide.playbook.session.id == session.id
        assert "[x]" in line_with(guide.text, "Check whether checkout answers")
        assert guide.guide.playbook.key == "tell", "the first step to do"


async def test_s_begins_anew_and_the_one_before_can_still_be_gone_on_with(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space")
        first = guide.guide.playbook.session.id
        await guide.press("escape", "s")
        assert guide.guide.playbook.session.id != first
        assert "0 of 6 done" in guide.text
        assert first in [past.id for past in guide.desk.past()]


async def test_a_session_that_another_cockpit_has_open_is_told_and_s_begins_a_new_one(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space")
        first = guide.guide.playbook.session
        await first.close()
    async with room() as guide:
        elsewhere = guide.desk.store.resume(first.id)
        await guide.press("r", "enter")
        assert guide.guide.playbook.session is None
        told = [notice.message for notice in guide.app._notifications]
        assert told == ["this session is open in another cockpit: s begins a new one."]
        await guide.press("s")
        session = guide.guide.playbook.session
        assert session.id != first.id and not session.resumed
        elsewhere.close()


async def test_a_session_of_yesterday_is_told_as_old_and_not_gone_on_with(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space")
        session = guide.guide.playbook.session
        await session.close()
    async with room() as guide:
        await guide.engine.clock.advance(timedelta(hours=13).total_seconds())
        await guide.press("r")
        assert "old: 1 of 6 done" in guide.text
        await guide.press("enter")
        assert guide.guide.playbook.session.id != session.id


async def test_a_session_is_over_when_somebody_says_so(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space", "c")
        assert "Is this over?" in guide.text
        assert "5 to do, 1 done" in guide.text
        await guide.press("escape")
        assert "1 of 6 done" in guide.text
        await guide.press("c")
        await guide.pass_time(1)
        await guide.press("y")
        assert "guide closed" in guide.desk.recorded
        assert guide.desk.past() == ()
        assert "all others" in guide.text
        assert "of 6 done" not in guide.text


async def test_the_search_finds_playbooks_and_steps_while_typing(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "slash", *"revision")
        assert "Go back to the revision before" in guide.text
        assert "Slow queries" not in guide.text
        await guide.press("enter")
        assert "1 found" in guide.text
        await guide.press("enter")
        assert guide.guide.playbook.key == "back"
        await guide.press("escape", "escape")
        assert "Slow queries" in guide.text
        await guide.press("slash", *"zzz", "enter")
        assert "no playbook and no step has these words" in guide.text


async def test_n_goes_through_what_was_found(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "slash", "t", "h", "e", "enter")
        first = guide.guide.listing.key
        await guide.press("n")
        second = guide.guide.listing.key
        assert first != second
        await guide.press("N")
        assert guide.guide.listing.key == first


async def test_escape_while_typing_ends_the_search_only(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "slash", "x", "y")
        await guide.press("escape")
        assert guide.screen.guide_open
        assert "Slow queries" in guide.text
        assert guide.app.focused is guide.guide.listing


async def test_a_runbook_that_nobody_accepted_is_asked_about_and_no_is_the_default(room: Room) -> None:
    async with room(accepted=False) as guide:
        await guide.press("r")
        assert isinstance(guide.app.screen, TrustDialog)
        assert guide.desk.runbook.digest in guide.text
        assert "RUNBOOK.md" in guide.text
        assert "PRODUCTION" in guide.text
        await guide.press("enter", "escape")
        assert guide.desk.accepted == []
        assert "not accepted yet" in guide.text
        await guide.press("enter")
        assert "not accepted" in line_with(guide.text, "▲ not accepted")
        await guide.press("j", "enter")
        assert isinstance(guide.app.screen, TrustDialog), "a command asks again"
        assert guide.desk.looked == []
        await guide.press("escape", "k", "space")
        assert "[x]" in guide.text, "ticking by hand needs no trust"


async def test_only_a_deliberate_y_accepts_exactly_what_was_shown(room: Room) -> None:
    async with room(accepted=False) as guide:
        await guide.press("r", "y")
        assert guide.desk.accepted == [], "too soon after the key before"
        await guide.pass_time(1)
        await guide.press("y")
        assert guide.desk.accepted == [guide.desk.runbook.digest]
        assert "not accepted" not in guide.text
        await guide.press("r", "r")
        assert not isinstance(guide.app.screen, TrustDialog), "asked once"


async def test_a_changed_runbook_shows_the_difference_as_text(room: Room) -> None:
    async with room(accepted=False) as guide:
        diff = (
            "--- RUNBOOK.md",
            "+++ RUNBOOK.md",
            "@@ -1 +1 @@",
            "-old",
            "+[red]rm -rf /[/red] [@click=app.quit]x[/]",
        )
        guide.desk.trust = Changed("77" * 32, diff, True, guide.engine.clock.now(), "ben")
        await guide.press("r")
        assert "changed since ben accepted it at 2026-11-21 14:03 UTC" in guide.text
        assert "+[red]rm -rf /[/red] [@click=app.quit]x[/]" in guide.text
        assert "… the difference goes on" in guide.text


async def test_the_question_comes_once_the_runbook_has_been_read(room: Room) -> None:
    async with room(accepted=False) as guide:
        runbook, guide.desk.runbook = guide.desk.runbook, None
        guide.desk.reading = Reading.READING
        await guide.press("r")
        assert "reading the runbook …" in guide.text
        assert not isinstance(guide.app.screen, TrustDialog)
        guide.desk.runbook, guide.desk.reading = runbook, Reading.READY
        guide.desk.changed()
        await guide.pilot.pause()
        await guide.pilot.pause()
        assert isinstance(guide.app.screen, TrustDialog)


async def test_the_question_does_not_come_over_work_in_the_panes(room: Room) -> None:
    async with room(accepted=False) as guide:
        guide.desk.reading = Reading.READING
        await guide.press("r", "tab")
        pane = guide.app.focused
        guide.desk.reading = Reading.READY
        guide.desk.changed()
        await guide.settle()
        assert not isinstance(guide.app.screen, TrustDialog)
        assert guide.app.focused is pane
        await guide.press("r")
        assert isinstance(guide.app.screen, TrustDialog)


async def test_the_question_does_not_come_over_what_is_being_typed(room: Room) -> None:
    async with room(accepted=False) as guide:
        guide.desk.reading = Reading.READING
        await guide.press("r", "slash", "q")
        guide.desk.reading = Reading.READY
        guide.desk.changed()
        await guide.settle()
        assert not isinstance(guide.app.screen, TrustDialog)
        await guide.press("escape")
        guide.desk.changed()
        await guide.settle()
        assert isinstance(guide.app.screen, TrustDialog)


async def test_an_open_playbook_says_when_its_file_can_no_longer_be_read(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        guide.desk.reading, guide.desk.problem = Reading.FAILED, "RUNBOOK.md cannot be read: no such file"
        guide.desk.changed()
        await guide.settle()
        assert "RUNBOOK.md cannot be read: no such file" in guide.text
        assert "[ ] 1 Check" in guide.text, "what was read stays"


async def test_a_playbook_that_cannot_be_recorded_says_so_and_can_be_read(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        guide.guide.playbook.session.unkept = "the guide's session cannot be written: no space left on device"
        guide.desk.changed()
        await guide.settle()
        assert "not recorded: the guide's session cannot be written" in guide.text


async def test_a_step_that_changed_under_the_cursor_is_not_acted_on(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "j")
        session = guide.guide.playbook.session
        steps = tuple(step for step in session.playbook.steps if step.id != "locks")
        session.playbook = replace(session.playbook, steps=steps)
        guide.desk.changed()
        await guide.settle()
        await guide.press("space")
        assert "The step under the cursor is gone or has changed" in guide.text
        assert not [line for line in guide.desk.recorded if line.startswith("guide step")]


async def test_files_that_cannot_be_read_are_a_sentence(room: Room) -> None:
    async with room() as guide:
        guide.desk.runbook, guide.desk.reading = None, Reading.FAILED
        guide.desk.problem = "RUNBOOK.md cannot be read: no such file [/x]"
        await guide.press("r")
        assert "RUNBOOK.md cannot be read: no such file [/x]" in guide.text


async def test_a_changed_file_takes_the_offers_away(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        assert "not accepted" not in guide.text
        guide.desk.trust = Changed("77" * 32, (), False, guide.engine.clock.now(), "ana")
        guide.desk.changed()
        await guide.pilot.pause()
        assert "changed since it was accepted" in guide.text


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)], ids=str)
async def test_environment_and_mode_stay_in_sight_with_the_guide(room: Room, size: tuple[int, int]) -> None:
    async with room(size) as guide:
        await guide.press("r", "enter")
        first, *_ = guide.text.splitlines()
        assert "PRODUCTION" in first
        assert "OBSERVE" in guide.text
        guide.engine.executor.arm(581)
        await guide.pass_time(1)
        assert "ARMED 09:41" in guide.text.splitlines()[0]


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (1, 1), (2, 3), (300, 90), (100, 12)], ids=str)
async def test_odd_sizes_do_not_break_it(room: Room, size: tuple[int, int]) -> None:
    async with room(size) as guide:
        await guide.press("r", "enter", "j", "G", "z", "space", "g", "tab", "tab", "escape")
        assert len(guide.text.splitlines()) == size[1]


async def test_a_desk_that_accepted_before_does_not_ask(room: Room) -> None:
    async with room() as guide:
        guide.desk.trust = replace(guide.desk.trust, who="somebody else")
        await guide.press("r")
        assert not isinstance(guide.app.screen, TrustDialog)
        assert isinstance(guide.desk.trust, Accepted)

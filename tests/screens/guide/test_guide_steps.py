"""Working through a playbook: ticking, clocks, notes, looks, actions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.errors import TimedOut
from cockpit.model.action import Choice, Effect, Verdict
from cockpit.model.look import Sight
from cockpit.model.runbook import Link
from cockpit.model.severity import Severity
from cockpit.runbooks.guide.progress import StepState
from screens.dialogs.detail import DetailScreen
from screens.dialogs.params import ParamForm

Room = Callable[..., Any]


def line_with(text: str, words: str) -> str:
    return next((line for line in text.splitlines() if words in line), "")


def state(guide: Any, step: str) -> StepState:
    return guide.guide.playbook.session.progress(step).state


def go(guide: Any, step: str) -> None:
    assert guide.guide.playbook.go(step)


async def test_a_step_is_ticked_and_taken_back_skipped_and_taken_back(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space")
        assert "[x] 1 Check" in guide.text
        await guide.press("space")
        assert "[ ] 1 Check" in guide.text
        await guide.press("s")
        assert "[-] 1 Check" in guide.text
        await guide.press("s")
        assert "[ ] 1 Check" in guide.text
        told = [line for line in guide.desk.recorded if line.startswith("guide step")]
        assert told == [f"guide step look {word}" for word in ("done", "to do", "skipped", "to do")]


async def test_a_step_that_did_not_help_is_marked_failed_and_taken_back(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "-")
        assert "[!] 1 Check" in guide.text
        assert guide.guide.playbook.session.progress("look").result == "503 in 3 004 ms"
        await guide.press("-")
        assert "[ ] 1 Check" in guide.text
        told = [line for line in guide.desk.recorded if line.startswith("guide step")]
        assert told == ["guide step look failed", "guide step look to do"]


async def test_a_run_under_way_is_not_marked_failed_by_hand(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "restart")
        await guide.guide.playbook.session.start("restart", "run-1")
        await guide.press("-")
        assert state(guide, "restart") is StepState.RUNNING
        assert "It is under way" in guide.text


async def test_what_a_live_step_shows_is_its_result_when_it_is_ticked(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        assert "✖ 503 in 3 004 ms" in guide.text
        await guide.press("space")
        assert guide.guide.playbook.session.progress("look").result == "503 in 3 004 ms"
        assert guide.desk.looked == [], "nothing was sent for it"


async def test_live_results_follow_the_readings_without_asking(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        guide.desk.seen = Sight(Severity.OK, "200 in 41 ms", guide.engine.clock.now())
        await guide.pass_time(1)
        await guide.pilot.pause()
        assert "● 200 in 41 ms" in guide.text
        assert guide.desk.looked == []


async def test_a_silent_source_dims_what_it_said(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        await guide.pass_time(90)
        await guide.pilot.pause()
        assert "its source is silent: this is old" in guide.text


async def test_a_step_that_takes_its_time_is_begun_and_then_ticked(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "watch")
        await guide.press("space")
        assert "[>] 6 Watch" in guide.text
        await guide.pass_time(61)
        assert "28:59 left" in line_with(guide.text, "for 30 minutes  ")
        await guide.pass_time(1800)
        assert "held for 31:01" in guide.text
        await guide.press("space")
        assert "[x] 6 Watch" in guide.text


async def test_what_is_due_every_so_often_reminds_until_it_was_done(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "tell")
        await guide.press("space")
        assert "next in" in guide.text
        await guide.pass_time(680)
        assert guide.text.count("▲ every 10 minutes  due 1:20 ago") == 2, "at its step and on top"
        await guide.press("o")
        assert "due 1:20 ago" not in guide.text
        assert "next in 10:00, done 1×" in guide.text


async def test_the_escalation_turns_from_a_time_to_a_duty_and_to_a_fact(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        await guide.pass_time(28 * 60 + 12)
        assert "28:12 since opened · ▲ escalate to Ana at 30:00, in 1:48" in guide.text
        await guide.pass_time(2 * 60)
        assert "✖ escalate to Ana +49 30 1234: due 0:12 ago  o told" in guide.text
        await guide.press("o")
        assert "● Ana was told at 14:33" in guide.text
        assert "guide told" in guide.desk.recorded
        await guide.press("o")
        assert "Nothing is due." in guide.text


async def test_a_note_goes_to_the_record_and_stands_at_its_step(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "m", *"asked ben", "enter")
        assert "asked ben  (ana 14:03)" in guide.text
        assert "guide note look" in guide.desk.recorded
        await guide.press("m", "escape")
        assert guide.desk.recorded.count("guide note look") == 1


async def test_n_goes_to_the_next_step_that_is_to_do(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space", "j", "space", "g")
        await guide.press("n")
        assert guide.guide.playbook.key == "tell"
        await guide.press("N")
        assert "No earlier step is to do." in guide.text


async def test_enter_asks_a_look_once_and_shows_what_came(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        seen = Sight(Severity.WARN, "3 rows", guide.engine.clock.now(), tuple(f"row {n}" for n in range(9)))
        guide.desk.answers = [seen]
        assert guide.desk.looked == [], "coming by asks nothing"
        await guide.press("enter")
        assert guide.desk.looked == [("locks", {})]
        assert "▲ 3 rows" in guide.text
        assert "│ row 3" in guide.text
        assert "… 5 more lines: d shows them" in guide.text
        assert state(guide, "locks") is StepState.DONE
        await guide.press("d")
        assert isinstance(guide.app.screen, DetailScreen)
        assert "row 8" in guide.text


async def test_a_question_under_way_is_not_asked_again(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        gate, calls = asyncio.Event(), 0

        async def slow(*_: object) -> Sight:
            nonlocal calls
            calls += 1
            await gate.wait()
            return Sight(Severity.OK, "0 rows", guide.engine.clock.now())

        guide.desk.look = slow
        await guide.pilot.press("enter", "enter", "enter")
        await guide.pilot.pause()
        assert "asking …" in guide.text
        gate.set()
        await guide.press("j", "k")
        assert calls == 1
        assert "● 0 rows" in guide.text


async def test_an_error_is_a_sentence_at_its_step_and_the_last_answer_stays(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        good = Sight(Severity.OK, "0 rows", guide.engine.clock.now())
        guide.desk.answers = [good, TimedOut("main gave no answer within 15 s", hint="ask again [/x]")]
        await guide.press("enter", "enter")
        assert "✖ main gave no answer within 15 s. Ask again [/x]" in guide.text
        assert "● 0 rows" in guide.text


async def test_an_answer_is_kept_fresh_only_under_the_cursor_and_only_for_somebody(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        book = guide.engine.looks
        book.answer = Sight(Severity.WARN, "4 rows", guide.engine.clock.now())
        await guide.pass_time(20)
        assert book.asked == [], "never asked for by a key"
        guide.desk.answers = [Sight(Severity.OK, "0 rows", guide.engine.clock.now())]
        await guide.press("enter")
        await guide.pass_time(14)
        assert book.asked == []
        await guide.pass_time(2)
        await guide.press("n")
        assert [request.source for request in book.asked] == ["database/main"]
        assert "▲ 4 rows" in guide.text
        assert len(guide.desk.looked) == 1, "recorded once, when it was asked for"
        await guide.pass_time(60)
        assert len(book.asked) == 1, "the cursor is elsewhere"
        go(guide, "locks")
        await guide.pass_time(700)
        assert len(book.asked) == 1, "nobody has pressed a key for ten minutes"


async def test_a_native_step_asks_for_what_is_open_and_goes_to_the_plan(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "back")
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        await guide.pilot.pause()
        assert isinstance(guide.app.screen, ParamForm)
        assert "PREV_REVISION" in guide.text
        assert "checkout-00141  served until 13:50  recommended" in guide.text
        assert guide.flow.requests == []
        await guide.press("enter")
        await guide.pilot.pause()
        ((request, why),) = guide.flow.requests
        assert (request.action, request.source) == ("revisions.rollback", "revisions/checkout")
        assert dict(request.params) == {"revision": "checkout-00141"}
        assert "Checkout answers with errors, RUNBOOK.md:23" in why
        assert guide.desk.withdrawn == []
        guide.flow.ended[0]()
        assert guide.desk.withdrawn == ["back"]


async def test_a_form_that_is_left_sends_and_plans_nothing(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "back")
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        await guide.press("escape")
        assert guide.flow.requests == []
        assert guide.desk.requested == []


async def test_a_value_that_does_not_fit_is_asked_for_again(room: Room) -> None:
    async with room() as guide:
        guide.desk.wrong = {"revision": ""}
        guide.desk.offered_choices = (Choice("a", "a"), Choice("b", "b"))
        await guide.press("r", "enter")
        go(guide, "back")
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        await guide.pilot.pause()
        assert isinstance(guide.app.screen, ParamForm)
        assert "✖ there is no such revision" in guide.text
        await guide.press("enter")
        await guide.pilot.pause()
        assert len(guide.flow.requests) == 1


async def test_the_letter_of_the_action_opens_its_plan_too_and_only_at_its_step(room: Room) -> None:
    async with room() as guide:
        guide.desk.offers["back"] = replace(guide.desk.offers["back"], asks=())
        await guide.press("r", "enter", "R")
        assert guide.flow.requests == []
        go(guide, "back")
        await guide.press("R")
        assert len(guide.flow.requests) == 1


async def test_a_script_goes_to_the_plan_as_any_action(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "restart")
        assert "[script T3] changes · app-1" in guide.text
        await guide.press("enter")
        assert guide.flow.requests[0][0].action == "runbook.script"


async def test_one_action_at_a_time(room: Room) -> None:
    async with room() as guide:
        guide.flow.busy = True
        await guide.press("r", "enter")
        go(guide, "restart")
        await guide.press("enter")
        assert guide.flow.requests == []
        assert guide.desk.requested == []


async def test_a_run_shows_what_it_writes_and_the_verdict_when_it_comes(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        session = guide.guide.playbook.session
        await session.start("restart", "run-1")
        guide.desk.written["run-1"] = ("stopping", "starting [/x]")
        await guide.pass_time(1)
        assert "│ starting [/x]" in guide.text
        go(guide, "restart")
        await guide.press("space")
        assert state(guide, "restart") is StepState.RUNNING, "what comes of it decides"
        await session.finish("restart", StepState.DONE, "it is up again", run="run-1")
        guide.engine.executor.effect = ("run-1", Effect(None, (), 87.0))
        await guide.pass_time(1)
        assert "● it is up again" in guide.text
        assert "watching the effect, 87 s" in guide.text
        guide.engine.executor.effect = None
        guide.engine.executor.records = (SimpleNamespace(run="run-1", verdict=Verdict.RECOVERED),)
        await guide.pass_time(1)
        assert "● recovered" in guide.text


async def test_a_failed_step_says_so(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        await guide.guide.playbook.session.finish("back", StepState.FAILED, "refused: the target has changed")
        await guide.pilot.pause()
        assert "[!] 4 Go back" in guide.text
        assert "✖ refused: the target has changed" in guide.text
        assert ", 1 failed" in guide.text


async def test_copy_takes_the_command_or_the_links(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    async with room() as guide:

        async def copy(text: str) -> str:
            copied.append(text)
            return "copied"

        monkeypatch.setattr(guide.screen, "_copied", copy)
        await guide.press("r", "enter", "y")
        go(guide, "watch")
        await guide.press("y")
    assert copied == ["curl -fsS https://shop.example/health | jq .status", "https://grafana.example/d/checkout"]


async def test_detail_has_the_whole_command_and_every_warning(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "restart")
        await guide.press("d")
        text = " ".join(guide.text.split())
        for words in ("# [red]not markup[/red] [/x]", "restart-over-ssh", "RUNBOOK.md:30", "T3 destructive or broad"):
            assert words in text


async def test_a_link_of_the_whole_playbook_can_be_copied_from_a_detail(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        session = guide.guide.playbook.session
        session.playbook = replace(session.playbook, links=(Link("board", "https://board.example/x", 70),))
        await guide.press("d")
        assert "https://board.example/x" in guide.text


async def test_prose_opens_its_detail_with_enter(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        go(guide, "watch")
        await guide.press("enter")
        assert isinstance(guide.app.screen, DetailScreen)
        assert "https://grafana.example/d/checkout" in guide.text

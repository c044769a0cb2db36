"""What goes wrong around a playbook: quotas, questions and choices that hang or fail, sizes and clocks that jump."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cockpit.errors import RateLimited, Unreachable
from cockpit.model.action import ActionSpec, Choice, Scope, Tier
from cockpit.model.look import Sight
from cockpit.model.runbook import Part, Playbook, Step
from cockpit.model.severity import Severity, SourceKind
from cockpit.runbooks.guide.progress import StepState
from screens.dialogs import params
from screens.dialogs.params import ParamForm

Room = Callable[..., Any]


def go(guide: Any, step: str) -> None:
    assert guide.guide.playbook.go(step)


def state(guide: Any, step: str) -> StepState:
    found = guide.guide.playbook.session.progress(step).state
    assert isinstance(found, StepState)
    return found


# -- items with steps below them


def nested(guide: Any) -> None:
    """The playbook's questions stand below one item."""
    runbook = guide.desk.runbook
    book: Playbook = next(each for each in runbook.playbooks if each.id == "high-error-rate")
    item = Step("item", 9, "Is it us?", Part.DIAGNOSIS, "1")
    look, locks, *rest = book.steps
    below = [replace(step, depth=1, number="") for step in (look, locks)]
    made = replace(book, steps=(item, *below, *rest))
    books = tuple(made if each.id == made.id else each for each in runbook.playbooks)
    guide.desk.runbook = replace(runbook, playbooks=books)
    guide.desk.suggested = tuple(replace(each, playbook=made) for each in guide.desk.suggested)


async def test_an_item_is_ticked_by_itself_and_counted_once(room: Room) -> None:
    async with room() as guide:
        nested(guide)
        await guide.press("r")
        assert "6 steps" in guide.text
        await guide.press("enter", "space")
        assert "1 of 6 done" in guide.text and "[ ] 1 Is it us?" in guide.text
        await guide.press("n", "space")
        assert "2 of 6 done" in guide.text and "[x] 1 Is it us?" in guide.text
        told = [line for line in guide.desk.recorded if line.startswith("guide step")]
        assert told == ["guide step look done", "guide step locks done"], "nobody ticked the item"


async def test_enter_on_an_item_goes_to_what_is_to_do_below_it(room: Room) -> None:
    async with room() as guide:
        nested(guide)
        await guide.press("r", "enter")
        go(guide, "item")
        await guide.press("k")
        assert "enter Go on" in guide.text
        await guide.press("enter")
        assert guide.guide.playbook.key == "look"
        await guide.press("space")
        go(guide, "item")
        await guide.press("enter")
        assert guide.guide.playbook.key == "locks"


async def test_an_item_that_is_skipped_leaves_nothing_to_do_below_it(room: Room) -> None:
    async with room() as guide:
        nested(guide)
        await guide.press("r", "enter")
        go(guide, "item")
        await guide.press("s")
        assert "2 of 6 done" in guide.text and state(guide, "locks") is StepState.SKIPPED
        await guide.press("n")
        assert guide.guide.playbook.key == "tell"
        go(guide, "locks")
        await guide.press("d")
        assert "not done here: the item" in guide.text


# -- quotas


async def test_a_quota_says_when_and_the_question_is_asked_again_by_itself(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        good = Sight(Severity.OK, "0 rows", guide.engine.clock.now())
        guide.desk.answers = [RateLimited("60 reads a minute are used up", retry_after_s=40.0), good]
        await guide.press("enter")
        assert "▲ not answered: quota, again in 40 s" in guide.text and state(guide, "locks") is StepState.TODO
        await guide.pass_time(30)
        assert "again in 10 s" in guide.text and len(guide.desk.looked) == 1
        await guide.pass_time(10)
        await guide.settle()
        assert len(guide.desk.looked) == 2 and state(guide, "locks") is StepState.DONE
        assert "● 0 rows" in guide.text and "quota" not in guide.text


async def test_where_the_cursor_has_gone_on_nothing_is_asked_by_itself(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        go(guide, "locks")
        guide.desk.answers = [RateLimited("too many requests")]
        await guide.press("enter", "k")
        await guide.pass_time(60)
        assert len(guide.desk.looked) == 1
        assert "not answered: quota; enter asks again" in guide.text


# -- a question that hangs


async def test_while_a_question_hangs_the_screen_lives_and_every_key_is_answered(room: Room) -> None:
    async with room((200, 50)) as guide:
        answer: asyncio.Future[Sight] = asyncio.get_running_loop().create_future()

        async def hangs(session: Any, step: str, values: Mapping[str, str]) -> Sight:
            return await answer

        guide.desk.look = hangs
        await guide.press("r", "enter")
        go(guide, "locks")
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        await guide.engine.clock.advance(14)
        guide.screen.publisher.tick(force=True)
        await guide.pilot.pause()
        assert "asking … 14 s" in guide.text
        for key, holds in (
            ("k", lambda: guide.guide.playbook.key == "look"),
            ("n", lambda: guide.guide.playbook.key == "locks"),
            ("question_mark", lambda: guide.app.screen.is_modal),
            ("escape", lambda: not guide.app.screen.is_modal),
            ("tab", lambda: not guide.guide.playbook.has_focus),
            ("tab", lambda: guide.guide.playbook.has_focus),
        ):
            await guide.pilot.press(key)
            await guide.pilot.pause()
            assert holds(), key
        answer.set_exception(Unreachable("the database gave no answer within 15 s"))
        await guide.settle()
        assert "gave no answer within 15 s" in guide.text and "asking" not in guide.text


# -- forms


Choosing = Callable[[Any, Any, Mapping[str, str]], Any]


async def form_of(guide: Any, choosing: Choosing) -> None:
    guide.desk.choices = choosing
    await guide.press("r", "enter")
    go(guide, "back")
    await guide.pilot.press("enter")
    for _ in range(3):
        await guide.pilot.pause()
    assert isinstance(guide.app.screen, ParamForm)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unreachable("Cloud Run API answers HTTP 500"), "answers HTTP 500"),
        (KeyError("revisions"), "the cockpit itself failed here (KeyError)"),
    ],
)
async def test_where_choices_fail_the_value_is_typed(room: Room, error: Exception, said: str) -> None:
    async def fails(offered: Any, ask: Any, values: Mapping[str, str]) -> Sequence[Choice]:
        raise error

    async with room() as guide:
        await form_of(guide, fails)
        assert said in guide.text and "ype the value" in guide.text
        await guide.pilot.press(*"rev-7", "enter")
        await guide.settle()
        assert guide.desk.requested == [("back", {"revision": "rev-7"})]


async def test_choices_that_come_late_keep_nobody_from_leaving(room: Room) -> None:
    come = asyncio.Event()

    async def late(offered: Any, ask: Any, values: Mapping[str, str]) -> Sequence[Choice]:
        await come.wait()
        return (Choice("rev-6", "served before"),)

    async with room() as guide:
        await form_of(guide, late)
        await guide.pilot.press("enter")
        await guide.pilot.pause()
        assert "still reading the choices" in guide.text and guide.desk.requested == []
        await guide.pilot.press("escape")
        await guide.settle()
        assert not guide.app.screen.is_modal
        come.set()
        await guide.settle()
        await form_of_again(guide)
        assert "rev-6" in guide.text
        await guide.pilot.press("enter")
        await guide.settle()
        assert guide.desk.requested == [("back", {"revision": "rev-6"})]


async def form_of_again(guide: Any) -> None:
    await guide.pilot.press("enter")
    for _ in range(4):
        await guide.pilot.pause()


async def test_choices_that_never_come_are_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "CHOICES_DEADLINE_S", 0.0)

    async def never(offered: Any, ask: Any, values: Mapping[str, str]) -> Sequence[Choice]:
        await asyncio.Event().wait()
        return ()

    async with room() as guide:
        await form_of(guide, never)
        assert "the choices did not come" in guide.text


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 50)])
async def test_a_form_keeps_what_was_typed_when_the_terminal_changes(room: Room, size: tuple[int, int]) -> None:
    async def none(offered: Any, ask: Any, values: Mapping[str, str]) -> Sequence[Choice]:
        return ()

    async with room() as guide:
        await form_of(guide, none)
        await guide.pilot.press(*"rev")
        await guide.pilot.resize_terminal(*size)
        for _ in range(4):
            await guide.pilot.pause()
        await guide.pilot.press(*"-8")
        assert "rev-8" in guide.text and "enter next" in guide.text
        await guide.pilot.press("enter")
        await guide.settle()
        assert guide.desk.requested == [("back", {"revision": "rev-8"})]
        assert guide.guide.playbook.key == "back"


# -- letters, clocks


async def test_the_letter_of_an_action_elsewhere_says_where_it_works(room: Room) -> None:
    async with room() as guide:
        spec = ActionSpec(
            "database.end", "End session", SourceKind.DATABASE, "Z", Tier.T2, "Ends it.", scope=Scope.ROW
        )
        guide.engine.catalogue = type("Catalogue", (), {"specs": (spec,), "spec": lambda self, id_: None})()
        await guide.press("r", "enter")
        assert await guide.until(lambda: guide.app.focused is guide.guide.playbook)
        await guide.press("Z")
        assert await guide.shown("Z is “End session” in pane 3")
        assert guide.flow.requests == []


async def test_a_clock_that_is_set_back_shows_no_negative_times_and_breaks_nothing(room: Room) -> None:
    async with room((200, 50)) as guide:
        await guide.press("r", "enter")
        session = guide.guide.playbook.session
        clock = guide.engine.clock
        before = clock.now()
        clock.now = lambda: before - timedelta(hours=2)
        guide.guide.playbook.draw()
        assert "0:00 since opened" in guide.text and "-" not in guide.text.partition("since opened")[2][:12]
        clock.now = lambda: before + timedelta(days=2)
        guide.guide.playbook.draw()
        assert "48:00:00 since opened" in guide.text
        assert "escalate to" in guide.text
        assert [each.is_due for each in session.escalations] == [True]
        await guide.press("o")
        assert [each.is_due for each in session.escalations] == [False]

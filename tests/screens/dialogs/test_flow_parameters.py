"""What is asked before a plan: only what the row does not say, and only what the action takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual import events

from cockpit.actions.executor import Executor
from cockpit.errors import TimedOut
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Refusal,
    RunResult,
    Tier,
    Undo,
)
from cockpit.model.severity import SourceKind
from screens.dialogs.params import ParamForm
from screens.dialogs.plan_card import PlanCard


def showing(table: Any, kind: type) -> Callable[[], bool]:
    return lambda: isinstance(table.app.screen, kind)


SCALE = ActionSpec(
    "database.terminate",
    "Terminate idle",
    SourceKind.DATABASE,
    "I",
    Tier.T3,
    "Ends idle sessions.",
    (
        Param("older_than", ParamKind.DURATION, "idle for longer than", default="10m"),
        Param("database", ParamKind.CHOICE, "of which database"),
    ),
)


class TestParameters:
    @pytest.fixture
    def handler(self, handler: Any) -> Any:
        handler.spec = SCALE
        handler.offered = (Choice("shop", "40 sessions"), Choice("audit", "2 sessions", recommended=True))
        return handler

    async def test_what_the_row_does_not_say_is_asked_for_and_checked(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        async with stage() as table:
            flow = flow_on(table)
            flow.start("database.terminate", "database/main")
            await table.until(lambda: isinstance(table.app.screen, ParamForm), "the form")
            await table.until(lambda: "audit" in table.text, "the choices")
            await table.until(lambda: table.app.screen.focused is not None, "the focus")
            assert "recommended" in table.text
            await table.type("x")
            await table.press("enter")
            assert "older_than must be a duration" in table.text
            assert handler.requests == []
            await table.press("backspace", "enter", "enter")
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            assert dict(handler.requests[0].params) == {"older_than": "10m", "database": "audit"}
            assert handler.runs == []

    @pytest.mark.parametrize("onward", ["tab", "enter"])
    @pytest.mark.parametrize("listed", [False, True])
    async def test_keys_typed_ahead_go_where_the_keys_before_them_lead(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any, onward: str, listed: bool
    ) -> None:
        if not listed:
            handler.offered = TimedOut("the database did not answer")
        async with stage() as table:
            flow_on(table).start("database.terminate", "database/main")
            await table.until(lambda: "recommended" in table.text or "did not answer" in table.text, "the choices")
            await table.until(lambda: table.app.screen.focused is not None, "the focus")
            second = ("up", "down", "up") if listed else ("s", "x", "backspace", "z", "left", "y")
            for key in (
                "left",
                "0",
                "1",
                "backspace",
                onward,
                *second,
                "enter",
                "y",
                "enter",
            ):  # faster than read
                table.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            assert handler.requests[0].get("older_than") == "100m", "what came before is in the field before"
            assert handler.requests[0].get("database") == ("shop" if listed else "syz"), "what came after in the next"
            assert handler.runs == [], "nor is a letter after the last enter an answer"

    async def test_choices_that_fail_to_come_leave_a_field_to_type_in(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        handler.offered = TimedOut("the database did not answer")
        async with stage() as table:
            flow = flow_on(table)
            flow.start("database.terminate", "database/main")
            await table.until(lambda: "the database did not answer" in table.text, "the reason")
            await table.press("enter")
            await table.type("shop")
            await table.press("enter")
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            assert handler.requests[0].get("database") == "shop"

    async def test_what_is_offered_may_depend_on_what_the_row_has_filled_in(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        async def among(param: str, given: Any) -> list[Choice]:
            return [Choice("audit-3", f"{param} for {given['older_than']}")]

        handler.choices_among = among
        async with stage() as table:
            flow_on(table).start("database.terminate", "database/main", {"older_than": "3h"})
            await table.until(lambda: "database for 3h" in table.text, "the choices")

    async def test_a_form_names_what_the_row_has_filled_in_already(
        self, stage: Any, flow_on: Any, executor: Executor
    ) -> None:
        async with stage() as table:
            flow_on(table).start("database.terminate", "database/main", {"older_than": "3h"})
            await table.until(lambda: isinstance(table.app.screen, ParamForm), "the form")
            await table.until(lambda: "database/main  older_than 3h" in table.text, "what it is about")

    async def test_a_label_that_begins_with_its_value_does_not_say_it_twice(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        handler.offered = (Choice("on", "on: alerts are raised"), Choice("off", "off"))
        async with stage() as table:
            flow_on(table).start("database.terminate", "database/main", {"older_than": "3h"})
            await table.until(lambda: "alerts are raised" in table.text, "the choices")
            assert "on  alerts are raised" in table.text and "on: " not in table.text
            assert "off  off" not in table.text
            assert "enter plan" in table.text and "next field" not in table.text  # there is no other field

    async def test_that_choices_were_missing_is_not_said_once_they_are_there(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        asked, come = asyncio.Event(), asyncio.Event()

        async def late(param: str) -> list[Choice]:
            asked.set()
            await come.wait()
            return [Choice("shop", "40 sessions")]

        handler.choices = late
        async with stage() as table:
            flow_on(table).start("database.terminate", "database/main", {"older_than": "3h"})
            await asked.wait()
            await table.until(lambda: isinstance(table.app.screen, ParamForm), "the form")
            await table.press("enter")
            assert "still reading the choices" in table.text
            come.set()
            await table.until(lambda: "40 sessions" in table.text, "the choices")
            assert "still reading" not in table.text

    async def test_the_way_back_asks_for_nothing_that_it_can_do_without(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        further = Param("expire", ParamKind.DURATION, "until when", required=False)
        handler.spec = replace(SCALE, tier=Tier.T2, params=(*SCALE.params, further))
        back = ActionRequest("database.terminate", "database/main", {"older_than": "1h", "database": "shop"})
        handler.result = RunResult(Outcome.SUCCEEDED, "done", undo=Undo("ends them", back))
        await executor.arm("testing")
        async with stage() as table:
            flow = flow_on(table)
            flow.request(ActionRequest("database.terminate", "database/main", {**back.params, "expire": "1h"}))
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            await table.pilot.pause()
            await table.pass_time(1.0)
            await table.press("y")
            await table.until(lambda: not flow.busy, "the end")
            flow.undo()
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan of the way back")
            assert dict(handler.requests[-1].params) == dict(back.params)


ADD = ActionSpec(
    "database.terminate",
    "Add version",
    SourceKind.DATABASE,
    "A",
    Tier.T3,
    "Adds a version.",
    (Param("from", ParamKind.REFERENCE, "where the value is"),),
)
VALUE = "correct horse "


class TestHiddenValues:
    @pytest.fixture
    def handler(self, handler: Any) -> Any:
        handler.spec = ADD
        handler.kept = []

        def keep(value: str) -> str:
            handler.kept.append(value)
            return f"typed:{len(handler.kept)}"

        handler.keep = keep
        return handler

    async def opened(self, table: Any, flow_on: Any) -> None:
        flow_on(table).start("database.terminate", "database/main")
        await table.until(lambda: isinstance(table.app.screen, ParamForm), "the form")
        await table.until(lambda: table.app.screen.focused is not None, "the focus")

    async def test_what_is_typed_is_hidden_and_only_its_reference_goes_on(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        async with stage() as table:
            await self.opened(table, flow_on)
            await table.press("tab")
            await table.type(VALUE)
            assert "correct" not in table.text and "•••" in table.text
            copied: list[str] = []
            table.app.copy_to_clipboard = copied.append
            await table.press("shift+home", "ctrl+c", "ctrl+x", "end")
            assert copied == []
            await table.press("enter")
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            assert dict(handler.requests[0].params) == {"from": "typed:1"}
            assert handler.kept == [VALUE] and "correct" not in table.text

    async def test_a_reference_is_typed_as_ever_and_both_are_too_many(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        async with stage() as table:
            await self.opened(table, flow_on)
            await table.type("env:NEW_KEY")
            await table.press("tab")
            await table.type("x")
            await table.press("enter")
            assert "not both" in table.text and handler.requests == []
            await table.press("backspace", "enter")
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            assert dict(handler.requests[0].params) == {"from": "env:NEW_KEY"} and handler.kept == []

    async def test_a_value_in_the_field_of_references_is_not_repeated(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        async with stage() as table:
            await self.opened(table, flow_on)
            await table.type("hunter2")
            await table.press("enter")
            assert "from must be file:PATH or env:NAME" in table.text and handler.requests == []

    async def test_an_action_that_cannot_hold_a_value_asks_for_a_reference_only(
        self, stage: Any, flow_on: Any, executor: Executor, handler: Any
    ) -> None:
        del handler.keep
        async with stage() as table:
            await self.opened(table, flow_on)
            assert "type the value itself" not in table.text


async def test_whoever_has_looked_plans_again_without_what_the_row_said_then(
    stage: Any, flow_on: Any, executor: Executor, handler: Any, plan_of: Any
) -> None:
    old = Refusal("identity", "edge was changed since the row was drawn", "look, then plan again", ("etag",))
    gone = Refusal("identity", "edge was deleted and created again", "look at it before acting")

    def plan_now(request: ActionRequest) -> Any:
        refusals = [old] if request.get("etag") else [gone] if request.get("uid") == "other" else []
        return plan_of(request=request, refusals=tuple(refusals))

    seen = [Param(name, ParamKind.TEXT, "as it was read", False, identity=True) for name in ("uid", "etag")]
    handler.spec = replace(handler.spec, params=(*handler.spec.params, *seen))
    handler.plan_now = plan_now
    await executor.arm("testing")
    async with stage() as table:
        flow = flow_on(table)
        for uid, runs in (("other", 0), ("4711", 1)):
            flow.start("database.terminate", "database/main", {"pid": "4411", "uid": uid, "etag": "v1"})
            await table.until(lambda: "changed since the row was drawn" in table.text, "the refusal")
            await table.pilot.pause()
            await table.pass_time(1.0)
            await table.press("r")
            await table.until(lambda: handler.requests[-1].get("etag") == "", "the plan without it")
            assert handler.requests[-1].get("uid") == uid
            await table.until(showing(table, PlanCard), "the new card")
            await table.pilot.pause()
            await table.pass_time(1.0)
            assert ("created again" in table.text) is (uid == "other")
            await table.press("y" if runs else "escape")
            await table.until(lambda: not flow.busy, "the end")
            assert len(handler.runs) == runs

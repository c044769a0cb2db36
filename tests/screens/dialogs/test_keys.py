"""Keys of the whole cockpit with a real executor behind them: what may open a plan, and that nothing else acts."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cockpit.actions.executor import Executor
from cockpit.clock import ManualClock
from cockpit.model.action import Outcome, Param, ParamKind, Tier
from screens.app import CockpitApp
from screens.cockpit_screen import CockpitScreen
from screens.dialogs.arm import ArmDialog
from screens.dialogs.detail import DetailScreen
from screens.dialogs.events import TimelineScreen
from screens.dialogs.findings import FindingsScreen
from screens.dialogs.help import HelpScreen
from screens.dialogs.leave import QuitDialog
from screens.dialogs.menu import ActionMenu
from screens.dialogs.notice import Notice
from screens.dialogs.plan_card import PlanCard

READING = [*string.ascii_lowercase, *string.digits, "enter", "space", "escape", "tab", "slash", "left_square_bracket"]
NAVIGATION = ["G", "N", "E", "A", "up", "down", "pagedown", "home", "ctrl+r", "ctrl+l", "ctrl+a", "ctrl+k", "ctrl+d"]


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TMUX", raising=False)


@pytest.fixture
def handler(handler: Any) -> Any:
    identity = [Param(name, kind, name, identity=True) for name, kind in IDENTITY]
    handler.spec = replace(handler.spec, params=tuple(identity))
    return handler


IDENTITY = (("pid", ParamKind.INTEGER), ("backend_start", ParamKind.TEXT))


@pytest.fixture
def cockpit(
    samples: ModuleType, executor: Executor, clock: ManualClock, table_of: Callable[..., Any]
) -> Callable[[], Any]:
    @asynccontextmanager
    async def run(size: tuple[int, int] = (120, 40)) -> AsyncIterator[Any]:
        app = CockpitApp()
        async with app.run_test(size=size) as pilot:
            engine = samples.incident()
            engine.executor = executor
            engine.catalogue = executor.catalogue
            app.attach(engine)
            app.flow._at = replace(app.flow._at, clock=clock)
            await pilot.pause()
            yield table_of(app, pilot, clock)

    return run


async def test_an_upper_case_letter_opens_the_plan_of_its_row_and_y_runs_it(
    cockpit: Any, executor: Executor, handler: Any
) -> None:
    await executor.arm("testing")
    async with cockpit() as table:
        await table.press("3", "K")
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan card")
        await table.pilot.pause()
        wanted = table.app.cockpit_screen.database.selection()
        assert dict(handler.requests[0].params) == wanted
        assert wanted["pid"]
        await table.press("K", "enter")
        assert handler.runs == []
        await table.press("K")
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan card again")
        await table.pilot.pause()
        await table.press("y")
        await table.until(lambda: bool(executor.records), "the record")
        assert executor.records[-1].outcome is Outcome.SUCCEEDED
        assert len(handler.runs) == 1


@pytest.mark.parametrize("pane", ["1", "2", "3", "4", "5"])
async def test_no_lower_case_control_or_navigation_key_plans_or_acts(
    cockpit: Any, executor: Executor, handler: Any, pane: str
) -> None:
    await executor.arm("testing")
    async with cockpit() as table:
        for key in [*READING, *NAVIGATION]:
            await table.send(pane)
            await table.send(key)
            await table.move(0.5)
            for _ in range(4):
                if isinstance(table.app.screen, CockpitScreen):
                    break
                await table.send("escape")
                await table.pilot.pause()
            assert isinstance(table.app.screen, CockpitScreen), f"{key} left {table.app.screen}"
        assert handler.runs == []
        assert handler.requests == []


@pytest.mark.parametrize(
    ("key", "screen"),
    [
        ("question_mark", HelpScreen),
        ("q", QuitDialog),
        ("a", ActionMenu),
        ("A", ActionMenu),
        ("exclamation_mark", ArmDialog),
        ("u", Notice),
        ("f", FindingsScreen),
        ("t", TimelineScreen),
        ("enter", DetailScreen),
    ],
)
@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_a_key_opens_its_dialog_and_escape_closes_it(
    cockpit: Any, key: str, screen: type, size: tuple[int, int]
) -> None:
    async with cockpit(size) as table:
        await table.press("3", key)
        await table.until(lambda: isinstance(table.app.screen, screen), f"what {key} opens")
        await table.pilot.pause()
        assert "esc" in table.text
        assert any(corner in table.text for corner in "╰┗"), "the frame is cut"
        await table.press("escape")
        assert isinstance(table.app.screen, CockpitScreen)


async def test_a_letter_typed_twice_in_a_hurry_does_nothing_to_the_plan(
    cockpit: Any, executor: Executor, handler: Any
) -> None:
    await executor.arm("testing")
    async with cockpit() as table:
        await table.press("3")
        for key in ("K", "y", "y"):
            await table.send(key)
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan card")
        await table.pass_time(5.0)
        assert isinstance(table.app.screen, PlanCard)
        assert handler.runs == []


async def test_the_effect_of_an_action_stands_over_the_status_until_escape(
    cockpit: Any, executor: Executor, handler: Any
) -> None:
    await executor.arm("testing")
    async with cockpit() as table:
        await table.press("3", "K")
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan card")
        await table.pilot.pause()
        await table.press("y")
        await table.until(lambda: "Terminate session done" in table.text, "the effect card")
        assert table.text.index("Terminate session done") > table.text.index("5 Revisions")
        await table.press("escape")
        await table.until(lambda: "Terminate session done" not in table.text, "its end")


async def test_tab_before_the_fields_are_open_does_not_pass_over_them(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock
) -> None:
    async with stage() as table:
        card = PlanCard(sheet_of(plan_of(tier=Tier.T3)), clock)
        table.app.push_screen(card)
        await table.until(lambda: card.is_current and card.focused is not None, "the card")
        await table.pilot.press("tab")
        assert card.focused is not None and card.focused.id == "cancel"
        assert "press tab again" in table.text
        await table.pass_time(1.0)
        await table.pilot.press("tab")
        await table.until(lambda: card.focused is not None and card.focused.id == "phrase", "the phrase")

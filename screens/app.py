"""The cockpit's app: paints the frame first, then loads the profile and starts the engine behind it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import as_file
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from screens.terminal import PLAIN_THEME, no_color, wants_ascii

from screens.terminal.hardened import HardenedApp  # isort: skip  # settles the environment before Textual

from rich.text import Text
from textual import events
from textual._path import CSSPathType
from textual.screen import Screen

import themes
from cockpit.collecting import held_off
from cockpit.errors import CockpitError
from screens import themes as colours
from screens.clipboard import copy
from screens.cockpit_screen import CockpitScreen

if TYPE_CHECKING:
    from cockpit.profile.schema import Profile
    from screens.dialogs.palette import Command
    from screens.flow import ActionFlow
    from screens.watched import Watched

Say = Callable[[str], None]
Prepare = Callable[[Say], Awaitable[Path]]  # gives the profile's path, telling what it is waiting for

EXIT_BAD_PROFILE = 64  # as for every command: 2 is `check`'s critical
_CLOSE_DEADLINE_S = 4.0
with as_file(themes.folder() / "cockpit.tcss") as _layout:
    _LAYOUT = _layout


class CockpitApp(HardenedApp[None]):
    """One mode, one screen; `prepare` and the engine run while it is already up."""

    CSS_PATH: ClassVar[CSSPathType | None] = _LAYOUT
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"cockpit": CockpitScreen}
    DEFAULT_MODE = "cockpit"

    def __init__(self, prepare: Prepare | None = None, *, theme: str | None = None, ascii_only: bool = False) -> None:
        super().__init__(ascii_only=ascii_only)
        self.flow: ActionFlow | None = None
        self.engine: Watched | None = None
        self._prepare = prepare
        self._theme_asked = theme is not None
        self._operating: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self.title = "cockpit"
        self.use_theme(theme or (PLAIN_THEME if no_color() else colours.DEFAULT))

    def use_theme(self, name: str) -> None:
        """By name or path. Raises Misconfigured."""
        if name not in self.available_themes:
            theme = colours.find(name)
            self.register_theme(theme)
            name = theme.name
        self.theme = name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for themes that do not know them."""
        return colours.variable_defaults(self.current_theme)

    @property
    def cockpit_screen(self) -> CockpitScreen:
        """The main screen, whatever lies over it."""
        return next(screen for screen in self.screen_stack if isinstance(screen, CockpitScreen))

    def on_ready(self) -> None:
        """The frame is painted: now the slow things."""
        if self._prepare is not None:
            self._operating = asyncio.create_task(self._operate(self._prepare), name="engine")

    async def on_event(self, event: events.Event) -> None:
        """Any key keeps the cockpit armed."""
        if isinstance(event, events.Key) and self.engine is not None:
            self.engine.executor.touch()
        await super().on_event(event)

    async def _operate(self, prepare: Prepare) -> None:
        try:
            path = await prepare(self.cockpit_screen.publisher.say)
            profile: Profile = await _beside(_load, path)
            if profile.theme and not self._theme_asked and not no_color():
                self.use_theme(profile.theme)
            self.cockpit_screen.publisher.say("starting the sources")
            module = await _beside(importlib.import_module, "cockpit.engine.engine")
            await _beside(importlib.import_module, "screens.dialogs.desk")  # for `attach`
            async with module.Engine(profile) as engine:
                self.attach(engine)
                for notice in await asyncio.to_thread(engine.notices):
                    self.notify(notice, severity="warning", markup=False, timeout=15)
                await self._ended.wait()
        except CockpitError as error:
            self.exit(return_code=EXIT_BAD_PROFILE, message=Text(_in_full(error)))
        except Exception as error:
            # Nobody awaits this task while the app runs: what broke must end the app, not vanish.
            self._handle_exception(error)

    def attach(self, engine: Watched) -> None:
        """Show this engine."""
        # Brings the executor along: not before the first paint.
        from screens.dialogs.desk import show_effects, show_unresolved
        from screens.flow import ActionFlow, Stage

        self.engine = engine
        profile = engine.profile
        stage = Stage(engine.executor, profile.system, profile.environment, engine.clock, self._copied)
        self.flow = ActionFlow(self, stage)
        engine.executor.lend = self.lend
        if profile.keys:
            self.set_keymap(dict(profile.keys))
        self.cockpit_screen.attach(engine)
        self.cockpit_screen.effect = show_effects(self.cockpit_screen, engine, before="#status")
        show_unresolved(self, engine.executor, engine.clock)
        self.call_later(self.settle_memory)

    def palette_commands(self) -> list[Command]:
        """What `:` offers now."""
        from screens.dialogs.desk import commands

        if self.engine is None or self.flow is None:
            return []
        screen = self.cockpit_screen
        panes = [(pane.LABEL, partial(screen.action_pane, pane.NUMBER)) for pane in screen.present]
        for name in colours.NAMES:
            if name not in self.available_themes:
                self.register_theme(colours.find(name))
        return commands(
            self.engine, self.flow, self, panes=panes, use_theme=self.use_theme, open_playbook=screen.open_playbook
        )

    async def _copied(self, text: str) -> str:
        return await copy(self, text)

    async def on_unmount(self) -> None:
        """End the engine: pollers, connections, running actions, within a deadline."""
        self._ended.set()
        if self._operating is None:
            return
        if self.engine is None:  # still being made: nothing to end in order
            self._operating.cancel()
        done, _ = await asyncio.wait({self._operating}, timeout=_CLOSE_DEADLINE_S)
        if not done:
            self._operating.cancel()


def _given(path: Path) -> Prepare:
    async def prepare(say: Say) -> Path:
        return path

    return prepare


async def _beside(work: Callable[..., Any], *given: object) -> Any:
    """In a thread. The modules that this brings live on: the collector need not walk over all there is for them."""
    with held_off():
        return await asyncio.to_thread(work, *given)


def _load(path: Path) -> Profile:
    module = importlib.import_module("cockpit.profile.load")
    profile: Profile = module.load(path)
    return profile


def _in_full(error: CockpitError) -> str:
    lines = getattr(error, "lines", None)
    return "\n".join(lines()) if callable(lines) else str(error)


def run(
    profile_path: Path | Prepare, *, theme: str | None = None, ascii: bool | None = None, mouse: bool = True
) -> int:
    """Run the cockpit on this terminal until it is left; returns the exit code.

    `profile_path` may be a coroutine function that makes the profile first (the sandbox) and says what it waits for.
    `ascii` None decides by locale and terminal. Raises Misconfigured for a theme that cannot be used.
    """

    app = CockpitApp(
        _given(profile_path) if isinstance(profile_path, Path) else profile_path,
        theme=theme,
        ascii_only=wants_ascii() if ascii is None else ascii,
    )
    return app.run_to_exit_code(mouse=mouse)

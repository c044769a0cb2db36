"""Every key that the README names does what it says there, and every action key is the one of the catalogue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from cockpit.engine import compose
from cockpit.errors import Unreachable
from cockpit.model.logs import Level
from cockpit.model.severity import SourceKind
from screens.app import CockpitApp
from screens.clipboard import FILE_NAME
from screens.cockpit_screen import CockpitScreen
from screens.dialogs.detail import DetailScreen
from screens.dialogs.events import TimelineScreen
from screens.dialogs.findings import FindingsScreen
from screens.dialogs.help import HelpScreen
from screens.dialogs.leave import QuitDialog
from screens.dialogs.menu import ActionMenu
from screens.panes.logs import LogsPane

README = Path(__file__).parents[2] / "README.md"
PRESSED = {
    "PgUp": "pageup", "PgDn": "pagedown", "/": "slash", "[": "left_square_bracket", "]": "right_square_bracket",
    ":": "colon", "!": "exclamation_mark", "?": "question_mark", "esc": "escape",
}  # fmt: skip


def keys_of_the_readme() -> list[str]:
    """The keys in the first column of the table under "Keys"."""
    section = README.read_text(encoding="utf-8").partition("\n## Keys\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    keys = [key for row in rows for key in re.findall(r"`([^`]+)`", re.sub(r"`1`-`5`", "`1` `2` `3` `4` `5`", row))]
    assert len(keys) == len(set(keys)) > 20
    return keys


def action_keys_of_the_readme() -> dict[str, set[str]]:
    """Pane name to the letters that the README gives it."""
    sentence = README.read_text(encoding="utf-8").partition("execute by themselves: ")[2].partition(". No")[0]
    found = {}
    for part in sentence.replace("\n", " ").split("·"):
        name, _, letters = part.strip().partition(" ")
        found[name.lower()] = set(re.findall(r"`([A-Z])`", letters))
    return found


class Asked:
    """The way to actions, recording what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.busy = False

    def start(self, action: str, source: str, selection: object = None) -> None:
        self.calls.append(action)

    def toggle_mode(self) -> None:
        self.calls.append("mode")

    def undo(self) -> None:
        self.calls.append("undo")


class Desk:
    """The cockpit over the sample incident, and what a test asks of it."""

    def __init__(self, app: CockpitApp, pilot: Pilot[Any], engine: Any, folder: Path) -> None:
        self.app, self.pilot, self.engine, self.folder = app, pilot, engine, folder
        self.flow = Asked()
        app.flow = self.flow  # type: ignore[assignment]  # records instead of planning

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(PRESSED.get(key, key))
            await self.pilot.pause()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await self.pilot.pause(0.005)

    @property
    def screen(self) -> CockpitScreen:
        return self.app.cockpit_screen

    @property
    def logs(self) -> LogsPane:
        return self.screen.logs

    @property
    def number(self) -> int:
        """Number of the current pane."""
        return self.screen.current.NUMBER

    @property
    def line(self) -> int:
        """Sequence number of the log line under the cursor."""
        return int(self.logs.key)


@pytest.fixture
async def desk(samples: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    app, engine = CockpitApp(), samples.add_cluster(samples.clustered(samples.managed(samples.incident())))
    engine.add("metrics/shop", SourceKind.METRICS)
    engine.add("scripts/smoke", SourceKind.SCRIPTS)
    samples.add_delivery(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(engine)
        await pilot.pause()
        yield Desk(app, pilot, engine, tmp_path)
    assert [call for call in app.flow.calls if "." in call] == [], "no key of this table starts an action"  # type: ignore[union-attr]  # Asked


def pane(number: int) -> Callable[[Desk], Awaitable[None]]:
    async def goes_there(desk: Desk) -> None:
        await desk.press("2" if number != 2 else "4", str(number))
        assert desk.number == number

    return goes_there


def opens(key: str, screen: type) -> Callable[[Desk], Awaitable[None]]:
    async def it_opens(desk: Desk) -> None:
        await desk.press("3", key)
        await desk.until(lambda: isinstance(desk.app.screen, screen))
        await desk.press("esc")
        assert isinstance(desk.app.screen, CockpitScreen)

    return it_opens


def asks(key: str, wanted: str) -> Callable[[Desk], Awaitable[None]]:
    async def it_asks(desk: Desk) -> None:
        await desk.press(key)
        assert desk.flow.calls == [wanted]

    return it_asks


def moves(key: str, before: tuple[str, ...], sign: int) -> Callable[[Desk], Awaitable[None]]:
    async def it_moves(desk: Desk) -> None:
        await desk.press("2", *before)
        line = desk.line
        await desk.press(key)
        assert (desk.line - line) * sign > 0
        if key in ("j", "k"):
            assert abs(desk.line - line) == 1
        ring = desk.engine.rings["logs/app"]
        if key in ("g", "G"):
            assert desk.line == (ring.first if key == "g" else ring.end - 1)

    return it_moves


async def goes_to_the_next_pane(desk: Desk) -> None:
    await desk.press("2", "tab")
    assert desk.number == 3


async def zooms(desk: Desk) -> None:
    await desk.press("4", "z")
    assert [each.LABEL for each in desk.screen.panes if each.region.area > 0] == ["Redis"]


async def asks_for_a_filter(desk: Desk) -> None:
    await desk.press("2", "/", *"evicted")
    assert desk.logs.filter == "evicted"
    assert 0 < len(desk.logs.body) < 1200


def finds(key: str, sign: int) -> Callable[[Desk], Awaitable[None]]:
    async def it_finds(desk: Desk) -> None:
        await desk.press("2", "/", *"evicted", "enter", "g", "j")
        line = desk.line
        await desk.press(key)
        assert (desk.line - line) * sign > 0
        assert desk.logs.entry is not None and "evicted" in desk.logs.entry.message

    return it_finds


def errors(key: str, before: tuple[str, ...], sign: int) -> Callable[[Desk], Awaitable[None]]:
    async def it_jumps(desk: Desk) -> None:
        await desk.press("2", *before)
        line = desk.line
        await desk.press("5", key)
        assert desk.number == 2
        assert (desk.line - line) * sign > 0
        assert desk.logs.entry is not None and desk.logs.entry.level >= Level.ERROR

    return it_jumps


def windows(key: str, shorter: bool) -> Callable[[Desk], Awaitable[None]]:
    async def it_changes(desk: Desk) -> None:
        await desk.press("2", "[")
        lines = len(desk.logs.body)
        await desk.press(key)
        assert (len(desk.logs.body) < lines) is shorter
        assert (len(desk.logs.body) > lines) is not shorter

    return it_changes


async def pauses(desk: Desk) -> None:
    await desk.press("space")
    assert desk.screen.publisher.paused
    await desk.press("space")
    assert not desk.screen.publisher.paused


async def copies(desk: Desk) -> None:
    await desk.press("3", "y")
    (copied,) = [path async for path in _appeared(desk, FILE_NAME)]
    assert desk.screen.database.selection()["pid"] in copied.read_text(encoding="utf-8")


async def _appeared(desk: Desk, name: str) -> AsyncIterator[Path]:
    await desk.until(lambda: any(path.stat().st_size for path in desk.folder.rglob(name)))
    for path in desk.folder.rglob(name):
        yield path


def sources(key: str) -> Callable[[Desk], Awaitable[None]]:
    async def it_switches(desk: Desk) -> None:
        await desk.press("4")
        desk.engine.add("redis/sessions", SourceKind.REDIS)
        desk.engine.fail("redis/sessions", Unreachable("sessions refused the connection"))
        desk.screen.publisher.tick(force=True)
        before = desk.screen.redis.source
        await desk.press(key)
        assert {before, desk.screen.redis.source} == {"redis/cache", "redis/sessions"}

    return it_switches


async def changes_the_timeline(desk: Desk) -> None:
    before = desk.screen.timeline.span
    await desk.press("w")
    assert desk.screen.timeline.span != before


async def says_how_to_add_a_runbook(desk: Desk) -> None:
    told: list[str] = []
    desk.screen.tell = told.append  # type: ignore[method-assign]  # recorded
    await desk.press("r")
    assert not desk.screen.guide_open
    assert "files = [" in told[0]
    assert "cockpit init" in told[0]


async def polls(desk: Desk) -> None:
    before = desk.engine.polls
    await desk.press("ctrl+r")
    assert desk.engine.polls - before == len(desk.engine.hub.states())


async def opens_the_plan_of_a_shell(desk: Desk) -> None:
    desk.engine.catalogue.specs = compose.specs()
    pane = desk.screen.revisions
    await desk.press("5", *(("l",) if pane.kind is SourceKind.WORKLOADS else ()), "g", "o")
    assert (desk.flow.calls, pane.kind) == ([], SourceKind.REVISIONS), "a row of Cloud Run is no pod"
    await desk.press("l", "z", "g")
    assert pane.kind is SourceKind.WORKLOADS
    for _ in range(60):
        await desk.press(*(() if "pod" in pane.selection() else ("j",)))
    await desk.press("o")
    assert desk.flow.calls == ["workloads.shell"], pane.key
    desk.flow.calls.clear()


async def goes_back_and_never_acts(desk: Desk) -> None:
    await desk.press("3", "z", "/", *"4411", "enter")
    assert desk.screen.current.filter == "4411"
    await desk.press("esc")
    assert desk.screen.current.filter == ""
    await desk.press("esc")
    assert not desk.screen.has_class("-zoom")
    await desk.press("esc")
    assert isinstance(desk.app.screen, CockpitScreen)
    assert desk.flow.calls == []


async def goes_back_then_asks(desk: Desk) -> None:
    await desk.press("3", "z", "q")
    assert not desk.screen.has_class("-zoom")
    assert isinstance(desk.app.screen, CockpitScreen)
    await desk.press("q")
    await desk.until(lambda: isinstance(desk.app.screen, QuitDialog))


DOES: dict[str, Callable[[Desk], Awaitable[None]]] = {
    **{str(number): pane(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 9)},
    "tab": goes_to_the_next_pane,
    "j": moves("j", ("g",), 1),
    "k": moves("k", ("g", "j", "j"), -1),
    "g": moves("g", (), -1),
    "G": moves("G", ("g",), 1),
    "PgUp": moves("PgUp", (), -1),
    "PgDn": moves("PgDn", ("g",), 1),
    "enter": opens("enter", DetailScreen),
    "h": sources("h"),
    "l": sources("l"),
    "z": zooms,
    "/": asks_for_a_filter,
    "n": finds("n", 1),
    "N": finds("N", -1),
    "e": errors("e", ("g",), 1),
    "E": errors("E", (), -1),
    "[": windows("[", shorter=True),
    "]": windows("]", shorter=False),
    "space": pauses,
    "y": copies,
    "a": opens("a", ActionMenu),
    "A": opens("A", ActionMenu),
    ":": opens(":", CommandPalette),
    "t": opens("t", TimelineScreen),
    "w": changes_the_timeline,
    "!": asks("!", "mode"),
    "r": says_how_to_add_a_runbook,
    "f": opens("f", FindingsScreen),
    "u": asks("u", "undo"),
    "o": opens_the_plan_of_a_shell,
    "ctrl+r": polls,
    "?": opens("?", HelpScreen),
    "esc": goes_back_and_never_acts,
    "q": goes_back_then_asks,
}


@pytest.mark.parametrize("key", keys_of_the_readme())
async def test_a_key_of_the_readme_does_what_it_says(desk: Desk, key: str) -> None:
    await DOES[key](desk)


def test_no_key_is_tested_that_the_readme_does_not_name() -> None:
    assert set(DOES) == set(keys_of_the_readme())


def test_the_action_keys_of_the_readme_are_those_of_the_catalogue() -> None:
    held: dict[str, set[str]] = {}
    for spec in compose.specs():
        if spec.key:
            held.setdefault(spec.pane.value, set()).add(spec.key)
    assert action_keys_of_the_readme() == held


def test_no_action_has_a_letter_that_moves_or_opens_a_menu_everywhere() -> None:
    assert not {spec.key for spec in compose.specs()} & set("GNEA")


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 9])
async def test_an_action_key_starts_its_action_on_a_row_of_its_kind_and_on_no_other(
    samples: ModuleType, number: int
) -> None:
    google = samples.clustered(samples.managed(samples.incident()))
    app, engine = CockpitApp(), samples.add_cluster(samples.hosting(samples.composed(google)))
    engine.add("metrics/shop", SourceKind.METRICS)
    engine.add("scripts/smoke", SourceKind.SCRIPTS)
    samples.add_delivery(engine)
    engine.add("rendermetrics/shop", SourceKind.RENDERMETRICS)
    engine.add("prometheus/shop", SourceKind.PROMETHEUS)
    engine.catalogue.specs = compose.specs()
    keyed = [spec for spec in compose.specs() if spec.key]
    tried: set[SourceKind] = set()
    started: set[str] = set()
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(engine)
        app.flow = asked = Asked()  # type: ignore[assignment]  # records instead of planning
        await pilot.press(str(number))
        pane = app.cockpit_screen.current
        for step in range(30 * max(2, len(pane.KINDS)) if pane.KINDS or pane.PAGE else 1):
            own = {spec.key: spec.id for spec in keyed if spec.pane is pane.kind}
            # Every letter once for each kind; then only its own, until the row is right for them all.
            open_ = {key for key, action in own.items() if action not in started}
            for key in sorted(open_ if pane.kind in tried else {spec.key for spec in keyed}):
                await pilot.press(key)
                assert asked.calls in ([], [own.get(key)])
                started.update(asked.calls)
                asked.calls.clear()
            tried.add(pane.kind)
            # To the pane's next source, where it shows one at a time.
            await pilot.press(*(("l", "g") if step % 30 == 29 else ("j",)))
    assert tried == set(pane.kinds)
    assert started == {spec.id for spec in keyed if spec.pane in pane.kinds}

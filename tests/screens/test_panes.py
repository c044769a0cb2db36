"""What panes do: the cursor and what it selects, logs that run on, filters, errors, hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.logs import Level, LogEntry
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE
from screens.app import CockpitApp
from screens.cockpit_screen import CockpitScreen

HOSTILE = (
    "[/x]",
    "[@click=app.quit]x[/]",
    "[red]x",
    "[type=x, v={'a[0]'}]",
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;aGFjaw==\x07",
    "\u202egnp.exe",
    "a\x00b\x9bc",
    "漢字" * 40,
    "x" * 5000,
)


class Flow:
    """Records what the screen asks for."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, dict[str, str]]] = []
        self.busy = False

    def start(self, action, source, selection=None) -> None:
        self.started.append((action, source, dict(selection or {})))


class Stage:
    """An app with a sample engine, its screen and a recording flow."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.app = CockpitApp()
        self.flow = Flow()

    def attach(self) -> None:
        self.app.attach(self.engine)
        self.app.flow = self.flow  # type: ignore[assignment]  # records instead of planning

    @property
    def screen(self) -> CockpitScreen:
        return self.app.cockpit_screen

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def tick(self) -> None:
        self.screen.publisher.tick(force=True)


@pytest.fixture
async def stage(samples):
    stage = Stage(samples.incident())
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.pause()
        stage.pilot = pilot  # type: ignore[attr-defined]  # the pilot goes with the stage
        yield stage


# -- the cursor


async def test_the_cursor_stays_on_its_session_when_rows_move(stage, samples):
    await stage.pilot.press("3", "j", "j")
    before = stage.screen.database.selection()
    assert before["pid"] == "4519"
    status = samples.database()
    newcomer = samples.session(4999, "idle in transaction", 3000, "BEGIN")
    root = samples.BlockingNode(newcomer, "", None, (samples.BlockingNode(samples.ROOT, "row lock", 700.0),))
    stage.engine.say("database/main", Severity.CRIT, "pool full", replace(status, blocking=(root, *status.blocking)))
    stage.tick()
    assert stage.screen.database.selection() == before
    await stage.pilot.press("K")
    assert stage.flow.started == [("database.terminate", "database/main", before)]


async def test_a_vanished_session_selects_nothing_until_the_cursor_moves(stage, samples):
    await stage.pilot.press("3", "j")
    assert stage.screen.database.selection()["pid"] == "4502"
    status = samples.database()
    others = tuple(session for session in status.sessions if session.pid == 4411)
    stage.engine.say("database/main", Severity.CRIT, "", replace(status, blocking=(), sessions=others))
    stage.tick()
    await stage.pilot.pause()
    assert stage.screen.database.selection() == {}
    assert "pid 4502 is gone" in stage.text()
    await stage.pilot.press("K", "C")
    assert stage.flow.started == []
    await stage.pilot.press("j")
    await stage.pilot.press("K")
    assert stage.screen.database.lost == ""


async def test_a_row_that_vanishes_under_a_dialog_is_not_replaced_by_another(stage, samples):
    await stage.pilot.press("3", "enter")
    await stage.pilot.pause()
    assert len(stage.app.screen_stack) == 2
    stage.engine.say("database/main", Severity.OK, "", samples.database(False))
    stage.tick()
    await stage.pilot.press("escape")
    await stage.pilot.pause()
    await stage.pilot.press("K")
    assert stage.flow.started == []
    assert stage.screen.database.lost.startswith("root/4411@")


async def test_the_same_pid_of_another_session_is_another_row(stage, samples):
    await stage.pilot.press("3", "j")
    status = samples.database()
    reused = replace(status.sessions[1], backend_start=samples.ago(1))
    node = samples.BlockingNode(samples.ROOT, "", None, (samples.BlockingNode(reused, "row lock", 1.0),))
    stage.engine.say(
        "database/main", Severity.CRIT, "", replace(status, blocking=(node,), sessions=(samples.ROOT, reused))
    )
    stage.tick()
    assert stage.screen.database.selection() == {}


async def test_a_row_that_comes_back_is_selected_again(stage, samples):
    await stage.pilot.press("3", "j")
    before = stage.screen.database.selection()
    stage.engine.say("database/main", Severity.OK, "", samples.database(False))
    stage.tick()
    assert stage.screen.database.selection() == {}
    stage.engine.say("database/main", Severity.CRIT, "", samples.database())
    stage.tick()
    assert stage.screen.database.selection() == before


async def test_source_actions_need_no_row(stage):
    await stage.pilot.press("4", "F")
    await stage.pilot.press("3", "I")
    assert stage.flow.started == [
        ("redis.flush", "redis/cache", {}),
        ("database.terminate_idle", "database/main", {}),
    ]


async def test_an_action_key_of_another_pane_does_nothing(stage):
    await stage.pilot.press("4", "K", "R", "B")
    assert stage.flow.started == []


async def test_revisions_select_the_revision_with_its_etag(stage):
    await stage.pilot.press("5", "j", "R")
    assert stage.flow.started == [
        ("revisions.rollback", "revisions/checkout", {"revision": "checkout-00141", "etag": '"etag-7"'})
    ]


async def test_moving_keys_reach_first_last_and_pages(stage):
    pane = stage.screen.logs
    await stage.pilot.press("2", "g")
    first = pane.key
    await stage.pilot.press("pagedown")
    page = pane.key
    await stage.pilot.press("pageup", "j", "k")
    assert pane.key == first
    assert int(page) > int(first)
    await stage.pilot.press("G")
    assert int(pane.key) == stage.engine.rings["logs/app"].end - 1


async def test_a_click_moves_the_cursor_and_does_nothing_else(stage):
    pane = stage.screen.revisions
    await stage.pilot.click(pane, offset=(10, 4))
    await stage.pilot.pause()
    assert pane.selection()["revision"] == "checkout-00140"
    assert stage.app.focused is pane
    assert stage.flow.started == []


async def test_a_row_out_of_sight_is_not_selected(samples):
    stage = Stage(samples.incident())
    async with stage.app.run_test(size=(80, 12)) as pilot:
        stage.attach()
        await pilot.press("4")
        await pilot.pause()
        pane = stage.screen.redis
        assert pane.key == ""
        await pilot.press("j")
        assert pane.key == "slow/31"


async def test_the_same_rows_again_repaint_nothing(stage, samples):
    pane = stage.screen.database
    calls: list[object] = []
    original = pane.refresh
    pane.refresh = lambda *regions, **options: (calls.append(regions), original(*regions, **options))[1]  # type: ignore[method-assign,assignment]
    stage.engine.say("database/main", Severity.CRIT, "pool full 97/97", samples.database())
    stage.tick()
    assert calls == []
    stage.engine.say(
        "database/main", Severity.CRIT, "pool full 97/97", replace(samples.database(), transactions_per_s=9.0)
    )
    stage.tick()
    assert len(calls) == 1
    assert calls[0][0].height == 1  # type: ignore[index]  # only the line that says it


# -- logs


def line(number: int, message: str = "fresh", level: Level = Level.INFO, at: float = 0.0) -> LogEntry:
    return LogEntry(at, level, "app", message, insert_id=f"n{number}")


def grow(stage, samples, *entries: LogEntry) -> None:
    stage.engine.rings["logs/app"].append(replace(entry, at=entry.at or samples.NOW) for entry in entries)
    stage.engine.say("logs/app", Severity.CRIT, "1 841 errors in 5 m", samples.log_status())
    stage.tick()


async def test_the_log_follows_until_the_cursor_leaves_the_end(stage, samples):
    pane = stage.screen.logs
    grow(stage, samples, line(1), line(2))
    assert pane.entry is not None
    assert pane.entry.insert_id == "n2"
    await stage.pilot.press("2", "k", "k")
    frozen = pane.entry
    grow(stage, samples, *(line(number) for number in range(3, 40)))
    await stage.pilot.pause()
    assert pane.entry == frozen
    assert "frozen" in stage.text()
    assert "39 newer" in stage.text()
    await stage.pilot.press("G")
    grow(stage, samples, line(99))
    assert pane.entry is not None
    assert pane.entry.insert_id == "n99"


async def test_a_frozen_line_keeps_its_place_on_the_screen(stage, samples):
    await stage.pilot.press("2", *"kkkk")
    before = [number for number, text in enumerate(stage.text().splitlines()) if "▌" in text]
    grow(stage, samples, *(line(number) for number in range(12)))
    await stage.pilot.pause()
    after = [number for number, text in enumerate(stage.text().splitlines()) if "▌" in text]
    assert len(before) == 1
    assert after == before


async def test_errors_are_reached_from_any_pane(stage):
    await stage.pilot.press("5", "E")
    pane = stage.screen.logs
    assert stage.screen.current is pane
    first = pane.entry
    assert first is not None
    assert first.level >= Level.ERROR
    await stage.pilot.press("E")
    assert pane.entry is not None
    assert pane.entry.level >= Level.ERROR
    assert pane.entry.at < first.at
    await stage.pilot.press("e")
    assert pane.entry == first


async def test_the_window_hides_what_is_older(stage, samples):
    pane = stage.screen.logs
    assert len(pane.body) == 1200
    await stage.pilot.press("2", "left_square_bracket")
    assert pane.window_text == "5 m"
    oldest = stage.engine.rings["logs/app"].get(int(pane.body.row(0).key))
    assert samples.NOW - 300 <= oldest.at < samples.NOW - 298
    await stage.pilot.press("left_square_bracket", "left_square_bracket")
    assert pane.window_text == "1 m"
    await stage.pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
    assert pane.window_text == "1 h"
    assert len(pane.body) == 1200


async def test_typing_filters_the_log_and_escape_brings_it_back(stage):
    pane = stage.screen.logs
    await stage.pilot.press("2", "slash", *"evicted")
    await stage.pilot.pause()
    found = len(pane.body)
    assert 0 < found < 1200
    assert all("evicted" in pane.body.row(index).text for index in range(found))
    await stage.pilot.press("enter", "N")
    assert pane.has_focus
    assert pane.entry is not None
    assert "evicted" in pane.entry.message
    await stage.pilot.press("escape")
    assert len(pane.body) == 1200


async def test_while_a_filter_is_typed_letters_are_letters(stage):
    await stage.pilot.press("3", "slash", *"KCq")
    assert stage.flow.started == []
    assert stage.screen.database.filter == "KCq"
    await stage.pilot.press("escape")
    assert stage.screen.database.filter == ""


async def test_a_filter_narrows_the_sessions(stage):
    await stage.pilot.press("3", "slash", *"4533", "enter")
    pane = stage.screen.database
    keys = [pane.body.row(index).key for index in range(len(pane.body)) if pane.body.row(index).key]
    assert keys
    assert all("4533" in key or "4533" in pane.body.row(pane.body.index(key)).text for key in keys)


async def test_an_entry_that_fell_off_the_ring_is_not_acted_on(samples):
    engine = samples.incident()
    stage = Stage(engine)
    engine.rings["logs/app"] = samples.LogRing(50)
    engine.rings["logs/app"].append(samples.entries(50))
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.press("2", "g")
        assert stage.screen.logs.entry is not None
        grow(stage, samples, *(line(number) for number in range(60)))
        assert stage.screen.logs.entry is None
        assert stage.screen.logs.selection() == {}
        await pilot.press("B")
        assert stage.flow.started == []


# -- states of a source


async def test_a_source_that_went_silent_says_since_when(stage):
    await stage.engine.clock.advance(63)
    stage.tick()
    await stage.pilot.pause()
    text = stage.text()
    assert "no answer for 1 m 03 s" in text
    assert "stale" in text
    assert stage.screen.database.sunk
    assert stage.screen.database.severity is Severity.CRIT


async def test_several_sources_are_switched_between(samples):
    stage = Stage(samples.broken())
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.press("4")
        assert stage.screen.redis.source == "redis/sessions"
        await pilot.press("l")
        assert stage.screen.redis.source == "redis/cache"
        await pilot.press("4")
        assert stage.screen.redis.source == "redis/sessions"
        await pilot.press("F")
        assert stage.flow.started == [("redis.flush", "redis/sessions", {})]


async def test_detail_and_copy_tell_everything_of_the_row(stage):
    await stage.pilot.press("3")
    title, lines = stage.screen.database.detail()
    assert title == "Session 4411"
    assert ("query", "UPDATE inventory SET reserved = reserved + $1 WHERE sku = $2") in lines
    assert "4411" in stage.screen.database.copy_text()
    await stage.pilot.press("2", "E")
    _, lines = stage.screen.logs.detail()
    assert ("trace", "7be2a4") in lines
    for number in "145":
        await stage.pilot.press(number, "j")
        title, lines = stage.screen.current.detail()
        assert title
        assert lines
        await stage.pilot.press("enter")
        await stage.pilot.pause()
        assert len(stage.app.screen_stack) > 1
        await stage.pilot.press("escape")
        await stage.pilot.pause()


async def test_every_opening_opens_and_escape_closes_it(stage):
    for key in ("question_mark", "a", "A", "f", "t", "colon", "enter", "q"):
        depth = len(stage.app.screen_stack)
        await stage.pilot.press(key)
        await stage.pilot.pause()
        assert len(stage.app.screen_stack) == depth + 1, key
        await stage.pilot.press("escape")
        await stage.pilot.pause()
        assert len(stage.app.screen_stack) == depth, key


async def test_own_keys_of_the_profile_replace_ours(samples):
    engine = samples.incident()
    engine.profile = samples.SimpleNamespace(
        system="shop", environment="production", theme=None, keys={"database.terminate": "X", "zoom": "w"}
    )
    stage = Stage(engine)
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.press("3", "K")
        assert stage.flow.started == []
        await pilot.press("X")
        assert [started[0] for started in stage.flow.started] == ["database.terminate"]
        await pilot.press("w")
        assert stage.screen.has_class("-zoom")


# -- hostile text


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_hostile_text_stays_text_in_every_pane(samples, size):
    engine = samples.incident()
    stage = Stage(engine)
    async with stage.app.run_test(size=size) as pilot:
        stage.attach()
        for text in HOSTILE:
            sick = samples.health()
            part = samples.Component(text, Severity.CRIT, text, text)
            check = samples.CheckResult(text, text, Severity.CRIT, text)
            engine.say(
                "health/web", Severity.CRIT, text, replace(sick, components=(part,), checks=(check,), notes=(text,))
            )
            session = replace(samples.ROOT, query=text, application=text, client=text, state=text, wait=text)
            load = samples.StatementLoad(text, 1, 1.0, 1.0, 0.5)
            engine.say(
                "database/main",
                Severity.CRIT,
                text,
                replace(
                    samples.database(), sessions=(session,), statements=(load,), notes=(text,), by_state=((text, 1),)
                ),
            )
            slow = samples.SlowCommand(1, samples.NOW, 1.0, text, text)
            engine.say(
                "redis/cache",
                Severity.WARN,
                text,
                replace(samples.cache(), slowlog=(slow,), policy=text, notes=(text,)),
            )
            bad = replace(
                samples.revision(1, 5.0), name=text, reason=text, state="failed", deployed_by=text, tags=(text,)
            )
            engine.say(
                "revisions/checkout", Severity.WARN, text, replace(samples.service(), revisions=(bad,), notes=(text,))
            )
            engine.rings["logs/app"].append([LogEntry(samples.NOW, Level.ERROR, text, text, text)])
            pattern = samples.LogPattern(text, Level.ERROR, 9, samples.NOW, samples.NOW, True)
            engine.say(
                "logs/app", Severity.CRIT, text, replace(samples.log_status(), patterns=(pattern,), notes=(text,))
            )
            engine.fail("health/admin", samples.Unreachable(text, hint=text))
            stage.tick()
            for number in "12345":
                await pilot.press(number)
                await pilot.pause()
                for strip in stage.app.screen._compositor.render_strips():
                    assert strip.cell_length == size[0]
                    for segment in strip:
                        assert not (segment.style and segment.style.meta.get("@click"))
                        assert not UNSAFE.search(segment.text)
            if text.startswith("["):
                assert text[:9] in stage.text()
        assert stage.app.is_running


@pytest.mark.parametrize("scenario", ["incident", "calm", "broken", "empty"])
async def test_no_line_is_wider_than_the_screen(samples, scenario):
    for size in ((200, 50), (120, 40), (100, 30), (80, 24), (40, 10)):
        stage = Stage(getattr(samples, scenario)())
        async with stage.app.run_test(size=size) as pilot:
            stage.attach()
            await pilot.pause()
            for strip in stage.app.screen._compositor.render_strips():
                assert strip.cell_length == size[0]

"""What panes say of their sources: silence, detail, openings, own keys, hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.logs import Level, LogEntry
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE

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


async def test_a_source_that_went_silent_says_since_when(stage):
    await stage.engine.clock.advance(63)
    stage.tick()
    await stage.pilot.pause()
    text = stage.text()
    assert "no answer for 1 m 03 s" in text
    assert "stale" in text
    assert stage.screen.database.sunk
    assert stage.screen.database.severity is Severity.CRIT


async def test_several_sources_are_switched_between(samples, stage_on):
    stage = stage_on(samples.broken())
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


async def test_own_keys_of_the_profile_replace_ours(samples, stage_on):
    engine = samples.incident()
    engine.profile = samples.SimpleNamespace(
        system="shop", environment="production", theme=None, keys={"database.terminate": "X", "zoom": "w"}
    )
    stage = stage_on(engine)
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.press("3", "K")
        assert stage.flow.started == []
        await pilot.press("X")
        assert [started[0] for started in stage.flow.started] == ["database.terminate"]
        await pilot.press("w")
        assert stage.screen.has_class("-zoom")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_hostile_text_stays_text_in_every_pane(samples, size, stage_on):
    engine = samples.incident()
    stage = stage_on(engine)
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
async def test_no_line_is_wider_than_the_screen(samples, scenario, stage_on):
    for size in ((200, 50), (120, 40), (100, 30), (80, 24), (40, 10)):
        stage = stage_on(getattr(samples, scenario)())
        async with stage.app.run_test(size=size) as pilot:
            stage.attach()
            await pilot.pause()
            for strip in stage.app.screen._compositor.render_strips():
                assert strip.cell_length == size[0]

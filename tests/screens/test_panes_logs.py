"""Logs that run on, freeze, are filtered; errors reached from anywhere."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.logs import Level, LogEntry
from cockpit.model.severity import Severity


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


async def test_an_entry_that_fell_off_the_ring_is_not_acted_on(samples, stage_on):
    engine = samples.incident()
    stage = stage_on(engine)
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

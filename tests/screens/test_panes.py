"""What panes do with rows: the cursor, what it selects, what becomes of a row that is gone."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.severity import Severity


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


async def test_a_row_out_of_sight_is_not_selected(samples, stage_on):
    stage = stage_on(samples.incident())
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


async def test_a_filter_narrows_the_sessions(stage):
    await stage.pilot.press("3", "slash", *"4533", "enter")
    pane = stage.screen.database
    keys = [pane.body.row(index).key for index in range(len(pane.body)) if pane.body.row(index).key]
    assert keys
    assert all("4533" in key or "4533" in pane.body.row(pane.body.index(key)).text for key in keys)

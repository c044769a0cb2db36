"""A session keeps every change: on disk before it is shown, through kills, for one cockpit at a time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import Misconfigured, NotFound, Refused
from cockpit.model.runbook import Facts, Part, Playbook, Step
from cockpit.runbooks.guide import nesting
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.guide.store import Store, Unkept

STEPS = tuple(Step(id_, line, f"Do {id_}", Part.RESOLUTION) for line, id_ in enumerate(("a", "b", "c"), 1))
PLAYBOOK = Playbook("slow", "Pages are slow", 1, "R.md", (), (), STEPS)


class Desk:
    """Makes sessions on one store, and remembers what they recorded."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.store = Store(folder, "shop", "production", ["/srv/R.md"])
        self.recorded: list[tuple[str, Mapping[str, object]]] = []
        self.changes = 0
        self.full = False  # the disk of the audit log

    async def open(self, resume: str = "", who: str = "ann", playbook: Playbook = PLAYBOOK) -> Session:
        file = self.store.resume(resume) if resume else self.store.begin()
        session = Session(playbook, Facts(), file, self.clock, who, self.record, self.changed)
        await session.opened()
        return session

    async def record(self, event: str, facts: Mapping[str, object]) -> None:
        if self.full:
            raise Misconfigured("the audit log cannot be written: no space", hint="Free space")
        self.recorded.append((event, facts))

    def changed(self) -> None:
        self.changes += 1


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_it_can_be_read_while_the_disk_is_full_and_is_written_down_once_it_is_not(desk: Desk) -> None:
    desk.full = True
    session = await desk.open()
    begun = session.started
    assert "no space" in session.unkept
    with pytest.raises(Misconfigured):
        await session.tick("a")
    assert session.progress("a").state is StepState.TODO
    desk.full = False
    await desk.clock.advance(60)
    await session.tick("a")
    assert session.unkept == "" and session.started == begun
    assert [event for event, _ in desk.recorded] == ["guide opened", "guide step"]
    await session.close()
    (past,) = desk.store.past(desk.clock)
    assert past.started == begun and nesting.settled(session.steps, past.steps) == 1


async def test_where_no_file_can_be_made_it_can_still_be_read(desk: Desk) -> None:
    file = Unkept(Misconfigured("the guide's session cannot be opened: read-only", hint="Mend it"))
    session = Session(PLAYBOOK, Facts(), file, desk.clock, "ann", desk.record, desk.changed)
    await session.opened()
    assert "read-only" in session.unkept
    with pytest.raises(Misconfigured, match="read-only"):
        await session.skip("a")
    assert desk.recorded == []
    await session.close()


async def test_it_goes_on_after_the_step_that_was_worked_on_last(desk: Desk) -> None:
    session = await desk.open()
    await session.tick("b")
    assert session.next == STEPS[2], "the one above it was passed over"
    await desk.clock.advance(1)
    await session.tick("c")
    assert session.next == STEPS[0], "below it nothing is to do"


async def test_a_step_goes_through_its_states_with_time_and_name(desk: Desk) -> None:
    session = await desk.open()
    assert session.progress("a").state is StepState.TODO and session.next == STEPS[0]
    await session.start("a")
    await desk.clock.advance(60)
    await session.tick("a", "queue is empty")
    progress = session.progress("a")
    assert (progress.state, progress.who, progress.result) == (StepState.DONE, "ann", "queue is empty")
    assert progress.at is not None and progress.started is not None
    assert progress.at - progress.started == timedelta(seconds=60)
    await session.skip("b", "not here")
    await session.fail("c", "no effect")
    assert session.counts == {
        StepState.TODO: 0,
        StepState.RUNNING: 0,
        StepState.DONE: 1,
        StepState.SKIPPED: 1,
        StepState.FAILED: 1,
    }
    assert session.next is None
    await session.reopen("a")
    assert session.progress("a").state is StepState.TODO and session.progress("a").started is None


async def test_every_change_is_told_and_recorded_with_its_step(desk: Desk) -> None:
    session = await desk.open()
    await session.tick("b", "done")
    await session.note("the pool was full", "b")
    assert [event for event, _ in desk.recorded] == ["guide opened", "guide step", "guide note"]
    facts = desk.recorded[1][1]
    assert (facts["playbook"], facts["line"], facts["state"], facts["text"]) == (
        "Pages are slow",
        "2",
        "done",
        "Do b",
    )
    assert desk.changes == 3
    assert [(note.text, note.step, note.who) for note in session.notes] == [("the pool was full", "b", "ann")]


async def test_what_was_done_is_there_for_the_next_one(desk: Desk) -> None:
    session = await desk.open()
    await session.finish("a", StepState.DONE, "41", ["40", "41"], "run1")
    await session.fill({"PREV": "r1"})
    await session.note("call the team")
    await session.told("900:x:lead")
    await session.close()
    await desk.clock.advance(3600)
    again = await desk.open(session.id, "bob")
    assert again.resumed and again.started == session.started
    assert again.progress("a") == session.progress("a")
    assert (again.values, again.notes) == ({"PREV": "r1"}, session.notes)
    await again.tick("b")
    assert (again.progress("a").who, again.progress("b").who) == ("ann", "bob")


async def test_a_killed_cockpit_loses_nothing_that_was_shown(desk: Desk, tmp_path: Path) -> None:
    script = """
import asyncio, os, signal, sys
from pathlib import Path
from cockpit.clock import SystemClock
from cockpit.model.runbook import Facts, Part, Playbook, Step
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.guide.store import Store, Unkept
async def main():
    store = Store(Path(sys.argv[1]), "shop", "production", ["/srv/R.md"])
    book = Playbook("slow", "Pages are slow", 1, "R.md", (), (), (Step("a", 1, "x", Part.OTHER),))
    session = Session(book, Facts(), store.begin(), SystemClock(), "ann")
    await session.opened()
    await session.tick("a", "shown")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(tmp_path)], timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    (past,) = desk.store.past(desk.clock)
    assert (past.playbook, past.title, past.who) == ("slow", "Pages are slow", "ann")
    session = await desk.open(past.id)
    assert session.progress("a").result == "shown"


@pytest.mark.parametrize("torn", [b'{"event": "st', b"\xff\xfe", b"null\n", b'{"event":"step","at":"x"}\n', b"[]\n"])
async def test_a_torn_or_foreign_line_is_passed_over_and_the_next_one_is_whole(desk: Desk, torn: bytes) -> None:
    session = await desk.open()
    await session.tick("a")
    await session.close()
    path = desk.store.folder / f"{session.id}.jsonl"
    with path.open("ab") as file:
        file.write(torn)
    again = await desk.open(session.id)
    await again.tick("b")
    await again.close()
    third = await desk.open(session.id)
    assert [third.progress(id_).state for id_ in "abc"] == [StepState.DONE, StepState.DONE, StepState.TODO]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"step": "a", "state": "flying"},
        {"step": ["a"], "state": None},
        {"step": "a", "state": "done", "lines": 5},
    ],
)
async def test_a_line_of_another_version_does_no_harm(desk: Desk, facts: dict[str, object]) -> None:
    session = await desk.open()
    await session.close()
    path = desk.store.folder / f"{session.id}.jsonl"
    line = {"event": "step", "at": "2026-01-01T00:00:00+00:00", "who": "x", "facts": facts}
    path.write_bytes(path.read_bytes() + json.dumps(line).encode() + b"\n")
    again = await desk.open(session.id)
    assert again.progress("b").state is StepState.TODO
    await again.tick("b")


async def test_two_cockpits_do_not_work_through_one_session(desk: Desk) -> None:
    session = await desk.open()
    with pytest.raises(Refused, match="another cockpit"):
        await desk.open(session.id)
    await session.close()
    await (await desk.open(session.id)).close()


async def test_a_session_that_somebody_ended_meanwhile_is_not_gone_on_with(desk: Desk) -> None:
    session = await desk.open()
    await session.close(ended=True)
    for _ in range(2):  # and the refusal lets go of it
        with pytest.raises(Refused, match="ann ended this session at"):
            await desk.open(session.id, "bob")


async def test_an_ended_session_is_not_offered_again_and_an_old_one_as_old(desk: Desk) -> None:
    ended, left = await desk.open(), await desk.open()
    await ended.close(ended=True)
    await left.tick("a")
    await left.close()
    assert [(past.id, past.old) for past in desk.store.past(desk.clock)] == [(left.id, False)]
    await desk.clock.advance(12 * 3600 + 1)
    assert [(past.id, past.old) for past in desk.store.past(desk.clock)] == [(left.id, True)]


async def test_sessions_are_this_users_and_this_runbooks(desk: Desk, tmp_path: Path) -> None:
    session = await desk.open()
    path = desk.store.folder / f"{session.id}.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert Store(tmp_path, "shop", "staging", ["/srv/R.md"]).past(desk.clock) == ()
    assert Store(tmp_path, "shop", "production", ["/srv/S.md"]).past(desk.clock) == ()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "x" * 65, "nothing-here"])
async def test_only_a_session_of_this_runbook_is_opened(desk: Desk, name: str) -> None:
    with pytest.raises(NotFound):
        desk.store.resume(name)


async def test_a_change_that_cannot_be_kept_is_not_shown(desk: Desk) -> None:
    session = await desk.open()
    os.close(session._file._descriptor)
    with pytest.raises(Misconfigured, match="cannot be written"):
        await session.tick("a")
    assert session.progress("a").state is StepState.TODO
    session._file._descriptor = -1


async def test_without_the_audit_log_nothing_is_kept_by_halves(desk: Desk) -> None:
    session = await desk.open()
    path = desk.store.folder / f"{session.id}.jsonl"
    before = path.read_bytes()
    desk.full = True
    for change in (session.tick("a"), session.note("x"), session.fill({"PREV": "r1"}), session.told("900:x:lead")):
        with pytest.raises(Misconfigured, match=r"neither in the guide's session nor in the audit log.*no space"):
            await change
    assert path.read_bytes() == before and session.notes == () and session.values == {}
    assert session.progress("a").state is StepState.TODO
    desk.full = False
    await session.tick("a", "now")
    await session.close()
    assert (await desk.open(session.id)).progress("a").result == "now"


async def test_what_came_of_a_run_is_kept_and_the_gap_is_told(desk: Desk) -> None:
    session = await desk.open()
    desk.full = True
    with pytest.raises(Misconfigured, match="in the guide's session, not in the audit log"):
        await session.finish("a", StepState.DONE, "41", ["41"], "run1")
    assert session.progress("a").result == "41", "it happened, whatever can be written of it"
    await session.close()
    desk.full = False
    assert (await desk.open(session.id)).progress("a").run == "run1"


async def test_a_session_that_cannot_be_recorded_leaves_no_file_and_no_lock(desk: Desk) -> None:
    file = desk.store.begin()
    session = Session(PLAYBOOK, Facts(), file, desk.clock, "ann", desk.record, desk.changed)
    desk.full = True
    await session.opened()
    assert "nothing was kept" in session.unkept
    await session.close()
    assert not file.path.exists() and desk.store.past(desk.clock) == ()


async def test_a_session_whose_end_cannot_be_recorded_is_offered_again(desk: Desk) -> None:
    session = await desk.open()
    desk.full = True
    with pytest.raises(Misconfigured, match="nothing was kept"):
        await session.close(ended=True)
    desk.full = False
    assert [past.id for past in desk.store.past(desk.clock)] == [session.id]
    await (await desk.open(session.id)).close(ended=True)


async def test_a_change_whose_caller_went_away_is_whole(desk: Desk) -> None:
    session = await desk.open()
    begun = asyncio.create_task(session.tick("a", "kept"))
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    await session.close()
    assert session.progress("a").result == "kept"
    assert (await desk.open(session.id)).progress("a").result == "kept"


async def test_a_step_that_is_not_there_and_an_empty_note_are_refused(desk: Desk) -> None:
    session = await desk.open()
    with pytest.raises(NotFound, match="no step"):
        await session.tick("z")
    with pytest.raises(Refused, match="empty"):
        await session.note("  ")


async def test_a_step_that_left_the_runbook_is_not_shown_but_kept(desk: Desk) -> None:
    session = await desk.open()
    await session.tick("b", "was there")
    await session.close()
    shorter = Playbook("slow", "Pages are slow", 1, "R.md", (), (), STEPS[:1])
    again = await desk.open(session.id, playbook=shorter)
    assert sum(again.counts.values()) == 1
    assert again.progress("b").result == "was there"


async def test_what_is_written_down_is_clean_and_bounded(desk: Desk) -> None:
    session = await desk.open()
    await session.finish("a", StepState.DONE, "x\x1b[31m\u202e" * 1000, ["\x00y"] * 500)
    progress = session.progress("a")
    assert len(progress.result) < 600 and "\x1b" not in progress.result and "\u202e" not in progress.result
    assert progress.lines == ("␀y",) * 50


async def test_changes_at_the_same_time_all_arrive(desk: Desk) -> None:
    session = await desk.open()
    await asyncio.gather(*(session.note(f"n{n}") for n in range(20)), session.tick("a"), session.tick("b"))
    await session.close()
    again = await desk.open(session.id)
    assert sorted(note.text for note in again.notes) == sorted(f"n{n}" for n in range(20))
    assert again.counts[StepState.DONE] == 2

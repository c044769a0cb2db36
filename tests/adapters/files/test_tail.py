"""Following real files through everything that happens to log files."""
# ruff: noqa: ASYNC240 - small files in a temporary directory

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.adapters.files import tail
from cockpit.adapters.files.tail import FileLog
from cockpit.clock import ManualClock
from cockpit.errors import Misconfigured, NotFound, PermissionDenied, TimedOut
from cockpit.model.logs import Level, LogBatch
from cockpit.profile.schema import LogSource

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
async def log(path: Path, clock: ManualClock) -> AsyncIterator[FileLog]:
    log = FileLog(LogSource(name="app", type="file", path=str(path), timeout=2), clock)
    yield log
    await log.close()


async def messages(log: FileLog) -> list[str]:
    found: list[str] = []
    while True:
        batch = await log.read()
        found += [entry.message for entry in batch.entries]
        if not batch.more:
            return found


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def test_new_lines_come_in_order_and_once(log: FileLog, path: Path) -> None:
    add(path, "one\ntwo\n")
    assert await messages(log) == ["one", "two"]
    assert await messages(log) == []
    add(path, "three\r\n\n")
    assert await messages(log) == ["three"]


async def test_it_starts_near_the_end_with_a_whole_line(log: FileLog, path: Path) -> None:
    path.write_text("".join(f"line {number:06d}\n" for number in range(20_000)))
    found = await messages(log)
    assert found[-1] == "line 019999"
    assert found[0].startswith("line 0")
    assert len(found[0]) == len("line 000000")
    assert 60_000 <= len(found) * 12 <= 65_536


async def test_an_unfinished_line_waits_for_its_rest(log: FileLog, path: Path, clock: ManualClock) -> None:
    add(path, "begin")
    assert await messages(log) == []
    await clock.advance(1)
    add(path, "ning\nlast words")
    assert await messages(log) == ["beginning"]
    await clock.advance(4)
    assert await messages(log) == []
    await clock.advance(2)
    assert await messages(log) == ["last words"]


async def test_rotation_by_rename_loses_nothing(log: FileLog, path: Path) -> None:
    add(path, "one\n")
    assert await messages(log) == ["one"]
    add(path, "two\n")
    path.rename(path.with_suffix(".1"))
    add(path.with_suffix(".1"), "late in the old one, without line break")
    add(path, "three\n")
    batch = await log.read()
    assert [entry.message for entry in batch.entries] == ["two", "late in the old one, without line break", "three"]
    assert batch.notes == ("file was rotated",)


async def test_a_successor_that_may_not_be_read_costs_no_line_of_the_old_file(
    log: FileLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(path, "one\n")
    await messages(log)
    add(path, "two\n")
    path.rename(path.with_suffix(".1"))
    add(path, "three\n")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(tail.os, "open", refuse)
        assert await messages(log) == ["two"]
        with pytest.raises(PermissionDenied):
            await log.read()
    assert await messages(log) == ["three"]


async def test_an_unfinished_line_never_joins_the_next_file(log: FileLog, path: Path) -> None:
    add(path, "one\nunfinished")
    assert await messages(log) == ["one"]
    path.rename(path.with_suffix(".1"))
    add(path, "two\nagain unfinished")
    assert await messages(log) == ["unfinished", "two"]
    os.truncate(path, 0)
    add(path, "three\n")
    assert await messages(log) == ["again unfinished", "three"]


async def test_a_gap_between_rename_and_creation_is_no_failure(log: FileLog, path: Path, clock: ManualClock) -> None:
    add(path, "one\n")
    await messages(log)
    path.rename(path.with_suffix(".1"))
    add(path.with_suffix(".1"), "two\n")
    batch = await log.read()
    assert [entry.message for entry in batch.entries] == ["two"]
    assert batch.notes == ("file was moved or removed, waiting for the next one",)
    await clock.advance(61)
    with pytest.raises(NotFound):
        await log.read()
    add(path, "three\n")
    assert await messages(log) == ["three"]


async def test_copytruncate_starts_again_at_the_beginning(log: FileLog, path: Path) -> None:
    add(path, "one\ntwo\n")
    await messages(log)
    os.truncate(path, 0)
    add(path, "new\n")
    batch = await log.read()
    assert [entry.message for entry in batch.entries] == ["new"]
    assert batch.notes == ("file was truncated",)


async def test_a_truncated_file_that_outgrew_its_old_size_is_noticed(log: FileLog, path: Path) -> None:
    add(path, "one\n")
    await messages(log)
    os.truncate(path, 0)
    add(path, "a much longer first line\nand a second\n")
    assert await messages(log) == ["a much longer first line", "and a second"]


async def test_a_file_that_is_deleted_and_created_again_is_followed(log: FileLog, path: Path) -> None:
    add(path, "one\n")
    await messages(log)
    path.unlink()
    add(path, "two\n")
    assert await messages(log) == ["two"]


async def test_a_file_that_does_not_exist_yet_is_a_clear_failure_until_it_does(log: FileLog, path: Path) -> None:
    with pytest.raises(NotFound, match=r"app\.log does not exist"):
        await log.read()
    add(path, "one\n")
    assert await messages(log) == ["one"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_a_permission(log: FileLog, path: Path) -> None:
    add(path, "one\n")
    path.chmod(0)
    with pytest.raises(PermissionDenied) as caught:
        await log.read()
    assert caught.value.missing == "read"


async def test_an_error_of_permission_from_the_system_says_how_to_get_it(
    log: FileLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    add(path, "one\n")
    monkeypatch.setattr(tail.os, "open", refuse)
    with pytest.raises(PermissionDenied, match="setfacl"):
        await log.read()


async def test_what_is_no_plain_file_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    packed = tmp_path / "old.gz"
    packed.write_bytes(b"\x1f\x8b\x08rest")
    for path, words in ((tmp_path, "a directory"), (pipe, "not a regular file"), (packed, "compressed")):
        log = FileLog(LogSource(name="app", type="file", path=str(path)), clock)
        with pytest.raises(Misconfigured, match=words):
            await log.read()
        await log.close()


async def test_hostile_bytes_come_out_printable(log: FileLog, path: Path) -> None:
    path.write_bytes(b"\xff\xfe bad utf8\nnul \x00 inside\n\x00\x00\x00\n\x1b]52;c;aGk=\x07 osc \x1b[31m red\n")
    found = await messages(log)
    assert found[0] == "\ufffd\ufffd bad utf8"
    assert found[1] == "nul ␀ inside"
    assert found[2] == " osc  red"
    assert len(found) == 3


async def test_a_line_without_end_is_cut_and_the_next_one_is_whole(log: FileLog, path: Path) -> None:
    add(path, "first\n")
    await messages(log)
    add(path, "x" * 3_000_000 + "\nafter\n")
    found = await messages(log)
    assert [text[:5] for text in found] == ["xxxxx", "after"]
    assert len(found[0]) < 5000


async def test_a_large_backlog_comes_in_parts_that_leave_the_loop_alone(log: FileLog, path: Path) -> None:
    add(path, "first\n")
    await messages(log)
    add(path, "".join(f"line {number} {'y' * 90}\n" for number in range(25_000)))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    first = await log.read()
    task.cancel()
    assert first.more
    assert 0 < len(first.entries) < 25_000
    assert turns >= len(first.entries) // tail.SLICE_LINES
    assert len(first.entries) + len(await messages(log)) == 25_000


async def test_a_cancelled_read_loses_nothing(log: FileLog, path: Path) -> None:
    add(path, "".join(f"line {number}\n" for number in range(3000)))
    found: list[str] = []
    cancelled = 0
    for turns in range(1, 25):
        reading = asyncio.create_task(log.read())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        (result,) = await asyncio.gather(reading, return_exceptions=True)
        if isinstance(result, LogBatch):
            found += [entry.message for entry in result.entries]
        else:
            cancelled += 1
    found += await messages(log)
    assert cancelled
    assert found == [f"line {number}" for number in range(3000)]


async def test_a_file_system_that_hangs_fails_this_log_and_blocks_nothing(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(path, "one\n")
    released, threads = threading.Event(), threading.active_count()
    real = os.open

    def hang(name: object, *rest: int) -> int:
        if name == path:
            released.wait(10)
        return real(path, *rest)

    monkeypatch.setattr(tail.os, "open", hang)
    log = FileLog(LogSource(name="app", type="file", path=str(path), timeout=0.1), clock)
    for _ in range(3):
        with pytest.raises(TimedOut, match="takes longer than"):
            await log.read()
    assert threading.active_count() == threads + 1
    released.set()
    log._timeout_s = 5.0
    assert await messages(log) == ["one"]
    await log.close()


async def test_the_levels_and_columns_of_json_lines_are_read(log: FileLog, path: Path) -> None:
    add(path, '{"time":"2026-11-21T04:11:21Z","severity":"ERROR","message":"no cart","status":503}\n')
    (entry,) = (await log.read()).entries
    assert (entry.level, entry.message, entry.status) == (Level.ERROR, "no cart", 503)


async def test_the_doctor_says_what_it_finds(log: FileLog, path: Path) -> None:
    (missing,) = await log.diagnose()
    assert (missing.ok, missing.check) == (False, "read")
    add(path, "one\n")
    (found,) = await log.diagnose()
    assert found.ok
    assert "4 bytes" in found.detail


async def test_lines_without_a_time_are_as_old_as_their_reading(log: FileLog, path: Path, clock: ManualClock) -> None:
    add(path, "started\n")
    (first,) = (await log.read()).entries
    await clock.advance(3.0)
    add(path, "ERROR boom\n")
    (second,) = (await log.read()).entries
    assert (first.at, second.at) == (NOW.timestamp(), NOW.timestamp() + 3.0)


async def test_a_time_is_lent_to_the_lines_after_it_but_not_for_ever(
    log: FileLog, path: Path, clock: ManualClock
) -> None:
    add(path, "2026-11-21T11:59:58Z ERROR boom\n  at shop.cart\n")
    assert [entry.at for entry in (await log.read()).entries] == [NOW.timestamp() - 2.0] * 2
    await clock.advance(5.0)
    add(path, "  at shop.main\n")
    assert (await log.read()).entries[0].at == NOW.timestamp() - 2.0
    await clock.advance(60.0)
    add(path, "done\n")
    assert (await log.read()).entries[0].at == NOW.timestamp() + 65.0

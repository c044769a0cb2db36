"""Commands of the profile run without a shell, within a deadline, and leave nothing behind."""
# ruff: noqa: ASYNC110, ASYNC240 - small files in a temporary directory

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from cockpit.adapters.files import command
from cockpit.adapters.files.command import CommandRunner
from cockpit.errors import Misconfigured, TimedOut


async def gone(pid: int) -> bool:
    """Whether the process ends within a few seconds."""
    for _ in range(300):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_status_and_cleaned_output_come_back() -> None:
    result = await CommandRunner().run(["sh", "-c", "printf 'a\\033[31mb\\nsecond' ; echo err >&2; exit 3"], 5)
    assert (result.status, result.output) == (3, ("ab", "seconderr"))


async def test_arguments_reach_the_program_as_they_are() -> None:
    result = await CommandRunner().run(["printf", "%s|", "$(id)", "a b", ";"], 5)
    assert result.output == ("$(id)|a b|;|",)


async def test_standard_input_is_empty() -> None:
    assert (await CommandRunner().run(["cat"], 5)).status == 0


async def test_what_cannot_be_started_is_a_mistake_of_the_profile() -> None:
    for argv in ([], ["/nonexistent/tool"], ["echo", "a\0b"]):
        with pytest.raises(Misconfigured):
            await CommandRunner().run(argv, 5)


async def test_the_whole_group_is_killed_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_S", 0.2)
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! > {pids}; echo $$ >> {pids}; while true; do sleep 60; done"
    with pytest.raises(TimedOut) as caught:
        await CommandRunner().run(["sh", "-c", script], 0.5)
    assert caught.value.effect_possible
    for line in pids.read_text().split():
        assert await gone(int(line))


async def test_a_cancelled_caller_leaves_no_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(CommandRunner().run(["sh", "-c", f"echo $$ > {pid}; exec sleep 60"], 30))
    while not pid.exists() or not pid.read_text():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int(pid.read_text()))


async def test_endless_output_is_bounded() -> None:
    result = await CommandRunner().run(["sh", "-c", "yes | head -c 3000000"], 10)
    assert result.status == 0
    assert len(result.output) == command.OUTPUT_LINES + 1
    assert sum(map(len, result.output)) < command.OUTPUT_BYTES

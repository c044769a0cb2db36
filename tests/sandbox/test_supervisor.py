"""The sandbox in a process of its own: it says what it does, and nothing of it survives, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cockpit.profile.schema import Profile
from cockpit.sandbox.launcher import LaunchedSandbox, LaunchFailed

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
async def launched() -> AsyncIterator[LaunchedSandbox]:
    sandbox = await LaunchedSandbox.launch("none", warm_up_s=0)
    yield sandbox
    await sandbox.stop()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _servers_in(directory: Path) -> set[int]:
    """Processes whose working directory lies there: the supervisor's servers and all that they forked."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(directory):
                    found.add(int(entry.name))
    return found


async def _until(condition: Callable[[], bool], deadline_s: float = 15.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        await asyncio.sleep(0.02)


@linux_only
async def test_it_says_each_stage_gives_a_profile_and_leaves_nothing(launched: LaunchedSandbox) -> None:
    begun = time.monotonic()
    names = [stage.name async for stage in launched.stages()]
    assert names[-2:] == ["scenario", "profile"] and {"postgres", "redis", "shop"} <= set(names)
    assert time.monotonic() - begun < 10
    assert launched.profile is not None
    assert Profile.model_validate(tomllib.loads(launched.profile.read_text())).system == "shop"
    servers = _servers_in(launched.directory)
    await launched.stop()
    await launched.stop()
    assert not launched.alive and not launched.directory.exists()
    assert not any(_alive(pid) for pid in servers)


@linux_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
async def test_no_signal_leaves_a_server_behind(launched: LaunchedSandbox, number: signal.Signals) -> None:
    async for _ in launched.stages():
        pass
    servers = _servers_in(launched.directory)
    os.kill(launched.pid, number)
    await _until(lambda: not any(_alive(pid) for pid in {launched.pid, *servers}))
    if number is not signal.SIGKILL:
        await _until(lambda: not launched.directory.exists())


@linux_only
async def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from cockpit.sandbox.launcher import LaunchedSandbox\n"
        "async def main():\n"
        "    sandbox = await LaunchedSandbox.launch('none', warm_up_s=0)\n"
        "    async for _ in sandbox.stages(): pass\n"
        "    print(sandbox.pid, sandbox.directory, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        pid, directory = (await parent.stdout.readline()).decode().split()
    servers = _servers_in(Path(directory))
    parent.kill()
    await parent.wait()
    await _until(lambda: not any(_alive(process) for process in {int(pid), *servers}))
    await _until(lambda: not Path(directory).exists())


@linux_only
async def test_it_can_be_stopped_while_it_starts(launched: LaunchedSandbox) -> None:
    async for stage in launched.stages():
        if stage.name == "redis":
            break
    await launched.stop()
    assert not _servers_in(launched.directory) and not launched.directory.exists()


async def test_a_kept_directory_stays(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    sandbox = await LaunchedSandbox.launch("none", place, keep=True, warm_up_s=0)
    async for _ in sandbox.stages():
        pass
    await sandbox.stop()
    assert (place / "profile.toml").exists()


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    sandbox = await LaunchedSandbox.launch("no-such-scenario", tmp_path / "x")
    with pytest.raises(LaunchFailed, match="invalid choice: 'no-such-scenario'"):
        async for _ in sandbox.stages():
            pass
    await sandbox.stop()

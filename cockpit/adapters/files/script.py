"""Running one command of a runbook: its output as it comes, an end by deadline or by key, nothing left behind.

It has its own session and so its own process group, no terminal, and nothing on its standard input. What goes into a
session of its own (setsid, a daemon) escapes the group: it is not killed. On Linux it is found by a mark in its
environment and named; what wiped its environment, or belongs to another user, is not found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from cockpit.adapters.capabilities import Ended, ScriptEnd
from cockpit.errors import Misconfigured
from cockpit.text import clean

MARK = "COCKPIT_SCRIPT"  # in the environment of all that it starts
GRACE_S = 2.0  # between SIGTERM and SIGKILL
LEFT_OPEN_S = 0.5  # how long what it left behind may still write
_LOOK_EVERY_S = 0.05  # at the deadline and at the wish to stop
_CHUNK = 65536


class ScriptRunner:
    """ScriptRunning with real processes."""

    async def stream(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: str,
        deadline_s: float,
        heard: Callable[[bytes], None],
        aborted: Callable[[], bool],
        began: Callable[[int], None],
    ) -> ScriptEnd:
        """As the protocol says. The whole group is killed as well when the caller is cancelled."""
        mark = uuid.uuid4().hex
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb", 0) as pipe:
            try:
                process = await _started(argv, {**env, MARK: mark}, folder, writing)
            finally:
                os.close(writing)
            listening = asyncio.create_task(_listen(pipe, heard))
            try:
                began(process.pid)
                ended = await _ended(process, deadline_s, aborted)
                if ended is not Ended.ITSELF:
                    await _end_group(process)
                # What it left in the background holds the pipe: it had its time.
                await asyncio.wait({listening}, timeout=LEFT_OPEN_S)
            finally:
                # At once and without waiting: this may be the last moment of the cockpit.
                _signal(process, signal.SIGKILL)
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            status = await process.wait()
            return ScriptEnd(status, ended, await asyncio.to_thread(_escaped, mark, process.pid))


def _escaped(mark: str, group: int) -> tuple[str, ...]:
    """Processes with this mark in their environment that are not of the group. Blocking; empty without /proc."""
    wanted = f"{MARK}={mark}".encode()
    found: list[str] = []
    for folder in sorted(Path("/proc").glob("[0-9]*")):
        try:
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            words = (folder / "cmdline").read_bytes().split(b"\0")
            own = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[2]
        except (OSError, IndexError):
            continue  # it ended just now, or is not ours to look at
        if own != str(group):
            said = clean(b" ".join(words).decode("utf-8", "replace").strip(), 120)
            found.append(f"pid {folder.name} ({said})")
    return tuple(found)


async def _started(
    argv: Sequence[str], env: Mapping[str, str], folder: str, writing: int
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it contains a NUL"
        where = isinstance(error, OSError) and error.filename == folder
        what = (
            f"the folder {clean(folder, 300)} cannot be entered"
            if where
            else f"{clean(argv[0], 200)} cannot be started"
        )
        raise Misconfigured(
            f"{what}: {reason}", hint="Check the program and the profile's working_directory"
        ) from error


async def _ended(process: asyncio.subprocess.Process, deadline_s: float, aborted: Callable[[], bool]) -> Ended:
    until = asyncio.get_running_loop().time() + deadline_s
    waiting = asyncio.create_task(process.wait())
    try:
        while not waiting.done():
            if aborted():
                return Ended.ABORTED
            if asyncio.get_running_loop().time() >= until:
                return Ended.DEADLINE
            await asyncio.wait({waiting}, timeout=_LOOK_EVERY_S)
        return Ended.ITSELF
    finally:
        waiting.cancel()


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """SIGTERM to all of it; SIGKILL follows from the caller."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_S)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # ProcessLookupError: the group is empty. PermissionError: macOS says this for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _listen(pipe: IO[bytes], heard: Callable[[bytes], None]) -> None:
    """Hand on what comes, until nobody can write any more. A flood does not keep the event loop."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    try:
        while chunk := await reader.read(_CHUNK):
            heard(chunk)
            await asyncio.sleep(0)
    finally:
        transport.close()

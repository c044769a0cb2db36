"""Running one command of the profile: an argument list, never a shell, with a deadline and an own process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from cockpit.adapters.capabilities import CommandResult
from cockpit.errors import Misconfigured, TimedOut
from cockpit.text import clean, clean_lines

OUTPUT_BYTES = 64 * 1024  # kept; what is more is read and dropped, so that the command never blocks on a full pipe
OUTPUT_LINES = 200
GRACE_S = 2.0  # between SIGTERM and SIGKILL


class CommandRunner:
    """CommandRunning with real processes."""

    async def run(self, argv: Sequence[str], deadline_s: float) -> CommandResult:
        """Run to its end and give exit status and output (stdout and stderr as one).

        Misconfigured when it cannot be started; TimedOut with `effect_possible` after `deadline_s`, when the whole
        process group has been killed. Killed as well when the caller is cancelled.
        """
        if not argv:
            raise Misconfigured("the command is empty", hint="set [block] command in the profile")
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it contains a NUL"
            raise Misconfigured(
                f"{clean(argv[0], 200)} cannot be started: {reason}", hint="check the command in the profile"
            ) from error
        try:
            async with asyncio.timeout(deadline_s):
                output = await _output(process)
                status = await process.wait()
        except TimeoutError:
            raise TimedOut(
                f"{clean(argv[0], 200)} did not end within {deadline_s:g} s and was killed",
                hint="what it had done by then stays done: look there",
                effect_possible=True,
            ) from None
        finally:
            await asyncio.shield(_end(process))
        return CommandResult(status, clean_lines(output, lines=OUTPUT_LINES) if output.strip() else ())


async def _output(process: asyncio.subprocess.Process) -> bytes:
    kept = bytearray()
    if process.stdout is not None:
        while chunk := await process.stdout.read(8192):
            kept += chunk[: max(0, OUTPUT_BYTES - len(kept))]
    return bytes(kept).rstrip(b"\r\n")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End whatever is left of the process group."""
    for number, grace in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        if process.returncode is not None and number is signal.SIGTERM:
            # It ended by itself; only children that it left behind are still to be ended.
            number = signal.SIGKILL
        # ProcessLookupError: the group is empty. PermissionError: macOS says this for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        if process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)

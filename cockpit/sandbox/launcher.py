"""Runs the sandbox beside the cockpit: a child process of its own session that ends with us, however we end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cockpit.sandbox.process import Account, private_folder

LOG_NAME = "sandbox.log"
START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 10.0
_TERMINATE_DEADLINE_S = 5.0
DEMO_READS_PER_MINUTE = 600  # the demo polls its own log more often than a shared project would allow


class LaunchFailed(RuntimeError):
    """The sandbox did not start; the message says why."""


@dataclass(frozen=True, slots=True)
class StartedStage:
    """One thing that was done on the way to a running system."""

    name: str
    message: str
    seconds: float  # since the start
    missing: bool = False  # no program for it on this machine: the system runs without, and the pane is absent


class LaunchedSandbox:
    """A sandbox in a process of its own. Call `stages` to its end, then use `profile`; `stop` in the end."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path, keep: bool) -> None:
        self._process = process
        self._keep = keep
        self.directory = directory
        self.profile: Path | None = None  # set when all stages are done

    @classmethod
    async def launch(
        cls,
        scenario: str,
        directory: Path | None = None,
        *,
        keep: bool = False,
        reads_per_minute: int = DEMO_READS_PER_MINUTE,
        warm_up_s: float = 1.5,
        system: str | None = None,
        runbook: Path | None = None,
    ) -> LaunchedSandbox:
        """Start the process. Without a directory a new one of the temporary directory is used.

        The directory is deleted in the end unless `keep`; give an empty or a new one. `warm_up_s` is how long the
        shop runs well before the fault; `system` one that comes with the cockpit, with its own `runbook` (an
        absolute path) if you have it.
        """
        place = await asyncio.to_thread(_make, directory)
        log = place / LOG_NAME
        # -P: the current directory's modules must not stand in for the cockpit's.
        command = [
            *(sys.executable, "-P", "-m", "cockpit.sandbox"),
            *("--scenario", scenario, "--dir", str(place)),
            *("--reads-per-minute", str(reads_per_minute), "--warm-up", str(warm_up_s)),
            *(["--keep"] if keep else []),
            *(["--as", system] if system else []),
            *(["--runbook", str(runbook)] if runbook else []),
        ]
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        return cls(process, place, keep)

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """The supervisor runs."""
        return self._process.returncode is None

    async def stages(self) -> AsyncIterator[StartedStage]:
        """Yield what is done as it is done; ends when the system is ready. Raises LaunchFailed."""
        if self._process.stdout is None:
            raise LaunchFailed("the sandbox has no output to read")
        deadline = asyncio.get_running_loop().time() + START_DEADLINE_S
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                raise LaunchFailed(f"the sandbox was not ready after {START_DEADLINE_S:.0f} s") from None
            if not line:
                raise LaunchFailed(f"the sandbox ended while it started: {await asyncio.to_thread(self._last_words)}")
            with contextlib.suppress(json.JSONDecodeError):  # a line that a library printed
                document = json.loads(line)
                if "error" in document:
                    raise LaunchFailed(str(document["error"]))
                if document.get("ready"):
                    self.profile = Path(document["profile"])
                    return
                yield StartedStage(
                    str(document["stage"]),
                    str(document["message"]),
                    float(document["seconds"]),
                    bool(document["missing"]),
                )

    async def stop(self) -> None:
        """End it and everything in it; safe to call twice, and also while it starts."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for number, deadline_s in (
            (None, _STOP_DEADLINE_S),
            (signal.SIGTERM, _TERMINATE_DEADLINE_S),
            (signal.SIGKILL, _TERMINATE_DEADLINE_S),
        ):
            if number is not None and self.alive:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._drain()
                    await self._process.wait()
                break
        if not self._keep:
            await asyncio.to_thread(shutil.rmtree, self.directory, True)

    async def _drain(self) -> None:
        if self._process.stdout is not None:
            while await self._process.stdout.read(65536):
                pass

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return (self.directory / LOG_NAME).read_text(errors="replace").strip()[-800:] or "it said nothing"
        return "it left no log"


def _make(directory: Path | None) -> Path:
    """A folder for the system; as root others may pass through it, because the servers run as somebody else."""
    if directory is None:
        place = private_folder("demo", Account(os.geteuid(), os.getegid()))
        if os.geteuid() == 0:
            place.chmod(0o711)
    else:
        place = directory.absolute()
        place.mkdir(parents=True, exist_ok=True)
    return place

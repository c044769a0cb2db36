"""Whether a command of the team can be run on this machine, what exactly would run, and the file that keeps what a
run wrote.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cockpit.errors import Misconfigured
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.model.teamscripts import ScriptRun, ScriptStatus
from cockpit.profile.delivery import TeamScript
from cockpit.text import clean

_LARGEST = 16 * 1024 * 1024  # of a program whose content is compared
KEPT_BYTES = 64 * 1024 * 1024  # of one run


def found(program: str, folder: str, search: str) -> Path | None:
    """Where this program is: by its path from the folder, or in one of the folders of `search`. Blocking."""
    if "/" in program:
        path = Path(folder) / Path(program).expanduser()
        return path if path.is_file() and os.access(path, os.X_OK) else None
    there = shutil.which(program, path=search)
    return Path(there) if there else None


def missing(argv: Sequence[str], folder: str, search: str) -> str:
    """Why this cannot be run, "" when it can. Blocking."""
    if not Path(folder).is_dir():
        return f"the folder {clean(folder, 300)} does not exist"
    if found(argv[0], folder, search) is None:
        return f"{clean(argv[0], 200)} is not there, or may not be run"
    return ""


def fingerprint(path: Path) -> str:
    """sha256 (hex) of its content; of a very large one, its size and time of change. Blocking; raises OSError."""
    facts = path.stat()
    if facts.st_size > _LARGEST:
        return f"{facts.st_size} bytes of {facts.st_mtime_ns}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ScriptProbe:
    """Reads the file system alone, and asks whoever runs it for the last run."""

    def __init__(self, script: TeamScript, folder: str, search: str, last: Callable[[], ScriptRun | None]) -> None:
        self._script = script
        self._folder = folder
        self._search = search
        self._last = last

    async def probe(self) -> Observation:
        """What is missing is the reading."""
        program, why = await asyncio.to_thread(self._look)
        script, last = self._script, self._last()
        status = ScriptStatus(
            name=script.name,
            title=clean(script.title, 200),
            argv=tuple(clean(word, 300) for word in script.argv),
            folder=clean(self._folder, 300),
            program=clean(program, 300),
            missing=why,
            tier=script.tier,
            dry_run=bool(script.dry_run),
            last=last,
        )
        if why:
            return Observation(Severity.WARN, why, status)
        if last is None:
            return Observation(Severity.OK, "can be run", status)
        bad = last.outcome in ("failed", "unknown")
        return Observation(Severity.WARN if bad else Severity.OK, f"{last.outcome}: {last.said}", status)

    async def close(self) -> None:
        """Nothing is open."""

    async def diagnose(self) -> list[Diagnosis]:
        """For doctor."""
        program, why = await asyncio.to_thread(self._look)
        if why:
            return [Diagnosis("run", False, why, "correct argv or directory in the profile, or run it where it is")]
        return [Diagnosis("run", True, f"{clean(program, 300)} in {clean(self._folder, 300)}")]

    def _look(self) -> tuple[str, str]:
        for argv in (self._script.argv, self._script.dry_run or self._script.argv):
            if why := missing(argv, self._folder, self._search):
                return "", why
        return str(found(self._script.argv[0], self._folder, self._search)), ""


class OutputFile:
    """All lines of one run, readable by this user only. Written in a thread, as they come."""

    def __init__(self, folder: Path, name: str, began: datetime) -> None:
        self.path = folder / f"{began:%Y%m%dT%H%M%S}-{name}.log"
        self._digest = hashlib.sha256()
        self._size = 0

    async def add(self, lines: Sequence[str]) -> None:
        """Append; what is beyond KEPT_BYTES is not kept. Raises Misconfigured where it cannot be written."""
        try:
            await asyncio.to_thread(self._write, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise Misconfigured(
                f"{self.path}: what the script writes cannot be kept: {error.strerror}", hint="is the disk full?"
            ) from None

    @property
    def said(self) -> str:
        """Where it is and what it is, for the record."""
        return f"output: {self.path} ({self._size} bytes, sha256 {self._digest.hexdigest()})"

    def _write(self, data: bytes) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = data[: max(0, KEPT_BYTES - self._size)]
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(data)
        self._digest.update(data)
        self._size += len(data)

"""Sessions on disk: one file of JSON lines each, 0600, every line synced before its change is shown.

What is there survives a kill; a torn last line is passed over. A lock on the file keeps a second cockpit out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from cockpit.clock import Clock
from cockpit.errors import Misconfigured, NotFound, Refused
from cockpit.runbooks.guide.progress import OLD_AFTER_S, Happening, Past, Progress, StepState
from cockpit.text import clean

_MAX_BYTES = 16 * 1024 * 1024
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_log = logging.getLogger(__name__)


class SessionFile:
    """One session's file, held until `close`. Its methods block."""

    def __init__(self, path: Path, descriptor: int, happened: Sequence[Happening]) -> None:
        self.path = path
        self.id = path.stem
        self.happened = tuple(happened)  # what was in it when it was opened
        self._descriptor = descriptor

    def append(self, happening: Happening) -> int:
        """Write one line and sync it; how long the file was before. Raises Misconfigured: then nothing is in it."""
        size = -1
        try:
            size = os.fstat(self._descriptor).st_size
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
            view = memoryview((b"\n" if torn else b"") + _line(happening))
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            if size >= 0:
                with contextlib.suppress(Misconfigured):  # a half line is passed over
                    self.take_back(size)
            raise Misconfigured(
                f"the guide's session {self.path} cannot be written: {error.strerror}",
                hint="Free space or mend the permissions; what was just done is not kept",
            ) from error
        return size

    def take_back(self, size: int) -> None:
        """Make it as long as it was. Raises Misconfigured: then it holds what the audit log does not."""
        try:
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
        except OSError as error:
            raise Misconfigured(
                f"the audit log cannot be written, and what stands in {self.path} cannot be taken back: "
                f"{error.strerror}",
                hint="Its last line is not in the audit log",
            ) from error

    def close(self) -> None:
        """Let go of it, and leave none behind in which nothing happened. Twice is once."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if os.fstat(descriptor).st_size == 0:
                self.path.unlink(missing_ok=True)
        except OSError:
            _log.warning("the empty session %s could not be removed", self.path)
        finally:
            os.close(descriptor)


class Unkept(SessionFile):
    """In place of a file that cannot be made: whatever happens is refused with the reason."""

    def __init__(self, why: Misconfigured) -> None:
        super().__init__(Path(uuid.uuid4().hex[:12]), -1, ())
        self._why = why

    def append(self, happening: Happening) -> int:
        """Raises Misconfigured."""
        raise Misconfigured(self._why.message, hint=self._why.hint or "Mend the permissions, then open it anew")


class Store:
    """The sessions of one runbook in one environment. Its methods block: call them in a thread."""

    def __init__(self, state_dir: Path, system: str, environment: str, files: Sequence[str]) -> None:
        key = hashlib.sha256("\0".join((system, environment, *files)).encode()).hexdigest()[:16]
        self.folder = state_dir / "guide" / key

    def begin(self) -> SessionFile:
        """A new, empty file. Raises Misconfigured."""
        return self._open(self.folder / f"{uuid.uuid4().hex[:12]}.jsonl", os.O_CREAT | os.O_EXCL)

    def resume(self, id_: str) -> SessionFile:
        """An earlier one. Raises NotFound, Refused where it is open elsewhere or was ended, Misconfigured."""
        path = self.folder / f"{id_}.jsonl"
        if not _ID.fullmatch(id_) or not path.is_file():
            raise NotFound(f"there is no session {clean(id_, 40)} of this runbook", hint="Begin a new one")
        file = self._open(path, 0)
        if file.happened and file.happened[-1].event == "closed":
            file.close()
            last = file.happened[-1]
            raise Refused("guide", f"{last.who} ended this session at {last.at:%H:%M} UTC", hint="Begin a new one")
        return file

    def _open(self, path: Path, flags: int) -> SessionFile:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
        except OSError as error:
            raise Misconfigured(f"the guide's session {path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return SessionFile(path, descriptor, tuple(_happenings(path)))
        except BlockingIOError:
            os.close(descriptor)
            raise Refused(
                "lock", "this session is open in another cockpit", hint="Go on there, or begin a new one"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise Misconfigured(f"the guide's session {path} cannot be read: {error.strerror}") from error

    def past(self, clock: Clock) -> tuple[Past, ...]:
        """What can be gone on with, newest first; closed ones are left out. Unreadable files are passed over."""
        found = [past for path in self._paths() if (past := _past(path, clock.now())) is not None]
        return tuple(sorted(found, key=lambda past: past.changed, reverse=True))

    def _paths(self) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            yield from sorted(self.folder.glob("*.jsonl"))


def _past(path: Path, now: datetime) -> Past | None:
    try:
        happened = tuple(_happenings(path))
    except OSError:
        return None
    if not happened or happened[0].event != "opened" or happened[-1].event == "closed":
        return None
    first, steps = happened[0], dict[str, Progress]()
    for each in happened:
        if each.event in ("step", "judged"):
            with contextlib.suppress(ValueError):  # a state of another version says nothing here
                step, state = str(each.facts.get("step", "")), StepState(each.facts.get("state"))
                steps[step] = Progress(step, state, each.at, each.who)
    return Past(
        id=path.stem,
        playbook=str(first.facts.get("playbook", "")),
        title=clean(str(first.facts.get("title", "")), 300),
        started=first.at,
        changed=happened[-1].at,
        who=first.who,
        steps=MappingProxyType(steps),
        old=now - first.at > timedelta(seconds=OLD_AFTER_S),
    )


def _happenings(path: Path) -> Iterator[Happening]:
    with path.open("rb") as file:
        for raw in file.read(_MAX_BYTES).split(b"\n"):
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                line = json.loads(raw)
                at = datetime.fromisoformat(line["at"]).astimezone(UTC)
                yield Happening(str(line["event"]), at, clean(str(line["who"]), 200), dict(line["facts"]))


def _line(happening: Happening) -> bytes:
    body = {
        "event": happening.event,
        "at": happening.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "who": happening.who,
        "facts": dict(happening.facts),
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"

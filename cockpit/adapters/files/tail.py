"""A log file followed by name, across rotation, truncation, removal and return.

The file is read in a thread of its own: a network file system that hangs holds that thread, never the event loop,
and the next poll says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cockpit.adapters.loglines import entry_of_line
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, NotFound, PermissionDenied, TimedOut, Unreachable
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import LogBatch, LogEntry
from cockpit.profile.schema import LogSource
from cockpit.text import clean

START_BYTES = 64 * 1024
READ_BYTES = 1024 * 1024  # of one read; what is left is announced with LogBatch.more
LINE_BYTES = 256 * 1024  # the rest of a longer line is skipped
SLICE_LINES = 100  # lines parsed before the loop gets its turn
UNFINISHED_S = 5.0  # a last line without its line break is shown after this
CONTINUES_S = 10.0  # a line without a time belongs to one with a time for so long, as stack traces do
GONE_S = 60.0  # a file that was removed may take this long to come back
_HEAD_BYTES = 256
_T = TypeVar("_T")


class FileLog:
    """Tailing for a file. Starts at about the last 64 KiB."""

    def __init__(self, source: LogSource, clock: Clock) -> None:
        if source.path is None:
            raise Misconfigured(f"logs/{source.name} has no path")
        self._path = Path(source.path).expanduser()
        self._timeout_s = source.timeout
        self._clock = clock
        self.origin = clean(str(self._path))
        self._cursor = _Cursor(self._path)
        self._busy: asyncio.Future[tuple[bytes, bool, list[str]]] | None = None
        self._lines: deque[bytes] = deque()
        self._entries: list[LogEntry] = []
        self._notes: list[str] = []
        self._more = False
        self._partial = b""
        self._partial_since = 0.0
        self._skipping = False  # inside a line that is longer than LINE_BYTES
        self._before = 0.0  # the last time that stood in a line
        self._before_read = 0.0
        self._gone_since: float | None = None

    async def read(self) -> LogBatch:
        """What was written since the last read.

        NotFound while there has never been such a file, or not for a minute; PermissionDenied; Misconfigured for
        what is no plain text file; TimedOut when the file system does not answer.
        """
        # What was taken from the file is kept here until it is returned: a poll that is cancelled loses nothing.
        if not self._lines:
            data, self._more, notes = await self._pull()
            self._lines.extend(self._split(data))
            self._notes.extend(notes)
        now, reading = self._clock.now().timestamp(), self._clock.monotonic()
        if reading - self._before_read > CONTINUES_S:
            self._before = 0.0
        while self._lines:
            for _ in range(min(SLICE_LINES, len(self._lines))):
                entry = entry_of_line(self._lines.popleft(), now, self._before)
                if entry is not None:
                    self._entries.append(entry)
                    # A time that was only lent is not lent on: a log without times would stand still for ever.
                    if entry.at != (self._before or now):
                        self._before, self._before_read = entry.at, reading
            await asyncio.sleep(0)
        entries, self._entries = tuple(self._entries), []
        texts, self._notes = tuple(dict.fromkeys(self._notes)), []
        return LogBatch(entries, texts, self._more)

    async def diagnose(self) -> list[Diagnosis]:
        """Whether the file is there and readable."""
        try:
            size = await asyncio.wait_for(_in_thread(lambda: _look(self._path)), self._timeout_s)
        except TimeoutError:
            return [Diagnosis("read", False, f"{self.origin}: the file system does not answer")]
        except CockpitError as error:
            return [Diagnosis("read", False, error.message, error.hint)]
        return [Diagnosis("read", True, f"{self.origin}: {size:,} bytes")]

    async def close(self) -> None:
        """Close the file, unless a read still hangs in it."""
        if self._busy is None or self._busy.done():
            self._cursor.close()

    async def _pull(self) -> tuple[bytes, bool, list[str]]:
        if self._busy is None:
            self._busy = _in_thread(self._cursor.pull)
        try:
            data, more, notes = await asyncio.wait_for(asyncio.shield(self._busy), self._timeout_s)
        except TimeoutError:
            raise TimedOut(
                f"reading {self.origin} takes longer than {self._timeout_s:g} s",
                hint="the file system does not answer: check the mount",
            ) from None
        except CockpitError:
            self._busy = None
            raise
        self._busy = None
        if self._cursor.missing:
            now = self._clock.monotonic()
            self._gone_since = now if self._gone_since is None else self._gone_since
            if now - self._gone_since > GONE_S and not data:
                raise NotFound(
                    f"{self.origin} was removed and has not come back",
                    hint="it is followed again as soon as it exists",
                )
            notes = [*notes, "file was moved or removed, waiting for the next one"]
        else:
            self._gone_since = None
        return data, more, notes

    def _split(self, data: bytes) -> list[bytes]:
        """Complete lines; what has no line break yet is kept for the next read, for a few seconds."""
        now = self._clock.monotonic()
        if not data:
            if self._partial and now - self._partial_since >= UNFINISHED_S:
                line, self._partial = self._partial, b""
                return [line]
            return []
        self._skipping, skipping = False, self._skipping
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        self._partial_since = now
        if skipping:
            if not lines:
                self._partial, self._skipping = b"", True
                return []
            del lines[0]
        if len(self._partial) > LINE_BYTES:
            lines.append(self._partial[:LINE_BYTES])
            self._partial, self._skipping = b"", True
            self._notes.append(f"a line longer than {LINE_BYTES // 1024} KiB was cut")
        return [line[:LINE_BYTES] for line in lines]


class _Cursor:
    """A position in a file that is known by name. All calls block and happen in one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._position = 0
        self._identity = (0, 0)
        self._head = b""
        self._opened_before = False
        self.missing = False  # the name leads nowhere; the old file is still open

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def pull(self) -> tuple[bytes, bool, list[str]]:
        """Up to READ_BYTES, whether there is more, and what happened to the file.

        Where one file ends and another begins there is a line break, so that no line is made of both.
        """
        notes: list[str] = []
        if self._descriptor is None:
            data = self._open()
        elif self._was_cut():
            notes.append("file was truncated")
            self._position, self._head = 0, b""
            data = b"\n" + self._read()
        else:
            data = self._read()
        if len(data) >= READ_BYTES:
            return data, True, notes
        try:
            if self._was_replaced():
                # The writer may have used the old file until a moment ago: empty it before letting go.
                data += self._read()
                if not data.endswith(b"\n"):
                    data += b"\n"
                self.close()
                notes.append("file was rotated")
                data += self._open()
        except CockpitError:
            # What was read comes first; the next pull meets the same error with empty hands.
            if not data:
                raise
        return data, False, notes

    def _open(self) -> bytes:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _file_error(self._path, error) from error
        try:
            status = os.fstat(descriptor)
            _check(self._path, status, os.pread(descriptor, 2, 0) if stat.S_ISREG(status.st_mode) else b"")
        except OSError as error:
            os.close(descriptor)
            raise _file_error(self._path, error) from error
        except CockpitError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        self._head = b""
        self.missing = False
        self._position = 0 if self._opened_before else max(0, status.st_size - START_BYTES)
        middle = self._position > 0
        self._opened_before = True
        data = self._read()
        return data.partition(b"\n")[2] if middle else data

    def _read(self) -> bytes:
        if self._descriptor is None:
            return b""
        try:
            data = os.pread(self._descriptor, READ_BYTES, self._position)
            self._position += len(data)
            if len(self._head) < _HEAD_BYTES:
                self._head = os.pread(self._descriptor, min(_HEAD_BYTES, self._position), 0)
        except OSError as error:
            self.close()
            raise _file_error(self._path, error) from error
        return data

    def _was_cut(self) -> bool:
        """Truncated, even where it has already grown past the old position: then its first bytes are others."""
        if self._descriptor is None:
            return False
        try:
            if os.fstat(self._descriptor).st_size < self._position:
                return True
            return os.pread(self._descriptor, len(self._head), 0) != self._head
        except OSError as error:
            self.close()
            raise _file_error(self._path, error) from error

    def _was_replaced(self) -> bool:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - beside its os.open and os.fstat siblings
        except FileNotFoundError:
            self.missing = True
            return False
        except OSError as error:
            raise _file_error(self._path, error) from error
        self.missing = False
        return (status.st_dev, status.st_ino) != self._identity


def _look(path: Path) -> int:
    cursor = _Cursor(path)
    try:
        cursor.pull()
        return path.stat().st_size
    finally:
        cursor.close()


def _check(path: Path, status: os.stat_result, magic: bytes) -> None:
    name = clean(str(path))
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise Misconfigured(f"{name} is {kind}", hint="give the path of the log file itself")
    if magic == b"\x1f\x8b":
        raise Misconfigured(f"{name} is compressed", hint="follow the file that is still written to")


def _file_error(path: Path, error: OSError) -> CockpitError:
    name = clean(str(path))
    if error.errno == errno.ENOENT:
        return NotFound(f"{name} does not exist", hint="it is followed as soon as it does; check path in the profile")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PermissionDenied(
            f"{name} may not be read",
            missing="read",
            hint=f"ask for read permission, e.g. setfacl -m u:$USER:r {name}",
        )
    if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        return Misconfigured(f"{name}: {error.strerror}", hint="check path in the profile")
    return Unreachable(f"{name} cannot be read: {error.strerror}", hint="check the disk or the mount")


def _in_thread(work: Callable[[], _T]) -> asyncio.Future[_T]:
    """Run `work` in an own daemon thread, which neither fills a shared pool nor holds up the end of the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    # Whoever waited may have given up: an error then belongs to nobody and must not be reported as forgotten.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def succeed(result: _T) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def run() -> None:
        # RuntimeError: the loop was closed while the file system hung; nobody is left to be told.
        try:
            result = work()
        except BaseException as error:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(fail, error)
        else:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=run, daemon=True, name="log-file").start()
    return future

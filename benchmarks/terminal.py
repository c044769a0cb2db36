"""A program in a pseudo-terminal, as a stream of timed bytes; they are drawn afterwards, so as not to disturb."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import pyte

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*u|\x1b\[\?[0-9]+\$p|\x1b\[\?2026[hl]|\x1b\[[0-9;]*t")
READ_BYTES = 1 << 16
# Questions that programs wait for, with what xterm says: no such capability, a VT220, a cursor position.
_QUESTIONS = (
    (re.compile(rb"\x1bP\+q[0-9a-fA-F;]*\x1b\\"), b"\x1bP0+r\x1b\\"),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read gave: seconds since the program was started, and the bytes."""

    at: float
    data: bytes


class Terminal:
    """Runs `argv` until it is left; every byte that it writes is kept with its time."""

    def __init__(self, argv: Sequence[str], columns: int, lines: int, env: Mapping[str, str] | None = None) -> None:
        self.columns, self.lines = columns, lines
        self.chunks: list[Chunk] = []
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        environ |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", **(env or {})}
        self._started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
                os.execvpe(argv[0], list(argv), environ)
            finally:
                os._exit(127)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def read(self, seconds: float) -> Chunk | None:
        """The next piece within `seconds`; None when nothing came. Raises EOFError when the program is gone."""
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return None
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            raise EOFError("the program ended")
        chunk = Chunk(self.now, data)
        self.chunks.append(chunk)
        for question, answer in _QUESTIONS:
            if count := len(question.findall(data)):
                os.write(self._fd, answer * count)
        return chunk

    def listen(self, seconds: float) -> list[Chunk]:
        """Everything that comes within `seconds`."""
        first = len(self.chunks)
        end = self.now + seconds
        while (left := end - self.now) > 0:
            self.read(left)
        return self.chunks[first:]

    def key(self, key: str) -> float:
        """Press a key; when, in seconds since the start."""
        at = self.now
        os.write(self._fd, key.encode())
        return at

    def screen(self) -> list[str]:
        """The lines of the screen as they are now."""
        return drawn(self.chunks, self.columns, self.lines).display

    def end(self) -> int:
        """SIGTERM, then SIGKILL after 8 s; the exit code."""
        for number, patience in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 2.0)):
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return 0
            end = time.monotonic() + patience
            while time.monotonic() < end:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    return 0
                if pid:
                    os.close(self._fd)
                    return os.waitstatus_to_exitcode(status)
                try:
                    self.read(0.02)
                except EOFError:
                    time.sleep(0.02)
        return -1


def drawn(chunks: Sequence[Chunk], columns: int, lines: int) -> pyte.Screen:
    """What a terminal shows after `chunks`."""
    screen = pyte.Screen(columns, lines)
    pyte.ByteStream(screen).feed(_UNKNOWN_TO_PYTE.sub(b"", b"".join(chunk.data for chunk in chunks)))
    return screen


def first_paint(chunks: Sequence[Chunk], columns: int, lines: int, share: float = 0.05) -> float | None:
    """When at least `share` of the cells first had something on them, in seconds since the start."""
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    for chunk in chunks:
        stream.feed(_UNKNOWN_TO_PYTE.sub(b"", chunk.data))
        if sum(len(line) - line.count(" ") for line in screen.display) >= share * columns * lines:
            return chunk.at
    return None


def deflated(chunks: Sequence[Chunk]) -> int:
    """Bytes on the wire with `ssh -C` (zlib level 6, flushed for each packet)."""
    packer = zlib.compressobj(6)
    return sum(len(packer.compress(chunk.data)) + len(packer.flush(zlib.Z_PARTIAL_FLUSH)) for chunk in chunks)

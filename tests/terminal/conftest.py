"""A program in a real pseudo-terminal: raw bytes, a rendered screen, and waits that end on a condition."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte
import pytest

APPS = Path(__file__).parent / "apps"
DEADLINE_S = 15.0
# pyte 0.8 prints what it does not know of these: kitty key modes and mode queries.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*u|\x1b\[\?[0-9]+\$p|\x1b\[\?2026[hl]")


class TooLate(AssertionError):
    """A condition did not come true in time."""


class PtyHost:
    """Runs `argv` with a pseudo-terminal as its controlling terminal."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.raw = bytearray()
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._carry = b""
        self._status: int | None = None
        self._open = True
        environ = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "COVERAGE_PROCESS_START")
        }
        environ |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PS1": "$ "}
        for name, value in (env or {}).items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
        with warnings.catch_warnings():
            # Python 3.12 warns where other threads live; this child does nothing but exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid, fd = pty.fork()
        if pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
                if cwd is not None:
                    os.chdir(cwd)
                os.execvpe(argv[0], list(argv), environ)
            finally:
                os._exit(127)
        self.pid, self.fd = pid, fd

    def __enter__(self) -> PtyHost:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    # Reading

    def pump(self, seconds: float = 0.02) -> bool:
        """Take what comes within `seconds` (ends after the first piece); False once the other side has closed."""
        if not self._open or not select.select([self.fd], [], [], seconds)[0]:
            return self._open
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            return False
        self.raw += data
        self._render(data)
        return True

    def _render(self, data: bytes) -> None:
        data = self._carry + data
        # A sequence may be cut anywhere: keep an unfinished one back.
        at = data.rfind(b"\x1b")
        self._carry = b""
        if at >= 0 and len(data) - at < 16 and re.fullmatch(rb"\x1b(?:\[[0-9;?<>=$]*)?", data[at:]):
            data, self._carry = data[:at], data[at:]
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))

    @property
    def text(self) -> str:
        """The screen as text, trailing blanks cut."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, condition: Callable[[], object], what: str = "", deadline_s: float = DEADLINE_S) -> None:
        """Read until `condition` holds."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                last = bytes(self.raw[-400:])
                raise TooLate(f"{what or 'condition'} not within {deadline_s} s; {last=}; screen:\n{self.text}")
            if not self.pump() and not condition():
                raise TooLate(f"{what or 'condition'}: the program ended first; screen:\n{self.text}")

    def shows(self, *texts: str, deadline_s: float = DEADLINE_S) -> None:
        """Read until every one of `texts` is on the screen."""
        self.until(lambda: all(text in self.text for text in texts), f"{texts} on screen", deadline_s)

    def until_raw(self, data: bytes, since: int = 0, deadline_s: float = DEADLINE_S) -> None:
        """Read until `data` was received after position `since`."""
        self.until(lambda: self.raw.find(data, since) >= 0, f"bytes {data!r}", deadline_s)

    # Writing

    def send(self, data: str | bytes) -> None:
        """Type."""
        os.write(self.fd, data if isinstance(data, bytes) else data.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal (SIGWINCH goes to the program)."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def close(self) -> None:
        """Hang up."""
        if self._open:
            self._open = False
            os.close(self.fd)

    # The process

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, number)

    def exit_code(self, deadline_s: float = DEADLINE_S) -> int:
        """Read until the program has ended; its exit code, or minus the signal that killed it."""
        end = time.monotonic() + deadline_s
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise TooLate(f"still running after {deadline_s} s; screen:\n{self.text}")
            else:
                self.pump(0.01)
                if not self._open:
                    select.select([], [], [], 0.01)
        while self._open and select.select([self.fd], [], [], 0)[0] and self.pump(0):
            pass
        return self._status

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is None

    def kill(self) -> None:
        """End the program whatever it does."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._status = -signal.SIGKILL
        self.close()


class Start:
    """Starts programs in pseudo-terminals for one test and ends them with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hosts: list[PtyHost] = []

    def __call__(
        self,
        app: str,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str | None] | None = None,
        ready: str = "READY",
    ) -> PtyHost:
        """Run `apps/{app}.py` and wait for `ready` on its screen."""
        return self.command(
            [sys.executable, str(APPS / f"{app}.py"), *arguments], columns=columns, lines=lines, env=env, ready=ready
        )

    def command(
        self,
        argv: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str | None] | None = None,
        ready: str = "READY",
    ) -> PtyHost:
        """Run any program and wait for `ready` on its screen."""
        state = {"XDG_STATE_HOME": str(self.folder / "state"), "TICKS": str(self.folder / "ticks")}
        host = PtyHost(argv, columns=columns, lines=lines, env={**state, **(env or {})})
        self._hosts.append(host)
        if ready:
            host.shows(ready)
        return host

    def ticks(self) -> int:
        """How often the app's loop has ticked."""
        path = self.folder / "ticks"
        return len(path.read_bytes()) if path.exists() else 0

    def end(self) -> None:
        """End what is left."""
        for host in self._hosts:
            host.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Programs in pseudo-terminals."""
    starter = Start(tmp_path)
    yield starter
    starter.end()

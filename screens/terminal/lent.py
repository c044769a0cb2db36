"""The terminal while another program has it: whatever that does, and however it ends, it comes back as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Iterator
from types import FrameType

# What a program may leave behind that was killed: alternate screen, mouse, pasting, hidden cursor, colours, keypad.
SETTLED = "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[0m\x1b>"
_QUIT, _STOP = signal.SIGQUIT, signal.SIGTSTP


def _passed_by(_number: int, _frame: FrameType | None) -> None:
    """The program that has the terminal hears it, too, and does as it likes."""


@contextlib.contextmanager
def lent() -> Iterator[None]:
    """Line settings are put back; ctrl+\\ is the other program's; ctrl+z, after which nobody would continue it, does
    nothing. (The app itself lets ctrl+c pass by.) Only in the main thread.
    """
    fd = _fd()
    modes = termios.tcgetattr(fd) if fd is not None else None
    before = {number: signal.getsignal(number) for number in (_QUIT, _STOP)}
    signal.signal(_QUIT, _passed_by)  # a handler is not inherited: there, it is the default
    signal.signal(_STOP, signal.SIG_IGN)  # this is
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if fd is not None and modes is not None:
            with contextlib.suppress(termios.error, OSError):  # it may be gone, which is found out elsewhere
                termios.tcsetattr(fd, termios.TCSAFLUSH, modes)
                os.write(2, SETTLED.encode())


async def entered(said: str) -> None:
    """Say it below what the other program wrote, and wait for enter, or for the end of input."""
    fd = _fd()
    if fd is None:
        return
    with contextlib.suppress(OSError):
        os.write(2, f"\r\n{said}".encode())
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    loop.add_reader(fd, pressed.set)
    try:
        await pressed.wait()
        os.read(fd, 4096)
        await heard()
    finally:
        loop.remove_reader(fd)


async def heard() -> None:
    """A ctrl+c that came just now has been heard when this returns: as one for the program that has the terminal.

    The loop takes up to three rounds from the signal to its handler.
    """
    for _ in range(4):
        await asyncio.sleep(0)


def settle() -> None:
    """Line settings as a person types in, after a program that was killed."""
    fd = _fd()
    if fd is None:
        return
    with contextlib.suppress(termios.error, OSError):
        modes = termios.tcgetattr(fd)
        modes[0] |= termios.ICRNL
        modes[1] |= termios.OPOST
        modes[3] |= termios.ICANON | termios.ECHO | termios.ISIG
        termios.tcsetattr(fd, termios.TCSANOW, modes)
        os.write(2, SETTLED.encode())


def _fd() -> int | None:
    """Of the terminal on standard input, None without one."""
    stream = sys.__stdin__
    if stream is None or not stream.isatty():
        return None
    return stream.fileno()

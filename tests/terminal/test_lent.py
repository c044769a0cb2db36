"""A terminal that was lent out: whatever the other program did to it, it comes back, and is left as it was found."""

from __future__ import annotations

import termios
from typing import Any

FOUND = termios.ICANON | termios.ECHO | termios.ISIG


def modes(host: Any) -> int:
    found: int = termios.tcgetattr(host.fd)[3]
    return found


def test_a_program_that_is_killed_in_the_middle_leaves_nothing_behind(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("K")
    host.until_raw(b"RAW", since=mark)
    mark = len(host.raw)
    host.send("x")
    host.shows("BACK -9", "●▲✖")
    again = host.raw.find(b"\x1b[?1049h", mark)
    assert 0 <= host.raw.find(b"\x1b[?1003l", mark) < again
    host.send("q")
    assert host.exit_code(8) == 0
    assert modes(host) & FOUND == FOUND


def test_an_answer_stays_until_somebody_has_read_it(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("W")
    host.until_raw(b"enter goes back", since=mark)
    assert b"ANSWER" in host.raw[mark:]
    mark = len(host.raw)
    host.send("\x03")  # nobody is there to be interrupted
    host.send("\r")
    host.shows("BACK 0", "●▲✖")


def test_ctrl_z_does_not_stop_what_nobody_could_continue(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("X")
    host.until_raw(b"OUTSIDE", since=mark)
    host.send("\x1a")
    host.send("\r")
    host.shows("BACK 7", "●▲✖")


def test_a_size_that_changed_meanwhile_is_that_of_the_screen_afterwards(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("X")
    host.until_raw(b"OUTSIDE", since=mark)
    host.resize(100, 30)
    host.send("\r")
    host.shows("BACK 7", "●▲✖")
    host.shows("SIZE 100x30")

"""The real cockpit, as its command starts it, on a terminal that misbehaves."""

import fcntl
import re
import select
import signal
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.pty

COMMAND = [sys.executable, "-c", "from screens.main import main; main()"]
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1004l")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A system with one log file."""
    log = tmp_path / "shop.log"
    log.write_text(
        "".join(f'{{"severity": "INFO", "message": "line {number} of the shop"}}\n' for number in range(40))
    )
    path = tmp_path / "shop.toml"
    source = f'name = "app"\ntype = "file"\npath = "{log}"\ninterval = "0.2s"'
    path.write_text(f'system = "shop"\nenvironment = "test"\n[[logs]]\n{source}\n')
    return path


def add(profile: Path, text: str) -> None:
    with profile.with_name("shop.log").open("a") as log:
        log.write(f'{{"severity": "ERROR", "message": "{text}"}}\n')


@pytest.fixture
def cockpit(start: Any, profile: Path) -> Any:
    """The cockpit on that system, its log shown."""
    add(profile, "first error")
    host = start.command([*COMMAND, str(profile)], columns=100, lines=30, ready="first error")
    return host


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_cockpit_and_gives_the_terminal_back(
    cockpit: Any, number: signal.Signals, code: int
) -> None:
    cockpit.signal(number)
    assert cockpit.exit_code(8) == code
    assert all(mode in cockpit.raw for mode in RESTORED)


def test_a_lost_terminal_ends_the_cockpit(cockpit: Any) -> None:
    cockpit.close()
    assert cockpit.exit_code(8) == 129


def unread(host: Any) -> int:
    """Bytes that the program has written and nobody has read."""
    answer = fcntl.ioctl(host.fd, termios.FIONREAD, b"\0\0\0\0")
    return int.from_bytes(answer, sys.byteorder)


def test_after_a_stall_in_a_resize_storm_the_screen_shows_the_truth(cockpit: Any, profile: Path) -> None:
    for step in range(40):
        before = unread(cockpit)
        cockpit.resize(60 + (step * 37) % 140, 20 + (step * 13) % 40)
        # Give it the time to draw; once the pseudo-terminal is full nothing more can come.
        end = time.monotonic() + 0.05
        while unread(cockpit) == before and time.monotonic() < end:
            select.select([], [], [], 0.002)
    add(profile, "error during the stall")
    cockpit.resize(110, 32)
    cockpit.shows("error during the stall", "Logs")
    add(profile, "error after the stall")
    cockpit.shows("error after the stall")
    assert cockpit.screen.columns == 110
    cockpit.signal(signal.SIGTERM)
    assert cockpit.exit_code(8) == 143


def test_pasted_commands_do_nothing_in_the_cockpit(cockpit: Any) -> None:
    cockpit.send("!RKFDq\ry")
    cockpit.shows("arrived at once")
    assert "OBSERVE" in cockpit.text
    assert cockpit.running


def test_the_cockpit_refuses_a_dumb_terminal(start: Any, profile: Path) -> None:
    host = start.command([*COMMAND, str(profile)], env={"TERM": "dumb"}, ready="")
    assert host.exit_code() not in (0, 1)
    assert b"cockpit check" in host.raw
    assert b"\x1b" not in host.raw


def test_over_ssh_the_command_settles_textual_for_a_slow_link(start: Any, profile: Path) -> None:
    host = start("settled", str(profile), env={"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, ready="")
    assert host.exit_code() == 0
    assert b"DELAY 0.25 ANIMATIONS none" in host.raw


def colours(raw: bytes) -> set[str]:
    """The SGR parameters that set a colour."""
    found: set[str] = set()
    for parameters in re.findall(r"\x1b\[([0-9;]*)m", raw.decode("utf-8", "ignore")):
        found |= {code for code in parameters.split(";") if re.fullmatch(r"3[0-8]|4[0-8]|9[0-7]|10[0-7]", code)}
    return found


def test_no_color_sends_attributes_and_no_colour(start: Any, profile: Path) -> None:
    add(profile, "first error")
    host = start.command([*COMMAND, str(profile)], env={"NO_COLOR": "1"}, columns=100, lines=30, ready="first error")
    assert colours(bytes(host.raw)) == set()
    assert b"\x1b[1m" in host.raw


def test_a_vt100_gets_ascii_without_being_asked_to(start: Any, profile: Path) -> None:
    add(profile, "first error")
    host = start.command([*COMMAND, str(profile)], env={"TERM": "vt100"}, columns=100, lines=30, ready="first error")
    assert max(host.raw) < 128


def test_a_bad_profile_is_told_in_full_on_the_restored_terminal(start: Any, profile: Path) -> None:
    profile.write_text('system = "shop"\nenvironment = "test"\n[[logs]]\nname = "app"\ntype = "file"\npaht = "x"\n')
    host = start.command([*COMMAND, str(profile)], columns=100, lines=30, ready="")
    assert host.exit_code(8) not in (0, 1)
    said = bytes(host.raw[host.raw.rfind(b"\x1b[?1049l") :]).decode()
    assert "shop.toml:6" in said
    assert "paht" in said

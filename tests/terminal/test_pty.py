"""The hardened app in a real pseudo-terminal: what happens to the terminal happens here."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.pty

APP = Path(__file__).parent / "apps" / "plain.py"
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1003l", b"\x1b[?1004l", b"\x1b[<u", b"\x1b[?7h")


def tail_after_last_frame(raw: bytes) -> bytes:
    return raw[raw.rfind(b"\x1b[?2004l") :]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_the_app_in_order_and_restores_the_terminal(
    start: Any, number: signal.Signals, code: int
) -> None:
    host = start("plain")
    host.signal(number)
    assert host.exit_code(5) == code
    assert all(mode in host.raw for mode in RESTORED)


def test_hanging_up_ends_the_app_with_the_code_of_a_hangup(start: Any) -> None:
    host = start("plain")
    host.close()
    assert host.exit_code(5) == 129


def test_hanging_up_ends_it_even_when_hangups_are_ignored(start: Any) -> None:
    host = start.command(["sh", "-c", f"trap '' HUP; exec '{sys.executable}' '{APP}'"])
    host.close()
    assert host.exit_code(5) == 129


def test_an_ending_that_hangs_is_cut_short(start: Any) -> None:
    host = start("plain")
    host.send("H")
    host.shows("keys=H=")
    host.signal(signal.SIGTERM)
    assert host.exit_code(8) == 143


def test_end_of_file_on_the_keyboard_ends_the_app(start: Any, tmp_path: Path) -> None:
    # A terminal cannot send end of file in raw mode; a keyboard that is a pipe or a broken relay can.
    program = (
        "import os, sys; sys.argv=[sys.argv[1]]; r, w = os.pipe(); os.dup2(r, 0); os.close(r);"
        "import runpy, signal; signal.signal(signal.SIGUSR1, lambda *_: os.close(w));"
        "import screens.terminal as t; t.refusal = lambda: None; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    host = start.command([sys.executable, "-c", program, str(APP)])
    host.signal(signal.SIGUSR1)
    assert host.exit_code() == 129


def test_a_stalled_link_stops_neither_the_loop_nor_the_screen_afterwards(start: Any) -> None:
    host = start("plain")
    host.send("f")
    host.shows("FLOOD")
    # Nobody reads from here: the pseudo-terminal's buffer fills up, then the backlog.
    before = start.ticks()
    wait_for_ticks(start, before + 60, 8)
    host.send("f")
    host.until(lambda: re.search(r"CALM (\d{6})", host.text), "calm")
    rounds = re.search(r"CALM (\d{6})", host.text)
    assert rounds is not None
    host.shows(f"{rounds[1]} ")
    lines = [line for line in host.text.splitlines() if line.startswith(rounds[1])]
    assert len(lines) == 10
    assert all(len(set(line[7:67])) == 1 for line in lines)


def wait_for_ticks(start: Any, count: int, deadline_s: float) -> None:
    import select
    import time

    end = time.monotonic() + deadline_s
    while start.ticks() < count:
        assert time.monotonic() < end, f"the loop stood still at {start.ticks()} ticks"
        select.select([], [], [], 0.02)


def test_a_byte_that_is_no_utf8_is_a_replacement_character(start: Any) -> None:
    host = start("plain")
    host.send(b"a\xe9")
    host.shows("keys=a\ufffd=")
    wait_for_ticks(start, start.ticks() + 2, 5)
    host.send(b"b\xffc")
    host.shows("keys=a\ufffdb\ufffdc=")
    wait_for_ticks(start, start.ticks() + 2, 5)  # six keys within 20 ms would be a paste
    host.send("é中")
    host.shows("keys=a\ufffdb\ufffdcé中")


def test_a_resize_storm_ends_on_the_last_size(start: Any) -> None:
    host = start("plain")
    for step in range(60):
        host.resize(20 + (step * 37) % 180, 5 + (step * 13) % 60)
        host.pump(0.005)
    host.resize(1, 1)
    host.resize(90, 30)
    host.shows("SIZE 90x30", "●▲✖ ━━━ é 中")
    host.send("z")
    host.shows("keys=z=")


def test_ascii_mode_sends_no_byte_above_127(start: Any) -> None:
    host = start("plain", "--ascii", env={"TERM": "vt100", "LC_ALL": "C"})
    host.shows("*!x === ? ????")
    host.send("rm -rf /\r")
    host.shows("arrived at once")
    host.send("q")
    host.exit_code()
    assert max(host.raw) < 128


def test_output_is_utf8_whatever_python_is_told(start: Any) -> None:
    host = start("plain", env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    host.shows("●▲✖ ━━━ é 中")


def test_keys_pasted_without_brackets_are_not_carried_out(start: Any) -> None:
    host = start("plain")
    host.send("rm -fx q\r")
    host.shows("9 keys arrived at once", "taken for a")
    assert "keys=" not in host.text
    host.send("z")
    host.shows("keys=z=")
    assert host.running


def test_keys_pasted_without_brackets_into_a_text_field_are_a_paste(start: Any) -> None:
    host = start("plain")
    host.send("i")
    host.until(lambda: b"\x1b[" in host.raw, "focus")
    host.shows("keys=i=")
    host.send("production/shop\rx")
    host.shows("production/shop")
    assert "keys=i=" in host.text
    assert host.running


def test_a_held_motion_key_over_a_slow_link_still_moves(start: Any) -> None:
    host = start("plain")
    host.send("jjjjjjjjjjjj")
    host.shows("keys=jjjjjjjjjjjj=")
    host.send("\x1b[B" * 9)
    host.shows("keys=jjjjjjjjjjjj" + "<down>" * 9)


def test_a_bracketed_paste_arrives_once_capped_and_without_escapes(start: Any) -> None:
    host = start("plain")
    host.send("\x1b[200~ls\x1b]0;x\x07 -l\x1b[201~")
    host.shows("paste=9:'ls]0;x -l'=")
    host.send("\x1b[200~" + "y" * 70_000 + "\x1b[201~")
    host.shows("paste=65536:")
    wait_for_ticks(start, start.ticks() + 2, 5)  # what comes within 20 ms of a paste is part of it
    host.send("z")
    host.shows("keys=z=")


def test_what_follows_the_end_mark_inside_a_paste_is_not_typed(start: Any) -> None:
    host = start("plain")
    host.send("\x1b[200~harmless\x1b[201~q\x1b[201~")
    host.shows("paste=8:'harmless'", "1 key arrived")
    assert host.running


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back(start: Any) -> None:
    host = start.command(["bash", "--norc", "--noprofile", "-i"], ready="$")
    host.send(f"{sys.executable} {APP}\r")
    host.shows("READY")
    mark = len(host.raw)
    host.send("\x1a")
    host.until_raw(b"Stopped", since=mark)
    assert host.raw.find(b"\x1b[?1049l", mark) >= 0
    host.send("echo in_the_$((40+2))\r")
    host.until_raw(b"in_the_42", since=mark)
    mark = len(host.raw)
    host.send("fg\r")
    host.until_raw(b"\x1b[?1049h", since=mark)
    host.shows("READY", "●▲✖")
    host.send("z")
    host.shows("keys=")
    host.send("q")
    host.until_raw(b"\x1b[?1049l", since=mark)


def test_ctrl_z_without_a_shell_is_refused(start: Any) -> None:
    host = start("plain")
    host.send("\x1a")
    host.shows("no shell to return to")


def test_a_stop_from_outside_costs_nothing_but_a_repaint(start: Any) -> None:
    host = start("plain")
    host.signal(signal.SIGSTOP)
    mark = len(host.raw)
    host.signal(signal.SIGCONT)
    host.until_raw(b"READY", since=mark)
    host.send("z")
    host.shows("keys=z=")
    if sys.platform == "linux":
        # The main thread, one for keys, one for output: the old ones are gone.
        status = Path(f"/proc/{host.pid}/status")
        host.until(lambda: "Threads:\t3\n" in status.read_text(), "three threads")


def test_another_program_gets_the_terminal_while_the_loop_runs_on(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("X")
    host.until_raw(b"OUTSIDE", since=mark)
    assert host.raw.find(b"\x1b[?1049l", mark) >= 0
    wait_for_ticks(start, start.ticks() + 5, 5)
    mark = len(host.raw)
    host.send("\r")
    host.shows("BACK 7", "●▲✖")
    assert host.raw.find(b"\x1b[?1049h", mark) >= 0


def test_a_program_that_is_not_there_is_a_sentence_on_the_screen(start: Any) -> None:
    host = start("plain")
    host.send("E")
    host.shows("cannot run /nonexistent/psql", "●▲✖")


def test_an_error_in_the_diff_costs_the_diff_and_not_the_screen(start: Any) -> None:
    host = start("plain")
    host.send("D")
    host.shows("frames are sent whole", "keys=D=", "●▲✖")
    host.send("z")
    host.shows("keys=Dz=")


def test_ctrl_c_belongs_to_the_program_that_has_the_terminal(start: Any) -> None:
    host = start("plain")
    mark = len(host.raw)
    host.send("X")
    host.until_raw(b"OUTSIDE", since=mark)
    host.send("\x03")
    host.shows("BACK -2")


def test_a_crash_shows_one_sentence_and_no_value(start: Any) -> None:
    host = start("plain")
    host.send("x")
    assert host.exit_code(8) == 1
    said = bytes(host.raw[host.raw.find(b"\x1b[?1049l") :]).decode()
    assert "The cockpit ended because of an error of its own (ValueError)" in said
    found = re.search(r"is in (\S+)", said)
    assert found is not None
    report = Path(found[1])
    assert report.stat().st_mode & 0o777 == 0o600
    assert report.parent.stat().st_mode & 0o777 == 0o700
    text = report.read_text()
    assert "action_boom" in text
    for secret in ("hunter2", "swordfish", "OWNED"):
        assert secret not in said
    assert "hunter2" not in text
    assert "swordfish" not in text.replace('password = "swordfish"', "")
    assert "\x1b" not in text
    assert "\x1b]" not in said


def test_without_a_terminal_one_sentence_names_the_alternative() -> None:
    result = subprocess.run(
        [sys.executable, str(APP)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )
    assert result.returncode == 1
    assert "cockpit check" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_dumb_terminal_is_refused(start: Any) -> None:
    host = start.command([sys.executable, str(APP)], env={"TERM": "dumb"}, ready="")
    assert host.exit_code() == 1
    assert b"cockpit check" in host.raw
    assert b"\x1b" not in host.raw


def test_no_mouse_leaves_the_mouse_to_the_terminal(start: Any) -> None:
    host = start("plain", "--no-mouse")
    assert b"\x1b[?1003h" not in host.raw
    assert b"\x1b[?1000h" not in host.raw


@pytest.mark.parametrize("option", ["--diff", "--stock"])
def test_both_ways_of_drawing_show_the_same(start: Any, option: str) -> None:
    host = start("plain", option)
    host.send("ab")
    host.shows("READY", "keys=ab=", "●▲✖ ━━━ é 中")


def test_standard_output_may_go_elsewhere(start: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    host = start.command(["sh", "-c", f'exec "{sys.executable}" "{APP}" > "{target}"'], columns=100, lines=30)
    host.shows("SIZE 100x30")
    assert target.read_bytes() == b""


def test_columns_in_the_environment_do_not_deceive(start: Any) -> None:
    host = start("plain", env={"COLUMNS": "40", "LINES": "10"}, columns=100, lines=30)
    host.shows("SIZE 100x30")
    assert os.environ.get("COLUMNS") != "40"

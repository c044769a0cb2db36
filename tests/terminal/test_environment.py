import io
import os
import pty
import subprocess
import sys

import pytest

from screens.terminal import no_color, prepare, refusal, wants_ascii


def test_over_ssh_an_escape_sequence_may_take_its_time() -> None:
    environ = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    prepare(environ)
    assert environ["ESCDELAY"] == "250"
    assert "TEXTUAL_FPS" not in environ


def test_what_the_user_has_set_stays() -> None:
    environ = {"SSH_TTY": "/dev/pts/1", "ESCDELAY": "50", "TEXTUAL_ANIMATIONS": "full"}
    prepare(environ)
    assert environ["ESCDELAY"] == "50"
    assert environ["TEXTUAL_ANIMATIONS"] == "full"


def test_locally_the_escape_key_is_not_slowed_down() -> None:
    environ: dict[str, str] = {}
    prepare(environ)
    assert "ESCDELAY" not in environ
    assert environ["TEXTUAL_FPS"] == "120"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


def test_no_color_starts_in_the_terminals_own_colours() -> None:
    environ = {"NO_COLOR": "1"}
    prepare(environ)
    assert environ["TEXTUAL_THEME"] == "ansi-dark"
    assert no_color(environ)
    assert not no_color({"NO_COLOR": ""})


def test_importing_the_package_imports_no_textual() -> None:
    code = "import sys, os, screens.terminal; print('textual' in sys.modules, os.environ['TEXTUAL_ANIMATIONS'])"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert result.stdout.split() == ["False", "none"]


@pytest.mark.parametrize(
    ("environ", "codeset", "expected"),
    [
        ({"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, None, False),
        ({"TERM": "xterm-256color", "LANG": "C.utf8"}, None, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE.ISO-8859-15@euro"}, None, True),
        ({"TERM": "xterm-256color", "LC_ALL": "de_DE.ISO-8859-1", "LANG": "de_DE.UTF-8"}, None, True),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, None, True),
        ({"TERM": "vt100", "LANG": "C.UTF-8"}, None, True),
        ({"TERM": "screen"}, "utf-8", False),
        ({"TERM": "screen"}, "ANSI_X3.4-1968", True),
        ({"TERM": "screen"}, "nonsense", True),
    ],
)
def test_ascii_is_chosen_where_glyphs_would_be_garbage(
    environ: dict[str, str], codeset: str | None, expected: bool
) -> None:
    assert wants_ascii(environ, codeset) is expected


def test_a_refusal_names_the_reason_and_the_alternative() -> None:
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "r", closefd=False) as terminal:
            good = {"TERM": "xterm-256color"}
            assert refusal(good, terminal, terminal) is None
            cases = [
                (refusal(good, io.StringIO(), terminal), "standard input"),
                (refusal(good, terminal, io.StringIO()), "standard error"),
                (refusal({"TERM": "dumb"}, terminal, terminal), "TERM=dumb"),
                (refusal({}, terminal, terminal), "TERM is not set"),
            ]
    finally:
        os.close(master)
        os.close(slave)
    for said, reason in cases:
        assert said is not None
        assert reason in said
        assert "cockpit check PROFILE" in said

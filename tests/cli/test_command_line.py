"""The command itself: help, choice of a profile, exit codes, what it imports, how it writes."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from cockpit.cli import demo, exits, output
from cockpit.cli.output import Style, age, columns, table
from cockpit.errors import Conflict, Misconfigured, NotFound, PermissionDenied, Refused, TimedOut, Unreachable
from cockpit.model.severity import Severity
from cockpit.sandbox.scenarios import Scenario
from screens.main import COMMANDS, cockpit

PROFILE = 'system = "shop"\nenvironment = "production"\n[[health]]\nname = "a"\nurl = "http://127.0.0.1:1/"\n'
SDKS = ("grpc", "google", "kubernetes", "asyncpg", "redis", "httpx", "jmespath")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "config" / "cockpit"
    folder.mkdir(parents=True)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = exits.run(cockpit, words)
    captured = capsys.readouterr()
    return int(code), captured.out, captured.err


# -- which profile


def test_without_a_profile_three_lines_say_what_to_do_next(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 3
    assert "cockpit demo" in lines[0]
    assert str(config / "NAME.toml") in lines[1]
    assert "cockpit doctor NAME" in lines[2]


def test_several_profiles_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "shop.toml").write_text(PROFILE)
    (config / "billing.toml").write_text("oops")
    code, out, _ = run(capsys)
    assert code == 0
    assert out.splitlines()[1:] == ["  billing  (has problems)", "  shop     shop production"]


@pytest.mark.parametrize("words", [(), ("shop",), ("shop.toml",), ("open", "shop"), ("--ascii", "shop")])
def test_the_screen_opens_on_the_only_profile_or_the_named_one(
    config: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (config / "shop.toml").write_text(PROFILE)
    opened: list[Any] = []
    monkeypatch.setattr("screens.main._show", lambda *given: opened.append(given) or 0)
    assert exits.run(cockpit, words) == 0
    assert opened == [(config / "shop.toml", None, "--ascii" in words, False)]


def test_the_looks_are_handed_to_the_screen(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config / "shop.toml").write_text(PROFILE)
    opened: list[Any] = []
    monkeypatch.setattr("screens.main._show", lambda *given: opened.append(given) or 0)
    assert exits.run(cockpit, ["shop", "--theme", "light", "--ascii", "--no-mouse"]) == 0
    assert opened == [(config / "shop.toml", "light", True, True)]


def test_a_slip_in_a_command_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "chekc")
    assert (code, out) == (64, "")
    assert err.endswith("Did you mean check?\n")


@pytest.mark.parametrize("words", [("shop",), ("demo",)])
def test_without_a_terminal_the_screen_refuses_with_a_hint(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (config / "shop.toml").write_text(PROFILE)
    monkeypatch.setattr("sys.__stdin__", io.StringIO())
    code, _, err = run(capsys, *words)
    assert code == 64
    assert "not a terminal" in err and "cockpit check" in err


# -- help


def test_every_command_has_its_help_and_its_line_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, listed, _ = run(capsys, "--help")
    assert code == 0
    for entry in COMMANDS:
        assert f"  {entry.name:<8} {entry.summary}" in listed
        code, out, _ = run(capsys, entry.name, "--help")
        assert code == 0 and out.startswith(f"Usage: cockpit {entry.name}")


@pytest.mark.parametrize("name", ["check", "actions", "plan", "act", "approve", "doctor", "schema"])
def test_every_headless_command_knows_json(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert "--json" in run(capsys, name, "--help")[1]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    import cockpit as package

    assert run(capsys, "--version") == (0, f"{package.__version__}\n", "")


def test_the_demo_knows_the_scenarios_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(demo.SCENARIOS) == {scenario.value for scenario in Scenario}
    code, _, err = run(capsys, "demo", "--scenario", "bad-rev")
    assert code == 64
    assert "did you mean bad-revision?" in err


# -- errors and exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("x"), 64),
        (Refused("mode", "x"), 4),
        (NotFound("x"), 4),
        (Conflict("x"), 4),
        (PermissionDenied("x"), 4),
        (Unreachable("x", hint="look at the network"), 69),
        (TimedOut("x"), 69),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(errno.EPIPE, "x"), 74),
        (click.UsageError("x"), 64),
        (RuntimeError("hunter2"), 70),
        (FileNotFoundError(errno.ENOENT, "hunter2"), 70),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_is_a_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    with Path("/dev/null").open("w") as nowhere:  # a pipe that breaks gets its descriptor replaced
        if isinstance(error, BrokenPipeError):
            monkeypatch.setattr(sys, "stdout", nowhere)
            monkeypatch.setattr(sys, "stderr", sys.stderr)  # click replaces both
        assert exits.run(failing, []) == code
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "hunter2" not in told, "an unexpected message may hold a secret"
    assert told or isinstance(error, BrokenPipeError)
    if code == 70:
        assert "a defect of the cockpit" in told and "test_command_line.py:" in told


def test_an_error_is_json_too_where_json_was_asked_for(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "shop.toml").write_text(PROFILE + "colour = 1\n")
    code, out, err = run(capsys, "check", "shop", "--json")
    assert code == 64
    told = json.loads(out)["error"]
    assert told["word"] == "misconfigured"
    assert [(problem["line"], problem["key"]) for problem in told["problems"]] == [(6, "health[0].colour")]
    assert err.startswith(f"{config}/shop.toml:6:1: health[0].colour: unknown key")


def test_what_was_typed_is_not_repeated_raw(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "x\x1b]0;gotcha\x07y")
    assert code == 64
    assert "\x1b" not in out + err and "\x07" not in out + err


# -- the second person


def test_a_plan_is_approved_by_a_file_of_the_second_person(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "approvals").mkdir()
    (config / "shop.toml").write_text(f'{PROFILE}[limits]\napprovals = "{tmp_path / "approvals"}"\n')
    code, out, _ = run(capsys, "approve", "shop", "ab" * 32, "--json")
    assert code == 0
    assert json.loads(out)["valid_s"] == 900
    assert [path.name.partition(".")[0] for path in (tmp_path / "approvals").iterdir()] == ["ab" * 32]


def test_without_a_folder_or_a_digest_nothing_is_approved(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "shop.toml").write_text(PROFILE)
    assert run(capsys, "approve", "shop", "ab" * 32)[0] == 4
    (config / "shop.toml").write_text(f'{PROFILE}[limits]\napprovals = "{config}"\n')
    code, _, err = run(capsys, "approve", "shop", "abc")
    assert code == 4
    assert "64 hexadecimal digits" in err


# -- what is imported


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.__stdout__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("words", [["--help"], ["schema"], ["audit", "verify"], ["check", "--help"], []])
def test_a_command_that_needs_no_sdk_imports_none(tmp_path: Path, words: list[str]) -> None:
    code = f"import os, io; os.environ['XDG_STATE_HOME'] = os.environ['XDG_CONFIG_HOME'] = {str(tmp_path)!r}\n"
    code += f"sys.stdout = io.StringIO()\nfrom screens.main import cockpit, run\nassert run(cockpit, {words!r}) == 0"
    loaded = loaded_after(code)
    assert "click" in loaded
    assert loaded.isdisjoint({*SDKS, "textual", "rich"})
    if words == ["--help"]:
        assert "pydantic" not in loaded


def test_the_screen_imports_no_sdk_before_it_is_painted() -> None:
    loaded = loaded_after("import screens.app")
    assert "textual" in loaded
    assert loaded.isdisjoint(SDKS)


# -- how it writes


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Latin(Terminal):
    encoding = "latin-1"


def test_colour_only_on_a_terminal_that_wants_it() -> None:
    assert Style.of(Terminal(), {"TERM": "xterm"}).colour
    assert not Style.of(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}).colour
    assert Style.of(Terminal(), {"TERM": "xterm", "NO_COLOR": ""}).colour
    assert not Style.of(Terminal(), {"TERM": "dumb"}).colour
    assert not Style.of(Terminal(), {}).colour
    assert not Style.of(io.StringIO(), {"TERM": "xterm"}).colour


def test_every_severity_reads_without_colour_and_without_unicode() -> None:
    plain, narrow = Style(), Style.of(Latin(), {})
    assert [plain.mark(severity) for severity in Severity] == ["● ok     ", "▲ warn   ", "? unknown", "✖ CRIT   "]
    assert [narrow.mark(severity) for severity in Severity] == ["* ok     ", "! warn   ", "? unknown", "X CRIT   "]
    assert narrow.plain("a → b … é") == "a -> b ... ?"
    assert "\x1b[1;31m" in Style(colour=True).mark(Severity.CRIT)


def test_columns_align_by_what_is_seen() -> None:
    assert table([("a", "1"), ("日本", "2")]) == ["a     1", "日本  2"]
    assert table([]) == []
    assert columns("e\u0301") == 1


def test_ages_are_short() -> None:
    assert [age(value) for value in (None, 0.44, 61, 600, 7300)] == ["-", "0.4 s", "61 s", "10 m", "2 h"]


def test_a_line_is_cut_only_where_the_width_is_known() -> None:
    assert Style(width=20).cut("x" * 30, 10) == "x" * 9 + "…"
    assert Style(width=0).cut("x" * 30, 10) == "x" * 30
    assert Style(width=20, unicode=False).cut("x" * 30, 10) == "x" * 7 + "..."


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.say_json({"text": "→ \x1b"})
    assert capsys.readouterr().out.isascii()


def test_an_output_that_cannot_show_a_sign_still_gets_the_line(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("cockpit")
    import os

    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "XDG_CONFIG_HOME": str(tmp_path)}
    (tmp_path / "cockpit").mkdir()
    (tmp_path / "cockpit" / "shop.toml").write_text(PROFILE)
    done = subprocess.run([program, "check", "shop"], env=environ, capture_output=True, timeout=30, check=False)
    assert done.returncode == 3
    assert b"? unknown  health/a" in done.stdout and done.stdout.isascii()

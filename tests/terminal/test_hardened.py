import gc
import stat
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.widgets import Static
from textual.worker import WorkerFailed

from screens.terminal import crash
from screens.terminal.driver import HardenedDriver
from screens.terminal.hardened import HardenedApp


class Small(HardenedApp[None]):
    def compose(self) -> ComposeResult:
        yield Static("hello", markup=False)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def error_with(message: str) -> ValueError:
    password = "swordfish"
    try:
        raise ValueError(message)
    except ValueError as error:
        assert password
        return error


def test_the_driver_is_ours_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    assert Small().get_driver_class() is HardenedDriver


async def test_the_filters_of_the_terminal_come_last() -> None:
    app = Small(ascii_only=True)
    assert [type(part).__name__ for part in app.get_line_filters()][-2:] == ["SafeFilter", "AsciiFilter"]


async def test_settled_memory_is_out_of_the_collectors_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.collecting._aside", False)
    app = Small()
    async with app.run_test():
        app.settle_memory()
        assert gc.get_freeze_count() > 10_000
    gc.unfreeze()


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("cannot connect to postgresql://shop:hunter2@db/shop", "hunter2"),
        ("redis://:hunter2@cache:6379", "hunter2"),
        ("password=hunter2 host=db", "hunter2"),
        ("{'password': 'hunter2'}", "hunter2"),
        ("Authorization: Bearer hunter2", "hunter2"),
        ("api_key=hunter2&x=1", "hunter2"),
        ('token: "hunter 2"', "hunter 2"),
    ],
)
def test_a_report_masks_what_looks_like_a_credential(said: str, secret: str) -> None:
    text = crash.report_text(error_with(said))
    assert secret not in text
    assert "***" in text
    assert "error_with" in text


def test_a_report_holds_no_local_variable_and_no_control_character() -> None:
    text = crash.report_text(error_with("bad \x1b]0;x\x07 thing"))
    assert "swordfish" not in text.replace('password = "swordfish"', "")
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_report_follows_causes_and_groups() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ExceptionGroup("several", [RuntimeError("one"), OSError("two")]) from error
    except ExceptionGroup as group:
        text = crash.report_text(group)
    for word in ("KeyError", "RuntimeError: one", "OSError: two", "several"):
        assert word in text


def test_a_failed_worker_is_reported_by_its_own_error() -> None:
    assert "(ValueError)" in crash.write_report(WorkerFailed(error_with("inside")))


def test_a_report_is_private_and_its_place_is_said(tmp_path: Path) -> None:
    said = crash.write_report(error_with("x"))
    path = Path(said.rsplit(" ", 1)[1])
    assert path.is_relative_to(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_state_folder_the_report_goes_to_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    said = crash.write_report(error_with("x"))
    path = Path(said.rsplit(" ", 1)[1])
    assert path.exists()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.unlink()
    path.parent.rmdir()


async def test_a_crash_keeps_the_error_for_the_test_and_says_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    app = Small()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 / 0)
            await pilot.pause()
    assert app.return_code == 1
    shown = capfd.readouterr().err
    assert "an error of its own (ZeroDivisionError)" in shown
    assert "1 / 0" not in shown

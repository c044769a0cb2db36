import os
import stat
from pathlib import Path

import pytest

from screens.clipboard import FILE_NAME, LIMIT_BYTES, copy


class Terminal:
    def __init__(self) -> None:
        self.copied: list[str] = []

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tmux that records its arguments and input, and knows `-w` only if the file `modern` is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "tmux"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {folder}/arguments\n'
        f'if [ "$2" = -w ] && [ ! -e {folder}/modern ]; then exit 1; fi\n'
        f"cat > {folder}/input\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


async def test_a_copy_goes_to_the_terminal_and_to_a_private_file(tmp_path: Path) -> None:
    terminal = Terminal()
    said = await copy(terminal, "pid 4411\npid 4412\n", {}, tmp_path)
    path = tmp_path / FILE_NAME
    assert terminal.copied == ["pid 4411\npid 4412\n"]
    assert path.read_text() == "pid 4411\npid 4412\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said == f"copied 2 lines: sent to the terminal's clipboard, saved to {path}"


async def test_inside_tmux_the_text_also_goes_to_tmux_itself(tmp_path: Path, tmux: Path) -> None:
    (tmux / "modern").touch()
    said = await copy(Terminal(), "select 1", {"TMUX": "/tmp/tmux-0/default,1,0"}, tmp_path)
    assert (tmux / "arguments").read_text() == "load-buffer -w -\n"
    assert (tmux / "input").read_text() == "select 1"
    assert "tmux buffer" in said


async def test_an_older_tmux_is_asked_again_in_its_own_words(tmp_path: Path, tmux: Path) -> None:
    said = await copy(Terminal(), "select 1", {"TMUX": "x"}, tmp_path)
    assert (tmux / "arguments").read_text() == "load-buffer -w -\nload-buffer -\n"
    assert (tmux / "input").read_text() == "select 1"
    assert "tmux buffer" in said


async def test_characters_that_act_on_a_terminal_are_not_copied(tmp_path: Path) -> None:
    terminal = Terminal()
    await copy(terminal, "a\x1b]52;c;x\x07b\r\u202ec\td", {}, tmp_path)
    assert terminal.copied == ["a]52;c;xbc\td"]


async def test_a_long_text_is_cut_between_characters_and_that_is_said(tmp_path: Path) -> None:
    terminal = Terminal()
    said = await copy(terminal, "中" * LIMIT_BYTES, {}, tmp_path)
    assert len(terminal.copied[0].encode()) <= LIMIT_BYTES
    assert set(terminal.copied[0]) == {"中"}
    assert "the first 74 kB" in said


async def test_without_a_place_for_the_file_the_copy_still_happens_and_says_so(tmp_path: Path) -> None:
    terminal = Terminal()
    said = await copy(terminal, "x", {}, tmp_path / "missing")
    assert terminal.copied == ["x"]
    assert "not saved" in said


async def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    (tmp_path / FILE_NAME).symlink_to(victim)
    await copy(Terminal(), "x", {}, tmp_path)
    assert victim.read_text() == "keep"


async def test_nothing_is_nothing_to_copy(tmp_path: Path) -> None:
    terminal = Terminal()
    assert await copy(terminal, "\x1b", {}, tmp_path) == "nothing to copy"
    assert terminal.copied == []

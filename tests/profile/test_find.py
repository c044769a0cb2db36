"""A name or a path leads to a profile; a slip leads to the name that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.errors import Misconfigured
from cockpit.profile.find import Known, config_folder, find, known, names

PROFILE = 'system = "shop"\nenvironment = "production"\n'


def test_the_config_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert config_folder() == Path("/somewhere/cockpit")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config_folder().is_absolute()
    assert config_folder().name == "cockpit"


def test_a_name_is_found_in_the_config_folder(config_home: Path) -> None:
    (config_home / "shop.toml").write_text(PROFILE)
    assert find("shop") == config_home / "shop.toml"
    assert find("shop.toml") == config_home / "shop.toml"


def test_a_path_is_taken_as_it_is(config_home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PROFILE)
    assert find(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    assert find("./mine.toml") == Path("mine.toml")
    assert find("~/mine.toml") == tmp_path / "mine.toml"


def test_a_file_in_the_current_folder_comes_before_a_profile_of_that_name(config_home: Path, tmp_path: Path) -> None:
    (config_home / "shop.toml").write_text(PROFILE)
    (tmp_path / "shop.toml").write_text(PROFILE)
    assert find("shop.toml") == Path("shop.toml")
    assert find("shop") == config_home / "shop.toml"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("shpo", "Did you mean shop?"),
        ("chekc", "Did you mean check?"),
        ("shpo.toml", "Did you mean shop?"),
        ("./locl.toml", "Did you mean local.toml?"),
        ("/nowhere/x.toml", "Check the path"),
        ("zzz", "Profiles: shop"),
        ("plainfile", "write ./plainfile"),
    ],
)
def test_a_slip_gets_the_nearest_name(config_home: Path, tmp_path: Path, typed: str, answer: str) -> None:
    (config_home / "shop.toml").write_text(PROFILE)
    (tmp_path / "local.toml").write_text(PROFILE)
    (tmp_path / "plainfile").write_text("")
    with pytest.raises(Misconfigured) as caught:
        find(typed, commands=("check", "plan"))
    assert answer in str(caught.value)


def test_without_any_profile_it_says_so(config_home: Path) -> None:
    with pytest.raises(Misconfigured, match="no profile yet"):
        find("zzz")
    assert names() == ()


def test_control_characters_in_what_was_typed_are_not_repeated(config_home: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        find("x\x1b]0;gotcha\x07y")
    assert "\x1b" not in str(caught.value)


def test_the_list_says_what_each_profile_is_for(config_home: Path) -> None:
    (config_home / "shop.toml").write_text(PROFILE)
    (config_home / "broken.toml").write_text("system = ")
    (config_home / "notes.txt").write_text("")
    (config_home / ".hidden.toml").write_text("")
    assert known() == (
        Known("broken", config_home / "broken.toml"),
        Known("shop", config_home / "shop.toml", "shop", "production"),
    )


def test_a_name_that_no_file_can_have_is_told(config_home: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be looked at: File name too long"):
        find("x" * 300)

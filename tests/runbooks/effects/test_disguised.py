"""Commands that look like readings and are not, and readings that look dangerous and are not. The lists stand in
`disguised.txt` and `readings.txt`: what is expected, the language, the command; ␤ is a line break, ␉ a tab."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects import rule_of
from cockpit.runbooks.shell.blocks import commands_of

_HERE = Path(__file__).parent


def _lines(name: str) -> list[list[str]]:
    text = (_HERE / name).read_text(encoding="utf-8")
    return [line.replace("␤", "\n").replace("␉", "\t").split("|", 2) for line in text.splitlines()]


def _effects(text: str, language: str) -> list[EffectClass]:
    return [rule_of(command).effect for command in commands_of(text, language=language, line=1)]


@pytest.mark.parametrize(("expected", "language", "text"), _lines("disguised.txt"))
def test_what_is_disguised_is_no_reading(expected: str, language: str, text: str) -> None:
    worst = max(_effects(text, language))
    assert worst > EffectClass.READS
    assert expected == "more" or worst is EffectClass.DESTROYS


@pytest.mark.parametrize("line", (_HERE / "readings.txt").read_text(encoding="utf-8").splitlines())
def test_what_only_reads_stays_a_reading(line: str) -> None:
    language, _, text = line.replace("␤", "\n").partition("|")
    found = _effects(text, language)
    assert found
    assert set(found) == {EffectClass.READS}

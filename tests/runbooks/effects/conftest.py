from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.command import Command
from cockpit.runbooks.effects import rule_of
from cockpit.runbooks.effects.ruling import Ruling
from cockpit.runbooks.shell.blocks import commands_of

Judge = Callable[[str], Ruling]


def command_of(text: str, language: str = "bash") -> Command:
    found = commands_of(text, language=language, line=1)
    assert len(found) == 1, f"{len(found)} commands in {text!r}"
    return found[0]


@pytest.fixture
def judge() -> Judge:
    """What the tables say of one shell command."""
    return lambda text: rule_of(command_of(text))


@pytest.fixture
def judge_sql() -> Judge:
    """What the tables say of one SQL statement."""
    return lambda text: rule_of(command_of(text, "sql"))

"""Faults of a runbook that is written down in a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.runbook import Fault
from cockpit.runbooks.lint import lint
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all

Finder = Callable[[str], tuple[Fault, ...]]


@pytest.fixture(scope="session")
def faults_of() -> Finder:
    """Markdown -> its faults, as `cockpit runbook lint` finds them."""
    stand_ins = replacements()

    def find(text: str) -> tuple[Fault, ...]:
        runbook = parse([("RUNBOOK.md", text)])
        return lint(runbook, understand_all(runbook, stand_ins))

    return find

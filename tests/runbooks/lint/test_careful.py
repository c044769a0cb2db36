"""A runbook of more than eighty commands that are written with care raises nothing; without its care it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cockpit.model.runbook import Fault, Level
from cockpit.runbooks.read import parse

TEXT = Path(__file__).with_name("careful.md").read_text("utf-8")
Finder = Callable[[str], tuple[Fault, ...]]


def test_a_careful_runbook_is_clean(faults_of: Finder) -> None:
    assert len(parse([("careful.md", TEXT)]).commands) > 80
    assert [(fault.line, fault.rule) for fault in faults_of(TEXT)] == []


def test_without_its_set_up_the_same_commands_hit_whatever_is_set(faults_of: Finder) -> None:
    before, _, after = TEXT.partition("## Set-up")
    careless = before + "## " + after.partition("\n## ")[2]
    found = {fault.rule for fault in faults_of(careless) if fault.level is not Level.NOTE}
    assert found >= {"psql-names-no-database", "kubectl-no-namespace", "gcloud-needs-region"}

"""How much of five real runbooks is live or native: over all, and each with the profile that comes for its system."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import Kind
from cockpit.profile.load import load
from cockpit.profile.shipped import NAMES, path_of
from cockpit.runbooks.coverage import Coverage, coverage
from cockpit.runbooks.read import read
from cockpit.runbooks.recognise import understand_all

FOLDER = Path(__file__).parents[3] / "shared" / "runbooks"
WANTED = 0.8

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the five runbooks are not beside the project")


def share(found: Coverage) -> float:
    return (found.count("live") + found.count("native")) / found.count()


def test_all_of_it_is_reachable_and_four_fifths_are_live_or_native() -> None:
    runbook = read([FOLDER / f"{name}.md" for name in NAMES])
    found = coverage(runbook, understand_all(runbook, replacements()))
    steps = {
        (playbook.file, step.command.line)
        for playbook in runbook.playbooks
        for step in playbook.steps
        if step.command is not None
    }
    assert {(command.file, command.line) for command in runbook.commands} <= steps
    assert found.count("not_understood") == 0
    assert share(found) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_each_with_its_own_profile(name: str) -> None:
    scripts = load(path_of(name)).script
    runbook = read([FOLDER / f"{name}.md"])
    understood = understand_all(runbook, replacements(scripts))
    found = coverage(runbook, understood)
    assert found.count("not_understood") == 0
    assert share(found) >= WANTED, [each.command.text for each in understood if each.kind is Kind.SCRIPT]
    tiers = {script.name: Tier[script.tier] for script in scripts}
    used = {each.intent.target["script"]: each for each in understood if each.intent and each.action == "scripts.run"}
    assert set(used) == set(tiers), "a script that the runbook does not have"
    for script, each in used.items():
        assert each.tier == tiers[script], f"{script}: the runbook's command weighs {each.tier.name}"


@pytest.mark.parametrize("name", NAMES)
def test_only_the_scripts_make_the_difference(name: str) -> None:
    """What a profile declares takes no command from an action or look, and never makes it look harmless."""
    runbook = read([FOLDER / f"{name}.md"])
    plain = understand_all(runbook, replacements())
    declared = understand_all(runbook, replacements(load(path_of(name)).script))
    for before, after in zip(plain, declared, strict=True):
        assert after == before or (before.kind, after.action) == (Kind.SCRIPT, "scripts.run")
        assert after.effect is before.effect

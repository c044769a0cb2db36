"""Every command of five real runbooks against a table in which each row was checked by hand.

Columns: file, line, effect, tier, kind, action, target. The files themselves are not part of the project.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import Call, EffectClass, Kind, Understanding
from cockpit.runbooks.coverage import coverage
from cockpit.runbooks.effects import rule
from cockpit.runbooks.read import read
from cockpit.runbooks.recognise import mains_of, understand_all

FOLDER = Path(__file__).parents[3] / "shared" / "runbooks"
NAMES = ("aia", "booking", "guesslyfe", "roadtrip", "storybook")
# They change something only so that somebody can look, or gcloud refuses them: what is offered only reads.
FOR_LOOKING = ("sql connect", "container clusters get-credentials", "compute ssh", "run domain-mappings update")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the five runbooks are not beside the project")


@dataclass(frozen=True)
class Row:
    """What a person made of one command."""

    file: str
    line: int
    effect: str
    tier: str
    kind: str
    action: str
    target: str


def _table() -> list[Row]:
    with Path(__file__).with_name("five_runbooks.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Row(**{**row, "line": int(row["line"])}) for row in rows]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def understood() -> dict[str, tuple[Understanding, ...]]:
    found = {}
    for name in NAMES:
        runbook = read([FOLDER / f"{name}.md"])
        found[name] = understand_all(runbook, replacements())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_command_is_lost_and_none_is_invented(name: str, understood: dict[str, tuple[Understanding, ...]]) -> None:
    lines = Counter(each.command.line for each in understood[name])
    assert lines == Counter(row.line for row in _table() if row.file == name)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_what_the_table_says(name: str, understood: dict[str, tuple[Understanding, ...]]) -> None:
    found = [
        Row(name, each.command.line, each.effect.word, each.tier.name, each.kind.value, each.action, each.target)
        for each in understood[name]
    ]
    wrong = set(found) ^ {row for row in _table() if row.file == name}
    assert not wrong, sorted(wrong, key=lambda row: row.line)


def _opens_a_client(each: Understanding) -> bool:
    """A person types there, or looks after it; what is offered in its place only reads, whatever it would do."""
    (main,) = mains_of(each.command)[:1]
    client = main.program in ("psql", "redis-cli") or (main.program == "gcloud" and main.verb in FOR_LOOKING)
    return client and each.kind is Kind.LIVE and EffectClass.READS < each.effect < EffectClass.DESTROYS


@pytest.mark.parametrize("name", NAMES)
def test_none_is_less_dangerous_than_it_is(name: str, understood: dict[str, tuple[Understanding, ...]]) -> None:
    true = {row.line: row for row in _table() if row.file == name}
    for each in understood[name]:
        row = true[each.command.line]
        assert each.effect >= EffectClass[row.effect.upper()], each.command.text
        assert each.tier >= Tier[row.tier], each.command.text
        harmless = each.effect is EffectClass.READS or _opens_a_client(each)
        assert (each.tier is Tier.T0) is harmless, each.command.text


@pytest.mark.parametrize("name", NAMES)
def test_a_live_reading_only_reads_and_an_action_is_guarded(
    name: str, understood: dict[str, tuple[Understanding, ...]]
) -> None:
    for each in understood[name]:
        if each.kind is Kind.LIVE:
            assert each.effect is EffectClass.READS or _opens_a_client(each)
        if each.kind is Kind.NATIVE:
            assert each.tier >= (Tier.T2 if each.effect is EffectClass.DESTROYS else Tier.T1)
        assert bool(each.why)
        assert each.target


def _of_a_built_platform(call: Call) -> bool:
    """HTTP, SQL and Redis that is written out, everything of gcloud and kubectl."""
    if any(wrapper.tool == "kubectl exec" for wrapper in call.within):
        return False  # a program run in a pod, whatever it asks there
    if call.program in ("gcloud", "kubectl"):
        return True
    if call.program in ("psql", "redis-cli"):  # opened to type into, unless something is fed to it
        return not call.piped and not call.redirects
    return call.program in ("sql", "http", "redis") and (call.verb != "" or call.statement is not None)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_built_platform_is_live_or_native(
    name: str, understood: dict[str, tuple[Understanding, ...]]
) -> None:
    left = [
        each.command.text
        for each in understood[name]
        if each.kind not in (Kind.LIVE, Kind.NATIVE)
        and all(_of_a_built_platform(call) for call in mains_of(each.command))
    ]
    assert not left


def test_every_command_is_reachable_and_none_is_not_understood() -> None:
    runbook = read([FOLDER / f"{name}.md" for name in NAMES])
    report = coverage(runbook, understand_all(runbook, replacements())).as_json()
    total = report["total"]
    assert isinstance(total, dict)
    assert total["not_understood"] == 0
    assert total["commands"] == total["live"] + total["native"] + total["script"] == len(_table())
    reached = {
        (playbook.file, step.command.line)
        for playbook in runbook.playbooks
        for step in playbook.steps
        if step.command is not None
    }
    assert reached >= {(command.file, command.line) for command in runbook.commands}


def test_the_effect_is_the_worst_of_the_calls(understood: dict[str, tuple[Understanding, ...]]) -> None:
    for found in understood.values():
        for each in found:
            assert each.effect >= max(rule(call).effect for call in each.command.calls)

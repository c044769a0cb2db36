"""The rules against the record: what real gcloud and kubectl did with these commands, and what must stay clean."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.runbook import Fault, Level
from cockpit.runbooks.lint import lint
from cockpit.runbooks.read import read
from cockpit.runbooks.recognise import understand_all

SHARED = (Path(__file__).parents[3] / "../shared").resolve()
CONTRACTS, RUNBOOKS = SHARED / "contracts", SHARED / "runbooks"
EXPECTED = tomllib.loads(Path(__file__).with_name("expected.toml").read_text("utf-8"))
FILES = {"000": "roadtrip", "001": "storybook", "002": "guesslyfe", "003": "booking", "004": "aia"}
MOST_FALSE_ALARMS = 0.05
# Rows whose note names no hazard of the command itself.
HARMLESS = {("roadtrip", 301), ("roadtrip", 442), ("guesslyfe", 308), ("guesslyfe", 459)}
# Accepted, without a note of their own, and the same call as one whose note names a hazard.
SAME_AS_NOTED = ("sql backups restore",)

pytestmark = pytest.mark.skipif(not RUNBOOKS.is_dir(), reason="the recorded contracts are not beside this checkout")
Finder = Callable[[str], tuple[Fault, ...]]


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CONTRACTS / name).read_text("utf-8").splitlines()]


@cache
def faults(name: str) -> tuple[Fault, ...]:
    runbook = read([RUNBOOKS / f"{name}.md"])
    return lint(runbook, understand_all(runbook, replacements()))


def at(name: str, line: int) -> set[Level]:
    return {fault.level for fault in faults(name) if fault.line == line}


def gcloud_places() -> list[tuple[str, int, dict[str, Any]]]:
    return [
        (FILES[place[:3]], int(place[4:]), row)
        for row in rows("gcloud.jsonl")
        for place in row["where"]
        if place != "extra"
    ]


def alone(row: dict[str, Any]) -> str:
    return f"# Shop\n\n## Commands\n\n```bash\n{row['command']}\n```\n"


def test_every_problem_that_gcloud_had_is_an_error_or_a_warning() -> None:
    missed = [
        (name, line)
        for name, line, row in gcloud_places()
        if row["problem"] and not at(name, line) & {Level.ERROR, Level.WARNING}
    ]
    assert missed == []


def test_every_hazard_noted_of_gcloud_is_at_least_a_note() -> None:
    missed = [
        (name, line)
        for name, line, row in gcloud_places()
        if row["notes"] and (name, line) not in HARMLESS and not at(name, line)
    ]
    assert missed == []


def test_every_kubectl_line_is_judged_as_the_record_judges_it() -> None:
    wrong = []
    for row in rows("kubectl.jsonl"):
        name, line, verdict = FILES[row["runbook"][:3]], row["line"], row["verdict"]
        levels = at(name, line)
        grave = bool(levels & {Level.ERROR, Level.WARNING})
        good = {"ok": not grave, "careful": bool(levels)}.get(verdict, grave)
        if not good:
            wrong.append((name, line, verdict, levels))
    assert wrong == []


@pytest.mark.parametrize("file", ["gcloud.jsonl", "kubectl_extra.jsonl"])
def test_commands_that_are_fine_raise_nothing_above_a_note(faults_of: Finder, file: str) -> None:
    alarms = [
        (row["command"], fault.rule)
        for row in rows(file)
        if not row.get("problem") and not row["notes"] and not any(verb in row["command"] for verb in SAME_AS_NOTED)
        for fault in faults_of(alone(row))
        if fault.level is not Level.NOTE
    ]
    assert alarms == []


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_known_to_be_wrong_is_found(name: str) -> None:
    found = {(str(fault.line), fault.rule) for fault in faults(name)}
    grave = {(str(fault.line), fault.rule) for fault in faults(name) if fault.level is not Level.NOTE}
    known = {(line, rule) for line, names in EXPECTED[name].items() if line != "notes" for rule in names}
    noted = {(line, rule) for line, names in EXPECTED[name].get("notes", {}).items() for rule in names}
    assert known - grave == set()
    assert noted - found == set()


def test_at_most_one_alarm_in_twenty_is_false(capsys: pytest.CaptureFixture[str]) -> None:
    alarms = [
        (name, str(each.line), each.rule)
        for name in EXPECTED
        for each in faults(name)
        if each.level is not Level.NOTE
    ]
    false = [each for each in alarms if each[2] not in EXPECTED[each[0]].get(each[1], [])]
    with capsys.disabled():
        print(f"\nfalse alarms: {len(false)} of {len(alarms)} errors and warnings ({len(false) / len(alarms):.1%})")
    assert len(false) <= MOST_FALSE_ALARMS * len(alarms), false

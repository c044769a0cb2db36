"""Looks at Cloud Armor: what they say of a reading, and which commands they stand in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import armor
from cockpit.looks.book import LookBook
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.command import Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "armor/edge"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICIES = "gcloud compute security-policies"
STATUS = ArmorStatus(
    "pay-prod",
    "edge",
    "4711",
    "f",
    (
        ArmorRule(90, "deny(403)", ("198.51.100.7",), expires=NOW - timedelta(hours=1)),
        ArmorRule(91, "deny(403)", ("198.51.100.8",), expires=NOW + timedelta(hours=1)),
        ArmorRule(500, "throttle", expression="request.path == '/login'", preview=True, description="try out"),
        ArmorRule(2147483647, "allow", ("*",)),
    ),
    adaptive=True,
    description="in front of pay",
    backends=("web", "api"),
    notes=("a note",),
    protects=True,
)


class Project:
    async def policies(self) -> list[ArmorStatus]:
        return [replace(STATUS, policy="admin", adaptive=False, description=""), STATUS]


async def look(name: str, status: ArmorStatus | None = STATUS, **params: str) -> Sight:
    reading = Reading(SOURCE, SourceKind.ARMOR, NOW, 0.1, Severity.OK, "4 rules", status)
    state = SourceState(SOURCE, SourceKind.ARMOR, "edge", 30, reading, freshness=Freshness.FRESH, age_s=1)
    clock = ManualClock(NOW)
    book = LookBook(armor.SPECS, armor.lookers(SOURCE, Project(), lambda _: state, clock))
    return await book.look(LookRequest(name, SOURCE, params))


async def test_the_policy_is_told_rule_by_rule() -> None:
    sight = await look("armor.policy")
    assert sight.summary == "edge: 4 rules"
    assert sight.lines == (
        "        90  deny(403)  198.51.100.7  due to be let in again since 2026-03-01 11:00 UTC",
        "        91  deny(403)  198.51.100.8  until 2026-03-01 13:00 UTC",
        "       500  throttle (preview: logged only)  request.path == '/login'  try out",
        "2147483647  allow  *",
        "adaptive protection: on",
        "protects: web, api",
        "description: in front of pay",
        "a note",
    )
    bare = await look("armor.policy", replace(STATUS, backends=(), protects=False, adaptive=None))
    assert "protects: nothing" in bare.lines and "adaptive protection: not known" in bare.lines


async def test_one_rule_alone_and_what_is_not_there() -> None:
    sight = await look("armor.policy", rule="91")
    assert sight.summary == "rule 91 of edge" and len(sight.lines) == 1
    with pytest.raises(NotFound) as caught:
        await look("armor.policy", rule="92")
    assert "90, 91, 500" in caught.value.hint
    with pytest.raises(Refused):
        await look("armor.policy", rule="-1")
    with pytest.raises(Unreachable):
        await look("armor.policy", None)


async def test_the_policies_of_the_project_are_asked_for() -> None:
    sight = await look("armor.policies")
    assert sight.summary == "2 policies"
    assert sight.lines == (
        "admin  CLOUD_ARMOR  4 rules, 2 denials",
        "edge  CLOUD_ARMOR  4 rules, 2 denials  adaptive  in front of pay",
    )


def understood(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    found = [intent for each in armor.REPLACES if (intent := each.understand(command.calls[0]))]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "name", "target", "params"),
    [
        (f"{POLICIES} describe edge --format=yaml", "armor.policy", {"policy": "edge"}, {}),
        (f"{POLICIES} rules describe 90 --security-policy=edge", "armor.policy", {"policy": "edge"}, {"rule": "90"}),
        (f"{POLICIES} list --project=pay-prod", "armor.policies", {"project": "pay-prod"}, {}),
    ],
)
def test_a_command_is_understood(text: str, name: str, target: dict[str, str], params: dict[str, str]) -> None:
    intent = understood(text)
    assert intent is not None
    assert (intent.name, dict(intent.target), dict(intent.params)) == (name, target, params)


@pytest.mark.parametrize(
    "text",
    [
        f"{POLICIES} describe",
        f"{POLICIES} describe edge --region=europe-west4",
        f"{POLICIES} describe edge admin",
        f"{POLICIES} rules describe 90",
        f"{POLICIES} rules describe top --security-policy=edge",
        f"{POLICIES} list edge",
        f"{POLICIES} export edge --file-name=x",
        f"{POLICIES} list-preconfigured-expression-sets",
    ],
)
def test_what_asks_for_something_else_is_left_alone(text: str) -> None:
    assert understood(text) is None


def test_what_is_not_applied_is_said_and_what_is_open_is_asked_for() -> None:
    listed = understood(f"{POLICIES} list --filter=name:edge")
    assert listed is not None and "--filter is not applied" in listed.differs
    rule = understood(f"{POLICIES} rules describe '<priority>' --security-policy=edge")
    assert rule is not None and rule.asks["rule"].name == "priority"

"""Which commands of a runbook are a script that the profile declares, and which only look like one."""

from __future__ import annotations

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import Kind, Understanding
from cockpit.profile.delivery import TeamScript
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

SCRIPTS = (
    {"name": "backup", "argv": ["./ops/backup.sh", "{name}"], "tier": "T2"},
    {"name": "restore", "argv": ["./ops/restore.sh", "--id={id}", "--to=test"], "tier": "T4"},
    {"name": "rotate", "argv": ["./ops/rotate.sh"], "dry_run": ["./ops/rotate.sh", "--check"], "tier": "T3"},
    {"name": "migrate", "argv": ["alembic", "upgrade", "head"], "tier": "T3"},
    {"name": "restart", "argv": ["kubectl", "rollout", "restart", "deployment/api"], "tier": "T1"},
)
DECLARED = [TeamScript.model_validate({"title": "Do it", **each}) for each in SCRIPTS]


def understood(text: str, scripts: list[TeamScript] = DECLARED) -> Understanding:
    (command,) = commands_of(text, language="bash", line=1)
    return understand(command, replacements(scripts))


@pytest.mark.parametrize(
    ("text", "script", "params", "asks", "tier"),
    [
        ("./ops/backup.sh before-deploy", "backup", {"name": "before-deploy"}, {}, Tier.T2),
        ("./ops/backup.sh NAME_OF_IT", "backup", {}, {"name": "NAME_OF_IT"}, Tier.T2),
        ("./ops/restore.sh --id=<backup> --to=test", "restore", {}, {"id": "<backup>"}, Tier.T4),
        ("./ops/restore.sh --id=42 --to=test 2>&1", "restore", {"id": "42"}, {}, Tier.T4),
        ("alembic upgrade head", "migrate", {}, {}, Tier.T3),
        ("./ops/rotate.sh", "rotate", {}, {}, Tier.T3),
        ("./ops/rotate.sh --check", "rotate", {}, {}, Tier.T3),
    ],
)
def test_the_same_words_are_the_script(
    text: str, script: str, params: dict[str, str], asks: dict[str, str], tier: Tier
) -> None:
    found = understood(text)
    assert (found.kind, found.action, found.tier) == (Kind.NATIVE, "scripts.run", tier)
    assert found.intent is not None and found.intent.target == {"script": script}
    assert dict(found.intent.params) == params
    assert {name: mark.spelled for name, mark in found.intent.asks.items()} == asks
    assert "in its own folder" in found.intent.differs
    assert ("has this as its dry run" in found.intent.differs) is text.endswith("--check")
    assert understood(text, []).action == "runbook.script"


@pytest.mark.parametrize(
    "text",
    [
        "./backup.sh x",  # another file of that name
        "./ops/backup.sh",
        "./ops/backup.sh one two",
        "./ops/backup.sh --all",
        "./ops/backup.sh *.sql",
        "./ops/backup.sh nightly-$(date +%F)",
        "./ops/backup.sh $DB_PASSWORD",  # what is asked for is shown and recorded
        "./ops/restore.sh --id=42 --to=live",
        "./ops/rotate.sh > rotated.log",
        "yes | ./ops/rotate.sh",
        "FORCE=1 ./ops/rotate.sh",
        "sudo ./ops/rotate.sh",
        "ssh shop-1 ./ops/rotate.sh",
        "./ops/rotate.sh && ./ops/backup.sh x",
        "for each in a b; do ./ops/backup.sh $each; done",
        "0 2 * * * ./ops/rotate.sh",
        "alembic upgrade +1",
    ],
)
def test_any_other_word_is_another_command(text: str) -> None:
    assert understood(text).action != "scripts.run"


def test_an_action_of_the_cockpit_counts_before_a_script() -> None:
    assert understood("kubectl rollout restart deployment/api").action == "workloads.restart"

"""The Cloud Run commands of real runbooks, and those whose requests were recorded, as far as they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.actions import revisions as actions
from cockpit.looks import revisions as looks
from cockpit.model.command import Command
from cockpit.runbooks.read import read
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

SHARED = Path(__file__).parents[3] / "../shared"
REPLACES = (*actions.REPLACES, *looks.REPLACES)
OURS = ("run services", "run revisions", "run deploy")


def cloud_run(commands: tuple[Command, ...]) -> list[Command]:
    """Those that are one call of `gcloud run` on services or revisions."""
    return [
        command
        for command in commands
        if len(command.calls) == 1
        and command.calls[0].program == "gcloud"
        and command.calls[0].verb.startswith(OURS)
        and command.language != "inline"
    ]


def test_every_service_command_of_real_runbooks_has_an_action_or_a_look() -> None:
    files = sorted((SHARED / "runbooks").glob("*.md"))
    if not files:
        pytest.skip("no real runbooks at hand")
    commands = cloud_run(read(files).commands)
    assert len(commands) > 20
    assert [each.text for each in commands if understand(each, REPLACES).intent is None] == []


def test_what_is_not_understood_of_the_recorded_commands_is_what_no_action_does() -> None:
    recorded = SHARED / "contracts/gcloud.jsonl"
    if not recorded.is_file():
        pytest.skip("no recorded commands at hand")
    texts = {json.loads(line)["command"] for line in recorded.read_text(encoding="utf-8").splitlines()}
    commands = cloud_run(tuple(each for text in texts for each in commands_of(text, language="bash", line=1)))
    left = [each for each in commands if understand(each, REPLACES).intent is None]
    flags = {frozenset(each.calls[0].flags) - {"--region"} for each in left}
    # A share for whatever is latest, two changes at once, and a whole file.
    assert flags <= {
        frozenset({"--to-revisions"}),
        frozenset({"--max-instances", "--no-traffic"}),
        frozenset({"--dry-run"}),
    }
    assert len(commands) - len(left) > 20

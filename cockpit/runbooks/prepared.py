"""What commands above decide about where those below go: SELECT and \\c in an open client, the project of gcloud."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from cockpit.model.command import Call, Command, Understanding
from cockpit.model.severity import SourceKind

# Settings by which the environment says where to go. Those of a person's own shell are none of the runbook's.
_POINTS = {
    "PGHOST": (SourceKind.DATABASE, "host"),
    "PGHOSTADDR": (SourceKind.DATABASE, "host"),
    "PGPORT": (SourceKind.DATABASE, "port"),
    "PGDATABASE": (SourceKind.DATABASE, "database"),
    "PGSERVICE": (SourceKind.DATABASE, "dsn_service"),
    "CLOUDSDK_CORE_PROJECT": (SourceKind.REVISIONS, "project"),
    "CLOUDSDK_RUN_REGION": (SourceKind.REVISIONS, "region"),
    "CLOUDSDK_ACTIVE_CONFIG_NAME": (SourceKind.REVISIONS, "project"),
}
_CONNECT = re.compile(r"\\c(?:onnect)?\s+(\S+)")
_Decided = dict[tuple[SourceKind, str], str]


class Prepared:
    """Read from top to bottom: `seen` takes every command, `told` gives a command's intent what was decided above."""

    def __init__(self) -> None:
        self._of_block: dict[tuple[str, int, str], _Decided] = {}
        self._of_file: dict[str, _Decided] = {}

    def told(self, found: Understanding) -> Understanding:
        """With the target that the lines above decide, where the command itself names no other."""
        command, intent = found.command, found.intent
        if intent is None:
            return found
        decided = self._of_file.get(command.file, {}) | self._of_block.get((*_place(command)[:2], ""), {})
        decided |= pointed(command.calls)
        target = {key: value for (pane, key), value in decided.items() if pane is intent.pane}
        # What was typed into the client counts more than what it was opened with.
        typed = self._of_block.get(_place(command), {}) if command.opener else {}
        switched = {key: value for (pane, key), value in typed.items() if pane is intent.pane}
        if not (target or switched):
            return found
        return replace(found, intent=replace(intent, target={**target, **intent.target, **switched}))

    def seen(self, command: Command) -> None:
        """Take what it decides for those below."""
        block = self._of_block.setdefault(_place(command), {})
        for call in command.calls:
            if call.program == "redis" and command.opener and call.verb.upper() == "SELECT" and call.args:
                block[(SourceKind.REDIS, "database")] = call.args[0].text
            elif call.program == "sql" and command.opener and (match := _CONNECT.match(call.text)):
                block[(SourceKind.DATABASE, "database")] = match.group(1)
            elif call.program == "gcloud" and call.verb == "config set" and len(call.args) > 1:
                key = {"project": "project", "core/project": "project", "run/region": "region"}.get(call.args[0].text)
                if key and not call.args[1].placeholders:
                    self._of_file.setdefault(command.file, {})[(SourceKind.REVISIONS, key)] = call.args[1].text
            elif call.program == "gcloud" and call.verb == "config configurations activate" and call.args:
                # Whatever project it has: not to be taken for the profile's.
                name = f"configuration {call.args[0].text}"
                self._of_file.setdefault(command.file, {})[(SourceKind.REVISIONS, "project")] = name
        block |= pointed(call for call in command.calls if call.program in ("export", "declare"))


def pointed(calls: Iterable[Call]) -> _Decided:
    """What settings in front of a program, or exported, say about where it goes."""
    found: _Decided = {}
    for call in calls:
        given = dict(call.assigned)
        if call.program in ("export", "declare"):
            given |= {name: value for word in call.words[1:] for name, _, value in [word.text.partition("=")]}
        found |= {_POINTS[name]: value for name, value in given.items() if name in _POINTS and value}
    return found


def _place(command: Command) -> tuple[str, int, str]:
    return command.file, command.block, command.opener

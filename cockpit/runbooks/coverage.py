"""How much of a runbook is live: every command with its kind, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.model.command import Kind, Understanding
from cockpit.model.runbook import Runbook

WORDS = {Kind.LIVE: "live", Kind.NATIVE: "native", Kind.SCRIPT: "script", Kind.NOT_UNDERSTOOD: "not_understood"}


@dataclass(frozen=True, slots=True)
class Covered:
    """One command: where it is, and what the cockpit makes of it."""

    line: int
    text: str
    kind: str  # "live", "native", "script", "not_understood"
    tier: str  # "T0" ... "T4"
    action: str  # id; "runbook.script" for a script, "" where it was not understood

    def as_json(self) -> dict[str, object]:
        """With the keys of the report."""
        return {
            "line": self.line,
            "text": self.text,
            "kind": self.kind,
            "tier": self.tier,
            "action": self.action,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """The commands of each file, in order, with the totals over all."""

    files: tuple[tuple[str, tuple[Covered, ...]], ...]

    def count(self, kind: str = "") -> int:
        """Commands of that kind; of all without one."""
        return sum(not kind or each.kind == kind for _, commands in self.files for each in commands)

    def as_json(self) -> dict[str, object]:
        """{"files": [{"file", "commands": [...]}], "total": {"commands", "live", "native", "script", ...}}."""
        return {
            "files": [
                {"file": file, "commands": [each.as_json() for each in commands]} for file, commands in self.files
            ],
            "total": {"commands": self.count(), **{word: self.count(word) for word in WORDS.values()}},
        }


def coverage(runbook: Runbook, understandings: Sequence[Understanding]) -> Coverage:
    """Sort what was understood by file; a file without commands is listed too."""
    found: dict[str, list[Covered]] = {file: [] for file in runbook.files}
    for each in understandings:
        found.setdefault(each.command.file, []).append(
            Covered(each.command.line, each.command.text, WORDS[each.kind], each.tier.name, each.action)
        )
    return Coverage(tuple((file, tuple(commands)) for file, commands in found.items()))

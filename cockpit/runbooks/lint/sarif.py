"""Faults as SARIF 2.1.0 (OASIS), the form in which code hosts show them beside the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from cockpit.model.runbook import Fault, Level
from cockpit.runbooks.lint.engine import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "note"}


def document(faults: Sequence[Fault], rules: Sequence[Rule], version: str) -> dict[str, Any]:
    """One SARIF log with one run. `rules` are all that could have spoken; results point into them."""
    places = {rule.id: index for index, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "cockpit",
                        "semanticVersion": version,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(fault, places[fault.rule]) for fault in faults],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.why},
        "help": {"text": rule.why},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(fault: Fault, place: int) -> dict[str, Any]:
    rows = fault.command.count("\n")
    return {
        "ruleId": fault.rule,
        "ruleIndex": place,
        "level": _LEVELS[fault.level],
        "message": {"text": f"{fault.why} Instead: {fault.instead}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(fault.file)},
                    "region": {"startLine": max(fault.line, 1), "endLine": max(fault.line, 1) + rows},
                }
            }
        ],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())

"""What kubectl sent, as `recorded.jsonl` has it: one command a line, its requests in their order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("recorded.jsonl")
NAMESPACE = "shop"  # that all of them are for


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    content_type: str
    body: Any
    status: int = 0  # of the answer

    @property
    def reads(self) -> bool:
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One command: `line` is its number in that file of the contracts that it was taken from."""

    id: str
    contract: str
    line: int
    argv: tuple[str, ...]
    exit: int
    requests: tuple[Sent, ...]

    def command(self, namespace: str) -> str:
        """As a runbook has it, in that namespace."""
        return shlex.join(self.words(namespace))

    def words(self, namespace: str) -> list[str]:
        """The same as words."""
        return [namespace if word == NAMESPACE else word for word in self.argv]


def recorded() -> tuple[Recorded, ...]:
    """All of them, in the order of the file."""
    return tuple(_one(json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines())


def _one(raw: dict[str, Any]) -> Recorded:
    requests = tuple(
        Sent(each["method"], each["path"], each["query"], each["content_type"] or "", each["body"], each["status"])
        for each in raw["requests"]
    )
    return Recorded(raw["id"], raw["contract"], raw["line"], tuple(raw["argv"]), raw["exit"], requests)

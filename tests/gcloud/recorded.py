"""What gcloud sent, as `recorded.jsonl` has it: one command a line, its requests in their order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("recorded.jsonl")
MASKED = "<TIMESTAMP>"
_STOOD_FOR = {  # what the recorder masked: any value of the right form does
    MASKED: "2026-01-15T12:00:00Z",
    "<NONCE>": "yubwxqzkfa",
    "CLIENT_IP": "203.0.113.50",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of gcloud."""

    method: str
    service: str  # "run", "sqladmin"
    host: str
    path: str  # <UUID> and <N> stand for what a server makes up
    query: Mapping[str, str]
    body: Any
    status: int  # what the recorder answered


@dataclass(frozen=True, slots=True)
class Recorded:
    """One command: `line` is its number in the contracts that it was taken from."""

    id: str
    line: int
    argv: tuple[str, ...]
    exit: int
    requests: tuple[Sent, ...] = field(default=())

    @property
    def command(self) -> str:
        """As a runbook has it."""
        return shlex.join(self.argv)

    @property
    def changes(self) -> bool:
        """Its verb is one that changes something, whether gcloud got that far or not."""
        return not set(self.argv) & {"describe", "list", "read"}


def recorded() -> tuple[Recorded, ...]:
    """All of them, in the order of the file."""
    return tuple(_one(json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines())


def _one(raw: dict[str, Any]) -> Recorded:
    sent = tuple(Sent(**{**each, "body": _unmasked(each["body"])}) for each in raw["requests"])
    return Recorded(raw["id"], raw["line"], tuple(raw["argv"]), raw["exit"], sent)


def _unmasked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmasked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(each) for each in value]
    return _STOOD_FOR.get(value, value) if isinstance(value, str) else value

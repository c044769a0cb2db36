"""What kubectl sent, as `recorded.jsonl` has it: one command a line, its requests in their order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("recorded.jsonl")
NAMESPACE = "shop"  # that nearly all of them are for
VERSION = "v1.32"  # of the kubectl that was recorded
_WORD = re.compile(r"[\w.-]+")
_POD = re.compile(r"web-(blue|green)-\w{8,10}-\w{5}")
Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    method: str
    path: str
    query: Mapping[str, Any]
    content_type: str
    body: Any
    status: int = 0  # of the answer
    accept: str = ""

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    @property
    def is_change(self) -> bool:
        """It is neither a read nor a question for one's rights, nor a program in a pod."""
        return not self.reads and not self.path.endswith(("/selfsubjectaccessreviews", "/exec"))

    @property
    def values_of_secrets(self) -> bool:
        """The answer has them; a table and the metadata alone have not."""
        whole = "as=Table" not in self.accept and "as=PartialObjectMetadata" not in self.accept
        return self.reads and whole and re.search(r"/secrets(/[^/]+)?$", self.path) is not None

    def renamed(self, names: Names) -> Sent:
        """The same about things of other names."""
        path, query, body = (renamed(each, names) for each in (self.path, dict(self.query), self.body))
        return replace(self, path=path, query=query, body=body)


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One command: `line` is its number in that file of the contracts that it was taken from."""

    id: str
    contract: str
    line: int
    command: str  # for a shell, as a runbook has it
    exit: int | str  # of the shell; or why it has none
    requests: tuple[Sent, ...]

    @property
    def looks(self) -> bool:
        """It only reads, and the cockpit has a look in its place."""
        return self.id.startswith("see-")

    @property
    def tries(self) -> bool:
        """It has the server rehearse a change."""
        return self.id.startswith("try-")

    def renamed(self, names: Names) -> Recorded:
        """The same command about things of other names."""
        requests = tuple(each.renamed(names) for each in self.requests)
        return replace(self, command=renamed(self.command, names), requests=requests)

    def pods(self) -> list[tuple[str, str]]:
        """Name and colour of each pod of a deployment that it names or changes, each once."""
        texts = [self.command, *(each.path for each in self.requests if self.looks or not each.reads)]
        found = [(match[0], match[1]) for text in texts for match in _POD.finditer(text)]
        return list(dict.fromkeys(found))


def renamed(value: Any, names: Names) -> Any:
    """Every whole word in it, keys too."""
    if isinstance(value, str):
        return _WORD.sub(lambda match: names.get(match[0], match[0]), value)
    if isinstance(value, dict):
        return {renamed(key, names): renamed(each, names) for key, each in value.items()}
    return [renamed(each, names) for each in value] if isinstance(value, list) else value


def recorded() -> tuple[Recorded, ...]:
    """All of them, in the order of the file."""
    return tuple(_one(json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines())


def _one(raw: dict[str, Any]) -> Recorded:
    requests = tuple(
        Sent(
            each["method"],
            each["path"],
            each["query"],
            each["content_type"] or "",
            each["body"],
            each["status"],
            each["accept"] or "",
        )
        for each in raw["requests"]
    )
    return Recorded(raw["id"], raw["contract"], raw["line"], raw["command"], raw["exit"], requests)

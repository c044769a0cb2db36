"""What the Engine API documents of all that is asked here: facts.tsv.

Each line of it is an operation of the description of version 1.47 (moby/moby, docs/api/v1.47.yaml): query parameters,
documented status codes, and the fields of the answer, of /info those that are used. `daemon`: codes that the daemon
answers with and the description does not name (moby/moby, errdefs.Conflict and errdefs.InvalidParameter in daemon/).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from cockpit.sandbox.docker.server import DockerServer
from cockpit.sandbox.http import Request, Response

_BEGINNING = re.compile(r"/v1\.\d+(?=/)")


@dataclass(frozen=True)
class Fact:
    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    statuses: frozenset[int]
    fields: frozenset[str]


def _fact(line: str) -> Fact:
    operation, method, path, query, statuses, daemon, fields = line.split("\t")
    pattern = re.escape(path).replace(r"\{id\}", "[^/]+").replace(r"\{name\}", ".+")
    codes = frozenset(map(int, (statuses + " " + daemon).split()))
    return Fact(operation, method, re.compile(pattern), frozenset(query.split()), codes, frozenset(fields.split()))


_LINES = Path(__file__).with_name("facts.tsv").read_text().splitlines()[1:]
FACTS = [_fact(line) for line in _LINES]


class Documented:
    """An engine's server; what is asked of it and answered is kept."""

    def __init__(self, server: DockerServer) -> None:
        self._server = server
        self.seen: list[tuple[Request, Response]] = []

    async def handle(self, request: Request) -> Response:
        answer = await self._server.handle(request)
        self.seen.append((request, answer))
        return answer

    def operations(self) -> set[str]:
        """All that were asked for; AssertionError where something of them is not documented."""
        return {_checked(request, answer) for request, answer in self.seen}


def _checked(request: Request, answer: Response) -> str:
    path = _BEGINNING.sub("", request.path)
    where = f"{request.method} {path}: {answer.status}"
    fact = next((each for each in FACTS if each.method == request.method and each.path.fullmatch(path)), None)
    assert fact is not None, where
    assert set(request.query) <= fact.query, (where, dict(request.query))
    assert answer.status in fact.statuses, where
    if answer.status >= 400:
        assert set(json.loads(answer.body)) == {"message"}, where
    elif fact.fields:
        value = json.loads(answer.body)
        for each in value if isinstance(value, list) else [value]:
            assert set(each) <= fact.fields, (where, set(each) - fact.fields)
    return fact.operation

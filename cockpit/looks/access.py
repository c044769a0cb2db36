"""Looks at a project's audit log and at refused logins: who changed what, who was turned away, from readings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cockpit.errors import Refused, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.access import AccessFailure, AccessStatus, AdminChange, busiest
from cockpit.model.action import Param, ParamKind
from cockpit.model.command import Intent
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import SourceKind

_LIMIT = Param("limit", ParamKind.INTEGER, "how many, the newest; 150 at most", required=False, default="50")
CHANGES = LookSpec(
    "access.changes",
    "Who changed what",
    SourceKind.ACCESS,
    "Admin Activity of the project in the profile's window, newest first.",
    (
        Param("who", ParamKind.TEXT, "only by whom this is part of the name", required=False),
        Param("service", ParamKind.TEXT, "only of this API: run.googleapis.com", required=False),
        Param("method", ParamKind.TEXT, "only methods that this is part of", required=False),
        _LIMIT,
    ),
)
FAILURES = LookSpec(
    "access.failures",
    "Who was turned away",
    SourceKind.ACCESS,
    "Refused logins of the profile's window with their busiest addresses, newest first.",
    (Param("address", ParamKind.TEXT, "only from this address", required=False), _LIMIT),
)
SPECS = (CHANGES, FAILURES)

_VALUE = r'"?(?P<{0}>[\w.@:/*-]+)"?'
_ACTIVITY = re.compile(
    r'log_id\(\s*"cloudaudit\.googleapis\.com/activity"\s*\)'
    r'|logName\s*[:=]\s*"?(?:projects/[\w:.-]+/logs/)?cloudaudit\.googleapis\.com(?:%2F|/)activity"?',
    re.IGNORECASE,
)
_CLAUSES = (
    re.compile(r"protoPayload\.serviceName\s*=\s*" + _VALUE.format("service")),
    re.compile(r"protoPayload\.authenticationInfo\.principalEmail\s*[:=]\s*" + _VALUE.format("who")),
    re.compile(r"protoPayload\.methodName\s*:\s*" + _VALUE.format("method")),
)
_OWN_WINDOW = "It shows what the pane holds: of the profile's window, whatever time the command asks for."


def _narrowed(wanted: str) -> dict[str, str] | None:
    """Parameters of a filter that is about the Admin Activity log and says nothing that the look cannot."""
    params: dict[str, str] = {}
    about = False
    for clause in re.split(r"\s+AND\s+|\s*\n\s*", wanted.strip()):
        if _ACTIVITY.fullmatch(clause):
            about = True
            continue
        found = next((match for pattern in _CLAUSES if (match := pattern.fullmatch(clause))), None)
        if found is None or found.groupdict().keys() & params.keys():
            return None
        value = next(iter(found.groupdict().values()))
        if value != "*":
            params |= found.groupdict()
        elif "who" not in found.groupdict():
            return None
    return params if about else None


def shown_by_pane(intent: Intent, names: Mapping[str, Mapping[str, str]]) -> Intent:
    """A log question that a source of this profile answers from its readings is that look; any other stays.

    That is one with the very filter of the source's refused logins, or about the Admin Activity log and narrowed by
    service, person or method at most. `names` is where the sources are, as engine.names tells.
    """
    wanted = " ".join(intent.params.get("filter", "").split())
    if intent.name != "logs.query" or intent.asks or not wanted or intent.params.get("order", "desc") != "desc":
        return intent
    limit = {"limit": intent.params["limit"]} if "limit" in intent.params else {}
    project = intent.target.get("project", "")
    narrowed = _narrowed(intent.params["filter"])
    for source, facts in names.items():
        if not source.startswith("access/") or project not in ("", facts["project"]):
            continue
        target = {"project": facts["project"]}
        if facts.get("failures") == wanted:
            return Intent(FAILURES.id, SourceKind.ACCESS, target, limit, differs=_OWN_WINDOW)
        if narrowed is not None:
            return Intent(CHANGES.id, SourceKind.ACCESS, target, {**narrowed, **limit}, differs=_OWN_WINDOW)
    return intent


def lookers(source_id: str, state_of: StateOf) -> list[Looker]:
    """Both for one source."""
    changes = _Listing(CHANGES, source_id, state_of, _changes)
    return [changes, _Listing(FAILURES, source_id, state_of, _failures)]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one of the looks says."""

    summary: str
    lines: tuple[str, ...]


class _Listing(BoundLook):
    """One of the two lists of the last reading."""

    def __init__(
        self, spec: LookSpec, source: str, state_of: StateOf, tell: Callable[[AccessStatus, LookRequest], _Found]
    ) -> None:
        super().__init__(spec, source)
        self._state_of = state_of
        self._tell = tell

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, Refused for a limit that is none."""
        reading, notes = reading_of(self._source, self._state_of)
        status = _status(reading, self._source)
        found = self._tell(status, request)
        return sight_of(reading, notes, [*found.lines, *status.notes], found.summary)


def _changes(status: AccessStatus, request: LookRequest) -> _Found:
    found = [
        each
        for each in status.changes
        if request.get("who").lower() in each.who.lower()
        and request.get("service") in ("", each.service)
        and request.get("method").lower() in each.method.lower()
    ]
    shown = found[: _limit(request)]
    people = len({each.who for each in found})
    said = f"{len(found)} changes by {people} since {status.since:%m-%d %H:%M} UTC"
    return _Found(said, tuple(map(_change, shown)))


def _change(change: AdminChange) -> str:
    words = [f"{change.at:%m-%d %H:%M:%S}", change.who, change.method.rpartition(".")[2], change.resource]
    if change.address:
        words.append(f"from {change.address}")
    if change.failed:
        words.append(f"REFUSED: {change.failed}")
    return "  ".join(words)


def _failures(status: AccessStatus, request: LookRequest) -> _Found:
    if not status.watched:
        return _Found("refused logins are not watched", ("the profile has no filter for them: failures = ...",))
    found = [each for each in status.failures if request.get("address") in ("", each.address)]
    most = [f"{count:>4} from {address}" for address, count in busiest(found)[:10]]
    shown = found[: _limit(request)]
    said = f"{len(found)} refused logins since {status.since:%m-%d %H:%M} UTC"
    return _Found(said, (*most, *map(_failure, shown)))


def _failure(failure: AccessFailure) -> str:
    return "  ".join(
        part for part in (f"{failure.at:%m-%d %H:%M:%S}", failure.who or "-", failure.address, failure.text) if part
    )


def _limit(request: LookRequest) -> int:
    text = request.get("limit") or "50"
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise Refused("parameters", "limit must be a number from 1 on")
    return min(int(text), 150)


def _status(reading: Reading, source: str) -> AccessStatus:
    if not isinstance(reading.payload, AccessStatus):
        raise Unreachable(f"{source} has no reading of the audit log")
    return reading.payload

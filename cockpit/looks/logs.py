"""Looks at logs: the newest entries that the pane holds, and Cloud Logging asked with a filter of a runbook."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from cockpit.adapters.capabilities import LogAsking
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.filling import filled, marked, slots
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.logs import Level, LogEntry
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.fields import parse_duration

LIMIT = 100
DAY_S = 86400.0
TAIL = LookSpec(
    "logs.tail",
    "Newest entries",
    SourceKind.LOGS,
    "The newest entries that the pane holds, of a level or worse and with certain words.",
    (
        Param("level", ParamKind.TEXT, "ERROR: this or worse", required=False),
        Param("text", ParamKind.TEXT, "words that must all occur", required=False),
        Param("limit", ParamKind.INTEGER, "how many, 200 at most", required=False, default="50"),
    ),
)
QUERY = LookSpec(
    "logs.query",
    "Log question",
    SourceKind.LOGS,
    "Asks Cloud Logging once with a filter of its own, within the project's read budget.",
    (
        Param("filter", ParamKind.TEXT, "in the Logging query language", required=False),
        Param("limit", ParamKind.INTEGER, "how many entries, 100 at most", required=False, default="50"),
        Param("freshness", ParamKind.DURATION, "how far back; 0s for any age", required=False, default="1d"),
        Param("order", ParamKind.TEXT, "desc (newest first) or asc", required=False, default="desc"),
        *slots("filter"),
    ),
    live=False,
)
SPECS = (TAIL, QUERY)

_SHOWING = frozenset(
    ["--format", "--limit", "--project", "--freshness", "--order", "--buffer-window", "--quiet", "-q"]
)
_FRESHNESS = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.IGNORECASE)
_SECONDS = (7 * 86400, 86400, 3600, 60, 1)
_CLAUSE = re.compile(
    r"""\s*(?:
        severity\s*(?P<sign>>=|=|>)\s*"?(?P<level>[A-Za-z]+)"?
        |(?:textPayload|jsonPayload\.(?:message|msg))\s*:\s*(?P<field>"[^"\\]*"|\w+)
        |resource\.type\s*=\s*"?[\w.-]+"?
        |resource\.labels\.(?:service_name|project_id|location)\s*=\s*"?[\w.-]+"?
        |"(?P<word>[^"\\]*)"
    )\s*""",
    re.VERBOSE,
)


class Kept(Protocol):
    """What a look needs of the entries that a pane keeps."""

    async def matching(self, text: str, level: Level, limit: int) -> Sequence[LogEntry]:
        """At most `limit`, newest first."""


def seconds_of(text: str) -> float | None:
    """gcloud's durations: 1d, 2h30m, 90s, 3600; None for what is none.

    https://cloud.google.com/sdk/gcloud/reference/topic/datetimes
    """
    match = _FRESHNESS.fullmatch(text.strip().removeprefix("P").replace("T", ""))
    if match is None or not any(match.groups()):
        return None
    return float(sum(int(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True)))


def simple(wanted: str) -> tuple[str, str] | None:
    """Level and words of a filter that the entries of a ring can be matched with; None where it says more."""
    level, words = "", list[str]()
    for clause in re.split(r"\s+AND\s+|\n+", wanted.strip()) if wanted.strip() else ():
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        if match["level"]:
            if match["level"].upper() not in Level.__members__ or match["sign"] == ">":
                return None
            level = match["level"].upper()
        words += [text.strip('"') for text in (match["field"], match["word"]) if text]
    return level, " ".join(words)


def _asked(call: Call) -> Intent | None:
    """gcloud logging read FILTER."""
    if call.verb != "logging read" or call.flags.keys() - _SHOWING or len(call.args) > 1 or call.redirects:
        return None
    wanted = call.args[0] if call.args else None
    others = {name: values[-1] for name, values in call.flags.items() if name != "--format"}
    known = wanted.placeholders if wanted else ()
    if any(mark not in known and mark.spelled not in others.get("--project", "") for mark in call.placeholders):
        return None
    params: dict[str, str] = {"filter": wanted.text} if wanted else {}
    if "--limit" in others:
        if not others["--limit"].isdecimal():
            return None
        params["limit"] = str(min(int(others["--limit"]), LIMIT))
    if "--freshness" in others:
        seconds = seconds_of(others["--freshness"])
        if seconds is None:
            return None
        params["freshness"] = f"{seconds:g}s"
    if others.get("--order", "").lower() == "asc" or (wanted and "timestamp" in wanted.text):
        params["freshness"] = "0s"  # as gcloud does, whatever is said: oldest first, or the filter has its own bound
    if "--order" in others:
        if others["--order"].lower() not in ("asc", "desc"):
            return None
        params["order"] = others["--order"].lower()
    found = marked(params.get("filter", ""), known)
    if found is None:
        return None
    target = _target(call, params)
    params |= {"filter": found[0]} if wanted else {}
    capped = others.get("--limit", "").isdecimal() and int(others["--limit"]) > LIMIT
    differs = f"At most {LIMIT} entries are asked for." if capped or "--limit" not in others else ""
    return Intent(QUERY.id, SourceKind.LOGS, target, params, found[1], differs)


def _followed(call: Call) -> Intent | None:
    """gcloud [alpha|beta] logging tail FILTER: from the pane where it can tell, else asked once."""
    if call.verb != "logging tail" or call.flags.keys() - _SHOWING or len(call.args) > 1 or call.redirects:
        return None
    wanted = call.args[0] if call.args else None
    text = wanted.text if wanted else ""
    found = marked(text, wanted.placeholders if wanted else ())
    if found is None or any(mark not in found[1].values() for mark in call.placeholders):
        return None
    plain = None if found[1] else simple(text)
    if plain is None:
        said = "The newest entries are asked for once; the command would go on printing."
        params = {"filter": found[0], "freshness": "1h"}
        return Intent(QUERY.id, SourceKind.LOGS, _target(call, {"filter": text}), params, found[1], said)
    params = {name: value for name, value in zip(("level", "text"), plain, strict=True) if value}
    said = "The entries are those that the pane follows, which the profile's filter chooses."
    return Intent(TAIL.id, SourceKind.LOGS, _target(call, {"filter": text}), params, differs=said)


def _target(call: Call, params: Mapping[str, str]) -> dict[str, str]:
    """What the command names: filter, project, and the service in the filter."""
    wanted = params.get("filter", "")
    service = re.search(r'service_name\s*=\s*"?([\w.-]+)', wanted)
    project = call.flag("--project") or ""
    found = {"filter": wanted, "project": project, "service": service[1] if service else ""}
    return {name: value for name, value in found.items() if value and not (name == "project" and "$" in value)}


REPLACES = (
    Replacement(QUERY.id, "gcloud", Tier.T0, _asked),
    Replacement(TAIL.id, "gcloud", Tier.T0, _followed),
)


def lookers(
    source_id: str, kept: Kept, state_of: StateOf, clock: Clock, adapter: LogAsking | None = None
) -> list[Looker]:
    """The tail, and the question where the log can be asked (`adapter`)."""
    found: list[Looker] = [Tail(source_id, kept, state_of)]
    return [*found, LogQuestion(source_id, adapter, clock)] if adapter is not None else found


class Tail(BoundLook):
    """From what the pane keeps, newest first."""

    def __init__(self, source: str, kept: Kept, state_of: StateOf) -> None:
        super().__init__(TAIL, source)
        self._kept = kept
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a level that is none, Unreachable without a reading."""
        name = request.get("level").upper() or "DEFAULT"
        if name not in Level.__members__:
            raise Refused("parameters", f"{name} is no level", hint=", ".join(Level.__members__))
        reading, notes = reading_of(self._source, self._state_of)
        limit = _number(request, 200)
        found = await self._kept.matching(request.get("text"), Level[name], limit)
        said = f"the newest {len(found)} entries" if found else "no entry"
        of = f" of level {name} or worse" if Level[name] else ""
        return sight_of(reading, notes, [_line(entry) for entry in found], f"{said}{of}; {reading.summary}")


class LogQuestion(BoundLook):
    """entries:list once."""

    def __init__(self, source: str, adapter: LogAsking, clock: Clock) -> None:
        super().__init__(QUERY, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises RateLimited where the budget is used up, Refused for parameters that do not fit, CockpitError."""
        order = request.get("order").lower() or "desc"
        if order not in ("asc", "desc"):
            raise Refused("parameters", "order is asc or desc")
        try:
            fresh_s = parse_duration(request.get("freshness") or "1d")
        except ValueError as error:
            raise Refused("parameters", f"freshness {error}") from None
        wanted = filled(request, "filter")
        batch = await self._adapter.query(wanted, _number(request, LIMIT), fresh_s, order == "desc")
        worst = max((entry.level for entry in batch.entries), default=Level.DEFAULT)
        said = f"{len(batch.entries)}{'+' if batch.more else ''} entries" if batch.entries else "no entry"
        said += f" in {_span(fresh_s)}" if fresh_s else ""
        if worst >= Level.ERROR:
            errors = sum(entry.level >= Level.ERROR for entry in batch.entries)
            said += f", {errors} of level ERROR or worse"
        severity = Severity.WARN if worst >= Level.ERROR else Severity.OK
        return Sight(severity, said, self._clock.now(), tuple(map(_line, batch.entries)), batch.more)


def _number(request: LookRequest, most: int) -> int:
    text = request.get("limit") or "50"
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise Refused("parameters", "limit must be a number from 1 on")
    return min(int(text), most)


def _line(entry: LogEntry) -> str:
    at = datetime.fromtimestamp(entry.at, tz=UTC).strftime("%m-%d %H:%M:%S")
    status = f" {entry.status}" if entry.status else ""
    return f"{at} {entry.level.short} {entry.origin}{status} {entry.message}"[:600]


def _span(seconds: float) -> str:
    for unit, word in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"the last {seconds / unit:g} {word}"
    return f"the last {seconds:g} s"

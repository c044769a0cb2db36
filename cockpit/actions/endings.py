"""Which SQL of a runbook the actions on sessions stand in for: pg_terminate_backend and pg_cancel_backend."""

from __future__ import annotations

import re

from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, PlaceholderStyle, Replacement
from cockpit.model.reach import postgres_reach
from cockpit.model.severity import SourceKind
from cockpit.model.sql import NotOne, one_line

THIS_DATABASE = "@connected"  # as a database's name: the one that the source is connected to

_ONE = re.compile(r"SELECT (?:pg_catalog\.)?pg_(terminate|cancel)_backend ?\( ?(.+?) ?\)(?: AS \w+)?", re.IGNORECASE)
_MANY = re.compile(
    r"SELECT (?P<before>(?:\w+, ?)*)(?:pg_catalog\.)?pg_terminate_backend ?\( ?(?:\w+\.)?pid ?\)(?: AS \w+)?"
    r"(?P<after>(?:, ?\w+)*) FROM (?:pg_catalog\.)?pg_stat_activity(?: (?:AS )?\w+)? WHERE (?P<where>.+)",
    re.IGNORECASE,
)
_INTERVAL = r"interval ?'(?P<count>\d+)(?: ?)(?P<unit>s|sec|secs|seconds?|m|mins?|minutes?|h|hours?|d|days?)'"
_NOW = r"(?:now ?\( ?\)|current_timestamp|clock_timestamp ?\( ?\))"
_AGES = (
    re.compile(rf"(?:\w+\.)?(?P<since>state_change|query_start) ?<=? ?{_NOW} ?- ?{_INTERVAL}", re.IGNORECASE),
    re.compile(rf"{_NOW} ?- ?(?:\w+\.)?(?P<since>state_change|query_start) ?>=? ?{_INTERVAL}", re.IGNORECASE),
)
_STATE = re.compile(r"(?:\w+\.)?state ?= ?'([^']*)'", re.IGNORECASE)
_DATABASE = re.compile(r"(?:\w+\.)?datname ?= ?(?:'([^']+)'|(current_database ?\( ?\)))", re.IGNORECASE)
_NOT_OWN = re.compile(r"(?:\w+\.)?pid ?(?:<>|!=) ?pg_backend_pid ?\( ?\)", re.IGNORECASE)
_NUMBER_IN_CAPITALS = re.compile(r"[A-Z][A-Z_]{2,30}")


def named(call: Call) -> dict[str, str]:
    """What the command names: host, port, database and user, container or instance that it goes to."""
    return postgres_reach(call)


def _text(call: Call) -> str:
    statement = call.statement
    if statement is None or call.redirects or "_backend" not in statement.text.lower():
        return ""
    try:
        return one_line(statement.text)
    except NotOne:
        # What stands for a pid may keep it from being SQL: <pid>.
        return " ".join(statement.text.strip().rstrip(";").split())


def _ended(call: Call, what: str) -> Intent | None:
    """pg_terminate_backend(4711), or with something to fill in; `what` is the action's word."""
    match = _ONE.fullmatch(_text(call))
    if match is None or match[1].lower() != what:
        return None
    given, name = match[2], f"database.{what}"
    if given.isascii() and given.isdecimal():
        return Intent(name, SourceKind.DATABASE, named(call), {"pid": given})
    mark = next((each for each in call.placeholders if each.spelled == given.strip("'")), None)
    if mark is None and _NUMBER_IN_CAPITALS.fullmatch(given):
        mark = Placeholder(given, given, PlaceholderStyle.CAPITALS)
    return Intent(name, SourceKind.DATABASE, named(call), {}, {"pid": mark}) if mark is not None else None


def _terminated(call: Call) -> Intent | None:
    return _ended(call, "terminate")


def _cancelled(call: Call) -> Intent | None:
    return _ended(call, "cancel")


def _idle_ended(call: Call) -> Intent | None:
    """pg_terminate_backend of what pg_stat_activity has as idle for longer than a time, of one database or all."""
    match = _MANY.fullmatch(_text(call))
    if match is None or call.placeholders:
        return None
    params: dict[str, str] = {}
    differs = "Each session is looked at again before it is ended, one first, and only while it is idle."
    state = ""
    for condition in re.split(r"\s+and\s+", match["where"], flags=re.IGNORECASE):
        age = next((found for pattern in _AGES if (found := pattern.fullmatch(condition))), None)
        database, is_state = _DATABASE.fullmatch(condition), _STATE.fullmatch(condition)
        if age is not None and "older_than" not in params:
            params["older_than"] = f"{int(age['count'])}{age['unit'][0].lower()}"
            if age["since"].lower() == "query_start":
                differs += (
                    " It counts from when a session became idle (state_change), not from its last query's start."
                )
        elif database is not None and "database" not in params:
            params["database"] = database[1] or THIS_DATABASE
        elif is_state is not None and not state:
            state = is_state[1]
        elif not _NOT_OWN.fullmatch(condition):
            return None
    if state != "idle" or "older_than" not in params:
        return None
    return Intent("database.terminate_idle", SourceKind.DATABASE, named(call), params, differs=differs)


REPLACES = (
    Replacement("database.terminate", "sql", Tier.T2, _terminated),
    Replacement("database.cancel", "sql", Tier.T1, _cancelled),
    Replacement("database.terminate_idle", "sql", Tier.T3, _idle_ended),
)

"""Looks at a PostgreSQL server: its sessions as of the last poll, and a query of a runbook that only reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from cockpit.adapters.capabilities import Querying, QueryResult
from cockpit.clock import Clock
from cockpit.errors import Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.database import DatabaseStatus
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reach import postgres_reach
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.sql import NotOne, first_words, one_line, tokens

MOST_FILLS = 3
SESSIONS = LookSpec(
    "database.sessions",
    "Sessions",
    SourceKind.DATABASE,
    "Sessions by state and database, the pool, and the longest transactions, as of the last poll.",
    (
        Param("state", ParamKind.TEXT, "only this state: active, idle ...", required=False),
        Param("database", ParamKind.TEXT, "only of this database", required=False),
    ),
)
QUERY = LookSpec(
    "database.query",
    "Read-only query",
    SourceKind.DATABASE,
    "Runs one statement that only reads, in a READ ONLY transaction of 3 s, and shows at most 100 rows.",
    (
        Param("sql", ParamKind.TEXT, "one SELECT, SHOW or EXPLAIN"),
        *(
            Param(f"fill{number}", ParamKind.TEXT, f"value of ${number} in it", required=False)
            for number in range(1, MOST_FILLS + 1)
        ),
    ),
    live=False,
)
SPECS = (SESSIONS, QUERY)

_ACTIVITY = re.compile(
    r"""select\s+(?:(?P<grouped>state\s*,\s*)?count\s*\(\s*(?:\*|1|pid)\s*\)(?:\s+(?:as\s+)?\w+)?(?P<after>\s*,\s*state)?)
    \s+from\s+(?:pg_catalog\.)?pg_stat_activity(?:\s+where\s+(?P<where>.*?))?
    (?:\s+group\s+by\s+(?P<by>state|1))?(?:\s+order\s+by\s+[\w\s().*,]+)?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(state|datname)\s*=\s*'([^']*)'", re.IGNORECASE)
_OWN = re.compile(r"pid\s*(?:<>|!=)\s*pg_backend_pid\s*\(\s*\)", re.IGNORECASE)
_WIDTH = 60
# psql's flags that say where and how to connect, or how to print.
_CONNECTION = (
    "-h --host -p --port -U --username -d --dbname -w -W --password --no-password -X --no-psqlrc -q --quiet -t "
    "--tuples-only -A --no-align -x --expanded -P --pset -F --user --project --region --database -a -e -b --csv"
)
_CONNECTING = frozenset(_CONNECTION.split())
_COUNTED = "Counted are sessions of clients; processes of the server itself are not."


def target_of(call: Call) -> dict[str, str]:
    """What the command names: host, database and user of its flags, container or instance that it goes to."""
    return postgres_reach(call)


def _sessions(call: Call) -> Intent | None:
    """The variants of counting pg_stat_activity whose condition the reading can answer."""
    statement = call.statement
    if statement is None or not statement.reads_only or call.placeholders or call.redirects:
        return None
    try:
        match = _ACTIVITY.fullmatch(one_line(statement.text))
    except NotOne:
        return None
    if match is None or bool(match["grouped"] or match["after"]) != bool(match["by"]):
        return None
    params: dict[str, str] = {}
    for condition in re.split(r"\s+and\s+", match["where"] or "", flags=re.IGNORECASE):
        found = _CONDITION.fullmatch(condition.strip())
        if found is not None:
            name = "state" if found[1].lower() == "state" else "database"
            if name in params:
                return None
            params[name] = found[2]
        elif condition.strip() and not _OWN.fullmatch(condition.strip()):
            return None
    return Intent(SESSIONS.id, SourceKind.DATABASE, target_of(call), params, differs=_COUNTED)


def _query(call: Call) -> Intent | None:
    """One statement that is proven to read. A placeholder is understood where it is a literal of its own."""
    statement = call.statement
    if statement is None or not statement.reads_only or call.redirects:
        return None
    try:
        text = one_line(statement.text)
        words = first_words(text)
    except NotOne:
        return None
    if not words or words[0] not in ("SELECT", "WITH", "SHOW", "EXPLAIN", "VALUES", "TABLE"):
        return None
    inside = tuple(mark for mark in call.placeholders if mark.spelled in text)
    gapped = _gapped(text, inside)
    if gapped is None:
        return None
    return Intent(QUERY.id, SourceKind.DATABASE, target_of(call), {"sql": gapped[0]}, gapped[1])


def _gapped(text: str, marks: Sequence[Placeholder]) -> tuple[str, dict[str, Placeholder]] | None:
    """The statement with $1, $2 ... for literals that are a placeholder and nothing else; None for any other."""
    asks: dict[str, Placeholder] = {}
    if not marks:
        return text, asks
    found = tokens(text)
    if len(marks) > MOST_FILLS or any(token.kind == "parameter" for token in found):
        return None
    numbers = {f"'{mark.spelled}'": number for number, mark in enumerate(marks, 1)}
    made, at, seen = "", 0, set[int]()
    for token in found:
        if token.kind == "string" and token.text in numbers:
            number = numbers[token.text]
            seen.add(number)
            made, at = f"{made}{text[at : token.start]}${number}", token.end
    made += text[at:]
    if len(seen) != len(marks) or any(mark.spelled in made for mark in marks):
        return None
    return made, {f"fill{number}": mark for number, mark in enumerate(marks, 1)}


def _by_hand(call: Call) -> Intent | None:
    """psql without a statement: a session to type into."""
    if call.flags.keys() - _CONNECTING or call.redirects or call.body or call.piped:
        return None
    if len(call.args) > 2:
        return None
    said = "It would open a session to type into; the sessions of the server are shown instead."
    return Intent(SESSIONS.id, SourceKind.DATABASE, target_of(call), differs=said)


def _connected(call: Call) -> Intent | None:
    """gcloud sql connect INSTANCE."""
    if call.verb != "sql connect" or len(call.args) != 1 or call.flags.keys() - _CONNECTING:
        return None
    found = _by_hand(replace(call, args=()))
    instance = call.args[0]
    return found and replace(found, target={**found.target, "instance": instance.text})


REPLACES = (
    Replacement(SESSIONS.id, "sql", Tier.T0, _sessions),
    Replacement(QUERY.id, "sql", Tier.T0, _query),
    Replacement(SESSIONS.id, "psql", Tier.T0, _by_hand, session=True),
    Replacement(SESSIONS.id, "gcloud", Tier.T0, _connected, session=True),
)


def lookers(source_id: str, adapter: Querying, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [Sessions(source_id, state_of), Query(source_id, adapter, clock)]


class Sessions(BoundLook):
    """From the last reading."""

    def __init__(self, source: str, state_of: StateOf) -> None:
        super().__init__(SESSIONS, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, DatabaseStatus):
            raise Unreachable(f"{self._source} has no reading of a database")
        state, database = request.get("state"), request.get("database")
        lines = [f"{count:>5}  {name}" for name, count in status.by_state]
        lines += [f"{count:>5}  in database {name}" for name, count in status.by_database]
        chosen = [
            session
            for session in status.sessions
            if state in ("", session.state) and database in ("", session.database)
        ]
        if state and database:
            count = len(chosen)
        elif state:
            count = dict(status.by_state).get(state, 0)
        elif database:
            count = dict(status.by_database).get(database, 0)
        else:
            count = status.connections
        which = " ".join(word for word in (state, f"of {database}" if database else "") if word)
        said = f"{count} sessions" + (f" {which}" if which else "")
        said += f"; {status.connections} of {status.usable} connections used"
        lines += [
            f"pid {session.pid}: {session.state or 'hidden'} {session.database}/{session.user} {session.query[:160]}"
            for session in chosen[:100]
        ]
        return sight_of(reading, notes, [*lines, *status.notes], said)


class Query(BoundLook):
    """One statement of the runbook."""

    def __init__(self, source: str, adapter: Querying, clock: Clock) -> None:
        super().__init__(QUERY, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for what is not one reading statement, and CockpitError."""
        values = [request.get(f"fill{number}") for number in range(1, MOST_FILLS + 1)]
        while values and not values[-1]:
            values.pop()
        result = await self._adapter.query(request.get("sql"), values)
        if len(result.rows) == 1 and len(result.columns) == 1:
            said = f"{result.columns[0]}: {result.rows[0][0]}"
        else:
            said = f"{len(result.rows)}{'+' if result.cut else ''} rows"
        return Sight(Severity.OK, said, self._clock.now(), table(result), result.cut)


def table(result: QueryResult) -> tuple[str, ...]:
    """Columns aligned, numbers to the right; the first line names them."""
    rows = [[text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…" for text in row] for row in result.rows]
    widths = [max(len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(result.columns)]
    numeric = [bool(rows) and all(re.fullmatch(r"-?[\d.]+|NULL", row[i]) for row in rows) for i in range(len(widths))]
    lines = [list(result.columns), *rows]
    return tuple(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )

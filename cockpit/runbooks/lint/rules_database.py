"""SQL and Redis: what hits more rows, sessions or keys than is meant, and what holds everybody up."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call

_STATE = re.compile(r"(?i)^\s*\(*\s*\"?[\w.]*(?:status|state|phase|stage)\"?\s*(?:=|in\b|<>|!=)")
_TIME = re.compile(
    r"(?i)\b(?:now\s*\(|interval\b|current_(?:date|timestamp|time)|[\w.]*_at\b|timestamp|date\b|\btime\b)"
)
_KEY = re.compile(r"(?i)(?:\b|_)(?:id|uuid|key|pid|name|email|slug|code)\"?\s*(?:=|in\b|any\b)")
_BLOCKERS = re.compile(r"(?i)pg_blocking_pids|pg_locks|wait_event")
_REHEARSAL = re.compile(
    r"(?i)(?:^|[^a-z])(?:staging|stage|test|dev|sandbox|demo|scratch|local)(?:[^a-z]|$)|anonymi[sz]"
)
_TARGET_FLAGS = ("--host", "-h", "--dbname", "-d", "--service")


def _statement(call: Call) -> tuple[str, str]:
    """Kind and text."""
    return ("", "") if call.statement is None else (call.statement.kind, call.statement.text)


@on_call(
    "sql-change-without-condition",
    Level.ERROR,
    "Without WHERE it changes every row of the table.",
    "sql",
)
def no_condition(call: Call, scene: Scene) -> Found | None:
    """UPDATE or DELETE without WHERE."""
    kind, text = _statement(call)
    if call.statement is None or kind not in ("UPDATE", "DELETE") or call.statement.where:
        return None
    if re.search(r"(?i)\bwhere\b", text):
        return None
    table = next(iter(call.statement.tables), "the table")
    places = [call.flag("--host", "-h") or "", *(each.where for each in call.within)]
    if kind == "UPDATE" and any(_REHEARSAL.search(each) for each in (*places, scene.caption)):
        return None  # all rows of a copy are made fit for a rehearsal
    return Found(
        f"It has no WHERE: every row of {table} is hit.",
        f"BEGIN; {text} WHERE ...; look at the number of rows; then COMMIT, or ROLLBACK",
    )


@on_call(
    "sql-change-without-time-bound",
    Level.WARNING,
    "Chosen by their state alone, rows are hit that are rightly in it at this moment.",
    "sql",
)
def no_time_bound(call: Call, scene: Scene) -> Found | None:
    """UPDATE or DELETE by status only."""
    kind, text = _statement(call)
    if call.statement is None or kind not in ("UPDATE", "DELETE") or not call.statement.where:
        return None
    where = call.statement.where
    if not _STATE.search(where) or _TIME.search(where) or _KEY.search(where) or call.statement.limited:
        return None
    table = next(iter(call.statement.tables), "the table")
    return Found(
        f"WHERE {where} also hits the rows of {table} that are rightly in that state at this moment.",
        f"{text} AND updated_at < now() - interval '30 minutes' (the column that says since when)",
    )


@on_call(
    "sql-change-without-transaction",
    Level.NOTE,
    "A change by hand that commits at once cannot be taken back when its row count surprises.",
    "sql",
)
def no_transaction(call: Call, scene: Scene) -> Found | None:
    """UPDATE or DELETE that nothing brackets."""
    kind, text = _statement(call)
    if call.statement is None or kind not in ("UPDATE", "DELETE") or not call.statement.where:
        return None
    around = calls_of((*scene.block_before, scene.command), "sql")
    begun = any(
        each.statement is not None and each.statement.kind.startswith(("BEGIN", "START", "TRANSACTION"))
        for each in around
    )
    if begun or re.search(r"(?i)\b(?:begin|limit|single-transaction)\b", scene.command.text):
        return None
    return Found(
        "It commits at once: when the number of rows surprises, there is no way back.",
        f"BEGIN; {text} RETURNING *; then COMMIT, or ROLLBACK",
    )


@on_call(
    "sql-idle-measured-by-query-start",
    Level.WARNING,
    "query_start is when the last query began. How long a session has been idle is in state_change.",
    "sql",
)
def query_start(call: Call, scene: Scene) -> Found | None:
    """`state = 'idle' AND query_start < ...`."""
    _, text = _statement(call)
    low = text.lower()
    if "pg_stat_activity" not in low or not re.search(r"state\s*(?:=\s*|in\s*\(\s*|like\s*)'idle", low):
        return None
    if not re.search(r"query_start\s*<|-\s*query_start", low) or "state_change" in low:
        return None
    return Found(
        "query_start is when the last query began: a session whose long query has ended this second counts as idle "
        "for all that time, and is hit.",
        re.sub(r"(?i)query_start", "state_change", text),
    )


@on_call(
    "sql-ends-other-peoples-sessions",
    Level.WARNING,
    "Without a database, user or application in its condition it ends sessions of others on the same server.",
    "sql",
)
def terminates_widely(call: Call, scene: Scene) -> Found | None:
    """pg_terminate_backend over pg_stat_activity without a name."""
    if call.statement is None or not {"pg_terminate_backend", "pg_cancel_backend"} & set(call.statement.functions):
        return None
    text = call.statement.text
    if "pg_stat_activity" not in text.lower():
        return None
    where = text.lower().partition(" where ")[2]
    where = where or text.lower().partition("\nwhere ")[2]
    if re.search(r"\b(?:datname|datid|usename|usesysid|application_name|client_addr|pid\s*(?:=|in\b))", where):
        return None
    condition = " AND datname = current_database() AND pid <> pg_backend_pid()"
    return Found(
        "No database, user or application in its condition: it ends sessions of every database on the server, "
        "administrators', replication's and pooled ones too.",
        f"{text.rstrip()}{condition}",
    )


@on_call(
    "sql-ends-its-own-session",
    Level.WARNING,
    "The session that runs it is in pg_stat_activity too: it ends itself, perhaps before the others.",
    "sql",
)
def ends_itself(call: Call, scene: Scene) -> Found | None:
    """pg_terminate_backend over pg_stat_activity without anything that leaves the own session out."""
    if call.statement is None or "pg_terminate_backend" not in call.statement.functions:
        return None
    text = call.statement.text
    low = text.lower()
    if "pg_stat_activity" not in low or "pg_backend_pid" in low:
        return None
    where = re.split(r"\bwhere\b", low, maxsplit=1)[-1] if "where" in low else ""
    if re.search(r"\b(?:state|application_name|client_addr|backend_type|wait_event|pid|query)\b", where):
        return None
    if re.search(r"\b(?:query_start|xact_start|state_change)\b|\bduration\s*>", where):
        return None  # chosen by their age: this one began just now
    return Found(
        "The session that runs this is among those that it ends: it may break off before it has reached the others.",
        f"{text.rstrip()} {'AND' if where else 'WHERE'} pid <> pg_backend_pid()",
    )


@on_call(
    "sql-shows-no-blockers",
    Level.WARNING,
    "A list of active sessions does not say who waits for whom.",
    "sql",
)
def no_blockers(call: Call, scene: Scene) -> Found | None:
    """pg_stat_activity under a caption about blocking."""
    _, text = _statement(call)
    if "pg_stat_activity" not in text.lower() or _BLOCKERS.search(text) or call.statement is None:
        return None
    if set(call.statement.functions) & {"pg_terminate_backend", "pg_cancel_backend"}:
        return None
    if not scene.says(r"\bblock(?:ing|ed|er|s)?\b|deadlock|lock wait"):
        return None
    return Found(
        "It lists active sessions by age, not who blocks whom: the oldest is often a victim, and ending it helps "
        "nobody.",
        "SELECT pid, pg_blocking_pids(pid) AS blocked_by, state, left(query, 80) FROM pg_stat_activity WHERE "
        "cardinality(pg_blocking_pids(pid)) > 0",
    )


@on_call(
    "sql-vacuum-full-locks",
    Level.WARNING,
    "VACUUM FULL locks each table completely while it rewrites it, and needs the space for a copy.",
    "sql",
    "vacuumdb",
)
def vacuum_full(call: Call, scene: Scene) -> Found | None:
    """VACUUM FULL."""
    kind, text = _statement(call)
    if call.program == "vacuumdb":
        if not call.has("--full", "-f"):
            return None
    elif not (kind == "VACUUM FULL" or re.match(r"(?i)\s*vacuum\s*(?:\([^)]*\bfull\b|full\b)", text)):
        return None
    return Found(
        "It locks each table against reading and writing while it rewrites it, and needs room for a second copy: "
        "on a live system that is an outage.",
        "VACUUM (ANALYZE); where space must come back: pg_repack, or one table at a time with the writers stopped",
    )


@on_call(
    "sql-reindex-locks",
    Level.WARNING,
    "REINDEX without CONCURRENTLY holds up writers, and readers that use the index, until it is done.",
    "sql",
    "reindexdb",
)
def reindex(call: Call, scene: Scene) -> Found | None:
    """REINDEX without CONCURRENTLY."""
    kind, text = _statement(call)
    if call.program == "reindexdb":
        if call.has("--concurrently"):
            return None
        return Found("It holds up writers table by table.", "reindexdb --concurrently")
    if not (kind.startswith("REINDEX") or re.match(r"(?i)\s*reindex\b", text)) or "concurrently" in text.lower():
        return None
    fixed = re.sub(
        r"(?i)^(\s*reindex\s+(?:\([^)]*\)\s*)?(?:database|table|index|schema|system)\b)", r"\1 CONCURRENTLY", text
    )
    return Found(
        "It holds up every writer of a table, and readers that use the index, until it is rebuilt.",
        f"{fixed}  (PostgreSQL 12 and later)",
    )


@on_call(
    "psql-names-no-database",
    Level.NOTE,
    "Without host or database psql connects to whatever the environment of the person at the keyboard says.",
    "psql",
    "sql",
)
def no_target(call: Call, scene: Scene) -> Found | None:
    """psql without a target, outside of a container."""
    if any(each.tool not in ("psql", "sudo", "watch", "time", "env") for each in call.within):
        return None
    if any(each.tool == "sudo" and each.where for each in call.within):
        return None  # `sudo -u postgres psql`: the server of this machine
    client = next((each for each in call.within if each.tool == "psql"), None)
    if call.program == "sql" and client is None:
        return None
    flags = call.flags if client is None else client.flags
    named = any(flag in flags for flag in _TARGET_FLAGS) or bool(client is not None and client.where)
    if named or (call.program == "psql" and call.args) or "psql" not in scene.command.text:
        return None
    if re.search(r"\bpsql\s+(?:-\w+\s+\S+\s+)*[\"']?(?:\$\{?\w*(?:URL|URI|DSN|DB|DATABASE)|postgres(?:ql)?://|<|\w+=)",
                 scene.command.text) or _environment_is_set(scene):  # fmt: skip
        return None
    changes = (
        call.statement is not None
        and not call.statement.reads_only
        and (not call.statement.kind.startswith(("VACUUM", "ANALYZE")) or "FULL" in call.statement.kind)
    )
    return Found(
        "It names neither host nor database: it runs on whatever PGHOST and PGDATABASE of the person at the "
        "keyboard say, perhaps on the wrong system.",
        _with_target(scene),
        Level.ERROR if changes else None,
    )


def _with_target(scene: Scene) -> str:
    """The command with the container in which the runbook reaches the database elsewhere, else with a variable."""
    text = " ".join(scene.command.text.split())
    client = scene.book.once(_client)
    if client:
        return re.sub(r"\bpsql\b", lambda _: client, text, count=1)
    return re.sub(r"\bpsql\b", 'psql "$DATABASE_URL"', text, count=1) + ", with the variable set in a step before"


def _client(book: Book) -> str:
    for program in ("sql", "psql"):
        for _, call in book.calls(program):
            around = next((each for each in call.within if each.tool == "docker exec" and each.where), None)
            flags = call.flags if program == "psql" else _flags_of_client(call)
            if around is not None:
                user = flags.get("--username", ("",))[-1]
                return f"docker exec {around.where} psql{f' -U {user}' if user else ''}"
    return ""


def _flags_of_client(call: Call) -> Mapping[str, tuple[str, ...]]:
    return next((each.flags for each in call.within if each.tool == "psql"), {})


def _environment_is_set(scene: Scene) -> bool:
    firsts = [scene.book.variables.get(name) for name in ("PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR")]
    return any(first is not None and first <= scene.index for first in firsts)


def _redis_flags(call: Call) -> Mapping[str, tuple[str, ...]]:
    return next((each.flags for each in call.within if each.tool in ("redis-cli", "valkey-cli")), {})


def _redis_cli(call: Call, scene: Scene) -> str:
    """How this runbook reaches that Redis: the client with its host, in its container."""
    opener = scene.command.opener
    if opener:
        return re.sub(r"\s-(?:it|ti|t)\b", "", opener)
    host = _redis_flags(call).get("-h", ("",))[-1]
    around = next((each for each in call.within if each.tool in ("docker exec", "compose exec") and each.where), None)
    if around is None:
        return f"redis-cli -h {host or 'HOST'}"
    tool = "docker exec" if around.tool == "docker exec" else "docker compose exec -T"
    return f"{tool} {around.where} redis-cli" + (f" -h {host}" if host else "")


@on_call(
    "redis-flush-empties-everything",
    Level.ERROR,
    "FLUSHDB and FLUSHALL delete every key: sessions, queues, locks and rate limits too.",
    "redis",
)
def flush(call: Call, scene: Scene) -> Found | None:
    """FLUSHDB, FLUSHALL."""
    verb = call.verb.upper()
    if verb not in ("FLUSHDB", "FLUSHALL"):
        return None
    number = _redis_flags(call).get("-n", ("0",))[-1]
    own = verb == "FLUSHDB" and number != "0"  # a database that was chosen, perhaps one of its own
    where = _redis_cli(call, scene) + (f" -n {number}" if own else "")
    wide = "all databases of the server" if verb == "FLUSHALL" else "the database"
    return Found(
        f"It deletes every key of {wide}, not the old ones: sessions, queues, locks and rate limits in it are "
        "gone, and everything falls on the database behind it at once.",
        f"{where} --scan --pattern 'cache:*' | xargs -n 500 {where} UNLINK; for good: a maxmemory and an eviction "
        "policy (allkeys-lru)",
        Level.WARNING if own else None,
    )


@on_call(
    "redis-keys-blocks",
    Level.WARNING,
    "KEYS walks through the whole database in one go: nobody else is served meanwhile.",
    "redis",
)
def keys(call: Call, scene: Scene) -> Found | None:
    """KEYS with a pattern."""
    if call.verb.upper() != "KEYS":
        return None
    pattern = next((word.text for word in call.args), "*")
    return Found(
        "KEYS walks through every key in one go: with millions of them Redis answers nobody for seconds.",
        f"{_redis_cli(call, scene)} --scan --pattern '{pattern}'  (or SCAN 0 MATCH {pattern} COUNT 500)",
    )


@on_call(
    "redis-holds-everybody-up",
    Level.WARNING,
    "The command stops or slows the whole server while it runs.",
    "redis",
)
def holds_up(call: Call, scene: Scene) -> Found | None:
    """SAVE, MONITOR, DEBUG SLEEP."""
    verb = call.verb.upper()
    if verb == "SAVE":
        return Found("SAVE answers nobody until the whole data set is on disk.", "BGSAVE, then LASTSAVE")
    if verb == "MONITOR":
        return Found(
            "MONITOR never ends, halves the throughput, and prints values, secrets among them.",
            "SLOWLOG GET 20, LATENCY LATEST, or redis-cli --bigkeys on a replica",
        )
    return None


RULES = (
    no_condition,
    no_time_bound,
    no_transaction,
    query_start,
    terminates_widely,
    ends_itself,
    no_blockers,
    vacuum_full,
    reindex,
    no_target,
    flush,
    keys,
    holds_up,
)

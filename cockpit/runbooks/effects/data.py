"""Effects of SQL statements and of the clients, dumps and restores around databases."""

from __future__ import annotations

import re

from cockpit.model.command import Call, EffectClass, SqlStatement
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, names, reads, unknown, worst

_LOSES = frozenset({"DELETE", "DROP", "TRUNCATE", "UPDATE", "MERGE", "REPLACE"})
_CHANGES = {
    "INSERT": "it adds rows",
    "VACUUM": "it cleans tables up while they are used, and loads the disks",
    "VACUUM FULL": "it rewrites whole tables under a lock that keeps everybody out",
    "REINDEX": "it builds indexes anew under a lock that keeps writers out",
    "CLUSTER": "it rewrites whole tables under a lock that keeps everybody out",
    "ANALYZE": "it renews the statistics of the planner",
    "REFRESH": "it computes a materialised view anew",
    "ALTER": "it changes the structure or a setting",
    "CREATE": "it creates something",
    "GRANT": "it changes who may do what",
    "REVOKE": "it changes who may do what",
    "LOCK": "it holds a lock until its transaction ends",
    "SET": "it changes a setting of the session",
    "RESET": "it changes a setting of the session",
    "COPY": "it loads rows, or writes a file on the server",
    "COMMENT": "it changes a comment",
    "CHECKPOINT": "it makes the server write everything to disk at once",
    "COMMIT": "it makes everything before it last",
    "NOTIFY": "it tells listeners something",
}
_SESSION = names("BEGIN START ROLLBACK ABORT SAVEPOINT RELEASE SHOW CLOSE LISTEN")
_FUNCTIONS = {
    "pg_terminate_backend": changes(
        "pg_terminate_backend ends the sessions of others, and what they were doing fails"
    ),
    "pg_cancel_backend": changes("pg_cancel_backend cancels the running queries of others"),
    "pg_reload_conf": changes("pg_reload_conf makes the server read its settings again"),
    "pg_rotate_logfile": changes("pg_rotate_logfile starts a new log file"),
    "pg_switch_wal": changes("pg_switch_wal starts a new segment of the log"),
    "pg_promote": destroys("pg_promote makes a standby the primary, for good", final=True),
    "pg_drop_replication_slot": destroys("pg_drop_replication_slot cuts a replica off"),
    "pg_stat_reset": changes("pg_stat_reset forgets the statistics"),
    "pg_stat_statements_reset": changes("pg_stat_statements_reset forgets the statistics"),
    "setval": changes("setval moves a sequence"),
    "nextval": changes("nextval moves a sequence"),
    "lo_unlink": destroys("lo_unlink deletes a large object", final=True),
}
_WRITING = re.compile(r"\b(delete\s+from|drop|truncate|update|merge\s+into|replace\s+into)\b", re.I)
_DROPPING = re.compile(r"\.(drop\w*|delete\w*|remove|update\w*|replaceOne|bulkWrite)\s*\(|\bflush", re.I)
_FILLED_IN = re.compile(r"(?<![:\w]):['\"]?[A-Za-z_]")
_META_READS = re.compile(
    r"\\(d\w*[+S]*|l\+?|z|conninfo|timing|x|\?|h|q|encoding|pset|a|t|echo|sf\+?|sv\+?|c|connect)$"
)
_PASSWORD = re.compile(r"\bpassword\b", re.I)
_DROPS = re.compile(r"\bdrop\s+(column|constraint|partition)\b|\bset\s+unlogged\b", re.I)


def sql(call: Call) -> Ruling:
    """By the parsed statement; a session or a file that was not looked at is not known."""
    found = call.statement
    if found is None:
        return _client(call)
    rulings = [_statement(found)]
    if any("--set" in wrapper.flags for wrapper in call.within) and _FILLED_IN.search(_without_strings(found.text)):
        rulings.append(unknown("what psql puts into the statement was not looked at"))
    psql = [wrapper for wrapper in call.within if wrapper.tool in ("psql", "pgcli")]
    if any(not _WRITES_FILE.isdisjoint(wrapper.flags) for wrapper in psql):
        rulings.append(changes("it writes what comes out to a file"))
    if any(flag.startswith("--") and flag not in _PSQL for wrapper in psql for flag in wrapper.flags):
        rulings.append(unknown("one of the options of psql is not known"))
    if any("options=" in value for wrapper in psql for value in (wrapper.where, *wrapper.flags.get("--dbname", ()))):
        rulings.append(unknown("its connection string changes settings of the session"))
    return worst(rulings)


_PSQL = names(
    """
    --command --host --port --username --dbname --set --variable --pset --field-separator --record-separator
    --table-attr --no-psqlrc --no-align --tuples-only --quiet --expanded --single-transaction --no-password
    --password --csv --html --echo-all --echo-queries --echo-errors --echo-hidden --single-line --single-step
    --field-separator-zero --record-separator-zero --no-readline --list --version --help --log-file --output --file
    """
)
_WRITES_FILE = frozenset({"-L", "--log-file", "--output"})


def _statement(found: SqlStatement) -> Ruling:
    text = found.text.strip()
    kind = found.kind.upper()
    first = kind.split()[0] if kind else ""
    if text.startswith("\\"):
        return _meta(text)
    if found.reads_only:
        return reads("the statement only reads")
    if kind == "VACUUM" and re.match(r"vacuum\s*\(?[^;]*\bfull\b", text, re.I):
        kind = "VACUUM FULL"
    if first in _LOSES:
        return _losing(found, first)
    rulings = [_FUNCTIONS[name] for name in found.functions if name in _FUNCTIONS]
    if kind in _CHANGES or first in _CHANGES:
        rulings.append(_changing(text, kind, first))
    if _WRITING.search(_without_strings(text)) and first not in ("GRANT", "REVOKE", "LOCK", "CREATE"):
        rulings.append(destroys("a part of the statement changes or deletes rows or tables"))
    if rulings:
        return worst(rulings)
    if re.match(r"rollback\s+prepared\b", text, re.I):
        return destroys("what another transaction prepared is thrown away")
    if first in _SESSION:
        return reads("it only concerns the session")
    if not kind:
        return unknown("the statement could not be parsed")
    return unknown(f"not everything that this {kind} calls is known to only read")


def _meta(text: str) -> Ruling:
    """A command of psql. What stands in backticks runs, and a second backslash begins another command."""
    name, _, rest = text.partition(" ")
    if name.split()[0] in ("\\c", "\\connect"):
        return unknown("what follows goes to another database")
    if not _META_READS.match(name.split()[0]) or re.search(r"[`|\\]", rest):
        return unknown(f"{name.split()[0]} may write a file or run a program")
    return reads("it only shows something")


def _without_strings(text: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", text)


def _losing(found: SqlStatement, first: str) -> Ruling:
    if first == "DROP":
        lasting = not re.match(r"drop\s+(index|view|trigger|function|policy)\b", found.text.strip(), re.I)
        return destroys("what it drops is gone with everything in it", final=lasting)
    if first == "TRUNCATE":
        return destroys("all rows of the table are gone", final=True)
    if not found.where and first != "MERGE":
        return destroys("it has no condition: every row of the table is hit", final=True)
    verb = "deleted" if first == "DELETE" else "overwritten"
    return destroys(f"rows are {verb}, and what they held cannot be brought back")


def _changing(text: str, kind: str, first: str) -> Ruling:
    if first == "ALTER" and _PASSWORD.search(_without_strings(text)):
        return destroys("the old password stops working at once, wherever it is still used", final=True)
    if first == "ALTER" and _DROPS.search(_without_strings(text)):
        return destroys("what it drops is gone with everything in it", final=True)
    if first == "INSERT" and re.search(r"\bon\s+(conflict|duplicate)\b[\s\S]*\bupdate\b", text, re.I):
        return destroys("rows that are there already are overwritten")
    return changes(_CHANGES.get(kind) or _CHANGES[first])


def _client(call: Call) -> Ruling:
    """psql and its like without a statement that could be looked at."""
    fed = any(redirect.operator in ("<", "<<", "<<<") for redirect in call.redirects) or call.piped
    flags = {*call.flags, *(flag for wrapper in call.within if wrapper.tool == "psql" for flag in wrapper.flags)}
    if fed or not flags.isdisjoint({"-f", "--file"}):
        return destroys("it runs whatever SQL it is fed, over what is in the database", final=True)
    if not flags.isdisjoint({"-l", "--list", "-V", "--version", "--help"}):
        return reads("it only lists")
    return unknown("it opens a session in which anything can be typed")


def pg_dump(call: Call) -> Ruling:
    """Reads the database; the dump itself is a file, or goes to standard output."""
    if call.has("-f", "--file"):
        return changes("it reads the whole database and writes a file")
    return reads("it reads the whole database")


def pg_restore(call: Call) -> Ruling:
    """Lists an archive, turns it into SQL, or plays it into a database."""
    if call.has("-l", "--list"):
        return reads("it only lists what an archive holds")
    if call.has("-f", "--file") and not call.has("-d", "--dbname"):
        return changes("it writes SQL to a file")
    return destroys("it plays an archive over what is in the database", final=True)


def dropdb(call: Call) -> Ruling:
    """`dropdb`, `dropuser`."""
    return destroys(f"{call.program} deletes it with everything in it", final=True)


def probe(call: Call) -> Ruling:
    """`pg_isready` and its like."""
    return reads(f"{call.program} only asks whether the server answers")


def mysql(call: Call) -> Ruling:
    """A client whose statements were not parsed: what they say can only make it worse."""
    text = " ".join(word.text for word in call.words[1:])
    if _WRITING.search(text) or _DROPPING.search(text):
        return destroys("a part of what it is given changes or deletes rows or tables", final=True)
    return max(_client(call), unknown("the SQL that it runs was not looked at"), key=lambda ruling: ruling.effect)


def promql(call: Call) -> Ruling:
    """Queries of Prometheus can only read."""
    return reads("a query of Prometheus only reads")


def is_read(call: Call) -> bool:
    """The statement of this call is proven to read."""
    return sql(call).effect is EffectClass.READS

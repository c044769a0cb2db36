"""What the role lacks and what would grant it, as notes of a poll and as lines of `cockpit doctor`. Pure."""

from __future__ import annotations

from cockpit.adapters.postgres.link import Who
from cockpit.adapters.postgres.permission import quoted
from cockpit.model.database import DatabaseStatus
from cockpit.model.diagnosis import Diagnosis
from cockpit.text import clean

OLDEST, NEWEST = 130_000, 190_000


def degradations(who: Who) -> tuple[str, ...]:
    """What a poll cannot see, and why."""
    row, notes = who.row, []
    if not row["reads_all_stats"]:
        notes.append(f"other roles' sessions are hidden: GRANT pg_monitor TO {quoted(row['role'])}")
    if not OLDEST <= row["version_num"] < NEWEST:
        notes.append(f"PostgreSQL {clean(row['version'], 40)} is not a version that this was made for (13 to 18)")
    if who.pooled:
        notes.append(
            "connected through a pooler: connect to the server itself to keep a session when the pool is full"
        )
    return tuple(notes)


def diagnoses(who: Who, status: DatabaseStatus, took_ms: float) -> tuple[Diagnosis, ...]:
    """One line for each aspect, in the order in which they are best fixed."""
    return (
        Diagnosis("connect", True, f"{status.server} in {took_ms:.0f} ms"),
        _version(who),
        Diagnosis("role", True, _role(who)),
        _statistics(who),
        _signalling(who),
        _statements(who, status),
        _headroom(who, status),
    )


def _version(who: Who) -> Diagnosis:
    version = f"PostgreSQL {clean(who.row['version'], 60)}"
    if OLDEST <= who.row["version_num"] < NEWEST:
        return Diagnosis("version", True, version)
    return Diagnosis("version", None, f"{version} is outside 13 to 18", "expect gaps; report what is wrong")


def _role(who: Who) -> str:
    row = who.row
    kind = "superuser" if row["superuser"] else "ordinary role"
    return f"{clean(row['role'], 128)}, {kind}" + (", through a connection pooler" if who.pooled else "")


def _statistics(who: Who) -> Diagnosis:
    if who.row["reads_all_stats"]:
        through = "pg_monitor" if who.row["monitor"] else "pg_read_all_stats"
        return Diagnosis("pg_monitor", True, f"sees every session ({through})")
    return Diagnosis(
        "pg_monitor",
        None,
        "sees states and queries of its own sessions only",
        f"GRANT pg_monitor TO {quoted(who.row['role'])}",
    )


def _signalling(who: Who) -> Diagnosis:
    if who.row["superuser"]:
        return Diagnosis("pg_signal_backend", True, "may end any session (superuser)")
    if who.row["signals"]:
        return Diagnosis("pg_signal_backend", True, "may end sessions of roles that are not superuser")
    return Diagnosis(
        "pg_signal_backend",
        None,
        "may end sessions of its own role only",
        f"GRANT pg_signal_backend TO {quoted(who.row['role'])}",
    )


def _statements(who: Who, status: DatabaseStatus) -> Diagnosis:
    check = "pg_stat_statements"
    if status.statements_from == check:
        return Diagnosis(check, True, "installed and readable")
    if who.row["statements_schema"] is None:
        return Diagnosis(
            check,
            None,
            f"not installed in database {clean(who.row['database'], 128)}: statements are sampled instead",
            "add it to shared_preload_libraries, restart, then: CREATE EXTENSION pg_stat_statements",
        )
    why = next((note for note in status.notes if check in note), "not readable")
    fix = "ALTER EXTENSION pg_stat_statements UPDATE"
    if "shared_preload_libraries" in why:
        fix = "add it to shared_preload_libraries and restart the server"
    return Diagnosis(check, None, f"{why}: statements are sampled instead", fix)


def _headroom(who: Who, status: DatabaseStatus) -> Diagnosis:
    left = status.usable - status.connections
    detail = f"{status.connections} of {status.usable} in use, {status.reserved} of {status.max_connections} reserved"
    for name in ("role_limit", "database_limit"):
        limit = who.row[name]
        if limit is not None and limit >= 0:
            detail += f"; {name.replace('_', ' ')} {limit}"
    if left > 0:
        return Diagnosis("connections", True, detail)
    return Diagnosis("connections", False, detail, "end idle sessions, or raise max_connections and restart")

"""Whether a role may signal sessions, by PostgreSQL's own rules. Pure: no queries here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockpit.model.action import Grant, Permission
from cockpit.text import clean


def quoted(role: str) -> str:
    """An SQL identifier, to show in a GRANT."""
    return '"' + clean(role, 128).replace('"', '""') + '"'


def permission_of(me: Any, owners: Sequence[Any]) -> Permission:
    """`me`: a row of identify.sql; `owners`: rows of permission.sql for the sessions' roles.

    See https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL.
    """
    role = quoted(me["role"])
    if me["superuser"]:
        return Permission(Grant.GRANTED, "superuser")
    if superusers := sorted(clean(row["role"]) for row in owners if row["superuser"]):
        return Permission(
            Grant.DENIED,
            f"superuser, to end a session of {', '.join(superusers)}",
            "connect as a superuser: no GRANT gives another role this right",
        )
    if not me["reads_all_stats"] and not all(row["member"] for row in owners):
        return Permission(
            Grant.DENIED,
            "pg_read_all_stats (to tell sessions apart) and pg_signal_backend",
            f"a superuser runs: GRANT pg_monitor, pg_signal_backend TO {role}",
        )
    if me["signals"]:
        return Permission(Grant.GRANTED, "pg_signal_backend")
    if owners and all(row["member"] for row in owners):
        return Permission(Grant.GRANTED, "membership in the role of the session")
    return Permission(Grant.DENIED, "pg_signal_backend", f"a superuser runs: GRANT pg_signal_backend TO {role}")

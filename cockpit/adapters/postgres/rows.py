"""Rows of sessions.sql -> `Session`. Every text is cleaned here."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cockpit.model.database import HIDDEN_START, Session
from cockpit.text import clean

HIDDEN = "<hidden>"
CLIENT_BACKEND = "client backend"
_INSUFFICIENT = b"<insufficient privilege>"
QUERY_LIMIT = 2000
_NAME_LIMIT = 128


@lru_cache(maxsize=1024)
def text_of(raw: bytes | None, limit: int = _NAME_LIMIT) -> str:
    """Cleaned text; "" for NULL. The same few texts come back poll after poll."""
    return "" if raw is None else clean(raw, limit)


def session_of(row: Any) -> Session:
    """One session; ages are never negative although clocks of two readings differ by microseconds."""
    raw = row["query"]
    hidden = raw == _INSUFFICIENT
    state = row["state"] or ""
    return Session(
        pid=row["pid"],
        backend_start=row["backend_start"] or HIDDEN_START,
        database=text_of(row["database"]),
        user=text_of(row["role"]),
        application=text_of(row["application"]),
        client="" if hidden else row["client"] or "local",
        state=state,
        wait=_wait(row["wait_type"], row["wait_event"], state),
        transaction_age_s=_age(row["transaction_age"]),
        query_age_s=_age(row["query_age"]),
        state_age_s=_age(row["state_age"]),
        query=HIDDEN if hidden else text_of(raw, QUERY_LIMIT),
        kind=row["kind"] or _guessed_kind(row),
        own=row["own"],
    )


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)


def _wait(kind: str | None, event: str | None, state: str) -> str:
    # Whoever is not at work waits for the client: that says nothing.
    if kind is None or (kind == "Client" and state != "active"):
        return ""
    return clean(f"{kind}: {event}", _NAME_LIMIT)


def _guessed_kind(row: Any) -> str:
    """Without the right to see backend_type: clients have a role and a database."""
    return CLIENT_BACKEND if row["database"] is not None and row["role"] is not None else "unknown"

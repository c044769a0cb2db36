"""What a server says to a statement of others, in words that fit: the statement's limits and rights are its own."""

from __future__ import annotations

import asyncpg

from cockpit.adapters.postgres.failures import translated
from cockpit.errors import CockpitError, Conflict, Misconfigured, NotFound, PermissionDenied, TimedOut
from cockpit.text import clean


def refused(error: asyncpg.PostgresError, server: str, limit: str) -> CockpitError:
    """`limit`: the statement's time limit in words. What is not about the statement is said as ever."""
    said, state = clean(str(error).partition("\n")[0], 300), error.sqlstate or ""
    if state == "25006":
        return PermissionDenied(
            f"{server} takes no change here: {said}", hint="the role or the server is read-only, or this was a look"
        )
    if state == "42501":
        return PermissionDenied(f"{server} refused: {said}", missing=said, hint="GRANT it to the role of the profile")
    if state in ("42P01", "42703", "42883", "3F000", "42704"):
        return NotFound(f"{server}: {said}", hint="is it the right database, and the right schema?")
    if state == "57014":
        return TimedOut(f"{server} stopped it after {limit}: {said}", hint="narrow the statement")
    if state == "55P03":
        return TimedOut(f"{server}: {said}", hint="another session holds the lock: look at the lock waits first")
    if state in ("40001", "40P01"):
        return Conflict(f"{server} rolled it back: {said}", hint="it collided with another transaction; plan again")
    if state[:2] in ("42", "22", "23", "26", "0A", "2B", "25", "44", "P0"):
        return Misconfigured(f"{server} does not take the statement: {said} (SQLSTATE {clean(state, 5)})")
    return translated(error, server)

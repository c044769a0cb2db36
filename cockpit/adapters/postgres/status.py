"""What was read -> how bad it is, in one line. Pure: no queries here."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.database import BlockingNode, DatabaseStatus, Session
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.schema import DatabaseSource


def judged(status: DatabaseStatus, source: DatabaseSource) -> Observation:
    """The observation: severity by the thresholds of the profile, the worst things first in the summary."""
    status = replace(status, bounds=(source.pool_warn, source.pool_critical))
    found = [*_pool(status, source), *_blocking(status, source), *_transactions(status, source), *_panels(status)]
    if not found:
        return Observation(Severity.OK, f"{status.connections}/{status.usable} connections", status)
    found.sort(key=lambda item: -item[0])
    return Observation(found[0][0], " · ".join(text for _, text in found[:2]), status)


def _pool(status: DatabaseStatus, source: DatabaseSource) -> list[tuple[Severity, str]]:
    share = status.connections / status.usable
    if share >= 1:
        return [(Severity.CRIT, f"pool full {status.connections}/{status.usable}")]
    if share >= source.pool_warn:
        severity = Severity.CRIT if share >= source.pool_critical else Severity.WARN
        return [(severity, f"pool {int(share * 100)} % {status.connections}/{status.usable}")]
    return []


def _blocking(status: DatabaseStatus, source: DatabaseSource) -> list[tuple[Severity, str]]:
    late = [root for root in status.blocking if _longest_wait(root) > source.blocked_warn]
    if not late:
        return []
    root = late[0]
    name = f"pid {root.session.pid}" if root.session.pid else "a prepared transaction"
    return [(Severity.WARN, f"{name} blocks {root.size()}")]


def _longest_wait(root: BlockingNode) -> float:
    longest, queue = 0.0, [root]
    while queue:
        node = queue.pop()
        longest = max(longest, node.waiting_s or 0.0)
        queue += node.children
    return longest


def _transactions(status: DatabaseStatus, source: DatabaseSource) -> list[tuple[Severity, str]]:
    old = [session for session in status.sessions if (session.transaction_age_s or 0.0) > source.long_transaction]
    if not old:
        return []
    oldest = max(old, key=lambda session: session.transaction_age_s or 0.0)
    what = "idle in transaction" if oldest.state.startswith("idle in transaction") else "transaction"
    return [(Severity.WARN, f"pid {oldest.pid} {what} {duration(oldest.transaction_age_s or 0.0)}")]


def _panels(status: DatabaseStatus) -> list[tuple[Severity, str]]:
    return [
        (panel.severity, f"{panel.title}: {'no answer' if panel.problem else panel.said}")
        for panel in status.panels
        if panel.severity is not Severity.OK
    ]


def duration(seconds: float) -> str:
    """12 s, 4 m, 3 h, 2 d: rounded down, for one line."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def counted(sessions: list[Session]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """Client backends by state and by database, most first."""
    states: dict[str, int] = {}
    databases: dict[str, int] = {}
    for session in sessions:
        states[session.state or "<hidden>"] = states.get(session.state or "<hidden>", 0) + 1
        databases[session.database] = databases.get(session.database, 0) + 1
    return ranked(states), ranked(databases)


def ranked(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """Most first, then by name."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

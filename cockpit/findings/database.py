"""Rules on PostgreSQL: who holds whom up, how full it is, what hogs it."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.database import BlockingNode, DatabaseStatus, Session, with_unit
from cockpit.model.finding import Finding
from cockpit.model.metrics import bound_in_unit
from cockpit.model.reading import SourceState
from cockpit.model.severity import Severity

BLOCKED_S = 3.0
BLOCKED_CRIT = 5  # sessions held up
IDLE_IN_TRANSACTION_S = 120.0
SLOW_S = 5.0
HOG_SHARE = 0.5


def database_findings(view: View) -> Iterator[Finding]:
    """All of them, for every database."""
    for state, database in view.fresh(DatabaseStatus):
        yield from _lock_pileup(state, database, view.now)
        yield from _pool(state, database)
        yield from _idle_in_transaction(state, database, view.now)
        yield from _slow(state, database, view.now)
        yield from _panels(state, database, view.now)


def _identity(session: Session) -> dict[str, str]:
    return {"pid": str(session.pid), "backend_start": session.backend_start.isoformat()}


def _who(session: Session) -> str:
    return f"pid {session.pid} ({session.application or session.user})"


def _longest_wait(node: BlockingNode) -> float:
    return max([node.waiting_s or 0.0, *(_longest_wait(child) for child in node.children)])


def _lock_pileup(state: SourceState, database: DatabaseStatus, now: float) -> Iterator[Finding]:
    for root in database.blocking:
        held, waited, session = root.size(), _longest_wait(root), root.session
        if not held or waited < BLOCKED_S:
            continue
        crit = held >= BLOCKED_CRIT or waited >= 30
        age = session.transaction_age_s
        yield Finding(
            rule="lock-pileup",
            severity=Severity.CRIT if crit else Severity.WARN,
            text=f"{session.state} {_who(session)} blocks {held} sessions, the longest for {waited:.0f} s",
            short=f"pid {session.pid} blocks {held}",
            evidence=(
                f"its transaction is open for {age:.0f} s" if age is not None else "its transaction age is hidden",
                f"last statement: {session.query[:120]}",
                f"waits: {root.children[0].lock}" if root.children else "",
            ),
            source=state.source,
            action=ActionRequest("database.unblock", state.source, _identity(session)),
            action_title=f"End the root blocker pid {session.pid}",
            since=None if age is None else now - age,
            rank=20,
        )


def _pool(state: SourceState, database: DatabaseStatus) -> Iterator[Finding]:
    share = database.connections / database.usable
    warn, critical = database.bounds
    if share < warn:
        return
    states = ", ".join(f"{count} {name}" for name, count in database.by_state[:4])
    idle = dict(database.by_state).get("idle", 0)
    mostly_idle = idle > database.connections / 2
    yield Finding(
        rule="pool-nearly-full",
        severity=Severity.CRIT if share >= critical else Severity.WARN,
        text=f"{database.connections} of {database.usable} connections are in use: {states}",
        short=f"pool {database.connections}/{database.usable}",
        evidence=(f"max_connections {database.max_connections}, reserved {database.reserved}", states),
        source=state.source,
        action=ActionRequest("database.terminate_idle", state.source) if mostly_idle else None,
        action_title="Terminate idle sessions" if mostly_idle else "",
        rank=30,
    )


def _idle_in_transaction(state: SourceState, database: DatabaseStatus, now: float) -> Iterator[Finding]:
    blocking = {root.session.pid for root in database.blocking}
    for session in database.sessions:
        age = session.state_age_s or 0.0
        idle = session.state.startswith("idle in transaction")
        if idle and age >= IDLE_IN_TRANSACTION_S and session.pid not in blocking:
            yield Finding(
                rule="idle-in-transaction",
                severity=Severity.WARN,
                text=f"{_who(session)} is idle in a transaction for {age:.0f} s: it holds locks and delays vacuum",
                short=f"pid {session.pid} idle in transaction",
                evidence=(f"last statement: {session.query[:120]}",),
                source=state.source,
                action=ActionRequest("database.terminate", state.source, _identity(session)),
                action_title=f"Terminate pid {session.pid}",
                since=now - age,
                rank=35,
            )


def _slow(state: SourceState, database: DatabaseStatus, now: float) -> Iterator[Finding]:
    slow = [
        session
        for session in database.sessions
        if session.state == "active" and (session.query_age_s or 0.0) >= SLOW_S and not session.blocked_by
    ]
    if not slow:
        return
    oldest = max(slow, key=lambda session: session.query_age_s or 0.0)
    age = oldest.query_age_s or 0.0
    hog = next((load for load in database.statements if load.share >= HOG_SHARE), None)
    yield Finding(
        rule="slow-query",
        severity=Severity.CRIT if age >= 60 or len(slow) >= BLOCKED_CRIT else Severity.WARN,
        text=f"{_who(oldest)} runs one statement for {age:.0f} s"
        + (f", {len(slow)} slow in all" if slow[1:] else ""),
        short=f"pid {oldest.pid} slow {age:.0f} s",
        evidence=(
            f"statement: {oldest.query[:120]}",
            f"{100 * hog.share:.0f} % of the time goes to: {hog.query[:100]}"
            if hog
            else f"waits: {oldest.wait or '-'}",
        ),
        source=state.source,
        action=ActionRequest("database.cancel", state.source, _identity(oldest)),
        action_title=f"Cancel the statement of pid {oldest.pid}",
        since=now - age,
        rank=22,
    )


def _panels(state: SourceState, database: DatabaseStatus, now: float) -> Iterator[Finding]:
    """The profile's own queries whose bound is broken."""
    for panel in database.panels:
        if panel.severity not in (Severity.WARN, Severity.CRIT):
            continue
        since = f" for {now - panel.since:.0f} s" if panel.since and now - panel.since >= 1 else ""
        rows = tuple(
            ", ".join(f"{name} {cell}" for name, cell in zip(panel.columns, row, strict=False))[:120]
            for row in panel.rows[:3]
        )
        number = with_unit(panel)
        yield Finding(
            rule="sql-bound",
            severity=panel.severity,
            text=f"{panel.title} is {number}, {bound_in_unit(panel.bound, panel.unit)}{since}",
            short=f"{panel.title} {number}",
            evidence=(panel.query[:300], *(rows if len(panel.columns) > 1 else ())),
            source=state.source,
            since=panel.since or None,
            rank=40,
            playbook=panel.playbook,
        )

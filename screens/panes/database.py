"""Database pane: connections as meters, who blocks whom, the oldest sessions, the costliest statements."""

from __future__ import annotations

from datetime import UTC
from typing import ClassVar

from cockpit.model.database import BlockingNode, DatabaseStatus, Session, StatementLoad
from cockpit.model.reading import SourceState
from cockpit.model.severity import SourceKind
from screens import figures
from screens.paint import (
    Cell,
    Column,
    Meter,
    Row,
    Span,
    Spans,
    blank,
    header,
    note,
    spans,
)
from screens.panes.base import Detail, Pane, Scenery
from screens.panes.redis import gauge, level
from screens.panes.sqlpanels import PANELS, panel_detail, panel_row

_TREE = (
    Column("", 12),
    Column("", 0, least=12),
    Column("", 9, right=True, drop=1),
    Column("", 26, drop=3),
)
_SESSIONS = (
    Column("pid", 7, right=True),
    Column("state", 11, drop=3),
    Column("age", 9, right=True),
    Column("application", 12, drop=2),
    Column("client", 15, drop=6),
    Column("waits for", 16, drop=5),
    Column("query", 0, least=14),
)
_STATEMENTS = (
    Column("top statements", 0, least=14),
    Column("time", 5, right=True),
    Column("mean", 9, right=True, drop=1),
    Column("calls", 6, right=True, drop=2),
)
_STATE_WORDS = {"idle in transaction": "idle in tx", "idle in transaction (aborted)": "idle tx err"}
_SHOWN_SESSIONS = 200
_LONG_S = 30.0


def _key(session: Session) -> str:
    """Names a session for good: the pid alone comes again."""
    return f"{session.pid}@{session.backend_start.isoformat()}"


def _state_style(session: Session) -> str:
    if session.state.startswith("idle in"):
        return "warning"
    return "" if session.state == "active" else "muted"


def _meters(database: DatabaseStatus) -> list[Row]:
    share = database.connections / database.usable
    style = level(share, 0.8, 0.95)
    states = dict(database.by_state)
    active = states.get("active", 0)
    held = sum(root.size() for root in database.blocking)
    waiting = f" +{held} held" if held else ""
    rows = [
        gauge(
            "conns", Meter(share, style), f"{database.connections}/{database.usable}", style if share >= 0.8 else ""
        ),
        gauge("active", Meter(active / database.usable, "primary"), f"{active}{waiting}"),
    ]
    if database.cache_hit is not None:
        hit = level(1 - database.cache_hit, 0.05, 0.2)
        rows.append(gauge("cache", Meter(database.cache_hit, hit), f"{figures.percent(database.cache_hit, 1)} hit"))
    if database.replication_lag_s is not None:
        lag = database.replication_lag_s
        rows.append(gauge("lag", Meter(min(1.0, lag / 60), level(lag / 60, 0.5, 1.0)), figures.millis(lag * 1000)))
    parts: list[Span] = []
    for name, number in database.by_state:
        bad = name.startswith("idle in")
        parts += [
            (f"{_STATE_WORDS.get(name, name)} ", "muted"),
            (f"{number}", "warning bold" if bad else ""),
            ("  ", ""),
        ]
    if database.transactions_per_s is not None:
        parts += [("tx ", "muted"), (f"{figures.count(database.transactions_per_s)}/s", ""), ("  ", "")]
    if database.deadlocks:
        parts += [(f"{database.deadlocks} deadlocks", "error bold")]
    rows.append(spans(*parts))
    if len(database.by_database) > 1:
        parts = [("by database ", "muted")]
        for name, number in database.by_database[:6]:
            parts += [(f"{name} ", "muted"), (f"{number}  ", "")]
        rows.append(spans(*parts))
    return rows


def _tree(node: BlockingNode, stem: str, last: bool) -> list[Row]:
    session = node.session
    branch = (f"{stem}{'└─ ' if last else '├─ '}", "line"), (str(session.pid), "")
    cells: tuple[Cell, ...] = (
        Spans(branch),
        (session.query, ""),
        (figures.span(node.waiting_s), "warning"),
        (node.lock, "muted"),
    )
    rows = [Row(f"wait/{_key(session)}", cells, _TREE)]
    deeper = stem + ("   " if last else "│  ")
    for number, child in enumerate(node.children):
        rows += _tree(child, deeper, number == len(node.children) - 1)
    return rows


def _blocking(database: DatabaseStatus) -> list[Row]:
    if not database.blocking:
        return []
    held = sum(root.size() for root in database.blocking)
    rows = [blank(), note(f"{held} session{'s' if held != 1 else ''} blocked, by")]
    for root in database.blocking:
        session = root.session
        # The oldest of what it has been doing, so that the eye finds the one that forgot to commit.
        old = session.transaction_age_s if session.transaction_age_s is not None else session.state_age_s
        rows.append(
            spans(
                ("✖ ", "error bold"),
                (f"{session.pid} ", "error bold"),
                (f"{session.state} ", "warning bold"),
                (figures.span(old), "bold"),
                (f"  {session.application or session.user}", "accent"),
                (f"  {session.query}", "muted"),
                key=f"root/{_key(session)}",
            )
        )
        for number, child in enumerate(root.children):
            rows += _tree(child, "", number == len(root.children) - 1)
    return rows


def _session(session: Session) -> Row:
    old = session.transaction_age_s if session.transaction_age_s is not None else session.query_age_s
    old = old if old is not None else session.state_age_s
    long = session.state != "idle" and old is not None and old >= _LONG_S
    wait = session.wait
    if session.blocked_by:
        wait = "← " + ",".join(str(pid) for pid in session.blocked_by)
    cells: tuple[Cell, ...] = (
        (str(session.pid), "bold" if session.blocked_by else ""),
        (_STATE_WORDS.get(session.state, session.state), _state_style(session)),
        (figures.span(old), "warning" if long else ""),
        (session.application, "accent"),
        (session.client, "muted"),
        (wait, "warning" if session.blocked_by else "muted"),
        (session.query, "" if session.state != "idle" else "muted"),
    )
    return Row(f"session/{_key(session)}", cells, _SESSIONS)


def _statement(load: StatementLoad, number: int) -> Row:
    cells: tuple[Cell, ...] = (
        (load.query, ""),
        (figures.percent(load.share), "bold" if load.share >= 0.5 else ""),
        (figures.millis(load.mean_ms), ""),
        (figures.count(load.calls), "muted"),
    )
    return Row(f"statement/{number}/{hash(load.query)}", cells, _STATEMENTS)


class DatabasePane(Pane):
    """A PostgreSQL server."""

    NUMBER: ClassVar[int] = 3
    LABEL: ClassVar[str] = "Postgres"
    SHORT: ClassVar[str] = "PG"
    KIND: ClassVar[SourceKind] = SourceKind.DATABASE

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """From what is full to who fills it."""
        database = states[0].reading.payload if states[0].reading else None
        if not isinstance(database, DatabaseStatus):
            return []
        rows = _meters(database)
        rows += [note(f"▲ {text}", "warning") for text in database.notes]
        rows += _blocking(database)
        statements = [_statement(load, number) for number, load in enumerate(database.statements[:10])]
        if statements:
            rows += [blank(), header(_STATEMENTS), *statements]
        if database.panels:
            rows += [blank(), header(PANELS)]
            rows += [panel_row(panel, number, scenery.now) for number, panel in enumerate(database.panels)]
        if database.sessions:
            rows += [blank(), header(_SESSIONS)]
            rows += [_session(session) for session in database.sessions[:_SHOWN_SESSIONS]]
        return rows

    @property
    def _database(self) -> DatabaseStatus | None:
        states = self._shown(self.scenery.states) if self.scenery else ()
        payload = states[0].reading.payload if states and states[0].reading else None
        return payload if isinstance(payload, DatabaseStatus) else None

    @property
    def session(self) -> Session | None:
        """The session of the row under the cursor."""
        kind, _, identity = self.key.partition("/")
        database = self._database
        if database is None or kind not in ("root", "wait", "session"):
            return None
        for session in database.sessions:
            if _key(session) == identity:
                return session
        return next((found for found in _sessions_of(database.blocking) if _key(found) == identity), None)

    def selection(self) -> dict[str, str]:
        """pid and backend_start of the session: both, because pids come again."""
        session = self.session
        if session is None:
            return {}
        return {"pid": str(session.pid), "backend_start": session.backend_start.isoformat()}

    def lost_name(self) -> str:
        """What was under the cursor."""
        kind, _, identity = self.lost.partition("/")
        if kind == "panel":
            return identity.partition("/")[2]
        return "the statement" if kind == "statement" else f"pid {identity.partition('@')[0]}"

    def detail(self) -> Detail:
        """The session or statement under the cursor, the query in full."""
        database = self._database
        if database is None:
            return (self.LABEL, [])
        kind, _, rest = self.key.partition("/")
        if kind == "statement":
            load = database.statements[int(rest.partition("/")[0])]
            return (
                "Statement",
                [
                    ("share of time", figures.percent(load.share, 1)),
                    ("total", figures.millis(load.total_ms)),
                    ("mean", figures.millis(load.mean_ms)),
                    ("calls", figures.count(load.calls)),
                    ("from", database.statements_from),
                    ("query", load.query),
                ],
            )
        if kind == "panel":
            panel = database.panels[int(rest.partition("/")[0])]
            return (panel.title, panel_detail(panel))
        session = self.session
        if session is None:
            return (self.LABEL, [("server", f"PostgreSQL {database.version} at {database.server}")])
        started = session.backend_start.astimezone(UTC)
        lines = [
            ("pid", str(session.pid)),
            ("backend start", f"{started:%Y-%m-%d %H:%M:%S.%f} UTC"),
            ("state", f"{session.state}, for {figures.span(session.state_age_s)}"),
            ("transaction", figures.span(session.transaction_age_s)),
            ("query age", figures.span(session.query_age_s)),
            ("waits for", session.wait or "nothing"),
            ("blocked by", ", ".join(str(pid) for pid in session.blocked_by) or "nobody"),
            ("database", session.database),
            ("user", session.user),
            ("application", session.application),
            ("client", session.client),
            ("query", session.query),
        ]
        return (f"Session {session.pid}", lines)


def _sessions_of(nodes: tuple[BlockingNode, ...]) -> list[Session]:
    found: list[Session] = []
    for node in nodes:
        found += [node.session, *_sessions_of(node.children)]
    return found

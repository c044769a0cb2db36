"""A PostgreSQL server at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cockpit.model.metrics import in_unit
from cockpit.model.severity import Severity

# Stands for a backend_start that the role may not see; such a session has no identity and cannot be acted on.
HIDDEN_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """What tells one session from any other, a later one with the same pid included."""

    pid: int
    backend_start: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One row of pg_stat_activity; texts are cleaned, None is what the role may not see or is not set."""

    pid: int
    backend_start: datetime
    database: str
    user: str
    application: str
    client: str  # address, or "local"
    state: str  # active, idle, idle in transaction, ...
    wait: str  # "Lock: transactionid", "" for none
    transaction_age_s: float | None
    query_age_s: float | None
    state_age_s: float | None
    query: str  # "<hidden>" without the right to see it
    blocked_by: tuple[int, ...] = ()
    kind: str = "client backend"  # pg_stat_activity's backend_type; "prepared transaction" for pid 0
    own: bool = False  # the cockpit's own connection

    @property
    def identity(self) -> SessionIdentity:
        """pid and start."""
        return SessionIdentity(self.pid, self.backend_start)

    @property
    def identified(self) -> bool:
        """Its start is known, so that it cannot be mistaken for another session."""
        return self.backend_start != HIDDEN_START


@dataclass(frozen=True, slots=True)
class BlockingNode:
    """A session in the tree of lock waits; the root waits for nobody."""

    session: Session
    lock: str  # what this node waits for: "RowExclusiveLock on inventory"; "" for a root
    waiting_s: float | None
    children: tuple[BlockingNode, ...] = ()

    def size(self) -> int:
        """Sessions held up under this node, itself not counted."""
        return sum(1 + child.size() for child in self.children)


@dataclass(frozen=True, slots=True)
class StatementLoad:
    """A statement's share of the server's time."""

    query: str
    calls: int | None  # None when sampled
    total_ms: float
    mean_ms: float | None
    share: float  # 0..1 of all statements' time, or of all samples


@dataclass(frozen=True, slots=True)
class SqlPanel:
    """A query of the profile and its latest answer; texts are cleaned."""

    title: str
    query: str
    unit: str
    severity: Severity = Severity.OK
    said: str = ""  # the number that is judged, or the text in its place; "" before the first answer
    bound: str = ""  # the one that is broken, else the first that the profile names
    since: float = 0.0  # broken since then, seconds since the epoch; 0 where none is
    at: datetime | None = None  # of the answer
    took_ms: float = 0.0
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: bool = False  # there were more rows
    problem: str = ""  # why it has no answer, or no newer one
    playbook: str = ""  # heading of the runbook for it
    values: tuple[float, ...] = ()  # the latest, oldest first


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """One server, once."""

    server: str  # host:port/database as connected, without credentials
    version: str  # "16.14"
    role: str
    in_recovery: bool
    started_at: datetime
    max_connections: int
    reserved: int  # superuser_reserved_connections + reserved_connections
    connections: int  # client backends
    by_state: tuple[tuple[str, int], ...]  # most first
    by_database: tuple[tuple[str, int], ...]
    sessions: tuple[Session, ...]  # oldest transaction or query first; own ones left out
    blocking: tuple[BlockingNode, ...]  # roots, the one that holds up most first
    statements: tuple[StatementLoad, ...]  # top by total time
    statements_by_mean: tuple[StatementLoad, ...]
    statements_from: str  # "pg_stat_statements", "samples of pg_stat_activity"
    cache_hit: float | None = None  # 0..1 since the last poll
    transactions_per_s: float | None = None
    deadlocks: int | None = None  # since the last poll
    replication_lag_s: float | None = None
    queries_sent: int = 0  # by this poll: the cockpit's own load
    notes: tuple[str, ...] = ()  # what is degraded and why, with what would grant it
    bounds: tuple[float, float] = (0.8, 0.95)  # shares of usable connections that are a warning, and critical
    panels: tuple[SqlPanel, ...] = ()  # the profile's own queries

    @property
    def usable(self) -> int:
        """Connections that ordinary roles can have."""
        return max(1, self.max_connections - self.reserved)

    @property
    def pending(self) -> bool:
        """One of the profile's queries has not answered or failed even once."""
        return any(panel.at is None and not panel.problem for panel in self.panels)


def with_unit(panel: SqlPanel) -> str:
    """What a panel said, with its unit: "3", "82 %", "1.2 s"."""
    return in_unit(panel.values[-1], panel.unit) if panel.unit and panel.values else panel.said

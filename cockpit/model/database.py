"""A PostgreSQL server at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

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

    @property
    def usable(self) -> int:
        """Connections that ordinary roles can have."""
        return max(1, self.max_connections - self.reserved)

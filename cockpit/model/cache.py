"""A Redis or Valkey server at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One logical database."""

    index: int
    keys: int
    expires: int


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One slowlog entry."""

    id: int
    at: float  # seconds since the epoch
    duration_ms: float
    command: str  # cleaned and cut
    client: str


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """One server, once. Rates are per second since the poll before, None at the first."""

    server: str  # host:port/db, without credentials
    product: str  # "Redis", "Valkey"
    version: str
    run_id: str
    role: str  # master, slave
    database: int  # the logical database that the profile names
    uptime_s: int
    used_memory: int  # bytes, as all of these
    peak_memory: int
    max_memory: int  # 0: no limit
    system_memory: int
    policy: str
    fragmentation: float | None
    evicted: int  # since the server's start
    evictions_per_s: float | None
    expirations_per_s: float | None
    hit_ratio: float | None  # 0..1 since the poll before
    clients: int
    max_clients: int
    blocked_clients: int
    ops_per_s: float
    keyspace: tuple[Keyspace, ...]
    slowlog: tuple[SlowCommand, ...]  # newest first
    replicas: int = 0
    master_link: str = ""  # "up"/"down" on a replica
    prefixes: tuple[tuple[str, float], ...] = ()  # of a random sample of keys, with share, most first; near the limit
    notes: tuple[str, ...] = ()
    bounds: tuple[float, float] = (0.8, 0.95)  # shares of the limit that are a warning, and critical

    @property
    def limit(self) -> int:
        """Bytes it may grow to: maxmemory, else the machine's memory, else 0 for unknown."""
        return self.max_memory or self.system_memory

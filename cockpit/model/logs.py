"""Log entries, and what a stretch of them amounts to."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.IntEnum):
    """Severity of a log entry; the numbers are Cloud Logging's LogSeverity."""

    DEFAULT = 0
    DEBUG = 100
    INFO = 200
    NOTICE = 300
    WARNING = 400
    ERROR = 500
    CRITICAL = 600
    ALERT = 700
    EMERGENCY = 800

    @property
    def short(self) -> str:
        """Three letters for a column."""
        return _SHORT[self]


_SHORT = {
    Level.DEFAULT: "---",
    Level.DEBUG: "DBG",
    Level.INFO: "INF",
    Level.NOTICE: "NTC",
    Level.WARNING: "WRN",
    Level.ERROR: "ERR",
    Level.CRITICAL: "CRT",
    Level.ALERT: "ALR",
    Level.EMERGENCY: "EMG",
}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry, cleaned. `fields` is the structured rest as compact JSON text, cleaned, "" for none."""

    at: float  # seconds since the epoch
    level: Level
    origin: str  # component, logger, service or revision: what the column shows
    message: str
    fields: str = ""
    client_ip: str = ""
    status: int = 0  # HTTP status where the entry is about a request
    latency_ms: float = 0.0
    insert_id: str = ""


@dataclass(frozen=True, slots=True)
class LogPattern:
    """Messages that differ only in numbers, ids and quoted values, counted."""

    template: str
    level: Level
    count: int
    first_seen: float
    last_seen: float
    new: bool  # first seen after the cockpit had already seen an ordinary stretch of this log


@dataclass(frozen=True, slots=True)
class LogBucket:
    """Counts of one slice of time."""

    start: float  # seconds since the epoch
    total: int
    errors: int  # ERROR and above, or a request with status >= 500
    requests: int = 0  # entries with an HTTP status
    failed: int = 0  # of these, with a status >= 500


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The state of one log source. The entries themselves are in the ring."""

    origin: str  # "projects/shop: resource.type=..." or the file's path
    kept: int  # entries in the ring
    received: int  # since start
    dropped: int  # entries that fell off the ring's end
    errors_window: int  # errors in the last five minutes
    total_window: int
    requests_window: int
    failed_requests_window: int
    newest_at: float | None
    lag_s: float | None  # between the newest entry's own time and its arrival
    buckets: tuple[LogBucket, ...] = ()  # oldest first, 10 s wide, at most 24 h
    patterns: tuple[LogPattern, ...] = ()  # WARNING and above, most frequent first, at most 20
    notes: tuple[str, ...] = ()  # "asked to slow down, next read in 30 s", "file was rotated"


@dataclass(frozen=True, slots=True)
class LogBatch:
    """What one read of a log brought, oldest first."""

    entries: tuple[LogEntry, ...]
    notes: tuple[str, ...] = ()
    more: bool = False  # there is more to read at once

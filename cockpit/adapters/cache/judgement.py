"""How bad a Redis server's state is, and the line that says so. Pure."""

from __future__ import annotations

from cockpit.adapters.cache.info import Info
from cockpit.model.cache import CacheStatus
from cockpit.model.severity import Severity
from cockpit.profile.schema import RedisSource

_CLIENTS_WARN, _CLIENTS_CRITICAL = 0.9, 0.98


def judge(status: CacheStatus, info: Info, source: RedisSource) -> tuple[Severity, str]:
    """The worst thing first. Full memory is critical only where the policy lets writes fail: a cache that may evict
    any key is meant to be full, and evicting is then the warning."""
    troubles = [trouble for trouble in _troubles(status, info, source) if trouble is not None]
    if not troubles:
        return Severity.OK, _calm(status)
    severity = max(severity for severity, _ in troubles)
    return severity, next(text for rank, text in troubles if rank == severity)


def _troubles(status: CacheStatus, info: Info, source: RedisSource) -> list[tuple[Severity, str] | None]:
    return [
        _loading(info),
        _writes(info),
        _memory(status, source),
        (Severity.WARN, f"evicting {_rate(status.evictions_per_s)}/s") if status.evictions_per_s else None,
        _clients(status),
        (Severity.WARN, "replica has lost its master") if status.master_link == "down" else None,
        (Severity.WARN, "last RDB save failed") if info.text("rdb_last_bgsave_status") == "err" else None,
    ]


def _loading(info: Info) -> tuple[Severity, str] | None:
    if info.text("loading") != "1":
        return None
    percent, left = info.number("loading_loaded_perc"), info.integer("loading_eta_seconds")
    return Severity.CRIT, f"loading its data: {percent or 0:.0f} %, {left} s left"


def _writes(info: Info) -> tuple[Severity, str] | None:
    return (Severity.CRIT, "refuses writes: AOF failed") if info.text("aof_last_write_status") == "err" else None


def _memory(status: CacheStatus, source: RedisSource) -> tuple[Severity, str] | None:
    if not status.limit:
        return None
    share = status.used_memory / status.limit
    # Evicting says more than "memory 100 %" where the policy can free any key, and comes right after it.
    makes_room = bool(status.max_memory) and status.policy.startswith("allkeys-")
    if share >= source.memory_critical and not makes_room:
        return Severity.CRIT, f"memory {share * 100:.0f} %"
    if share >= source.memory_warn and not (makes_room and status.evictions_per_s):
        return Severity.WARN, f"memory {share * 100:.0f} %"
    return None


def _clients(status: CacheStatus) -> tuple[Severity, str] | None:
    if not status.max_clients:
        return None
    share = status.clients / status.max_clients
    if share < _CLIENTS_WARN:
        return None
    text = f"clients {status.clients} of {status.max_clients}"
    return (Severity.CRIT if share >= _CLIENTS_CRITICAL else Severity.WARN), text


def _calm(status: CacheStatus) -> str:
    used = size(status.used_memory)
    return f"{used} of {size(status.limit)}" if status.limit else used


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 1 else f"{value:.1f}"


def size(count: int) -> str:
    """Bytes for people, in powers of 1024: "12 MB", "3.9 GB"."""
    value, units = float(count), ["TB", "GB", "MB", "kB"]
    unit = "B"
    while value >= 1000 and units:
        value, unit = value / 1024, units.pop()
    figure = f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
    return f"{figure.removesuffix('.0')} {unit}"

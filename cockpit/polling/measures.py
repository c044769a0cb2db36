"""The numbers of a reading that are worth a history: what sparklines and rules look back on."""

from __future__ import annotations

from cockpit.model.cache import CacheStatus
from cockpit.model.database import DatabaseStatus
from cockpit.model.health import HealthStatus
from cockpit.model.logs import LogStatus
from cockpit.model.reading import Reading


def measures(reading: Reading) -> dict[str, float]:
    """Series name -> value; what is unknown is left out.

    health: latency_ms · database: connections, active, blocked, transactions_per_s · redis: memory, evictions_per_s,
    hit_ratio, ops_per_s, clients · logs: errors (of the newest whole 10-second bucket)
    """
    match reading.payload:
        case HealthStatus() as health:
            return {"latency_ms": health.latency_ms}
        case DatabaseStatus() as database:
            found: dict[str, float | None] = {
                "connections": float(database.connections),
                "active": float(dict(database.by_state).get("active", 0)),
                "blocked": float(sum(root.size() for root in database.blocking)),
                "transactions_per_s": database.transactions_per_s,
            }
        case CacheStatus() as cache:
            found = {
                "memory": float(cache.used_memory),
                "evictions_per_s": cache.evictions_per_s,
                "hit_ratio": cache.hit_ratio,
                "ops_per_s": cache.ops_per_s,
                "clients": float(cache.clients),
            }
        case LogStatus() as logs:
            found = {"errors": float(logs.buckets[-2].errors) if len(logs.buckets) > 1 else None}
        case _:  # what has no numbers of its own, or brings its history along
            found = {}
    return {name: value for name, value in found.items() if value is not None}

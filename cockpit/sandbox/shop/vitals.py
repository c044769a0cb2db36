"""What the shop knows about itself: the last half minute of requests, and the health pages made of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from redis.exceptions import RedisError

from cockpit.sandbox.shop.revision import Backends, PoolExhausted, ShopRevision

WINDOW_S = 15.0
_PING_DEADLINE_S = 1.0
_DATABASE_FAULTS = (PoolExhausted, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Served:
    """One answered request."""

    at: float  # monotonic
    kind: str  # catalogue, products, cart, checkout
    status: int
    latency_s: float


class Window:
    """The requests of the last WINDOW_S seconds."""

    def __init__(self) -> None:
        self._served: deque[Served] = deque(maxlen=5000)

    def add(self, kind: str, status: int, latency_s: float) -> None:
        """Count one."""
        self._served.append(Served(time.monotonic(), kind, status, latency_s))

    def of(self, kind: str = "") -> list[Served]:
        """Those of one kind, or all."""
        oldest = time.monotonic() - WINDOW_S
        while self._served and self._served[0].at < oldest:
            self._served.popleft()
        return [one for one in self._served if kind in ("", one.kind)]


def error_rate(served: list[Served]) -> float:
    """Share of 5xx, 0 for none."""
    return sum(one.status >= 500 for one in served) / len(served) if served else 0.0


def p95_ms(served: list[Served]) -> float:
    """95th percentile of the latency in ms, 0 for none."""
    ordered = sorted(one.latency_s for one in served)
    return round(ordered[int(len(ordered) * 0.95) - (len(ordered) >= 20)] * 1000, 1) if ordered else 0.0


class Vitals:
    """Makes the two health documents."""

    def __init__(self, window: Window, backends: Backends) -> None:
        self._window = window
        self._backends = backends
        self._hits: deque[tuple[float, int, int]] = deque(maxlen=200)

    async def brief(self, revision: ShopRevision | None) -> tuple[int, dict[str, Any]]:
        """GET /health: 503 when most requests fail."""
        served = self._window.of()
        rate = error_rate(served)
        failing = revision is None or (len(served) >= 5 and rate > 0.5)
        body = {"status": "failing" if failing else "ok", "revision": revision.name if revision else "",
                "requests": len(served), "error_rate": round(rate, 4)}  # fmt: skip
        return 503 if failing else 200, body

    async def detailed(self, revision: ShopRevision | None) -> tuple[int, dict[str, Any]]:
        """GET /health/detailed: 503 when a component is unhealthy."""
        if revision is None:
            return 503, {"status": "unhealthy", "components": {}, "reason": "no instance is running"}
        stuck: int | None = None
        database, latency = await self._timed(revision.ping_database)
        if database == "healthy":
            try:
                async with asyncio.timeout(_PING_DEADLINE_S):
                    stuck = await revision.stuck_orders()
            except _DATABASE_FAULTS as error:
                database = f"unhealthy: {error}"
        checkout = self._window.of("checkout")
        catalogue = self._window.of("catalogue")
        cache = await self._cache(revision)
        components: dict[str, Any] = {
            "database": {
                **_worded(database),
                "latency_ms": latency,
                "pool": {"in_use": revision.pool_in_use, "size": revision.settings.pool_size},
            },
            "redis": cache,
            "checkout": {
                "status": _grade(error_rate(checkout), 0.02, 0.2),
                "error_rate": round(error_rate(checkout), 4),
                "p95_ms": p95_ms(checkout),
                "requests": len(checkout),
            },
            "catalogue": {
                "status": _grade(error_rate(catalogue), 0.02, 0.2),
                "error_rate": round(error_rate(catalogue), 4),
                "p95_ms": p95_ms(catalogue),
            },
        }
        if self._backends.database_dsn is None:
            del components["database"]
        if self._backends.cache is None:
            del components["redis"]
        worst = {str(part["status"]) for part in components.values()}
        status = next((word for word in ("unhealthy", "degraded") if word in worst), "healthy")
        everything = self._window.of()
        body = {
            "status": status,
            "revision": revision.name,
            "components": components,
            "jobs": {"stuck": stuck},
            "error_rate": round(error_rate(everything), 4),
            "p95_ms": p95_ms(everything),
        }
        return 503 if status == "unhealthy" else 200, body

    async def _timed(self, trip: Callable[[], Awaitable[None]]) -> tuple[str, float]:
        start = time.monotonic()
        word = "healthy"
        try:
            async with asyncio.timeout(_PING_DEADLINE_S):
                await trip()
        except TimeoutError:
            word = f"unhealthy: no answer within {_PING_DEADLINE_S:g} s"
        except _DATABASE_FAULTS as error:
            word = f"unhealthy: {error}"
        return word, round((time.monotonic() - start) * 1000, 1)

    async def _cache(self, revision: ShopRevision) -> dict[str, Any]:
        cache = self._backends.cache
        if cache is None:
            return {}
        start = time.monotonic()
        try:
            async with asyncio.timeout(_PING_DEADLINE_S):
                await cache.ping()
        except (RedisError, OSError, TimeoutError) as error:
            return {"status": "unhealthy", "error": str(error) or "no answer"}
        now = time.monotonic()
        latency = round((now - start) * 1000, 1)
        self._hits.append((now, revision.hits, revision.misses))
        old = next((item for item in self._hits if item[0] > now - WINDOW_S), self._hits[-1])
        hits, misses = revision.hits - old[1], revision.misses - old[2]
        if hits < 0 or misses < 0 or hits + misses < 10:  # another revision serves now, or nothing to say
            hits, misses = revision.hits, revision.misses
        rate = hits / (hits + misses) if hits + misses else None
        status = "healthy" if rate is None or hits + misses < 100 or rate > 0.5 else "degraded"
        return {"status": status, "latency_ms": latency, "hit_rate": None if rate is None else round(rate, 3),
                "failures": revision.cache_failures}  # fmt: skip


def _worded(word: str) -> dict[str, str]:
    status, _, reason = word.partition(": ")
    return {"status": status, "error": reason} if reason else {"status": status}


def _grade(rate: float, degraded: float, unhealthy: float) -> str:
    return "unhealthy" if rate > unhealthy else "degraded" if rate > degraded else "healthy"

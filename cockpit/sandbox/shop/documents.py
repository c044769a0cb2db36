"""What systems tell of themselves besides the shop's own health pages: each page from the sandbox's real state."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from cockpit.sandbox.http import Response
from cockpit.sandbox.shop.database import statement
from cockpit.sandbox.shop.revision import PoolExhausted, ShopRevision
from cockpit.sandbox.shop.vitals import Vitals, Window, p95_ms

PAGES_A_BOOK = 40  # requests to the shop that count as one that the rate limit of storybook speaks of
_DEADLINE_S = 2.0
_FAULTS = (PoolExhausted, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_JOBS, _QUERIES, _SLOW, _SCANS = (
    statement(name) for name in ("jobs_state", "queries_stats", "queries_slow", "queries_scans")
)
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a page is made of."""

    vitals: Vitals
    window: Window
    revision: ShopRevision | None
    rate_limit: int  # requests a minute and client, 0 for none

    async def asked(self, text: str) -> list[Values]:
        """Rows; none where the database does not answer."""
        if self.revision is None:
            return []
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return [dict(row) for row in await self.revision.ask(text)]
        except _FAULTS:
            return []


@dataclass(frozen=True, slots=True)
class Page:
    """One of them."""

    made: Callable[[Scene], Awaitable[Response]]
    keyed: bool = False  # it wants the header X-API-Key


def pages_of(system: str) -> Mapping[str, Page]:
    """Path -> page, of a system that comes with the cockpit."""
    return _PAGES.get(system, {})


async def _storybook(scene: Scene) -> Response:
    status, body = await scene.vitals.detailed(scene.revision)
    for row in await scene.asked(_JOBS):
        ended = row["completed"] + row["failed"]
        body["jobs"] = {
            **{name: row[name] for name in ("queued", "running", "stuck")},
            "completed_last_hour": row["completed"],
            "failed_last_hour": row["failed"],
            "success_rate": round(100 * row["completed"] / ended, 2) if ended else 100.0,
        }
    redis = body.get("components", {}).get("redis", {}).get("status", "unknown")
    body["services"] = {"redis": redis, "llm_provider": "openai", "image_provider": "replicate"}
    config = {"rate_limit_requests": scene.rate_limit // PAGES_A_BOOK, "rate_limit_window": 60}
    body["config"] = {**config, "job_sla_seconds": 600, "image_max_concurrent": 3}
    return Response.of(body, status)


async def _with_memory(scene: Scene) -> Response:
    status, body = await scene.vitals.detailed(scene.revision)
    # Kilobytes on Linux, bytes on macOS: getrusage(2).
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)
    if scene.revision is not None:
        body["components"]["memory"] = {"status": "healthy", "used_mb": round(used, 1), "limit_mb": 2048}
    return Response.of(body, status)


async def _queries(scene: Scene) -> Response:
    rows = await scene.asked(_QUERIES)
    return Response.of(rows[0] if rows else {"error": "the database does not answer"}, 200 if rows else 503)


async def _slow(scene: Scene) -> Response:
    return Response.of({"slow_queries": await scene.asked(_SLOW)})


async def _recommendations(scene: Scene) -> Response:
    found = [
        f"{row['relname']}: {row['seq_scan']} sequential scans read {row['seq_tup_read']} rows: an index may help"
        for row in await scene.asked(_SCANS)
    ]
    return Response.of({"recommendations": found})


async def _connections(scene: Scene) -> Response:
    rows = await scene.asked(_QUERIES)
    if not rows:
        return Response.of({"error": "the database does not answer"}, 503)
    used, most = rows[0]["connections"], rows[0]["max_connections"]
    return Response.of({"current": used, "max": most, "usage_percent": round(100 * used / most, 1)})


async def _cache(scene: Scene) -> Response:
    revision = scene.revision
    hits, misses = (revision.hits, revision.misses) if revision else (0, 0)
    rate = round(hits / (hits + misses), 3) if hits + misses else None
    failures = revision.cache_failures if revision else 0
    return Response.of({"hits": hits, "misses": misses, "hit_rate": rate, "failures": failures})


async def _limits(scene: Scene) -> Response:
    served = scene.window.of()
    refused = sum(one.status == 429 for one in served)
    limit = scene.rate_limit
    told = {"enabled": limit > 0, "limit_per_minute": limit, "requests": len(served), "refused": refused}
    return Response.of({**told, "p95_ms": p95_ms(served)})


async def _backups(scene: Scene) -> Response:
    now = datetime.now(UTC)
    last = now.replace(hour=3, minute=12, second=0, microsecond=0)
    last -= timedelta(days=1) if last > now else timedelta()
    age = round((now - last).total_seconds() / 3600, 1)
    return Response.of({"status": "ok", "last_backup": f"{last:%Y-%m-%dT%H:%M:%SZ}", "age_hours": age})


async def _frontend(scene: Scene) -> Response:
    status = 200 if scene.revision is not None else 503
    body = b"<!doctype html><title>AIA</title><div id=root></div>" if status == 200 else b"no instance"
    return Response(status, body, (("content-type", "text/html; charset=utf-8"),))


_PAGES: dict[str, dict[str, Page]] = {
    "storybook": {"/health/detailed": Page(_storybook)},
    "guesslyfe": {"/api/v1/health/detailed": Page(_with_memory)},
    "aia": {"/": Page(_frontend)},
    "booking": {
        "/api/performance/queries/stats": Page(_queries, keyed=True),
        "/api/performance/queries/slow": Page(_slow, keyed=True),
        "/api/performance/queries/recommendations": Page(_recommendations, keyed=True),
        "/api/database/connection-limit": Page(_connections, keyed=True),
        "/api/cache/stats": Page(_cache, keyed=True),
        "/api/rate-limit/status": Page(_limits, keyed=True),
        "/api/backup-status": Page(_backups, keyed=True),
    },
}

"""What PostgreSQL and Redis of the sandbox say of themselves, for its metrics; None where they do not answer."""

from __future__ import annotations

import asyncio

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cockpit.sandbox.measurements import CacheLoad, DatabaseLoad

_DEADLINE_S = 1.0
_NAME = "cloudsqladmin"  # what Google's own sessions are called
_BY_DATABASE = """
SELECT datname, count(*) AS sessions, count(*) FILTER (WHERE state = 'active') AS active
  FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND datname IS NOT NULL AND application_name <> 'cloudsqladmin'
 GROUP BY datname
"""
_SIZE = "SELECT sum(pg_database_size(oid)) FROM pg_database"
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class DatabaseMeter:
    """One session of the superuser, which gets in when all others are taken."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._one = asyncio.Lock()  # a session answers one question at a time

    async def load(self) -> DatabaseLoad | None:
        """Sessions by database, its own left out, and the size of all databases."""
        try:
            async with asyncio.timeout(_DEADLINE_S), self._one:
                if self._connection is None or self._connection.is_closed():
                    settings = {"application_name": _NAME}
                    self._connection = await asyncpg.connect(self._dsn, timeout=_DEADLINE_S, server_settings=settings)
                connection = self._connection  # a failure elsewhere may drop it in the meantime
                rows = await connection.fetch(_BY_DATABASE)
                size = await connection.fetchval(_SIZE)
        except _FAULTS:
            self.close()
            return None
        sessions = {str(row["datname"]): int(row["sessions"]) for row in rows}
        return DatabaseLoad(sessions, sum(int(row["active"]) for row in rows), int(size))

    def close(self) -> None:
        """Drop the session."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def cache_load(cache: Redis) -> CacheLoad | None:
    """INFO."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            told = await cache.info()
    except (RedisError, OSError, TimeoutError):
        return None
    return CacheLoad(
        used=int(told["used_memory"]),
        limit=int(told["maxmemory"]),
        clients=int(told["connected_clients"]),
        hits=int(told["keyspace_hits"]),
        misses=int(told["keyspace_misses"]),
    )

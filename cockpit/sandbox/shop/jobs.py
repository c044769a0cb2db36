"""Books that are made by workers, in the table `jobs` of the shop's database; and counters of requests in Redis."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable

import asyncpg
from redis.exceptions import RedisError

from cockpit.sandbox.shop.database import statement
from cockpit.sandbox.shop.revision import Backends

SHARE = 0.25  # jobs a second
_DEADLINE_S = 3.0
_WINDOW_S = 60
_ARRIVE, _TAKE, _FINISH = (statement(f"jobs_{name}") for name in ("arrive", "take", "finish"))
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Jobs:
    """Who makes them is not its business: a worker calls `work`."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._dice = random.Random(11)  # noqa: S311  plays users, keeps no secret
        self._connection: asyncpg.Connection | None = None

    async def arrive(self) -> None:
        """Now and then somebody wants a book; called once a second."""
        if self._dice.random() < SHARE:
            await self._asked(_ARRIVE)

    async def work(self) -> list[tuple[bool, str]]:
        """What one worker does in a second; what it says of it: (to the error stream, text)."""
        said: list[tuple[bool, str]] = []
        if (done := await self._asked(_FINISH)) is not None:
            said.append((False, f"job {done['id']} completed in {done['seconds']} s"))
        if (taken := await self._asked(_TAKE)) is not None:
            said.append((False, f"job {taken['id']} begun: story"))
        return said

    async def count(self, clients: Iterable[str]) -> None:
        """A counter for each client, as the API keeps them."""
        cache = self._backends.cache
        if cache is None:
            return
        with contextlib.suppress(RedisError, OSError, TimeoutError):  # a full or missing cache counts nothing
            async with cache.pipeline(transaction=False) as pipe:
                for client in clients:
                    pipe.incr(f"rate_limit:{client}")
                    pipe.expire(f"rate_limit:{client}", _WINDOW_S)
                await pipe.execute()

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.terminate()

    async def _asked(self, text: str) -> asyncpg.Record | None:
        """None also where the database does not answer: the next round tries again."""
        if self._backends.database_dsn is None:
            return None
        try:
            async with asyncio.timeout(_DEADLINE_S):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(
                        self._backends.database_dsn, server_settings={"application_name": "worker"}
                    )
                return await self._connection.fetchrow(text)
        except _FAULTS:
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None
            return None

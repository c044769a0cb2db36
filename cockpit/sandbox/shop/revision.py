"""One deployed revision of the shop: its code and configuration follow from the template's image and environment."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import redis.asyncio
from redis.exceptions import RedisError

from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.http import Request, Response
from cockpit.sandbox.shop.database import statement

CATEGORIES = ("books", "garden", "kitchen", "toys", "music", "sport", "office", "travel", "pets", "tools")
PRODUCTS = 500
IMAGE = "europe-docker.pkg.dev/demo-shop/shop/web"
GOOD_TAG = "v1.42.0"
BAD_TAG = "v1.43.0"  # shows discounts, and was deployed before the migration that adds their column
_BAD_DIGEST = hashlib.sha256(f"{IMAGE}:{BAD_TAG}".encode()).hexdigest()  # a change of the template may pin the image
_CATALOGUE_TTL_S = 60
_PRODUCT_TTL_S = 600
_CLOSE_DEADLINE_S = 0.5
_CART_TTL_S = 600
_CATALOGUE = statement("catalogue")
_SHIP = statement("ship")
_STUCK = statement("stuck")


class PoolExhausted(Exception):
    """No connection became free in time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a template configures."""

    discounts: bool
    pool_size: int
    pool_wait_s: float
    statement_timeout_s: float

    @classmethod
    def of(cls, template: Template) -> Settings:
        """From the image's tag and the environment variables."""
        env = dict(template.env)
        return cls(
            discounts=BAD_TAG in template.image or _BAD_DIGEST in template.image,
            pool_size=int(env.get("DB_POOL_SIZE", "24")),
            pool_wait_s=float(env.get("DB_POOL_WAIT_S", "1.5")),
            statement_timeout_s=float(env.get("DB_STATEMENT_TIMEOUT_S", "8")),
        )


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the data is; None where this machine has no such server."""

    database_dsn: str | None
    cache: redis.asyncio.Redis | None


class ShopRevision:
    """Answers the shop's pages. Opens its connections at the first request and gives them back when idle."""

    def __init__(self, name: str, template: Template, backends: Backends) -> None:
        self.name = name
        self.settings = Settings.of(template)
        self._backends = backends
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self.cache_failures = 0
        self.hits = 0
        self.misses = 0

    async def close(self) -> None:
        """Give the connections back; those that do not come free at once are dropped."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_DEADLINE_S):
                await self._pool.close()
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self._pool.terminate()

    @property
    def pool_in_use(self) -> int:
        """Connections that a request holds now."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    async def answer(self, request: Request) -> Response:
        """One page; raises what its code raises."""
        words = request.path.strip("/").split("/")
        match (request.method, words):
            case "GET", ["catalogue", category] if category in CATEGORIES:
                return await self._catalogue(category, int(request.query.get("page", "0")))
            case "GET", ["products", number] if number.isdigit():
                return await self._product(int(number))
            case "POST", ["cart"]:
                return await self._add_to_cart(request.json())
            case "POST", ["checkout"]:
                return await self._checkout(request.json())
        return Response.of({"error": "no such page"}, 404)

    async def ping_database(self) -> None:
        """One trip through the pool."""
        await self._query(lambda connection: connection.fetchval("SELECT 1"), None)

    async def stuck_orders(self) -> int:
        """Orders that wait for shipping longer than they should."""
        return int(await self._query(lambda connection: connection.fetchval(_STUCK), 0))

    async def ask(self, text: str) -> list[asyncpg.Record]:
        """The rows of a statement of the shop's own."""
        return list(await self._query(lambda connection: connection.fetch(text), []))

    async def ship_orders(self) -> None:
        """The job that follows every order."""
        await self._query(lambda connection: connection.execute(_SHIP), None)

    async def warm_cache(self) -> None:
        """Fill the cache with what customers ask for most, as every deployment does."""
        cache = self._backends.cache
        if cache is None or self._backends.database_dsn is None:
            return
        rows = await self._query(lambda c: c.fetch("SELECT id, name, description, price_cents FROM products"), [])
        async with cache.pipeline(transaction=False) as pipe:
            for row in rows:
                pipe.set(f"product:{row['id']}", json.dumps(dict(row)), ex=_PRODUCT_TTL_S)
            with self._tolerated():
                await pipe.execute()
        for category in CATEGORIES:
            for page in range(4):
                await self._catalogue(category, page)
        self.hits = self.misses = 0

    async def _catalogue(self, category: str, page: int) -> Response:
        async def load() -> object:
            rows = await self._query(lambda c: c.fetch(_CATALOGUE, category, page % 10 * 5), [])
            return [dict(row) for row in rows]

        return Response.of(await self._cached(f"catalogue:{category}:{page % 10}", _CATALOGUE_TTL_S, load))

    async def _product(self, number: int) -> Response:
        columns = "id, name, description, price_cents" + (", discount_percent" if self.settings.discounts else "")
        missing = {"id": number, "name": f"Article {number}", "description": "", "price_cents": 199}

        async def load() -> object:
            text = f"SELECT {columns} FROM products WHERE id = $1"  # noqa: S608  one of two fixed lists
            row = await self._query(lambda c: c.fetchrow(text, number), missing)
            return dict(row) if row else None

        product = await self._cached(
            f"product{'-sale' if self.settings.discounts else ''}:{number}", _PRODUCT_TTL_S, load
        )
        if product is None:
            return Response.of({"error": "no such product"}, 404)
        if self.settings.discounts:
            product["price_cents"] = product["price_cents"] * (100 - product["discount_percent"]) // 100
        return Response.of(product)

    async def _add_to_cart(self, body: dict[str, Any]) -> Response:
        session, product = str(body["session"])[:40], int(body["product"])
        cache = self._backends.cache
        if cache is not None:
            async with cache.pipeline(transaction=False) as pipe:
                pipe.hincrby(f"cart:{session}", str(product), 1)
                pipe.expire(f"cart:{session}", _CART_TTL_S)
                pipe.set(f"session:{session}", json.dumps({"last": product, "seen": [product] * 20}), ex=_CART_TTL_S)
                with self._tolerated():
                    await pipe.execute()
        return Response.of({"session": session, "added": product}, 201)

    async def _checkout(self, body: dict[str, Any]) -> Response:
        session, product = str(body["session"])[:40], int(body["product"])
        columns = "price_cents" + (", discount_percent" if self.settings.discounts else "")

        async def order(connection: asyncpg.Connection) -> int:
            async with connection.transaction():
                row = await connection.fetchrow(
                    f"SELECT {columns} FROM products WHERE id = $1 FOR SHARE",  # noqa: S608  one of two fixed lists
                    product,
                )
                await connection.execute(
                    "UPDATE inventory SET quantity = quantity - 1 WHERE product_id = $1", product
                )
                number = await connection.fetchval(
                    "INSERT INTO orders (product_id, session, cents) VALUES ($1, $2, $3) RETURNING id",
                    product,
                    session,
                    row["price_cents"],
                )
                return int(number)

        number = await self._query(order, 0)
        cache = self._backends.cache
        if cache is not None:
            with self._tolerated():
                await cache.delete(f"cart:{session}")
        return Response.of({"order": number}, 201)

    async def _cached(self, key: str, ttl_s: int, load: Callable[[], Awaitable[object]]) -> Any:
        cache = self._backends.cache
        if cache is not None:
            with self._tolerated():
                if (kept := await cache.get(key)) is not None:
                    self.hits += 1
                    return json.loads(kept)
        self.misses += 1
        value = await load()
        if cache is not None:
            with self._tolerated():
                await cache.set(key, json.dumps(value), ex=ttl_s)
        return value

    @contextlib.contextmanager
    def _tolerated(self) -> Any:
        """The shop goes on without its cache, more slowly; how often is counted and shown by its health page."""
        try:
            yield
        except (RedisError, OSError, TimeoutError):
            self.cache_failures += 1

    async def _query(self, work: Callable[[asyncpg.Connection], Awaitable[Any]], without: Any) -> Any:
        if self._backends.database_dsn is None:
            return without
        pool = await self._open_pool()
        try:
            connection = await pool.acquire(timeout=self.settings.pool_wait_s)
        except TimeoutError:
            size = self.settings.pool_size
            raise PoolExhausted(f"no free database connection after {self.settings.pool_wait_s:g} s, "
                                f"all {size} of the pool are in use") from None  # fmt: skip
        try:
            return await work(connection)
        finally:
            await pool.release(connection, timeout=5.0)

    async def _open_pool(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._backends.database_dsn,
                    min_size=0,
                    max_size=self.settings.pool_size,
                    max_inactive_connection_lifetime=15.0,
                    timeout=5.0,
                    server_settings={
                        "application_name": self.name,
                        "statement_timeout": f"{self.settings.statement_timeout_s * 1000:.0f}",
                    },
                )
            return self._pool

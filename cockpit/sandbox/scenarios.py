"""The faults that can be put into the shop. Each is real, and goes away only by the right action."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, replace

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from cockpit.sandbox.gcp.cloud import Audit
from cockpit.sandbox.gcp.model import Change
from cockpit.sandbox.gcp.run_v2 import template_json
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.platform import Platform
from cockpit.sandbox.shop.database import statement
from cockpit.sandbox.shop.revision import BAD_TAG, IMAGE

DEPLOYER = "ci@shop.example"
JUNK_PREFIX = "tmp:recs:"
IMPORT_NAME = "inventory-import"
REPRICING_NAME = "repricing"
_JUNK_VALUE = "r" * 700
_JUNK_BATCH = 250
_JUNK_LIMIT = 60_000
_ROOM = 70  # keys taken away again: just enough room to evict and refill all the time
_DEADLINE_S = 15.0
_REPRICE = """
WITH repriced AS (
    UPDATE products SET price_cents = price_cents + 1, priced_at = now()
    WHERE category = 'garden' OR id <= 40 RETURNING id
)
SELECT sum(demand_forecast(id, 1000000)) FROM (SELECT id FROM repriced ORDER BY id) AS sorted
"""

_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'"


class Scenario(enum.Enum):
    """What is wrong."""

    NONE = "none"
    BAD_REVISION = "bad-revision"
    LOCK_PILEUP = "lock-pileup"
    REDIS_FULL = "redis-full"
    SLOW_QUERY = "slow-query"
    STUCK_JOBS = "stuck-jobs"


DESCRIPTIONS = {
    Scenario.NONE: "nothing is wrong",
    Scenario.BAD_REVISION: "a new revision fails: it was deployed before the migration it needs",
    Scenario.LOCK_PILEUP: "an import left its transaction open; orders wait for its locks until the pool is full",
    Scenario.REDIS_FULL: "an import filled Redis with keys that never expire; the shop's own are evicted",
    Scenario.SLOW_QUERY: "a repricing statement runs for hours and locks what it changed",
    Scenario.STUCK_JOBS: "a worker was killed in the middle of its jobs: they are never ended (storybook)",
}
NEEDS_DATABASE = {Scenario.LOCK_PILEUP, Scenario.SLOW_QUERY, Scenario.STUCK_JOBS}
NEEDS_SYSTEM = {Scenario.STUCK_JOBS: "storybook"}
NEEDS_REDIS = {Scenario.REDIS_FULL}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a fault is put."""

    plane: ControlPlane
    service: str
    batch_dsn: str | None
    redis_url: str | None
    platform: Platform | None = None  # that runs the shop; None for Cloud Run


class Fault:
    """One scenario at work. What an operator ended stays ended."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._connection: asyncpg.Connection | None = None
        self._statement: asyncio.Task[None] | None = None
        self._closing = False

    async def inject(self, scenario: Scenario) -> None:
        """Put the fault in; returns when it is in place."""
        match scenario:
            case Scenario.BAD_REVISION if self._site.platform is not None:
                await self._site.platform.deploy(BAD_TAG)
            case Scenario.BAD_REVISION:
                await self._deploy()
            case Scenario.LOCK_PILEUP:
                await self._hold_locks()
            case Scenario.REDIS_FULL:
                await self._fill_redis()
            case Scenario.SLOW_QUERY:
                await self._reprice()
            case Scenario.STUCK_JOBS:
                await self._lose_jobs()

    async def close(self) -> None:
        """Give up what still runs."""
        self._closing = True
        if self._connection is not None:
            self._connection.terminate()
        if self._statement is not None:
            await asyncio.gather(self._statement, return_exceptions=True)

    async def _deploy(self) -> None:
        run = self._site.plane.run
        template = replace(run.service(self._site.service).template, image=f"{IMAGE}:{BAD_TAG}")
        operation = run.apply(
            self._site.service,
            change=Change(template=template),
            audit=Audit(
                method="google.cloud.run.v2.Services.UpdateService",
                principal=DEPLOYER,
                peer="192.0.2.200",
                user_agent="github-actions/deploy-cloudrun",
                request={
                    "@type": "type.googleapis.com/google.cloud.run.v2.UpdateServiceRequest",
                    "service": {
                        "name": f"projects/{run.project}/locations/{run.region}/services/{self._site.service}",
                        "template": template_json(template),
                        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
                    },
                },
            ),
        )
        async with asyncio.timeout(_DEADLINE_S):
            await operation.done.wait()

    async def _connect(self, name: str) -> asyncpg.Connection:
        self._connection = await asyncpg.connect(
            self._site.batch_dsn, timeout=_DEADLINE_S, server_settings={"application_name": name}
        )
        return self._connection

    async def _hold_locks(self) -> None:
        connection = await self._connect(IMPORT_NAME)
        connection.add_termination_listener(lambda _: self._report(f"{IMPORT_NAME}: connection lost, rolled back"))
        await connection.execute("BEGIN")
        await connection.execute("UPDATE inventory SET quantity = quantity + 50")
        # ... and here it waits for the rest of its file, for ever.

    async def _lose_jobs(self) -> None:
        connection = await asyncpg.connect(self._site.batch_dsn, timeout=_DEADLINE_S)
        try:
            await connection.execute(statement("stuck_jobs"))
        finally:
            await connection.close()

    async def _reprice(self) -> None:
        connection = await self._connect(REPRICING_NAME)
        self._statement = asyncio.ensure_future(self._run_repricing(connection))
        observer = await asyncpg.connect(self._site.batch_dsn, timeout=_DEADLINE_S)
        try:
            async with asyncio.timeout(_DEADLINE_S):
                while await observer.fetchval(_WAITS, REPRICING_NAME) == 0:
                    await observer.execute("SELECT pg_sleep(0.02)")
        finally:
            await observer.close()

    async def _run_repricing(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.execute(_REPRICE.strip())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._report(f"{REPRICING_NAME}: gave up: {error}")
        finally:
            connection.terminate()

    def _report(self, message: str) -> None:
        if self._closing:
            return
        run = self._site.plane.run
        resource = {"type": "cloud_run_job", "labels": {"project_id": run.project, "location": run.region,
                                                         "job_name": message.partition(":")[0]}}  # fmt: skip
        self._site.plane.logs.write(
            "run.googleapis.com/stderr", {"severity": "ERROR", "resource": resource, "textPayload": message}
        )

    async def _fill_redis(self) -> None:
        """One import, done once: junk without a time to live until nothing more fits."""
        written = await self._write_junk(0, _JUNK_BATCH)
        # The buffers of such big batches were part of the memory: what their connection gave back is filled, too.
        await self._write_junk(written, 1)
        client = Redis.from_url(str(self._site.redis_url), socket_timeout=_DEADLINE_S)
        try:
            await client.unlink(*(_junk_key(number) for number in range(_ROOM)))
        finally:
            await client.aclose()

    async def _write_junk(self, start: int, batch: int) -> int:
        """Write from number `start` on until Redis refuses; the number after the last one written."""
        client = Redis.from_url(str(self._site.redis_url), socket_timeout=_DEADLINE_S)
        try:
            for first in range(start, _JUNK_LIMIT, batch):
                async with client.pipeline(transaction=False) as pipe:
                    for number in range(first, first + batch):
                        pipe.set(_junk_key(number), _JUNK_VALUE)
                    results = await pipe.execute(raise_on_error=False)
                if any(isinstance(result, OutOfMemoryError) for result in results):
                    return first + sum(not isinstance(result, RedisError) for result in results)
        finally:
            await client.aclose()
        return _JUNK_LIMIT


def _junk_key(number: int) -> str:
    return f"{JUNK_PREFIX}{number:06d}"

"""Writes the sandbox's time series: requests from the shop's door, sessions from PostgreSQL, memory from Redis.

Requests, latencies, sessions and memory are measured. CPU, memory and instances of the service follow from the load
by a simple rule, and the hour before the start is made up after the load that is to come, as the audit entries of
earlier deployments are: a shop has a past. PostgreSQL and Redis are looked at only once somebody asks for metrics.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cockpit.sandbox.gcp.timeseries import TimeSeriesStore
from cockpit.sandbox.shop.meter import Counted, Meter

EVERY_S = 5.0
_PAST_S = 3600.0
_PAST_STEP_S = 15.0
_RUN = "run.googleapis.com"
_SQL = "cloudsql.googleapis.com/database"
_REDIS = "redis.googleapis.com"


@dataclass(frozen=True, slots=True)
class DatabaseLoad:
    """What PostgreSQL says of itself."""

    backends: dict[str, int]  # by database
    active: int
    size: int  # bytes of all databases


@dataclass(frozen=True, slots=True)
class CacheLoad:
    """What Redis says of itself."""

    used: int
    limit: int
    clients: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose measurements these are: labels of the service, the instance and the store, {} for what there is not."""

    service: dict[str, str]
    database: dict[str, str]
    store: dict[str, str]
    replicas: tuple[dict[str, str], ...] = ()  # of the database


class Measurements:
    """Takes a sample every few seconds."""

    def __init__(self, store: TimeSeriesStore, subject: Subject, meter: Meter, rate: float) -> None:
        self._store = store
        self._subject = subject
        self._meter = meter
        self._rate = rate
        self._dice = random.Random(11)  # noqa: S311  makes plots look alive, keeps no secret
        self._task: asyncio.Task[None] | None = None
        self._counters: tuple[int, int] | None = None
        self.database: Callable[[], Awaitable[DatabaseLoad | None]] | None = None
        self.cache: Callable[[], Awaitable[CacheLoad | None]] | None = None
        self._wanted = False  # somebody asks for metrics

    async def want(self) -> None:
        """Somebody asks for metrics: look at the servers now, and from now on."""
        if not self._wanted:
            self._wanted = True
            await self.sample()

    def start(self, revision: str) -> None:
        """Write the past, and sample from now on."""
        self.write_past(time.time(), revision)
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop sampling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def write_past(self, now: float, revision: str) -> None:
        """An hour of good service up to `now`."""
        steps = int(_PAST_S / _PAST_STEP_S)
        for step in range(steps, 0, -1):
            at = now - step * _PAST_STEP_S
            count = round(
                self._rate * _PAST_STEP_S * (1 + 0.12 * math.sin(at / 410) + self._dice.uniform(-0.06, 0.06))
            )
            slow = [self._dice.lognormvariate(3.0, 0.6) for _ in range(10)]
            good = round(count * 0.985)
            counted = Counted({(revision, 200): good, (revision, 404): count - good}, {revision: slow})
            counted.busy_s = count * 0.03
            self.write_service(at, counted, _PAST_STEP_S)
            self._write_database(at, DatabaseLoad({"shop": self._dice.randrange(5, 9)}, 1, 40_000_000))
            self._write_cache(
                at, CacheLoad(round(3_000_000 + 300_000 * math.sin(at / 900)), 8_388_608, 6, 0, 0), 0.94
            )

    async def sample(self) -> None:
        """One sample of everything, now."""
        now = time.time()
        self.write_service(now, self._meter.take(), EVERY_S)
        if not self._wanted:
            return
        if self.database is not None and (load := await self.database()) is not None:
            self._write_database(now, load)
        if self.cache is not None and (state := await self.cache()) is not None:
            hits, misses = self._counters or (state.hits, state.misses)
            self._counters = (state.hits, state.misses)
            asked = state.hits - hits + state.misses - misses
            self._write_cache(now, state, (state.hits - hits) / asked if asked > 0 else None)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.sample()

    def write_service(self, at: float, counted: Counted, span_s: float) -> None:
        """Requests as they were counted over `span_s`, and what an instance that serves them would say."""
        labels = self._subject.service
        write = self._store.write
        by_class: dict[tuple[str, str, str], int] = {}
        for (revision, status), count in counted.requests.items():
            key = (revision, str(status), f"{status // 100}xx")
            by_class[key] = by_class.get(key, 0) + count
        for (revision, code, group), count in by_class.items():
            own = {**labels, "resource.labels.revision_name": revision}
            asked = {**own, "metric.labels.response_code": code, "metric.labels.response_code_class": group}
            write(f"{_RUN}/request_count", asked, at, float(count))
        for revision, slow in counted.latencies.items():
            own = {**labels, "resource.labels.revision_name": revision}
            write(f"{_RUN}/request_latencies", own, at, tuple(slow))
            busy = counted.busy_s / span_s  # requests in flight, on average
            instances = 1 + int(busy / 20)
            load = min(0.99, 0.04 + busy / instances * 0.05 + self._dice.uniform(0, 0.02))
            memory = min(0.99, 0.34 + busy / instances * 0.012 + self._dice.uniform(0, 0.01))
            if not revision:
                continue
            write(f"{_RUN}/container/cpu/utilizations", own, at, tuple([load] * instances))
            write(f"{_RUN}/container/memory/utilizations", own, at, tuple([memory] * instances))
            write(f"{_RUN}/container/instance_count", {**own, "metric.labels.state": "active"}, at, float(instances))
            write(f"{_RUN}/container/instance_count", {**own, "metric.labels.state": "idle"}, at, 1.0)

    def _write_database(self, at: float, load: DatabaseLoad) -> None:
        labels = self._subject.database
        if not labels:
            return
        total = sum(load.backends.values())
        values = {
            "cpu/utilization": min(0.99, 0.05 + 0.04 * load.active + self._dice.uniform(0, 0.01)),
            "memory/utilization": min(0.99, 0.41 + 0.006 * total),
            "disk/utilization": min(0.99, 0.32 + load.size / 10**11),
            "available_for_failover": 1.0,
        }
        for name, value in values.items():
            self._store.write(f"{_SQL}/{name}", labels, at, value)
        for database, count in load.backends.items():
            own = {**labels, "metric.labels.database": database}
            self._store.write(f"{_SQL}/postgresql/num_backends", own, at, float(count))
        for state in ("RUNNING", "FAILED", "SUSPENDED"):
            own = {**labels, "metric.labels.state": state}
            self._store.write(f"{_SQL}/instance_state", own, at, float(state == "RUNNING"))
        for replica in self._subject.replicas:
            self._write_replica(at, replica, load)

    def _write_replica(self, at: float, labels: dict[str, str], load: DatabaseLoad) -> None:
        """A standby that only follows: made up, there is none."""
        values = {
            "cpu/utilization": 0.03 + self._dice.uniform(0, 0.02),
            "memory/utilization": 0.35,
            "disk/utilization": min(0.99, 0.32 + load.size / 10**11),
            "replication/replica_lag": self._dice.uniform(0.1, 0.6),
        }
        for name, value in values.items():
            self._store.write(f"{_SQL}/{name}", labels, at, value)

    def _write_cache(self, at: float, state: CacheLoad, hit_ratio: float | None) -> None:
        labels = self._subject.store
        if not labels:
            return
        share = state.used / state.limit if state.limit else 0.0
        values = {
            "stats/memory/usage_ratio": share,
            "stats/memory/system_memory_usage_ratio": min(1.0, 0.05 + 0.9 * share),
            "clients/connected": float(state.clients),
        }
        if hit_ratio is not None:
            values["stats/cache_hit_ratio"] = hit_ratio
        for name, value in values.items():
            self._store.write(f"{_REDIS}/{name}", labels, at, value)

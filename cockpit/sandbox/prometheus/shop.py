"""What a Prometheus measures of the shop: its requests as it logs them, and what its pods use."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence

from cockpit.sandbox.prometheus.series import Database
from cockpit.sandbox.prometheus.server import PrometheusServer

EVERY_S = 5.0
_PAST_S = 3600.0
_PAST_STEP_S = 15.0
_RATE = 25.0  # requests a second of the hour that is made up
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
_MEMORY = 110 * 1024 * 1024


class ShopPrometheus:
    """`targets` are who is scraped: pod -> namespace, asked at each scrape."""

    def __init__(self, targets: Callable[[], Mapping[str, str]]) -> None:
        self._targets = targets
        self._database = Database()
        self._server = PrometheusServer(self._database)
        self._requests: dict[tuple[str, str, str], float] = {}  # pod, method, status
        self._buckets: dict[str, list[float]] = {}
        self._dice = random.Random(7)  # noqa: S311  makes plots look alive, keeps no secret
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base URL."""
        return self._server.url

    async def start(self) -> None:
        """An hour of good service, then what happens."""
        await self._server.start()
        now = time.time()
        pods = list(self._targets())
        for step in range(int(_PAST_S / _PAST_STEP_S), 0, -1):
            self._past(pods, now - step * _PAST_STEP_S)
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._server.close()

    def count(self, pod: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        key = (pod, method, str(status))
        self._requests[key] = self._requests.get(key, 0.0) + 1.0
        held = self._buckets.setdefault(pod, [0.0] * len(_BOUNDS))
        for place, bound in enumerate(_BOUNDS):
            held[place] += seconds <= bound

    def scrape(self, at: float) -> None:
        """A sample of everything."""
        add = self._database.add
        for pod, namespace in self._targets().items():
            labels = {"namespace": namespace, "pod": pod}
            add("up", {**labels, "job": "kubernetes-pods"}, at, 1.0)
            wave = 6e6 * math.sin(at / 300 + len(pod)) + self._dice.uniform(-1e6, 1e6)
            add("container_memory_usage_bytes", {**labels, "container": "api"}, at, _MEMORY + wave)
            for (of, method, status), count in self._requests.items():
                if of == pod:
                    add("http_requests_total", {**labels, "method": method, "status": status}, at, count)
            for bound, count in zip(_BOUNDS, self._buckets.get(pod, ()), strict=False):
                told = "+Inf" if math.isinf(bound) else f"{bound:g}"
                add("http_request_duration_seconds_bucket", {**labels, "le": told}, at, count)

    def _past(self, pods: Sequence[str], at: float) -> None:
        wanted = _RATE * _PAST_STEP_S * (1 + 0.1 * math.sin(at / 410) + self._dice.uniform(-0.05, 0.05))
        for pod in pods:
            failed = (pod, "GET", "500")  # one in some thousands: a series that is there before anything is wrong
            self._requests[failed] = self._requests.get(failed, 0.0) + wanted / len(pods) / 4000
            for place in range(10):  # a tenth of them each, so that it is quick
                status = 404 if place == 9 else 200
                seconds = self._dice.lognormvariate(-4.0, 0.6)
                weight = wanted / len(pods) * (0.015 if status == 404 else 0.985 / 9)
                key = (pod, "GET", str(status))
                self._requests[key] = self._requests.get(key, 0.0) + weight
                held = self._buckets.setdefault(pod, [0.0] * len(_BOUNDS))
                for number, bound in enumerate(_BOUNDS):
                    held[number] += weight if seconds <= bound else 0.0
        self.scrape(at)

    async def _run(self) -> None:
        while True:
            self.scrape(time.time())
            await asyncio.sleep(EVERY_S)

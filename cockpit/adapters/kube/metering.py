"""What pods use, from metrics.k8s.io: asked beside the watches, and plainly absent where it is not there.

https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cockpit.adapters.kube.fields import name_of
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.terms import Json
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.diagnosis import Diagnosis

EVERY_S = 15.0  # metrics-server itself looks every 15 s
_AT_FIRST_S = 1.0  # that long the first reading waits for it
_MOST_AGE_S = 60.0


class PodMeter:
    """Asks in a task of its own, so that a slow metrics server slows nobody."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._why = ""
        self._pods: Mapping[str, Json] = {}

    @property
    def pods(self) -> Mapping[str, Json]:
        """PodMetrics by name of the pod, at most a minute old."""
        return self._pods if self.answers else {}

    @property
    def answers(self) -> bool:
        """It said something in the last minute."""
        return self._answered_at is not None and self._clock.monotonic() - self._answered_at < _MOST_AGE_S

    @property
    def notes(self) -> tuple[str, ...]:
        """Why there is no use to show, "" while there is or nobody has answered yet."""
        return (f"use of pods is not available: {self._why}",) if self._why and not self.answers else ()

    async def look(self) -> None:
        """Ask where it is time; only the first answer is waited for, and not long."""
        now = self._clock.monotonic()
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        if self._task is None and (self._asked_at is None or now - self._asked_at >= EVERY_S):
            first, self._asked_at = self._asked_at is None, now
            self._task = asyncio.create_task(self._ask())
            if first:
                await asyncio.wait([self._task], timeout=_AT_FIRST_S)

    async def _ask(self) -> None:
        try:
            path = await self._path()
            if not path:
                self._why = "the cluster has no metrics.k8s.io (no metrics-server)"
                return
            listed = await self._kube.gateway.listed(path)
        except CockpitError as error:
            self._why = error.message
            return
        self._pods = {name_of(each): each for each in listed.items}
        self._answered_at, self._why = self._clock.monotonic(), ""

    async def _path(self) -> str:
        found = (await self._kube.gateway.versions()).find("metrics.k8s.io", "pods")
        return found.path(self._kube.place.namespace) if found is not None else ""

    async def diagnose(self) -> list[Diagnosis]:
        """Whether use can be shown."""
        await self._ask()
        if self._why:
            return [Diagnosis("metrics.k8s.io", None, f"use of pods is not available: {self._why}")]
        return [Diagnosis("metrics.k8s.io", True, f"tells the use of {len(self._pods)} pods")]

    async def close(self) -> None:
        """End what is asked. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

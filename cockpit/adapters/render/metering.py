"""Questions for metrics: of all resources in one request, or of each by itself where the answer does not tell whose.

https://api-docs.render.com/reference/get-cpu: several `resource` are allowed. How the labels of a series name its
resource is not published; what cannot be told apart is asked for apart, and that is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from cockpit.adapters.render.api import Query, RenderApi
from cockpit.adapters.render.series import Measured, measured


class Meter:
    """For one table."""

    def __init__(self, api: RenderApi) -> None:
        self._api = api
        self._apart: set[str] = set()  # metrics whose series do not say whose they are

    async def series(self, metric: str, names: Sequence[str], query: Query) -> list[Measured]:
        """Of these resources; each says which one it is about. Raises CockpitError."""
        if metric not in self._apart:
            found = await self._asked(metric, names, query)
            if all(each.resource(names) for each in found):
                return found
            self._apart.add(metric)
        every = await asyncio.gather(*(self._asked(metric, (name,), query) for name in names))
        return [
            replace(each, labels=(("resource", name), *each.labels))
            for name, found in zip(names, every, strict=True)
            for each in found
        ]

    async def _asked(self, metric: str, names: Sequence[str], query: Query) -> list[Measured]:
        resources = [("resource", name) for name in names]
        return measured(await self._api.get(f"/metrics/{metric}", [*query, *resources]))

"""What the nodes need of an API server, real or played: one request, and a resource followed for ever."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import AsyncIterator
from typing import Any, Protocol

Object = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_LOG = logging.getLogger("cockpit.sandbox.kube")


def now() -> str:
    """The time as Kubernetes writes it."""
    return drawn(dt.datetime.now(dt.UTC))


def drawn(moment: dt.datetime) -> str:
    """A moment of UTC as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def say(what: str) -> None:
    """A line of the nodes' own log."""
    _LOG.warning("%s", what)


class Api(Protocol):
    """As its administrator."""

    async def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, Object]:
        """Status and answer."""
        ...

    async def patch(self, path: str, body: object, kind: str = MERGE) -> int:
        """The status alone."""
        ...

    async def put(self, folder: str, name: str, body: Object) -> None:
        """Change it, or make it where there is none."""
        ...

    def follow(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """("MODIFIED" | "DELETED", object), everything that there is first."""
        ...

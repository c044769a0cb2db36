"""A primary with a standby, its replica and some backups, and an adapter whose waits cost no time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.clock import SystemClock
from cockpit.profile.google import CloudSqlSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql
from cockpit.sandbox.http import Response

MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


class QuickClock(SystemClock):
    """Sleeps a few milliseconds whatever is asked for, and counts the whole time as passed."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.004))


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def sql(plane: ControlPlane) -> CloudSql:
    now = datetime.now(UTC)
    state = plane.sql
    state.seed("shop-db", created=MADE, databases=["postgres", "shop"])
    state.seed("shop-db-replica", created=MADE, primary="shop-db", availability="ZONAL")
    state.seed_backup("shop-db", now - timedelta(hours=30))
    state.seed_backup("shop-db", now - timedelta(hours=5))
    return state


@pytest.fixture
def make(front: Any, sql: CloudSql, clock: QuickClock) -> Callable[[str], CloudSqlInstance]:
    def made(instance: str) -> CloudSqlInstance:
        source = CloudSqlSource(name="db", project="demo-shop", instance=instance, endpoint=front.url, timeout=2)
        return CloudSqlInstance(source, clock)

    return made


@pytest.fixture
async def instance(make: Callable[[str], CloudSqlInstance]) -> AsyncIterator[CloudSqlInstance]:
    adapter = make("shop-db")
    yield adapter
    await adapter.close()


@pytest.fixture
async def replica(make: Callable[[str], CloudSqlInstance]) -> AsyncIterator[CloudSqlInstance]:
    adapter = make("shop-db-replica")
    yield adapter
    await adapter.close()


@pytest.fixture
def says() -> Callable[..., Response]:
    """An error as the Admin API sends it."""

    def answer(code: int, message: str, reason: str = "", **headers: str) -> Response:
        one = {"message": message, "domain": "global", "reason": reason}
        body = {"error": {"code": code, "message": message, "errors": [one]}}
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return Response(code, json.dumps(body).encode(), (("content-type", "application/json"), *named))

    return answer

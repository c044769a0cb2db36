"""Adapters and clients of real servers, closed when the test ends."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from cockpit.adapters.postgres.adapter import PostgresAdapter
from cockpit.clock import SystemClock
from cockpit.profile.schema import DatabaseSource

_numbers = itertools.count(1)


@pytest.fixture
async def make_adapter(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., PostgresAdapter]]:
    """`make_adapter(dsn, **source fields)`."""
    adapters: list[PostgresAdapter] = []

    def make(value: str | None, **fields: Any) -> PostgresAdapter:
        if value is not None:
            variable = f"TEST_DSN_{next(_numbers)}"
            monkeypatch.setenv(variable, value)
            fields["dsn"] = f"env:{variable}"
        adapters.append(PostgresAdapter(DatabaseSource(name="main", **fields), SystemClock()))
        return adapters[-1]

    yield make
    for adapter in adapters:
        await adapter.close()


@pytest.fixture
def clients() -> Iterator[list[Any]]:
    """All clients of the test, hung up on at its end."""
    found: list[Any] = []
    yield found
    for client in found:
        client.terminate()


@pytest.fixture
async def connect(clients: list[Any]) -> Callable[..., Awaitable[Any]]:
    """`await connect(dsn, application="checkout")`: an ordinary client."""

    async def make(dsn: str, application: str = "checkout", **options: Any) -> Any:
        settings = {"application_name": application}
        clients.append(await asyncpg.connect(dsn, server_settings=settings, **options))
        return clients[-1]

    return make


@pytest.fixture
async def background(clients: list[Any]) -> AsyncIterator[Callable[[Any], asyncio.Task[Any]]]:
    """`background(coroutine)`: runs it beside the test; what becomes of it does not matter."""
    tasks: list[asyncio.Task[Any]] = []

    def start(coroutine: Any) -> asyncio.Task[Any]:
        tasks.append(asyncio.ensure_future(coroutine))
        return tasks[-1]

    yield start
    for client in clients:
        client.terminate()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def nothing_is_logged_behind_our_back(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What asyncio logs goes to the terminal, across the screen."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"] == []


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """`await eventually(probe, condition)`: the first result that fulfils the condition, within 10 s."""

    async def wait(look: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> Any:
        end = time.monotonic() + 10.0
        while True:
            seen = await look()
            if condition(seen):
                return seen
            assert time.monotonic() < end, f"did not come true; last seen: {seen}"
            await asyncio.sleep(0.02)

    return wait

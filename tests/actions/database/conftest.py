"""A database source with its actions, ordinary clients on the server, and roles with few rights."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from cockpit.actions.database import handlers
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.postgres.adapter import PostgresAdapter
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan
from cockpit.profile.schema import DatabaseSource, Limits
from cockpit.sandbox.postgres import PostgresServer

SOURCE = "database/main"


CONTROL = RunControl(lambda done, total, note: None, lambda: False)


_numbers = itertools.count(1)


class Desk:
    """One source with its actions."""

    def __init__(self, dsn: str, monkeypatch: pytest.MonkeyPatch, limits: Limits, **fields: Any) -> None:
        variable = f"ACTION_DSN_{next(_numbers)}"
        monkeypatch.setenv(variable, dsn)
        source = DatabaseSource(name="main", dsn=f"env:{variable}", **fields)
        self.adapter = PostgresAdapter(source, SystemClock())
        scene = Scene("shop", "production")
        self.handlers: dict[str, ActionHandler] = {
            handler.spec.id: handler for handler in handlers(SOURCE, self.adapter, scene, limits, SystemClock())
        }

    async def plan(self, action: str, **params: str) -> Plan:
        return await self.handlers[action].plan(ActionRequest(action, SOURCE, params))

    async def run(self, plan: Plan, control: RunControl = CONTROL) -> Any:
        return await self.handlers[plan.request.action].run(plan, control)

    async def verify(self, plan: Plan, result: Any) -> Any:
        return await self.handlers[plan.request.action].verify(plan, result)

    async def eventually(self, look: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> Any:
        """What `look` sees once it fulfils the condition."""
        end = time.monotonic() + 10.0
        while True:
            seen = await look()
            if condition(seen):
                return seen
            assert time.monotonic() < end, f"did not come true; last seen: {seen}"
            await asyncio.sleep(0.02)

    async def active(self, pid: int) -> Any:
        """The session, once it runs a statement."""
        return await self.eventually(
            lambda: self.adapter.find_session(pid), lambda seen: seen and seen.state == "active"
        )

    async def tree(self, waiters: int) -> Any:
        """The roots of the lock waits, once so many sessions are in them."""
        return await self.eventually(
            self.adapter.blocking_tree, lambda roots: sum(root.size() for root in roots) == waiters
        )


@pytest.fixture
async def open_desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(dsn: str, limits: Limits = Limits(), **fields: Any) -> Desk:  # noqa: B008 - a frozen value
        desks.append(Desk(dsn, monkeypatch, limits, **fields))
        return desks[-1]

    yield make
    for desk in desks:
        await desk.adapter.close()


@pytest.fixture
async def desk(open_desk: Callable[..., Desk], database_dsn: str) -> Desk:
    return open_desk(database_dsn)


class Clients:
    """Ordinary clients and the statements that they are busy with."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.open: list[Any] = []
        self.busy: list[asyncio.Task[Any]] = []

    async def connect(self, application: str = "checkout", dsn: str | None = None) -> Any:
        self.open.append(await asyncpg.connect(dsn or self.dsn, server_settings={"application_name": application}))
        return self.open[-1]

    def start(self, client: Any, sql: str) -> asyncio.Task[Any]:
        self.busy.append(asyncio.ensure_future(client.execute(sql)))
        return self.busy[-1]

    async def blocked(self, waiters: int) -> tuple[Any, list[Any]]:
        """A client idle in a transaction, and others that wait for its row."""
        holder = await self.connect("billing")
        await holder.execute(
            "CREATE TABLE inventory (id int PRIMARY KEY, n int); INSERT INTO inventory VALUES (1, 1)"
        )
        await holder.execute("BEGIN; UPDATE inventory SET n = 2")
        others = [await self.connect(f"checkout-{number}") for number in range(waiters)]
        for client in others:
            self.start(client, "UPDATE inventory SET n = n + 1")
        return holder, others


@pytest.fixture
async def clients(database_dsn: str) -> AsyncIterator[Clients]:
    found = Clients(database_dsn)
    yield found
    for client in found.open:
        client.terminate()
    await asyncio.gather(*found.busy, return_exceptions=True)


@pytest.fixture
async def role_dsn(postgres_server: PostgresServer) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """`await role_dsn("oncall", "pg_monitor")`: the DSN of a new role with these grants."""
    admin = await asyncpg.connect(postgres_server.dsn())

    async def make(name: str, *grants: str) -> str:
        await admin.execute(f"DROP ROLE IF EXISTS {name}")
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        for grant in grants:
            await admin.execute(f"GRANT {grant} TO {name}")
        return postgres_server.dsn(user=name, password="secret")

    yield make
    await admin.close()

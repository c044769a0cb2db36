"""Ending the root of a tree of lock waits on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cockpit.errors import Refused
from cockpit.model.action import Outcome
from cockpit.sandbox.postgres import PostgresServer

Desk = Any  # the classes of the fixtures live in conftest.py, which tests do not import
Clients = Any


async def test_unblock_ends_the_root_of_the_selected_session_and_frees_the_others(
    desk: Desk, clients: Clients
) -> None:
    holder, others = await clients.blocked(3)
    await desk.tree(3)
    last = others[-1].get_server_pid()
    session = await desk.adapter.find_session(last)
    assert session is not None
    plan = await desk.plan("database.unblock", pid=str(last), backend_start=session.backend_start.isoformat())
    assert plan.refusals == ()
    assert plan.identity["pid"] == str(holder.get_server_pid())
    assert "frees 3 waiting" in plan.affected and "idle in transaction" in plan.affected
    assert sum("└ pid" in line for line in plan.objects) == 3
    assert "ShareLock on a row of inventory" in " ".join(plan.objects)
    assert plan.digest == (await desk.handlers["database.unblock"].plan(plan.request)).digest
    result = await desk.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    seen = await desk.verify(plan, result)
    assert seen.holds is True and "wait no more" in seen.text
    await asyncio.wait_for(asyncio.gather(*clients.busy), 5)
    assert await others[0].fetchval("SELECT n FROM inventory") == 4, "the holder's change is gone, theirs are not"


async def test_unblock_without_a_session_takes_the_biggest_root(desk: Desk, clients: Clients) -> None:
    holder, _ = await clients.blocked(2)
    await desk.tree(2)
    plan = await desk.plan("database.unblock")
    assert plan.identity["pid"] == str(holder.get_server_pid())


async def test_unblock_refuses_when_nobody_is_blocked_any_more(desk: Desk, clients: Clients) -> None:
    holder, _ = await clients.blocked(1)
    await desk.tree(1)
    plan = await desk.plan("database.unblock", pid=str(holder.get_server_pid()))
    bystander = await clients.connect()
    with pytest.raises(Refused, match="neither waits"):
        await desk.plan("database.unblock", pid=str(bystander.get_server_pid()))
    await holder.execute("COMMIT")
    await desk.tree(0)
    result = await desk.run(plan)
    assert result.outcome is Outcome.REFUSED and "no longer blocks" in result.summary
    with pytest.raises(Refused, match="no session waits"):
        await desk.handlers["database.unblock"].plan(plan.request)
    assert await holder.fetchval("SELECT 1") == 1


async def test_unblock_leaves_a_prepared_transaction_to_a_human(
    start_postgres: Callable[..., PostgresServer], open_desk: Callable[..., Desk], clients: Clients
) -> None:
    server = start_postgres(settings={"max_prepared_transactions": "2"})
    client = await clients.connect(dsn=server.dsn())
    await client.execute("CREATE TABLE stock (n int); INSERT INTO stock VALUES (1)")
    await client.execute("BEGIN; UPDATE stock SET n = 2; PREPARE TRANSACTION 'left behind'")
    clients.start(client, "UPDATE stock SET n = 3")
    desk = open_desk(server.dsn())
    await desk.tree(1)
    plan = await desk.plan("database.unblock")
    assert "left behind" in plan.refusals[0].reason and "ROLLBACK PREPARED" in plan.refusals[0].hint

"""Cancelling and terminating one session on a real server: the right one, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from cockpit.actions.database import SPECS
from cockpit.errors import CockpitError, NotFound, Refused
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.model.database import SessionIdentity
from cockpit.sandbox.postgres import PostgresServer

Desk = Any  # the classes of the fixtures live in conftest.py, which tests do not import
Clients = Any


def test_the_declarations_have_the_keys_and_tiers_of_the_database_pane() -> None:
    assert [(spec.id, spec.key, spec.tier) for spec in SPECS] == [
        ("database.cancel", "C", Tier.T1),
        ("database.terminate", "K", Tier.T2),
        ("database.terminate_idle", "I", Tier.T3),
        ("database.unblock", "U", Tier.T2),
    ]


async def test_cancel_ends_the_statement_and_keeps_the_session(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    task = clients.start(client, "SELECT pg_sleep(60)")
    session = await desk.active(client.get_server_pid())
    plan = await desk.plan("database.cancel", pid=str(session.pid), backend_start=session.backend_start.isoformat())
    assert plan.refusals == () and plan.tier is Tier.T1
    assert plan.changes[0].before == "SELECT pg_sleep(60)"
    assert f"a.pid = {session.pid} AND a.backend_start = '" in plan.operation[0]
    assert plan.equivalent[0].startswith("psql -h 127.0.0.1 ")
    assert "57014" in plan.undo.text and plan.undo.request is None
    assert plan.digest == (await desk.handlers["database.cancel"].plan(plan.request)).digest
    result = await desk.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    with pytest.raises(asyncpg.QueryCanceledError):
        await task
    assert (await desk.verify(plan, result)).holds is True
    assert await client.fetchval("SELECT 1") == 1


async def test_cancel_is_another_plan_when_the_statement_is_another(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    task = clients.start(client, "SELECT pg_sleep(60)")
    session = await desk.active(client.get_server_pid())
    plan = await desk.plan("database.cancel", pid=str(session.pid))
    await desk.run(plan)
    await asyncio.wait([task])
    clients.start(client, "SELECT pg_sleep(61)")
    await desk.active(client.get_server_pid())
    assert (await desk.handlers["database.cancel"].plan(plan.request)).digest != plan.digest


async def test_cancel_refuses_a_session_that_runs_nothing(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    await client.execute("BEGIN")
    plan = await desk.plan("database.cancel", pid=str(client.get_server_pid()))
    assert "idle in transaction" in plan.refusals[0].reason


async def test_terminate_ends_one_session_and_sees_it_gone(desk: Desk, clients: Clients) -> None:
    victim, bystander = await clients.connect("victim"), await clients.connect("bystander")
    await victim.execute("BEGIN; SELECT 1")
    plan = await desk.plan("database.terminate", pid=str(victim.get_server_pid()))
    assert plan.refusals == () and plan.permission.grant is Grant.GRANTED
    assert "victim (role postgres) from 127.0.0.1" in plan.affected
    assert "idle in transaction" in plan.affected
    assert "57P01" in plan.undo.text
    assert plan.target.endswith("(database/main, shop/production)")
    assert plan.request.get("backend_start") == plan.identity["backend_start"]
    assert plan.digest == (await desk.handlers["database.terminate"].plan(plan.request)).digest
    result = await desk.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    seen = await desk.verify(plan, result)
    assert seen.holds is True and "gone" in seen.text
    assert await bystander.fetchval("SELECT 1") == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await victim.fetchval("SELECT 1")


async def test_a_pid_with_another_start_is_another_session_and_gets_no_signal(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    session = await desk.adapter.find_session(client.get_server_pid())
    assert session is not None
    earlier = session.backend_start - timedelta(microseconds=1)
    plan = await desk.plan("database.terminate", pid=str(session.pid), backend_start=earlier.isoformat())
    assert [refusal.step for refusal in plan.refusals] == ["identity"]
    for end in (desk.adapter.terminate, desk.adapter.cancel):
        assert await end(SessionIdentity(session.pid, earlier)) is None
    forged = replace(plan, basis={**plan.basis, "identity": SessionIdentity(session.pid, earlier)})
    assert (await desk.run(forged)).outcome is Outcome.REFUSED
    assert await client.fetchval("SELECT 1") == 1


async def test_a_session_that_left_between_plan_and_act_is_not_found(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))
    await client.close()
    await desk.eventually(lambda: desk.adapter.find_session(int(plan.identity["pid"])), lambda seen: seen is None)
    result = await desk.run(plan)
    assert (result.outcome, result.done) == (Outcome.REFUSED, 0)
    with pytest.raises(NotFound, match="no session with pid"):
        await desk.handlers["database.terminate"].plan(plan.request)


async def test_own_and_background_processes_are_refused(desk: Desk) -> None:
    await desk.adapter.probe()
    own = desk.adapter._link.who.row["pid"]
    plan = await desk.plan("database.terminate", pid=str(own))
    assert "own connection" in plan.refusals[0].reason
    session = await desk.adapter.find_session(own)
    assert session is not None and session.own
    assert await desk.adapter.terminate(session.identity) is None, "not even the statement would do it"


@pytest.mark.parametrize("bad", [{}, {"pid": "-1"}, {"pid": "0"}])
async def test_a_pid_is_needed(desk: Desk, bad: dict[str, str]) -> None:
    with pytest.raises((Refused, NotFound)):
        await desk.plan("database.terminate", **bad)


@pytest.mark.parametrize("start", ["yesterday", "2026-01-01T00:00:00"])
async def test_a_start_must_be_an_exact_moment(desk: Desk, clients: Clients, start: str) -> None:
    client = await clients.connect()
    with pytest.raises(Refused, match="backend_start"):
        await desk.plan("database.terminate", pid=str(client.get_server_pid()), backend_start=start)


async def test_a_replication_connection_is_refused(
    start_postgres: Callable[..., PostgresServer], open_desk: Callable[..., Desk]
) -> None:
    server = start_postgres()
    sender = await asyncpg.connect(server.dsn(), server_settings={"replication": "database"}, statement_cache_size=0)
    desk = open_desk(server.dsn())
    plan = await desk.plan("database.terminate", pid=str(sender.get_server_pid()))
    assert "WAL" in plan.refusals[0].reason
    sender.terminate()


async def test_a_false_from_the_server_is_a_failure(
    desk: Desk, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await clients.connect()
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))

    async def answers_false(identity: SessionIdentity) -> bool:
        return False

    monkeypatch.setattr(desk.adapter, "terminate", answers_false)
    result = await desk.run(plan)
    assert (result.outcome, result.done) == (Outcome.FAILED, 0)
    assert "answered false" in result.summary


async def test_a_session_that_does_not_go_away_is_said_to_be_still_there(
    desk: Desk, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.actions.sessions.GONE_WITHIN_S", 0.2)
    client = await clients.connect()
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))
    seen = await desk.verify(plan, None)
    assert seen.holds is False and "still there" in seen.text


async def test_without_pg_signal_backend_the_grant_is_named_and_the_server_refuses_too(
    open_desk: Callable[..., Desk], clients: Clients, role_dsn: Any
) -> None:
    application = await role_dsn("application")
    client = await clients.connect("checkout", application)
    desk = open_desk(await role_dsn("watcher", "pg_monitor"))
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))
    assert plan.permission.grant is Grant.DENIED
    assert plan.permission.how == 'a superuser runs: GRANT pg_signal_backend TO "watcher"'
    with pytest.raises(CockpitError) as caught:
        await desk.run(plan)
    assert not caught.value.effect_possible, "a clear no is a failure, not an unknown"
    assert await client.fetchval("SELECT 1") == 1


async def test_pg_signal_backend_ends_roles_but_no_superuser(
    open_desk: Callable[..., Desk], clients: Clients, role_dsn: Any
) -> None:
    client = await clients.connect("checkout", await role_dsn("application"))
    superuser = await clients.connect("migration")
    desk = open_desk(await role_dsn("medic", "pg_monitor", "pg_signal_backend"))
    plan = await desk.plan("database.terminate", pid=str(superuser.get_server_pid()))
    assert plan.permission.grant is Grant.DENIED and "superuser" in plan.permission.needs
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))
    assert plan.permission.grant is Grant.GRANTED
    result = await desk.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    assert (await desk.verify(plan, result)).holds


async def test_a_session_whose_start_is_hidden_cannot_be_ended(
    open_desk: Callable[..., Desk], clients: Clients, role_dsn: Any
) -> None:
    client = await clients.connect("checkout", await role_dsn("application"))
    desk = open_desk(await role_dsn("blind", "pg_signal_backend"))
    plan = await desk.plan("database.terminate", pid=str(client.get_server_pid()))
    assert [refusal.step for refusal in plan.refusals] == ["identity"]
    assert "pg_read_all_stats" in plan.refusals[0].hint
    assert (await desk.run(plan)).outcome is Outcome.REFUSED
    assert await client.fetchval("SELECT 1") == 1


async def test_two_long_statements_that_begin_alike_are_two_plans(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    digests = []
    for ending in ("first", "second"):
        task = clients.start(client, f"SELECT pg_sleep(60) /* {'x' * 250} */ AS {ending}")
        await desk.active(client.get_server_pid())
        plan = await desk.plan("database.cancel", pid=str(client.get_server_pid()))
        digests.append(plan.digest)
        await desk.run(plan)
        await asyncio.wait([task])
    assert digests[0] != digests[1]


async def test_the_same_statement_begun_anew_before_anybody_looked_is_another(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    task = clients.start(client, "SELECT pg_sleep(60)")
    await desk.active(client.get_server_pid())
    plan = await desk.plan("database.cancel", pid=str(client.get_server_pid()))
    result = await desk.run(plan)
    await asyncio.wait([task])
    clients.start(client, "SELECT pg_sleep(60)")
    await desk.active(client.get_server_pid())
    assert (await desk.verify(plan, result)).holds is True

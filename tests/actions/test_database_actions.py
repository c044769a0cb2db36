"""Ending sessions of a real server: exactly the ones that were agreed to, or none."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from cockpit.actions.database import SPECS, handlers
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.postgres.adapter import PostgresAdapter
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, NotFound, Refused
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan, Tier
from cockpit.model.database import SessionIdentity
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


async def eventually(look: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 10.0
    while True:
        seen = await look()
        if condition(seen):
            return seen
        assert time.monotonic() < end, f"did not come true; last seen: {seen}"
        await asyncio.sleep(0.02)


async def is_active(desk: Desk, pid: int) -> Any:
    return await eventually(lambda: desk.adapter.find_session(pid), lambda seen: seen and seen.state == "active")


async def tree_of(desk: Desk, waiters: int) -> Any:
    return await eventually(desk.adapter.blocking_tree, lambda roots: sum(root.size() for root in roots) == waiters)


def test_the_declarations_have_the_keys_and_tiers_of_the_database_pane() -> None:
    assert [(spec.id, spec.key, spec.tier) for spec in SPECS] == [
        ("database.cancel", "C", Tier.T1),
        ("database.terminate", "K", Tier.T2),
        ("database.terminate_idle", "I", Tier.T3),
        ("database.unblock", "U", Tier.T2),
    ]


# -- cancel


async def test_cancel_ends_the_statement_and_keeps_the_session(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    task = clients.start(client, "SELECT pg_sleep(60)")
    session = await is_active(desk, client.get_server_pid())
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
    session = await is_active(desk, client.get_server_pid())
    plan = await desk.plan("database.cancel", pid=str(session.pid))
    await desk.run(plan)
    await asyncio.wait([task])
    clients.start(client, "SELECT pg_sleep(61)")
    await is_active(desk, client.get_server_pid())
    assert (await desk.handlers["database.cancel"].plan(plan.request)).digest != plan.digest


async def test_cancel_refuses_a_session_that_runs_nothing(desk: Desk, clients: Clients) -> None:
    client = await clients.connect()
    await client.execute("BEGIN")
    plan = await desk.plan("database.cancel", pid=str(client.get_server_pid()))
    assert "idle in transaction" in plan.refusals[0].reason


# -- terminate


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
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
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
    await eventually(lambda: desk.adapter.find_session(int(plan.identity["pid"])), lambda seen: seen is None)
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


# -- rights


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


# -- unblock


async def test_unblock_ends_the_root_of_the_selected_session_and_frees_the_others(
    desk: Desk, clients: Clients
) -> None:
    holder, others = await clients.blocked(3)
    await tree_of(desk, 3)
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
    await tree_of(desk, 2)
    plan = await desk.plan("database.unblock")
    assert plan.identity["pid"] == str(holder.get_server_pid())


async def test_unblock_refuses_when_nobody_is_blocked_any_more(desk: Desk, clients: Clients) -> None:
    holder, _ = await clients.blocked(1)
    await tree_of(desk, 1)
    plan = await desk.plan("database.unblock", pid=str(holder.get_server_pid()))
    bystander = await clients.connect()
    with pytest.raises(Refused, match="neither waits"):
        await desk.plan("database.unblock", pid=str(bystander.get_server_pid()))
    await holder.execute("COMMIT")
    await tree_of(desk, 0)
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
    await tree_of(desk, 1)
    plan = await desk.plan("database.unblock")
    assert "left behind" in plan.refusals[0].reason and "ROLLBACK PREPARED" in plan.refusals[0].hint


# -- terminate idle


async def idle_plan(desk: Desk, dsn: str, **params: str) -> Plan:
    database = dsn.rpartition("/")[2]
    return await desk.plan("database.terminate_idle", older_than="0s", database=database, **params)


async def test_idle_sessions_are_ended_one_by_one_and_the_others_stay(
    desk: Desk, clients: Clients, database_dsn: str
) -> None:
    idle = [await clients.connect(f"web-{number}") for number in range(8)]
    in_transaction = await clients.connect("billing")
    await in_transaction.execute("BEGIN")
    plan = await idle_plan(desk, database_dsn)
    assert plan.refusals == () and plan.count == 8 and len(plan.objects) == 8
    assert all(str(client.get_server_pid()) in " ".join(plan.objects) for client in idle)
    assert "a.state = 'idle'" in plan.operation[0]
    assert plan.operation[-1].startswith("and 3 more")
    told: list[tuple[int, int, str]] = []
    result = await desk.run(plan, RunControl(lambda *progress: told.append(progress), lambda: False))
    assert (result.outcome, result.done, result.total) == (Outcome.SUCCEEDED, 8, 8)
    assert [done for done, _, _ in told] == list(range(1, 9)) and told[-1] == (8, 8, "8 ended")
    assert (await desk.verify(plan, result)).holds is True
    assert await in_transaction.fetchval("SELECT 1") == 1


async def test_the_list_is_pinned_and_who_became_busy_is_left_alone(
    desk: Desk, clients: Clients, database_dsn: str
) -> None:
    first, second, third = [await clients.connect(f"web-{number}") for number in range(3)]
    plan = await idle_plan(desk, database_dsn)
    late = await clients.connect("late")
    await second.execute("BEGIN")
    await first.close()
    again = await eventually(
        lambda: desk.handlers["database.terminate_idle"].plan(plan.request),
        lambda seen: seen.warnings and "2 of them" in seen.warnings[-1],
    )
    assert again.digest == plan.digest and again.count == 3, "the same agreement: who left is skipped"
    result = await desk.run(again)
    assert (result.outcome, result.done, result.total) == (Outcome.SUCCEEDED, 1, 3)
    assert "2 no longer idle or gone" in result.summary
    assert await second.fetchval("SELECT 1") == 1
    assert await late.fetchval("SELECT 1") == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await third.fetchval("SELECT 1")


async def test_it_stops_on_request_between_two_sessions(desk: Desk, clients: Clients, database_dsn: str) -> None:
    for number in range(4):
        await clients.connect(f"web-{number}")
    plan = await idle_plan(desk, database_dsn)
    done = 0

    def progress(now: int, _total: int, _note: str) -> None:
        nonlocal done
        done = now

    result = await desk.run(plan, RunControl(progress, lambda: done >= 2))
    assert (result.outcome, result.done) == (Outcome.FAILED, 2)
    assert "stopped on request after 2 of 4" in result.summary


async def test_it_stops_at_the_first_failure_and_tells_what_was_done(
    desk: Desk, clients: Clients, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await clients.connect(f"web-{number}")
    plan = await idle_plan(desk, database_dsn)
    really, calls = desk.adapter.terminate_idle, 0

    async def third_fails(identity: SessionIdentity, idle_s: float) -> bool | None:
        nonlocal calls
        calls += 1
        return False if calls == 3 else await really(identity, idle_s)

    monkeypatch.setattr(desk.adapter, "terminate_idle", third_fails)
    result = await desk.run(plan)
    assert (result.outcome, result.done, calls) == (Outcome.FAILED, 2, 3)
    assert "stopped at 3 of 4" in result.summary


async def test_over_the_cap_it_needs_the_next_tier(
    open_desk: Callable[..., Desk], clients: Clients, database_dsn: str
) -> None:
    for number in range(3):
        await clients.connect(f"web-{number}")
    by_number = await idle_plan(open_desk(database_dsn, Limits(sessions=2, sessions_share=1.0)), database_dsn)
    assert by_number.tier is Tier.T4 and "3 sessions are over the cap of 2" in by_number.warnings[0]
    by_share = await idle_plan(open_desk(database_dsn, Limits(sessions_share=0.1)), database_dsn)
    assert by_share.tier is Tier.T4 and "over the cap of 10 %" in by_share.warnings[0]
    within = await idle_plan(open_desk(database_dsn, Limits(sessions=9, sessions_share=1.0)), database_dsn)
    assert within.tier is Tier.T3 and within.warnings == ()


async def test_nobody_idle_is_a_refusal(desk: Desk, database_dsn: str) -> None:
    plan = await idle_plan(desk, database_dsn)
    assert plan.count == 0 and "no session of database" in plan.refusals[0].reason
    with pytest.raises(Refused, match="older_than"):
        await desk.plan("database.terminate_idle", older_than="soon")
    with pytest.raises(Refused, match="not typed"):
        await desk.plan("database.terminate_idle", sessions="1,2")


# -- the server hangs or goes away in the middle


async def test_no_answer_in_the_middle_may_have_had_its_effect(
    start_postgres: Callable[..., PostgresServer],
    open_desk: Callable[..., Desk],
    clients: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = start_postgres()
    for number in range(3):
        await clients.connect(f"web-{number}", server.dsn())
    desk = open_desk(server.dsn(), timeout=1.0)
    one = await desk.plan("database.terminate", pid=str(clients.open[0].get_server_pid()))
    many = await desk.plan("database.terminate_idle", older_than="0s")
    prepare, calls = asyncpg.Connection.prepare, 0

    async def prepare_and_hang(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        statement = await prepare(self, *args, **options)
        calls += 1
        if calls == 2:
            server.pause()
        return statement

    monkeypatch.setattr(asyncpg.Connection, "prepare", prepare_and_hang)
    result = await desk.run(many)
    assert (result.outcome, result.done) == (Outcome.UNKNOWN, 1)
    assert "gave no answer within 1 s" in result.summary
    server.resume()
    calls = 1
    with pytest.raises(CockpitError) as caught:
        await desk.run(one)
    assert caught.value.effect_possible
    assert (await desk.verify(one, None)).holds is None, "it cannot be seen either"
    server.resume()

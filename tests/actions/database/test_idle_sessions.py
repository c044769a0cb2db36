"""Ending idle sessions on a real server: those that were agreed to, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from cockpit.actions.handler import RunControl
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import Outcome, Plan, Tier
from cockpit.model.database import SessionIdentity
from cockpit.profile.schema import Limits
from cockpit.sandbox.postgres import PostgresServer

Desk = Any  # the classes of the fixtures live in conftest.py, which tests do not import
Clients = Any


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
    again = await desk.eventually(
        lambda: desk.handlers["database.terminate_idle"].plan(plan.request),
        lambda seen: seen.warnings and "2 of them" in seen.warnings[-1],
    )
    assert again.digest == plan.digest and again.count == 3, "the same agreement: who left is skipped"
    result = await desk.run(again)
    assert (result.outcome, result.done, result.total) == (Outcome.SUCCEEDED, 1, 3)
    assert "2 no longer idle or gone" in result.summary
    assert await second.fetchval("SELECT 1") == 1
    assert await late.fetchval("SELECT 1") == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
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

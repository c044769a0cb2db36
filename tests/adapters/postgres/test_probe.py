"""One poll of a real server says what is going on there, with few queries, and what it may not see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from cockpit.adapters.capabilities import Diagnosing, Probing, SessionEnding
from cockpit.errors import Exhausted, Unreachable
from cockpit.model.database import HIDDEN_START, BlockingNode, DatabaseStatus
from cockpit.model.severity import Severity
from cockpit.sandbox.postgres import PostgresServer
from cockpit.text import UNSAFE


async def status_of(adapter: Any) -> DatabaseStatus:
    payload = (await adapter.probe()).payload
    assert isinstance(payload, DatabaseStatus)
    return payload


async def make_role(dsn: str, name: str, *grants: str) -> None:
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f"DROP ROLE IF EXISTS {name}")
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        for grant in grants:
            await admin.execute(f"GRANT {grant} TO {name}")
    finally:
        await admin.close()


async def test_it_has_all_three_capabilities(make_adapter: Any, database_dsn: str) -> None:
    adapter = make_adapter(database_dsn)
    assert isinstance(adapter, Probing)
    assert isinstance(adapter, Diagnosing)
    assert isinstance(adapter, SessionEnding)


async def test_a_quiet_server_is_ok_and_costs_two_queries(make_adapter: Any, connect: Any, database_dsn: str) -> None:
    client = await connect(database_dsn)
    await client.fetch("SELECT 42 AS answer")
    adapter = make_adapter(database_dsn)
    first = await adapter.probe()
    assert first.severity is Severity.OK
    assert "/97 connections" in first.summary
    status = await status_of(adapter)
    assert status.queries_sent == 2
    assert (status.max_connections, status.reserved, status.usable) == (100, 3, 97)
    assert status.server.endswith(database_dsn.rpartition("@")[2])
    assert status.transactions_per_s is not None and status.deadlocks == 0
    assert status.cache_hit is None or 0 <= status.cache_hit <= 1
    assert sum(count for _, count in status.by_state) == status.connections
    mine = next(session for session in status.sessions if session.pid == client.get_server_pid())
    assert (mine.application, mine.state, mine.query, mine.wait) == ("checkout", "idle", "SELECT 42 AS answer", "")
    assert mine.client == "127.0.0.1"
    assert all(session.application != "cockpit" or not session.own for session in status.sessions)
    assert status.notes == ()


async def test_it_limits_itself_on_the_server(make_adapter: Any, connect: Any, database_dsn: str) -> None:
    adapter = make_adapter(database_dsn)
    await adapter.probe()
    rows = await adapter._link._connection.fetch(
        "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)",
        ["application_name", "statement_timeout", "lock_timeout", "default_transaction_read_only"],
    )
    assert dict(rows) == {
        "application_name": "cockpit",
        "default_transaction_read_only": "on",
        "lock_timeout": "100",
        "statement_timeout": "400",
    }
    client = await connect(database_dsn)
    own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cockpit' AND datname = current_database()"
    for _ in range(3):
        await adapter.probe()
    assert await client.fetchval(own) == 1


@pytest.mark.parametrize("major", ["15", "16", "18"])
async def test_the_blocking_tree_has_its_root_on_top(
    major: str,
    start_postgres: Callable[..., PostgresServer],
    make_adapter: Any,
    connect: Any,
    background: Any,
    eventually: Any,
) -> None:
    server = start_postgres(major=major)
    holder = await connect(server.dsn(), "billing")
    await holder.execute("CREATE TABLE inventory (id int PRIMARY KEY, n int); INSERT INTO inventory VALUES (1, 1)")
    await holder.execute("BEGIN; UPDATE inventory SET n = 2")
    adapter = make_adapter(server.dsn(), blocked_warn="0.1s")
    for number in range(3):
        client = await connect(server.dsn(), f"checkout-{number}")
        background(client.execute("UPDATE inventory SET n = n + 1 WHERE id = 1"))
    status = await eventually(lambda: status_of(adapter), lambda seen: sum(r.size() for r in seen.blocking) == 3)
    assert len(status.blocking) == 1
    root = status.blocking[0]
    assert root.session.pid == holder.get_server_pid()
    assert (root.session.state, root.lock, root.waiting_s) == ("idle in transaction", "", None)
    assert root.children[0].lock == "ShareLock on a row of inventory"
    assert root.session.pid in root.children[0].session.blocked_by
    waiting = next(s for s in status.sessions if s.pid == root.children[0].session.pid)
    assert waiting.wait.startswith("Lock: ") and waiting.blocked_by == (root.session.pid,)
    assert status.sessions[0].pid == root.session.pid, "the oldest transaction comes first"
    assert status.version.startswith(major)
    late = await eventually(adapter.probe, lambda seen: seen.severity is Severity.WARN)
    assert late.summary == f"pid {root.session.pid} blocks 3"
    assert late.payload.queries_sent == 3
    table = await connect(server.dsn(), "migration")
    background(table.execute("BEGIN; LOCK TABLE inventory"))
    status = await eventually(lambda: status_of(adapter), lambda seen: sum(r.size() for r in seen.blocking) == 4)
    assert "AccessExclusiveLock on inventory" in [node.lock for node in _nodes(status.blocking[0])]


def _nodes(root: BlockingNode) -> list[BlockingNode]:
    return [root, *(node for child in root.children for node in _nodes(child))]


async def test_a_prepared_transaction_is_shown_as_what_blocks(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any, background: Any, eventually: Any
) -> None:
    server = start_postgres(settings={"max_prepared_transactions": "2"})
    client = await connect(server.dsn())
    await client.execute("CREATE TABLE stock (n int); INSERT INTO stock VALUES (1)")
    await client.execute("BEGIN; UPDATE stock SET n = 2; PREPARE TRANSACTION 'left \x1b[31m behind'")
    background(client.execute("UPDATE stock SET n = 3"))
    adapter = make_adapter(server.dsn())
    status = await eventually(lambda: status_of(adapter), lambda seen: seen.blocking)
    root = status.blocking[0].session
    assert (root.pid, root.kind) == (0, "prepared transaction")
    assert root.query == "PREPARE TRANSACTION 'left  behind'"
    assert status.blocking[0].size() == 1


async def test_a_full_pool_is_critical_and_for_a_newcomer_the_finding_itself(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any
) -> None:
    server = start_postgres(settings={"max_connections": "12"})
    await make_role(server.dsn(), "oncall", "pg_monitor")
    dsn = server.dsn(user="oncall", password="secret")
    adapter = make_adapter(dsn)
    await adapter.probe()
    for _ in range(8):
        await connect(dsn)
    full = await adapter.probe()
    assert (full.severity, full.summary) == (Severity.CRIT, "pool full 9/9")
    late = make_adapter(dsn)
    with pytest.raises(Exhausted) as caught:
        await late.probe()
    assert caught.value.word == "no connection left"
    assert "secret" not in str(caught.value)
    assert (await adapter.probe()).summary == "pool full 9/9", "the one that was there keeps its connection"


async def test_a_long_idle_transaction_is_a_warning(make_adapter: Any, connect: Any, database_dsn: str) -> None:
    client = await connect(database_dsn)
    await client.execute("BEGIN; SELECT 1")
    adapter = make_adapter(database_dsn, long_transaction=0.001)
    seen = await adapter.probe()
    assert seen.severity is Severity.WARN
    assert f"pid {client.get_server_pid()} idle in transaction 0 s" in seen.summary


async def test_a_role_without_pg_monitor_sees_less_and_is_told(
    make_adapter: Any, connect: Any, background: Any, eventually: Any, postgres_server: PostgresServer
) -> None:
    await make_role(postgres_server.dsn(), "plain")
    dsn = postgres_server.dsn(user="plain", password="secret")
    holder = await connect(postgres_server.dsn(), "billing")
    await holder.execute("CREATE TABLE IF NOT EXISTS queue (n int)")
    await holder.execute("BEGIN; LOCK TABLE queue")
    waiter = await connect(postgres_server.dsn(), "checkout")
    task = background(waiter.execute("SELECT * FROM queue"))
    adapter = make_adapter(dsn)
    status = await eventually(lambda: status_of(adapter), lambda seen: seen.blocking)
    hidden = next(session for session in status.sessions if session.pid == holder.get_server_pid())
    assert (hidden.query, hidden.state, hidden.client, hidden.backend_start) == ("<hidden>", "", "", HIDDEN_START)
    assert not hidden.identified
    assert status.by_state[0] >= ("<hidden>", 2)
    assert 'GRANT pg_monitor TO "plain"' in " ".join(status.notes)
    assert status.blocking[0].session.pid == holder.get_server_pid(), "locks are visible to all"
    checks = {line.check: line for line in await adapter.diagnose()}
    assert checks["pg_monitor"].fix == 'GRANT pg_monitor TO "plain"'
    assert checks["pg_signal_backend"].fix == 'GRANT pg_signal_backend TO "plain"'
    assert checks["connect"].ok and checks["version"].ok
    await holder.execute("ROLLBACK")
    await task


async def test_what_was_refused_once_is_not_asked_again_on_the_same_connection(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, eventually: Any
) -> None:
    server = start_postgres()
    await make_role(server.dsn(), "narrow")
    admin = await asyncpg.connect(server.dsn())
    await admin.execute("REVOKE SELECT ON pg_stat_database FROM PUBLIC")
    adapter = make_adapter(server.dsn(user="narrow", password="secret"))
    first = await status_of(adapter)
    assert any("permission denied" in note for note in first.notes)
    assert first.transactions_per_s is None
    second = await status_of(adapter)
    assert second.queries_sent < first.queries_sent
    assert any("permission denied" in note for note in second.notes), "it goes on being said"
    await admin.execute("GRANT SELECT ON pg_stat_database TO PUBLIC")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cockpit'")
    await admin.close()

    async def look() -> DatabaseStatus | None:
        try:
            return await status_of(adapter)
        except Unreachable:  # noticed only by asking, when it was just ended
            return None

    again = await eventually(look, lambda seen: seen is not None)
    assert not any("permission denied" in note for note in again.notes), "a new connection may be allowed more"


async def test_hostile_text_is_harmless_when_it_arrives(make_adapter: Any, connect: Any, database_dsn: str) -> None:
    evil = "x\x1b]0;owned\x07\x1b[2J\u202e\u200bfdp.exe"
    client = await connect(database_dsn, "evil")
    await client.execute("SET application_name = 'a\x1b[31mb'")
    await client.fetch(f"SELECT '{evil}' /* [bold red] [/oops] */")
    session = next(s for s in (await status_of(make_adapter(database_dsn))).sessions if "oops" in s.query)
    for text in (session.query, session.application):
        assert not UNSAFE.search(text)
    assert "owned" not in session.query
    assert "[bold red] [/oops]" in session.query, "markup is text: it stays, the screen must not interpret it"


async def test_bytes_that_are_no_text_do_not_fail_the_poll(
    make_adapter: Any, connect: Any, postgres_server: PostgresServer
) -> None:
    admin = await connect(postgres_server.dsn())
    await admin.execute("DROP DATABASE IF EXISTS raw")
    await admin.execute("CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    client = await connect(postgres_server.dsn("raw"))
    await client.execute("SET client_encoding = 'SQL_ASCII'")
    # In this encoding the server cuts long queries anywhere, also in the middle of a character.
    await client.fetch("SELECT 1 -- " + "x" * 1010 + "é" * 50)
    status = await status_of(make_adapter(postgres_server.dsn("raw")))
    session = next(session for session in status.sessions if session.pid == client.get_server_pid())
    assert session.query.endswith("x\ufffd")


async def test_pg_stat_statements_gives_the_top_by_total_and_by_mean(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any
) -> None:
    server = start_postgres(major="15", settings={"shared_preload_libraries": "pg_stat_statements"})
    if not server.has_statistics_extension:
        pytest.skip("this PostgreSQL 15 comes without pg_stat_statements")
    client = await connect(server.dsn())
    await client.execute('CREATE SCHEMA "odd ""name"; CREATE EXTENSION pg_stat_statements SCHEMA "odd ""name"')
    await client.execute('SELECT "odd ""name".pg_stat_statements_reset()')  # making it may have taken longer than all
    for _ in range(50):
        await client.fetch("SELECT count(*) FROM generate_series(1, 2000)")
    await client.fetch("SELECT pg_sleep(0.5)")
    adapter = make_adapter(server.dsn())
    status = await status_of(adapter)
    assert status.statements_from == "pg_stat_statements"
    assert status.statements_by_mean[0].query == "SELECT pg_sleep($1)"
    assert status.statements_by_mean[0].calls == 1 and status.statements_by_mean[0].mean_ms > 500
    totals = [load.total_ms for load in status.statements]
    assert totals == sorted(totals, reverse=True) and 0 < status.statements[0].share <= 1
    assert any(load.calls == 50 for load in status.statements)
    again = await status_of(adapter)
    assert again.statements == status.statements and again.queries_sent == 2, "it is read seldom"
    assert {line.check: line.ok for line in await adapter.diagnose()}["pg_stat_statements"] is True


async def test_without_preloading_the_extension_is_reported_and_statements_are_sampled(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any, background: Any, eventually: Any
) -> None:
    server = start_postgres(major="15")
    if not server.has_statistics_extension:
        pytest.skip("this PostgreSQL 15 comes without pg_stat_statements")
    client = await connect(server.dsn())
    await client.execute("CREATE EXTENSION pg_stat_statements")
    background(client.execute("SELECT pg_sleep(60)"))
    adapter = make_adapter(server.dsn())
    status = await eventually(lambda: status_of(adapter), lambda seen: seen.statements)
    assert status.statements_from == "samples of pg_stat_activity"
    assert status.statements[0].query == "SELECT pg_sleep(?)"
    assert any("shared_preload_libraries" in note for note in status.notes)
    line = {line.check: line for line in await adapter.diagnose()}["pg_stat_statements"]
    assert line.ok is None and "shared_preload_libraries" in line.fix


async def test_a_poll_of_fifty_sessions_is_cheap(make_adapter: Any, connect: Any, database_dsn: str) -> None:
    for number in range(50):
        await connect(database_dsn, f"worker-{number}")
    adapter = make_adapter(database_dsn)
    await adapter.probe()
    before = time.process_time()
    for _ in range(20):
        await adapter.probe()
    assert (time.process_time() - before) / 20 < 0.010  # 0.5 ms as measured; this only catches a blunder


async def test_two_polls_at_once_share_the_connection_in_turn(make_adapter: Any, database_dsn: str) -> None:
    adapter = make_adapter(database_dsn)
    seen = await asyncio.gather(*(adapter.probe() for _ in range(5)))
    assert all(observation.severity is Severity.OK for observation in seen)

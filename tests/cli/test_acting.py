"""plan and act against real servers: what they show, what they refuse, what they do, what they record."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from cockpit.audit.actor import Actor
from cockpit.audit.log import AuditLog, Entry

Cockpit = Callable[..., Awaitable[Any]]
DEADLINE_S = 20.0


@pytest.fixture
async def victim(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the shop, idle in a transaction."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "checkout"})
    await connection.execute("BEGIN")
    await connection.execute("SELECT 1")
    yield connection
    connection.terminate()


async def lives(pid: int, dsn: str) -> bool:
    admin = await asyncpg.connect(dsn)
    try:
        return bool(await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid))
    finally:
        await admin.close()


def audit(tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "state" / "cockpit" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events(tmp_path: Path) -> list[str]:
    return [entry["event"] for entry in audit(tmp_path)]


def keys_in(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.dbsize())


def fill(url: str, count: int = 3, prefix: str = "cart") -> None:
    with redis.Redis.from_url(url) as client:
        client.mset({f"{prefix}:{number}": "x" for number in range(count)})


def read_only(path: Path) -> None:
    path.write_text(path.read_text().replace('environment = "testing"', 'environment = "testing"\nread_only = true'))


async def test_a_plan_shows_the_card_and_changes_nothing(
    installed: Cockpit, profile: Path, victim: asyncpg.Connection, dsn: str, tmp_path: Path
) -> None:
    pid = victim.get_server_pid()
    ran = await installed("plan", "shop", "database.terminate", "--set", f"pid={pid}")
    assert (ran.code, ran.err) == (0, "")
    labels = {match[1] for match in re.finditer(r"^([a-z]+(?: [a-z]+)?) {2,}\S", ran.out, re.MULTILINE)}
    assert labels >= {
        "environment",
        "tier",
        "identity",
        "objects",
        "affects",
        "sends",
        "by hand",
        "permission",
        "undo",
        "deadline",
        "digest",
    }
    assert "pg_terminate_backend" in ran.out
    assert f"To run it: cockpit act shop database.terminate --source database/orders --set pid={pid} " in ran.out
    assert "--confirm y --reason TEXT" in ran.out
    assert await lives(pid, dsn)
    assert audit(tmp_path) == []


async def test_the_json_of_a_plan_has_the_documented_keys(
    cockpit: Cockpit, profile: Path, victim: asyncpg.Connection
) -> None:
    words = ("database.cancel", "--source", "orders", "--set", f"pid={victim.get_server_pid()}")
    planned = (await cockpit("plan", "shop", *words, "--json")).json
    assert list(planned) == ["system", "environment", "plan"]
    plan = planned["plan"]
    assert (plan["action"], plan["source"], plan["tier"]) == ("database.cancel", "database/orders", "T1")
    assert len(plan["digest"]) == 64
    assert plan["identity"]["pid"] == str(victim.get_server_pid())
    assert plan["requires"] == {"confirm": "y", "reason": True, "approval": False, "delay_s": 0.0}


async def test_a_plan_with_refusals_says_why_and_is_exit_code_4(cockpit: Cockpit, profile: Path) -> None:
    ran = await cockpit("plan", "shop", "database.terminate", "--set", "pid=999999")
    assert ran.code == 4
    assert "999999" in ran.out + ran.err
    assert "To run it" not in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("database.terminat",), 64, "Did you mean database.terminate?"),
        (("database.terminate", "--source", "orderz"), 64, "Did you mean database/orders?"),
        (("revisions.rollback",), 64, "needs a revisions source"),
        (("database.terminate", "--set", "pid"), 64, "pid is not NAME=VALUE"),
        (("database.terminate",), 4, "needs a pid"),
        (("database.terminate", "--set", "pid=1", "--set", "color=red"), 4, "has no parameter color"),
        (("database.terminate", "--set", "pid=one"), 4, "pid must be a number"),
    ],
)
async def test_a_slip_on_the_command_line_is_told(
    cockpit: Cockpit, profile: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = await cockpit("plan", "shop", *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


async def test_an_action_on_several_sources_needs_one_named(cockpit: Cockpit, profile: Path) -> None:
    with_second(profile)
    ran = await cockpit("plan", "shop", "redis.flush")
    assert ran.code == 64
    assert "Add --source, of: redis/cache, redis/other" in ran.err


def with_second(path: Path) -> None:
    path.write_text(path.read_text() + '[[redis]]\nname = "other"\nurl = "env:SHOP_REDIS"\n')


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ((), "--confirm y --reason TEXT"),
        (("--confirm", "yes", "--reason", "stuck checkout"), "Add exactly: --confirm y"),
        (("--confirm", "y"), "--reason TEXT"),
    ],
)
async def test_without_the_right_confirmation_nothing_happens_and_it_says_what_is_needed(
    cockpit: Cockpit,
    profile: Path,
    victim: asyncpg.Connection,
    dsn: str,
    tmp_path: Path,
    given: tuple[str, ...],
    needed: str,
) -> None:
    pid = victim.get_server_pid()
    ran = await cockpit("act", "shop", "database.terminate", "--set", f"pid={pid}", *given)
    assert ran.code == 4
    assert needed in ran.out
    assert "Nothing was changed." in ran.out
    assert await lives(pid, dsn)
    assert events(tmp_path)[-1 if "--reason" not in given else -2] == "refused"
    assert "intent" not in events(tmp_path)


async def test_a_confirmed_action_is_done_verified_and_recorded(
    installed: Cockpit, profile: Path, victim: asyncpg.Connection, dsn: str, tmp_path: Path
) -> None:
    pid = victim.get_server_pid()
    words = ("database.terminate", "--set", f"pid={pid}", "--confirm", "y", "--reason", "blocks checkout")
    ran = await installed("act", "shop", *words)
    assert ran.code == 0, ran.out + ran.err
    assert "SUCCEEDED  run " in ran.out
    assert "verified: " in ran.out
    assert not await lives(pid, dsn)
    assert events(tmp_path) == ["armed", "intent", "outcome", "verified", "disarmed"]
    intent = audit(tmp_path)[1]
    assert intent["facts"]["reason"] == "blocks checkout"
    assert intent["facts"]["action"] == "database.terminate"
    verified = await installed("audit", "verify")
    assert (verified.code, "5 lines" in verified.out, "intact" in verified.out) == (0, True, True)


async def test_the_json_of_an_action_has_the_documented_keys(
    cockpit: Cockpit, profile: Path, victim: asyncpg.Connection
) -> None:
    words = ("database.terminate", "--set", f"pid={victim.get_server_pid()}", "--confirm", "y", "--reason", "stuck")
    ran = await cockpit("act", "shop", *words, "--json")
    done = ran.json
    assert ran.code == 0
    assert list(done) == [
        "system",
        "environment",
        "run",
        "outcome",
        "summary",
        "details",
        "refusals",
        "verification",
        "undo",
        "audited",
        "started",
        "ended",
        "verdict",
        "scores",
        "plan",
        "replanned",
    ]
    assert (done["outcome"], done["audited"], done["verification"]["holds"]) == ("succeeded", True, True)
    assert done["plan"]["digest"]


async def test_a_destructive_action_wants_the_environment_and_target_typed(
    installed: Cockpit, profile: Path, redis_url: str
) -> None:
    fill(redis_url)
    ran = await installed("act", "shop", "redis.flush", "--confirm", "y", "--reason", "poisoned cache")
    assert ran.code == 4
    assert "Add exactly: --confirm testing/cache" in ran.out
    assert keys_in(redis_url) == 3
    ran = await installed("act", "shop", "redis.flush", "--confirm", "testing/cache", "--reason", "poisoned cache")
    assert ran.code == 0, ran.out + ran.err
    assert keys_in(redis_url) == 0


async def test_a_read_only_profile_refuses_everything(cockpit: Cockpit, profile: Path, redis_url: str) -> None:
    fill(redis_url)
    read_only(profile)
    ran = await cockpit("act", "shop", "redis.flush", "--confirm", "testing/cache", "--reason", "poisoned cache")
    assert ran.code == 4
    assert "this profile is read-only" in ran.out
    assert keys_in(redis_url) == 3


async def test_only_the_plan_that_was_looked_at_runs(
    cockpit: Cockpit, profile: Path, redis_url: str, tmp_path: Path
) -> None:
    fill(redis_url)
    planned = (await cockpit("plan", "shop", "redis.flush", "--json")).json["plan"]
    words = ("redis.flush", "--confirm", "testing/cache", "--reason", "poisoned cache", "--digest")
    ran = await cockpit("act", "shop", *words, "0" * 64)
    assert ran.code == 4
    assert "not the one with that digest" in ran.err
    assert keys_in(redis_url) == 3 and "intent" not in events(tmp_path)
    ran = await cockpit("act", "shop", *words, planned["digest"])
    assert ran.code == 0, ran.out + ran.err
    assert keys_in(redis_url) == 0


async def test_a_source_that_cannot_be_read_lets_no_action_through(
    cockpit: Cockpit, profile: Path, tmp_path: Path
) -> None:
    words = ("redis.flush", "--confirm", "testing/cache", "--reason", "poisoned cache")
    ran = await cockpit("act", "shop", *words, env={"SHOP_REDIS": "redis://127.0.0.1:1/0"})
    assert ran.code in (4, 69)
    assert "127.0.0.1:1" in ran.out + ran.err
    assert "intent" not in events(tmp_path)


async def test_without_a_place_for_the_record_nothing_above_t1_runs(
    cockpit: Cockpit, profile: Path, redis_url: str, tmp_path: Path
) -> None:
    fill(redis_url)
    blocked = tmp_path / "blocked"
    put(blocked)
    words = ("redis.flush", "--confirm", "testing/cache", "--reason", "poisoned cache")
    ran = await cockpit("act", "shop", *words, env={"XDG_STATE_HOME": str(blocked)})
    assert ran.code != 0
    assert keys_in(redis_url) == 3


def put(path: Path) -> None:
    path.write_text("a file where a folder belongs")


async def test_the_watch_tells_the_verdict(
    cockpit: Cockpit, profile: Path, victim: asyncpg.Connection, dsn: str, tmp_path: Path
) -> None:
    shorten_watch(profile)
    words = ("database.terminate", "--set", f"pid={victim.get_server_pid()}", "--confirm", "y", "--reason", "stuck")
    ran = await cockpit("act", "shop", *words, "--watch")
    assert ran.code == 0, ran.out + ran.err
    assert re.search(r"^verdict: (recovered|no change|unknown)$", ran.out, re.MULTILINE)
    assert "verdict" in events(tmp_path)


def shorten_watch(path: Path) -> None:
    path.write_text(path.read_text().replace('watch = "20s"', 'watch = "2s"'))


async def test_an_action_without_a_recorded_end_is_told_at_the_next_start(
    cockpit: Cockpit, profile: Path, tmp_path: Path
) -> None:
    facts = {"title": "Flush database", "target": "cache 0", "operation": ["FLUSHDB ASYNC"]}
    log = AuditLog(tmp_path / "state" / "cockpit" / "audit.jsonl", Actor("u", "ann", "jump1", "", "", 1))
    await asyncio.to_thread(log.append, Entry("intent", "shop", "testing", "abc123", facts), datetime.now(UTC))
    for command in (("check", "shop"), ("plan", "shop", "redis.flush")):
        ran = await cockpit(*command)
        assert "UNKNOWN: ann began at" in ran.err and "Flush database, cache 0" in ran.err
        assert "cockpit audit show --run abc123" in ran.err


async def test_sigterm_in_the_middle_of_an_action_leaves_a_record(
    start: Cockpit, profile: Path, redis_url: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(fill, redis_url, 3000, "cart")
    await asyncio.to_thread(fill, redis_url, 4000, "stock")  # fewer than half match: the tier stays T3
    words = ("redis.delete", "--set", "pattern=cart:*", "--confirm", "testing/cache", "--reason", "poisoned")
    process = await start("act", "shop", *words)
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        while b"running" not in (line := await process.stderr.readline()):
            assert line, "it ended before it ran"
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode in (0, 5, 6)
    recorded = events(tmp_path)
    assert recorded.count("intent") == recorded.count("outcome") == 1

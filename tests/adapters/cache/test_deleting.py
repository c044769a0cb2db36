"""Deletion of keys: only on the server that was planned for, abortable, honest about what may have happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis

from cockpit.adapters.cache.adapter import CANARY, RedisAdapter
from cockpit.adapters.capabilities import KeyDeleting, Probing
from cockpit.errors import Conflict, PermissionDenied, TimedOut, Unreachable
from cockpit.model.action import Grant
from cockpit.sandbox.redis_server import RedisServer

AdapterFor = Callable[..., RedisAdapter]
ClientOf = Callable[[str], "redis.Redis"]
Start = Callable[..., RedisServer]
Gateway = Any  # tests/adapters/cache/conftest.py


def no_progress(done: int, total: int, note: str) -> None:
    pass


def never() -> bool:
    return False


def fill(client: redis.Redis, prefix: str, count: int) -> None:
    client.mset({f"{prefix}:{number}": "x" for number in range(count)})


def test_the_adapter_has_the_capabilities(adapter_for: AdapterFor) -> None:
    adapter = adapter_for("redis://127.0.0.1:1/0")
    assert isinstance(adapter, KeyDeleting)
    assert isinstance(adapter, Probing)


async def test_counting_is_exact_and_shows_the_first_hundred(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    fill(client, "session", 2500)
    fill(client, "cart", 300)
    client.set("session:\x1b[31m\n", "1")
    seen: list[tuple[int, int]] = []
    count, first = await adapter_for(redis_url).sample_keys(
        "session:*", lambda done, total, note: seen.append((done, total)), never
    )
    assert count == 2501
    assert len(first) == 100
    assert all(key.startswith("session:") and key.isprintable() for key in first)
    assert seen[-1] == (2801, 2801)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert "cmdstat_keys" not in client.info("commandstats")


async def test_counting_stops_when_it_is_aborted(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    fill(client_of(redis_url), "session", 5000)
    pages: list[int] = []
    count, _ = await adapter_for(redis_url).sample_keys(
        "session:*", lambda done, total, note: pages.append(done), lambda: len(pages) >= 2
    )
    assert len(pages) == 2
    assert 0 < count < 5000


async def test_only_what_matches_goes_a_few_first_then_in_batches(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    fill(client, "session", 2500)
    fill(client, "cart", 300)
    adapter = adapter_for(redis_url)
    steps: list[int] = []
    done = await adapter.unlink_matching(
        "session:*", await adapter.server_identity(), lambda now, total, note: steps.append(now), never
    )
    assert done == 2500
    assert client.dbsize() == 300
    assert steps[0] <= CANARY
    assert steps == sorted(steps)
    assert "cmdstat_del" not in client.info("commandstats")


async def test_deletion_stops_when_it_is_aborted_and_the_rest_stays(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    fill(client, "session", 3000)
    adapter = adapter_for(redis_url)
    last = 0

    def progress(done: int, total: int, note: str) -> None:
        nonlocal last
        last = done

    done = await adapter.unlink_matching("session:*", await adapter.server_identity(), progress, lambda: last > 500)
    assert 500 < done < 1600
    assert client.dbsize() == 3000 - done


async def test_polls_go_on_while_keys_are_deleted(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    fill(client, "session", 20_000)
    adapter = adapter_for(redis_url)
    task = asyncio.create_task(
        adapter.unlink_matching("session:*", await adapter.server_identity(), no_progress, never)
    )
    polls = 0
    while not task.done():
        await adapter.probe()
        polls += 1
    assert await task == 20_000
    assert polls > 3
    assert [entry["name"] for entry in client.client_list()].count("cockpit") == 1


async def test_another_server_at_the_same_address_is_a_conflict_and_nothing_goes(
    start_redis: Start, gateway: Gateway, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    first, second = start_redis(), start_redis()
    gateway.port = first.port
    adapter = adapter_for(gateway.url)
    identity = await adapter.server_identity()
    client = client_of(second.url)
    fill(client, "session", 50)
    gateway.port = second.port
    await gateway.cut()
    for attempt in (
        lambda: adapter.unlink_matching("session:*", identity, no_progress, never),
        lambda: adapter.flush(identity),
    ):
        with pytest.raises((Conflict, Unreachable)) as caught:  # the dead connection is noticed first
            await attempt()
        assert not caught.value.effect_possible
        with pytest.raises(Conflict, match=r"run_id was .* and is"):
            await attempt()
        await gateway.cut()
    assert client.dbsize() == 50


async def test_a_failover_in_the_middle_is_a_conflict_and_says_how_many_went(
    start_redis: Start, gateway: Gateway, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    first, second = start_redis(), start_redis()
    fill(client_of(first.url), "session", 3000)
    other = client_of(second.url)
    fill(other, "session", 70)
    gateway.port = first.port
    adapter = adapter_for(gateway.url, timeout=2)
    identity = await adapter.server_identity()
    swapped = asyncio.Event()

    def progress(done: int, total: int, note: str) -> None:
        if not swapped.is_set():
            swapped.set()
            gateway.port = second.port

    async def lose_the_connection() -> None:
        await swapped.wait()
        await adapter.close()  # as a poll that timed out does

    losing = asyncio.create_task(lose_the_connection())
    with pytest.raises((Conflict, Unreachable), match=r"\d+ keys were deleted before that") as caught:
        await adapter.unlink_matching("session:*", identity, progress, never)
    await losing
    assert caught.value.effect_possible
    assert other.dbsize() == 70


async def test_a_connection_lost_while_a_deletion_is_unanswered_may_have_had_its_effect(
    start_redis: Start, gateway: Gateway, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    client = client_of(server.url)
    fill(client, "session", 5)
    gateway.port = server.port
    adapter = adapter_for(gateway.url)
    identity = await adapter.server_identity()
    gateway.cut_after = b"UNLINK"
    with pytest.raises(Unreachable) as caught:
        await adapter.unlink_matching("session:*", identity, no_progress, never)
    assert caught.value.effect_possible
    assert gateway.seen.count(b"UNLINK") == 1  # never sent again


@pytest.mark.parametrize("mishap", ["kill", "pause"])
async def test_a_server_that_dies_or_hangs_in_the_middle_leaves_the_number_that_went(
    mishap: str, start_redis: Start, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    fill(client_of(server.url), "session", 3000)
    adapter = adapter_for(server.url, timeout=0.5)
    identity = await adapter.server_identity()
    seen: list[int] = []

    def progress(done: int, total: int, note: str) -> None:
        seen.append(done)
        if len(seen) == 2:
            server.kill() if mishap == "kill" else server.pause()

    with pytest.raises(Unreachable if mishap == "kill" else TimedOut) as caught:
        await adapter.unlink_matching("session:*", identity, progress, never)
    assert caught.value.effect_possible
    assert f"{seen[-1]} keys were deleted before that" in caught.value.message
    if mishap == "pause":
        server.resume()


async def test_no_answer_to_a_flush_in_time_may_have_had_its_effect(
    start_redis: Start, gateway: Gateway, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    client = client_of(server.url)
    fill(client, "session", 5)
    gateway.port = server.port
    adapter = adapter_for(gateway.url, timeout=0.5)
    identity = await adapter.server_identity()
    gateway.swallow = b"FLUSHDB"
    with pytest.raises(TimedOut) as caught:
        await adapter.flush(identity)
    assert caught.value.effect_possible
    assert client.dbsize() == 0
    assert gateway.seen.count(b"FLUSHDB") == 1


async def test_flush_empties_the_one_database_and_no_other(
    redis_server: RedisServer, redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    fill(client_of(redis_server.url_of(1)), "other", 7)
    fill(client_of(redis_url), "session", 20)
    adapter = adapter_for(redis_url)
    await adapter.flush(await adapter.server_identity())
    assert await adapter.key_count() == 0
    assert client_of(redis_server.url_of(1)).dbsize() == 7


async def test_a_replica_is_refused_before_anything_is_sent(
    start_redis: Start, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    client = client_of(server.url)
    fill(client, "session", 5)
    adapter = adapter_for(server.url)
    identity = await adapter.server_identity()
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(Conflict, match="role was master and is slave"):
        await adapter.unlink_matching("session:*", identity, no_progress, never)
    identity = await adapter.server_identity()
    with pytest.raises(Conflict, match="is a replica and takes no writes") as caught:
        await adapter.flush(identity)
    assert not caught.value.effect_possible
    assert client.dbsize() == 5


async def test_an_identity_without_a_run_id_is_never_enough(redis_url: str, adapter_for: AdapterFor) -> None:
    adapter = adapter_for(redis_url)
    identity = {**await adapter.server_identity(), "run_id": ""}
    with pytest.raises(Conflict, match="run_id was unknown"):
        await adapter.flush(identity)


# Rights


def user(client: redis.Redis, *rules: str) -> None:
    client.execute_command("ACL", "SETUSER", "ops", "reset", "on", ">pw", *rules)


@pytest.mark.parametrize(
    ("rules", "grant", "words"),
    [
        (("~*", "+@all"), Grant.GRANTED, ""),
        (("~*", "+@all", "-unlink"), Grant.DENIED, "unlink"),
        (("~*", "+@all", "-@write"), Grant.DENIED, "unlink"),
        (("~*", "-@all", "+@read", "+@connection", "+info", "+acl", "+command", "+unlink"), Grant.GRANTED, ""),
        (("~*", "+@all", "-acl"), Grant.UNKNOWN, "does not say which rights"),
    ],
)
async def test_the_preflight_asks_the_server_for_the_user_s_rights(
    rules: tuple[str, ...],
    grant: Grant,
    words: str,
    start_redis: Start,
    adapter_for: AdapterFor,
    client_of: ClientOf,
) -> None:
    server = start_redis()
    user(client_of(server.url), *rules)
    adapter = adapter_for(f"redis://ops:pw@127.0.0.1:{server.port}/0")
    found = await adapter.may_run([("scan", "0"), ("unlink", "session:1")])
    assert found.grant is grant
    assert found.needs == "+scan +unlink"
    assert words in found.how.lower()
    assert client_of(server.url).info("commandstats").get("cmdstat_unlink") is None


async def test_a_user_who_reaches_only_some_keys_is_told_so(
    start_redis: Start, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    user(client_of(server.url), "~cart:*", "+@all")
    adapter = adapter_for(f"redis://ops:pw@127.0.0.1:{server.port}/0")
    found = await adapter.may_run([("unlink", "session:1")])
    assert found.grant in (Grant.UNKNOWN, Grant.DENIED)
    assert "cart:*" in found.how or "session:1" in found.how


async def test_a_command_that_the_server_does_not_have_is_denied(start_redis: Start, adapter_for: AdapterFor) -> None:
    server = start_redis(settings={"rename-command": 'FLUSHDB ""'})
    found = await adapter_for(server.url).may_run([("flushdb", "async")])
    assert found.grant is Grant.DENIED
    assert "does not offer FLUSHDB" in found.how


async def test_a_right_that_is_missing_after_all_is_permission_denied_and_no_effect(
    start_redis: Start, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    server = start_redis()
    client = client_of(server.url)
    fill(client, "session", 5)
    user(client, "~*", "+@all", "-unlink")
    adapter = adapter_for(f"redis://ops:pw@127.0.0.1:{server.port}/0")
    with pytest.raises(PermissionDenied, match="UNLINK") as caught:
        await adapter.unlink_matching("session:*", await adapter.server_identity(), no_progress, never)
    assert caught.value.missing == "+unlink"
    assert not caught.value.effect_possible
    assert client.dbsize() == 5

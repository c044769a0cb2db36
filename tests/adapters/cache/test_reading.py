"""Short read commands on a real server: what is sent, what is cut, and what is never sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from cockpit.adapters.cache.adapter import RedisAdapter
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, PermissionDenied, Refused
from cockpit.profile.schema import RedisSource
from cockpit.sandbox.redis_server import RedisServer


@pytest.fixture
async def adapter(redis_url: str) -> AsyncIterator[RedisAdapter]:
    with redis.Redis.from_url(redis_url) as client:
        client.set("word", "hello")
        client.rpush("queue", *range(500))
        client.hset("card", mapping={"name": "Ada", "\x1b[31mred": "\u202eevil"})
        client.set("huge", "x" * 100_000)
    found = RedisAdapter(RedisSource(name="main").model_copy(update={"url": redis_url}), SystemClock())
    yield found
    await found.close()


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["GET", "word"], ("hello",)),
        (["get", "nothing"], ("",)),
        (["TTL", "word"], ("-1",)),
        (["TYPE", "queue"], ("list",)),
        (["LLEN", "queue"], ("500",)),
        (["EXISTS", "word", "queue", "no"], ("2",)),
        (["OBJECT", "ENCODING", "word"], ("embstr",)),
        (["HGET", "card", "name"], ("Ada",)),
        (["LRANGE", "queue", "0", "1"], ("1) 0", "2) 1")),
        (["PING"], ("PONG",)),
        (["CONFIG", "GET", "maxmemory"], ("maxmemory = 0",)),
    ],
)
async def test_answers_come_as_redis_cli_lays_them_out(
    adapter: RedisAdapter, words: list[str], lines: tuple[str, ...]
) -> None:
    assert await adapter.read(words) == (lines, False)


async def test_what_is_long_is_cut_on_the_server_and_said(adapter: RedisAdapter) -> None:
    lines, cut = await adapter.read(["GET", "huge"])
    assert cut and len(lines[0]) < 5000
    assert len((await adapter.read(["LRANGE", "queue", "0", "-1"]))[0]) == 100
    assert len((await adapter.read(["LRANGE", "queue", "10", "400"]))[0]) == 100
    lines, _ = await adapter.read(["HGETALL", "card"])
    assert "1) name" in lines and not any("\x1b" in line or "\u202e" in line for line in lines)
    lines, cut = await adapter.read(["INFO"])
    assert len(lines) <= 200


async def test_passwords_of_the_configuration_stay_masked(start_redis: object) -> None:
    server: RedisServer = start_redis(password="s3cret")  # type: ignore[operator]  # a fixture's factory
    found = RedisAdapter(RedisSource(name="main").model_copy(update={"url": server.url}), SystemClock())
    try:
        lines, _ = await found.read(["CONFIG", "GET", "*pass*"])
        assert "requirepass = ***" in lines and "s3cret" not in "".join(lines)
    finally:
        await found.close()


@pytest.mark.parametrize(
    "words",
    [
        ["KEYS", "*"],
        ["MONITOR"],
        ["SUBSCRIBE", "a"],
        ["BLPOP", "queue", "0"],
        ["SET", "a", "b"],
        ["GETDEL", "word"],
        ["CONFIG", "SET", "maxmemory", "1"],
        ["CLIENT", "KILL", "1.2.3.4:5"],
        ["DEBUG", "SLEEP", "1"],
        ["OBJECT", "HELP", "word"],
        ["GET"],
        ["GET", "a", "b"],
        ["LRANGE", "queue", "zero", "1"],
        ["SLOWLOG", "RESET"],
        [],
    ],
)
async def test_nothing_else_is_ever_sent(adapter: RedisAdapter, words: list[str], redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("stats")["total_commands_processed"]
        with pytest.raises(Refused):
            await adapter.read(words)
        assert client.info("stats")["total_commands_processed"] == before + 1, "only the question of this test"


async def test_a_wrong_type_and_a_missing_right_have_their_words(
    adapter: RedisAdapter, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READER", "secret")
    with pytest.raises(CockpitError, match=r"WRONGTYPE|wrong kind"):
        await adapter.read(["LLEN", "word"])
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+info", "+ping")
    weak = RedisAdapter(
        RedisSource.model_validate(
            {"name": "main", "username": "reader", "password": "env:READER", "url": redis_url}
        ),
        SystemClock(),
    )
    try:
        with pytest.raises(PermissionDenied):
            await weak.read(["LLEN", "queue"])
    finally:
        await weak.close()
        with redis.Redis.from_url(redis_url) as client:
            client.execute_command("ACL", "DELUSER", "reader")

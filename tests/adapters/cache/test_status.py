"""What a poll says about a real server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from cockpit.adapters.cache.adapter import RedisAdapter
from cockpit.adapters.cache.info import Counters, Info, read_keyspace, read_prefixes, read_status
from cockpit.adapters.cache.judgement import judge, size
from cockpit.clock import ManualClock, SystemClock
from cockpit.errors import Unreachable
from cockpit.model.cache import CacheStatus, Keyspace
from cockpit.model.severity import Severity
from cockpit.profile.schema import RedisSource
from cockpit.sandbox.redis_server import RedisServer

AdapterFor = Callable[..., RedisAdapter]
Gateway = Any  # tests/adapters/cache/conftest.py
ClientOf = Callable[[str], "redis.Redis"]


async def status_of(adapter: RedisAdapter) -> CacheStatus:
    status = (await adapter.probe()).payload
    assert isinstance(status, CacheStatus)
    return status


async def test_a_calm_server_is_ok_and_says_how_full_it_is(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    client.config_set("maxmemory", 4 * 1024**3)
    client.mset({f"key:{number}": "x" for number in range(20)})
    client.set("gone", "soon", ex=1000)
    seen = await adapter_for(redis_url).probe()
    status = seen.payload
    assert isinstance(status, CacheStatus)
    assert seen.severity is Severity.OK
    assert seen.summary.endswith(" of 4 GB")
    assert status.max_memory == status.limit == 4 * 1024**3
    assert status.keyspace == (Keyspace(0, 21, 1),)
    assert (status.role, status.database, status.product) == ("master", 0, "Redis")
    assert status.run_id == client.info("server")["run_id"]
    assert status.clients >= 2
    assert status.max_clients > 0
    assert status.evictions_per_s is None
    assert status.hit_ratio is None


async def test_without_maxmemory_the_limit_is_the_memory_of_the_machine(
    redis_url: str, adapter_for: AdapterFor
) -> None:
    status = await status_of(adapter_for(redis_url))
    assert status.max_memory == 0
    assert status.limit == status.system_memory > 0


async def test_rates_and_hit_ratio_are_those_since_the_poll_before(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client, clock = client_of(redis_url), ManualClock()
    adapter = adapter_for(redis_url, clock)
    client.set("there", "1")
    client.get("there")
    await adapter.probe()
    for _ in range(3):
        client.get("there")
    client.get("not there")
    client.set("brief", "1", px=1)
    deadline = time.monotonic() + 5
    while client.info("stats")["expired_keys"] < 1:
        client.exists("brief")  # also a lookup that misses once the key is gone
        assert time.monotonic() < deadline
    stats = client.info("stats")
    await clock.advance(2)
    status = await status_of(adapter)
    hits, misses = stats["keyspace_hits"] - 1, stats["keyspace_misses"]
    assert status.hit_ratio == pytest.approx(hits / (hits + misses))
    assert status.expirations_per_s == pytest.approx(0.5)
    assert status.evictions_per_s == 0


async def test_a_reset_of_the_counters_gives_no_negative_rate(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client, clock = client_of(redis_url), ManualClock()
    adapter = adapter_for(redis_url, clock)
    client.get("missing")
    await adapter.probe()
    client.config_resetstat()
    await clock.advance(1)
    status = await status_of(adapter)
    assert status.hit_ratio is None
    assert status.evictions_per_s is None


async def test_a_restart_between_polls_gives_no_rate_and_a_new_run_id(
    start_redis: Callable[..., RedisServer], gateway: Gateway, adapter_for: AdapterFor
) -> None:
    clock = ManualClock()
    gateway.port = start_redis().port
    adapter = adapter_for(gateway.url, clock)
    before = await status_of(adapter)
    gateway.port = start_redis().port
    await gateway.cut()
    await clock.advance(1)
    with pytest.raises(Unreachable, match="closed the connection"):
        await adapter.probe()
    after = await status_of(adapter)
    assert after.run_id != before.run_id
    assert after.evictions_per_s is None


async def test_evictions_are_a_warning_with_their_rate_and_the_prefix_that_fills_the_memory(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client, clock = client_of(redis_url), ManualClock()
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", used + 2_000_000)
    for number in range(300):
        client.set(f"cart:{number}", b"x" * 10_000)
    adapter = adapter_for(redis_url, clock)
    before = await status_of(adapter)
    assert before.evicted > 0
    for number in range(100):
        client.set(f"cart:more:{number}", b"x" * 10_000)
    await clock.advance(2)
    seen = await adapter.probe()
    status = seen.payload
    assert isinstance(status, CacheStatus)
    assert status.evictions_per_s == pytest.approx((status.evicted - before.evicted) / 2)
    assert seen.severity is Severity.WARN
    assert seen.summary == f"evicting {status.evictions_per_s:.0f}/s"
    assert status.policy == "allkeys-lru"
    assert status.prefixes[0] == ("cart:", 1.0)


async def test_memory_near_the_limit_is_critical_where_nothing_may_be_evicted(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    client.set("big", b"x" * 3_000_000)
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used / 0.97))
    seen = await adapter_for(redis_url).probe()
    assert seen.severity is Severity.CRIT
    assert seen.summary.startswith("memory 9")


async def test_the_slow_log_is_shown_newest_first_with_what_it_cost(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    adapter = adapter_for(redis_url)
    assert (await status_of(adapter)).slowlog == ()
    client.config_set("slowlog-log-slower-than", 0)
    client.set("a", "\x1b[31mred")
    client.get("a")
    client.config_set("slowlog-log-slower-than", 10_000)
    status = await status_of(adapter)
    commands = [entry.command for entry in status.slowlog]
    assert commands[0].startswith("CONFIG SET") or commands[0] == "GET a"
    assert "GET a" in commands
    assert "\x1b" not in "".join(commands)
    assert status.slowlog[0].id > status.slowlog[1].id
    assert abs(status.slowlog[0].at - time.time()) < 30
    assert status.slowlog[0].duration_ms < 1000
    client.slowlog_reset()
    assert (await status_of(adapter)).slowlog == ()


async def test_a_steady_poll_is_one_round_trip_of_two_commands_on_one_named_connection(
    redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client = client_of(redis_url)
    adapter = adapter_for(redis_url)
    await adapter.probe()
    client.config_resetstat()
    for _ in range(3):
        await adapter.probe()
    # Redis 7 counts slowlog|get where Redis 6 counts slowlog.
    calls = {name.partition("|")[0]: facts["calls"] for name, facts in client.info("commandstats").items()}
    calls.pop("cmdstat_config", None)  # the reset itself
    assert calls == {"cmdstat_info": 3, "cmdstat_slowlog": 3}
    assert [entry["name"] for entry in client.client_list()].count("cockpit") == 1


async def test_a_poll_takes_little_of_our_own_time(redis_url: str, adapter_for: AdapterFor) -> None:
    adapter = adapter_for(redis_url, SystemClock())
    for _ in range(5):
        await adapter.probe()
    used = []
    for _ in range(50):
        before = time.process_time()
        await adapter.probe()
        used.append(time.process_time() - before)
    assert sorted(used)[25] < 0.0015


async def test_a_replica_says_so_and_that_its_master_is_lost(
    start_redis: Callable[..., RedisServer], adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    replica = start_redis(settings={"replicaof": "127.0.0.1 1"})
    seen = await adapter_for(replica.url).probe()
    status = seen.payload
    assert isinstance(status, CacheStatus)
    assert (status.role, status.master_link) == ("slave", "down")
    assert (seen.severity, seen.summary) == (Severity.WARN, "replica has lost its master")
    assert any("link to the master has been down" in note for note in status.notes)


async def test_another_logical_database_is_the_one_that_the_url_names(
    redis_server: RedisServer, redis_url: str, adapter_for: AdapterFor, client_of: ClientOf
) -> None:
    client_of(redis_server.url_of(3)).set("only", "here")
    adapter = adapter_for(redis_server.url_of(3))
    status = await status_of(adapter)
    assert status.database == 3
    assert status.server.endswith("/3")
    assert await adapter.key_count() == 1


async def test_a_server_on_a_unix_socket(
    start_redis: Callable[..., RedisServer], adapter_for: AdapterFor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = start_redis(settings={"unixsocket": "redis.sock", "unixsocketperm": "777"})
    socket = f"/proc/{server.pid}/cwd/redis.sock"
    status = await status_of(adapter_for(f"unix://{socket}?db=2"))
    assert status.server == f"unix:{socket}/2"
    assert status.database == 2


def judged(fields: dict[str, str], **options: object) -> tuple[Severity, str]:
    text = "".join(f"{name}:{value}\r\n" for name, value in {"role": "master", "run_id": "r", **fields}.items())
    info = Info(text.encode())
    now = Counters.of(info, 1.0)
    status = read_status(info, now, None, server="s", database=0, slowlog=(), prefixes=(), notes=())
    return judge(status, info, RedisSource.model_validate({"name": "main", **options}))


def test_a_server_that_loads_its_data_is_critical_and_says_how_far_it_is() -> None:
    fields = {"loading": "1", "loading_loaded_perc": "42.10", "loading_eta_seconds": "12"}
    assert judged(fields) == (Severity.CRIT, "loading its data: 42 %, 12 s left")


def test_a_failed_append_only_file_is_critical_because_writes_are_refused() -> None:
    assert judged({"aof_last_write_status": "err"}) == (Severity.CRIT, "refuses writes: AOF failed")


def test_a_full_cache_that_may_evict_anything_is_only_a_warning() -> None:
    fields = {"used_memory": "97", "maxmemory": "100", "maxmemory_policy": "allkeys-lfu"}
    assert judged(fields) == (Severity.WARN, "memory 97 %")
    assert judged({**fields, "maxmemory_policy": "volatile-lru"}) == (Severity.CRIT, "memory 97 %")


def test_the_thresholds_are_the_profiles() -> None:
    fields = {"used_memory": "50", "maxmemory": "100", "maxmemory_policy": "noeviction"}
    assert judged(fields)[0] is Severity.OK
    assert judged(fields, memory_warn=0.4)[0] is Severity.WARN
    assert judged(fields, memory_warn=0.4, memory_critical=0.5)[0] is Severity.CRIT


def test_nearly_all_client_connections_in_use() -> None:
    assert judged({"connected_clients": "91", "maxclients": "100"}) == (Severity.WARN, "clients 91 of 100")
    assert judged({"connected_clients": "99", "maxclients": "100"})[0] is Severity.CRIT


def test_valkey_is_named_with_its_own_version() -> None:
    info = Info(b"server_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\n")
    status = read_status(info, Counters.of(info, 0), None, server="s", database=0, slowlog=(), prefixes=(), notes=())
    assert (status.product, status.version) == ("Valkey", "8.1.0")


def test_odd_lines_of_info_are_passed_over() -> None:
    info = Info(
        b"# Server\r\nnonsense\r\nused_memory:many\r\nmem_fragmentation_ratio:nanx\r\ndbx:keys=1\r\n\xff:\xfe"
    )
    assert info.integer("used_memory") == 0
    assert info.number("mem_fragmentation_ratio") is None
    assert read_keyspace({"db1": "keys=x", "db0": "keys=3,expires=1,avg_ttl=0", "dbx": "keys=1"}) == (
        Keyspace(0, 3, 1),
    )


def test_prefixes_hold_nothing_that_a_pattern_gives_a_meaning_to() -> None:
    keys = [b"cart:1", b"cart:2", b"session/3", b"plain", b"a*b:1", None]
    assert read_prefixes(keys) == (("cart:", 0.4), ("session/", 0.2))


def test_prefixes_are_as_long_as_nearly_all_of_their_keys_allow() -> None:
    alike = [b"tmp:recs:%d" % number for number in range(20)]
    assert read_prefixes(alike) == (("tmp:recs:", 1.0),)
    mixed = [b"tmp:a:%d" % number for number in range(10)] + [b"tmp:b:%d" % number for number in range(10)]
    assert read_prefixes(mixed) == (("tmp:", 1.0),)
    assert read_prefixes([b"x\x1b[2J:1"] * 9) == (), "what cannot be shown as it is makes no pattern"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (12 * 1024**2, "12 MB"),
        (4 * 1024**3, "4 GB"),
        (int(3.9 * 1024**3), "3.9 GB"),
        (1_050_000, "1 MB"),
        (3, "3 B"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text

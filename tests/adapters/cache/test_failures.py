"""How a server that cannot be asked is told apart from one that is well: each failure in its own words."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cockpit.adapters.cache.adapter import RedisAdapter
from cockpit.adapters.cache.failure import answered
from cockpit.clock import ManualClock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Exhausted,
    Malformed,
    Misconfigured,
    PermissionDenied,
    TimedOut,
    Unreachable,
)
from cockpit.model.cache import CacheStatus
from cockpit.profile.schema import RedisSource
from cockpit.profile.secrets import SecretRef
from cockpit.sandbox.redis_server import RedisServer

AdapterFor = Callable[..., RedisAdapter]
Start = Callable[..., RedisServer]
Gateway = Any  # tests/adapters/cache/conftest.py
GatewayWith = Callable[..., Awaitable[Gateway]]
PASSWORD = "hunter2 %/:@"


async def test_a_stopped_server_is_timed_out_at_the_source_s_deadline(
    start_redis: Start, adapter_for: AdapterFor
) -> None:
    server = start_redis()
    adapter = adapter_for(server.url, timeout=0.4)
    await adapter.probe()
    server.pause()
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"gave no answer within 0\.4 s") as caught:
        await adapter.probe()
    assert time.monotonic() - began < 1.0
    assert not caught.value.effect_possible
    with pytest.raises(TimedOut, match=r"accepted the connection but gave no answer|did not greet"):
        await adapter.probe()
    server.resume()
    assert isinstance((await adapter.probe()).payload, CacheStatus)


async def test_nobody_listening_is_connection_refused(adapter_for: AdapterFor) -> None:
    with pytest.raises(Unreachable, match=r"nothing listens at 127.0.0.1:1: connection refused"):
        await adapter_for("redis://127.0.0.1:1/0").probe()


async def test_a_name_that_does_not_resolve(adapter_for: AdapterFor) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        await adapter_for("redis://does-not-exist.invalid:6379/0").probe()


async def test_a_socket_that_is_not_there(adapter_for: AdapterFor, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no socket"):
        await adapter_for(f"unix://{tmp_path}/none.sock").probe()


async def test_a_killed_server_is_noticed_and_a_new_one_is_found_again(
    start_redis: Start, gateway: Gateway, adapter_for: AdapterFor
) -> None:
    server = start_redis()
    gateway.port = server.port
    adapter = adapter_for(gateway.url)
    await adapter.probe()
    server.kill()
    with pytest.raises(Unreachable, match="closed the connection"):
        await adapter.probe()
    gateway.port = start_redis().port
    assert isinstance((await adapter.probe()).payload, CacheStatus)


async def test_a_missing_password_and_a_wrong_one_are_told_apart_and_never_repeated(
    start_redis: Start, adapter_for: AdapterFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_redis(password="rightpassword")
    bare = f"redis://127.0.0.1:{server.port}/0"
    with pytest.raises(AuthenticationFailed, match="wants a password and none was given"):
        await adapter_for(bare).probe()
    monkeypatch.setenv("TEST_REDIS_PASSWORD", PASSWORD)
    adapter = adapter_for(bare, password="env:TEST_REDIS_PASSWORD")
    with pytest.raises(AuthenticationFailed, match="does not accept this user name and password") as caught:
        await adapter.probe()
    assert "hunter2" not in f"{caught.value} {caught.value!r} {vars(adapter)}"
    monkeypatch.setenv("TEST_REDIS_PASSWORD", "rightpassword")
    assert isinstance((await adapter.probe()).payload, CacheStatus)  # a rotated secret is fetched anew


async def test_a_password_for_a_server_without_one(
    redis_url: str, adapter_for: AdapterFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_REDIS_PASSWORD", PASSWORD)
    with pytest.raises(AuthenticationFailed, match="has no password set but was given one"):
        await adapter_for(redis_url, password="env:TEST_REDIS_PASSWORD").probe()


async def test_a_url_with_its_password_comes_from_a_secret_reference(
    start_redis: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_redis(password="p@ss:/word")
    monkeypatch.setenv("TEST_REDIS_URL", server.url)
    source = RedisSource(name="main", url=SecretRef("env:TEST_REDIS_URL"))
    adapter = RedisAdapter(source, ManualClock())
    try:
        status = (await adapter.probe()).payload
        assert isinstance(status, CacheStatus)
        assert status.server == f"127.0.0.1:{server.port}/0"
        command = " ".join(adapter.client_command())
        assert "p@ss" not in command
        assert "--no-auth-warning" in command
    finally:
        await adapter.close()


async def test_a_server_that_is_full_of_clients(start_redis: Start, adapter_for: AdapterFor) -> None:
    server = start_redis()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", 1)
        with pytest.raises(Unreachable) as caught:
            await adapter_for(server.url).probe()
        assert isinstance(caught.value, Exhausted) or "too many clients" in caught.value.hint


async def test_a_logical_database_that_does_not_exist(redis_server: RedisServer, adapter_for: AdapterFor) -> None:
    with pytest.raises(Misconfigured, match="no such logical database"):
        await adapter_for(redis_server.url_of(99)).probe()


@pytest.mark.parametrize(
    "url",
    ["http://host", "redis://host:port/0", "redis://h/x", "redis://h/0?color=red", "unix://", "redis://h:99999"],
)
async def test_an_unusable_url_is_misconfigured_and_not_repeated(url: str, adapter_for: AdapterFor) -> None:
    with pytest.raises(Misconfigured) as caught:
        await adapter_for(url.replace("://", "://user:s3cret@")).probe()
    assert "s3cret" not in str(caught.value)


# Permissions


def make_user(server: RedisServer, *rules: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "watcher", "reset", "on", ">pw", "~*", *rules)


async def test_without_the_right_to_the_slow_log_the_rest_is_shown_and_it_is_not_asked_for_again(
    start_redis: Start, adapter_for: AdapterFor
) -> None:
    server = start_redis()
    make_user(server, "+@all", "-slowlog", "-client")
    clock = ManualClock()
    adapter = adapter_for(f"redis://watcher:pw@127.0.0.1:{server.port}/0", clock)
    with redis.Redis.from_url(server.url) as client:
        for _ in range(3):
            status = (await adapter.probe()).payload
            assert isinstance(status, CacheStatus)
            assert "no slowlog" in status.notes[0]
        assert refusals(client, "slowlog") == 1
        await clock.advance(601)
        await adapter.probe()
        assert refusals(client, "slowlog") == 2


def refusals(client: redis.Redis, command: str) -> int:
    """How often the ACL refused it; Redis 7 writes slowlog|get where Redis 6 writes slowlog."""
    return sum(int(entry["count"]) for entry in client.acl_log() if entry["object"].split("|")[0] == command)


async def test_without_the_right_to_info_the_poll_fails_with_the_missing_right_and_asks_once(
    start_redis: Start, adapter_for: AdapterFor
) -> None:
    server = start_redis()
    make_user(server, "+@all", "-info")
    adapter = adapter_for(f"redis://watcher:pw@127.0.0.1:{server.port}/0", ManualClock())
    for _ in range(3):
        with pytest.raises(PermissionDenied, match="INFO"):
            await adapter.probe()
    with redis.Redis.from_url(server.url) as client:
        assert refusals(client, "info") == 1


async def test_the_diagnosis_names_each_right(start_redis: Start, adapter_for: AdapterFor) -> None:
    server = start_redis()
    make_user(server, "+@all", "-flushdb", "-slowlog")
    adapter = adapter_for(f"redis://watcher:pw@127.0.0.1:{server.port}/0")
    found = {diagnosis.check: diagnosis for diagnosis in await adapter.diagnose()}
    assert found["connect"].ok is True
    assert found["role"].ok is True
    assert found["slowlog"].ok is None
    assert found["redis.delete"].ok is True
    assert found["redis.flush"].ok is False
    assert "ACL SETUSER watcher +flushdb" in found["redis.flush"].fix
    unreachable = await adapter_for("redis://127.0.0.1:1/0").diagnose()
    assert [(entry.check, entry.ok) for entry in unreachable] == [("connect", False)]


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), Unreachable, "is loading"),
        (redis.exceptions.NoPermissionError("this user has no permissions"), PermissionDenied, "may not do this"),
        (redis.exceptions.ReadOnlyError("You can't write against a read only replica."), Conflict, "is a replica"),
        (redis.exceptions.OutOfMemoryError("command not allowed"), Conflict, "out of memory"),
        (redis.exceptions.ResponseError("MASTERDOWN Link with MASTER is down"), Conflict, "lost its master"),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save"), Conflict, "cannot save"),
        (redis.exceptions.ResponseError("BUSY Redis is busy running a script"), Conflict, "running a script"),
        (redis.exceptions.ResponseError("NOREPLICAS Not enough good replicas"), Conflict, "too few replicas"),
        (
            redis.exceptions.ResponseError("DENIED Redis is running in protected mode"),
            AuthenticationFailed,
            "protected",
        ),
        (redis.exceptions.ResponseError("unknown command `FLUSHDB`"), PermissionDenied, "does not offer"),
        (redis.exceptions.ConnectionError("max number of clients reached"), Exhausted, "maximum number of clients"),
        (redis.exceptions.ResponseError("ERR something\x1b[2J new"), Malformed, "something new"),
    ],
)
def test_each_error_reply_has_its_sentence(error: Exception, expected: type[CockpitError], words: str) -> None:
    mapped = answered(error, "cache:6379", "UNLINK")
    assert type(mapped) is expected
    assert words in mapped.message
    assert "\x1b" not in mapped.message


# TLS: a real Redis behind a real TLS server


def certificate(folder: Path, *, days: float = 90) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file


async def test_over_tls_with_the_authority_of_the_profile(
    redis_server: RedisServer, gateway_with: GatewayWith, adapter_for: AdapterFor, tmp_path: Path
) -> None:
    context, file = certificate(tmp_path)
    gateway = await gateway_with(context)
    gateway.port = redis_server.port
    url = gateway.url.replace("redis:", "rediss:")
    status = (await adapter_for(url, ca_file=str(file)).probe()).payload
    assert isinstance(status, CacheStatus)
    assert status.notes == ()
    with pytest.raises(Unreachable, match="certificate that is not trusted: self-signed"):
        await adapter_for(url).probe()
    with pytest.raises(Unreachable, match="not trusted"):
        await adapter_for(url.replace("127.0.0.1", "localhost"), ca_file=str(file)).probe()
    loose = (await adapter_for(f"{url}?ssl_cert_reqs=none").probe()).payload
    assert isinstance(loose, CacheStatus)
    assert "not verified" in loose.notes[0]
    with pytest.raises(Misconfigured, match=r"ca_file .* does not exist"):
        await adapter_for(url, ca_file=str(tmp_path / "none.pem")).probe()


async def test_an_expired_certificate_is_not_accepted(
    redis_server: RedisServer, gateway_with: GatewayWith, adapter_for: AdapterFor, tmp_path: Path
) -> None:
    context, file = certificate(tmp_path, days=-1)
    gateway = await gateway_with(context)
    gateway.port = redis_server.port
    with pytest.raises(Unreachable, match="not trusted: certificate has expired"):
        await adapter_for(gateway.url.replace("redis:", "rediss:"), ca_file=str(file)).probe()


async def test_tls_and_plain_text_mixed_up(
    redis_server: RedisServer, gateway_with: GatewayWith, adapter_for: AdapterFor, tmp_path: Path
) -> None:
    with pytest.raises(TimedOut, match="does not speak TLS on this port"):  # Redis waits for the end of a line
        await adapter_for(f"rediss://127.0.0.1:{redis_server.port}/0", timeout=0.5).probe()
    context, _ = certificate(tmp_path)
    gateway = await gateway_with(context)
    gateway.port = redis_server.port
    with pytest.raises(Unreachable, match="rediss://"):
        await adapter_for(gateway.url).probe()


async def test_a_probe_that_is_cancelled_leaves_a_connection_that_works(
    start_redis: Start, adapter_for: AdapterFor
) -> None:
    server = start_redis()
    adapter = adapter_for(server.url)
    await adapter.probe()
    server.pause()
    task = asyncio.create_task(adapter.probe())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.resume()
    first = (await adapter.probe()).payload
    assert isinstance(first, CacheStatus)
    assert first.role == "master"

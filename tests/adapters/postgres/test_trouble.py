"""Whatever the server or the network does, the poll ends within its deadline with a sentence that means something."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Misconfigured,
    NotFound,
    TimedOut,
    Unreachable,
)
from cockpit.model.database import SessionIdentity
from cockpit.sandbox.postgres import PostgresServer
from cockpit.sandbox.process import ServerProcess, free_port, unprivileged


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """Accepts connections and never says a word."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()
    server.close()


async def failure_of(adapter: Any) -> CockpitError:
    with pytest.raises(CockpitError) as caught:
        await adapter.probe()
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
    return caught.value


async def test_a_server_that_accepts_and_stays_silent_times_out_and_delays_nobody(
    make_adapter: Any, silent_port: int
) -> None:
    adapter = make_adapter(f"postgresql://app:hunter2@127.0.0.1:{silent_port}/shop", timeout=0.5)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    before = time.monotonic()
    error = await failure_of(adapter)
    assert isinstance(error, TimedOut)
    assert 0.4 < time.monotonic() - before < 1.0
    assert ticks > 20, "the loop went on"
    ticking.cancel()
    checks = await adapter.diagnose()
    assert [(line.check, line.ok) for line in checks] == [("connect", False)]


async def test_a_poll_that_is_cancelled_leaves_at_once(make_adapter: Any, silent_port: int) -> None:
    adapter = make_adapter(f"postgresql://app@127.0.0.1:{silent_port}/shop", timeout=60)
    task = asyncio.create_task(adapter.probe())
    await asyncio.sleep(0.05)
    task.cancel()
    before = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    await adapter.close()
    assert time.monotonic() - before < 0.5


async def test_a_stopped_server_times_out_and_is_found_again(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any
) -> None:
    server = start_postgres()
    adapter = make_adapter(server.dsn(), timeout=0.5)
    await adapter.probe()
    server.pause()
    assert isinstance(await failure_of(adapter), TimedOut)
    assert isinstance(await failure_of(adapter), TimedOut), "nor does a new connection get an answer"
    server.resume()
    assert (await adapter.probe()).summary.endswith("connections")


async def test_closing_while_the_server_hangs_takes_no_time(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any
) -> None:
    server = start_postgres()
    adapter = make_adapter(server.dsn())
    await adapter.probe()
    server.pause()
    before = time.monotonic()
    await adapter.close()
    await adapter.close()
    assert time.monotonic() - before < 1.0
    server.resume()
    assert isinstance(await failure_of(adapter), Unreachable)


async def test_closing_during_a_poll_ends_the_poll_with_a_sentence(
    make_adapter: Any, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make_adapter(postgres_server.dsn())
    await adapter.probe()
    fetch, started = adapter._link.fetch, asyncio.Event()

    async def slow(*args: Any) -> Any:
        rows = await fetch(*args)
        started.set()
        await asyncio.sleep(0)
        return rows

    monkeypatch.setattr(adapter._link, "fetch", slow)
    task = asyncio.create_task(adapter.probe())
    await started.wait()
    await adapter.close()
    with pytest.raises(Unreachable):
        await task


async def test_a_killed_server_is_unreachable_and_no_signal_is_reported_as_sent(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any
) -> None:
    server = start_postgres()
    adapter = make_adapter(server.dsn())
    await adapter.probe()
    server.kill()
    assert isinstance(await failure_of(adapter), Unreachable)
    error = await failure_of(adapter)
    assert isinstance(error, Unreachable) and "refused the connection" in error.message
    with pytest.raises(Unreachable) as caught:
        await adapter.terminate(SessionIdentity(1, datetime(2026, 1, 1, tzinfo=UTC)))
    assert not caught.value.effect_possible


async def test_a_signal_whose_answer_never_came_may_have_had_its_effect(
    start_postgres: Callable[..., PostgresServer], make_adapter: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_postgres()
    client = await connect(server.dsn())
    adapter = make_adapter(server.dsn(), timeout=1.0)
    session = await adapter.find_session(client.get_server_pid())
    prepare = asyncpg.Connection.prepare

    async def prepare_and_hang(self: Any, *args: Any, **options: Any) -> Any:
        statement = await prepare(self, *args, **options)
        server.pause()
        return statement

    monkeypatch.setattr(asyncpg.Connection, "prepare", prepare_and_hang)
    with pytest.raises(TimedOut) as caught:
        await adapter.terminate(session.identity)
    assert caught.value.effect_possible
    server.resume()


async def test_a_wrong_password_says_so_without_showing_it(
    make_adapter: Any, postgres_server: PostgresServer
) -> None:
    dsn = postgres_server.dsn(user="nobody_known", password="hunter2")
    error = await failure_of(make_adapter(dsn))
    assert isinstance(error, AuthenticationFailed)
    assert "password" in error.message


async def test_a_password_that_was_put_right_is_taken_at_the_next_poll(
    make_adapter: Any, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make_adapter(None, dsn="env:ROTATED_DSN")
    assert isinstance(await failure_of(adapter), Misconfigured)
    monkeypatch.setenv("ROTATED_DSN", postgres_server.dsn(password="hunter2"))
    error = await failure_of(adapter)
    assert isinstance(error, AuthenticationFailed) and str(postgres_server.port) in error.message
    monkeypatch.setenv("ROTATED_DSN", postgres_server.dsn())
    assert (await adapter.probe()).summary.endswith("connections")


async def test_a_connection_that_could_not_be_set_up_is_not_used(
    make_adapter: Any, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make_adapter(postgres_server.dsn())
    fetch, failures = (
        adapter._link.fetch,
        [asyncpg.QueryCanceledError("canceling statement due to statement timeout")],
    )

    async def slow_at_first(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return await fetch(*args)

    monkeypatch.setattr(adapter._link, "fetch", slow_at_first)
    error = await failure_of(adapter)
    assert isinstance(error, TimedOut)
    assert (await adapter.probe()).summary.endswith("connections")


async def test_an_unknown_database_is_named(make_adapter: Any, postgres_server: PostgresServer) -> None:
    error = await failure_of(make_adapter(postgres_server.dsn("nowhere")))
    assert isinstance(error, NotFound) and "nowhere" in error.message


@pytest.mark.parametrize(
    ("dsn", "kind", "says"),
    [
        ("postgresql://a:hunter2@db.invalid/x", Unreachable, "cannot be resolved"),
        ("host=/nonexistent password=hunter2", Unreachable, "no server listens"),
        (
            "host=127.0.0.1 sslmode=verify-full sslrootcert=/nonexistent/root.crt",
            Misconfigured,
            "cannot read sslrootcert",
        ),
        ("nonsense hunter2", Misconfigured, "neither"),
    ],
)
async def test_what_cannot_be_reached_is_explained(make_adapter: Any, dsn: str, kind: type, says: str) -> None:
    error = await failure_of(make_adapter(dsn))
    assert isinstance(error, kind)
    assert says in error.message


async def test_of_several_hosts_the_first_that_answers_is_taken(
    make_adapter: Any, postgres_server: PostgresServer, silent_port: int
) -> None:
    credentials, _, place = postgres_server.dsn().removeprefix("postgresql://").rpartition("@")
    dsn = f"postgresql://{credentials}@127.0.0.1:1,127.0.0.1:{silent_port},{place}"
    adapter = make_adapter(dsn, timeout=2.0)
    status = (await adapter.probe()).payload
    assert status.server == place
    error = await failure_of(make_adapter(f"{dsn}?target_session_attrs=standby", timeout=2.0))
    assert isinstance(error, Unreachable)


@pytest.fixture
def new_certificate() -> Iterator[Callable[[], tuple[Path, Path]]]:
    """Make a self-signed certificate for db.example, and its key, where the server's account can read them."""
    folders: list[Path] = []

    def make() -> tuple[Path, Path]:
        folders.append(Path(tempfile.mkdtemp(prefix="tls-")))
        files = folders[-1] / "server.crt", folders[-1] / "server.key"
        for path, content in zip(files, _self_signed(), strict=True):
            path.write_bytes(content)
        files[1].chmod(0o600)
        account = unprivileged()
        if not account.is_ours:
            for path in (folders[-1], *files):
                os.chown(path, account.uid, account.gid)
        return files

    yield make
    for folder in folders:
        shutil.rmtree(folder)


def _self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "db.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("db.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


async def test_tls_is_asked_for_and_checked_as_the_mode_says(
    start_postgres: Callable[..., PostgresServer],
    make_adapter: Any,
    new_certificate: Callable[[], tuple[Path, Path]],
    postgres_server: PostgresServer,
) -> None:
    error = await failure_of(make_adapter(postgres_server.dsn() + "?sslmode=require"))
    assert isinstance(error, Misconfigured) and "offers no TLS" in error.message
    root, key = new_certificate()
    server = start_postgres(major="15", settings={"ssl": "on", "ssl_cert_file": str(root), "ssl_key_file": str(key)})
    adapter = make_adapter(f"{server.dsn()}?sslmode=verify-ca&sslrootcert={root}")
    await adapter.probe()
    assert adapter._link._connection._protocol.is_ssl
    error = await failure_of(make_adapter(f"{server.dsn()}?sslmode=verify-full&sslrootcert={root}"))
    assert isinstance(error, Unreachable) and "certificate" in error.message
    other, _ = new_certificate()
    error = await failure_of(make_adapter(f"{server.dsn()}?sslmode=verify-ca&sslrootcert={other}"))
    assert isinstance(error, Unreachable) and "certificate" in error.message


class Pooler:
    """A pgbouncer in transaction mode before a server."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        program = shutil.which("pgbouncer") or ("/usr/sbin/pgbouncer" if Path("/usr/sbin/pgbouncer").exists() else "")
        if not program:
            pytest.skip("no pgbouncer on this machine")
        self.port, self._server = free_port(), server
        password = server.dsn().partition("postgres:")[2].partition("@")[0]
        (folder / "users.txt").write_text(f'"postgres" "{password}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nauth_type = plain\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
            "default_pool_size = 3\nunix_socket_dir =\n"
        )
        account = unprivileged()
        if not account.is_ours:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.uid, account.gid)
        self._process = ServerProcess.start(
            [program, folder / "pgbouncer.ini"], account=account, directory=folder, log=folder / "pgbouncer.log"
        )

    def dsn(self) -> str:
        return self._server.dsn().replace(f":{self._server.port}/", f":{self.port}/")

    def stop(self) -> None:
        self._process.stop((signal.SIGINT, 2.0))


@pytest.fixture
def pooler(postgres_server: PostgresServer) -> Iterator[Pooler]:
    folder = Path(tempfile.mkdtemp(prefix="pooler-"))
    try:
        pooler = Pooler(folder, postgres_server)
        yield pooler
        pooler.stop()
    finally:
        shutil.rmtree(folder)


async def test_a_pooler_in_transaction_mode_is_survived_and_left_unspoilt(
    pooler: Pooler, make_adapter: Any, connect: Any, eventually: Any, database_dsn: str
) -> None:
    adapter = make_adapter(pooler.dsn())

    async def probe() -> Any:
        try:
            return await adapter.probe()
        except Unreachable:  # not listening yet
            return None

    first = await eventually(probe, lambda seen: seen is not None)
    assert any("pooler" in note for note in first.payload.notes)
    others = [await connect(pooler.dsn(), statement_cache_size=0) for _ in range(3)]
    for client in others:
        async with client.transaction():
            assert await client.fetchval("SELECT current_setting('statement_timeout')") == "0"
            await adapter.probe()
    victim = await connect(database_dsn, "victim")
    session = await adapter.find_session(victim.get_server_pid())
    assert await adapter.terminate(session.identity) is True
    assert await adapter.terminate(session.identity) is None

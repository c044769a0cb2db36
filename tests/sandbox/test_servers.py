"""The throw-away PostgreSQL and Redis are real, private, can hang, and never outlive who started them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
import redis

from cockpit.sandbox.postgres import Installation, PostgresServer, find_installation
from cockpit.sandbox.process import Account, NoBinary, free_port, replicate, sweep
from cockpit.sandbox.redis_server import RedisServer, find_program


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def _owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid if sys.platform == "linux" else os.geteuid()


def _wait_for(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)


@pytest.mark.parametrize("major", ["16", "18"])
async def test_postgres_of_each_bundled_major_answers_queries(
    major: str, start_postgres: Callable[..., PostgresServer]
) -> None:
    server = start_postgres(major=major, settings={"max_connections": "23", "application_name": "it's"})
    connection = await asyncpg.connect(server.dsn())
    try:
        assert (await connection.fetchval("SHOW server_version")).startswith(f"{major}.")
        assert await connection.fetchval("SHOW max_connections") == "23"
        assert await connection.fetchval("SHOW fsync") == "off"
        assert await connection.fetchval("SHOW unix_socket_directories") == ""
        account = _owner(server.pid)
        assert account != 0
    finally:
        await connection.close()


async def test_postgres_lets_nobody_in_without_the_password(postgres_server: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_server.dsn(password="guess"))


async def test_paused_postgres_keeps_connections_and_answers_after_resume(
    start_postgres: Callable[..., PostgresServer],
) -> None:
    server = start_postgres()
    connection = await asyncpg.connect(server.dsn())
    try:
        server.pause()
        question = asyncio.ensure_future(connection.fetchval("SELECT 41 + 1"))
        done, _ = await asyncio.wait({question}, timeout=0.3)
        assert not done
        server.resume()
        assert await asyncio.wait_for(question, 5) == 42
    finally:
        await connection.close()


async def test_killed_postgres_is_gone_with_its_backends(start_postgres: Callable[..., PostgresServer]) -> None:
    server = start_postgres()
    connection = await asyncpg.connect(server.dsn())
    backend = connection.get_server_pid()
    server.kill()
    assert not server.alive
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    if sys.platform == "linux":
        _wait_for(lambda: _gone(backend))
    connection.terminate()


def test_stopped_postgres_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    try:
        server = PostgresServer.start(tmp_path)
    except NoBinary as reason:
        pytest.skip(str(reason))
    family = server._process.family()
    home = server.log.parent
    server.pause()
    server.stop()
    server.stop()
    assert len(family) > 3
    assert not home.exists()
    _wait_for(lambda: all(_gone(pid) for pid in family))


def test_missing_majors_are_named() -> None:
    with pytest.raises(NoBinary, match="no PostgreSQL 9 to run"):
        find_installation("9")


def test_redis_takes_settings_and_password(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis(settings={"maxmemory": "7mb", "maxmemory-policy": "allkeys-lru"}, password="s e/c@ret"[2:])
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory")["maxmemory"] == str(7 * 1024 * 1024)
        assert client.info("server")["tcp_port"] == server.port
    with (
        redis.Redis(host=server.host, port=server.port, retry=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_paused_redis_answers_only_after_resume(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis()
    server.pause()
    with socket.create_connection((server.host, server.port), timeout=0.3) as line:
        line.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            line.recv(16)
        server.resume()
        line.settimeout(5)
        assert line.recv(16) == b"+PONG\r\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is prctl(2), Linux only")
def test_servers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    try:
        find_installation()
        find_program()
    except NoBinary as reason:
        pytest.skip(str(reason))
    program = (
        "import sys, time; from pathlib import Path\n"
        "from cockpit.sandbox.postgres import PostgresServer\n"
        "from cockpit.sandbox.redis_server import RedisServer\n"
        "p = PostgresServer.start(Path(sys.argv[1])); r = RedisServer.start(Path(sys.argv[1]))\n"
        "print(p.log.parent, r.log.parent, *p._process.family(), *r._process.family(), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        postgres_home, redis_home, *words = parent.stdout.readline().decode().split()
        pids = [int(word) for word in words]
        parent.send_signal(signal.SIGKILL)
    assert len(pids) > 4
    _wait_for(lambda: all(_gone(pid) for pid in pids))
    for home in (postgres_home, redis_home):  # as root they lie outside of tmp_path
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its servers to another user")
async def test_root_runs_postgres_from_a_folder_that_others_cannot_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        installation = find_installation("16")
    except NoBinary as reason:
        pytest.skip(str(reason))
    if installation.libraries is None:
        pytest.skip("this PostgreSQL 16 is not the wheel's")
    package = tmp_path / "private" / "package"
    replicate(installation.root, package / installation.root.name)
    replicate(installation.libraries, tmp_path / "private" / installation.libraries.name)
    hidden = Installation("16", package / installation.root.name, tmp_path / "private" / installation.libraries.name)
    (tmp_path / "private").chmod(0o700)
    monkeypatch.setattr("cockpit.sandbox.postgres.installations", lambda: [hidden])
    server = PostgresServer.start(tmp_path / "data")
    try:
        connection = await asyncpg.connect(server.dsn())
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    finally:
        server.stop()


def test_folders_of_processes_that_died_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = Account(os.geteuid(), os.getegid())
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f"cockpit-redis-{dead.pid}-abc"
    others = [tmp_path / f"cockpit-redis-{os.getpid()}-abc", tmp_path / "cockpit-redis-x-abc", tmp_path / "redis"]
    for folder in (left, *others):
        folder.mkdir()
        (folder / "file").touch()
    sweep("redis", ours)
    assert not left.exists()
    assert all((folder / "file").exists() for folder in others)


def test_free_port_is_free() -> None:
    port = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))

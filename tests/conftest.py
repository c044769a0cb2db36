"""Real servers for every test that wants them: one PostgreSQL and one Redis a session, own ones on request."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis
from hypothesis import HealthCheck, settings

from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response
from cockpit.sandbox.postgres import PostgresServer
from cockpit.sandbox.process import NoBinary
from cockpit.sandbox.redis_server import RedisServer

from .gcloud.discovery import Discovery, Exchange, documents, exchange, faults_of
from .servers.kube.fixtures import cluster, kubectl, namespace, start_cluster
from .servers.podman.fixtures import compose, podman, podman_server, start_podman
from .spread import pytest_collection_modifyitems, pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler

__all__ = [  # fixtures and hooks that are written elsewhere
    "cluster",
    "compose",
    "kubectl",
    "namespace",
    "podman",
    "podman_server",
    "pytest_collection_modifyitems",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
    "start_cluster",
    "start_podman",
]

_numbers = itertools.count(1)
# How long an example takes says how busy the machine is, and nothing about what is tried.
settings.register_profile("cockpit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cockpit")


@pytest.fixture(scope="session")
def discovery() -> Discovery:
    """Says what Google's discovery documents do not know of a request or an answer."""
    folder = documents()
    if folder is None:
        pytest.skip("google-api-python-client is not installed")
    return Discovery(folder)


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """What the control planes of this test are asked and answer, tokens aside."""
    seen: list[Exchange] = []
    handle = ControlPlane.handle

    async def watched(plane: ControlPlane, request: Request) -> Response:
        response = await handle(plane, request)
        if request.path != "/token":
            seen.append(exchange(request, response))
        return response

    monkeypatch.setattr(ControlPlane, "handle", watched)
    return seen


@pytest.fixture
def documented(exchanges: list[Exchange]) -> Iterator[None]:
    """All of that is as Google's discovery documents say."""
    yield
    assert faults_of(exchanges) == set()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's PostgreSQL. Do not pause or stop this one; use `start_postgres` for that."""
    try:
        server = PostgresServer.start(tmp_path_factory.mktemp("postgres"))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis. Do not pause or stop this one; use `start_redis` for that."""
    try:
        server = RedisServer.start(tmp_path_factory.mktemp("redis"))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
async def database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The superuser's DSN of a new, empty database of the session's server; dropped with its sessions afterwards."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.dsn())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield postgres_server.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL of database 0 of the session's Redis, emptied, with fresh statistics, slow log and default limits."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("slowlog-log-slower-than", 10_000)
        client.config_resetstat()
        client.slowlog_reset()
    return redis_server.url


@pytest.fixture
def start_postgres(tmp_path: Path) -> Iterator[Callable[..., PostgresServer]]:
    """Start own PostgreSQL servers: `start_postgres(major="18", settings={...})`; skips where there is none."""
    servers: list[PostgresServer] = []

    def start(**options: object) -> PostgresServer:
        try:
            servers.append(PostgresServer.start(tmp_path, **options))  # type: ignore[arg-type]  # passed through
        except NoBinary as reason:
            pytest.skip(str(reason))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Start own Redis servers: `start_redis(settings={...}, password=...)`; skips where there is none."""
    servers: list[RedisServer] = []

    def start(**options: object) -> RedisServer:
        try:
            servers.append(RedisServer.start(tmp_path, **options))  # type: ignore[arg-type]  # passed through
        except NoBinary as reason:
            pytest.skip(str(reason))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()

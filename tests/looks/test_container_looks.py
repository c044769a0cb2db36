"""Looks at a Compose project: from its reading, and on a real engine; which commands they stand in for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.adapters.docker.asking import DockerAsker
from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.docker.terms import Asked, Disk, Told
from cockpit.clock import ManualClock, SystemClock
from cockpit.engine.compose import replacements
from cockpit.errors import CockpitError, NotFound, Refused, Unreachable
from cockpit.looks.containers import lookers
from cockpit.looks.dockerreads import understood
from cockpit.looks.pipes import refined
from cockpit.model.command import Command, Kind
from cockpit.model.containers import ComposeService, Container, ContainerEvent, ContainersStatus, Engine
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.profile.docker import DockerSource
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of
from tests.servers.podman.server import IMAGE, PodmanServer

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
API = Container(
    "ab" * 32, "shop-api-1", "api", 1, Severity.CRIT, "running", "unhealthy: its check fails", "timeout",
    health="unhealthy", image="shop/api:2", started=NOW - timedelta(hours=1), cpu=1004, memory=489_000_000,
    memory_limit=512_000_000, pids=12, uptime_s=3600.0,
)  # fmt: skip
DB = Container("cd" * 32, "shop-db-1", "db", 1, Severity.OK, "running", "running", memory=20_000_000, cpu=3)
STATUS = ContainersStatus(
    Engine("Docker", "27.3.1", "1.47", "unix:///run/docker.sock", "profile"),
    "shop",
    (
        ComposeService("api", Severity.CRIT, "unhealthy: its check fails", (API.id,), 1),
        ComposeService("db", Severity.OK, "1 running", (DB.id,), 1),
    ),
    (API, DB),
    directory="/srv/shop",
    events=(ContainerEvent(NOW.timestamp() - 60, "oom", API.id, API.name, "api"),),
)


class Answers:
    """What an engine would say."""

    origin = "project shop at unix:///run/docker.sock"

    def __init__(self) -> None:
        self.asked: list[tuple[Asked, int, int]] = []

    async def logs(self, asked: Asked, *, since_s: int = 0, tail: int = 0) -> Told:
        self.asked.append((asked, since_s, tail))
        return Told(("14:00:00 INFO up", "14:00:01 ERROR down"), 1)

    async def processes(self, asked: Asked) -> Told:
        return Told(("shop-api-1: PID CMD", "  1  api"), 1, ("shop-db-1: it hangs",))

    async def images(self) -> Told:
        return Told(("shop/api:2  abc",), 1)

    async def disk(self) -> tuple[Disk, ...]:
        return (Disk("images", 3, 3_000_000, 1_000_000),)


def asking(status: ContainersStatus | None = STATUS, freshness: Freshness = Freshness.FRESH):
    reading = Reading("containers/main", SourceKind.CONTAINERS, NOW, 0.1, Severity.CRIT, "api: unhealthy", status)
    state = SourceState("containers/main", SourceKind.CONTAINERS, "main", 2.0, reading, freshness=freshness, age_s=9)
    answers = Answers()
    found = lookers("containers/main", lambda source: state if status else None, ManualClock(NOW), answers)
    looks = {each.spec.id: each for each in found}

    async def ask(name: str, **params: str) -> Sight:
        return await looks[f"containers.{name}"].look(LookRequest(f"containers.{name}", "containers/main", params))

    return ask, answers, looks


async def test_what_the_reading_holds_is_told():
    ask, _, looks = asking()
    listed = await ask("list")
    assert listed.severity is Severity.CRIT
    assert listed.lines[0] == "x api: unhealthy: its check fails"
    assert listed.lines[2].startswith("x shop-api-1  unhealthy: its check fails: timeout  up 60 m  CPU 100 %, 489 MB")
    assert (await ask("list", service="db")).severity is Severity.OK
    assert (await ask("list", contains="db")).lines[0] == "  db: 1 running"
    one = await ask("container", container="api")
    assert (one.summary, one.severity) == ("shop-api-1: unhealthy: its check fails", Severity.CRIT)
    assert "memory: 489 MB of 512 MB" in one.lines
    assert one.lines[-1] == "13:59:00 oom shop-api-1"
    assert [line.split()[0] for line in (await ask("use")).lines] == ["shop-api-1", "shop-db-1"]
    assert (await ask("events")).lines == ("13:59:00 oom shop-api-1",)
    assert (await ask("engine")).lines[0].startswith("Docker 27.3.1 at unix:///run/docker.sock, API 1.47")
    choices = await looks["containers.container"].choices("container")
    assert [(each.value, each.recommended) for each in choices] == [("shop-api-1", True), ("shop-db-1", False)]


async def test_what_is_not_there_is_said():
    ask, _, _ = asking()
    with pytest.raises(NotFound, match="there are shop-api-1"):
        await ask("container", container="gone")
    with pytest.raises(NotFound, match="no such service"):
        await ask("list", service="gone")
    with pytest.raises(Unreachable):
        await asking(None)[0]("list")
    stale = await asking(freshness=Freshness.STALE)[0]("use")
    assert "9 s old" in stale.lines[0]


async def test_what_is_asked_for_is_told():
    ask, answers, _ = asking()
    assert (
        await ask("logs", service="api db", since="15m", tail="7", contains="error|fatal")
    ).severity is Severity.WARN
    assert answers.asked == [(Asked("", ("api", "db")), 900, 7)]
    for wrong in ({"since": "soon"}, {"tail": "many"}):
        with pytest.raises(Refused):
            await ask("logs", **wrong)
    processes = await ask("processes")
    assert (processes.severity, processes.lines[0]) == (Severity.UNKNOWN, "shop-db-1: it hangs")
    assert (await ask("images")).summary == "1 images, project shop at unix:///run/docker.sock"
    assert (await ask("disk")).lines == ("images: 3, 3 MB, 1 MB loose",)


@asynccontextmanager
async def asker(server: PodmanServer) -> AsyncIterator[DockerAsker]:
    table = DockerSource.model_validate({"name": "m", "project": "shop", "host": server.url, "timeout": 60.0})
    gateway = Gateway(table, SystemClock(), {})
    try:
        yield DockerAsker(gateway, "shop", SystemClock())
    finally:
        await gateway.close()


async def _said(asked: DockerAsker, what: Asked, count: int) -> Told:
    async with asyncio.timeout(60):
        while len((told := await asked.logs(what)).lines) < count:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.05)
    return told


async def test_a_real_engine_answers(podman: PodmanServer):
    podman.container("shop", "api", "--name", "shop-api-1", IMAGE, "sh", "-c", "echo one; echo two >&2; sleep 1000")
    podman.container(
        "shop", "api", "-t", "--name", "shop-api-2", IMAGE, "sh", "-c", "echo three; sleep 1000", number=2
    )
    podman.container("other", "api", "--name", "other-api-1", IMAGE, "sh", "-c", "echo not ours; sleep 1000")
    async with asker(podman) as asked:
        told = await _said(asked, Asked(services=("api",)), 3)
        assert sorted(line.partition(" ")[2] for line in told.lines) == [
            "shop-api-1 one", "shop-api-1 two", "shop-api-2 three",
        ]  # fmt: skip
        assert [line.split()[1:] for line in (await _said(asked, Asked("shop-api-2"), 1)).lines] == [["three"]]
        processes = await asked.processes(Asked("shop-api-1"))
        assert "sleep 1000" in " ".join(processes.lines)
        images = await asked.images()
        assert any("local/busybox" in line and "run by api" in line for line in images.lines)
        assert {each.what for each in await asked.disk()} == {"images", "containers", "volumes", "build cache"}
        with pytest.raises(NotFound):
            await asked.logs(Asked("other-api-1"))
    with pytest.raises(CockpitError):
        async with asker(podman) as asked:
            await asked.logs(Asked("nobody"))


def _command(line: str) -> Command:
    (command,) = commands_of(line, language="bash", line=1)
    return command


@pytest.mark.parametrize(
    ("line", "look", "params"),
    [
        ("docker ps -a", "list", {}),
        ("docker ps --filter name=api", "list", {"contains": "api"}),
        ("docker container ls", "list", {}),
        ("docker compose -p shop ps api", "list", {"service": "api"}),
        ("docker inspect --format '{{.State.Health.Status}}' shop-api-1", "container", {"container": "shop-api-1"}),
        ("docker stats --no-stream", "use", {}),
        ("docker logs --tail 50 --since 10m api 2>&1", "logs", {"container": "api", "tail": "50", "since": "10m"}),
        ("docker-compose logs -f --tail=100 api worker", "logs", {"service": "api worker", "tail": "100"}),
        ("docker compose top", "processes", {}),
        ("docker events --since 1h", "events", {}),
        ("docker images", "images", {}),
        ("docker system df -v", "disk", {}),
        ("docker version", "engine", {}),
        ("podman ps", "list", {}),
        ("docker ps --filter status=exited", "", {}),
        ("docker ps --filter name=a --filter name=b", "", {}),
        ("docker -H tcp://elsewhere:2375 ps", "", {}),
        ("DOCKER_HOST=ssh://elsewhere docker ps", "", {}),
        ("docker --context far logs api", "", {}),
        ("docker logs --since 2026-01-01 api", "", {}),
        ("docker logs --tail many api", "", {}),
        ("docker restart api", "", {}),
        ("docker system prune", "", {}),
        ("docker inspect a b", "", {}),
        ("docker images > all.txt", "", {}),
        ("docker compose config", "", {}),
    ],
)
def test_reading_commands_are_looks(line: str, look: str, params: dict[str, str]):
    (call,) = _command(line).calls
    found = understood(call)
    assert (found.name, dict(found.params)) == (f"containers.{look}", params) if found else not look
    if found is not None:
        assert found.target == ({"compose_project": "shop"} if "-p shop" in line else {})
        assert understand(_command(line), replacements()).kind is Kind.LIVE


def test_what_has_to_be_filled_in_is_asked_for():
    found = understood(_command("docker logs <container>").calls[0])
    assert found is not None
    assert [each.spelled for each in found.asks.values()] == ["<container>"]


def test_grep_behind_it_is_the_look_with_words():
    logs, grep = _command("docker logs api --tail 100 | grep ERROR").calls
    found = understood(logs)
    assert found is not None
    narrowed = refined(found, grep)
    assert narrowed is not None
    assert narrowed.params["contains"] == "ERROR"

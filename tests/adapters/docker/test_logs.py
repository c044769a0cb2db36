"""Logs of a project on a real engine: merged, followed through restarts and recreation, none lost, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.docker.logs import BATCH_LINES, HELD_LINES, ContainerLogs
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, NotFound
from cockpit.model.logs import Level, LogEntry
from cockpit.profile.schema import LogSource
from tests.servers.podman.server import IMAGE, ComposeProject, PodmanServer

from .conftest import answer, table


class Followed:
    """A log, and what came of it so far."""

    def __init__(self, host: str, project: str, service: str = "") -> None:
        self._table = table(host, project=project, timeout=60.0)
        self.gateway = Gateway(self._table, SystemClock(), {})
        source = {"name": "app", "type": "docker", "engine": "shop", "service": service or None}
        self.log = ContainerLogs(self.gateway, self._table, LogSource.model_validate(source), SystemClock())
        self.entries: list[LogEntry] = []
        self.notes: list[str] = []

    @property
    def messages(self) -> list[str]:
        return [each.message for each in self.entries]

    async def read(self) -> None:
        batch = await self.log.read()
        self.entries += batch.entries
        self.notes += batch.notes

    async def until(self, wanted: Callable[[], object], deadline_s: float = 60.0) -> None:
        async with asyncio.timeout(deadline_s):
            while not wanted():
                await self.read()
                await asyncio.sleep(0.02)

    async def full(self) -> None:
        """Nobody reads, until there is no room."""
        while len(self.log._lines) < HELD_LINES:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.log.close()
        await self.gateway.close()


@pytest.fixture
async def follow() -> AsyncIterator[Callable[..., Followed]]:
    """Follow: `follow(host, project, "api")`."""
    made: list[Followed] = []

    def start(host: str, project: str, service: str = "") -> Followed:
        made.append(Followed(host, project, service))
        return made[-1]

    yield start
    for each in made:
        await each.close()


def says(*lines: str, then: str = "sleep 1000") -> list[str]:
    return ["sh", "-c", "; ".join([*(f"echo '{line}'" for line in lines), then])]


async def test_both_streams_and_all_containers_are_merged(podman: PodmanServer, follow):
    podman.container("shop", "api", IMAGE, "sh", "-c", "echo INFO up; echo ERROR down >&2; sleep 1000")
    podman.container("shop", "api", IMAGE, *says('{"level":"warning","msg":"slow"}'), number=2)
    podman.container("shop", "db", IMAGE, *says("ready"))
    podman.container("other", "api", IMAGE, *says("not ours"))
    whole, one = follow(podman.url, "shop"), follow(podman.url, "shop", "api")
    await whole.until(lambda: len(whole.entries) >= 4)
    await one.until(lambda: len(one.entries) >= 3)
    assert {(each.origin, each.level, each.message) for each in whole.entries} == {
        ("api-1", Level.INFO, "INFO up"),
        ("api-1", Level.ERROR, "ERROR down"),
        ("api-2", Level.WARNING, "slow"),
        ("db", Level.DEFAULT, "ready"),
    }
    assert {each.origin for each in one.entries} == {"api-1", "api-2"}
    assert whole.log.origin == f"all services of project shop ({podman.url})"


async def test_a_terminal_has_no_frames(podman: PodmanServer, follow):
    podman.container("shop", "api", "-t", IMAGE, *says("one", "two"))
    followed = follow(podman.url, "shop")
    await followed.until(lambda: len(followed.entries) >= 2)
    assert followed.messages == ["one", "two"]


async def test_a_restart_loses_nothing_and_doubles_nothing(compose: Callable[..., ComposeProject], follow):
    project = compose({"api": {"command": says("begun", "same", "same")}})
    followed = follow(project.server.url, project.name)
    await followed.until(lambda: len(followed.entries) >= 3)
    for runs in (2, 3):
        project.compose("restart", "-t", "0", "api")
        await followed.until(lambda runs=runs: len(followed.entries) >= 3 * runs)
    for _ in range(5):
        await followed.read()
    assert followed.messages == ["begun", "same", "same"] * 3


async def test_a_container_that_is_made_again_is_followed_from_its_first_line(compose, follow):
    project = compose({"api": {"command": says("first")}})
    followed = follow(project.server.url, project.name, "api")
    await followed.until(lambda: followed.messages == ["first"])
    project.write({"api": {"command": says("second", "third")}})
    project.up("-t", "0")
    await followed.until(lambda: len(followed.entries) >= 3)
    assert followed.messages == ["first", "second", "third"]


async def test_an_engine_that_was_away_is_taken_up_again(start_podman, follow):
    server = start_podman()
    loop = "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done"
    server.container("shop", "api", IMAGE, "sh", "-c", loop)
    followed = follow(server.url, "shop")
    await followed.until(lambda: len(followed.entries) >= 5)
    server.end_service()
    with pytest.raises(CockpitError):
        await followed.read()
    server.serve()
    before = len(followed.entries)
    await followed.until(lambda: len(followed.entries) >= before + 30)
    numbers = [int(each.split()[1]) for each in followed.messages]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_five_thousand_lines_a_second_are_kept_up_with(podman: PodmanServer, follow):
    """In two seconds' worth; how fast it really is stands in the benchmarks."""
    burst = "for each in 1 2; do seq 5000; sleep 1; done; echo done; sleep 1000"
    podman.container("shop", "api", IMAGE, "sh", "-c", f"sleep 3; {burst}")
    followed = follow(podman.url, "shop")
    await followed.until(lambda: "done" in followed.messages)
    assert followed.messages == [*(str(number) for _ in range(2) for number in range(1, 5001)), "done"]


async def test_who_does_not_read_is_not_buried(podman: PodmanServer, follow):
    podman.container("shop", "api", IMAGE, "sh", "-c", "sleep 3; seq 60000; sleep 1000")
    followed = follow(podman.url, "shop")
    await followed.read()
    await asyncio.wait_for(followed.full(), 60)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(followed.log._lines) == HELD_LINES
    await followed.until(lambda: len(followed.entries) >= 60_000)
    assert [int(each) for each in followed.messages] == list(range(1, 60_001))


async def test_hostile_lines_are_clean(podman: PodmanServer, follow):
    podman.container("shop", "api", IMAGE, "printf", r"\033]52;c;aGk=\007hello \033[31mred\n[red]x[/]\n\377\n")
    followed = follow(podman.url, "shop")
    await followed.until(lambda: len(followed.entries) >= 3)
    assert followed.messages == ["hello red", "[red]x[/]", "\ufffd"]


async def test_no_container_is_no_all_clear(podman: PodmanServer, follow):
    with pytest.raises(NotFound, match="there is no container"):
        await follow(podman.url, "shop", "api").read()
    assert [each.ok for each in await follow(podman.url, "shop").log.diagnose()] == [False]


def _frame(text: str) -> bytes:
    payload = text.encode()
    return b"\1\0\0\0" + len(payload).to_bytes(4, "big") + payload


async def test_a_stream_that_breaks_is_taken_up_at_its_newest_line(pretend, follow):
    """Docker tells nanoseconds and gives what is of that moment once more."""
    at = "2026-11-21T14:00:0{}.000000007Z"
    asked: list[str] = []
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}

    def reply(request: str) -> bytes:
        if "version" in request:
            return answer()
        if "/containers/json" in request:
            return answer([{"Id": "a" * 64, "State": "running", "Labels": labels}])
        if "/logs" not in request:
            return answer({"Config": {"Tty": False}})
        asked.append(request)
        first = _frame(f"{at.format(1)} a\n") + _frame(f"{at.format(2)} b\n") + _frame(f"{at.format(2)} b\n")
        if len(asked) == 1:
            body, length = first, len(first) + 10  # it breaks off
        else:
            body = (
                first[len(_frame(f"{at.format(1)} a\n")) :]
                + _frame(f"{at.format(2)} b\n")
                + _frame(f"{at.format(3)} c\n")
            )
            length = len(body)
        return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode() + body

    server = await pretend(reply)
    followed = follow(server.url, "shop")
    await followed.until(lambda: len(followed.entries) >= 5)
    assert followed.messages[:5] == ["a", "b", "b", "b", "c"]
    assert "since=1795269602.000000006" in asked[1] or "since=1795269601.999000007" in asked[1]


def test_a_batch_is_smaller_than_what_is_held():
    assert BATCH_LINES < HELD_LINES

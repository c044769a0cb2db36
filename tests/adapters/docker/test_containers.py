"""A Compose project on a real engine: what runs, what ended, what is missing, and never another project's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cockpit.adapters.docker.containers import ContainersProbe
from cockpit.adapters.docker.gateway import Gateway
from cockpit.clock import SystemClock
from cockpit.errors import TimedOut, Unreachable
from cockpit.model.containers import ContainersStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from tests.servers.podman.server import IMAGE, ComposeProject, PodmanServer

from .conftest import answer, table

SLEEP = {"command": ["sleep", "1000"]}


class Watched:
    """A probe of one project."""

    def __init__(self, host: str, project: str, **more: object) -> None:
        self._table = table(host, project=project, **{"timeout": 60.0, **more})
        self._gateway = Gateway(self._table, SystemClock(), {})
        self.probe = ContainersProbe(self._gateway, self._table, SystemClock())

    async def look(self) -> tuple[Observation, ContainersStatus]:
        seen = await self.probe.probe()
        assert isinstance(seen.payload, ContainersStatus)
        return seen, seen.payload

    async def until(self, wanted: Callable[[ContainersStatus], object]) -> ContainersStatus:
        async with asyncio.timeout(60):
            while True:
                _, status = await self.look()
                if wanted(status):
                    return status
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.probe.close()
        await self._gateway.close()


@pytest.fixture
async def watch() -> AsyncIterator[Callable[..., Watched]]:
    """Watch a project: `watch(host, "shop", services=(...))`."""
    made: list[Watched] = []

    def start(host: str, project: str, **more: object) -> Watched:
        made.append(Watched(host, project, **more))
        return made[-1]

    yield start
    for each in made:
        await each.close()


async def test_services_and_containers_are_told(compose: Callable[..., ComposeProject], watch):
    project = compose(
        {
            "web": {**SLEEP, "mem_limit": "64m", "restart": "unless-stopped"},
            "bad": {"command": ["sh", "-c", "exit 3"]},
            "done": {"command": ["true"]},
        }
    )
    watched = watch(project.server.url, project.name, services=("web", "bad", "done", "gone"))
    status = await watched.until(lambda status: all(each.state != "created" for each in status.containers))
    assert [(each.name, each.severity.word, each.reason) for each in status.services] == [
        ("web", "ok", "1 running"),
        ("bad", "crit", "exited with code 3"),
        ("done", "warn", "ended with code 0"),
        ("gone", "crit", "no container"),
    ]
    (web,) = status.of_service("web")
    raw = project.server.inspect(web.id)
    assert (web.name, web.image, web.image_id) == (f"{project.name}_web_1", raw["Config"]["Image"], raw["Image"])
    assert (web.policy, web.memory_limit, web.number) == ("unless-stopped", 64 << 20, 1)
    assert web.digest.startswith("localhost/local/busybox@sha256:")
    assert web.memory
    assert web.uptime_s is not None
    assert status.engine.said == f"Podman {status.engine.version} at {project.server.url}"
    assert status.directory == str(project.folder)
    (bad,) = status.of_service("bad")
    assert (bad.exit_code, bad.uptime_s, bad.cpu) == (3, None, None)
    status = await watched.until(lambda status: status.of_service("web")[0].cpu is not None)


async def test_two_projects_with_the_same_service_are_never_mixed_up(compose, watch):
    one, other = compose({"api": SLEEP}), compose({"api": {"command": ["false"]}})
    _, first = await watch(one.server.url, one.name).look()
    _, second = await watch(one.server.url, other.name).look()
    assert [each.id for each in first.containers] == one.ids("api")
    assert [each.id for each in second.containers] == other.ids("api")
    assert not {each.id for each in first.containers} & {each.id for each in second.containers}
    assert first.hidden == second.hidden == 0


async def test_a_service_that_was_there_before_is_missed(compose, watch):
    project = compose({"api": SLEEP, "worker": SLEEP})
    watched = watch(project.server.url, project.name)
    await watched.look()
    project.compose("rm", "-s", "-f", "worker")
    seen, status = await watched.look()
    assert [(each.name, each.missing) for each in status.services] == [("api", False), ("worker", True)]
    assert (seen.severity, seen.summary) == (Severity.CRIT, "worker: no container")


async def test_a_container_that_was_made_again_has_another_identity(compose, watch):
    project = compose({"api": SLEEP})
    watched = watch(project.server.url, project.name)
    _, before = await watched.look()
    project.compose("up", "-d", "--force-recreate", "-t", "0")
    status = await watched.until(lambda status: status.containers and status.containers[0].state == "running")
    assert status.containers[0].id != before.containers[0].id
    assert status.containers[0].name == before.containers[0].name


async def test_what_happens_is_told_by_events(compose, watch):
    project = compose({"api": SLEEP})
    watched = watch(project.server.url, project.name)
    await watched.until(lambda status: any(each.action == "create" for each in status.events))
    project.compose("restart", "-t", "0", "api")
    status = await watched.until(lambda status: any(each.action == "die" for each in status.events))
    died = next(each for each in status.events if each.action == "die")
    assert (died.service, died.said, died.container) == ("api", "exit code 137 (SIGKILL)", project.ids("api")[0])
    assert len({(each.at, each.action) for each in status.events}) == len(status.events)


async def test_a_health_check_that_fails_is_told(podman: PodmanServer, watch):
    check = ("--health-cmd", "echo no disk; exit 1", "--health-retries", "1", "--health-interval", "disable")
    made = podman.container("checked", "api", *check, IMAGE, "sleep", "1000")
    podman.podman("healthcheck", "run", made, check=False)
    _, status = await watch(podman.url, "checked").look()
    found = status.containers[0]
    assert (found.health, found.reason, found.said) == ("unhealthy", "unhealthy: its check fails", "no disk")


async def test_what_compose_ran_once_is_no_container_of_the_service(podman: PodmanServer, watch):
    podman.container("once", "api", IMAGE, "sleep", "1000")
    podman.container("once", "api", IMAGE, "sleep", "1000", oneoff=True)
    _, status = await watch(podman.url, "once").look()
    assert [each.oneoff for each in status.containers] == [False, True]
    assert len(status.services[0].containers) == 1


async def test_names_and_labels_from_outside_are_clean(podman: PodmanServer, watch):
    podman.container("evil", "a\x1b]0;x\x07\u202eb", IMAGE, "sleep", "1000")
    _, status = await watch(podman.url, "evil").look()
    assert [each.name for each in status.services] == ["a<202E>b"]


async def test_no_project_is_no_all_clear(podman: PodmanServer, watch):
    watched = watch(podman.url, "nothing")
    seen, _ = await watched.look()
    assert (seen.severity, seen.summary) == (Severity.CRIT, "project nothing has no container")
    assert [each.ok for each in await watched.probe.diagnose()] == [True, False]


async def test_an_engine_that_hangs_or_is_gone_is_told_and_comes_back(start_podman, watch):
    server = start_podman()
    server.container("shop", "api", IMAGE, "sleep", "1000")
    watched = watch(server.url, "shop", timeout=20.0)
    await watched.look()
    watched._gateway.timeout_s = 0.5
    server.hang()
    with pytest.raises(TimedOut, match="gave no answer"):
        await watched.look()
    server.go_on()
    watched._gateway.timeout_s = 20.0
    await watched.look()
    server.end_service()
    with pytest.raises(Unreachable):
        await watched.look()
    server.serve()
    _, status = await watched.look()
    assert status.services[0].running == 1


async def test_one_container_that_cannot_be_looked_at_hides_no_other(pretend, watch):
    listed = [
        {"Id": mark * 64, "State": "running", "Labels": {"com.docker.compose.project": "shop",
                                                        "com.docker.compose.service": mark}}
        for mark in "ab"
    ]  # fmt: skip

    def reply(asked: str) -> bytes | None:
        if "version" in asked:
            return answer()
        if "/containers/json" in asked:
            return answer(listed)
        if "a" * 64 in asked and asked.endswith("/json"):
            return answer({"message": "layer not known"}, "500 Oh")
        return answer({"State": {"Status": "running"}}) if asked.endswith("/json") else answer({}, "404 Not Found")

    server = await pretend(reply)
    _, status = await watch(server.url, "shop").look()
    assert [each.severity.word for each in status.containers] == ["unknown", "ok"]
    assert "1 of 2 containers cannot be looked at" in status.notes[0]

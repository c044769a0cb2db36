"""Actions on containers of real Compose projects, through the whole engine: effect, undo, identity, what is refused.

docker-compose makes the projects, Podman runs them; what the engine says afterwards is the truth.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.action import ActionRequest, Outcome, Tier

from ...engine.kubeengine import Crew, crew_on
from ...servers.podman.server import ComposeProject, PodmanServer, until

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.2; done"]
MIGRATE = "sh -c 'echo migrating $STAGE; echo oops >&2'"
SOURCE = "containers/main"
Compose = Callable[..., ComposeProject]


@asynccontextmanager
async def crew(project: ComposeProject, folder: Path, **more: str) -> AsyncIterator[Crew]:
    lines = {"name": "main", "host": project.server.url, "project": project.name, "interval": "0.3s"} | more
    table = "[[docker]]\n" + "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    async with crew_on(folder, table) as made:
        yield made


def request(action: str, **params: str) -> ActionRequest:
    return ActionRequest(f"containers.{action}", SOURCE, params)


async def up(compose: Compose, services: dict[str, Any], **more: Any) -> ComposeProject:
    return await asyncio.to_thread(compose, services, **more)


def later_image(server: PodmanServer, name: str, mark: str) -> str:
    """One that is newer than all others by the engine's clock, which counts in seconds."""
    newest = max(each["Created"] for each in server.api("/images/json"))
    until(lambda: time.time() >= newest + 1)
    return server.image(name, mark=mark)


def facts(project: ComposeProject, service: str = "api") -> list[dict[str, Any]]:
    return [project.server.inspect(id) for id in project.ids(service)]


def environment(inspected: dict[str, Any]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in inspected["Config"]["Env"])


async def test_a_restart_goes_one_by_one_and_touches_no_other_project(compose: Compose, tmp_path: Path) -> None:
    services = {"api": {"command": SLEEP, "scale": 2}}
    project, other = await up(compose, services), await up(compose, services)
    before, theirs = facts(project), facts(other)
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("restart", service="api"))
        assert planned.refusals == () and planned.plan.count == 2
        assert f"of project {project.name} on {project.server.url}" in planned.plan.target
        assert f"-p {project.name} restart api" in planned.plan.equivalent[0]
        record = await on_call.agreed(planned)
    assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "2 restarted")
    assert record.verification is not None and record.verification.holds is True
    after = facts(project)
    assert [each["Id"] for each in after] == [each["Id"] for each in before]
    first, second = (each["State"]["StartedAt"] for each in after)
    assert min(first, second) > max(each["State"]["StartedAt"] for each in before) and first != second
    assert [each["State"]["StartedAt"] for each in facts(other)] == [each["State"]["StartedAt"] for each in theirs]


async def test_one_that_does_not_come_back_stops_the_rest(compose: Compose, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    command = ["sh", "-c", "[ -e /shared/broken ] && exit 7; trap 'exit 0' TERM; while true; do sleep 0.2; done"]
    project = await up(compose, {"api": {"command": command, "scale": 2, "volumes": [f"{folder}:/shared"]}})
    before = facts(project)
    (folder / "broken").touch()
    async with crew(project, tmp_path) as on_call:
        record = await on_call.do(request("restart", service="api"))
    assert (
        record.outcome is Outcome.FAILED and "it ended with code 7; 1 others were left as they are" in record.summary
    )
    assert sorted(each["State"]["Running"] for each in facts(project)) == [False, True]
    still = [each for each in facts(project) if each["State"]["Running"]]
    assert still[0]["State"]["StartedAt"] in [each["State"]["StartedAt"] for each in before]


async def test_containers_made_anew_since_the_row_was_read_are_refused(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"api": {"command": SLEEP}})
    (old,) = project.ids("api")
    name = project.server.inspect(old)["Name"].lstrip("/")
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("restart", service="api", id=old))
        assert planned.refusals == ()
        await asyncio.to_thread(project.compose, "up", "-d", "--force-recreate", "-t", "0")
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.REFUSED
        refused = await on_call.planned(request("restart", service="api", container=name, id=old))
        assert any("is gone: somebody" in each.reason for each in refused.refusals)
    (new,) = facts(project)
    assert new["Id"] != old and new["RestartCount"] == 0


async def test_stopped_and_started_again_by_undo(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"api": {"command": SLEEP}})
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("stop", service="api"))
        assert planned.plan.tier is Tier.T3
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED and not facts(project)[0]["State"]["Running"]
        assert record.verification is not None and record.verification.holds is True
        again = await on_call.planned(request("stop", service="api"))
        assert [each.reason for each in again.refusals] == ["none of them runs"]
        assert planned.plan.undo.request is not None
        assert (await on_call.do(planned.plan.undo.request)).outcome is Outcome.SUCCEEDED
    assert facts(project)[0]["State"]["Running"]


async def test_another_environment_keeps_everything_else_and_is_taken_back(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_KEY", "hush-hush-2")
    (tmp_path / "data").mkdir()
    service = {
        "command": SLEEP, "scale": 2,
        "environment": {"RATE_LIMIT_REQUESTS": "10", "API_KEY": "hush-hush-1", "MODE": "x y"},
        "volumes": [f"{tmp_path / 'data'}:/data:ro"], "labels": {"team": "books"}, "mem_limit": "64m",
        "stop_grace_period": "1s", "restart": "unless-stopped",
    }  # fmt: skip
    project = await up(compose, {"api": service})
    before = facts(project)
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(
            request("recreate", service="api", set='RATE_LIMIT_REQUESTS=5 MODE="a b"', secret="API_KEY=env:NEW_KEY")
        )
        assert planned.refusals == ()
        assert {(c.what, c.before, c.after) for c in planned.plan.changes} == {
            ("RATE_LIMIT_REQUESTS", "10", "5"), ("MODE", "x y", "a b"),
            ("API_KEY", "***", "what the environment variable NEW_KEY holds"),
        }  # fmt: skip
        record = await on_call.agreed(planned)
        assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "2 made anew"), record.summary
        after = facts(project)
        assert [environment(each)["RATE_LIMIT_REQUESTS"] for each in after] == ["5", "5"]
        assert [environment(each)["MODE"] for each in after] == ["a b", "a b"]
        assert [environment(each)["API_KEY"] for each in after] == ["hush-hush-2", "hush-hush-2"]
        for old, new in zip(before, after, strict=True):
            assert new["Id"] != old["Id"] and new["Name"] == old["Name"] and new["Image"] == old["Image"]
            assert new["Config"]["Cmd"] == old["Config"]["Cmd"] and new["Config"]["Labels"] == old["Config"]["Labels"]
            for key in ("Memory", "NetworkMode", "RestartPolicy"):
                assert new["HostConfig"][key] == old["HostConfig"][key]
            assert [m["Destination"] for m in new["Mounts"]] == [m["Destination"] for m in old["Mounts"]]
        assert planned.plan.undo.request is not None
        assert (await on_call.do(planned.plan.undo.request)).outcome is Outcome.SUCCEEDED
    assert [environment(each) for each in facts(project)] == [environment(each) for each in before]
    written = "".join(each.read_text(errors="replace") for each in (tmp_path / "state").rglob("*") if each.is_file())
    assert "RATE_LIMIT_REQUESTS" in written and "hush-hush" not in written, "the audit log has no value of a secret"


async def test_what_does_not_become_well_is_put_back_as_it_was(compose: Compose, tmp_path: Path) -> None:
    command = ["sh", "-c", '[ "$$MODE" = bad ] && exit 3; trap "exit 0" TERM; while true; do sleep 0.2; done']
    project = await up(compose, {"api": {"command": command, "environment": {"MODE": "good"}}})
    (before,) = facts(project)
    async with crew(project, tmp_path) as on_call:
        record = await on_call.do(request("recreate", service="api", set="MODE=bad"))
    assert record.outcome is Outcome.FAILED, record.summary
    assert "was put back as it was: the new one is not well: it ended with code 3" in record.summary
    (after,) = facts(project)
    assert (after["Id"], after["Name"], after["State"]["Running"]) == (before["Id"], before["Name"], True)
    assert environment(after)["MODE"] == "good"


async def test_back_to_the_image_before_and_forward_again(compose: Compose, tmp_path: Path) -> None:
    name = f"local/books-{tmp_path.name.lower().replace('_', '-')[-20:]}".rstrip("-")
    project = await up(compose, {"api": {"command": SLEEP, "image": name}}, up=False)
    good = await asyncio.to_thread(project.server.image, name, mark="good")
    await asyncio.to_thread(project.server.podman, "tag", name, f"{name}:v1")
    await asyncio.to_thread(project.up)
    bad = await asyncio.to_thread(later_image, project.server, name, "bad")
    await asyncio.to_thread(project.compose, "up", "-d", "--force-recreate", "-t", "0")
    assert facts(project)[0]["Image"].removeprefix("sha256:") == bad
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("rollback", service="api"))
        assert planned.refusals == () and planned.plan.identity["image"].removeprefix("sha256:") == good
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None and record.verification.holds is True
        assert facts(project)[0]["Image"].removeprefix("sha256:") == good
        assert planned.plan.undo.request is not None
        assert (await on_call.do(planned.plan.undo.request)).outcome is Outcome.SUCCEEDED
        assert facts(project)[0]["Image"].removeprefix("sha256:") == bad
        missing = await on_call.planned(request("rollback", service="api", image=f"{name}@sha256:{'0' * 64}"))
        assert any("this engine does not have" in each.reason for each in missing.refusals)


async def test_more_and_fewer_containers(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"worker": {"command": SLEEP, "environment": {"QUEUE": "books"}}})
    async with crew(project, tmp_path) as on_call:
        record = await on_call.do(request("scale", service="worker", replicas="3"))
        assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "2 made, 0 removed"), record.summary
        three = facts(project, "worker")
        assert [environment(each)["QUEUE"] for each in three] == ["books"] * 3
        numbers = [each["Config"]["Labels"]["com.docker.compose.container-number"] for each in three]
        assert numbers == ["1", "2", "3"] and len({each["Name"] for each in three}) == 3
        listed = await asyncio.to_thread(project.compose, "ps", "-q")
        assert len(listed.stdout.split()) == 3, "docker-compose takes them for its own"
        record = await on_call.do(request("scale", service="worker", replicas="1"))
        assert record.summary == "0 made, 2 removed" and project.ids("worker") == [three[0]["Id"]]
        none = await on_call.planned(request("scale", service="worker", replicas="0"))
        assert none.plan.tier is Tier.T3 and none.plan.undo.request is None


async def test_a_command_runs_in_a_container_of_its_own_that_goes_again(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"api": {"command": SLEEP, "environment": {"STAGE": "prod"}}})
    before = project.ids("api")
    async with crew(project, tmp_path) as on_call:
        record = await on_call.do(request("run", service="api", command=MIGRATE))
        assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "exit code 0: oops"), record.summary
        assert record.details[:2] == ("migrating prod", "oops")
        (kept,) = (tmp_path / "state" / "scripts").iterdir()
        assert "migrating prod" in kept.read_text()
        failed = await on_call.do(request("run", service="api", command="sh -c 'exit 4'"))
        assert (failed.outcome, failed.summary) == (Outcome.FAILED, "exit code 4: it said nothing")
    assert project.ids("api") == before, "nothing is left, and the service was not touched"


async def test_what_is_pruned_is_exactly_what_was_listed(compose: Compose, tmp_path: Path) -> None:
    name = f"local/prune-{tmp_path.name.lower().replace('_', '-')[-16:]}".rstrip("-")
    # Whoever else is tested on this engine needs its common image: one container keeps it in use.
    services = {"api": {"command": SLEEP, "image": f"{name}:3"}, "keeper": {"command": SLEEP}}
    project = await up(compose, services, up=False)
    server = project.server
    ids = [await asyncio.to_thread(later_image, server, f"{name}:{each}", f"{name}{each}") for each in (1, 2, 3)]
    await asyncio.to_thread(project.up)
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("prune", what="images", older="0s"))
        listed = " ".join(planned.plan.objects)
        assert f"{name}:1" in listed and f"{name}:2" not in listed and f"{name}:3" not in listed
        assert any(f"{name}:2" in each for each in planned.plan.warnings), "the way back stays"
        assert "MB" in planned.plan.objects[0]
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
    left = await asyncio.to_thread(server.podman, "images", "-q", "--no-trunc")
    assert ids[0] not in left and ids[1] in left and ids[2] in left


async def test_an_engine_that_hangs_or_goes_is_said_and_nothing_is_sent_twice(
    start_podman: Callable[[], Any], tmp_path: Path
) -> None:
    server = await asyncio.to_thread(start_podman)
    project = server.project("hang", {"api": {"command": SLEEP}})
    if shutil.which("docker-compose") is None:
        pytest.skip("no docker-compose")
    await asyncio.to_thread(project.up)
    (before,) = facts(project)
    async with crew(project, tmp_path, timeout="5s") as on_call:
        planned = await on_call.planned(request("restart", service="api"))
        server.hang()
        try:
            record = await on_call.agreed(planned)
        finally:
            server.go_on()
        assert record.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
    (after,) = facts(project)
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]

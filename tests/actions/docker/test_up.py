"""`docker compose up -d` as an action: docker-compose does it on a real engine, and what it would do is told first.

What the newer program says with --dry-run is played after its documentation, for no engine here speaks with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.docker.composing import Composing, Files
from cockpit.actions.docker.ground import DockerGround
from cockpit.actions.handler import Scene
from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.files.script import ScriptRunner
from cockpit.clock import SystemClock
from cockpit.engine.compose import replacements
from cockpit.errors import Unreachable
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.command import Kind, Understanding
from cockpit.profile.docker import DockerSource
from cockpit.profile.schema import Limits
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all

from ...engine.kubeengine import Crew, crew_on
from ...servers.podman.server import ComposeProject

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.2; done"]
Compose = Callable[..., ComposeProject]


@asynccontextmanager
async def crew(project: ComposeProject, folder: Path, **more: Any) -> AsyncIterator[Crew]:
    lines = {"name": "main", "host": project.server.url, "project": project.name, "interval": "0.3s"}
    lines |= {"program": ["docker-compose"], **more}
    table = "[[docker]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    async with crew_on(folder, table) as made:
        yield made


def request(service: str = "") -> ActionRequest:
    return ActionRequest("containers.up", "containers/main", {"service": service} if service else {})


async def started(compose: Compose, services: dict[str, Any], **more: Any) -> ComposeProject:
    return await asyncio.to_thread(compose, services, **more)


async def test_what_the_file_says_by_now_is_made_and_nothing_else(compose: Compose, tmp_path: Path) -> None:
    project = await started(compose, {"api": {"command": SLEEP}, "worker": {"command": SLEEP}})
    (api,), (worker,) = project.ids("api"), project.ids("worker")
    changed = {"command": SLEEP, "environment": {"MODE": "soft"}}
    project.write({"api": changed, "worker": {"command": SLEEP}, "mail": {"command": SLEEP}})
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request())
        plan = planned.plan
        assert planned.refusals == () and plan.tier is Tier.T3
        assert [(each.what, each.before, each.after) for each in plan.changes] == [
            ("api", "1 of 1 running", "made anew: its settings differ from the file"),
            ("mail", "no container", "made"),
            ("worker", "1 of 1 running", "left as it is"),
        ]
        assert plan.objects == ("api", "mail") and "1.29 has no --dry-run" in plan.dry_run
        assert f"--host {project.server.url} -p {project.name} up -d" in plan.equivalent[0]
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None and record.verification.holds is True
        again = await on_call.planned(request())
        assert [each.reason for each in again.refusals] == ["all runs as its files say"]
    assert project.ids("worker") == [worker] and project.ids("api") != [api] and len(project.ids("mail")) == 1
    (kept,) = (tmp_path / "state" / "scripts").iterdir()
    assert "up -d" in kept.read_text().splitlines()[0] and "mail" in kept.read_text()


async def test_one_service_that_is_missing_is_a_smaller_thing(compose: Compose, tmp_path: Path) -> None:
    services = {"api": {"command": SLEEP, "depends_on": ["store"]}, "store": {"command": SLEEP}}
    project = await started(compose, services)
    await asyncio.to_thread(project.compose, "rm", "-s", "-f", "api")
    project.write(services | {"store": {"command": SLEEP, "environment": {"MODE": "soft"}}})
    before = project.ids("store")
    async with crew(project, tmp_path, directory=str(project.folder)) as on_call:
        planned = await on_call.planned(request("api"))
        assert planned.plan.tier is Tier.T2 and [each.after for each in planned.plan.changes] == ["made"]
        record = await on_call.agreed(planned)
    assert record.outcome is Outcome.SUCCEEDED and len(project.ids("api")) == 1
    assert project.ids("store") == before, "what it depends on is left as it is"


async def test_one_that_does_not_become_well_is_told_with_its_reason(compose: Compose, tmp_path: Path) -> None:
    project = await started(compose, {"api": {"command": SLEEP}})
    project.write({"api": {"command": ["sh", "-c", "exit 7"]}})
    async with crew(project, tmp_path) as on_call:
        record = await on_call.do(request())
    assert record.outcome is Outcome.FAILED and "it ended with code 7" in record.summary


async def test_files_that_changed_since_the_plan_are_not_brought_up(compose: Compose, tmp_path: Path) -> None:
    project = await started(compose, {"api": {"command": SLEEP}})
    before = project.ids("api")
    project.write({"api": {"command": SLEEP, "environment": {"MODE": "soft"}}})
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request())
        project.write({"api": {"command": SLEEP, "environment": {"MODE": "hard"}}})
        assert (await on_call.agreed(planned)).outcome is Outcome.REFUSED
    assert project.ids("api") == before


async def test_without_its_files_or_its_program_it_is_refused_with_the_way(compose: Compose, tmp_path: Path) -> None:
    project = await started(compose, {"api": {"command": SLEEP}})
    project.folder.joinpath("docker-compose.yml").rename(project.folder / "moved.yml")
    async with crew(project, tmp_path) as on_call:
        refused = (await on_call.planned(request())).refusals
        assert any("docker-compose.yml cannot be read on this machine" in each.reason for each in refused)
        assert any("set directory and files of [[docker]]" in each.hint for each in refused)
    files = ["moved.yml"]
    async with crew(project, tmp_path, directory=str(project.folder), files=files, program=["no-compose"]) as on_call:
        refused = (await on_call.planned(request())).refusals
        assert [each.reason for each in refused] == ["no-compose is not in PATH on this machine"]
    async with crew(project, tmp_path, directory=str(project.folder), files=files) as on_call:
        refused = (await on_call.planned(request("mail"))).refusals
        assert [(each.reason, each.hint) for each in refused] == [
            ("its files have no service mail", "they have: api")
        ]


DRY = """\
 DRY-RUN MODE -  Container shop-db-1  Running
 DRY-RUN MODE -  Container shop-api-1  Recreate
 DRY-RUN MODE -  Container shop-api-1  Recreated
 DRY-RUN MODE -  Container shop-api-1  Starting
 DRY-RUN MODE -  Container shop-api-1  Started
"""


def played(folder: Path, version: str) -> tuple[Composing, Files]:
    """A docker that answers as the plugin does."""
    program = folder / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/asked\n'
        f'case "$*" in *version*) echo {version};; *--dry-run*) printf "%s" "{DRY}";;'
        f" *config*) echo 'api {'a' * 64}'; echo 'The \"TAG\" variable is not set.' >&2;; *) exit 9;; esac\n"
    )
    program.chmod(0o755)
    table = DockerSource.model_validate(
        {"name": "a", "project": "shop", "host": "tcp://10.0.0.7:2375", "program": [str(program), "compose"]}
    )
    clock = SystemClock()
    ground = DockerGround("containers/a", table, Gateway(table, clock), Scene("shop", "test"), Limits(), clock)
    return Composing(ground, ScriptRunner()), Files(str(folder), (f"{folder}/compose.yaml",), (), False)


async def test_a_newer_program_tells_it_by_its_dry_run(tmp_path: Path) -> None:
    composing, files = played(tmp_path, "v2.29.1")
    assert await composing.version(files) == (2, 29)
    hashes, said = await composing.hashes(files)
    assert hashes == {"api": "a" * 64} and said == ('The "TAG" variable is not set.',)
    told, sentence = await composing.dry_run(files, (2, 29), ("up", "-d"))
    assert told == ("Container shop-api-1 Recreated", "Container shop-api-1 Started")
    assert sentence.startswith("--dry-run: Container shop-api-1 Recreated")
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    place = f"--project-directory {tmp_path} -f {tmp_path}/compose.yaml"
    assert asked == f"--host tcp://10.0.0.7:2375 compose -p shop --dry-run {place} up -d"
    assert await composing.dry_run(files, (2, 14), ("up", "-d")) == (
        (),
        f"{tmp_path}/docker compose 2.14 has no --dry-run: compared are the hashes of its settings, and the images",
    )


async def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    composing, files = played(tmp_path, "v2.29.1")
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'services.api: no image'; exit 15\n")
    with pytest.raises(Unreachable, match=r"exit status 15: services\.api: no image"):
        await composing.hashes(files)


def understood(*lines: str) -> list[Understanding]:
    text = "\n".join(lines)
    return list(understand_all(parse([("book.md", f"# Book\n\n```bash\n{text}\n```\n")]), replacements()))


@pytest.mark.parametrize(
    ("line", "params", "target"),
    [
        ("docker-compose up -d", {}, {}),
        ("docker compose up -d", {}, {}),
        ("docker compose -p shop up --detach --wait api", {"service": "api"}, {"compose_project": "shop"}),
    ],
)
def test_up_in_the_background_is_the_action(line: str, params: dict[str, str], target: dict[str, str]) -> None:
    (found,) = understood(line)
    assert (found.kind, found.action, found.tier) == (Kind.NATIVE, "containers.up", Tier.T3)
    assert found.intent is not None and (found.intent.params, found.intent.target) == (params, target)


@pytest.mark.parametrize(
    "line",
    [
        "docker-compose up",
        "docker-compose up -d --build",
        "docker-compose up -d --force-recreate",
        "docker-compose up -d --remove-orphans",
        "docker-compose -f other.yml up -d",
        "docker-compose up -d api worker",
        "TAG=3 docker-compose up -d",
        "docker-compose up -d > log",
        "docker pull ghcr.io/shop/api:$TAG",
    ],
)
def test_what_means_more_stays_a_script(line: str) -> None:
    (found,) = understood(line)
    assert found.kind is Kind.SCRIPT


def test_a_pull_of_a_tag_before_up_is_a_way_back() -> None:
    pull, up = understood("docker pull ghcr.io/shop/api:$OLD_TAG", "docker compose up -d")
    assert (pull.kind, pull.action, pull.tier) == (Kind.NATIVE, "containers.rollback", Tier.T2)
    assert pull.intent is not None and pull.intent.params == {"service": "api"}
    assert pull.intent.asks["image"].spelled == "$OLD_TAG" and "Nothing is pulled" in pull.intent.differs
    assert up.action == "containers.up"
    for lines in (
        ("docker compose up -d", "docker pull ghcr.io/shop/api:$TAG"),
        ("docker pull ghcr.io/shop/api:1.4", "docker compose up -d"),
        ("docker pull ghcr.io/shop/api:v$TAG", "docker compose up -d"),
        ("docker pull $IMAGE", "docker compose up -d"),
    ):
        assert all(each.action != "containers.rollback" for each in understood(*lines))

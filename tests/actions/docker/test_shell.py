"""A shell in a container of a real project: which one exactly, and never in one that was made again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cockpit.actions.docker.shell import in_container
from cockpit.engine.compose import replacements
from cockpit.errors import NotFound
from cockpit.model.action import Outcome
from cockpit.model.command import Intent
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of
from tests.servers.podman.server import ComposeProject

from .test_project import crew, request, up

Compose = Callable[..., ComposeProject]
SLEEP = {"command": ["sleep", "1000"]}


async def test_a_command_runs_in_the_container_of_the_row(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"api": {**SLEEP, "environment": {"STAGE": "test"}}, "db": SLEEP})
    other = await up(compose, {"api": SLEEP})
    lent: list[tuple[str, ...]] = []

    async def lend(argv: Sequence[str], wait: bool) -> int:
        lent.append(tuple(argv))
        words = [each for each in argv if each != "-t"]  # there is no terminal here
        return (
            await asyncio.to_thread(subprocess.run, words, check=False, capture_output=True, timeout=60)
        ).returncode

    async with crew(project, tmp_path) as on_call:
        on_call.engine.executor.lend = lend
        planned = await on_call.planned(request("shell", service="api", command="sh -c 'test $STAGE = test'"))
        assert planned.plan.target.endswith(f"of project {project.name} on {project.server.url}")
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        named = await on_call.planned(request("shell", container=f"{project.name}_db_1", command="false"))
        assert (await on_call.agreed(named)).outcome is Outcome.FAILED
        with pytest.raises(NotFound, match="is not there"):
            await on_call.planned(request("shell", container=f"{other.name}_api_1"))
    assert [set(project.ids(name)) & set(argv) for name, argv in zip(("api", "db"), lent, strict=True)] == [
        set(project.ids("api")),
        set(project.ids("db")),
    ]


async def test_one_that_was_made_again_is_another(compose: Compose, tmp_path: Path) -> None:
    project = await up(compose, {"api": SLEEP})
    (id,) = project.ids("api")
    await asyncio.to_thread(project.compose, "up", "-d", "--force-recreate", "-t", "0")
    async with crew(project, tmp_path) as on_call:
        planned = await on_call.planned(request("shell", service="api", id=id))
        assert any("is gone" in each.reason for each in planned.plan.refusals)


@pytest.mark.parametrize(
    ("line", "intent"),
    [
        ("docker exec -it api-server bash", {"container": "api-server"}),
        ("docker-compose exec api sh", {"service": "api"}),
        ("docker exec -u root -it api bash", None),
        ("docker exec api rm -rf /data", None),
        ("docker exec -it api bash -c 'rm x'", None),
        ("docker -H tcp://elsewhere exec -it api bash", None),
    ],
)
def test_a_runbooks_shell_is_the_action(line: str, intent: dict[str, str] | None) -> None:
    (command,) = commands_of(line, language="bash", line=1)
    found = [found for call in command.calls if isinstance(found := in_container(call), Intent)]
    assert [dict(each.params) for each in found] == ([intent] if intent else [])
    assert (understand(command, replacements()).action == "containers.shell") is (intent is not None)

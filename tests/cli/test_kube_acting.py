"""An action on Kubernetes that nobody saw the end of: whatever command comes next says so."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from ..servers.kube.fixtures import Namespace
from ..servers.kube.things import workload
from .conftest import Cockpit, Ran, Start

DEADLINE_S = 60.0


def profile_of(namespace: Namespace, folder: Path) -> Path:
    path = folder / "shop.toml"
    table = f'[[kubernetes]]\nname = "main"\nkubeconfig = "{namespace.kubeconfig()}"\ncontext = "test"\n'
    path.write_text(f'system = "shop"\nenvironment = "test"\n\n{table}', encoding="utf-8")
    return path


async def test_a_command_killed_in_the_middle_is_told_by_every_one_that_comes_after(
    start: Start, installed: Cockpit, namespace: Namespace, tmp_path: Path
) -> None:
    namespace.apply(workload("api", replicas=1, notes={"fake-node/behaviour": "slow=600"}))
    profile = profile_of(namespace, tmp_path)
    words = ("--set", "workload=deployment/api", "--confirm", "y", "--reason", "it hangs")
    process = await start("act", profile, "workloads.restart", *words)
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        while b"running" not in (line := await process.stderr.readline()):
            assert line, "it ended before it ran"
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    lines = (tmp_path / "state/cockpit/audit.jsonl").read_text().splitlines()
    run = next(each["run"] for each in map(json.loads, lines) if each["event"] == "intent")

    async def told(*command: str | Path) -> Ran:
        ran = await installed(*command)
        assert "UNKNOWN: " in ran.err and "deployment/api" in ran.err and f"audit show --run {run}" in ran.err, (
            command
        )
        return ran

    await told("plan", profile, "workloads.pause", "--set", "workload=deployment/api")
    await told("act", profile, "workloads.pause", "--set", "workload=deployment/api")  # without a yes: refused
    await told("check", profile)
    assert run in (await told("audit", "show")).out
    await told("audit", "tail", "--json")
    await told("audit", "show", "--run", run)
    other = await installed("audit", "show", "--system", "another")
    assert "UNKNOWN" not in other.err, "of another system"

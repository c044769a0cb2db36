"""Each recorded command, by its recorded requests and by the cockpit: the same in the end, or the table says why."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from ..gcloud.explained import Explained, to_be_told, unexplained
from ..servers.kube.fixtures import make_namespace
from ..servers.kube.server import KubeServer
from .compare import differences
from .recorded import Recorded, recorded
from .sides import Done, by_cockpit, by_kubectl, by_replay, states

KUBECTL = shutil.which("kubectl")
COMMANDS = pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
Kept = dict[tuple[str, str], Done]


@pytest.fixture(scope="module")
def kept() -> Kept:
    """What became of a command on each side: a namespace is made for each once."""
    return {}


async def theirs_of(command: Recorded, cluster: KubeServer, kept: Kept) -> Done:
    if ("replay", command.id) not in kept:
        kept["replay", command.id] = await by_replay(command, make_namespace(cluster))
    return kept["replay", command.id]


@pytest_asyncio.fixture
async def ours(
    command: Recorded, cluster: KubeServer, kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Done:
    """The cockpit's side."""
    if ("cockpit", command.id) not in kept:
        kept["cockpit", command.id] = await by_cockpit(command, make_namespace(cluster), tmp_path, monkeypatch)
    return kept["cockpit", command.id]


@COMMANDS
async def test_the_cockpit_does_what_kubectl_does(
    command: Recorded, ours: Done, cluster: KubeServer, kept: Kept, kubectl_explained: Sequence[Explained]
) -> None:
    theirs = await theirs_of(command, cluster, kept)
    found = differences(theirs.requests, ours.requests) | states(theirs, ours)
    assert "\n".join(unexplained(command.id, found, kubectl_explained)) == ""
    assert ours.plan is not None and ours.plan.refusals == () and ours.intent is not None
    assert ours.intent.differs or to_be_told(command.id, found, kubectl_explained) == []
    assert ours.facts, "it changed something"


@COMMANDS
async def test_the_command_that_a_plan_shows_is_understood_as_the_same(
    command: Recorded, ours: Done, cluster: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ours.plan is not None
    shown = ours.plan.equivalent[-1]
    namespace = make_namespace(cluster)
    line = shown.replace(f"-n {ours.plan.identity['namespace']} ", f"-n {namespace.name} ")
    again = await by_cockpit(command, namespace, tmp_path, monkeypatch, line)
    assert again.facts == ours.facts


@COMMANDS
@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed here")
async def test_kubectl_itself_does_what_it_did(command: Recorded, cluster: KubeServer, kept: Kept) -> None:
    itself = await by_kubectl(command, make_namespace(cluster), KUBECTL or "")
    then = await theirs_of(command, cluster, kept)
    assert itself.exit == command.exit
    assert itself.facts == then.facts, "the recorded requests lead to the same state"

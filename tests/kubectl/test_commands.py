"""Each recorded command, by its recorded requests and by the cockpit: the same in the end, or the table says why."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..gcloud.explained import Explained, to_be_told, unexplained
from ..servers.kube.fixtures import make_namespace
from ..servers.kube.server import KubeServer
from .compare import differences
from .recorded import Recorded, recorded
from .sides import by_cockpit, by_kubectl, by_replay, states

KUBECTL = shutil.which("kubectl")


@pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
async def test_the_cockpit_does_what_kubectl_does(
    command: Recorded,
    cluster: KubeServer,
    kubectl_explained: Sequence[Explained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = await by_replay(command, make_namespace(cluster))
    ours = await by_cockpit(command, make_namespace(cluster), tmp_path, monkeypatch)
    found = differences(theirs.requests, ours.requests) | states(theirs, ours)
    assert "\n".join(unexplained(command.id, found, kubectl_explained)) == ""
    assert ours.plan is not None and ours.plan.refusals == () and ours.intent is not None
    assert ours.intent.differs or to_be_told(command.id, found, kubectl_explained) == []
    assert ours.facts, "it changed something"


@pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
async def test_the_command_that_a_plan_shows_is_understood_as_the_same(
    command: Recorded, cluster: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await by_cockpit(command, make_namespace(cluster), tmp_path, monkeypatch)
    assert done.plan is not None
    shown = done.plan.equivalent[-1]
    namespace = make_namespace(cluster)
    line = shown.replace(f"-n {done.plan.identity['namespace']} ", f"-n {namespace.name} ")
    again = await by_cockpit(command, namespace, tmp_path, monkeypatch, line)
    assert again.facts == done.facts


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed here")
@pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
async def test_kubectl_itself_does_what_it_did(command: Recorded, cluster: KubeServer) -> None:
    itself = await by_kubectl(command, make_namespace(cluster), KUBECTL or "")
    then = await by_replay(command, make_namespace(cluster))
    assert itself.exit == command.exit
    assert itself.facts == then.facts, "the recorded requests lead to the same state"

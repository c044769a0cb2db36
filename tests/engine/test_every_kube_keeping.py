"""Every action that keeps a namespace through the engine: refused unarmed, recorded first, done, verified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.kube import keeping
from cockpit.model.action import ActionRequest, Outcome
from cockpit.sandbox.process import NoBinary

from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.server import KubeServer, Options
from ..servers.kube.things import certificate, container, external_secret, workload
from .kubeengine import WHY, Crew, crew_on

TABLE = """
[[kubernetes]]
name = "main"
kubeconfig = "{config}"
interval = "0.5s"
backups = "{backups}"
"""
CERTIFICATES = "cert-manager.io/v1"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Stage:
    """An armed engine on a namespace of a cluster that nobody else uses, and a terminal that is lent."""

    crew: Crew
    namespace: Namespace
    backups: Path
    lent: list[tuple[str, ...]]

    async def lend(self, argv: Sequence[str], wait: bool) -> int:
        assert self.crew.events(self.crew.executor.running[0].run) == ["intent"], "on the disk before it is lent"
        self.lent.append(tuple(argv))
        return 3

    def pod(self) -> str:
        name: str = self.namespace.pods("app=api")[0]["metadata"]["name"]
        return name

    def file(self) -> str:
        path = self.backups.parent / "level.json"
        thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "level"}, "data": {"level": "debug"}}
        path.write_text(json.dumps(thing), encoding="utf-8")
        return str(path)

    def level(self) -> object:
        path = self.namespace.path("configmaps")
        return [each.get("data") for each in self.namespace.client.items(path) if each["metadata"]["name"] == "level"]

    def mark(self) -> object:
        found = self.namespace.get("deployments/api", "apps/v1")["spec"]["template"]["metadata"]
        return found.get("annotations")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("every-kube-keeping")
    extensions = ("external-secrets", "cert-manager")
    try:
        server = await asyncio.to_thread(KubeServer.start, folder, Options(extensions=extensions))
    except NoBinary as reason:
        pytest.skip(str(reason))
    try:
        namespace = make_namespace(server)
        env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "fetched", "key": "key"}}}]
        reads = workload("api", replicas=1, containers=[container("app", "reg.test/app:v1", env=env)])
        namespace.apply(external_secret("fetched", "key"), certificate("shop", "shop.test"), reads)
        await asyncio.to_thread(namespace.rolled_out, "api")
        await until_async(lambda: namespace.get("certificates/shop", CERTIFICATES)["status"]["revision"])
        table = TABLE.format(config=namespace.kubeconfig(), backups=folder / "backups")
        async with crew_on(folder / "engine", table) as crew:
            made = Stage(crew, namespace, folder / "backups", [])
            crew.executor.lend = made.lend
            yield made
    finally:
        server.stop()


@dataclass(frozen=True)
class Deed:
    """One action: its parameters, and what it changes."""

    params: Callable[[Stage], dict[str, str]]
    look: Callable[[Stage], object]


DEEDS = {
    "cluster.backup": Deed(lambda _: {}, lambda stage: sorted(stage.backups.glob("*/MANIFEST"))),
    "cluster.renew": Deed(
        lambda _: {"certificate": "shop"},
        lambda stage: stage.namespace.get("certificates/shop", CERTIFICATES)["status"]["revision"],
    ),
    "cluster.apply": Deed(lambda stage: {"file": stage.file()}, Stage.level),
    "workloads.resync": Deed(lambda _: {"workload": "deployment/api"}, Stage.mark),
    "workloads.shell": Deed(lambda stage: {"pod": stage.pod()}, lambda stage: list(stage.lent)),
}


async def test_every_one_is_here() -> None:
    assert {spec.id for spec in keeping.SPECS} == {*DEEDS, "cluster.delete_namespace", "cluster.unapply"}


@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done(
    stage: Stage, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/kubectl")
    deed, crew = DEEDS[action], stage.crew
    source = "cluster/main" if action.startswith("cluster.") else "workloads/main"
    request, before = ActionRequest(action, source, deed.params(stage)), deed.look(stage)
    await crew.executor.disarm()
    planned = await crew.planned(request)
    assert planned.refusals == () and planned.needs_arming
    refused = await crew.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert [refusal.step for refusal in refused.refusals] == ["mode"] and deed.look(stage) == before

    await crew.executor.arm(WHY)
    record = await crew.do(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True, record.verification
    assert deed.look(stage) != before
    assert crew.events(record.run) == ["intent", "outcome", "verified"]
    assert record.undo is not None
    if action != "cluster.apply":
        assert record.undo.request is None
        return
    assert record.undo.request is not None
    back = await crew.do(record.undo.request)
    assert back.outcome is Outcome.SUCCEEDED and deed.look(stage) == before


async def test_a_namespace_is_not_deleted_by_anybody(stage: Stage) -> None:
    planned = await stage.crew.planned(ActionRequest("cluster.delete_namespace", "cluster/main", {}))
    assert [refusal.step for refusal in planned.refusals] == ["policy"]
    record = await stage.crew.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert record.outcome is Outcome.REFUSED
    status = stage.namespace.client.get(f"/api/v1/namespaces/{stage.namespace.name}")["status"]
    assert status["phase"] == "Active"

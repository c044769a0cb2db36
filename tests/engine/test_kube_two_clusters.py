"""Two clusters whose contexts, namespaces and workloads have the same names, in one profile: never mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.workloads import WorkloadsStatus

from ..servers.kube.fixtures import Namespace, make_namespace
from ..servers.kube.server import KubeServer
from ..servers.kube.things import workload
from .kubeengine import Crew, crew_on

TABLE = '[[kubernetes]]\nname = "{name}"\nkubeconfig = "{config}"\ninterval = "0.3s"\n'
EAST, WEST = "workloads/east", "workloads/west"


@pytest.fixture
async def twins(
    namespace: Namespace, start_cluster: Callable[..., KubeServer]
) -> AsyncIterator[tuple[Namespace, Namespace]]:
    server = await asyncio.to_thread(start_cluster)
    other = await asyncio.to_thread(make_namespace, server, namespace.name)
    for place, version in ((namespace, "east"), (other, "west")):
        place.apply(workload("api", f"reg.test/api:{version}", replicas=1))
        await asyncio.to_thread(place.rolled_out, "api")
    yield namespace, other


def shown(crew: Crew, source: str) -> WorkloadsStatus:
    state = crew.engine.hub.state(source)
    assert state is not None and state.reading is not None
    assert isinstance(state.reading.payload, WorkloadsStatus)
    return state.reading.payload


def wanted(place: Namespace) -> int:
    return int(place.get("deployments/api", "apps/v1")["spec"]["replicas"])


async def test_readings_plans_actions_and_the_record_name_the_cluster(
    twins: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    east, west = twins
    tables = "".join(
        TABLE.format(name=name, config=place.kubeconfig()) for name, place in (("east", east), ("west", west))
    )
    async with crew_on(tmp_path, tables) as crew:
        for source in (EAST, WEST):
            await crew.fresh(source)
        seen = [shown(crew, source) for source in (EAST, WEST)]
        assert [each.workloads[0].images[0][1] for each in seen] == ["reg.test/api:east", "reg.test/api:west"]
        assert [each.server for each in seen] == [east.server.url, west.server.url]
        assert (seen[0].context, seen[0].namespace) == (seen[1].context, seen[1].namespace), "names tell nothing here"

        params = {"workload": "deployment/api", "replicas": "2"}
        planned = [await crew.planned(ActionRequest("workloads.scale", source, params)) for source in (EAST, WEST)]
        plans = [each.plan for each in planned]
        assert [each.identity["server"] for each in plans] == [east.server.url, west.server.url]
        assert plans[0].identity["uid"] != plans[1].identity["uid"] and plans[0].digest != plans[1].digest
        assert east.server.url in plans[0].operation[0] + plans[0].operation[1]

        record = await crew.agreed(planned[1])
        assert record.outcome is Outcome.SUCCEEDED
        assert (wanted(east), wanted(west)) == (1, 2)
        (intent,) = [each for each in crew.engine.audit.entries() if each.event == "intent"]
        assert west.server.url in repr(intent.facts) and east.server.url not in repr(intent.facts)

        assert record.undo is not None and record.undo.request is not None
        assert record.undo.request.source == WEST
        mixed = ActionRequest("workloads.scale", EAST, {**params, "uid": seen[1].workloads[0].uid})
        refused = (await crew.planned(mixed)).refusals
        assert [each.step for each in refused] == ["identity"], "a row of one cluster is nothing in the other"
        await crew.do(record.undo.request)
        assert (wanted(east), wanted(west)) == (1, 1)

"""The contract, asked of the API server that the sandbox plays; and what only that one can be brought to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from cockpit.sandbox.kube.kinds import KINDS

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace
from ...servers.kube.played import PlayedServer
from ...servers.kube.server import KubeServer
from .contract import Contract, watched

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedServer]:
    server = PlayedServer.start(tmp_path_factory.mktemp("played"))
    yield server
    server.stop()


@pytest.fixture
def world(played: PlayedServer) -> Namespace:
    client, name = played.client(), f"test-{next(_numbers)}"
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return Namespace(cast(KubeServer, played), client, name)  # it offers what the contract uses of one


class TestPlayedServer(Contract):
    pass


def test_a_version_that_is_forgotten_has_expired(played: PlayedServer, world: Namespace) -> None:
    path = world.path("configmaps")
    version = world.client.get(path)["metadata"]["resourceVersion"]
    world.apply(things.configmap("one"))

    async def forget() -> None:
        played.cluster.api.store.compact()

    played.run(forget())
    ((kind, status),) = watched(world, path, version)
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


def test_a_namespace_takes_what_is_in_it_along(world: Namespace) -> None:
    from ...servers.kube.fixtures import until

    world.apply(things.workload("api"), things.configmap("settings"))
    world.rolled_out("api")
    path = f"/api/v1/namespaces/{world.name}"
    assert world.client.delete(path)["status"]["phase"] == "Terminating"
    until(lambda: world.name not in [each["metadata"]["name"] for each in world.client.items("/api/v1/namespaces")])


def test_nobody_without_a_token_is_answered(played: PlayedServer) -> None:
    answer = httpx.get(f"{played.url}/api/v1/pods", trust_env=False)
    assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")


def test_discovery_says_the_same_group_by_group_and_all_at_once(world: Namespace) -> None:
    kind = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    found = set()
    for path in ("/api", "/apis"):
        for item in world.client._http.get(path, headers={"Accept": kind}).json()["items"]:
            for version in item["versions"]:
                group = item["metadata"].get("name", "")
                found |= {(group, version["version"], each["resource"]) for each in version["resources"]}
    listed = set()
    groups = [("", "v1", "/api/v1")]
    groups += [
        (group["name"], each["version"], f"/apis/{each['groupVersion']}")
        for group in world.client.get("/apis")["groups"]
        for each in group["versions"]
    ]
    for group, version, path in groups:
        names = [each["name"] for each in world.client.get(path)["resources"]]
        listed |= {(group, version, name) for name in names if "/" not in name}
    assert found == listed == {(each.group, version, each.plural) for each in KINDS for version in each.versions}

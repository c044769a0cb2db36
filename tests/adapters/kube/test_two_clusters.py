"""Two real clusters whose contexts, users and namespaces have the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace, make_namespace
from ...servers.kube.server import KubeServer
from .conftest import Opener


async def test_each_is_asked_for_its_own_and_changed_by_itself(
    namespace: Namespace, start_cluster: Callable[..., KubeServer], opened: Opener
) -> None:
    server = await asyncio.to_thread(start_cluster)
    other = await asyncio.to_thread(make_namespace, server, namespace.name)
    for number, space in enumerate((namespace, other)):
        await asyncio.to_thread(space.apply, things.configmap("flags", of=str(number)))
    one, two = opened(namespace.kubeconfig(), name="one"), opened(other.kubeconfig(), name="two")
    assert (one.place.context, one.place.namespace) == (two.place.context, two.place.namespace)
    path = namespace.path("configmaps/flags")
    seen = [(await each.gateway.get(path))["data"]["of"] for each in (one, two)]
    assert seen == ["0", "1"]
    await two.gateway.change("DELETE", path, None)
    assert namespace.get("configmaps/flags")["data"] == {"of": "0"}
    maps = [each.resource("configmaps") for each in (one, two)]
    await asyncio.gather(*(each.ready() for each in maps))
    held = [{item["metadata"]["name"] for item in each.items.values()} for each in maps]
    assert "flags" in held[0] and "flags" not in held[1]

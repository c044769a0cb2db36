"""Reflectors against the real API server: follow, resume, list again, and say why they are stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cockpit.adapters.kube.gateway import Gateway
from cockpit.adapters.kube.reflector import Reflector
from cockpit.errors import NotFound, PermissionDenied

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace, make_namespace
from ...servers.kube.server import KubeServer
from .conftest import Opener

DEADLINE_S = 30.0


def names(reflector: Reflector) -> set[str]:
    return {item["metadata"]["name"] for item in reflector.items.values()}


async def until(reflector: Reflector, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await reflector.until(lambda: bool(condition()))


class Lists:
    """Counts the lists that a gateway reads."""

    def __init__(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        listed = gateway.listed

        async def counted(*args: object, **more: object) -> object:
            self.count += 1
            return await listed(*args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(gateway, "listed", counted)


async def test_what_is_made_changed_and_deleted_is_seen(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.configmap("flags", mode="off"))
    kube = opened(namespace.kubeconfig())
    maps = kube.resource("configmaps")
    await maps.ready()
    assert maps.live and maps.said == "live" and "flags" in names(maps)
    heard: list[tuple[str, str]] = []
    silent = maps.listen(lambda kind, item: heard.append((kind, item["metadata"]["name"])))
    namespace.apply(things.configmap("more"))
    namespace.client.patch(namespace.path("configmaps/flags"), {"data": {"mode": "on"}})
    namespace.client.delete(namespace.path("configmaps/more"))
    await until(maps, lambda: ("DELETED", "more") in heard)
    assert [each for each in heard if each[1] in ("flags", "more")] == [
        ("ADDED", "more"),
        ("MODIFIED", "flags"),
        ("DELETED", "more"),
    ]
    assert "more" not in names(maps)
    silent()
    changes = maps.changes
    namespace.apply(things.configmap("again"))
    await until(maps, lambda: "again" in names(maps))
    assert maps.changes > changes and ("ADDED", "again") not in heard


async def test_objects_are_kept_without_what_only_the_server_needs(namespace: Namespace, opened: Opener) -> None:
    made = things.configmap("flags", managedFields="kept")
    made["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept"}
    namespace.apply(made)
    gateway = opened(namespace.kubeconfig()).gateway
    maps = Reflector(gateway, namespace.path("configmaps"))
    await maps.ready()
    await maps.close()
    flags = next(item for item in maps.items.values() if item["metadata"]["name"] == "flags")
    assert "managedFields" not in flags["metadata"] and flags["data"] == {"managedFields": "kept"}
    assert flags["metadata"]["annotations"] == {"note": "kept"}


async def test_all_who_ask_share_one_watch_and_the_last_ends_it(namespace: Namespace, opened: Opener) -> None:
    kube = opened(namespace.kubeconfig())
    one, two = kube.resource("pods"), kube.resource("pods")
    assert one is two and kube.resource("pods", "default") is not one
    await one.ready()
    await kube.release("pods")
    assert one.live
    await kube.release("pods")
    assert not one.live and one.said == "closed"
    assert kube.resource("pods") is not one


async def test_what_belongs_to_no_namespace_and_what_other_versions_serve_is_found(
    namespace: Namespace, opened: Opener
) -> None:
    namespace.apply(things.autoscaler("api", "api", 1, 2), things.external_secret("login", "password"))
    kube = opened(namespace.kubeconfig())
    nodes, scalers = kube.resource("nodes"), kube.resource("horizontalpodautoscalers")
    externals = kube.resource("externalsecrets")
    budgets = kube.resource("poddisruptionbudgets.policy")
    for each in (nodes, scalers, externals, budgets):
        await each.ready()
    assert nodes.items and names(scalers) == {"api"} and names(externals) == {"login"}
    assert "metrics" in next(iter(scalers.items.values()))["spec"]  # of autoscaling/v2beta2, v1 has none


async def test_a_resource_that_the_cluster_lacks_is_said_to_be_missing(namespace: Namespace, opened: Opener) -> None:
    kube = opened(namespace.kubeconfig())
    lacking = kube.resource("kustomizations")
    with pytest.raises(NotFound, match="context test: the cluster has no kustomizations"):
        await lacking.ready()
    assert not lacking.live and "kustomizations" in lacking.said
    assert ("kustomizations", lacking) in kube.stale


async def test_without_the_right_it_says_which_and_goes_on_once_it_is_given(
    namespace: Namespace, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.adapters.kube.reflector.FIRST_S", 0.05)
    monkeypatch.setattr("cockpit.adapters.kube.reflector.MOST_S", 0.2)
    kube = opened(namespace.kubeconfig("responder"))
    pods = kube.resource("pods")
    for _ in range(2):
        with pytest.raises(PermissionDenied) as refused:
            await pods.ready()
    assert refused.value.missing == "list pods"
    since = pods.since
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    namespace.apply(*things.rights("reader", "responder", rules))
    await until(pods, lambda: pods.live)
    await pods.ready()
    assert pods.since > since


async def test_a_cycle_that_ends_is_followed_by_the_next_without_a_list(
    namespace: Namespace, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    lists = Lists(gateway, monkeypatch)
    watches = 0
    watch = gateway.watch

    def counted(*args: object, **more: object) -> object:
        nonlocal watches
        watches += 1
        return watch(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(gateway, "watch", counted)
    stale: list[str] = []
    maps = Reflector(gateway, namespace.path("configmaps"), cycle_s=1.0)
    await maps.ready()
    maps.listen(lambda kind, item: None if maps.live else stale.append(maps.said))
    for number in range(1000):
        if watches >= 3:
            break
        namespace.apply(things.configmap("beat", n=str(number)))
        await until(maps, lambda number=number: {"n": str(number)} in [each["data"] for each in maps.items.values()])
    assert watches >= 3 and lists.count == 1 and not stale
    await maps.close()
    await maps.close()


async def test_an_api_server_that_restarts_is_followed_again_from_where_it_was(
    start_cluster: Callable[..., KubeServer], opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(start_cluster)
    space = await asyncio.to_thread(make_namespace, server)
    gateway = opened(space.kubeconfig(), timeout=5.0).gateway
    lists = Lists(gateway, monkeypatch)
    maps = Reflector(gateway, space.path("configmaps"))
    await maps.ready()
    await asyncio.to_thread(server.stop_api)
    await until(maps, lambda: not maps.live)
    assert "context test" in maps.said and server.url in maps.said
    await asyncio.to_thread(server.start_api)
    await asyncio.to_thread(space.apply, things.configmap("after"))
    await until(maps, lambda: "after" in names(maps))
    assert maps.live and lists.count == 1
    await maps.close()


async def test_a_server_that_freezes_is_noticed_by_the_end_of_the_cycle(
    start_cluster: Callable[..., KubeServer], opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.adapters.kube.gateway.CYCLE_GRACE_S", 1.0)
    server = await asyncio.to_thread(start_cluster)
    space = await asyncio.to_thread(make_namespace, server)
    gateway = opened(space.kubeconfig(), timeout=2.0).gateway
    maps = Reflector(gateway, space.path("configmaps"), cycle_s=1.0)
    await maps.ready()
    server.pause_api()
    await until(maps, lambda: not maps.live)
    assert "does not answer within 2 s" in maps.said
    server.resume_api()
    await until(maps, lambda: maps.live)
    await maps.close()


async def test_a_version_that_the_server_has_forgotten_leads_to_a_new_list_and_nothing_is_lost(
    start_cluster: Callable[..., KubeServer], opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(start_cluster, compaction="2s", watch_cache=False)
    space = await asyncio.to_thread(make_namespace, server)
    await asyncio.to_thread(space.apply, things.configmap("early"), things.configmap("doomed"))
    gateway = opened(space.kubeconfig(), timeout=5.0).gateway
    lists = Lists(gateway, monkeypatch)
    maps = Reflector(gateway, space.path("configmaps"))
    await maps.ready()
    maps._version = "1"  # as if it had slept for a day
    assert maps._task is not None
    heard: list[tuple[str, str]] = []
    maps.listen(lambda kind, item: heard.append((kind, item["metadata"]["name"])))
    await asyncio.to_thread(server.stop_api)
    await until(maps, lambda: not maps.live)
    await asyncio.to_thread(server.start_api)
    await asyncio.to_thread(space.client.delete, space.path("configmaps/doomed"))
    await until(maps, lambda: maps.live and lists.count >= 2 and "doomed" not in names(maps))
    assert "early" in names(maps) and ("DELETED", "doomed") in heard and ("ADDED", "early") not in heard
    await maps.close()

"""The cluster around a namespace on the real API server: what it shows, what it may not see, and what it lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cockpit.adapters.kube.clusterstate import ClusterProbe
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError
from cockpit.model.cluster import ClusterStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.kube import KubernetesSource
from tests.servers.kube.things import certificate, configmap, external_secret, quota, rights, secret, workload

TABLE = KubernetesSource(name="shop", timeout=10.0)


async def seen(
    probe: ClusterProbe, wanted: Callable[[ClusterStatus], object], deadline_s: float = 40.0
) -> Observation:
    """The first poll whose status is as wanted."""
    async with asyncio.timeout(deadline_s):
        while True:
            found = await probe.probe()
            assert isinstance(found.payload, ClusterStatus)
            if wanted(found.payload):
                return found
            await asyncio.sleep(0.05)


def status(found: Observation) -> ClusterStatus:
    assert isinstance(found.payload, ClusterStatus)
    return found.payload


async def test_it_shows_what_stands_around_the_workloads(namespace, opened) -> None:
    reads = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    spec = {"name": "app", "image": "r/api:v2-crash", **reads}
    namespace.apply(
        configmap("settings", LOG_LEVEL="INFO"),
        secret("token", KEY="sup3rs3cret"),
        quota("team", pods="2"),
        workload("api", replicas=3, containers=[spec]),
    )
    kube = opened(namespace.kubeconfig())
    probe = ClusterProbe(kube, TABLE, SystemClock())
    found = await seen(
        probe,
        lambda now: (
            {"BackOff", "FailedCreate"} <= {each.reason for each in now.events}
            and any(each.share == 1 for each in now.headroom)
            and any(each.name == "settings" and each.readers for each in now.configmaps)
        ),
    )
    now = status(found)
    assert [node.name for node in now.nodes] == ["node-1", "node-2"] and all(node.ready for node in now.nodes)
    full = next(each for each in now.events if each.reason == "FailedCreate")
    assert "exceeded quota" in full.said and full.warning
    back = next(each for each in now.events if each.reason == "BackOff")
    assert "deployment/api" in back.about or back.about.startswith("pod/api-")
    assert "token" in {each.name for each in now.secrets} and "sup3rs3cret" not in repr(now)
    settings = next(each for each in now.configmaps if each.name == "settings")
    assert (settings.keys, settings.readers, settings.diff) == (("LOG_LEVEL",), ("deployment/api",), ())
    assert settings.changed is not None and settings.changed_by
    assert found.severity is Severity.WARN and "quota of pods 2/2" in found.summary
    namespace.apply(configmap("settings", LOG_LEVEL="DEBUG"))
    changed = await seen(probe, lambda now: any(each.diff for each in now.configmaps))
    assert [each.diff for each in status(changed).configmaps if each.diff] == [("LOG_LEVEL: INFO -> DEBUG",)]


async def test_operators_are_believed_about_their_secrets_and_certificates(namespace, opened) -> None:
    namespace.apply(
        external_secret("good", "KEY"),
        external_secret("bad", "KEY", notes={"fake-node/sync": "error forbidden by the store"}),
        certificate("web", "web.example"),
    )
    probe = ClusterProbe(opened(namespace.kubeconfig()), TABLE, SystemClock())
    found = await seen(
        probe,
        lambda now: (
            {each.name: each.synced for each in now.external_secrets or ()} == {"good": True, "bad": False}
            and any("forbidden" in each.said for each in now.external_secrets or ())
            and any(each.ready for each in now.certificates or ())
        ),
    )
    now = status(found)
    (web,) = now.certificates or ()
    assert web.expires is not None and web.names == ("web.example",)
    assert "bad not synced" in found.summary


async def test_what_may_not_be_seen_is_said_and_the_rest_is_shown(namespace, opened) -> None:
    kinds = ["events", "configmaps", "resourcequotas"]
    namespace.apply(
        *rights("some", "responder", [{"apiGroups": [""], "resources": kinds, "verbs": ["list", "watch"]}])
    )
    namespace.apply(configmap("settings", LOG_LEVEL="INFO"))
    probe = ClusterProbe(opened(namespace.kubeconfig("responder")), TABLE, SystemClock())
    found = await seen(probe, lambda now: now.configmaps)
    now = status(found)
    assert now.nodes == () and now.secrets == ()
    for what in ("nodes: ", "secrets: ", "pods: "):
        assert any(note.startswith(what) for note in now.notes), now.notes
    checks = await probe.diagnose()
    assert any(each.ok is None and "nodes" in each.detail for each in checks)


async def test_an_empty_namespace_is_told_from_one_that_is_not_there(namespace, opened) -> None:
    kube = opened(namespace.kubeconfig(), namespace="nowhere")
    found = await seen(ClusterProbe(kube, TABLE, SystemClock()), lambda now: now.notes)
    assert found.severity is Severity.UNKNOWN and "there is no namespace nowhere" in found.summary


async def test_a_server_that_is_lost_is_no_reading_and_comes_back(start_cluster, opened) -> None:
    server = start_cluster()
    kube = opened(server.kubeconfig("admin", namespace="default"))
    probe = ClusterProbe(kube, TABLE, SystemClock())
    await seen(probe, lambda now: now.nodes)
    server.stop_api()
    with pytest.raises(CockpitError, match=r"\(since \d\d:"):
        async with asyncio.timeout(40):
            while True:
                await probe.probe()
                await asyncio.sleep(0.05)
    await asyncio.to_thread(server.start_api)
    async with asyncio.timeout(60):
        while True:
            try:
                found = await probe.probe()
            except CockpitError:
                await asyncio.sleep(0.1)
                continue
            break
    assert status(found).nodes

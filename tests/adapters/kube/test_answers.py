"""An API server that hangs with its connections open is noticed, though no watch and no log stream says a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cockpit.adapters.kube.podlogs import PodLogs
from cockpit.adapters.kube.workloads import WorkloadsProbe
from cockpit.clock import SystemClock
from cockpit.errors import TimedOut
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import LogSource

from ...servers.kube.fixtures import make_namespace
from ...servers.kube.server import KubeServer
from ...servers.kube.things import workload
from .conftest import Opener


async def test_a_server_that_hangs_is_no_fresh_reading(
    start_cluster: Callable[..., KubeServer], opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.adapters.kube.kube.HEARD_S", 0.0)
    server = await asyncio.to_thread(start_cluster)
    space = await asyncio.to_thread(make_namespace, server)
    await asyncio.to_thread(space.apply, workload("api", replicas=1))
    await asyncio.to_thread(space.rolled_out, "api")
    kube = opened(space.kubeconfig(), timeout=2.0)
    probe = WorkloadsProbe(kube, KubernetesSource(name="shop", timeout=10.0), SystemClock())
    logs = PodLogs(
        kube, LogSource(name="pods", type="kubernetes", cluster="shop", workload="deployment/api"), SystemClock()
    )
    await probe.probe()
    await logs.read()
    server.pause_api()
    for ask in (probe.probe, logs.read):
        with pytest.raises(TimedOut, match="answer within 2 s"):
            await ask()
    server.resume_api()
    assert (await probe.probe()).payload is not None
    await logs.read()
    await logs.close()
    await probe.close()

"""Gateways to the test cluster and to servers that misbehave; all closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.profile.kube import KubernetesSource

from .raw import RawServer

Opener = Callable[..., Kube]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """`opened(kubeconfig, context=..., timeout=...)`: a Kube."""
    made: list[Kube] = []

    def one(kubeconfig: Path, **more: Any) -> Kube:
        fields = {"name": "shop", "kubeconfig": str(kubeconfig), "timeout": 10.0, **more}
        made.append(Kube(KubernetesSource(**fields), SystemClock()))
        return made[-1]

    yield one
    for each in made:
        await each.close()


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    """A server on loopback that answers whatever a test makes it answer."""
    server = await RawServer.start()
    yield server
    await server.close()

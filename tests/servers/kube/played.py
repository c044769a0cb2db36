"""The sandbox's cluster for tests that speak to it from another thread: what KubeServer offers, as far as needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from cockpit.sandbox.kube.cluster import KubeCluster

from .client import KubeClient

T = TypeVar("T")
_DEADLINE_S = 30.0


class PlayedServer:
    """On an event loop of its own, in a thread."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="played-cluster", daemon=True)
        self._clients: list[KubeClient] = []
        self.cluster: KubeCluster

    @classmethod
    def start(cls, home: Path) -> PlayedServer:
        """Running, with two nodes."""
        server = cls(home)
        server._thread.start()
        server.cluster = server.run(server._started())
        return server

    async def _started(self) -> KubeCluster:
        cluster = KubeCluster()
        await cluster.start()
        return cluster

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """On its loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE_S)

    @property
    def url(self) -> str:
        return self.cluster.api.url

    def token(self, user: str = "admin") -> str:
        return self.cluster.api.tokens[user]

    def client(self, user: str = "admin") -> KubeClient:
        """Closed with the server."""
        self._clients.append(KubeClient(self.url, self.token(user), None))
        return self._clients[-1]

    def kubeconfig(self, user: str = "admin", *, context: str = "test", namespace: str = "default") -> Path:
        """Written into the server's own folder."""
        place = self.home / f"{user}.{context}.{namespace}.kubeconfig"
        return self.cluster.kubeconfig(place, context, namespace, user)

    def stop(self) -> None:
        """All of it."""
        for client in self._clients:
            client.close()
        self.run(self.cluster.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DEADLINE_S)
        self._loop.close()

"""The test cluster for pytest: one a process (so one a worker), a namespace a test.

`tests/conftest.py` brings the fixtures into every folder; nothing starts before a test asks for it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from cockpit.sandbox.process import NoBinary

from .client import KubeClient, KubeError, Object
from .server import KubeServer, Options

T = TypeVar("T")

_LOOK_S = 0.05
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
_numbers = itertools.count(1)


def until(condition: Callable[[], T], deadline_s: float = 60.0) -> T:
    """What the condition answers as soon as that is true. Not for the event loop: see `until_async`."""
    end = time.monotonic() + deadline_s
    while not (answer := _asked(condition)):
        if time.monotonic() > end:
            raise AssertionError(f"not so within {deadline_s:.0f} s: {condition()!r}")
        time.sleep(_LOOK_S)
    return answer


async def until_async(condition: Callable[[], T], deadline_s: float = 30.0) -> T:
    """The same where the event loop has to go on."""
    end = time.monotonic() + deadline_s
    while not (answer := await asyncio.to_thread(_asked, condition)):
        if time.monotonic() > end:
            raise AssertionError(f"not so within {deadline_s:.0f} s: {condition()!r}")
        await asyncio.sleep(_LOOK_S)
    return answer


def _asked(condition: Callable[[], T]) -> T | None:
    """None while the server refuses or cannot be reached."""
    try:
        return condition()
    except (KubeError, httpx.HTTPError, LookupError):
        return None


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of one test, and what a test does there."""

    server: KubeServer
    client: KubeClient  # admin's
    name: str

    def path(self, rest: str, group: str = "") -> str:
        """`path("pods/x")`, `path("deployments/api", "apps/v1")`."""
        return f"{f'/apis/{group}' if group else '/api/v1'}/namespaces/{self.name}/{rest}"

    def get(self, rest: str, group: str = "", **query: str) -> Any:
        """The object (or list) at that path."""
        return self.client.get(self.path(rest, group), **query)

    def apply(self, *things: Object) -> list[Object]:
        """Make or change them, here."""
        return self.client.apply(*things, namespace=self.name)

    def pods(self, selector: str = "") -> list[Object]:
        """Those that are not being deleted, by label selector."""
        query = {"labelSelector": selector} if selector else {}
        found = self.client.items(self.path("pods"), **query)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def annotate(self, rest: str, group: str = "", **notes: str | None) -> None:
        """Tell the node what to play: `annotate("pods/x", behaviour="crash")`."""
        self.client.annotate(self.path(rest, group), **notes)

    def rolled_out(self, name: str, kind: str = "deployments", deadline_s: float = 150.0) -> Object:
        """The workload when all its replicas are of the present template and available."""

        def done() -> Object | None:
            thing: Object = self.get(f"{kind}/{name}", "apps/v1")
            status, wanted = thing.get("status", {}), thing["spec"].get("replicas")
            if kind == "daemonsets":
                wanted = status["desiredNumberScheduled"]
                have = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
                counts = (*have, status["currentNumberScheduled"])
            else:
                ready = "readyReplicas" if kind == "statefulsets" else "availableReplicas"
                counts = tuple(status.get(key, 0) for key in ("updatedReplicas", ready, "replicas"))
            seen = status.get("observedGeneration", 0) >= thing["metadata"]["generation"]
            return thing if seen and set(counts) == {wanted} else None

        found = until(done, deadline_s)
        assert found is not None
        return found

    def kubeconfig(self, user: str = "admin", context: str = "test") -> Path:
        """A kubeconfig whose context has this namespace."""
        return self.server.kubeconfig(user, context=context, namespace=self.name)


def make_namespace(server: KubeServer, name: str = "") -> Namespace:
    """A new one in which pods can be made at once."""
    client = server.client()
    name = name or f"test-{_worker}-{next(_numbers)}"
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    until(lambda: client.get(account).get("secrets"))  # without its token, pods are refused
    return Namespace(server, client, name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """The cluster of this process. Do not pause or stop this one; use `start_cluster` for that."""
    try:
        server = KubeServer.start(tmp_path_factory.mktemp(f"kube-{_worker}"))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
def start_cluster(tmp_path: Path) -> Iterator[Callable[..., KubeServer]]:
    """Start own clusters: `start_cluster(audit=True, compaction="2s")` (fields of Options); about 6 s each."""
    servers: list[KubeServer] = []

    def start(**options: Any) -> KubeServer:
        try:
            servers.append(KubeServer.start(tmp_path, Options(**options)))
        except NoBinary as reason:
            pytest.skip(str(reason))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def namespace(cluster: KubeServer) -> Iterator[Namespace]:
    """A new namespace; its deletion is begun afterwards, and not waited for."""
    made = make_namespace(cluster)
    yield made
    made.client.delete(f"/api/v1/namespaces/{made.name}")


@pytest.fixture
def kubectl(namespace: Namespace) -> Callable[..., subprocess.CompletedProcess[str]]:
    """kubectl as admin in the test's namespace: `kubectl("get", "pods").stdout`; `user="viewer"` for another."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl on this machine")

    def run(*argv: str, user: str = "admin", stdin: str = "") -> subprocess.CompletedProcess[str]:
        config = namespace.kubeconfig(user)
        return subprocess.run(
            [program, f"--kubeconfig={config}", f"--cache-dir={namespace.server.home / 'kubectl'}", *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.defpath, "HOME": str(namespace.server.home)},
        )

    return run

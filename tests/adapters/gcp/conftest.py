"""A simulated Google Cloud on loopback, with a front that can be told to misbehave and remembers what was sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp import budget
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.clock import SystemClock
from cockpit.profile.schema import CloudRunSource
from cockpit.sandbox.gcp.model import Target, Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

Fault = Callable[[Request], Awaitable[Response | None]]
STARTED = datetime.now(UTC) - timedelta(hours=3)


class Front:
    """Passes requests on to the control plane, unless a fault answers first."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.url = ""

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        for fault in list(self.faults):
            answer = await fault(request)
            if answer is not None:
                return answer
        return await self.plane.handle(request)

    def sent(self, method: str, part: str = "") -> list[Request]:
        return [request for request in self.requests if request.method == method and part in request.path]

    def fail(self, method: str, part: str, *answers: Response) -> None:
        """The next matching requests get these answers."""
        left = list(answers)

        async def fault(request: Request) -> Response | None:
            if left and request.method == method and part in request.path:
                return left.pop(0)
            return None

        self.faults.append(fault)

    async def given_up(self, part: str, work: Coroutine[Any, Any, object]) -> None:
        """Cancel `work` while a request whose path has `part` gets no answer, as a poll's deadline does."""
        reached = asyncio.Event()

        async def hang(request: Request) -> Response | None:
            if part in request.path:
                reached.set()
                await asyncio.Event().wait()
            return None

        self.faults.append(hang)
        task = asyncio.ensure_future(work)
        await reached.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.faults.remove(hang)


@pytest.fixture(autouse=True)
def as_documented(documented: None) -> None:
    """What the local control planes are asked, and what they answer, is held against Google's documents."""


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane(settle_s=0.02)
    service = plane.run.seed(
        "shop",
        Template("europe-docker.pkg.dev/demo/shop:v1", revision="shop-00001-good"),
        created=STARTED,
        creator="ann@shop.example",
    )
    plane.run.seed_revision(
        service,
        Template("europe-docker.pkg.dev/demo/shop:v2", revision="shop-00002-bad", max_instances=10),
        created=STARTED + timedelta(hours=2),
        creator="bob@shop.example",
    )
    service.traffic = (Target(100), Target(0, "shop-00001-good", "canary"))
    plane.run.seed_revision(
        service,
        Template("europe-docker.pkg.dev/demo/shop:v3", revision="shop-00003-worse"),
        created=STARTED + timedelta(hours=2, minutes=50),
        creator="eve@shop.example",
    )
    yield plane
    await plane.close()


@pytest.fixture
async def front(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    front = Front(plane)
    async with await HttpServer.start(front.handle) as server:
        front.url = server.url
        monkeypatch.setattr(budget, "_budgets", {})  # the port may have been an earlier test's
        yield front


@pytest.fixture
def source(front: Any) -> CloudRunSource:
    return CloudRunSource(
        name="shop",
        project="demo-shop",
        region="europe-west1",
        service="shop",
        endpoint=front.url,
        timeout=3,
    )


@pytest.fixture
async def adapter(source: CloudRunSource) -> AsyncIterator[CloudRunService]:
    adapter = CloudRunService(source, None, SystemClock())
    yield adapter
    await adapter.close()

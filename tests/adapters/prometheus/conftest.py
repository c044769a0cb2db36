"""A real Prometheus and a small fake that have measured the same, and boards on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from cockpit.adapters.prometheus.board import PrometheusBoard
from cockpit.clock import ManualClock
from cockpit.profile.kube import PrometheusSource
from cockpit.sandbox.process import NoBinary

from ...servers.prometheus import shop
from ...servers.prometheus.fake import FakePrometheus
from ...servers.prometheus.server import PrometheusServer

Maker = Callable[..., PrometheusBoard]


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """The real one of this process."""
    try:
        server = PrometheusServer.start(tmp_path_factory.mktemp("prometheus"))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
async def fake() -> AsyncIterator[FakePrometheus]:
    """Answers as a test plans it."""
    made = FakePrometheus()
    await made.start()
    yield made
    await made.close()


@pytest.fixture(params=["real", "fake"])
def url(request: pytest.FixtureRequest) -> str:
    """Of the one and of the other."""
    made: PrometheusServer | FakePrometheus
    made = request.getfixturevalue("prometheus" if request.param == "real" else "fake")
    return made.url


@pytest.fixture
async def board() -> AsyncIterator[Maker]:
    """`board(url, [panel, ...], ago_s=0, **source)`; the moment is that of the measurements."""
    made: list[PrometheusBoard] = []

    def one(url: str, panels: list[dict[str, Any]], later_s: float = 0.0, **more: Any) -> PrometheusBoard:
        table = {"name": "shop", "url": url, "window": 3600, "timeout": 10, "panel": panels, **more}
        clock = ManualClock(shop.NOW + timedelta(seconds=later_s))
        made.append(PrometheusBoard(PrometheusSource.model_validate(table), clock))
        return made[-1]

    yield one
    for each in made:
        await each.close()

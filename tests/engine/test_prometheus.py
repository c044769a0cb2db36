"""Prometheus in the engine: asleep until wanted, bounds as findings, looks, a port-forward opened and closed."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.engine.binding import bind
from cockpit.engine.engine import Engine
from cockpit.engine.names import names_of
from cockpit.model.look import LookRequest
from cockpit.model.metrics import MetricsStatus
from cockpit.model.severity import Freshness, Severity
from cockpit.profile.schema import Profile
from cockpit.sandbox.http import Response

from ..servers.kube import things
from ..servers.kube.fixtures import Namespace, until
from ..servers.prometheus.fake import FakePrometheus

SOURCE = "prometheus/shop"
ERRORS = 'rate(http_requests_total{status=~"5.."}[5m])'


async def answering() -> FakePrometheus:
    """One that has just measured."""
    made = FakePrometheus()
    await made.start()
    now = time.time()
    rows = [{"metric": {"pod": "api-0"}, "values": [[now - 15, "0.5"], [now, "0.7"]]}]
    made.plan[ERRORS] = Response.of({"status": "success", "data": {"resultType": "matrix", "result": rows}})
    rows = [{"metric": {}, "value": [now, f"{now:.3f}"]}]
    made.plan["max(timestamp(up))"] = Response.of(
        {"status": "success", "data": {"resultType": "vector", "result": rows}}
    )
    return made


@pytest.fixture
async def fake() -> AsyncIterator[FakePrometheus]:
    made = await answering()
    yield made
    await made.close()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Paths of sockets are short by law; those of pytest grow with each run and process."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)


def engine(folder: Path, table: dict[str, Any], **more: Any) -> Engine:
    return Engine(profile(table, **more), state_dir=folder)


def profile(table: dict[str, Any], **more: Any) -> Profile:
    board = {"name": "shop", "panel": [{"title": "Errors", "query": ERRORS, "unit": "1/s", **more}], **table}
    tables: dict[str, Any] = {"system": "shop", "environment": "test", "prometheus": [board]}
    if "kubernetes" in table:
        tables["kubernetes"] = board.pop("kubernetes")
    return Profile.model_validate(tables)


async def fresh(made: Engine) -> MetricsStatus:
    changed = asyncio.Event()
    leave = made.hub.subscribe(lambda _: changed.set())
    async with asyncio.timeout(30):
        while (state := made.hub.state(SOURCE)) is None or state.freshness is not Freshness.FRESH:
            await changed.wait()
            changed.clear()
    leave()
    assert state.reading is not None and isinstance(state.reading.payload, MetricsStatus)
    return state.reading.payload


async def test_a_board_without_bounds_sleeps_and_may_still_be_asked(fake: FakePrometheus, tmp_path: Path) -> None:
    async with engine(tmp_path, {"url": fake.url}) as made:
        made.hub.poll_now()
        state = made.hub.state(SOURCE)
        assert state is not None and state.asleep
        sight = await made.looks.look(LookRequest("prometheus.query", SOURCE, {"query": ERRORS, "window": "30m"}))
        assert (sight.severity, sight.summary) == (Severity.OK, f"{ERRORS}: 0.7")
        assert sight.lines[0] == f"query: {ERRORS}"
        now = await made.looks.look(LookRequest("prometheus.panels", SOURCE))
        assert now.lines[0].startswith("Errors: 0.7/s")
        made.hub.poll_now(SOURCE)
        assert [panel.title for panel in (await fresh(made)).panels] == ["Errors"]


async def test_a_bound_that_is_broken_is_a_finding_that_names_the_server(
    fake: FakePrometheus, tmp_path: Path
) -> None:
    async with engine(tmp_path, {"url": fake.url}, critical="> 0.6") as made:
        await fresh(made)
        (found,) = [each for each in made.findings() if each.rule == "metric-bound"]
    assert (found.severity, found.source) == (Severity.CRIT, SOURCE)
    assert found.text.startswith("Errors is 0.7/s, > 0.6/s")
    assert found.evidence[0] == ERRORS
    assert found.evidence[2] == f"asked of Prometheus 127.0.0.1:{fake.port}"


def with_pod(namespace: Namespace, name: str, port: int) -> None:
    notes = {"fake-node/port-9090": str(port)}
    namespace.apply(things.pod(name, labels={"app": "prometheus"}, notes=notes))
    until(
        lambda: any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in namespace.get(f"pods/{name}")["status"].get("conditions", [])
        )
    )


async def test_through_a_port_forward_that_is_shown_follows_the_service_and_leaves_nothing(
    namespace: Namespace,
    fake: FakePrometheus,
    tmp_path: Path,
    short_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = short_folder
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    await asyncio.to_thread(with_pod, namespace, "first", fake.port)
    await asyncio.to_thread(namespace.apply, things.service("prometheus", {"app": "prometheus"}, 9090))
    table = {
        "kubernetes": [{"name": "main", "kubeconfig": str(namespace.kubeconfig())}],
        "cluster": "main",
        "forward": "service/prometheus:9090",
        "interval": 1,
    }
    async with engine(tmp_path, table, critical="> 0.6") as made:
        status = await fresh(made)
        assert status.panels[0].series[0].points[-1].value == 0.7
        way = f"through a port-forward to pod/first:9090 in {namespace.name}, context test"
        assert (status.server, status.way) == ("service/prometheus:9090", way)
        assert len(list(temporary.glob("cockpit-*/s"))) == 1
        other = await answering()
        await asyncio.to_thread(with_pod, namespace, "second", other.port)
        await asyncio.to_thread(namespace.client.delete, namespace.path("pods/first"))
        await fake.close()  # as a process ends with its pod
        async with asyncio.timeout(40):
            while "pod/second" not in status.way:
                made.hub.poll_now(SOURCE)
                await asyncio.sleep(0.1)
                status = await fresh(made)
    await other.close()
    assert not list(temporary.glob("cockpit-*")), "socket and folder are gone"


def test_a_runbook_means_the_server_of_that_namespace() -> None:
    forward: dict[str, Any] = {
        "kubernetes": [{"name": "main", "context": "c", "namespace": "shop"}],
        "cluster": "main",
    }
    forward |= {"namespace": "monitoring", "forward": "pod/prometheus-0:9090"}
    names = names_of(profile(forward))
    assert names[SOURCE] == {"context": "c", "namespace": "monitoring"}
    assert bind({"namespace": "monitoring"}, (), [SOURCE], names, {}).sources == (SOURCE,)
    assert bind({"namespace": "other"}, (), [SOURCE], names, {}).sources == ()
    names = names_of(profile({"url": "https://prometheus.example/base"}))
    assert bind({"url": "https://prometheus.example:443"}, (), [SOURCE], names, {}).sources == (SOURCE,)
    assert bind({"url": "https://other.example"}, (), [SOURCE], names, {}).sources == ()

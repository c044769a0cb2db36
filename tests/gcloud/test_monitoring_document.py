"""What is asked of Cloud Monitoring over gRPC, and what the local one answers, in JSON against Google's document."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cockpit.adapters.gcp.metricqueries import queries_of
from cockpit.adapters.gcp.metricwire import request_of, series_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.clock import SystemClock
from cockpit.profile.schema import Profile
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.measurements import Measurements, Subject
from cockpit.sandbox.shop.meter import Meter

from .discovery import Discovery, Exchange

PLACE = {"project": "demo-shop", "region": "europe-west1"}
OWN = {"title": "Orders", "metric": "run.googleapis.com/request_count", "align": "p95", "by": ["metric.labels.x"]}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """As the parameters of a query: "aggregation.groupByFields"."""
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from flat(inner, f"{name}.{key}" if name else key)


async def test_every_question_and_answer_is_one_of_the_document(
    discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.cloud.monitoring_v3")
    from google.cloud.monitoring_v3.types import ListTimeSeriesRequest
    from google.protobuf.json_format import MessageToDict

    answers: list[Any] = []

    def kept(message: Any) -> Any:
        answers.append(MessageToDict(message))
        return series_of(message)

    monkeypatch.setattr("cockpit.adapters.gcp.monitoring.series_of", kept)
    plane = ControlPlane(settle_s=0.02)
    await plane.start()
    board = {"name": "all", "project": "demo-shop", "endpoint": plane.monitoring.url, "vertex": True, "panel": [OWN]}
    tables = {
        "system": "shop",
        "environment": "test",
        "cloud_run": [{"name": "shop", "service": "shop", **PLACE}],
        "cloud_sql": [{"name": "db", "project": "demo-shop", "instance": "orders"}],
        "memorystore": [{"name": "cache", "instance": "cache", **PLACE}],
        "metrics": [board],
    }
    profile = Profile.model_validate(tables)
    where = {"resource.labels.service_name": "shop", "resource.labels.location": "europe-west1"}
    subject = Subject(where, {"resource.labels.database_id": "demo-shop:orders"}, {})
    Measurements(plane.monitoring.store, subject, Meter(), 20.0).write_past(time.time(), "shop-00002")
    (source,) = profile.metrics
    queries = queries_of(profile, source)
    adapter = MetricsBoard(source, queries, SystemClock())
    try:
        await adapter.probe()
    finally:
        await adapter.close()
        await plane.close()

    faults: list[str] = []
    for query in queries:
        asked = ListTimeSeriesRequest(request_of("demo-shop", query, datetime.now(UTC), 3600.0))
        said = MessageToDict(ListTimeSeriesRequest.pb(asked))
        path = f"/v3/{said.pop('name')}/timeSeries"
        for name, value in flat(said):
            for each in value if isinstance(value, list) else [value]:
                faults += discovery.faults(Exchange("GET", path, {name: str(each)}))
        assert {"filter", "interval", "aggregation", "pageSize"} <= said.keys()
    assert len(queries) > 20 and faults == []
    assert len(answers) > 5
    listed = Exchange("GET", "/v3/projects/demo-shop/timeSeries", {}, None, 200, {"timeSeries": answers})
    assert discovery.faults(listed) == []
    wrong = Exchange("GET", listed.path, {"aggregation.perSeriesAligner": "ALIGN_SIDEWAYS"})
    assert len(discovery.faults(wrong)) == 1

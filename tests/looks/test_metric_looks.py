"""Looks at metrics: panels in words, a question of a runbook asked once, and the commands that they stand in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cockpit.adapters.gcp.metricqueries import MetricQuery
from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused
from cockpit.looks import metrics
from cockpit.looks.book import LookBook
from cockpit.model.command import Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series
from cockpit.model.point import Point
from cockpit.model.reading import Observation, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "metrics/shop"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
LATENCY = MetricPanel(
    "api latency",
    "ms",
    (Series("P95", (Point(AT - 90, 80.0), Point(AT - 30, 120.0))), Series("P99", (Point(AT - 30, 2950.0),))),
    Severity.CRIT,
    "run.googleapis.com/request_latencies",
    "> 500",
    "> 2000",
    AT - 30,
    key="latency",
    for_s=60.0,
)
LAG = MetricPanel(
    "orders SQL replication lag", "s", (), Severity.UNKNOWN, failure="denied", hint="ask Ann", key="lag"
)
ERRORS = MetricPanel("api 5xx by revision", "1/s", (), Severity.OK, quiet=True, key="5xx")
OLD = MetricPanel("cart Redis clients", "", (Series("", (Point(AT - 600, 6.0),)),), Severity.UNKNOWN, key="old")
STATUS = MetricsStatus("pay", (LATENCY, ERRORS, LAG, OLD), 3600.0, ("a note",))


class Board:
    def __init__(self, kind: tuple[str, str] = ("DELTA", "INT64"), panel: MetricPanel = LATENCY) -> None:
        self.kind = kind
        self.panel = panel
        self.probes = 0
        self.asked: list[tuple[MetricQuery, float]] = []

    async def probe(self) -> Observation:
        self.probes += 1
        return Observation(Severity.CRIT, "api latency 2.95 s", STATUS)

    async def ask(self, query: MetricQuery, window_s: float) -> MetricPanel:
        self.asked.append((query, window_s))
        return replace(self.panel, title=query.cuts[0].title, unit=query.unit)

    async def describe(self, metric: str) -> tuple[str, str]:
        return self.kind

    async def close(self) -> None:
        return None


def book(board: Board, age_s: float | None = None) -> LookBook:
    reading = Reading(SOURCE, SourceKind.METRICS, NOW, 0.1, Severity.CRIT, "read before", STATUS)
    state = SourceState(SOURCE, SourceKind.METRICS, "shop", 60, asleep=True)
    if age_s is not None:
        fresh = Freshness.FRESH if age_s < 180 else Freshness.STALE
        state = SourceState(SOURCE, SourceKind.METRICS, "shop", 60, reading, freshness=fresh, age_s=age_s)
    return LookBook(metrics.SPECS, metrics.lookers(SOURCE, board, lambda _: state, ManualClock(NOW)))


async def look(board: Board, name: str, age_s: float | None = None, **params: str) -> Sight:
    return await book(board, age_s).look(LookRequest(name, SOURCE, params))


async def test_each_panel_in_a_line() -> None:
    sight = await look(Board(), "metrics.panels")
    assert (sight.severity, sight.summary) == (Severity.CRIT, "api latency 2.95 s")
    assert sight.lines == (
        "api latency: P95 120 ms, P99 2.95 s  bound > 2 s  crit  (30 s old)",
        "api 5xx by revision: none",
        "orders SQL replication lag: denied  unknown",
        "cart Redis clients: 6  unknown  (nothing for 10 min)",
        "a note",
    )


async def test_a_fresh_reading_is_not_asked_for_again_and_an_old_one_is() -> None:
    board = Board()
    assert (await look(board, "metrics.panels", age_s=30)).summary == "read before"
    assert board.probes == 0
    assert (await look(board, "metrics.panels", age_s=900)).summary == "api latency 2.95 s"
    assert board.probes == 1


async def test_one_panel_with_all_that_is_known_of_it() -> None:
    sight = await look(Board(), "metrics.panels", panel="latency")
    assert sight.lines == (
        "metric: run.googleapis.com/request_latencies",
        "bounds: warn > 500 ms, critical > 2 s, for 60 s",
        "broken for 30 s",
        "P95: 120 ms 30 s ago, from 80 ms to 120 ms, 2 points",
        "P99: 2.95 s 30 s ago, from 2.95 s to 2.95 s, 1 points",
    )
    assert (await look(Board(), "metrics.panels", panel="lag")).lines[-1] == "failed: denied. ask Ann"
    now = metrics.lookers(SOURCE, Board(), lambda _: None, ManualClock(NOW))[0]
    choices = await now.choices("panel")
    assert [choice.recommended for choice in choices] == [True, False, False, False]


async def test_a_panel_that_there_is_not() -> None:
    with pytest.raises(NotFound) as caught:
        await look(Board(), "metrics.panels", panel="nonsense")
    assert "api latency" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        await look(Board(), "metrics.panels", panel="Vertex AI quota used")
    assert "vertex = true" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "aligner", "said"),
    [
        (("DELTA", "INT64"), "ALIGN_RATE", "a second"),
        (("CUMULATIVE", "DOUBLE"), "ALIGN_RATE", "a second"),
        (("DELTA", "DISTRIBUTION"), "ALIGN_PERCENTILE_99", "99th percentile"),
        (("GAUGE", "INT64"), "ALIGN_MEAN", ""),
        (("GAUGE", "BOOL"), "ALIGN_FRACTION_TRUE", ""),
    ],
)
async def test_a_question_is_aligned_as_the_metric_needs_it(kind: tuple[str, str], aligner: str, said: str) -> None:
    board = Board(kind)
    sight = await look(board, "metrics.query", filter='metric.type="x.googleapis.com/y/z"', window="30m")
    ((query, window_s),) = board.asked
    assert (query.aligner, query.reducer, window_s) == (aligner, "REDUCE_NONE", 1800.0)
    assert query.filter == 'metric.type="x.googleapis.com/y/z"'
    assert said in sight.summary


async def test_a_question_without_an_answer_is_unknown_not_fine() -> None:
    board = Board(panel=replace(LATENCY, series=(), severity=Severity.OK))
    sight = await look(board, "metrics.query", filter='metric.type="x.googleapis.com/y"')
    assert (sight.severity, sight.summary) == (Severity.UNKNOWN, "y: no point in the window")


@pytest.mark.parametrize(
    "params",
    [
        {"filter": 'resource.type="x"'},
        {"filter": 'metric.type="a.b/c" OR metric.type="a.b/d"'},
        {"filter": 'metric.type="a.b/c"', "window": "soon"},
        {"filter": 'metric.type="a.b/c"', "window": "30d"},
    ],
)
async def test_a_question_that_makes_no_sense_is_not_asked(params: dict[str, str]) -> None:
    board = Board()
    with pytest.raises(Refused):
        await look(board, "metrics.query", **params)
    assert not board.asked


def understood(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    found = [made for each in metrics.REPLACES for call in command.calls if (made := each.understand(call))]
    return found[0] if found else None


def test_the_list_of_time_series_that_gcloud_does_not_have() -> None:
    intent = understood(
        "gcloud monitoring time-series list --project=pay --filter='metric.type=\"a.b/c\"' --format=json"
    )
    assert intent is not None
    assert (intent.name, dict(intent.target)) == ("metrics.query", {"project": "pay"})
    assert intent.params["filter"] == 'metric.type="a.b/c"'
    assert intent.differs.startswith("gcloud has no such command")


def test_what_is_left_open_in_the_filter_is_asked_for() -> None:
    wanted = 'metric.type="a.b/c" AND resource.labels.service_name="<name>"'
    text = f"gcloud monitoring time-series list --filter='{wanted}'"
    intent = understood(text)
    assert intent is not None
    assert intent.params["filter"].endswith('service_name="{fill1}"')
    assert intent.asks["fill1"].name == "name"


def test_the_quota_of_vertex_ai() -> None:
    intent = understood(
        "gcloud alpha services quota list --service=aiplatform.googleapis.com --consumer=projects/pay"
    )
    assert intent is not None
    assert (intent.name, dict(intent.target)) == ("metrics.panels", {"project": "pay"})


@pytest.mark.parametrize(
    "text",
    [
        "gcloud monitoring time-series list",
        "gcloud monitoring time-series list --filter='resource.type=\"x\"'",
        "gcloud monitoring time-series list --filter='metric.type=\"a.b/c\"' --interval-end-time=2020-01-01",
        "gcloud monitoring time-series list --filter='metric.type=\"a.b/c\"' --impersonate-service-account=x@y",
        "gcloud monitoring dashboards list",
        "gcloud alpha services quota list --service=run.googleapis.com --consumer=projects/pay",
        "gcloud alpha services quota list --service=aiplatform.googleapis.com --consumer=folders/1",
        "gcloud alpha services quota update --service=aiplatform.googleapis.com --consumer=projects/pay",
    ],
)
def test_what_says_more_or_something_else_is_left_alone(text: str) -> None:
    assert understood(text) is None

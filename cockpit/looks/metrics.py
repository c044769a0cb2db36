"""Looks at metrics: what the panels say, and Cloud Monitoring asked with a filter of a runbook."""

from __future__ import annotations

import re
from typing import Protocol

from cockpit.adapters.capabilities import Probing
from cockpit.adapters.gcp.commandline import cloud_call
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.looks.bound import BoundLook, StateOf
from cockpit.looks.filling import filled, marked, slots
from cockpit.looks.looker import Looker
from cockpit.looks.panels import PanelsNow, details, values
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.metrics import MetricPanel
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.fields import parse_duration

PANELS = LookSpec(
    "metrics.panels",
    "Metrics now",
    SourceKind.METRICS,
    "What each panel says now: last value of each line, bound, age of the last point.",
    (Param("panel", ParamKind.CHOICE, "only this one, with all that is known of it", required=False),),
    live=False,
)
QUERY = LookSpec(
    "metrics.query",
    "Metric question",
    SourceKind.METRICS,
    "Asks Cloud Monitoring once for the time series of a filter, aligned as the metric's kind needs it.",
    (
        Param("filter", ParamKind.TEXT, 'metric.type="run.googleapis.com/request_count" and labels'),
        Param("window", ParamKind.DURATION, "how far back", required=False, default="1h"),
        *slots("filter"),
    ),
    live=False,
)
SPECS = (PANELS, QUERY)

_NO_SUCH = (
    "gcloud has no such command; the same filter is asked of Cloud Monitoring, one point a minute of the last hour."
)
_USED = "It shows how much of the quota is used, request by request, not the list of limits."
_QUOTA_PANEL = "Vertex AI quota used"
_MISSING = {_QUOTA_PANEL: "vertex = true under [[metrics]] in the profile adds it"}
_TYPE = re.compile(r"\bmetric\.type\s*=\s*\"?([a-z][\w.-]*/[\w./%:-]+)\"?")
_VERTEX = "aiplatform.googleapis.com"
_SHARES = ("/utilization", "/utilizations", "usage_ratio", "hit_ratio")
_ALIGNED = {
    ("GAUGE", "BOOL"): ("ALIGN_FRACTION_TRUE", "REDUCE_NONE"),
    ("GAUGE", "DISTRIBUTION"): ("ALIGN_PERCENTILE_99", "REDUCE_NONE"),
    ("GAUGE", "INT64"): ("ALIGN_MEAN", "REDUCE_NONE"),
    ("GAUGE", "DOUBLE"): ("ALIGN_MEAN", "REDUCE_NONE"),
    ("DELTA", "DISTRIBUTION"): ("ALIGN_PERCENTILE_99", "REDUCE_NONE"),
    ("CUMULATIVE", "DISTRIBUTION"): ("ALIGN_PERCENTILE_99", "REDUCE_NONE"),
}


class Board(Probing, Protocol):
    """Can be asked for all its panels, and for one metric more."""

    async def ask(self, query: MetricQuery, window_s: float) -> MetricPanel:
        """One question. Raises CockpitError."""

    async def describe(self, metric: str) -> tuple[str, str]:
        """Kind and type of value: ("DELTA", "DISTRIBUTION"). Raises CockpitError."""


def _asked(call: Call) -> Intent | None:
    """gcloud monitoring time-series list --filter=FILTER, which gcloud does not have."""
    found = cloud_call(call, "monitoring time-series list", "", {"--project": "project"})
    if found is None or found.given or set(found.options) - {"--filter", "--limit", "--page-size"}:
        return None
    wanted = found.options.get("--filter", "")
    if not _TYPE.search(wanted):
        return None
    text = marked(wanted, [each for each in call.placeholders if each.spelled in wanted])
    if text is None:
        return None
    return Intent(QUERY.id, SourceKind.METRICS, found.target, {"filter": text[0]}, text[1], _NO_SUCH)


def _quota_asked(call: Call) -> Intent | None:
    """gcloud alpha services quota list --service=aiplatform.googleapis.com."""
    places = {"--project": "project"}
    found = cloud_call(call, "services quota list", "", places)
    if found is None or found.given or set(found.options) - {"--service", "--consumer"}:
        return None
    if found.options.get("--service") != _VERTEX:
        return None
    target = dict(found.target)
    consumer = found.options.get("--consumer", "")
    if consumer and not consumer.startswith("projects/"):
        return None
    if consumer and not any(each.spelled in consumer for each in call.placeholders):
        target["project"] = consumer.removeprefix("projects/")
    return Intent(PANELS.id, SourceKind.METRICS, target, {"panel": _QUOTA_PANEL}, differs=_USED)


REPLACES = (
    Replacement(QUERY.id, "gcloud", Tier.T0, _asked),
    Replacement(PANELS.id, "gcloud", Tier.T0, _quota_asked),
)


def lookers(source_id: str, board: Board, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [PanelsNow(PANELS, source_id, board, state_of, clock, _MISSING), MetricQuestion(source_id, board, clock)]


class MetricQuestion(BoundLook):
    """metrics.query."""

    def __init__(self, source: str, board: Board, clock: Clock) -> None:
        super().__init__(QUERY, source)
        self._board = board
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a filter without one metric, CockpitError."""
        wanted = filled(request, "filter")
        types = set(_TYPE.findall(wanted))
        if len(types) != 1:
            raise Refused("parameters", "the filter must name exactly one metric.type")
        try:
            window_s = parse_duration(request.get("window") or "1h")
        except ValueError as error:
            raise Refused("parameters", f"window {error}") from None
        if not 300 <= window_s <= 7 * 86400:
            raise Refused("parameters", "window must be from 5m to 7d")
        (metric,) = types
        aligner, reducer = _ALIGNED.get(await self._board.describe(metric), ("ALIGN_RATE", "REDUCE_NONE"))
        unit = "%" if metric.endswith(_SHARES) else "ms" if metric.endswith("latencies") else ""
        unit = "1/s" if aligner == "ALIGN_RATE" else unit
        cut = Cut("asked", metric.partition("/")[2], (0, 0))
        panel = await self._board.ask(MetricQuery(metric, wanted, aligner, reducer, (), (cut,), unit), window_s)
        now = self._clock.now()
        how = {"ALIGN_RATE": "a second", "ALIGN_PERCENTILE_99": "99th percentile"}.get(aligner, "")
        said = f"{panel.title}{f' ({how})' if how else ''}: {values(panel)}"
        if not panel.series:
            said = f"{panel.title}: no point in the window"
        severity = panel.severity if panel.series else Severity.UNKNOWN
        return Sight(severity, said, now, tuple(details(panel, now.timestamp())))

"""Looks at metrics: what the panels say, and Cloud Monitoring asked with a filter of a runbook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from cockpit.adapters.capabilities import Probing
from cockpit.adapters.gcp.commandline import cloud_call
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused
from cockpit.looks.bound import LINES, BoundLook, StateOf
from cockpit.looks.filling import filled, marked, slots
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.metrics import LATE_S, MetricPanel, MetricsStatus, Series, bound_in_unit, in_unit
from cockpit.model.severity import Freshness, Severity, SourceKind
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
    return [PanelsNow(source_id, board, state_of, clock), MetricQuestion(source_id, board, clock)]


class PanelsNow(BoundLook):
    """metrics.panels: the last reading while it is fresh, else asked."""

    def __init__(self, source: str, board: Board, state_of: StateOf, clock: Clock) -> None:
        super().__init__(PANELS, source)
        self._board = board
        self._state_of = state_of
        self._clock = clock

    async def choices(self, param: str) -> Sequence[Choice]:
        """The panels of the last reading, what is wrong recommended."""
        if param != "panel":
            return ()
        status, _, _ = await self._status()
        return [
            Choice(panel.key, f"{panel.title}: {_values(panel)}", panel.severity in (Severity.WARN, Severity.CRIT))
            for panel in status.panels
        ]

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError where nothing answers, NotFound for a panel that there is not."""
        status, severity, summary = await self._status()
        now = self._clock.now()
        if wanted := request.get("panel"):
            panel = status.panel(wanted)
            if panel is None:
                known = "There are: " + (", ".join(each.title for each in status.panels[:6]) or "none")
                if wanted == _QUOTA_PANEL:
                    known = "vertex = true under [[metrics]] in the profile adds it"
                raise NotFound(f"there is no panel {wanted}", hint=known)
            lines = _details(panel, now.timestamp())
            return Sight(panel.severity, f"{panel.title}: {_values(panel)}", now, tuple(lines))
        lines = [_line(panel, now.timestamp()) for panel in status.panels] + list(status.notes)
        return Sight(severity, summary, now, tuple(lines[:LINES]), len(lines) > LINES)

    async def _status(self) -> tuple[MetricsStatus, Severity, str]:
        state = self._state_of(self._source)
        if state is not None and state.reading is not None and state.freshness is Freshness.FRESH:
            payload = state.reading.payload
            if isinstance(payload, MetricsStatus):
                return payload, state.reading.severity, state.reading.summary
        seen = await self._board.probe()
        if not isinstance(seen.payload, MetricsStatus):
            raise NotFound(f"{self._source} has no panels")
        return seen.payload, seen.severity, seen.summary


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
        said = f"{panel.title}{f' ({how})' if how else ''}: {_values(panel)}"
        if not panel.series:
            said = f"{panel.title}: no point in the window"
        severity = panel.severity if panel.series else Severity.UNKNOWN
        return Sight(severity, said, now, tuple(_details(panel, now.timestamp())))


def _line(panel: MetricPanel, now: float) -> str:
    word = "" if panel.severity is Severity.OK else f"  {panel.severity.word}"
    bound = f"  bound {bound_in_unit(panel.bound, panel.unit)}" if panel.bound else ""
    return f"{panel.title}: {_values(panel)}{bound}{word}{_age(panel, now)}"


def _values(panel: MetricPanel) -> str:
    if panel.failure:
        return panel.failure
    found = [" ".join(filter(None, (each.label, _last(each, panel.unit)))) for each in panel.series[:4]]
    more = len(panel.series) - 4 + panel.more
    if not found:
        return "none" if panel.quiet else "no point"
    return ", ".join(found) + (f" and {more} more" if more > 0 else "")


def _last(series: Series, unit: str) -> str:
    return in_unit(series.last.value if series.last else None, unit)


def _age(panel: MetricPanel, now: float) -> str:
    if panel.newest is None:
        return ""
    age = max(0.0, now - panel.newest)
    return f"  ({age:.0f} s old)" if age < LATE_S else f"  (nothing for {age / 60:.0f} min)"


def _details(panel: MetricPanel, now: float) -> list[str]:
    lines = [f"metric: {panel.metric}"]
    if panel.warn or panel.critical:
        both = (
            f"{word} {bound_in_unit(bound, panel.unit)}"
            for word, bound in (("warn", panel.warn), ("critical", panel.critical))
            if bound
        )
        lines.append(f"bounds: {', '.join(both)}" + (f", for {panel.for_s:.0f} s" if panel.for_s else ""))
    if panel.breach_s:
        lines.append(f"broken for {max(0.0, now - panel.breach_s):.0f} s")
    for series in panel.series:
        values = [point.value for point in series.points]
        last = series.last
        if last is None:
            continue
        low, high = in_unit(min(values), panel.unit), in_unit(max(values), panel.unit)
        name = series.label or "value"
        said = f"{name}: {in_unit(last.value, panel.unit)} {max(0.0, now - last.at):.0f} s ago"
        lines.append(f"{said}, from {low} to {high}, {len(values)} points")
    if panel.more:
        lines.append(f"{panel.more} more series are left out")
    if panel.failure:
        lines.append(f"failed: {panel.failure}. {panel.hint}".rstrip(". "))
    return lines

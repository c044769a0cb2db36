"""Answers of Cloud Monitoring become panels: cut, labelled, ordered, judged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery
from cockpit.adapters.metricbounds import Bound, judge
from cockpit.errors import CockpitError, TimedOut
from cockpit.model.metrics import LATE_S, MetricPanel, MetricsStatus, Series, in_unit
from cockpit.model.point import Point
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity, worst
from cockpit.text import counted

SERIES = 8  # lines of one panel: more cannot be told apart
_AHEAD_S = 60.0  # a point may be so far ahead of this machine's clock


@dataclass(frozen=True, slots=True)
class Answered:
    """One time series as it came: labels by full name ("metric.labels.state"), finite points, oldest first."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]


Answer = Sequence[Answered] | CockpitError


@dataclass(slots=True)
class _Draft:
    query: MetricQuery
    cut: Cut
    series: list[Series] = field(default_factory=list)
    failure: CockpitError | None = None
    matched: bool = False  # some series was there, with points or without


def panels_of(
    queries: Sequence[MetricQuery], answers: Mapping[int, Answer], now: float
) -> tuple[tuple[MetricPanel, ...], tuple[str, ...]]:
    """The panels in their order, and notes. `answers` by the query's place; one that is missing came too late."""
    drafts: dict[str, _Draft] = {}
    ahead = 0
    for number, query in enumerate(queries):
        answer = answers.get(number, TimedOut("no answer before the deadline"))
        for cut in query.cuts:
            draft = drafts.setdefault(cut.key, _Draft(query, cut))
            if isinstance(answer, CockpitError):
                draft.failure = draft.failure or answer
                continue
            mine = [each for each in answer if all(each.labels.get(name) == value for name, value in cut.where)]
            draft.matched = draft.matched or bool(mine)
            for each, label in zip(mine, labels_of(mine, query, cut), strict=True):
                points = tuple(point for point in each.points if point.at <= now + _AHEAD_S)
                ahead += len(each.points) - len(points)
                draft.series.append(Series(label, points))
    shown = [draft for draft in drafts.values() if not (draft.query.optional and not draft.matched)]
    shown.sort(key=lambda draft: draft.cut.order)
    notes = (f"{ahead} points lie in the future and are left out: is this machine's clock right?",) if ahead else ()
    return tuple(_panel(draft, now) for draft in shown), notes


def labels_of(series: Sequence[Answered], query: MetricQuery, cut: Cut) -> list[str]:
    """What the lines of a panel are called: by the labels of the question, else by those that differ."""
    fixed = {name for name, _ in cut.where}
    names = [name for name in query.by if name not in fixed]
    if not names and query.reducer == "REDUCE_NONE":
        every = sorted({name for each in series for name in each.labels})
        names = [name for name in every if len({each.labels.get(name, "") for each in series}) > 1]
    said = [" ".join(filter(None, (each.labels.get(name, "") for name in names))) for each in series]
    return [" ".join(filter(None, (cut.line, label))) for label in said]


def _panel(draft: _Draft, now: float) -> MetricPanel:
    query = draft.query
    series = sorted((each for each in draft.series if each.points), key=lambda each: _rank(each, now))
    warn, critical = _bound(query.warn), _bound(query.critical)
    verdict = judge(series, warn, critical, query.for_s, now, quiet=query.quiet)
    severity = verdict.severity
    if draft.failure is not None:
        severity = max(severity, Severity.UNKNOWN)
    return MetricPanel(
        title=draft.cut.title,
        unit=query.unit,
        series=tuple(sorted(series[:SERIES], key=lambda each: each.label)),
        severity=severity,
        metric=query.metric,
        warn=query.warn,
        critical=query.critical,
        breach_s=verdict.since,
        failure=draft.failure.message if draft.failure is not None else "",
        key=draft.cut.key,
        more=max(0, len(series) - SERIES),
        quiet=query.quiet,
        for_s=query.for_s,
        hint=draft.failure.hint if draft.failure is not None else "",
    )


def _bound(text: str) -> Bound | None:
    return Bound.parse(text) if text else None


def _rank(series: Series, now: float) -> tuple[bool, float, str]:
    """Lines that still go on before those that ended, the highest first."""
    last = series.points[-1]
    return (now - last.at >= LATE_S, -last.value, series.label)


def observed(project: str, panels: tuple[MetricPanel, ...], window_s: float, notes: tuple[str, ...]) -> Observation:
    """The whole with its judgement in one line."""
    if not panels:
        notes = (*notes, f"no panel: the profile names no service of {project} and no metric of its own")
    severity = worst([panel.severity for panel in panels]) if panels else Severity.OK
    return Observation(severity, _summary(panels, severity), MetricsStatus(project, panels, window_s, notes))


def _summary(panels: Sequence[MetricPanel], severity: Severity) -> str:
    if severity in (Severity.CRIT, Severity.WARN):
        lead = next(panel for panel in panels if panel.severity is severity)
        return f"{lead.title} {in_unit(worst_value(lead), lead.unit)}"[:60]
    unknown = sum(panel.severity is Severity.UNKNOWN for panel in panels)
    if unknown:
        return f"{unknown} of {len(panels)} panels unknown"
    return f"{counted(len(panels), 'panel')}"


def worst_value(panel: MetricPanel) -> float | None:
    """The last value that is furthest on the wrong side: the highest, or the lowest where less is worse."""
    values = [series.points[-1].value for series in panel.series if series.points]
    if not values:
        return None
    return min(values) if panel.bound.startswith("<") else max(values)

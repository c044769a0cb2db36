"""All panels of one Prometheus source, asked for together; each fails alone."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.adapters.metricbounds import Bound, judge
from cockpit.adapters.prometheus.answers import Answer, labels_of
from cockpit.adapters.prometheus.client import PrometheusClient, Way
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, TimedOut, Unreachable
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series, in_unit
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity, worst
from cockpit.profile.kube import PrometheusSource, PromPanelSpec
from cockpit.text import clean, counted

POINTS = 240  # of one series: more than a terminal has columns
MOST_POINTS = 2000  # where a bound has to be looked at closer than it is plotted
SERIES = 8  # lines of one panel
LEAST_STEP_S = 5.0
SCRAPED_LATE_S = 120.0  # usual intervals are 15 to 60 s: beyond two of the longest nothing new comes in
_NEWEST = "max(timestamp(up))"
_AHEAD_S = 60.0
_SLACK_S = 15.0


@dataclass(frozen=True, slots=True)
class Question:
    """One query with how it is judged; bounds "" for none."""

    title: str
    query: str
    unit: str = ""
    legend: str = ""
    warn: str = ""
    critical: str = ""
    for_s: float = 0.0
    key: str = ""

    @classmethod
    def of(cls, number: int, spec: PromPanelSpec) -> Question:
        """Of the profile."""
        key, bounds = f"promql/{number}", (spec.warn or "", spec.critical or "")
        return cls(clean(spec.title, 80), spec.query, spec.unit, spec.legend, *bounds, spec.for_, key)

    def step_s(self, window_s: float) -> float:
        """Seconds between two points: as many as can be plotted, more where `for` is short."""
        step = window_s / POINTS
        if self.for_s and (self.warn or self.critical):
            step = max(min(step, self.for_s / 4), window_s / MOST_POINTS)
        return max(LEAST_STEP_S, math.ceil(step))


def guarded(source: PrometheusSource) -> bool:
    """Whether somebody wants to be told of a bound: then it is polled whether or not it is looked at."""
    return any(panel.warn is not None or panel.critical is not None for panel in source.panel)


class PrometheusBoard:
    """One [[prometheus]] table. Nothing is opened before the first question."""

    def __init__(self, source: PrometheusSource, clock: Clock, way: Way | None = None) -> None:
        self._source = source
        self._clock = clock
        self._client = PrometheusClient(source, way)
        self._questions = tuple(Question.of(number, spec) for number, spec in enumerate(source.panel))

    async def probe(self) -> Observation:
        """All panels, up to this moment. Where all fail, so does the poll."""
        now, window_s = self._clock.now().timestamp(), self._source.window
        newest = asyncio.ensure_future(self._newest(now))
        try:
            answers = await asyncio.gather(*(self._one(each, now, window_s) for each in self._questions))
            scraped = await newest
        finally:
            newest.cancel()
        failures = [each for each in answers if isinstance(each, CockpitError)]
        if isinstance(scraped, CockpitError) and len(failures) == len(answers):
            raise _leading([*failures, scraped])
        notes: list[str] = []
        panels = []
        for question, answer in zip(self._questions, answers, strict=True):
            panels.append(panel_of(question, answer, now, window_s))
            if isinstance(answer, Answer):
                notes += [f"{question.title}: {each}" for each in answer.notes]
        notes += _of_scrapes(scraped, now)
        notes += [] if panels else ["no panel: the profile names no query"]
        severity = worst([panel.severity for panel in panels]) if panels else Severity.OK
        if _stands_still(scraped, now):
            severity = max(severity, Severity.UNKNOWN)
        status = MetricsStatus("", tuple(panels), window_s, tuple(notes), self._client.server, self._client.way)
        return Observation(severity, _summary(panels, severity), status)

    async def ask(self, query: str, window_s: float) -> tuple[MetricPanel, tuple[str, ...]]:
        """One query of a runbook: its panel, and what is to be said of it. Raises CockpitError."""
        now = self._clock.now().timestamp()
        question = Question(clean(" ".join(query.split()), 120), query, key="asked")
        answer = await self._client.query_range(query, now - window_s, now, question.step_s(window_s))
        scraped = await self._newest(now)
        notes = [*answer.notes, *_of_scrapes(scraped, now)]
        notes += [self._client.way] if self._client.way else []
        return panel_of(question, answer, now, window_s), tuple(notes)

    async def diagnose(self) -> list[Diagnosis]:
        """Way and server, when it last scraped, then each panel's query."""
        now = self._clock.now().timestamp()
        try:
            version = await self._client.version()
            scraped = await self._newest(now)
            if isinstance(scraped, CockpitError):
                raise scraped
        except CockpitError as error:
            return [Diagnosis("Prometheus", False, error.message, error.hint)]
        what = f"version {version}" if version else "something that answers like Prometheus"
        way = f", {self._client.way}" if self._client.way else ""
        found = [Diagnosis("Prometheus", True, f"{what} at {self._client.server}{way}")]
        for said in _of_scrapes(scraped, now):
            found.append(Diagnosis("scrapes", False, said, "look at the server's own log and disk"))
        for question in self._questions:
            answer = await self._one(question, now, 600.0)
            if isinstance(answer, CockpitError):
                found.append(Diagnosis(question.title, False, answer.message, answer.hint))
            elif not answer.series:
                fix = "check the names of metric and labels; nothing may have happened, too"
                found.append(Diagnosis(question.title, None, "the query finds no series in ten minutes", fix))
            else:
                found.append(Diagnosis(question.title, True, f"{len(answer.series)} series"))
        return found

    async def close(self) -> None:
        """Connections, and the port-forward. Safe to call twice."""
        await self._client.close()

    # Inside

    async def _one(self, question: Question, now: float, window_s: float) -> Answer | CockpitError:
        try:
            return await self._client.query_range(question.query, now - window_s, now, question.step_s(window_s))
        except CockpitError as error:
            return error

    async def _newest(self, now: float) -> float | CockpitError | None:
        """When a target was last scraped; None where the server does not say (it scrapes nothing itself)."""
        try:
            answer = await self._client.query(_NEWEST, now)
        except CockpitError as error:
            return error
        return max((point.value for each in answer.series for point in each.points), default=None)


def panel_of(question: Question, answer: Answer | CockpitError, now: float, window_s: float) -> MetricPanel:
    """An answer, cut, labelled, ordered and judged. A series that has no value for two steps has ended."""
    late_s = 2 * question.step_s(window_s) + _SLACK_S
    failure = answer if isinstance(answer, CockpitError) else None
    series: list[Series] = []
    if isinstance(answer, Answer):
        for each, label in zip(answer.series, labels_of(answer.series, question.legend), strict=True):
            points = each.points
            if points and points[-1].at > now + _AHEAD_S:
                points = tuple(point for point in points if point.at <= now + _AHEAD_S)
            if points:
                series.append(Series(label, points))
    least = question.warn.startswith("<") or question.critical.startswith("<")
    series.sort(key=lambda each: _rank(each, now, late_s, least=least))
    try:
        warn, critical = _bound(question.warn), _bound(question.critical)
    except Misconfigured as error:
        failure, warn, critical = failure or error, None, None
    verdict = judge(series, warn, critical, question.for_s, now, quiet=False, late_s=late_s)
    return MetricPanel(
        title=question.title,
        unit=question.unit,
        series=tuple(sorted(series[:SERIES], key=lambda each: each.label)),
        severity=max(verdict.severity, Severity.UNKNOWN) if failure is not None else verdict.severity,
        metric=clean(" ".join(question.query.split()), 500),
        warn=question.warn,
        critical=question.critical,
        breach_s=verdict.since,
        failure=failure.message if failure is not None else "",
        key=question.key,
        more=max(0, len(series) - SERIES),
        for_s=question.for_s,
        hint=failure.hint if failure is not None else "",
        late_s=late_s,
    )


def _bound(text: str) -> Bound | None:
    return Bound.parse(text) if text else None


def _rank(series: Series, now: float, late_s: float, *, least: bool) -> tuple[bool, float, str]:
    """Lines that still go on before those that ended, the largest first; the smallest where less is worse."""
    last = series.points[-1]
    return (now - last.at >= late_s, last.value if least else -last.value, series.label)


def _stands_still(scraped: float | CockpitError | None, now: float) -> bool:
    return isinstance(scraped, float) and now - scraped > SCRAPED_LATE_S


def _of_scrapes(scraped: float | CockpitError | None, now: float) -> list[str]:
    """Prometheus goes on answering with old values for five minutes after the last scrape: that has to be said."""
    if not isinstance(scraped, float) or not _stands_still(scraped, now):
        return []
    return [f"its newest scrape of any target is {now - scraped:.0f} s old: values may be of then"]


def _leading(failures: Sequence[CockpitError]) -> CockpitError:
    """What explains the most: that nobody answers before what is wrong with one query."""
    first = next((each for each in failures if isinstance(each, Unreachable | TimedOut)), None)
    return first or failures[0]


def _summary(panels: Sequence[MetricPanel], severity: Severity) -> str:
    if severity in (Severity.CRIT, Severity.WARN):
        lead = next(panel for panel in panels if panel.severity is severity)
        values = [each.points[-1].value for each in lead.series if each.points]
        value = (min if lead.bound.startswith("<") else max)(values) if values else None
        return f"{lead.title} {in_unit(value, lead.unit)}"[:60]
    unknown = sum(panel.severity is Severity.UNKNOWN for panel in panels)
    if unknown:
        return f"{unknown} of {len(panels)} panels unknown"
    return "no new scrapes" if severity is Severity.UNKNOWN else f"{counted(len(panels), 'panel')}"

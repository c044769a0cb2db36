"""Time series as Cloud Monitoring keeps them: written point by point, filtered, aligned, reduced.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aggregation, and .../v3/filters. Periods
are counted back from the end of the interval, as documented; a point carries the end of its period.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cockpit.sandbox.gcp.errors import ApiError

Value = float | tuple[float, ...]  # a number (bool as 0 or 1), or the values of a distribution
Reading = tuple[float, Value]  # seconds since the epoch
KEPT = 1500  # points of a series: two hours at five seconds
_TERM = re.compile(r'\s*(?:AND\s+)?([\w.]+)\s*(=|!=)\s*(?:"((?:[^"\\]|\\.)*)"|one_of\(([^)]*)\))\s*', re.DOTALL)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PERCENTILE = re.compile(r"(?:ALIGN|REDUCE)_PERCENTILE_(05|50|95|99)")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a metric is."""

    kind: str  # GAUGE, DELTA
    value: str  # INT64, DOUBLE, BOOL, DISTRIBUTION
    resource: str
    unit: str = "1"


@dataclass(slots=True)
class Stored:
    """One series. Labels by full name: "metric.labels.state", "resource.labels.location"."""

    metric: str
    resource: str
    labels: Mapping[str, str]
    points: deque[Reading] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(frozen=True, slots=True)
class Reduced:
    """One series of an answer, oldest first."""

    metric: str
    labels: Mapping[str, str]
    points: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How to align and reduce."""

    period_s: float
    aligner: str = "ALIGN_NONE"
    reducer: str = "REDUCE_NONE"
    by: tuple[str, ...] = ()


class TimeSeriesStore:
    """All series of one project."""

    def __init__(self, descriptors: Mapping[str, Descriptor]) -> None:
        self.descriptors = descriptors
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], Stored] = {}

    def write(self, metric: str, labels: Mapping[str, str], at: float, value: Value) -> None:
        """One point; later than the last one of its series."""
        key = (metric, tuple(sorted(labels.items())))
        if key not in self._series:
            self._series[key] = Stored(metric, self.descriptors[metric].resource, dict(labels))
        self._series[key].points.append((at, value))

    def query(self, wanted: str, start: float, end: float, how: Aggregation) -> list[Reduced]:
        """The series of a filter between two moments (the start left out). Raises ApiError as the API refuses."""
        terms = parse_filter(wanted)
        metrics = [values for name, sign, values in terms if name == "metric.type" and sign == "="]
        if len(metrics) != 1 or len(metrics[0]) != 1:
            raise ApiError("INVALID_ARGUMENT", "Field filter must specify a single metric.type.")
        metric = metrics[0][0]
        descriptor = self.descriptors.get(metric)
        if descriptor is None:
            raise ApiError("NOT_FOUND", f'Cannot find metric(s) that match type = "{metric}".')
        found = [each for (name, _), each in self._series.items() if name == metric and _matches(each, terms)]
        if how.aligner == "ALIGN_NONE":
            if how.reducer != "REDUCE_NONE":
                raise ApiError("INVALID_ARGUMENT", "A reducer needs an aligner other than ALIGN_NONE.")
            return [_raw(each, start, end) for each in found]
        align = _aligner(how, descriptor)
        aligned = [
            Reduced(metric, each.labels, _aligned(each.points, start, end, how.period_s, align)) for each in found
        ]
        return _reduced([each for each in aligned if each.points], how)


def parse_filter(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, sign, alternatives. Raises ApiError for what this server does not know."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None:
            raise ApiError("INVALID_ARGUMENT", f'The provided filter is invalid at "{text[place : place + 40]}".')
        name = match[1].replace(".label.", ".labels.")
        given = (match[3],) if match[3] is not None else tuple(_TEXT.findall(match[4]))
        found.append((name, match[2], tuple(re.sub(r"\\(.)", r"\1", value) for value in given)))
        place = match.end()
    return found


def _matches(series: Stored, terms: Iterable[tuple[str, str, tuple[str, ...]]]) -> bool:
    for name, sign, values in terms:
        own = {"metric.type": series.metric, "resource.type": series.resource}.get(name, series.labels.get(name, ""))
        if (own in values) is (sign == "!="):
            return False
    return True


def _raw(series: Stored, start: float, end: float) -> Reduced:
    return Reduced(series.metric, series.labels, tuple(point for point in series.points if start < point[0] <= end))


Align = Callable[[Sequence[Value]], Value]


def _aligner(how: Aggregation, descriptor: Descriptor) -> Align:
    spread = descriptor.value == "DISTRIBUTION"
    if how.period_s < 60:
        raise ApiError("INVALID_ARGUMENT", "Field aggregation.alignmentPeriod must be at least 60 seconds.")
    wrong = ApiError(
        "INVALID_ARGUMENT",
        f'Field aggregation.perSeriesAligner had an invalid value of "{how.aligner}": The aligner cannot be applied '
        f"to metrics with kind {descriptor.kind} and value type {descriptor.value}.",
    )
    if match := _PERCENTILE.fullmatch(how.aligner):
        if not spread:
            raise wrong
        return lambda values: percentile(_all(values), int(match[1]))
    if how.aligner in ("ALIGN_RATE", "ALIGN_DELTA"):
        if descriptor.kind == "GAUGE" or (spread and how.aligner == "ALIGN_RATE"):
            raise wrong
        if spread:
            return lambda values: tuple(_all(values))
        share = how.period_s if how.aligner == "ALIGN_RATE" else 1.0
        return lambda values: sum(_all(values)) / share
    plain: dict[str, Align] = {
        "ALIGN_MEAN": lambda values: sum(_all(values)) / len(_all(values)),
        "ALIGN_MAX": lambda values: max(_all(values)),
        "ALIGN_MIN": lambda values: min(_all(values)),
        "ALIGN_SUM": lambda values: sum(_all(values)),
        "ALIGN_COUNT": lambda values: float(len(values)),
        "ALIGN_NEXT_OLDER": lambda values: values[-1],
        "ALIGN_FRACTION_TRUE": lambda values: sum(_all(values)) / len(values),
        "ALIGN_COUNT_TRUE": lambda values: sum(_all(values)),
    }
    if how.aligner not in plain or ("TRUE" in how.aligner) is not (descriptor.value == "BOOL"):
        raise wrong
    return plain[how.aligner]


def _all(values: Sequence[Value]) -> list[float]:
    return [one for value in values for one in (value if isinstance(value, tuple) else (value,))]


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * share / 100) - 1))]


def _aligned(
    points: Iterable[Reading], start: float, end: float, period_s: float, align: Align
) -> tuple[Reading, ...]:
    periods: dict[int, list[Value]] = {}
    for at, value in points:
        if start < at <= end and value != ():
            periods.setdefault(int((end - at) // period_s), []).append(value)
    return tuple((end - number * period_s, align(periods[number])) for number in sorted(periods, reverse=True))


def _reduced(series: Sequence[Reduced], how: Aggregation) -> list[Reduced]:
    if how.reducer == "REDUCE_NONE":
        return list(series)
    groups: dict[tuple[tuple[str, str], ...], dict[float, list[Value]]] = {}
    for each in series:
        key = tuple((name, each.labels.get(name, "")) for name in how.by)
        moments = groups.setdefault(key, {})
        for at, value in each.points:
            moments.setdefault(at, []).append(value)
    reduce = _reducer(how.reducer)
    return [
        Reduced(series[0].metric, dict(key), tuple((at, reduce(moments[at])) for at in sorted(moments)))
        for key, moments in groups.items()
    ]


def _reducer(name: str) -> Align:
    if match := _PERCENTILE.fullmatch(name):
        return lambda values: percentile(_all(values), int(match[1]))
    plain: dict[str, Align] = {
        "REDUCE_SUM": lambda values: sum(_all(values)),
        "REDUCE_MEAN": lambda values: sum(_all(values)) / len(_all(values)),
        "REDUCE_MAX": lambda values: max(_all(values)),
        "REDUCE_MIN": lambda values: min(_all(values)),
        "REDUCE_COUNT": lambda values: float(len(values)),
    }
    if name not in plain:
        raise ApiError("INVALID_ARGUMENT", f"Field aggregation.crossSeriesReducer: {name} is not played here.")
    return plain[name]

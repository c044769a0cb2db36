"""Metrics as they are plotted: panels with series, bounds, and the age of the last point."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cockpit.model.point import Point
from cockpit.model.severity import Severity

LATE_S = 240.0  # Cloud Run and Cloud SQL are visible up to three minutes late: nothing is down before four


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel. Times in seconds since the epoch, oldest first."""

    label: str  # "5xx", "shop-00042-abc"; "" for the only one
    points: tuple[Point, ...]

    @property
    def last(self) -> Point | None:
        """The newest point."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True)
class MetricPanel:
    """One metric, aligned and grouped."""

    title: str
    unit: str  # "%", "ms", "1/s", "B", "s", ""
    series: tuple[Series, ...]
    severity: Severity  # by its bounds and their `for`; UNKNOWN without a point for `late_s`
    metric: str = ""  # "run.googleapis.com/request_count", or the query in PromQL
    warn: str = ""  # "> 0.8", in the unit of the points
    critical: str = ""
    breach_s: float = 0.0  # since when a bound is broken, 0 where none is
    failure: str = ""  # why there is nothing: this panel alone failed
    key: str = ""  # tells panels of the same title apart
    more: int = 0  # series that are left out: the largest are kept
    quiet: bool = False  # without a point nothing of the kind happened: that is no gap
    for_s: float = 0.0  # how long a bound must be broken before it counts
    hint: str = ""  # what to do about the failure
    late_s: float = LATE_S  # a line without a point for so long has ended

    @property
    def newest(self) -> float | None:
        """Time of the newest point of all its series."""
        return max((series.points[-1].at for series in self.series if series.points), default=None)

    @property
    def bound(self) -> str:
        """The comparison that is broken, else the first that there is; "" without any."""
        if self.severity is Severity.CRIT and self.critical:
            return self.critical
        return self.warn or self.critical


@dataclass(frozen=True, slots=True)
class MetricsStatus:
    """All panels of one source."""

    project: str  # "" of Prometheus
    panels: tuple[MetricPanel, ...]
    window_s: float
    notes: tuple[str, ...] = ()
    server: str = ""  # of Prometheus: "prometheus.example:9090", "pod/prometheus-0:9090 in monitoring"
    way: str = ""  # how it is reached where that is not plain: "through a port-forward to ..."

    def panel(self, key: str) -> MetricPanel | None:
        """By key, else by title."""
        return next((panel for panel in self.panels if key in (panel.key, panel.title)), None)


def in_unit(value: float | None, unit: str) -> str:
    """A value as a person reads it: 0.913 in "%" is 91.3 %, 2841 in "ms" is 2.84 s; "–" for no number."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "%":
        return f"{_short(100 * value)} %"
    if unit == "ms" and abs(value) >= 1000:
        return f"{_short(value / 1000)} s"
    if unit == "B":
        for name in ("B", "KB", "MB", "GB"):
            if abs(value) < 1024:
                return f"{_short(value)} {name}"
            value /= 1024
        return f"{_short(value)} TB"
    if unit == "1/s":
        return f"{_short(value)}/s"
    return f"{_short(value)} {unit}".rstrip()


def bound_in_unit(text: str, unit: str) -> str:
    """A bound as a person reads it: "> 0.8" in "%" is "> 80 %"."""
    number = text.lstrip("<>=! ")
    if not number:
        return ""
    return f"{text[: len(text) - len(number)].strip()} {in_unit(float(number), unit)}"


def _short(value: float) -> str:
    """Three digits that matter: 0.042, 1.25, 41.7, 912, 18.2k, 4.1M."""
    size = abs(value)
    for above, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= above:
            return f"{value / (1e3 if name == 'k' else above):.1f}{name}"
    if value == int(value):
        return f"{value:.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 0.001 else f"{value:.1g}"

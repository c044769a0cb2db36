"""Metrics as they are plotted: panels with series, bounds, and the age of the last point."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.point import Point
from cockpit.model.severity import Severity


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
    severity: Severity  # by its bounds and their `for`; UNKNOWN without a point for four minutes
    metric: str = ""  # "run.googleapis.com/request_count"
    warn: str = ""  # "> 0.8", in the unit of the points
    critical: str = ""
    breach_s: float = 0.0  # since when a bound is broken, 0 where none is
    failure: str = ""  # why there is nothing: this panel alone failed

    @property
    def newest(self) -> float | None:
        """Time of the newest point of all its series."""
        return max((series.points[-1].at for series in self.series if series.points), default=None)


@dataclass(frozen=True, slots=True)
class MetricsStatus:
    """All panels of one source."""

    project: str
    panels: tuple[MetricPanel, ...]
    window_s: float
    notes: tuple[str, ...] = ()

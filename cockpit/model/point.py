"""One value at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a source's history, for sparklines, plots and the timeline."""

    at: float  # seconds since the epoch
    value: float
    severity: Severity = Severity.OK

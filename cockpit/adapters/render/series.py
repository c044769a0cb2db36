"""Time series of Render's metrics: https://api-docs.render.com/reference/get-cpu and its neighbours. Pure.

An answer is a list of {"labels": [{"field", "value"}], "unit", "values": [{"timestamp", "value"}]}.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.adapters.raw import Json, moment, parts, text
from cockpit.model.point import Point

POINTS = 1000  # of one series


@dataclass(frozen=True, slots=True)
class Measured:
    """One series as it came."""

    labels: tuple[tuple[str, str], ...]
    unit: str
    points: tuple[Point, ...]  # oldest first

    def label(self, field: str) -> str:
        """By field, "" where it has none."""
        return next((value for name, value in self.labels if name == field), "")

    def resource(self, names: Sequence[str]) -> str:
        """Which of these it is about: an id, or an instance of it; the only one there is; else ""."""
        for _, value in self.labels:
            for name in names:
                if value == name or value.startswith(f"{name}-"):
                    return name
        return names[0] if len(names) == 1 else ""


def measured(raw: object) -> list[Measured]:
    """Those that have points."""
    found: list[Measured] = []
    for each in (each for each in raw if isinstance(each, dict)) if isinstance(raw, list) else ():
        points = _points(each)
        if points:
            labels = tuple((text(one.get("field"), 60), text(one.get("value"), 200)) for one in parts(each, "labels"))
            found.append(Measured(labels, text(each.get("unit"), 40), points))
    return found


def _points(raw: Json) -> tuple[Point, ...]:
    found: list[Point] = []
    for each in parts(raw, "values"):
        at, value = moment(each.get("timestamp")), each.get("value")
        if at is None or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            continue
        found.append(Point(at.timestamp(), float(value)))
    return tuple(sorted(found, key=lambda point: point.at)[-POINTS:])


def newest_by_resource(every: Sequence[Measured], names: Sequence[str]) -> dict[str, float]:
    """The newest value of each resource; of several series (a primary and its replicas) the largest."""
    found: dict[str, float] = {}
    for each in every:
        name = each.resource(names)
        if name:
            found[name] = max(found.get(name, 0.0), each.points[-1].value)
    return found

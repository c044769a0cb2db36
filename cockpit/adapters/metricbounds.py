"""What the bounds of a panel say of its points: pure functions; times are seconds since the epoch, oldest first."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cockpit.errors import Misconfigured
from cockpit.model.metrics import LATE_S, Series
from cockpit.model.point import Point
from cockpit.model.severity import Severity
from cockpit.text import clean

_COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison with a number: "> 0.8"."""

    text: str
    sign: str
    against: float

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Raises Misconfigured for anything but a comparison with a finite number."""
        match = _COMPARISON.fullmatch(text)
        if match is None or not math.isfinite(float(match[2])):
            raise Misconfigured(f"{clean(text, 60)} is no bound of a metric", hint='write "> 0.8" or "<= 5"')
        return cls(clean(text, 60).strip(), match[1], float(match[2]))

    def broken(self, value: float) -> bool:
        """Whether the comparison holds, which is what is not wanted."""
        return _ORDERS[self.sign](value, self.against)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How bad, and since when (seconds since the epoch; 0 where no bound is broken)."""

    severity: Severity
    since: float = 0.0


def judge(
    series: Sequence[Series],
    warn: Bound | None,
    critical: Bound | None,
    for_s: float,
    now: float,
    *,
    quiet: bool,
    late_s: float = LATE_S,
) -> Verdict:
    """The worst that the series say. Those without a point for `late_s` say nothing: a revision that is gone leaves
    one behind. Where all are so, it is UNKNOWN, unless silence is what a healthy system makes (`quiet`).
    """
    fresh = [each.points for each in series if each.points and now - each.points[-1].at < late_s]
    if not fresh:
        return Verdict(Severity.OK if quiet else Severity.UNKNOWN)
    for severity, bound in ((Severity.CRIT, critical), (Severity.WARN, warn)):
        if bound is None:
            continue
        broken = [since for points in fresh if (since := broken_since(points, bound, for_s, late_s)) is not None]
        if broken:
            return Verdict(severity, min(broken))
    return Verdict(Severity.OK)


def broken_since(points: Sequence[Point], bound: Bound, for_s: float, late_s: float = LATE_S) -> float | None:
    """Since when the bound is broken without a break up to the last point; None where it is not, or not for `for_s`.

    A gap of `late_s` is a break: nobody knows what happened in it.
    """
    since: float | None = None
    after: float | None = None
    for point in reversed(points):
        if not bound.broken(point.value) or (after is not None and after - point.at >= late_s):
            break
        since = after = point.at
    if since is None or points[-1].at - since < for_s:
        return None
    return since

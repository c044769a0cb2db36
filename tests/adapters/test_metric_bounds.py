"""Bounds of panels: what counts as broken, since when, and what nobody can know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.metricbounds import Bound, broken_since, judge
from cockpit.errors import Misconfigured
from cockpit.model.metrics import LATE_S, Series
from cockpit.model.point import Point
from cockpit.model.severity import Severity

NOW = 1_800_000_000.0
ABOVE = Bound.parse("> 0.8")
HIGH = Bound.parse("> 0.95")
VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def points(*values: float, end: float = NOW - 30, step: float = 60.0) -> tuple[Point, ...]:
    first = end - step * (len(values) - 1)
    return tuple(Point(first + step * number, value) for number, value in enumerate(values))


def verdict(*values: float, for_s: float = 0.0, now: float = NOW, quiet: bool = False) -> tuple[Severity, float]:
    found = judge([Series("", points(*values))] if values else [], ABOVE, HIGH, for_s, now, quiet=quiet)
    return found.severity, found.since


@pytest.mark.parametrize(
    ("text", "below", "above"),
    [("> 0.8", 0.8, 0.81), (">= 5", 4.9, 5), ("< 1", 1, 0.5), ("<=0", 0.1, 0), ("== 3", 2, 3), ("!= 1", 1, 0)],
)
def test_a_bound_is_a_comparison_with_a_number(text, below, above):
    bound = Bound.parse(text)
    assert (bound.broken(below), bound.broken(above)) == (False, True)


@pytest.mark.parametrize("text", ["> high", "0.8", "> 1e999", "> nan", "> 5 ms", "=> 5", ""])
def test_anything_else_is_none(text):
    with pytest.raises(Misconfigured):
        Bound.parse(text)


def test_the_worst_bound_that_is_broken_counts_since_it_broke():
    assert verdict(0.5, 0.9, 0.9) == (Severity.WARN, NOW - 90)
    assert verdict(0.9, 0.9, 0.97) == (Severity.CRIT, NOW - 30)
    assert verdict(0.97, 0.5) == (Severity.OK, 0.0)


def test_a_bound_with_a_duration_waits_for_it():
    assert verdict(0.1, *[0.9] * 5, for_s=300) == (Severity.OK, 0.0)
    assert verdict(0.1, *[0.9] * 6, for_s=300) == (Severity.WARN, NOW - 330)
    assert verdict(*[0.9] * 3, 0.1, *[0.9] * 5, for_s=300) == (Severity.OK, 0.0), "one good point begins it anew"


def test_a_gap_is_a_break_because_nobody_knows_what_happened_in_it():
    early, late = points(*[0.9] * 10, end=NOW - 400), points(0.9, 0.9)
    assert broken_since((*early, *late), ABOVE, 0.0) == late[0].at


def test_nothing_is_down_before_four_minutes_without_a_point():
    assert verdict(0.5, now=NOW - 31 + LATE_S)[0] is Severity.OK
    assert verdict(0.97, now=NOW - 30 + LATE_S)[0] is Severity.UNKNOWN
    assert verdict()[0] is Severity.UNKNOWN
    assert verdict(quiet=True)[0] is Severity.OK, "no errors make no points"


def test_a_series_that_ended_says_nothing_while_another_goes_on():
    gone = Series("old", points(0.99, 0.99, end=NOW - 900))
    here = Series("new", points(0.2, 0.2))
    assert judge([gone, here], ABOVE, HIGH, 0.0, NOW, quiet=False).severity is Severity.OK
    assert judge([gone], ABOVE, HIGH, 0.0, NOW, quiet=False).severity is Severity.UNKNOWN


@given(VALUES, st.floats(0, 3600))
def test_what_is_broken_is_broken_by_every_point_since(values, for_s):
    line = points(*values)
    since = broken_since(line, ABOVE, for_s)
    if since is None:
        trailing = next((at for at, value in enumerate(reversed(values)) if value <= 0.8), len(values))
        assert trailing == 0 or (trailing - 1) * 60.0 < for_s
    else:
        assert all(point.value > 0.8 for point in line if point.at >= since)
        assert line[-1].at - since >= for_s
        before = [point for point in line if point.at < since]
        assert not before or before[-1].value <= 0.8


@given(VALUES, VALUES)
def test_more_series_never_make_it_better(first, second):
    alone = judge([Series("a", points(*first))], ABOVE, HIGH, 0.0, NOW, quiet=False)
    both = judge([Series("a", points(*first)), Series("b", points(*second))], ABOVE, HIGH, 0.0, NOW, quiet=False)
    assert both.severity >= alone.severity

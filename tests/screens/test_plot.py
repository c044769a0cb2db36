"""Plots: exact size whatever the points, gaps stay gaps, each line can be told without colour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cockpit.model.point import Point
from screens.plot import Level, Line, draw, nice, range_of
from screens.terminal.filters import to_ascii

POINTS = st.lists(st.tuples(st.floats(0, 3600), st.floats(-1e9, 1e9)), max_size=80).map(
    lambda pairs: tuple(Point(at, value) for at, value in sorted(pairs))
)


def rows(drawn: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(text for text, _ in row) for row in drawn]


def plot(
    *lines: Line, width: int = 21, height: int = 3, levels: tuple[Level, ...] = (), ascii: bool = False
) -> list[str]:
    return rows(draw(lines, width, height, range_of(lines, levels, 0, 100), levels, ascii=ascii))


def steady(value: float, *, start: int = 0, end: int = 100, step: int = 10) -> tuple[Point, ...]:
    return tuple(Point(float(at), value) for at in range(start, end + 1, step))


@given(st.lists(POINTS, max_size=6), st.integers(0, 90), st.integers(1, 12), st.booleans())
def test_a_plot_is_exactly_as_large_as_asked(series, width, height, ascii):
    lines = [Line(points, f"s{number}", "abcdef"[number]) for number, points in enumerate(series)]
    levels = (Level(0.5, "warning"), Level(1e6, "error"))
    drawn = draw(lines, width, height, range_of(lines, levels, 0, 3600), levels, ascii=ascii)
    assert [cell_len(text) for text in rows(drawn)] == [width] * height


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_all_values_lie_within_the_range(series):
    lines = [Line(points, "x") for points in series]
    within = range_of(lines, (), 0, 3600)
    values = [point.value for points in series for point in points]
    assert within.low <= 0 < within.high
    assert all(within.low * 1.000002 - 1e-6 <= value <= within.high * 1.000002 for value in values)


@given(st.floats(1e-9, 1e12))
def test_the_top_is_a_round_number_not_far_above(value):
    assert value * 0.999999 <= nice(value) <= value * 2.0001


def test_a_flat_line_and_its_letter():
    assert plot(Line(steady(1.0), "x", "a")) == ["⠉" * 20 + "a", " " * 21, " " * 21]
    assert plot(Line(steady(0.0), "x", "a")) == [" " * 21, " " * 21, "⣀" * 20 + "a"]


def test_in_ascii_the_line_is_made_of_its_letter():
    low, high = Line(steady(0.0), "x", "a"), Line(steady(10.0), "y", "b")
    assert plot(low, high, ascii=True) == ["b" * 20 + "b", " " * 21, "a" * 20 + "a"]


def test_letters_that_would_fall_on_each_other_move_to_free_rows():
    same = [Line(steady(1.0), "x", letter) for letter in "abcd"]
    assert sorted(text[-1] for text in plot(*same)) == ["a", "b", "c"]


def test_a_gap_is_not_bridged():
    points = (*steady(1.0, end=30), *steady(1.0, start=80))
    (top, *_) = plot(Line(points, "x"))
    assert top[:6].strip() and top[-4:].strip()
    assert not top[8:15].strip()


def test_bounds_are_drawn_across_where_no_line_is():
    drawn = draw(
        (Line(steady(0.1), "x"),), 21, 3, range_of((Line(steady(10.0), "x"),), (), 0, 100), (Level(9.5, "error"),)
    )
    assert drawn[0][0] == ("╌" * 20, "error")


def test_a_bound_far_above_the_values_does_not_flatten_them():
    lines = (Line(steady(1.0), "x"),)
    assert range_of(lines, (Level(1000.0, "error"),), 0, 100).high == 1.0
    assert range_of(lines, (Level(1.8, "error"),), 0, 100).high == 2.0


def test_points_outside_of_the_window_are_not_drawn():
    early = tuple(Point(float(at), 1.0) for at in range(-50, 0, 10))
    assert plot(Line(early, "x", "a")) == [" " * 21] * 3


@pytest.mark.parametrize(("dots", "char"), [("⠉", "'"), ("⣀", "."), ("⣿", ":"), ("⠀", " ")])
def test_braille_has_a_likeness_in_ascii(dots, char):
    assert to_ascii(dots) == char

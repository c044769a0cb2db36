"""Cells, columns and figures: exact widths whatever the text, and numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cockpit.model.logs import LogBucket
from cockpit.text import clean
from screens import figures
from screens.frame.situation import Situation
from screens.frame.timeline import Timeline, columns
from screens.paint import Column, Ink, Meter, Row, Rule, Spans, Spark, bars, column_widths, fit, row_segments

INK = Ink({"foreground": "#ffffff", "background": "#000000", "muted": "#999999", "line": "#333333"})
TEXTS = st.text(max_size=40).map(clean)


@given(TEXTS, st.integers(0, 60), st.booleans())
def test_a_fitted_text_is_exactly_as_wide_as_asked(text, width, right):
    assert cell_len(fit(text, width, right)) == width


def test_what_is_cut_says_so():
    assert fit("checkout", 5) == "chec…"
    assert fit("漢字漢字", 5) == "漢字…"
    assert fit("ok", 5, right=True) == "   ok"


@given(st.lists(TEXTS, min_size=4, max_size=4), st.integers(1, 120))
def test_a_row_is_exactly_as_wide_as_the_pane(texts, width):
    layout = (Column("a", 8, drop=2), Column("b", 0), Column("c", 6, right=True, drop=1), Column("d", 0, drop=3))
    cells = (
        [(text, "muted") for text in texts],
        [
            Meter(0.4, "muted"),
            Spark((1.0, 2.0), "muted"),
            Rule(texts[0]),
            Spans(((texts[1], ""), (texts[2], "muted"))),
        ],
    )
    for row in cells:
        for sunk in (False, True):
            segments = row_segments(Row("k", tuple(row), layout), width, INK, sunk=sunk)
            assert sum(segment.cell_length for segment in segments) == width


def test_columns_drop_out_by_priority_and_the_rest_share_what_is_left():
    layout = (Column("name", 0), Column("traffic", 7), Column("age", 5, drop=1), Column("digest", 8, drop=2))
    assert [index for index, _ in column_widths(layout, 60)] == [0, 1, 2, 3]
    assert [index for index, _ in column_widths(layout, 30)] == [0, 1, 2]
    assert [index for index, _ in column_widths(layout, 20)] == [0, 1]
    for width in (60, 30, 20):
        widths = column_widths(layout, width)
        assert sum(own for _, own in widths) + len(widths) - 1 == width


def test_styles_are_words_and_unknown_ones_are_plain():
    assert INK.style("muted bold").bold
    assert INK.style("muted").color == INK.style("muted nonsense").color
    assert INK.style("nonsense").color is None
    assert INK.style("background on foreground").bgcolor is not None


def test_without_colours_grounds_are_reversed_and_tints_left_out():
    plain = Ink({"error": "ansi_red", "background": "ansi_default"}, plain=True)
    assert plain.style("background on error bold").reverse
    assert plain.over("muted", "on cursor").reverse
    assert not plain.style("on error-tint").reverse
    assert plain.base.bgcolor is None


def test_bars_grow_from_nothing_to_full():
    assert bars((0, 1, 8), 3) == " ▁█"
    assert bars((5,), 3) == "  █"
    assert bars((), 2) == "  "
    assert bars((1.0, 2.0), 0) == ""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (figures.age(None), "–"),
        (figures.age(3), "3 s"),
        (figures.age(600), "10 m"),
        (figures.age(90_000), "25 h"),
        (figures.age(500_000), "6 d"),
        (figures.span(46), "46 s"),
        (figures.span(712), "11 m 52 s"),
        (figures.span(7500), "2 h 05 m"),
        (figures.span(273_600), "3 d 4 h"),
        (figures.millis(0.42), "0.4 ms"),
        (figures.millis(2841), "2 841 ms"),
        (figures.millis(12_340), "12.3 s"),
        (figures.count(18_210), "18.2k"),
        (figures.count(4_100_000), "4.1M"),
        (figures.count(0), "0"),
        (figures.bytes_(512), "512 B"),
        (figures.bytes_(4_187_593_114), "3.9 GB"),
        (figures.percent(0.9999), "99.9 %"),
        (figures.percent(1.0), "100 %"),
        (figures.percent(None), "–"),
        (figures.countdown(581.9), "09:41"),
        (figures.countdown(-3), "00:00"),
    ],
)
def test_figures_read_as_people_write_them(made, said):
    assert made == said


def test_what_happened_after_the_log_fell_silent_is_unknown_and_not_none():
    buckets = [LogBucket(1000.0 + 10 * number, 100, 5) for number in range(6)]
    grid = columns(buckets, 1119.0, 120, 12, until=1059.0)
    assert grid.values == (30.0,) * 6 + (None,) * 6
    assert columns(buckets, 1119.0, 120, 12).values[6:] == (0.0,) * 6
    timeline = Timeline()
    timeline.situation = Situation(1119.0, buckets=tuple(buckets), logged=True, logged_until=1059.0)
    lines = ["".join(text for text, _ in bar.left) for bar in timeline.bars(120, 3)]
    assert lines[1].endswith("? now")

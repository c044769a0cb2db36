"""The store behind the local Cloud Monitoring: filters, alignment, reduction, and what the API refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.timeseries import Aggregation, Descriptor, Reduced, TimeSeriesStore, parse_filter, percentile

END = 1_800_000_000.0
COUNT, SLOW, SHARE, UP = "run/count", "run/latencies", "sql/share", "sql/up"
DESCRIPTORS = {
    COUNT: Descriptor("DELTA", "INT64", "revision"),
    SLOW: Descriptor("DELTA", "DISTRIBUTION", "revision"),
    SHARE: Descriptor("GAUGE", "DOUBLE", "database"),
    UP: Descriptor("GAUGE", "BOOL", "database"),
}
CODE, NAME = "metric.labels.code", "resource.labels.name"


@pytest.fixture
def store() -> TimeSeriesStore:
    store = TimeSeriesStore(DESCRIPTORS)
    for second in range(300, 0, -10):
        at = END - second + 5
        store.write(COUNT, {CODE: "2xx", NAME: "a"}, at, 60.0)
        store.write(COUNT, {CODE: "5xx", NAME: "a"}, at, 6.0)
        store.write(COUNT, {CODE: "2xx", NAME: "b"}, at, 30.0)
        store.write(SLOW, {NAME: "a"}, at, (10.0, 20.0, 1000.0))
        store.write(SHARE, {NAME: "a"}, at, second / 1000)
        store.write(UP, {NAME: "a"}, at, float(second > 150))
    return store


def ask(store: TimeSeriesStore, metric: str, how: Aggregation, more: str = "") -> list[Reduced]:
    return store.query(f'metric.type = "{metric}"{more}', END - 300, END, how)


def test_a_rate_is_summed_over_what_it_is_grouped_by(store):
    found = ask(store, COUNT, Aggregation(60, "ALIGN_RATE", "REDUCE_SUM", (CODE,)))
    rates = {series.labels[CODE]: [value for _, value in series.points] for series in found}
    assert rates == {"2xx": [9.0] * 5, "5xx": [0.6] * 5}
    assert [at for at, _ in found[0].points] == [END - 240, END - 180, END - 120, END - 60, END]


def test_a_percentile_over_all_values(store):
    (found,) = ask(store, SLOW, Aggregation(300, "ALIGN_DELTA", "REDUCE_PERCENTILE_50", ()))
    assert found.points == ((END, 20.0),)
    (found,) = ask(store, SLOW, Aggregation(300, "ALIGN_PERCENTILE_99", "REDUCE_MAX", ()))
    assert found.points == ((END, 1000.0),)


def test_gauges(store):
    (found,) = ask(store, SHARE, Aggregation(150, "ALIGN_MAX", "REDUCE_MAX", (NAME,)))
    assert found.points == ((END - 150, 0.3), (END, 0.15))
    (found,) = ask(store, UP, Aggregation(300, "ALIGN_FRACTION_TRUE", "REDUCE_MEAN", (NAME,)))
    assert found.points == ((END, 0.5),)


def test_without_a_reducer_series_stay_as_they_are(store):
    assert len(ask(store, COUNT, Aggregation(60, "ALIGN_RATE"))) == 3
    (raw,) = ask(store, SHARE, Aggregation(0))
    assert len(raw.points) == 30


def test_filters(store):
    how = Aggregation(60, "ALIGN_RATE")
    assert len(ask(store, COUNT, how, ' AND resource.labels.name = "a"')) == 2
    assert len(ask(store, COUNT, how, ' metric.label.code = one_of("5xx", "4xx")')) == 1
    assert len(ask(store, COUNT, how, ' AND metric.labels.code != "5xx"')) == 2
    assert ask(store, COUNT, how, ' AND resource.type = "database"') == []
    assert parse_filter('a = "x\\"y"') == [("a", "=", ('x"y',))]


@pytest.mark.parametrize(
    ("wanted", "how", "code"),
    [
        ('resource.type = "revision"', Aggregation(60, "ALIGN_RATE"), "INVALID_ARGUMENT"),
        (f'metric.type = "{COUNT}" metric.type = "{SLOW}"', Aggregation(60, "ALIGN_RATE"), "INVALID_ARGUMENT"),
        ('metric.type = "none/such"', Aggregation(60, "ALIGN_RATE"), "NOT_FOUND"),
        (f'metric.type = "{COUNT}"', Aggregation(30, "ALIGN_RATE"), "INVALID_ARGUMENT"),
        (f'metric.type = "{SHARE}"', Aggregation(60, "ALIGN_RATE"), "INVALID_ARGUMENT"),
        (f'metric.type = "{SHARE}"', Aggregation(60, "ALIGN_PERCENTILE_99"), "INVALID_ARGUMENT"),
        (f'metric.type = "{SHARE}"', Aggregation(60, "ALIGN_FRACTION_TRUE"), "INVALID_ARGUMENT"),
        (f'metric.type = "{SHARE}"', Aggregation(60, "ALIGN_NONE", "REDUCE_SUM"), "INVALID_ARGUMENT"),
        (f'metric.type = "{SHARE}" AND (', Aggregation(60, "ALIGN_MEAN"), "INVALID_ARGUMENT"),
    ],
)
def test_what_the_api_refuses(store, wanted, how, code):
    with pytest.raises(ApiError) as caught:
        store.query(wanted, END - 300, END, how)
    assert caught.value.code == code


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([5, 50, 95, 99]))
def test_a_percentile_is_one_of_the_values_and_so_many_are_not_above_it(values, share):
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * share / 100 - 1e-9

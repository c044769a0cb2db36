"""Time series as they come over the wire: every kind of value, and every code of an error."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.monitoring_v3 import types
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery
from cockpit.adapters.gcp.metricwire import code_of, error_of, number_of, request_of, series_of
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)

AT = 1_800_000_000
QUERY = MetricQuery("a.b/c", "filter", "ALIGN_RATE", "REDUCE_SUM", ("metric.labels.x",), (Cut("k", "t", (0, 0)),))


def value(**given_: Any) -> Any:
    return types.TypedValue.pb(types.TypedValue(**given_))


def series(*points: tuple[float, Any], **labels: str) -> Any:
    made = types.TimeSeries.pb(types.TimeSeries())
    made.metric.labels.update(labels)
    for at, held in points:
        point = made.points.add()
        point.interval.end_time.FromNanoseconds(round(at * 1e9))
        point.value.CopyFrom(held)
    return made


@pytest.mark.parametrize(
    ("held", "number"),
    [
        ({"double_value": 0.25}, 0.25),
        ({"int64_value": 2**53}, float(2**53)),
        ({"int64_value": -7}, -7.0),
        ({"bool_value": True}, 1.0),
        ({"bool_value": False}, 0.0),
        ({"string_value": "42"}, 42.0),
        ({"string_value": "RUNNING"}, None),
        ({"string_value": "nan"}, None),
        ({"double_value": math.nan}, None),
        ({"double_value": math.inf}, None),
        ({}, None),
    ],
)
def test_a_value_is_a_number_or_none(held: dict[str, Any], number: float | None) -> None:
    assert number_of(value(**held)) == number


def test_a_distribution_counts_as_its_mean_and_an_empty_one_as_nothing() -> None:
    from google.api.distribution_pb2 import Distribution

    assert number_of(value(distribution_value=Distribution(count=4, mean=12.5))) == 12.5
    assert number_of(value(distribution_value=Distribution())) is None


def test_points_are_put_in_order_and_what_is_no_number_left_out() -> None:
    good = value(double_value=1.0)
    found = series_of(
        series((AT + 120, good), (AT, good), (AT + 60, value(double_value=math.nan)), (AT + 60.5, good), (AT, good))
    )
    assert [point.at for point in found.points] == [AT, AT + 60.5, AT + 120]


def test_an_empty_series() -> None:
    assert series_of(series()).points == ()


def test_labels_are_cleaned() -> None:
    found = series_of(series(x="\x1b[31mred\u202e", y="a\nb"))
    assert "\x1b" not in found.labels["metric.labels.x"] and "\u202e" not in found.labels["metric.labels.x"]
    assert "\n" not in found.labels["metric.labels.y"]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(allow_nan=True, allow_infinity=True)), max_size=40))
def test_whatever_comes_points_are_finite_and_in_order(pairs: list[tuple[int, float]]) -> None:
    found = series_of(series(*((AT + at, value(double_value=number)) for at, number in pairs)))
    times = [point.at for point in found.points]
    assert times == sorted(set(times))
    assert all(math.isfinite(point.value) for point in found.points)


def test_the_request_is_one_that_the_library_takes() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    made = types.ListTimeSeriesRequest(request_of("p", QUERY, now, 3600.0))
    assert made.name == "projects/p"
    assert made.aggregation.alignment_period.total_seconds() == 60
    assert made.aggregation.per_series_aligner.name == "ALIGN_RATE"
    assert (made.interval.end_time - made.interval.start_time).total_seconds() == 3600
    assert list(made.aggregation.group_by_fields) == ["metric.labels.x"]


CODES: list[tuple[type[exceptions.GoogleAPICallError], type[CockpitError]]] = [
    (exceptions.Unauthenticated, AuthenticationFailed),
    (exceptions.PermissionDenied, PermissionDenied),
    (exceptions.NotFound, NotFound),
    (exceptions.ResourceExhausted, RateLimited),
    (exceptions.DeadlineExceeded, TimedOut),
    (exceptions.InvalidArgument, Misconfigured),
    (exceptions.OutOfRange, Misconfigured),
    (exceptions.FailedPrecondition, Misconfigured),
    (exceptions.MethodNotImplemented, Misconfigured),
    (exceptions.ServiceUnavailable, Unreachable),
    (exceptions.InternalServerError, Unreachable),
    (exceptions.Unknown, Unreachable),
    (exceptions.DataLoss, Unreachable),
    (exceptions.Aborted, Unreachable),
    (exceptions.Cancelled, Unreachable),
]


@pytest.mark.parametrize(("raised", "meant"), CODES, ids=lambda each: each.__name__)
def test_every_code_has_a_meaning(raised: type[exceptions.GoogleAPICallError], meant: type[CockpitError]) -> None:
    found = error_of(raised("the server's words \x1b[2J"), "host:443")  # type: ignore[no-untyped-call]  # theirs
    assert type(found) is meant
    assert "\x1b" not in found.message
    assert found.hint


def test_every_code_of_the_library_was_thought_of() -> None:
    known = {code_of(raised("x")) for raised, _ in CODES}  # type: ignore[no-untyped-call]  # theirs
    import grpc

    left = {code.name for code in grpc.StatusCode} - known - {"OK", "ALREADY_EXISTS"}
    assert left == set()
    strange = error_of(exceptions.AlreadyExists("a list that exists"), "host")  # type: ignore[no-untyped-call]
    assert type(strange) is Malformed


def test_an_answer_that_is_too_large_is_no_used_up_quota() -> None:
    found = error_of(exceptions.ResourceExhausted("Received message larger than max (40 vs. 32)"), "h")  # type: ignore[no-untyped-call]
    assert isinstance(found, Malformed) and "group or filter" in found.hint

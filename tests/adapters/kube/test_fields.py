"""Fields of objects from outside: quantities, times, and what is of another type than it should be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.kube import fields
from cockpit.text import UNSAFE

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("written", "amount"),
    [("250m", 0.25), ("1", 1.0), ("0.5", 0.5), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000.0), ("12E", 12e18), (3, 3.0),
     ("100M", 1e8), ("", None), ("ten", None), ("1Kb", None), (None, None), (True, None), ("1e999", None)],
)  # fmt: skip
def test_a_quantity_is_read_as_kubernetes_writes_it(written: object, amount: float | None) -> None:
    assert fields.quantity(written) == amount


def test_cpu_is_rounded_up_and_memory_is_bytes() -> None:
    assert (fields.millis("250m"), fields.millis("0.0001"), fields.millis("2")) == (250, 1, 2000)
    assert (fields.size("128Mi"), fields.size("x")) == (134217728, None)


def test_times_are_utc_and_others_are_none() -> None:
    assert fields.moment("2026-11-21T20:00:00Z") == datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert fields.moment("2026-11-21T21:00:00.123456+01:00") == datetime(2026, 11, 21, 20, 0, 0, 123456, tzinfo=UTC)
    assert [fields.moment(each) for each in ("", "soon", None, 12, "0001-01-01T00:00:00+14:00")] == [None] * 5


def test_the_controller_is_the_owner_that_says_so() -> None:
    owners = [{"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "api-5d", "uid": "u", "controller": True}]
    assert fields.controller_of({"metadata": {"ownerReferences": owners}}) == ("ReplicaSet", "api-5d", "u")
    assert fields.controller_of({"metadata": {"ownerReferences": owners[:1]}}) == ("", "", "")


@given(ANY)
def test_nothing_from_outside_breaks_a_reader_or_comes_through_uncleaned(value: object) -> None:
    obj = {"metadata": value, "status": {"conditions": value}, "spec": value}
    told = [fields.name_of(obj), fields.uid_of(obj), *fields.controller_of(obj), fields.text(value)]
    told += [
        *fields.labels_of(obj).values(),
        *fields.annotations_of(obj),
        *fields.conditions(obj),
        *fields.texts(value),
    ]
    assert not any(UNSAFE.search(each) for each in told)
    fields.moment(value), fields.quantity(value), fields.millis(value), fields.size(value), fields.number(value)
    assert fields.created_of(obj).tzinfo is UTC
    assert isinstance(list(fields.parts(obj, "spec", "items")), list)

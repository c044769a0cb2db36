"""Parameters are checked by their declaration; what a plan fills in is not measured like what a person types."""

from __future__ import annotations

import pytest

from cockpit.actions.idle import TERMINATE_IDLE
from cockpit.actions.params import completed
from cockpit.actions.secretmanager import ADD
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest


def test_a_plan_with_hundreds_of_pinned_sessions_can_be_planned_again() -> None:
    pinned = ",".join(f"{pid}@1763702641000000" for pid in range(10_000, 15_000))
    request = ActionRequest(TERMINATE_IDLE.id, "database/main", {"older_than": "10m", "sessions": pinned})
    assert completed(TERMINATE_IDLE, request).get("sessions") == pinned


def test_what_a_person_types_stays_short() -> None:
    request = ActionRequest(TERMINATE_IDLE.id, "database/main", {"database": "x" * 5000})
    with pytest.raises(Refused, match="too long"):
        completed(TERMINATE_IDLE, request)


@pytest.mark.parametrize(
    "value", ["hunter2hunter2", "cmd:pass show x", "env:NOT-A-NAME", "env:", "file:", "file: ", "typed:x"]
)
def test_a_value_where_a_reference_belongs_is_refused_and_not_repeated(value: str) -> None:
    request = ActionRequest(ADD.id, "secrets/shop", {"secret": "api-key", "from": value})
    with pytest.raises(Refused, match="file:PATH or env:NAME") as caught:
        completed(ADD, request)
    assert "hunter2" not in str(caught.value) and "pass show" not in str(caught.value)


@pytest.mark.parametrize("value", ["env:NEW_KEY", "file:/run/new key", "file:~/new", "typed:7"])
def test_references_are_taken(value: str) -> None:
    request = ActionRequest(ADD.id, "secrets/shop", {"secret": "api-key", "from": value})
    assert completed(ADD, request).get("from") == value

"""Parameters are checked by their declaration; what a plan fills in is not measured like what a person types."""

from __future__ import annotations

import pytest

from cockpit.actions.idle import TERMINATE_IDLE
from cockpit.actions.params import completed
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

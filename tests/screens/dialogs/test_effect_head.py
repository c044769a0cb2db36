"""The first line of the effect card: a verdict as worried as the facts, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.actions.executor import Executor
from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.model.action import ActionRequest, Effect, Score, Verdict
from cockpit.model.severity import Severity
from screens.dialogs.outcome import effect_head


@pytest.fixture
async def record(executor: Executor, handler: Any) -> Record:
    await executor.arm("testing")
    planned = await executor.plan(ActionRequest("database.terminate", "database/main", {"pid": "4411"}))
    return await executor.execute(planned, Confirmation("y"))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Severity.OK, Severity.OK, "● nothing was wrong, nothing is"),
        (Severity.CRIT, Severity.CRIT, "▲ no change"),
        (Severity.CRIT, Severity.WARN, "▲ no change"),
        (Severity.OK, Severity.WARN, "▲ no change"),
    ],
)
async def test_no_change_is_calm_only_where_all_was_and_is_well(
    record: Record, before: Severity, after: Severity, said: str
) -> None:
    effect = Effect(Verdict.NO_CHANGE, (Score("database/main", "31 of 97", "30 of 97", before, after),), 0.0)
    assert said in effect_head(record, effect, None).plain

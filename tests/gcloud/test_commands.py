"""Each recorded command, by its recorded requests and by the cockpit: the same in the end, or the table says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from .discovery import Discovery, faults_of
from .explained import Explained, to_be_told, unexplained
from .recorded import Recorded, recorded
from .sides import UNPLAYED, between, by_cockpit, by_replay


@pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
async def test_the_cockpit_does_what_gcloud_does(
    command: Recorded, discovery: Discovery, explained: Sequence[Explained], tmp_path: Path
) -> None:
    theirs = await by_replay(command)
    ours = await by_cockpit(command, tmp_path)
    found = between(discovery, theirs, ours)
    assert "\n".join(unexplained(command.id, found, explained)) == ""
    assert ours.deed is not None
    assert ours.deed.intent.differs or to_be_told(command.id, found, explained) == []
    assert ours.deed.plan is not None or (ours.deed.sight is not None and ours.deed.sight.lines)
    if command.id not in UNPLAYED:
        assert list(theirs.statuses) == [each.status for each in command.requests]
    assert faults_of((*theirs.exchanges, *ours.exchanges)) == set()


@pytest.mark.parametrize("command", [each for each in recorded() if each.changes], ids=lambda each: each.id)
async def test_the_command_that_a_plan_shows_leads_to_the_same_when_a_runbook_has_it(
    command: Recorded, tmp_path: Path
) -> None:
    done = await by_cockpit(command, tmp_path)
    assert done.deed is not None and done.deed.plan is not None
    shown = done.deed.plan.equivalent
    assert len(shown) == (0 if done.deed.refusals else 1)
    for line in shown:
        again = await by_cockpit(command, tmp_path, line)
        assert again.deed is not None
        if command.id == "run-no-traffic":  # by name it is a rollback, to what serves already: pinning is meant
            assert again.deed.refusals == ("shop-00003-ddd serves 100 % already",)
            assert "revisions.pin" in again.deed.plan.refusals[0].hint
        else:
            assert again.facts == done.facts

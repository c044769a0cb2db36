"""Each recorded command, by its recorded requests and by the cockpit: the same in the end, or the table says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from .discovery import Discovery, faults_of
from .explained import Explained, unexplained
from .recorded import Recorded, recorded
from .sides import UNPLAYED, between, by_cockpit, by_replay


@pytest.mark.parametrize("command", recorded(), ids=lambda each: each.id)
async def test_the_cockpit_does_what_gcloud_does(
    command: Recorded, discovery: Discovery, explained: Sequence[Explained], tmp_path: Path
) -> None:
    theirs = await by_replay(command)
    ours = await by_cockpit(command, tmp_path)
    assert unexplained(command.id, between(discovery, theirs, ours), explained) == []
    assert ours.deed is not None
    if command.id not in UNPLAYED:
        assert list(theirs.statuses) == [each.status for each in command.requests]
    assert faults_of((*theirs.exchanges, *ours.exchanges)) == set()

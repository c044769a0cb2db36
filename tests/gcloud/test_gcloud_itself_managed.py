"""gcloud itself, as in test_gcloud_itself: every recorded command of the other services, except those that
`sides.UNPLAYED` gives a reason for.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from .discovery import Discovery
from .explained import Explained
from .gcloud_itself import gcloud
from .in_its_place import holds
from .recorded import Recorded, recorded
from .sides import UNPLAYED, Done, on_a_new_world
from .world import World

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed here")

PLAYED = [each for each in recorded() if each.argv[1] != "run" and each.id not in UNPLAYED]
UNPLAYED_ONES = [each for each in recorded() if each.id in UNPLAYED]


@pytest.mark.parametrize("command", PLAYED, ids=lambda each: each.id)
async def test_gcloud_itself_does_what_it_did_and_what_the_cockpit_does(
    command: Recorded, discovery: Discovery, explained: Sequence[Explained], tmp_path: Path
) -> None:
    await holds(command, discovery, explained, tmp_path)


@pytest.mark.parametrize("command", UNPLAYED_ONES, ids=lambda each: each.id)
async def test_what_gcloud_cannot_do_here_fails_and_changes_nothing(command: Recorded, tmp_path: Path) -> None:
    async def run(at: World) -> Done:
        code, _ = await gcloud(command.argv, at, tmp_path)
        return Done({}, (), (code,))

    done = await on_a_new_world(command, run)
    assert done.statuses != (0,) and done.facts == {}, "it works by now: take it off the table"

"""The same comparison where gcloud is installed, with gcloud itself: every recorded command of Cloud Run.

Slow: a second or two of each is gcloud's own start. The other services are in test_gcloud_itself_managed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from .discovery import Discovery
from .explained import Explained
from .in_its_place import holds
from .recorded import Recorded, recorded

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed here")

PLAYED = [each for each in recorded() if each.argv[1] == "run"]


@pytest.mark.parametrize("command", PLAYED, ids=lambda each: each.id)
async def test_gcloud_itself_does_what_it_did_and_what_the_cockpit_does(
    command: Recorded, discovery: Discovery, explained: Sequence[Explained], tmp_path: Path
) -> None:
    await holds(command, discovery, explained, tmp_path)

"""The same comparison where gcloud is installed, with gcloud itself in the place of what it once sent: every recorded
command, except those that `sides.UNPLAYED` gives a reason for. Slow: a second or two of each is gcloud's own start.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .compare import fields_of, read, said
from .discovery import Discovery, Exchange, faults_of
from .explained import Explained, unexplained
from .gcloud_itself import gcloud
from .recorded import Recorded, recorded
from .sides import UNPLAYED, Done, between, by_cockpit, by_replay, files, on_a_new_world
from .world import World

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed here")


PLAYED = [each for each in recorded() if each.id not in UNPLAYED]
UNPLAYED_ONES = [each for each in recorded() if each.id in UNPLAYED]


async def by_gcloud(command: Recorded, folder: Path) -> Done:
    """The command itself; its exit code is the only status."""
    secret = str(files(folder)["SECRETFILE"])
    argv = [word.replace("SECRETFILE", secret) for word in command.argv]

    async def run(at: World) -> Done:
        code, complaint = await gcloud(argv, at, folder)
        assert code == command.exit, complaint
        return Done({}, (), (code,))

    return await on_a_new_world(command, run)


@pytest.mark.parametrize("command", PLAYED, ids=lambda each: each.id)
async def test_gcloud_itself_does_what_it_did_and_what_the_cockpit_does(
    command: Recorded, discovery: Discovery, explained: Sequence[Explained], tmp_path: Path
) -> None:
    itself = await by_gcloud(command, tmp_path)
    then = await by_replay(command)
    assert itself.facts == then.facts, "the recorded requests lead to the same state"
    assert asked(discovery, itself.exchanges) == asked(discovery, then.exchanges), "and are the same"
    ours = await by_cockpit(command, tmp_path)
    assert "\n".join(unexplained(command.id, between(discovery, itself, ours), explained)) == ""
    assert faults_of(itself.exchanges) == set()


@pytest.mark.parametrize("command", UNPLAYED_ONES, ids=lambda each: each.id)
async def test_what_gcloud_cannot_do_here_fails_and_changes_nothing(command: Recorded, tmp_path: Path) -> None:
    async def run(at: World) -> Done:
        code, _ = await gcloud(command.argv, at, tmp_path)
        return Done({}, (), (code,))

    done = await on_a_new_world(command, run)
    assert done.statuses != (0,) and done.facts == {}, "it works by now: take it off the table"


def asked(discovery: Discovery, exchanges: Sequence[Exchange]) -> list[tuple[str, str, dict[str, str], Any]]:
    """Method, path, query and what a change says; each request once, however often it was polled."""
    found: list[tuple[str, str, dict[str, str], Any]] = []
    for each in exchanges:
        path = re.sub(r"/operations/[^/]+", "/operations/X", each.path)
        words = said(discovery, each)
        body = None if words.about == "run service changed" else _comparable(each.body, read(each, exchanges))
        if isinstance(body, dict) and (mask := each.query.get("updateMask")):
            body = {key: value for key, value in body.items() if key in fields_of(mask)}
        one = (each.method, path, dict(each.query), body)
        if one not in found:
            found.append(one)
    return found


def _comparable(body: Any, before: Mapping[str, Any]) -> Any:
    """Without what was only read and sent back; moments to the minute."""
    if isinstance(body, dict):
        return {key: _comparable(value, {}) for key, value in body.items() if before.get(key) != value}
    if isinstance(body, str) and (bound := re.search(r'timestamp>="([^"]+)"', body)):
        age = datetime.now(UTC) - datetime.fromisoformat(bound[1])
        return body.replace(bound[1], str(round(age / timedelta(minutes=1))))
    return body

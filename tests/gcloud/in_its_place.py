"""gcloud itself in the place of what it once sent: compared with the recording, and with the cockpit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .compare import fields_of, read, said
from .discovery import Discovery, Exchange, faults_of
from .explained import Explained, unexplained
from .gcloud_itself import gcloud
from .recorded import Recorded
from .sides import Done, between, by_cockpit, by_replay, files, on_a_new_world
from .world import World


async def by_gcloud(command: Recorded, folder: Path) -> Done:
    """The command itself; its exit code is the only status."""
    secret = str(files(folder)["SECRETFILE"])
    argv = [word.replace("SECRETFILE", secret) for word in command.argv]

    async def run(at: World) -> Done:
        code, complaint = await gcloud(argv, at, folder)
        assert code == command.exit, complaint
        return Done({}, (), (code,))

    return await on_a_new_world(command, run)


async def holds(command: Recorded, discovery: Discovery, explained: Sequence[Explained], folder: Path) -> None:
    """It does what it did when it was recorded, and what the cockpit does but for the differences in the table."""
    itself = await by_gcloud(command, folder)
    then = await by_replay(command)
    assert itself.facts == then.facts, "the recorded requests lead to the same state"
    assert asked(discovery, itself.exchanges) == asked(discovery, then.exchanges), "and are the same"
    ours = await by_cockpit(command, folder)
    assert "\n".join(unexplained(command.id, between(discovery, itself, ours), explained)) == ""
    assert faults_of(itself.exchanges) == set()


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

"""The command by hand that a plan shows, run by gcloud itself, leaves the instance as the action does."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.action import Outcome
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql

FILE = "gs://shop-backups/dumps/shop.sql"
PASSWORD = "n3w-one"
Case = tuple[str, str, dict[str, str]]
CASES: tuple[Case, ...] = (
    ("cloudsql.restart", "main", {}),
    ("cloudsql.failover", "main", {}),
    ("cloudsql.tier", "main", {"tier": "db-custom-4-16384"}),
    ("cloudsql.backup", "main", {"description": "before the migration"}),
    ("cloudsql.export", "main", {"database": "shop", "uri": FILE}),
    ("cloudsql.import", "main", {"database": "shop", "uri": FILE}),
    ("cloudsql.promote", "replica", {}),
)


def state(sql: CloudSql) -> dict[str, Any]:
    """What an operation leaves behind, without times and ids."""
    return {
        name: (
            each.tier,
            each.zone,
            each.primary,
            each.activation,
            each.settings_version,
            each.restarts,
            each.content,
            [(backup.kind, backup.status, backup.description) for backup in each.backups],
            [user.accepts(PASSWORD) for user in each.users],
        )
        for name, each in sql.instances.items()
    } | {"files": dict(sql.files), "done": [(each.kind, each.status) for each in sql.operations.values()]}


def prepared(plane: ControlPlane, like: CloudSql, action: str) -> None:
    """The same instances again, on another plane."""
    for name, each in like.instances.items():
        facts: dict[str, Any] = {
            "created": each.created,
            "databases": list(each.databases),
            "availability": each.availability,
        }
        plane.sql.seed(name, primary=each.primary, **facts)
    for backup in like.instances["shop-db"].backups:
        plane.sql.seed_backup("shop-db", backup.started, status=backup.status)
    if action == "cloudsql.import":
        plane.sql.files[FILE] = like.files[FILE] = "dumped"


@pytest.fixture
def gcloud(tmp_path: Path) -> Callable[[ControlPlane, str], Awaitable[None]]:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here")

    async def paste(plane: ControlPlane, line: str) -> None:
        token = tmp_path / f"token-{plane.port}"
        token.write_text(plane.tokens.issue())
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CLOUDSDK_CONFIG": str(tmp_path / f"gcloud-{plane.port}"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL": f"{plane.url}/",
        }
        process = await asyncio.create_subprocess_exec(
            *shlex.split(line),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
            _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()

    return paste


async def test_by_hand_it_comes_to_the_same(rig: Any, gcloud: Callable[..., Awaitable[None]]) -> None:
    """All at once: most of the time gcloud starts, or waits for its first look."""
    lines: dict[str, str] = {}
    results: dict[str, dict[str, Any]] = {}
    planes: dict[str, ControlPlane] = {}
    first = rig.sql
    try:
        for action, _, _ in CASES:
            planes[action] = ControlPlane(settle_s=0.01)
            prepared(planes[action], first, action)
            await planes[action].start()
        for action, source, params in CASES:
            mine = ControlPlane(settle_s=0.01)
            prepared(mine, first, action)
            rig.plane = mine
            plan = await rig.plan(action, f"cloudsql/{source}", **params)
            assert (await rig.run(plan)).outcome is Outcome.SUCCEEDED, action
            (lines[action],) = plan.equivalent
            results[action] = state(mine.sql)
            await mine.close()
        await asyncio.gather(*(gcloud(planes[action], line) for action, line in lines.items()))
        for action, plane in planes.items():
            assert state(plane.sql) == results[action], lines[action]
    finally:
        for plane in planes.values():
            await plane.close()

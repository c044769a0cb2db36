"""Every action on Cloud SQL from a profile through the engine: recorded first, done, seen, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.adapters.gcp import sql as adapter
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.look import LookRequest
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql, Instance
from cockpit.sandbox.managed import SQL_INSTANCE, SQL_REPLICA, seed_sql

WHY = "every action, once"
PASSWORD = "never-on-a-disk-of-ours"
MAIN, REPLICA = "cloudsql/shop", "cloudsql/replica"
PROFILE = """
system = "shop"
environment = "test"
limits = {{ watch = "0s", t4_delay = "0s" }}

[[cloud_sql]]
name = "shop"
project = "demo-shop"
instance = "{main}"
endpoint = "{url}"
interval = "1s"
bucket = "gs://shop-backups/sql"

[[cloud_sql]]
name = "replica"
project = "demo-shop"
instance = "{replica}"
endpoint = "{url}"
interval = "1s"
"""


class Scene:
    """The engine on two instances of the simulated Admin API."""

    def __init__(self, plane: ControlPlane, engine: Engine, folder: Path) -> None:
        self.plane, self.engine, self.folder = plane, engine, folder
        self.executor = engine.executor

    @property
    def sql(self) -> CloudSql:
        return self.plane.sql

    @property
    def main(self) -> Instance:
        return self.sql.instances[SQL_INSTANCE]

    async def fresh(self, source: str) -> None:
        """Wait for a reading that actions may be based on."""
        self.engine.hub.poll_now(source)
        async with asyncio.timeout(10):
            while not self._is_fresh(source):  # noqa: ASYNC110  # a server is asked: nothing announces it
                await asyncio.sleep(0.01)

    def _is_fresh(self, source: str) -> bool:
        state = self.engine.hub.state(source)
        return state is not None and state.freshness is Freshness.FRESH

    async def run(self, request: ActionRequest) -> Record:
        await self.fresh(request.source)
        planned = await self.executor.plan(request)
        assert planned.refusals == ()
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("every-cloudsql-action")
    plane = ControlPlane(settle_s=0.01)
    seed_sql(plane)
    await plane.start()
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(url=plane.url, main=SQL_INSTANCE, replica=SQL_REPLICA), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "POLL_FIRST_S", 0.02)
        patch.setattr(adapter, "POLL_SECOND_S", 0.02)
        patch.setenv("NEW_DATABASE_PASSWORD", PASSWORD)
        async with Engine(load(profile), state_dir=folder / "state") as engine:
            yield Scene(plane, engine, folder)
    await plane.close()


@dataclass(frozen=True)
class Deed:
    """One action: its source, its parameters, and what is so before and afterwards."""

    source: str
    params: Callable[[Scene], dict[str, str]]
    look: Callable[[Scene], object]
    undone_by: str = ""


def given(**params: str) -> Callable[[Scene], dict[str, str]]:
    return lambda _: params


def stopped(scene: Scene) -> dict[str, str]:
    scene.main.activation = "NEVER"
    return {}


# In this order: a backup is restored only once the replica is on its own.
DEEDS = {
    "cloudsql.restart": Deed(MAIN, given(), lambda scene: scene.main.restarts),
    "cloudsql.failover": Deed(MAIN, given(), lambda scene: scene.main.zone, "cloudsql.failover"),
    "cloudsql.tier": Deed(MAIN, given(tier="db-custom-4-16384"), lambda scene: scene.main.tier, "cloudsql.tier"),
    "cloudsql.backup": Deed(MAIN, given(description="x"), lambda scene: len(scene.main.backups)),
    "cloudsql.export": Deed(MAIN, given(database="shop"), lambda scene: len(scene.sql.files)),
    "cloudsql.import": Deed(
        MAIN,
        lambda scene: {"database": "shop", "uri": next(iter(scene.sql.files))},
        lambda scene: len([each for each in scene.sql.operations.values() if each.kind == "IMPORT"]),
    ),
    "cloudsql.password": Deed(
        MAIN,
        given(user="postgres", secret="env:NEW_DATABASE_PASSWORD"),
        lambda scene: scene.main.users[0].accepts(PASSWORD),
    ),
    "cloudsql.start": Deed(MAIN, stopped, lambda scene: scene.main.activation),
    "cloudsql.promote": Deed(REPLICA, given(), lambda scene: scene.sql.instances[SQL_REPLICA].primary),
    "cloudsql.restore": Deed(
        MAIN, lambda scene: {"backup": scene.main.backups[0].id}, lambda scene: scene.main.content
    ),
}


def test_every_one_is_here() -> None:
    assert set(DEEDS) == {spec.id for spec in compose.specs() if spec.pane is SourceKind.CLOUDSQL}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done_and_taken_back(scene: Scene, action: str) -> None:
    deed, executor = DEEDS[action], scene.executor
    request = ActionRequest(action, deed.source, deed.params(scene))
    before = deed.look(scene)
    await scene.fresh(deed.source)
    await executor.disarm()
    planned = await executor.plan(request)
    assert planned.refusals == () and planned.needs_arming
    refused = await executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert [refusal.step for refusal in refused.refusals] == ["mode"] and deed.look(scene) == before

    await executor.arm(WHY)
    record = await scene.run(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True, record.verification
    assert deed.look(scene) != before
    events = tuple(entry.event for entry in scene.engine.audit.entries() if entry.run == record.run)
    assert events == ("intent", "outcome", "verified")
    written = "".join(each.read_text() for each in scene.folder.rglob("*.jsonl"))
    assert record.run in written and PASSWORD not in written
    assert record.undo is not None
    if not deed.undone_by:
        assert record.undo.request is None and record.undo.text.split(":")[0] in ("cannot be undone", "none")
        return
    assert record.undo.request is not None and record.undo.request.action == deed.undone_by
    assert (await scene.run(record.undo.request)).outcome is Outcome.SUCCEEDED
    assert deed.look(scene) == before, "exactly what was there before"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("look", ["state", "operations", "backups", "databases", "instances"])
async def test_every_look_answers(scene: Scene, look: str) -> None:
    await scene.fresh(MAIN)
    sight = await scene.engine.looks.look(LookRequest(f"cloudsql.{look}", MAIN))
    assert sight.lines and sight.summary

"""Every action on Memorystore and secrets from a profile through the engine: recorded first, done, taken back."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.look import LookRequest
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.gcp.memorystore import Instance
from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.managed import CACHE_INSTANCE, READ_SECRET, seed_cache, seed_secrets

WHY = "every action, once"
VALUE = "never-on-a-disk-of-ours"
KEY = READ_SECRET[1]
CACHE, VAULT, SHOP = "memorystore/cache", "secrets/shop", "revisions/shop"
PROFILE = """
system = "shop"
environment = "test"
limits = {{ watch = "0s", t4_delay = "0s" }}

[[cloud_run]]
name = "shop"
project = "demo-shop"
region = "europe-west1"
service = "shop"
endpoint = "{url}"
interval = "1s"

[[memorystore]]
name = "cache"
project = "demo-shop"
region = "europe-west1"
instance = "{cache}"
endpoint = "{url}"
interval = "1s"

[[secrets]]
name = "shop"
project = "demo-shop"
endpoint = "{url}"
interval = "1s"
restarts = ["revisions/shop"]
"""


class Scene:
    """The engine on a service, an instance and secrets of the simulated Google Cloud."""

    def __init__(self, plane: ControlPlane, engine: Engine, folder: Path) -> None:
        self.plane, self.engine, self.folder = plane, engine, folder
        self.executor = engine.executor

    @property
    def cache(self) -> Instance:
        return next(iter(self.plane.memorystore.instances.values()))

    @property
    def states(self) -> list[str]:
        """Of the versions of the key, oldest first."""
        return [each.state for each in self.plane.secrets.secrets[KEY].versions.values()]

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
    folder: Path = tmp_path_factory.mktemp("every-managed-action")
    plane = ControlPlane(settle_s=0.01)
    seed_cache(plane)
    seed_secrets(plane)
    made = plane.secrets.secrets[KEY].created
    plane.run.seed("shop", Template("reg/shop:v1", secrets=(READ_SECRET,)), created=made, creator="ann@shop.example")
    await plane.start()
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(url=plane.url, cache=CACHE_INSTANCE), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEW_KEY", VALUE)
        async with Engine(load(profile), state_dir=folder / "state") as engine:
            yield Scene(plane, engine, folder)
    await plane.close()


@dataclass(frozen=True)
class Deed:
    """One action: its source, its parameters, and what is so before and afterwards."""

    source: str
    params: dict[str, str]
    look: Callable[[Scene], object]
    undone_by: str = ""
    back: Callable[[Scene], object] | None = None  # what the way back restores, where that is not all


DEEDS = {
    "memorystore.resize": Deed(
        CACHE, {"size": "3"}, lambda scene: scene.cache.document["memorySizeGb"], "memorystore.resize"
    ),
    "memorystore.failover": Deed(CACHE, {}, lambda scene: scene.cache.document["currentLocationId"]),
    "secrets.add": Deed(VAULT, {"secret": KEY, "from": "env:NEW_KEY"}, lambda scene: len(scene.states)),
    "secrets.disable": Deed(VAULT, {"secret": KEY, "version": "3"}, lambda scene: scene.states[2], "secrets.enable"),
    "secrets.enable": Deed(VAULT, {"secret": KEY, "version": "1"}, lambda scene: scene.states[0], "secrets.disable"),
    "secrets.rotate": Deed(
        VAULT,
        {"secret": KEY, "from": "env:NEW_KEY"},
        lambda scene: (scene.states, len(scene.plane.run.services["shop"].revisions)),
        "secrets.enable",
        lambda scene: scene.states[:4],
    ),
}


def test_every_one_is_here() -> None:
    kinds = (SourceKind.MEMORYSTORE, SourceKind.SECRETS)
    assert set(DEEDS) == {spec.id for spec in compose.specs() if spec.pane in kinds}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done_and_taken_back(scene: Scene, action: str) -> None:
    deed, executor = DEEDS[action], scene.executor
    request = ActionRequest(action, deed.source, deed.params)
    before = deed.look(scene)
    kept = deed.back(scene) if deed.back is not None else before
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
    assert record.undo is not None
    if not deed.undone_by:
        assert record.undo.request is None and record.undo.text.split(":")[0] == "cannot be undone"
        return
    assert record.undo.request is not None and record.undo.request.action == deed.undone_by
    assert (await scene.run(record.undo.request)).outcome is Outcome.SUCCEEDED
    now = deed.back(scene) if deed.back is not None else deed.look(scene)
    assert now == kept, "exactly what was there before"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_value_is_on_no_disk_and_a_mistyped_one_neither(scene: Scene) -> None:
    with pytest.raises(Refused) as caught:
        await scene.executor.plan(ActionRequest("secrets.add", VAULT, {"secret": KEY, "from": "mistyped-value"}))
    assert "mistyped-value" not in str(caught.value)
    await scene.run(ActionRequest("secrets.add", VAULT, {"secret": KEY, "from": "env:NEW_KEY"}))
    written = b"".join(each.read_bytes() for each in scene.folder.rglob("*") if each.is_file())
    assert b"secrets.add" in written and b"env:NEW_KEY" in written
    for part in (VALUE.encode(), base64.b64encode(VALUE.encode()), b"mistyped-value"):
        assert part not in written
    shown = repr(scene.executor.records) + repr(scene.engine.hub.states())
    assert VALUE not in shown and base64.b64encode(VALUE.encode()).decode() not in shown


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("look", "source", "params"),
    [
        ("memorystore.state", CACHE, {}),
        ("memorystore.instances", CACHE, {}),
        ("secrets.list", VAULT, {}),
        ("secrets.versions", VAULT, {"secret": KEY}),
    ],
)
async def test_every_look_answers(scene: Scene, look: str, source: str, params: dict[str, str]) -> None:
    await scene.fresh(source)
    sight = await scene.engine.looks.look(LookRequest(look, source, params))
    assert sight.lines and sight.summary

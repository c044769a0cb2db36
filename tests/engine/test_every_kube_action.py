"""Every action on a namespace of Kubernetes from a profile through the engine: recorded first, done, taken back.

A further action: bring its object into `tests/actions/kube/stage.py` (or an own stage), and add a Deed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.kube import rollouts
from cockpit.actions.record import Record
from cockpit.adapters.kube.gateway import Gateway
from cockpit.engine.engine import Engine
from cockpit.errors import Unreachable
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.severity import Freshness
from cockpit.profile.load import load

from ..actions.kube.stage import DEEDS as ROLLOUTS
from ..actions.kube.stage import set_image, set_up
from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.server import KubeServer

WHY = "every action, once"
SOURCE = "workloads/main"
PROFILE = """
system = "shop"
environment = "test"
limits = {{ watch = "0s", t4_delay = "0s" }}

[[kubernetes]]
name = "main"
kubeconfig = "{config}"
interval = "0.5s"
"""


class Stage:
    """The engine on one namespace."""

    def __init__(self, namespace: Namespace, engine: Engine, folder: Path) -> None:
        self.namespace, self.engine, self.folder = namespace, engine, folder
        self.executor = engine.executor

    def spec(self, name: str) -> Any:
        """Of a deployment; None where there is none."""
        found = self.namespace.client.items(self.namespace.path("deployments", "apps/v1"))
        return next((each["spec"] for each in found if each["metadata"]["name"] == name), None)

    async def fresh(self, source: str) -> None:
        """Wait for a reading that actions may be based on."""
        self.engine.hub.poll_now(source)
        async with asyncio.timeout(30):
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
async def stage(cluster: KubeServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("every-kube-action")
    namespace = make_namespace(cluster)
    await set_up(namespace)
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(config=namespace.kubeconfig()), encoding="utf-8")
    async with Engine(load(profile), state_dir=folder / "state") as engine:
        yield Stage(namespace, engine, folder)


@dataclass(frozen=True)
class Deed:
    """One action: its parameters, what it changes, and which action takes it back ("" for none)."""

    params: dict[str, str]
    look: Callable[[Stage], object]
    undone_by: str = ""
    source: str = SOURCE
    back: Callable[[Stage], object] | None = field(default=None)  # what the way back restores, where that is not all


def _template(name: str) -> Callable[[Stage], object]:
    return lambda stage: stage.spec(name)["template"]


def _rollout(action: str, look: Callable[[Stage], object], undone_by: str = "") -> Deed:
    return Deed(dict(ROLLOUTS[action]), look, undone_by and f"workloads.{undone_by}")


# In this order: what is paused last is resumed by its own way back.
DEEDS = {
    "workloads.undo": _rollout("undo", _template("api"), "undo"),
    "workloads.image": _rollout("image", _template("api"), "image"),
    "workloads.restart": _rollout("restart", _template("api")),
    "workloads.scale": _rollout("scale", lambda stage: stage.spec("api")["replicas"], "scale"),
    "workloads.pause": _rollout("pause", lambda stage: stage.spec("api").get("paused"), "resume"),
    "workloads.resume": _rollout("resume", lambda stage: stage.spec("held").get("paused"), "pause"),
    "workloads.switch": _rollout(
        "switch", lambda stage: stage.namespace.get("services/live")["spec"]["selector"], "switch"
    ),
    "workloads.delete": _rollout("delete", lambda stage: stage.spec("spare"), "create"),
}


def test_every_one_is_here() -> None:
    """What only takes another back is tried with that one."""
    assert {spec.id for spec in rollouts.SPECS if spec.listed} <= set(DEEDS)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done_and_taken_back(stage: Stage, action: str) -> None:
    deed, executor = DEEDS[action], stage.executor
    request = ActionRequest(action, deed.source, deed.params)
    before = deed.look(stage)
    kept = deed.back(stage) if deed.back is not None else before
    await stage.fresh(deed.source)
    await executor.disarm()
    planned = await executor.plan(request)
    assert planned.refusals == () and planned.needs_arming
    refused = await executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert [refusal.step for refusal in refused.refusals] == ["mode"] and deed.look(stage) == before

    await executor.arm(WHY)
    record = await stage.run(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True, record.verification
    assert deed.look(stage) != before
    events = tuple(entry.event for entry in stage.engine.audit.entries() if entry.run == record.run)
    assert events == ("intent", "outcome", "verified")
    assert record.undo is not None
    if not deed.undone_by:
        assert record.undo.request is None and record.undo.text.split(":")[0] == "cannot be undone"
        return
    assert record.undo.request is not None and record.undo.request.action == deed.undone_by
    assert (await stage.run(record.undo.request)).outcome is Outcome.SUCCEEDED
    now = deed.back(stage) if deed.back is not None else deed.look(stage)
    assert now == kept, "exactly what was there before"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_change_in_between_is_refused_before_anything_is_sent(stage: Stage) -> None:
    await stage.executor.arm(WHY)
    await stage.fresh(SOURCE)
    planned = await stage.executor.plan(ActionRequest("workloads.restart", SOURCE, ROLLOUTS["restart"]))
    set_image(stage.namespace, "api", "by-another")
    record = await stage.executor.execute(planned, Confirmation("y", WHY))
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "re-validate"
    await asyncio.to_thread(stage.namespace.rolled_out, "api")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_change_after_the_last_look_is_refused_by_the_server(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.executor.arm(WHY)
    await stage.fresh(SOURCE)
    handler = stage.executor.catalogue.handler("workloads.restart", SOURCE)
    run = handler.run

    async def late(*given: Any) -> Any:
        set_image(stage.namespace, "api", "by-another-again")
        return await run(*given)

    monkeypatch.setattr(handler, "run", late)
    record = await stage.run(ActionRequest("workloads.restart", SOURCE, ROLLOUTS["restart"]))
    assert record.outcome is Outcome.REFUSED and "changed since it was planned" in record.summary
    assert record.undo is None and record.verification is None
    await asyncio.to_thread(stage.namespace.rolled_out, "api")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rollout_that_fails_keeps_its_way_back(stage: Stage) -> None:
    await stage.executor.arm(WHY)
    before = _template("api")(stage)
    record = await stage.run(
        ActionRequest("workloads.image", SOURCE, {"workload": "deployment/api", "image": "reg.test/api:crash"})
    )
    assert record.outcome is Outcome.FAILED and record.plan.tier is Tier.T2
    assert record.verification is not None and record.verification.holds is False
    offer = stage.executor.undo_offer
    assert offer is not None and offer.undo.request is not None
    assert (await stage.run(offer.undo.request)).outcome is Outcome.SUCCEEDED
    assert _template("api")(stage) == before
    await until_async(lambda: len(stage.namespace.pods("app=api")) == 1)


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_that_was_lost_is_unknown_looked_at_and_not_sent_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.executor.arm(WHY)
    real, sent = Gateway.change, []

    async def lost(self: Gateway, *given: Any, **more: Any) -> Any:
        answer = await real(self, *given, **more)
        if not more.get("dry_run"):
            sent.append(given)
            raise Unreachable("the connection broke", hint="look at the object", effect_possible=True)
        return answer

    monkeypatch.setattr(Gateway, "change", lost)
    record = await stage.run(ActionRequest("workloads.scale", SOURCE, ROLLOUTS["scale"]))
    assert record.outcome is Outcome.UNKNOWN and len(sent) == 1 and stage.spec("api")["replicas"] == 3
    assert record.verification is not None and record.verification.holds is not False
    monkeypatch.undo()
    assert record.undo is not None and record.undo.request is not None
    assert (await stage.run(record.undo.request)).outcome is Outcome.SUCCEEDED
    assert stage.spec("api")["replicas"] == 1

"""Booking on the sandbox: its playbook for errors after a deployment, from the symptom to the cure that was seen."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cockpit.engine.engine import Engine
from cockpit.model.action import Outcome, Verdict
from cockpit.model.command import Kind
from cockpit.model.render import RenderStatus
from cockpit.model.severity import Severity
from cockpit.profile.load import load
from cockpit.profile.shipped import shipped
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.system import Sandbox, Tempo

from .test_incidents import Incident


@asynccontextmanager
async def playing(system: str, scenario: Scenario, folder: Path) -> AsyncIterator[Incident]:
    """The system on this machine with that fault, and an engine on its profile."""
    shape = Shape.of(tomllib.loads(shipped(system).text))
    sandbox = await Sandbox.start(folder / system, scenario, tempo=Tempo(reads_per_minute=600), shape=shape)
    try:
        assert sandbox.profile is not None
        async with Engine(load(sandbox.profile), state_dir=folder / "state") as engine:
            yield Incident(sandbox, engine)
    finally:
        await sandbox.close()


async def opened(it: Incident, title: str) -> Session:
    """A playbook of the accepted runbook."""
    desk = it.engine.guide
    assert desk is not None
    await desk.read()
    assert desk.runbook is not None and desk.trust is not None
    await desk.accept(desk.trust.digest)
    (playbook,) = (each for each in desk.runbook.playbooks if each.title == title)
    return await desk.open(playbook.id)


async def test_errors_after_a_deployment_are_ended_by_its_playbook(tmp_path: Path) -> None:
    async with playing("booking", Scenario.BAD_REVISION, tmp_path) as it:
        request = await it.suggestion("render-errors-since-deploy")
        assert (request.action, request.source) == ("render.rollback", "render/booking")
        session = await opened(it, "Errors after a deployment")
        desk = it.engine.guide
        assert desk is not None
        assert session.playbook.id in {each.playbook.id for each in desk.suggestions()}
        asked = [s for s in session.steps if (o := desk.offered(session, s.id)) and o.kind is Kind.LIVE]
        assert len(asked) == 3
        before = await desk.look(session, asked[0].id, {})
        assert before.severity is Severity.CRIT, before
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None and record.verification.holds
        assert await it.verdict(record) is Verdict.RECOVERED
        after = await desk.look(session, asked[-1].id, {})
        assert after.severity is Severity.OK
        assert session.progress(asked[-1].id).state is StepState.DONE
        state = it.engine.hub.state("render/booking")
        assert state is not None and state.reading is not None and isinstance(state.reading.payload, RenderStatus)
        web = state.reading.payload.services[0]
        assert web.live is not None and web.live.id != request.get("live")

"""AIA on the sandbox's own cluster: playbooks from the symptom to the cure that was seen to hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.engine.guide import GuideDesk
from cockpit.model.severity import Freshness, Severity
from cockpit.model.workloads import WorkloadsStatus
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.sandbox.scenarios import Scenario

from .test_demo_systems import SHARED, cured, playing, severity
from .test_incidents import Incident

BLUE = "deployment/aia-api-blue"
BOOKS = [
    ("The new colour fails", None),
    pytest.param(
        "Rolling Updates",
        SHARED / "aia.md",
        marks=pytest.mark.skipif(not (SHARED / "aia.md").exists(), reason="the runbook of this system is not here"),
    ),
]


async def opened(it: Incident, title: str) -> tuple[GuideDesk, Session]:
    """A playbook of the accepted runbook."""
    desk = it.engine.guide
    assert desk is not None
    await desk.read()
    assert desk.runbook is not None and desk.trust is not None
    await desk.accept(desk.trust.digest)
    (playbook,) = (each for each in desk.runbook.playbooks if title in each.title)
    return desk, await desk.open(playbook.id)


def blue(it: Incident) -> str:
    """The image tag of what is live, as the cockpit sees it."""
    state = it.engine.hub.state("workloads/aia")
    if state is None or state.reading is None or not isinstance(state.reading.payload, WorkloadsStatus):
        return ""
    found = (each for each in state.reading.payload.workloads if each.ref == BLUE)
    return next((each.images[0][1].rpartition(":")[2] for each in found), "")


@pytest.mark.parametrize(("title", "runbook"), BOOKS)
async def test_a_bad_image_is_taken_back_by_the_playbook(tmp_path: Path, title: str, runbook: Path | None) -> None:
    async with playing("aia", Scenario.BAD_REVISION, tmp_path, runbook) as it:
        suggested = await it.suggestion("errors-after-rollout")
        assert (suggested.action, suggested.get("workload"), suggested.get("revision")) == (
            "workloads.undo",
            BLUE,
            "2",
        )
        assert blue(it) == "v1.43.0"
        await it.until("the log says so", lambda: severity(it, "logs/aia") is Severity.CRIT)
        desk, session = await opened(it, title)
        steps = {
            offered.action.action: s.id
            for s in session.steps
            if (offered := desk.offered(session, s.id)) is not None and offered.action is not None
        }
        step = steps["workloads.undo"]
        offered = desk.offered(session, step)
        assert offered is not None
        values: dict[str, str] = {}
        for ask in offered.asks:
            choices = await desk.choices(offered, ask, {})
            values[ask.name] = next((each.value for each in choices if each.recommended), "2")
        record = await cured(it, desk.request(session, step, values))
        assert record.verification is not None and record.verification.holds
        assert session.progress(step).state is StepState.DONE
        await it.until("the image of before", lambda: blue(it) == "v1.42.0")
        await it.until("the site is well", lambda: severity(it, "health/api") is Severity.OK)


async def test_every_source_is_read_without_a_cluster(tmp_path: Path) -> None:
    async with playing("aia", Scenario.NONE, tmp_path) as it:
        states = it.engine.hub.states
        await it.until("all are fresh", lambda: all(each.freshness is Freshness.FRESH for each in states()))
        kinds = {state.kind.value for state in states()}
        assert {"workloads", "cluster", "prometheus", "logs", "health"} <= kinds
        watched = ("workloads/aia", "cluster/aia", "prometheus/aia", "logs/aia")
        await it.until("all is well", lambda: {severity(it, source) for source in watched} == {Severity.OK})

"""Systems on the sandbox, each by its own profile: a playbook from the symptom to the cure that was seen to hold."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.actions.record import Record
from cockpit.engine.engine import Engine
from cockpit.engine.guide import GuideDesk
from cockpit.model.action import ActionRequest, Outcome, Verdict
from cockpit.model.command import Kind
from cockpit.model.severity import Freshness, Severity
from cockpit.profile.load import load
from cockpit.profile.shipped import shipped
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.system import Sandbox, Tempo, Unavailable

from .test_incidents import Incident

SHARED = Path(__file__).parents[2].parent / "shared" / "runbooks"


@asynccontextmanager
async def playing(
    system: str, scenario: Scenario, folder: Path, runbook: Path | None = None
) -> AsyncIterator[Incident]:
    """The system on this machine with that fault, and an engine on its profile; latency is no symptom here."""
    shape = replace(Shape.of(tomllib.loads(shipped(system).text)), runbook=runbook)
    try:
        sandbox = await Sandbox.start(folder / system, scenario, tempo=Tempo(reads_per_minute=600), shape=shape)
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        assert sandbox.profile is not None
        lines = sandbox.profile.read_text("utf-8").splitlines(keepends=True)
        sandbox.profile.write_text("".join(line for line in lines if not line.startswith("slow = ")), "utf-8")
        async with Engine(load(sandbox.profile), state_dir=folder / "state") as engine:
            yield Incident(sandbox, engine)
    finally:
        await sandbox.close()


async def opened(it: Incident, title: str) -> tuple[GuideDesk, Session]:
    """A playbook of the accepted runbook that is among the suggested."""
    desk = it.engine.guide
    assert desk is not None
    await desk.read()
    assert desk.runbook is not None and desk.trust is not None
    await desk.accept(desk.trust.digest)
    assert any(title in each.playbook.title for each in desk.suggestions())
    (playbook,) = (each for each in desk.runbook.playbooks if title in each.title)
    return desk, await desk.open(playbook.id)


async def looked(desk: GuideDesk, session: Session) -> list[tuple[Severity, str]]:
    """What every question of the playbook is answered with."""
    asked = [s.id for s in session.steps if (offered := desk.offered(session, s.id)) and offered.kind is Kind.LIVE]
    sights = [await desk.look(session, step, {}) for step in asked]
    assert all(session.progress(step).state is StepState.DONE for step in asked)
    return [(sight.severity, sight.summary) for sight in sights]


def cure(desk: GuideDesk, session: Session) -> str:
    """The one step that changes something."""
    (step,) = (s.id for s in session.steps if (o := desk.offered(session, s.id)) is not None and o.action is not None)
    return step


async def cured(it: Incident, request: ActionRequest) -> Record:
    record = await it.act(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert await it.verdict(record) is Verdict.RECOVERED
    return record


def severity(it: Incident, source: str) -> Severity | None:
    state = it.engine.hub.state(source)
    return state.reading.severity if state is not None and state.reading is not None else None


BOOKS = [
    ("Jobs are stuck", None),
    pytest.param(
        "Stuck Jobs",
        SHARED / "storybook.md",
        marks=pytest.mark.skipif(
            not (SHARED / "storybook.md").exists(), reason="the runbook of this system is not here"
        ),
    ),
]


@pytest.mark.parametrize(("title", "runbook"), BOOKS)
async def test_jobs_that_are_stuck_are_given_up_by_the_playbook(
    tmp_path: Path, title: str, runbook: Path | None
) -> None:
    async with playing("storybook", Scenario.STUCK_JOBS, tmp_path, runbook) as it:
        await it.until("jobs are stuck", lambda: severity(it, "health/jobs") is Severity.CRIT)
        desk, session = await opened(it, title)
        answers = await looked(desk, session)
        assert any("9 rows" in said for _, said in answers) and any("stuck" in said for _, said in answers)
        request = desk.request(session, cure(desk, session), {})
        assert (request.action, request.source) == ("database.execute", "database/postgres")
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED and "9" in record.summary, record.summary
        await it.until("none is stuck", lambda: severity(it, "health/jobs") is Severity.OK)
        assert session.progress(cure(desk, session)).state is StepState.DONE


async def test_the_containers_made_anew_are_named_and_go_back_to_the_image_before(tmp_path: Path) -> None:
    async with playing("storybook", Scenario.BAD_REVISION, tmp_path) as it:
        request = await it.suggestion("container-errors-since")
        assert (request.action, dict(request.params)) == ("containers.rollback", {"service": "api"})
        desk, session = await opened(it, "The API fails")
        assert len(await looked(desk, session)) == 3
        record = await cured(it, request)
        assert record.verification is not None and record.verification.holds
        await it.until("the API is well", lambda: severity(it, "health/jobs") is Severity.OK)
        offer = it.engine.executor.undo_offer
        assert offer is not None and offer.undo.request is not None
        assert "@sha256:" in offer.undo.request.get("image"), "forward again by digest"


async def test_a_revision_that_fails_is_taken_back_by_the_playbook_of_roadtrip(tmp_path: Path) -> None:
    async with playing("roadtrip", Scenario.BAD_REVISION, tmp_path) as it:
        suggested = await it.suggestion("bad-revision")
        desk, session = await opened(it, "Requests fail after a deployment")
        assert Severity.CRIT in [grade for grade, _ in await looked(desk, session)]
        step = cure(desk, session)
        offered = desk.offered(session, step)
        assert offered is not None
        (ask,) = offered.asks
        choices = await desk.choices(offered, ask, {})
        (best,) = (each.value for each in choices if each.recommended)
        assert best == suggested.get("revision")
        record = await cured(it, desk.request(session, step, {ask.name: best}))
        assert record.verification is not None and record.verification.holds
        await it.until("the components are well", lambda: severity(it, "health/components") is Severity.OK)


async def test_every_source_of_storybook_is_read_without_an_engine_or_a_token(tmp_path: Path) -> None:
    async with playing("storybook", Scenario.NONE, tmp_path) as it:
        states = it.engine.hub.states

        def fresh() -> bool:
            return all(state.freshness is Freshness.FRESH for state in states())

        await it.until("all are fresh", fresh)
        kinds = {state.kind.value for state in states()}
        assert kinds == {"health", "logs", "database", "redis", "containers", "github", "scripts"}
        await it.until("jobs are well", lambda: severity(it, "health/jobs") is Severity.OK)

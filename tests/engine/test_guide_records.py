"""The desk where the record is in question, and where one line of a block prepares the next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.engine.engine import Engine
from cockpit.engine.guide import GuideDesk
from cockpit.errors import Misconfigured, RateLimited, Refused
from cockpit.model.action import Outcome
from cockpit.model.finding import Finding
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity
from cockpit.profile.load import load
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted

RUNBOOK = """
# Shop

## The page is slow

1. Look at the page
   ```bash
   curl -s http://127.0.0.1:1/health
   curl -s http://127.0.0.1:1/jobs
   ```
2. Look at the limits
   ```bash
   cd backend
   export RATE_LIMIT=5
   cat limits-$RATE_LIMIT.txt
   ```
3. Tell the team
"""
PROFILE = """
system = "shop"
environment = "production"
[[health]]
name = "api"
url = "http://127.0.0.1:1/health"
[runbook]
files = ["RUNBOOK.md"]
"""


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """It does not poll; its runbook is read and accepted."""
    (tmp_path / "RUNBOOK.md").write_text(RUNBOOK)
    (tmp_path / "shop.toml").write_text(PROFILE)
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "limits-5.txt").write_text("five a second\n")
    made = Engine(load(tmp_path / "shop.toml"), state_dir=tmp_path / "state")
    await made.prepare()
    assert made.guide is not None
    await made.guide.read()
    assert made.guide.trust is not None
    await made.guide.accept(made.guide.trust.digest)
    yield made
    await made.close()


async def begun(engine: Engine) -> tuple[GuideDesk, Session]:
    desk = engine.guide
    assert desk is not None and desk.runbook is not None
    return desk, await desk.open(desk.runbook.playbooks[0].id)


async def test_two_cockpits_work_through_one_playbook_in_sessions_of_their_own(
    engine: Engine, tmp_path: Path
) -> None:
    _, session = await begun(engine)
    await session.tick(step(session, "Tell the team"), "by the first")
    second = Engine(load(tmp_path / "shop.toml"), state_dir=tmp_path / "state")
    await second.prepare()
    try:
        assert second.guide is not None
        await second.guide.read()
        (past,) = second.guide.past(session.playbook.id)
        with pytest.raises(Refused, match="open in another cockpit"):
            await second.guide.open(session.playbook.id, past.id)
        other = await second.guide.open(session.playbook.id)
        assert other.id != session.id and other.progress(step(other, "Tell the team")).state is StepState.TODO
        assert isinstance(second.guide.trust, Accepted), "it was accepted on this machine"
    finally:
        await second.close()


async def test_a_session_that_began_half_a_day_ago_is_old_and_can_still_be_gone_on_with(
    engine: Engine, tmp_path: Path
) -> None:
    desk, session = await begun(engine)
    await session.tick(step(session, "Tell the team"), "in the channel")
    await desk.leave(session)
    (path,) = (tmp_path / "state" / "guide").rglob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    began = datetime.fromisoformat(lines[0]["at"]) - timedelta(hours=12, minutes=1)
    lines[0]["at"] = began.isoformat()
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    await desk.read()
    (past,) = desk.past()
    assert past.old and past.started == began
    again = await desk.open(past.playbook, past.id)
    assert again.progress(step(again, "Tell the team")).result == "in the channel"


def step(session: Session, text: str) -> str:
    return next(s.id for s in session.steps if text in (s.command.text if s.command else s.text))


def fill_the_disk(engine: Engine, folder: Path) -> None:
    """From now on the audit log cannot be written."""
    log = folder / "state" / "audit.jsonl"
    log.rename(log.with_name("moved.jsonl"))
    log.mkdir()


async def test_without_the_audit_log_a_step_is_neither_ticked_nor_lost(engine: Engine, tmp_path: Path) -> None:
    _, session = await begun(engine)
    telling = step(session, "Tell the team")
    fill_the_disk(engine, tmp_path)
    with pytest.raises(Misconfigured, match="nothing was kept, neither in the guide's session nor in the audit log"):
        await session.tick(telling)
    assert session.progress(telling).state is StepState.TODO


async def test_without_the_audit_log_a_playbook_opens_and_says_that_nothing_is_recorded(
    engine: Engine, tmp_path: Path
) -> None:
    desk = engine.guide
    assert desk is not None and desk.runbook is not None
    fill_the_disk(engine, tmp_path)
    session = await desk.open(desk.runbook.playbooks[0].id)
    assert "nothing was kept" in session.unkept
    kept = [path.read_text() for path in (tmp_path / "state" / "guide").rglob("*.jsonl")]
    assert not any(kept) and desk.past() == ()


async def test_a_session_whose_end_cannot_be_recorded_can_be_gone_on_with(engine: Engine, tmp_path: Path) -> None:
    desk, session = await begun(engine)
    fill_the_disk(engine, tmp_path)
    with pytest.raises(Misconfigured, match="nothing was kept"):
        await desk.leave(session, ended=True)
    assert [past.id for past in desk.past()] == [session.id]


async def test_an_answer_that_cannot_be_recorded_is_shown_and_says_so(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, session = await begun(engine)
    asking = step(session, "/jobs")

    async def answer(request: LookRequest) -> Sight:
        return Sight(Severity.OK, "3 jobs", engine.clock.now(), ("3 jobs",))

    monkeypatch.setattr(engine.looks, "look", answer)
    fill_the_disk(engine, tmp_path)
    sight = await desk.look(session, asking, {})
    assert sight.summary == "3 jobs" and sight.lines[0].startswith("this answer is not recorded: nothing was kept")
    assert session.progress(asking).state is StepState.TODO


async def test_a_command_runs_with_what_the_lines_above_it_in_its_block_say(engine: Engine) -> None:
    desk, session = await begun(engine)
    reading = step(session, "cat limits")
    offered = desk.offered(session, reading)
    assert offered is not None and offered.asks == (), "RATE_LIMIT stands above it"
    planned = await engine.executor.plan(desk.request(session, reading, {}))
    assert "in ./backend, with RATE_LIMIT=5, as the lines above say" in planned.plan.operation
    assert not any("does not reach it" in warning for warning in planned.plan.warnings)
    record = await engine.executor.execute(planned, Confirmation("y"))
    assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "five a second")


async def test_a_question_that_a_quota_kept_from_being_answered_is_still_to_do(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, session = await begun(engine)
    answers: list[Sight | RateLimited] = [
        RateLimited("60 reads a minute are used up", retry_after_s=11.2),
        Sight(Severity.OK, "all well", engine.clock.now()),
        RateLimited("60 reads a minute are used up"),
    ]

    async def answer(request: LookRequest) -> Sight:
        given = answers.pop(0)
        if isinstance(given, RateLimited):
            raise given
        return given

    monkeypatch.setattr(engine.looks, "look", answer)
    asking = step(session, "/health")
    with pytest.raises(RateLimited):
        await desk.look(session, asking, {})
    refused = session.progress(asking)
    assert (refused.state, refused.result) == (StepState.TODO, "not answered: quota, again in 12 s")
    assert refused.lines == ("60 reads a minute are used up",)
    await desk.look(session, asking, {})
    with pytest.raises(RateLimited):
        await desk.look(session, asking, {})
    assert (session.progress(asking).state, session.progress(asking).result) == (StepState.DONE, "all well")


async def test_whether_something_was_wrong_when_it_was_opened_is_known_when_it_is_gone_on_with(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, session = await begun(engine)
    assert not session.incident
    await desk.leave(session)
    grave = Finding("errors", Severity.CRIT, "half of all requests fail", "", (), "logs/shop")
    monkeypatch.setattr(engine, "findings", lambda: (grave,))
    session = await desk.open(session.playbook.id, session.id)
    assert session.incident
    await desk.leave(session)
    monkeypatch.setattr(engine, "findings", tuple)
    again = await desk.open(session.playbook.id, session.id)
    assert again.incident, "it was an incident"

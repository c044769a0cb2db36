"""Every action on a repository from a profile through the engine: recorded first, done, verified, taken back.

A further action: add a Deed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.look import LookRequest
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.github import repository
from cockpit.sandbox.github.repository import Repository, lived
from cockpit.sandbox.github.server import GithubServer

WHY = "every action, once"
SOURCE = "github/shop"
PROFILE = """
system = "shop"
environment = "test"
limits = {{ watch = "0s", t4_delay = "0s" }}

[[github]]
name = "shop"
repository = "shop-team/shop"
workflow = "deploy.yml"
environment = "production"
token = "env:SHOP_GITHUB_TOKEN"
endpoint = "{url}"
interval = "2s"
"""


class Stage:
    """The engine on one repository."""

    def __init__(self, engine: Engine, server: GithubServer) -> None:
        self.engine, self.executor = engine, engine.executor
        self.server, self.repo = server, server.repository

    async def fresh(self) -> None:
        self.engine.hub.poll_now(SOURCE)
        async with asyncio.timeout(60):
            while not self._is_fresh():  # noqa: ASYNC110  # a server is asked: nothing announces it
                await asyncio.sleep(0.01)

    def _is_fresh(self) -> bool:
        state = self.engine.hub.state(SOURCE)
        return state is not None and state.freshness is Freshness.FRESH

    async def run(self, request: ActionRequest) -> Record:
        planned = await self.executor.plan(request)
        assert planned.refusals == ()
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))


@pytest_asyncio.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("SHOP_GITHUB_TOKEN", "t0ken")
    monkeypatch.setattr(repository, "JOB_S", 0.1)
    monkeypatch.setattr(repository, "QUEUED_S", 0.05)
    monkeypatch.setattr("cockpit.actions.github.ground._FIRST_S", 0.05)
    async with GithubServer(lived(lambda: datetime.now(UTC))) as server:
        profile = tmp_path / "profile.toml"
        profile.write_text(PROFILE.format(url=server.url), encoding="utf-8")
        async with Engine(load(profile), state_dir=tmp_path / "state") as engine:
            made = Stage(engine, server)
            await made.fresh()
            yield made


@dataclass(frozen=True)
class Deed:
    """One action: its parameters, what it changes, and which action takes it back ("" for none)."""

    params: Callable[[Repository], dict[str, str]]
    look: Callable[[Repository], object]
    undone_by: str = ""


def newest(repo: Repository) -> str:
    return str(max(repo.runs))


def pull(repo: Repository, state: str = "open") -> str:
    return str(next(each.number for each in repo.pulls.values() if each.state == state))


def under_way(repo: Repository) -> dict[str, str]:
    run = repo.run("main", repo.branches["main"])
    run.attempts[0].holds = True
    return {"run": str(run.id), "attempt": "1", "sha": run.sha}


def hotfix(repo: Repository) -> dict[str, str]:
    repo.commit("hotfix", "Stop the bleeding", "ann")
    return {"branch": "hotfix", "title": "HOTFIX"}


DEEDS = {
    "github.rerun": Deed(lambda repo: {"run": newest(repo)}, lambda repo: len(repo.runs[max(repo.runs)].attempts)),
    "github.cancel": Deed(under_way, lambda repo: repo.runs[max(repo.runs)].attempts[-1].cancelled, "github.rerun"),
    "github.dispatch": Deed(lambda repo: {"inputs": "version=v1.0"}, lambda repo: len(repo.runs)),
    "github.merge": Deed(lambda repo: {"pull": pull(repo), "head": repo.branches["fix-prices"]},
                         lambda repo: repo.branches["main"], "github.revert"),
    "github.revert": Deed(lambda repo: {"pull": pull(repo, "closed")}, lambda repo: len(repo.pulls), "github.close"),
    "github.propose": Deed(hotfix, lambda repo: len(repo.pulls), "github.close"),
    "github.close": Deed(lambda repo: {"pull": pull(repo)},
                         lambda repo: [each.state for each in repo.pulls.values()]),
}  # fmt: skip


def test_every_one_is_here() -> None:
    assert set(DEEDS) == {spec.id for spec in compose.specs() if spec.pane is SourceKind.GITHUB}


@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_then_done_and_taken_back(stage: Stage, action: str) -> None:
    deed, executor = DEEDS[action], stage.executor
    request = ActionRequest(action, SOURCE, deed.params(stage.repo))
    before = deed.look(stage.repo)
    planned = await executor.plan(request)
    assert planned.refusals == () and planned.needs_arming
    refused = await executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert [refusal.step for refusal in refused.refusals] == ["mode"] and deed.look(stage.repo) == before

    await executor.arm(WHY)
    record = await stage.run(request)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True, record.verification
    assert deed.look(stage.repo) != before
    events = tuple(entry.event for entry in stage.engine.audit.entries() if entry.run == record.run)
    assert events == ("intent", "outcome", "verified")
    assert record.undo is not None
    if not deed.undone_by:
        assert record.undo.request is None
        return
    assert record.undo.request is not None and record.undo.request.action == deed.undone_by
    back = await stage.run(record.undo.request)
    assert back.outcome is Outcome.SUCCEEDED, back.summary


async def test_a_head_that_moves_between_plan_and_act_is_refused_before_anything_is_sent(stage: Stage) -> None:
    await stage.executor.arm(WHY)
    planned = await stage.executor.plan(ActionRequest("github.merge", SOURCE, {"pull": pull(stage.repo)}))
    stage.repo.commit("fix-prices", "Meanwhile", "eve")
    record = await stage.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert record.outcome is Outcome.REFUSED and record.refusals[0].step == "re-validate"
    assert not [each for each in stage.server.seen if each.method == "PUT"]


async def test_a_head_that_moves_after_the_last_look_is_refused_by_github(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.executor.arm(WHY)
    handler = stage.executor.catalogue.handler("github.merge", SOURCE)
    run = handler.run

    async def late(*given: Any) -> Any:
        stage.repo.commit("fix-prices", "Meanwhile", "eve")
        return await run(*given)

    monkeypatch.setattr(handler, "run", late)
    record = await stage.run(ActionRequest("github.merge", SOURCE, {"pull": pull(stage.repo)}))
    assert record.outcome is Outcome.REFUSED and "Head branch was modified" in record.summary


async def test_a_lost_answer_is_unknown_and_what_it_did_is_seen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.executor.arm(WHY)
    stage.server.swallowed.add("POST /actions/runs/{run}/rerun-failed-jobs")
    handler: Any = stage.executor.catalogue.handler("github.rerun", SOURCE)
    api = handler._desk.api
    monkeypatch.setattr(api, "table", api.table.model_copy(update={"timeout": 1.0}))
    record = await stage.run(ActionRequest("github.rerun", SOURCE, {"run": newest(stage.repo)}))
    assert record.outcome is Outcome.UNKNOWN and "no answer" in record.summary
    assert len([each for each in stage.server.seen if each.method == "POST"]) == 1
    assert record.verification is not None and record.verification.holds in (True, None)


@pytest.mark.parametrize("look", [spec.id for spec in compose.look_specs() if spec.pane is SourceKind.GITHUB])
async def test_every_look_answers(stage: Stage, look: str) -> None:
    sight = await stage.engine.looks.look(LookRequest(look, SOURCE))
    assert sight.summary and sight.lines and len(sight.lines) <= 200

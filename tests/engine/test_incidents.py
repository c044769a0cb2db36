"""The main job, end to end over the sandbox: the engine finds the fault, and the action that it suggests cures it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome, Verdict
from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.revisions import ServiceStatus
from cockpit.model.severity import Freshness
from cockpit.profile.load import load
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.system import Sandbox, Tempo, Unavailable

DEADLINE_S = 45.0


@dataclass
class Incident:
    sandbox: Sandbox
    engine: Engine

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait for readings until it holds."""
        news = asyncio.Event()
        leave = self.engine.hub.subscribe(lambda source: news.set())
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not holds():
                    news.clear()
                    await news.wait()
        except TimeoutError:
            states = [(state.source, state.freshness.value, state.summary) for state in self.engine.hub.states()]
            pytest.fail(f"not seen in {DEADLINE_S:.0f} s: {what}; {states}; {self.engine.findings()}")
        finally:
            leave()

    def finding(self, rule: str) -> Finding | None:
        return next((finding for finding in self.engine.findings() if finding.rule == rule), None)

    async def suggestion(self, rule: str) -> ActionRequest:
        """The action that a finding suggests, once there is one."""
        await self.until(f"{rule} with an action", lambda: bool((found := self.finding(rule)) and found.action))
        found = self.finding(rule)
        assert found is not None and found.action is not None
        return found.action

    async def act(self, request: ActionRequest) -> Record:
        await self.engine.executor.arm("end-to-end test")
        planned = await self.engine.executor.plan(request)
        assert planned.refusals == ()
        return await self.engine.executor.execute(planned, Confirmation(planned.requirement.phrase, "it is broken"))

    async def verdict(self, record: Record) -> Verdict | None:
        done = asyncio.Event()

        def decided() -> Verdict | None:
            return next((r.verdict for r in self.engine.executor.records if r.run == record.run), None)

        self.engine.executor.subscribe(lambda: done.set() if decided() else None)
        async with asyncio.timeout(DEADLINE_S + 60):
            await done.wait()
        return decided()

    def serving(self) -> str:
        """The revision with most traffic, as the cockpit sees it."""
        state = self.engine.hub.state("revisions/shop")
        assert state is not None and state.reading is not None
        assert isinstance(state.reading.payload, ServiceStatus)
        return state.reading.payload.serving_revision


@asynccontextmanager
async def incident(folder: Path, scenario: Scenario, *, slow_is_ill: bool = True) -> AsyncIterator[Incident]:
    """`slow_is_ill=False`: latency is no symptom, for a machine that is busy with something else has that too."""
    try:
        sandbox = await Sandbox.start(folder / "shop", scenario, tempo=Tempo(reads_per_minute=600))
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        assert sandbox.profile is not None
        if not slow_is_ill:
            text = sandbox.profile.read_text("utf-8")
            assert '"> 2000"' in text
            sandbox.profile.write_text(text.replace('"> 500"', '"> 60000"').replace('"> 2000"', '"> 90000"'), "utf-8")
        async with Engine(load(sandbox.profile), state_dir=folder / "state") as engine:
            yield Incident(sandbox, engine)
    finally:
        await sandbox.close()


async def test_a_bad_revision_is_named_and_rolling_it_back_ends_the_errors(tmp_path: Path) -> None:
    async with incident(tmp_path, Scenario.BAD_REVISION, slow_is_ill=False) as it:
        request = await it.suggestion("bad-revision")
        assert request.action == "revisions.rollback"
        bad = it.serving()
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None and record.verification.holds
        assert await it.verdict(record) is Verdict.RECOVERED
        await it.until("the good revision serves", lambda: it.serving() != bad)
        offer = it.engine.executor.undo_offer
        assert offer is not None and offer.undo.request is not None
        assert (await it.act(offer.undo.request)).outcome is Outcome.SUCCEEDED
        await it.until("the former traffic is back", lambda: it.serving() == bad)


async def test_a_lock_pileup_names_its_root_and_ending_it_frees_the_others(tmp_path: Path) -> None:
    async with incident(tmp_path, Scenario.LOCK_PILEUP) as it:
        request = await it.suggestion("lock-pileup")
        assert request.action == "database.unblock" and request.get("backend_start")
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        await it.until("nobody waits", lambda: it.finding("lock-pileup") is None)
        assert await it.verdict(record) is Verdict.RECOVERED


async def test_a_full_redis_names_the_prefix_and_deleting_it_ends_the_evictions(tmp_path: Path) -> None:
    async with incident(tmp_path, Scenario.REDIS_FULL) as it:
        request = await it.suggestion("redis-evicting")
        assert request.get("pattern").startswith("tmp:recs")
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        await it.until("no evictions", lambda: it.finding("redis-evicting") is None)


async def test_a_slow_query_is_named_and_cancelling_it_ends_it(tmp_path: Path) -> None:
    async with incident(tmp_path, Scenario.SLOW_QUERY) as it:
        request = await it.suggestion("slow-query")
        record = await it.act(request)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        await it.until("it is gone", lambda: it.finding("slow-query") is None)


async def test_sources_that_hang_fail_alone_and_come_back(tmp_path: Path) -> None:
    async with incident(tmp_path, Scenario.NONE) as it:

        def states() -> list[SourceState]:
            return [state for state in it.engine.hub.states() if not state.asleep]

        await it.until("all fresh", lambda: all(state.freshness is Freshness.FRESH for state in states()))
        assert it.sandbox.redis is not None and it.sandbox.postgres is not None
        it.sandbox.redis.pause()
        it.sandbox.postgres.pause()
        try:
            lost = {"redis/cache", "database/shop"}

            def failed() -> set[str]:
                return {state.source for state in states() if state.freshness is Freshness.FAILED}

            await it.until("both failed", lambda: lost <= failed())
            log = it.engine.hub.state("revisions/shop")
            assert log is not None and log.freshness is Freshness.FRESH
            planned = await it.engine.executor.plan(
                ActionRequest("revisions.scale", "revisions/shop", {"min": "1", "max": "4"})
            )
            assert planned.refusals == (), "what can be seen can be acted on"
        finally:
            it.sandbox.redis.resume()
            it.sandbox.postgres.resume()
        await it.until("all back", lambda: all(state.freshness is Freshness.FRESH for state in states()))


async def test_a_cockpit_killed_while_it_acts_leaves_an_intent_that_the_next_one_shows(tmp_path: Path) -> None:
    sandbox = await Sandbox.start(tmp_path / "shop", Scenario.NONE, tempo=Tempo(settle_s=600.0))
    try:
        assert sandbox.profile is not None
        words = f"act {sandbox.profile} revisions.scale --set max=7 --confirm y --reason load".split()
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("cockpit")), *words),
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            while b"running" not in (line := await process.stderr.readline()):
                assert line, "it ended before it ran"
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        lines = [json.loads(line) for line in (tmp_path / "cockpit/audit.jsonl").read_text().splitlines()]
        assert [line["event"] for line in lines] == ["armed", "intent"]
        async with Engine(load(sandbox.profile), state_dir=tmp_path / "cockpit") as engine:
            (open_,) = await engine.executor.unresolved()
            assert "shop" in open_.target and any('"maxInstanceCount": 7' in line for line in open_.operation)
    finally:
        await sandbox.close()

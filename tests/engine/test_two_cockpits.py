"""Two cockpits of one machine on one resource of Google Cloud: the second is told who has it, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.severity import Freshness
from cockpit.profile.load import load
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.managed import CACHE_INSTANCE, seed_cache

CACHE = "memorystore/cache"
PROFILE = """
system = "shop"
environment = "test"
limits = {{ watch = "0s" }}

[[memorystore]]
name = "cache"
project = "demo-shop"
region = "europe-west1"
instance = "{cache}"
endpoint = "{url}"
interval = "1s"
"""
RESIZE = ActionRequest("memorystore.resize", CACHE, {"size": "3"})


@pytest_asyncio.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ControlPlane, asyncio.Event]]:
    """A control plane whose operations go on only when the gate is opened."""
    plane, opened = ControlPlane(settle_s=0.01), asyncio.Event()
    seed_cache(plane)
    settle = plane.memorystore._settle

    async def held(*parts: Any) -> None:
        await opened.wait()
        await settle(*parts)

    monkeypatch.setattr(plane.memorystore, "_settle", held)
    await plane.start()
    yield plane, opened
    opened.set()
    await plane.close()


def fresh(engine: Engine) -> bool:
    state = engine.hub.state(CACHE)
    return state is not None and state.freshness is Freshness.FRESH


async def planned(engine: Engine) -> Planned:
    async with asyncio.timeout(20):
        while not fresh(engine):  # noqa: ASYNC110  # a server is asked: nothing announces it
            await asyncio.sleep(0.01)
    return await engine.executor.plan(RESIZE)


async def execute(engine: Engine, plan: Planned, why: str) -> Record:
    return await engine.executor.execute(plan, Confirmation(plan.requirement.phrase, why))


async def test_the_second_is_told_who_holds_it_and_why_until_the_first_is_done(
    gate: tuple[ControlPlane, asyncio.Event], tmp_path: Path
) -> None:
    plane, opened = gate
    (tmp_path / "shop.toml").write_text(PROFILE.format(url=plane.url, cache=CACHE_INSTANCE), encoding="utf-8")
    async with AsyncExitStack() as leaving:
        profile, state = load(tmp_path / "shop.toml"), tmp_path / "state"
        first, second = [await leaving.enter_async_context(Engine(profile, state_dir=state)) for _ in range(2)]
        for engine in (first, second):
            await engine.executor.arm("both of us")
        ours, theirs = await planned(first), await planned(second)
        assert ours.refusals == theirs.refusals == (), "nobody holds it yet"

        sent = asyncio.Event()
        leaving.callback(
            first.executor.subscribe(
                lambda: sent.set() if any(each.phase == "running" for each in first.executor.running) else None
            )
        )
        running = asyncio.create_task(execute(first, ours, "the cache is full"))
        async with asyncio.timeout(20):
            await sent.wait()
        refused = await execute(second, theirs, "mine")
        assert refused.outcome is Outcome.REFUSED
        (refusal,) = refused.refusals
        assert refusal.step == "lock" and "(the cache is full)" in refusal.reason
        again = await second.executor.plan(RESIZE)
        assert again.holder is not None and again.holder.who in refusal.reason and "@" in again.holder.who
        (lock,) = [each for each in again.refusals if each.step == "lock"]
        assert again.holder.who in lock.reason and lock.hint == "Talk to them, or break the lock"

        opened.set()
        record = await running
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert len(plane.memorystore._operations) == 1, "what was refused was never sent"
        after = await second.executor.plan(RESIZE)
        assert "lock" not in [each.step for each in after.refusals], "it is free again"

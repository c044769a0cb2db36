"""The whole engine on namespaces of real API servers: what is found, planned, agreed to and done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest
from cockpit.model.finding import Finding
from cockpit.model.severity import Freshness
from cockpit.profile.load import load

T = TypeVar("T")
WHY = "on call"
DEADLINE_S = 60.0
HEAD = 'system = "shop"\nenvironment = "test"\nlimits = {{ watch = "{watch}", t4_delay = "0s" }}\n'


class Crew:
    """Whoever is on call, with an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.executor = engine.executor

    def finding(self, rule: str) -> Finding | None:
        """The first of that rule."""
        return next((each for each in self.engine.findings() if each.rule == rule), None)

    async def until(self, look: Callable[[], T | None], what: str) -> T:
        """What the look answers as soon as that is true."""
        end = asyncio.get_running_loop().time() + DEADLINE_S
        while not (answer := look()):
            if asyncio.get_running_loop().time() > end:
                found = [f"{each.rule}: {each.text}" for each in self.engine.findings()]
                raise AssertionError(f"{what}: not so; findings: {found}")
            await asyncio.sleep(0.02)
        return answer

    async def found(self, rule: str) -> Finding:
        """Wait for a finding."""
        return await self.until(lambda: self.finding(rule), f"the finding {rule}")

    async def fresh(self, source: str) -> None:
        """A reading of just now."""
        self.engine.hub.poll_now(source)
        await self.until(lambda: self._fresh(source), f"{source} is fresh")

    def _fresh(self, source: str) -> bool:
        state = self.engine.hub.state(source)
        return state is not None and state.freshness is Freshness.FRESH

    async def planned(self, request: ActionRequest) -> Planned:
        """The plan card."""
        await self.fresh(request.source)
        return await self.executor.plan(request)

    async def agreed(self, planned: Planned) -> Record:
        """Confirmed as its tier wants it."""
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))

    async def do(self, request: ActionRequest) -> Record:
        """Planned, nothing against it, agreed to."""
        planned = await self.planned(request)
        assert planned.refusals == (), planned.refusals
        return await self.agreed(planned)

    def events(self, run: str) -> list[str]:
        """What the audit log has of a run."""
        return [entry.event for entry in self.engine.audit.entries() if entry.run == run]


@asynccontextmanager
async def crew_on(folder: Path, tables: str, watch: str = "0s") -> AsyncIterator[Crew]:
    """An armed engine on a profile of these tables."""
    async with Engine(
        load(_written(folder, HEAD.format(watch=watch) + tables)), state_dir=folder / "state"
    ) as engine:
        crew = Crew(engine)
        await crew.executor.arm(WHY)
        yield crew


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "profile.toml"
    profile.write_text(text, encoding="utf-8")
    return profile

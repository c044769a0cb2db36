"""The cockpit before a recorded command: it understands it, binds it to a source of its profile, and does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.actions.params import completed
from cockpit.clock import SystemClock
from cockpit.engine.binding import bind
from cockpit.engine.compose import compose, load_adapters, replacements
from cockpit.engine.part import Parts
from cockpit.looks.looker import Looker
from cockpit.model.action import ActionRequest, Plan
from cockpit.model.command import Intent, Kind, Understanding
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

from .world import MEMORYSTORE, POLICY, PROJECT, REGION, SERVICES, World

_SQL = ("shop-db", "shop-db-replica", "pay-db", "stock-db")


class Hasty(SystemClock):
    """Waits a hundredth of the time, so that what polls every second polls often."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


@dataclass(frozen=True, slots=True)
class Deed:
    """What became of a command."""

    intent: Intent
    source: str
    plan: Plan | None = None  # of an action
    sight: Sight | None = None  # of a look

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the action was not even tried."""
        return tuple(each.reason for each in self.plan.refusals) if self.plan is not None else ()


def understood(command: str) -> Understanding:
    """As the guide understands it."""
    (found,) = commands_of(command, language="bash", line=1)
    return understand(found, replacements())


class Cockpit:
    """A composed profile without an engine: nothing polls but what is asked for."""

    def __init__(self, parts: Parts, sent: Callable[[], int]) -> None:
        self._parts = parts
        self._sent = sent
        self._states: dict[str, SourceState] = {}

    def state_of(self, source: str) -> SourceState | None:
        """The last reading."""
        return self._states.get(source)

    def adopt(self, parts: Parts) -> None:
        """What was composed with `state_of`."""
        self._parts = parts

    async def do(self, command: str, given: Mapping[str, str]) -> Deed:
        """Act or look as the command says; `given` are parameters that the operator enters."""
        found = understood(command)
        assert found.kind in (Kind.NATIVE, Kind.LIVE), f"the cockpit has nothing for {command}"
        assert found.intent is not None
        intent = replace(found.intent, params={**found.intent.params, **given})
        able = [*self._parts.handlers, *self._parts.lookers]
        candidates = [each.source for each in able if each.spec.id == intent.name]
        bound = bind(intent.target, found.command.placeholders, candidates, self._parts.names, {})
        assert bound.sources, f"{command}: {bound.reason}"
        named = intent.pane is not SourceKind.LOGS and {"service", "instance", "policy"} & intent.target.keys()
        assert not named or (bound.sure and len(bound.sources) == 1), f"{command} is for {bound.sources}"
        source = bound.sources[0]  # of several the operator chooses, the first here
        doing = next(each for each in able if each.spec.id == intent.name and each.source == source)
        if found.kind is Kind.NATIVE:
            return Deed(
                intent, source, plan=await self._act(doing, ActionRequest(intent.name, source, intent.params))
            )
        return Deed(intent, source, sight=await self._look(doing, LookRequest(intent.name, source, intent.params)))

    async def _act(self, handler: ActionHandler, request: ActionRequest) -> Plan:
        plan = await handler.plan(completed(handler.spec, request))
        if not plan.refusals:
            result = await handler.run(plan, RunControl(lambda *_: None, lambda: False))
            verified = await handler.verify(plan, result)
            assert verified.holds, verified
        return plan

    async def _look(self, looker: Looker, request: LookRequest) -> Sight:
        if looker.spec.live:
            await self._poll(looker.source)
        before = self._sent()
        defaults = {param.name: param.default for param in looker.spec.params if param.default}
        sight = await looker.look(replace(request, params={**defaults, **request.params}))
        assert (self._sent() == before) is looker.spec.live, "a live look sends nothing, any other asks"
        return sight

    async def _poll(self, source: str) -> None:
        part = next(each for each in self._parts.parts if each.source == source)
        seen = await part.probe.probe()
        now = datetime.now(UTC)
        reading = Reading(source, part.kind, now, 0.01, seen.severity, seen.summary, seen.payload)
        self._states[source] = SourceState(
            source, part.kind, part.title, part.interval_s, reading, freshness=Freshness.FRESH, age_s=0.0
        )


@asynccontextmanager
async def cockpit(at: World, folder: Path) -> AsyncIterator[Cockpit]:
    """On a profile of everything that the world has."""
    profile = load(_profile(at.url, folder))
    load_adapters(profile)
    made = Cockpit(Parts(), lambda: len(at.exchanges))
    parts = compose(profile, folder, Hasty(), made.state_of)
    made.adopt(parts)
    try:
        yield made
    finally:
        for each in parts.closing:
            await each.close()


def _profile(endpoint: str, folder: Path) -> Path:
    tables = ['system = "shop"', 'environment = "test"']

    def table(kind: str, name: str, **facts: str) -> None:
        lines = {"name": name, "project": PROJECT, "endpoint": endpoint, **facts}
        tables.append("\n".join([f"[[{kind}]]", *(f'{key} = "{value}"' for key, value in lines.items())]))

    for service in SERVICES:
        table("cloud_run", service, region=REGION, service=service)
    for instance in _SQL:
        table("cloud_sql", instance, instance=instance, bucket="gs://shop-backups")
    for instance in MEMORYSTORE:
        table("memorystore", instance, region=REGION, instance=instance)
    table("armor", "edge", policy=POLICY)
    table("secrets", "vault")
    table("logs", "all", type="cloud_logging", filter="severity>=INFO")
    path = folder / "profile.toml"
    path.write_text("\n\n".join(tables), encoding="utf-8")
    return path

"""What actions on a Compose project share: which containers, who they are, and how they are named everywhere."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.actions.carded import CardedAction
from cockpit.actions.handler import RunControl, Scene
from cockpit.adapters.docker.changing import Containers, name_of
from cockpit.adapters.raw import Json, part, text
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Choice,
    Grant,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Verification,
)
from cockpit.profile.docker import DockerSource
from cockpit.profile.schema import Limits

if TYPE_CHECKING:
    from cockpit.adapters.docker.gateway import Gateway

SERVICE = Param("service", ParamKind.CHOICE, "service of the Compose project", identity=True)
CONTAINER = Param("container", ParamKind.TEXT, "only this container of it, by name", False, identity=True)
ID = Param("id", ParamKind.TEXT, "id of that container, or of the only one of the service", False, identity=True)
SETTLE_S = 90.0  # until a container runs and is healthy
_SOCKET = Permission(Grant.GRANTED, "the engine's API", "whoever may ask it may also change everything")


@dataclass(frozen=True, slots=True)
class DockerGround:
    """Where the actions of one source stand."""

    source: str  # "containers/main"
    table: DockerSource
    gateway: Gateway
    scene: Scene
    limits: Limits
    clock: Clock

    @property
    def containers(self) -> Containers:
        """The way to them."""
        return Containers(self.gateway, self.table.project, self.clock)

    def named(self, what: str) -> str:
        """As a person tells it from all others."""
        return f"{what} of project {self.table.project} on {self.gateway.host.url}"

    def compose(self, *words: str) -> str:
        """The same by hand: a line that cannot go to another engine or project."""
        return shlex.join(self.compose_argv(*words))

    def compose_argv(self, *words: str) -> list[str]:
        """Its words."""
        program, flags = self.table.program, self.gateway.host.flags
        if program[-1:] == ("compose",):  # the engine is told to docker itself
            return [*program[:-1], *flags, "compose", "-p", self.table.project, *words]
        return [*program, *flags, "-p", self.table.project, *words]

    def docker(self, *words: str) -> str:
        """A line for the docker command."""
        return shlex.join(["docker", *self.gateway.host.flags, *words])


@dataclass(frozen=True, slots=True)
class Seen:
    """A service at the moment of planning."""

    service: str
    containers: tuple[Json, ...]  # that are meant, inspected
    all: tuple[Json, ...]  # of the service
    identity: dict[str, str]
    refusals: tuple[Refusal, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of those that are meant."""
        return tuple(text(each.get("Id"), 64) for each in self.containers)

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that are meant."""
        return tuple(name_of(each) for each in self.containers)


class DockerAction(CardedAction):
    """Base of the handlers."""

    def __init__(self, spec: ActionSpec, ground: DockerGround) -> None:
        super().__init__(spec, ground)
        self._ground = ground
        self._containers = ground.containers

    async def choices(self, param: str) -> Sequence[Choice]:
        """The services of the project."""
        if param != SERVICE.name:
            return ()
        return [Choice(name, name) for name in await self._containers.services()]

    async def see(self, request: ActionRequest) -> Seen:
        """Who is meant, and whether they still are who the row showed. Raises Refused, CockpitError."""
        service = request.get(SERVICE.name)
        if not service:
            raise Refused("parameters", "no service is named", hint=f"services: {', '.join(await self._known())}")
        found, engine = await asyncio.gather(self._containers.of(service), self._engine())
        refusals: list[Refusal] = []
        seen = {text(each.get("Id"), 64): each for each in found}
        if not found:
            reason = f"{self._ground.named(f'service {service}')} has no container"
            refusals.append(Refusal("preconditions", reason, self._ground.compose("up", "-d", service)))
        name, id = request.get(CONTAINER.name), request.get(ID.name)
        meant = [each for each in found if not name or name_of(each) == name]
        if id and id not in seen:
            reason = (
                f"{name or f'the container of {service}'} ({id[:12]}) is gone: somebody removed it or made it anew"
            )
            refusals.append(Refusal("identity", reason, "look, then plan again"))
        elif not meant and found:
            refusals.append(Refusal("identity", f"{service} has no container {name}", "look, then plan again"))
        who = ", ".join(f"{text(each.get('Id'), 64)} of {text(each.get('Image'), 80)}" for each in meant)
        identity = {"engine": engine, "project": self._ground.table.project, "service": service, "containers": who}
        return Seen(service, tuple(meant), tuple(found), identity, tuple(refusals))

    async def _known(self) -> list[str]:
        return await self._containers.services()

    async def _engine(self) -> str:
        """Which engine: its address, and what it calls itself."""
        gateway = self._ground.gateway
        told = await gateway.get("/info")
        # Podman makes up another id for every answer.
        own = told.get("ID") if (await gateway.engine()).name != "Podman" else told.get("Name")
        return f"{gateway.host.url} {text(own, 100)}".strip()

    def permission(self) -> Permission:
        """Whoever may read an engine's socket may do everything; plugins that forbid it only tell when asked."""
        return _SOCKET

    def lock(self, service: str) -> str:
        """Two on one service wait for each other; other services do not."""
        return f"{self.source} {service}"

    async def one_by_one(self, ids: Sequence[str], verb: str, control: RunControl, done: str) -> RunResult:
        """The same for each, and each well before the next; stops at the first that is not, or when asked to."""
        for count, id in enumerate(ids):
            if count and control.aborted():
                return RunResult(Outcome.FAILED, f"stopped on request after {count} of {len(ids)}", count, len(ids))
            control.progress(count, len(ids), id[:12])
            try:
                await self._containers.post(id, verb)
                why = "" if verb == "stop" else await self._containers.settled(id, SETTLE_S)
            except CockpitError as error:
                error.message += f"; it was the turn of {id[:12]} ({count} of {len(ids)} are {done})"
                raise
            if why:
                said = f"{id[:12]} was {done}, but {why}; {len(ids) - count - 1} others were left as they are"
                return RunResult(Outcome.FAILED, said, count, len(ids))
            control.progress(count + 1, len(ids), id[:12])
        return RunResult(Outcome.SUCCEEDED, f"{len(ids)} {done}", len(ids), len(ids))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """All of the service run, and are healthy where they say."""
        service = plan.request.get(SERVICE.name)
        try:
            found = await self._containers.of(service)
        except NotFound:
            return Verification(False, f"containers of {service} went while they were looked at")
        except CockpitError as error:
            return Verification(None, f"it could not be seen: {error.message}")
        return self.judged(plan, found)

    def judged(self, plan: Plan, found: Sequence[Json]) -> Verification:
        """What they must be like afterwards."""
        bad = [f"{name_of(each)} is {state_of(each)}" for each in found if not well(each)]
        if bad or not found:
            return Verification(False, "; ".join(bad) or "no container is there")
        return Verification(True, f"{len(found)} running" + (", healthy" if any(map(_health, found)) else ""))


def _health(inspected: Json) -> str:
    told = text(part(inspected, "State", "Health").get("Status"), 20)
    return "" if told == "none" else told


def well(inspected: Json) -> bool:
    """It runs, and its check passes where it has one."""
    return part(inspected, "State").get("Running") is True and _health(inspected) in ("", "healthy")


def state_of(inspected: Json) -> str:
    """ "running, unhealthy"."""
    status = text(part(inspected, "State").get("Status"), 20)
    return f"{status}, {_health(inspected)}" if _health(inspected) else status

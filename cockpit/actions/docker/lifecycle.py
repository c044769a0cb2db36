"""Restart, stop and start the containers of a service, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions.docker.ground import CONTAINER, ID, SERVICE, SETTLE_S, DockerAction, state_of
from cockpit.actions.handler import RunControl
from cockpit.adapters.docker.changing import STOP_S, name_of
from cockpit.adapters.raw import Json, part
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

_PANE = SourceKind.CONTAINERS
RESTART = ActionSpec(
    "containers.restart",
    "Restart",
    _PANE,
    "T",
    Tier.T2,
    "Restarts a service or one container: one after the other, each well before the next.",
    (SERVICE, CONTAINER, ID),
)
STOP = ActionSpec(
    "containers.stop",
    "Stop",
    _PANE,
    "O",
    Tier.T3,
    "Stops the containers of a service; they stay, with what is in them.",
    (SERVICE, CONTAINER, ID),
    reversible=True,
)
START = ActionSpec(
    "containers.start",
    "Start",
    _PANE,
    "B",
    Tier.T3,
    "Starts the containers of a service that stand still, one after the other.",
    (SERVICE, CONTAINER, ID),
    reversible=True,
)


class Lifecycle(DockerAction):
    """One of the three."""

    VERB = "restart"
    DONE = "restarted"
    BACK = ""  # the action that takes it back

    async def plan(self, request: ActionRequest) -> Plan:
        """Exactly these containers."""
        seen = await self.see(request)
        verb, names = self.VERB, seen.names
        by_hand = (
            self._ground.docker("container", verb, *seen.names)
            if request.get(CONTAINER.name)
            else self._ground.compose(verb, seen.service)
        )
        undo = Undo("cannot be undone: what the processes held in memory is gone")
        if self.BACK:
            undo = Undo(f"{self.BACK} {seen.service}", ActionRequest(f"containers.{self.BACK}", self.source, {
                key: request.get(key) for key in (SERVICE.name, CONTAINER.name) if request.get(key)
            }))  # fmt: skip
        return self.card(
            request,
            title=f"{verb.capitalize()} {seen.service}",
            target=self._ground.named(f"service {seen.service}"),
            identity=seen.identity,
            lock=self.lock(seen.service),
            permission=self.permission(),
            undo=undo,
            refusals=[*seen.refusals, *self.speaks_against(seen.containers)],
            changes=tuple(Change(name_of(each), state_of(each), self.becomes(each)) for each in seen.containers),
            objects=tuple(f"{name} ({id[:12]})" for name, id in zip(names, seen.ids, strict=True)),
            population=len(seen.all),
            affected=self.feels(seen.service, len(seen.containers), len(seen.all)),
            operation="\n".join(f"POST /containers/{id}/{verb}" for id in seen.ids),
            equivalent=(by_hand,),
            basis={"ids": seen.ids},
            deadline_s=(SETTLE_S + STOP_S) * max(1, len(seen.ids)),
        )

    def speaks_against(self, found: Sequence[Json]) -> list[Refusal]:
        """Preconditions of its own."""
        return []

    def becomes(self, inspected: Json) -> str:
        """What state a container is in afterwards."""
        return "running"

    def feels(self, service: str, count: int, all: int) -> str:
        """Who."""
        left = f"; the other {all - count} go on" if all > count else ""
        return f"requests to {service}: each container is away while it restarts{left}"

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One after the other."""
        ids = plan.basis["ids"]
        return await self.one_by_one(ids if isinstance(ids, tuple) else (), self.VERB, control, self.DONE)


class Stop(Lifecycle):
    """containers.stop."""

    VERB, DONE, BACK = "stop", "stopped", "start"

    def becomes(self, inspected: Json) -> str:
        """Still."""
        return "exited"

    def speaks_against(self, found: Sequence[Json]) -> list[Refusal]:
        """Nothing runs."""
        if found and not any(part(each, "State").get("Running") for each in found):
            return [Refusal("preconditions", "none of them runs", "there is nothing to stop")]
        return []

    def feels(self, service: str, count: int, all: int) -> str:
        """Who."""
        return f"whoever needs {service}: nothing answers" if count == all else f"{service} has {count} fewer"

    def judged(self, plan: Plan, found: Sequence[Json]) -> Verification:
        """Those that were meant stand still."""
        ids = plan.basis["ids"]
        meant = [each for each in found if isinstance(ids, tuple) and each.get("Id") in ids]
        on = [name_of(each) for each in meant if part(each, "State").get("Running")]
        return Verification(not on, f"still running: {', '.join(on)}" if on else f"{len(meant)} stopped")


class Start(Lifecycle):
    """containers.start."""

    VERB, DONE, BACK = "start", "started", "stop"

    def speaks_against(self, found: Sequence[Json]) -> list[Refusal]:
        """All run."""
        if found and all(part(each, "State").get("Running") for each in found):
            return [Refusal("preconditions", "all of them run", "restart them, if that is what you want")]
        return []

    def feels(self, service: str, count: int, all: int) -> str:
        """Who."""
        return f"whoever needs {service}: it answers again"

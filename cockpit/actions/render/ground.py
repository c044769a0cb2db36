"""What actions at Render share: where they stand, what a service was planned on, how they follow what they began.

Render has no preflight for permissions: an API key may what its user may, and in a protected environment only an
admin may change anything (https://render.com/docs/projects#protected-environments).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cockpit.actions.carded import CardedAction
from cockpit.actions.handler import RunControl, Scene
from cockpit.clock import Clock
from cockpit.errors import Conflict, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Choice,
    Grant,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Verification,
)
from cockpit.model.render import Deploy, RenderService
from cockpit.profile.docker import RenderSource
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.adapters.render.asking import Asked
    from cockpit.adapters.render.changing import RenderChange

Look = Callable[[RenderService], tuple[bool, str]]  # whether it is so, and what is so
SERVICE = Param("service", ParamKind.CHOICE, "id of the service: srv-...")
LIVE = Param("live", ParamKind.TEXT, "id of the deploy that must be live", False, identity=True)
_DEPLOY_ID = re.compile(r"dep-[A-Za-z0-9-]{1,60}")
_ROLE = "a key of a user who may change this; in a protected environment an admin of the workspace"


@dataclass(frozen=True, slots=True)
class RenderGround:
    """Where the actions of one source stand."""

    source: str  # "render/NAME"
    table: RenderSource
    change: RenderChange
    scene: Scene
    clock: Clock


def checkless(needs: str) -> Permission:
    """Render does not tell beforehand."""
    return Permission(Grant.UNKNOWN, needs, f"Render tells only when it is asked to: {_ROLE}")


def is_deploy(text: str) -> bool:
    """It can be the id of a deploy."""
    return bool(_DEPLOY_ID.fullmatch(text))


class RenderAction(CardedAction):
    """Base of the handlers."""

    def __init__(self, spec: ActionSpec, ground: RenderGround) -> None:
        super().__init__(spec, ground)
        self._ground = ground
        self._change = ground.change
        self._estate = ground.change.estate

    def operation(self, asked: Asked) -> str:
        """The exact request."""
        return asked.shown(self._change.api)

    def by_hand(self, asked: Asked) -> tuple[str, ...]:
        """The same with curl."""
        return (asked.curl(self._change.api),)

    async def send(self, plan: Plan) -> str:
        """What was planned, once; the id of what it made, "" where the answer names none."""
        return await self._change.send(cast("Asked", plan.basis["asked"]))

    def control(self, control: RunControl, what: str) -> Callable[[str, float], None]:
        """Tells the operator how it goes, and stops looking where they want that: Render goes on."""

        def waited(said: str, seconds: float) -> None:
            control.progress(0, 1, f"{what}: {said}, {seconds:.0f} s")
            if control.aborted():
                raise Conflict(
                    f"stopped looking: {what} goes on at Render", hint="look at it there", effect_possible=True
                )

        control.progress(0, 1, f"{what} was sent")
        return waited


class ServiceAction(RenderAction):
    """Base of those on one service."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The services of the profile."""
        if param != "service":
            return ()
        found: list[Choice] = []
        for name in self._ground.table.services:
            service = await self._estate.service(name)
            found.append(Choice(name, f"{service.name}: {service.state}", not found))
        return found

    async def see(self, request: ActionRequest) -> tuple[RenderService, list[Refusal]]:
        """The service now, and what speaks against acting on it. Raises Refused for one that the profile lacks."""
        name = request.get("service")
        if name not in self._ground.table.services:
            known = ", ".join(self._ground.table.services) or "none"
            raise Refused("catalogue", f"the profile names no service {clean(name, 60)}", hint=f"It names: {known}")
        service = await self._estate.service(name)
        return service, superseded(request, service)

    def asked(self, request: ActionRequest, service: RenderService, **more: str) -> ActionRequest:
        """With what it was planned on."""
        live = service.live
        params = {**request.params, **({"live": live.id} if live is not None else {}), **more}
        return ActionRequest(request.action, request.source, params)

    def identity(self, service: RenderService) -> dict[str, str]:
        """What must be the same when it is done."""
        live, underway = service.live, service.underway
        return {
            "service": service.id,
            "created": f"{service.created:%Y-%m-%dT%H:%M:%SZ}",
            "live deploy": live.id if live is not None else "none",
            "deploy under way": underway.id if underway is not None else "none",
        }

    def named(self, service: RenderService) -> str:
        """As a person tells it from all others."""
        return f"{service.name} ({service.id}) at Render, {service.region or 'no region'}"

    def felt(self, service: RenderService) -> str:
        """Who is behind it."""
        return f"everybody who uses {service.url or service.name}"

    def lock(self, service: RenderService) -> str:
        """Of the service, not of all that the table names."""
        return f"{self.source}/{service.id}"

    async def until(
        self,
        service: str,
        so: Look,
        what: str,
        control: RunControl,
    ) -> RenderService:
        """Looks at the service until it is so."""
        held: list[RenderService] = []

        async def look() -> tuple[bool, str]:
            held[:] = [await self._estate.service(service)]
            return so(held[0])

        await self._change.until(look, what, self.DEADLINE_S, self.control(control, what))
        control.progress(1, 1, "done")
        return held[0]

    async def seen(self, service: str, so: Look) -> Verification:
        """Whether it is so now."""
        holds, said = so(await self._estate.service(service))
        return Verification(holds, said)


def superseded(request: ActionRequest, service: RenderService) -> list[Refusal]:
    """Another deploy is live than the one that it was planned on."""
    live = service.live.id if service.live is not None else "none"
    planned = request.get("live")
    if planned in ("", live):
        return []
    reason = f"deploy superseded: {live} is live now, and not {planned}"
    return [Refusal("identity", reason, "look at the deploys of the service, then plan again", outdated=("live",))]


def deploy_words(deploy: Deploy | None) -> str:
    """ "9c41d2ab Faster search (dep-1)"."""
    if deploy is None:
        return "none"
    return f"{' '.join(filter(None, (deploy.version, deploy.message[:60])))} ({deploy.id})"


def detail_of(result: RunResult, name: str) -> str:
    """What `run` left for `verify`: the first of its details that begins with "name "."""
    return next((each.removeprefix(f"{name} ") for each in result.details if each.startswith(f"{name} ")), "")

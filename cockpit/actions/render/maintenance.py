"""Maintenance mode of a web service: https://render.com/docs/maintenance-mode.

The service runs on and is reached over the private network; everybody else gets 503 and a page.
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions.handler import RunControl
from cockpit.actions.render.ground import LIVE, Look, RenderGround, ServiceAction, checkless
from cockpit.adapters.render import asking
from cockpit.errors import Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.render import RenderService
from cockpit.model.severity import SourceKind
from cockpit.profile.docker import RenderMaintenance
from cockpit.text import clean

MAINTENANCE = ActionSpec(
    "render.maintenance",
    "Maintenance mode",
    SourceKind.RENDER,
    "M",
    Tier.T3,
    "Switches maintenance mode of the web service that the profile names: visitors get 503 and a page.",
    (Param("mode", ParamKind.CHOICE, "on or off"), LIVE),
    scope=Scope.SOURCE,
    reversible=True,
)


class Maintenance(ServiceAction):
    """render.maintenance."""

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(MAINTENANCE, ground)

    def unavailable(self) -> str:
        """Without the table of the profile nobody knows which service."""
        return "" if self._ground.table.maintenance else "the profile has no [render.maintenance] table for it"

    @property
    def _mode(self) -> RenderMaintenance:
        mode = self._ground.table.maintenance
        if mode is None:
            raise Refused("catalogue", self.unavailable(), hint="declare service, and uri for a page of your own")
        return mode

    async def choices(self, param: str) -> Sequence[Choice]:
        """On and off; the one that is not so now is recommended."""
        if param != "mode":
            return ()
        service = await self._estate.service(self._mode.service)
        now = bool(service.maintenance)
        return [Choice("on", "on: visitors get 503", not now), Choice("off", "off: they are served", now)]

    async def plan(self, request: ActionRequest) -> Plan:
        """Before and after, and the page that is shown."""
        mode, to = self._mode, request.get("mode")
        if to not in ("on", "off"):
            raise Refused("parameters", f"mode is on or off, not {clean(to, 40)}")
        asked_of = ActionRequest(request.action, request.source, {**request.params, "service": mode.service})
        service, refusals = await self.see(asked_of)
        refusals += _against(service, to)
        uri = (mode.uri or service.maintenance_uri) if to == "on" else service.maintenance_uri
        asked = asking.maintenance(service.id, on=to == "on", uri=uri)
        back = ActionRequest(request.action, request.source, {"mode": "off" if to == "on" else "on"})
        now = "on" if service.maintenance else "off"
        live = {"live": service.live.id} if service.live is not None else {}
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, **live}),
            title=f"Maintenance mode of {service.name} {to}",
            target=self.named(service),
            identity={**self.identity(service), "maintenance mode": now},
            permission=checkless("the right to change the service"),
            undo=Undo(f"switch it {back.get('mode')} again", back),
            refusals=refusals,
            warnings=_warnings(service, to, uri),
            changes=(
                Change("maintenance mode", now, to),
                Change("page", service.maintenance_uri or "Render's own", uri or "Render's own"),
            ),
            objects=(service.id,),
            affected=f"{self.felt(service)}: "
            + ("they get 503 and the page" if to == "on" else "they are served again"),
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "on": to == "on"},
            lock=self.lock(service),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until Render says so."""
        await self.send(plan)
        service = await self.until(self._mode.service, self._so(plan), "maintenance mode", control)
        return RunResult(Outcome.SUCCEEDED, f"maintenance mode of {service.name} is {plan.request.get('mode')}")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Render says so."""
        return await self.seen(self._mode.service, self._so(plan))

    def _so(self, plan: Plan) -> Look:
        wanted = plan.basis["on"]

        def so(service: RenderService) -> tuple[bool, str]:
            return service.maintenance is wanted, f"maintenance mode is {'on' if service.maintenance else 'off'}"

        return so


def _against(service: RenderService, to: str) -> list[Refusal]:
    if service.maintenance is None:
        reason = f"{service.name} has no maintenance mode: only paid web services have one"
        return [Refusal("preconditions", reason, "see its type and plan")]
    if service.suspended:
        return [Refusal("preconditions", f"{service.name} is suspended: nobody reaches it anyway")]
    if service.maintenance is (to == "on"):
        return [Refusal("preconditions", f"maintenance mode is {to} already", "nothing is to be done")]
    return []


def _warnings(service: RenderService, to: str, uri: str) -> list[str]:
    if to == "off":
        return [] if service.live is not None else ["no deploy is live: nobody will be served"]
    found = ["workers and other services reach it over the private network all the same"]
    if uri and service.url and uri.startswith(service.url):
        found.append("the page is one of the service itself: it cannot be shown")
    return found

"""What all changes of a service itself share (template, ingress, scaling mode): plan, rehearsal, run. Traffic is in
`shift`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.service import ServiceAction, rehearse
from cockpit.model.action import (
    ActionRequest,
    Change,
    Outcome,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.revisions import ServiceChange, ServiceStatus

_NOTHING = Undo("nothing to undo")


@dataclass(frozen=True, slots=True)
class Aim:
    """What an action wants of the service: None as change where a refusal says why there is none."""

    change: ServiceChange | None
    title: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    affected: str = "nobody"
    equivalent: tuple[str, ...] = ()
    undo: Undo = _NOTHING
    tier: Tier | None = None  # where it weighs more than the action in general


class ServiceReshape(ServiceAction):
    """Plans, runs and verifies one change; subclasses say which, and how it is seen."""

    WHAT = "change"

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """The change that this action wants."""
        raise NotImplementedError

    def seen(self, plan: Plan, status: ServiceStatus) -> Verification:
        """Whether the service is as it was wanted."""
        raise NotImplementedError

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH, before and after, permission and dry run."""
        situation = await self.ground(request)
        status = situation.status
        aim = self.aim(request, status)
        refusals = [*situation.refusals, *aim.refusals]
        if aim.change is None:
            return self.card(request, situation, title=aim.title, refusals=refusals, undo=aim.undo, tier=aim.tier)
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(
                self._adapter.change(aim.change, status.etag, validate_only=True), self.WHAT
            )
            refusals += refused
        return self.card(
            request,
            situation,
            title=aim.title,
            refusals=refusals,
            warnings=(*aim.warnings, *_in_motion(status)),
            changes=aim.changes,
            objects=(status.name,),
            affected=aim.affected,
            operation=self._adapter.change_request(aim.change, status.etag),
            equivalent=aim.equivalent,
            undo=aim.undo,
            dry_run=dry_run,
            basis={"change": aim.change, "before": status, "undo": aim.undo},
            tier=aim.tier,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it once and wait for the operation."""
        before = cast("ServiceStatus", plan.basis["before"])
        control.progress(0, 1, "waiting for Cloud Run")
        status = await self._adapter.change(cast("ServiceChange", plan.basis["change"]), before.etag)
        control.progress(1, 1, "done")
        found = self.seen(plan, status)
        if found.holds is False:
            return RunResult(Outcome.FAILED, found.text, done=0)
        return RunResult(Outcome.SUCCEEDED, found.text, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the service again."""
        return self.seen(plan, await self._adapter.read_service())


def already() -> tuple[Refusal, ...]:
    """Nothing would change."""
    return (Refusal("preconditions", "it is already so", "nothing has to be done"),)


def _in_motion(status: ServiceStatus) -> Sequence[str]:
    if not status.reconciling:
        return ()
    return ("the service is being changed at this moment: the etag guards against mixing both",)

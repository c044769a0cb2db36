"""Holds back the rollouts of a deployment, and lets them go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import around
from cockpit.actions.kube.undo import affected
from cockpit.actions.kube.workload import UID, WORKLOAD, Seen, WorkloadAction
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import part
from cockpit.adapters.kube.rollback import Past, of_replicasets
from cockpit.adapters.kube.templates import differences, same
from cockpit.adapters.kube.terms import Json
from cockpit.errors import PermissionDenied
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Outcome,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

PAUSE = ActionSpec(
    "workloads.pause",
    "Pause rollout",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Holds a deployment's rollout where it is; its pods run on, later changes of its template wait.",
    (WORKLOAD, UID),
    reversible=True,
)
RESUME = ActionSpec(
    "workloads.resume",
    "Resume rollout",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Lets a paused deployment go on, with all that was changed meanwhile, and waits for its pods.",
    (WORKLOAD, UID),
    reversible=True,
)


class _Holding(WorkloadAction):
    """What both share."""

    KINDS = ("deployment",)

    async def held_back(self, seen: Seen) -> tuple[tuple[str, str, str], ...]:
        """In what the newest pods differ from the template: what goes out when it is resumed."""
        newest = await self._newest(seen)
        return () if newest is None else differences(newest.template, seen.template)

    async def _newest(self, seen: Seen) -> Past | None:
        """What its pods are of: the present template where there is such a set, else the newest with pods."""
        path = path_of(changing.APPS, "replicasets", self._ground.namespace)
        try:
            pasts = of_replicasets(seen.uid, (await self._ground.gateway.listed(path)).items)
        except PermissionDenied:
            return None
        if any(same(past.template, seen.template) for past in pasts):
            return None
        return next((past for past in pasts if past.pods), pasts[0] if pasts else None)

    def held(self, plan: Plan, obj: Json, *, paused: bool) -> str:
        """Whether it is as it was wanted."""
        if (part(obj, "spec").get("paused") is True) is paused:
            return ""
        return f"{plan.request.get('workload')} is {'not ' if paused else ''}paused"


class Pause(_Holding):
    """workloads.pause."""

    DONE = "paused"

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH."""
        seen = await self.see(request)
        refusals = list(seen.refusals)
        if seen.paused:
            refusals.append(Refusal("preconditions", f"{seen.ref} is paused already", "nothing has to be done"))
        change = changing.pause(self.path(seen.kind, seen.name), seen.obj)
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        return self.card(
            request,
            title=f"Pause the rollout of {seen.ref}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=Undo("resume it", ActionRequest(RESUME.id, request.source, {"workload": seen.ref, "uid": seen.uid})),
            refusals=refusals,
            warnings=("roll back and restart are refused while it is paused; it can still be scaled", *seen.warnings),
            changes=(Change("paused", "no", "yes"),),
            objects=(seen.ref,),
            affected="nobody: its pods run on as they are, of two templates where a rollout is under way",
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl("rollout", "pause", seen.ref),),
            dry_run=dry_run,
            basis={"seen": seen, "change": change},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once."""
        control.progress(0, 1, "waiting for the API server")
        await cast("changing.KubeChange", plan.basis["change"]).send(self._ground.gateway)
        control.progress(1, 1, "done")
        return RunResult(Outcome.SUCCEEDED, f"{plan.request.get('workload')} was paused")

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Not paused."""
        return self.held(plan, obj, paused=True)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """A rollout that is held has no end to wait for."""
        found = await super().verify(plan, result)
        return Verification(True, f"{plan.request.get('workload')} is paused") if found.holds is None else found


class Resume(_Holding):
    """workloads.resume."""

    DONE = "resumed"

    async def plan(self, request: ActionRequest) -> Plan:
        """What goes out now, and the exact PATCH."""
        seen = await self.see(request)
        surroundings = await around(self._ground, seen.ref, seen.obj)
        waiting = await self.held_back(seen)
        refusals = list(seen.refusals)
        if not seen.paused:
            refusals.append(Refusal("preconditions", f"{seen.ref} is not paused", "nothing has to be done"))
        change = changing.resume(self.path(seen.kind, seen.name), seen.obj)
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        return self.card(
            request,
            title=f"Resume the rollout of {seen.ref}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=_back(request, seen, waiting),
            refusals=refusals,
            warnings=(*seen.warnings, *surroundings.notes),
            changes=(Change("paused", "yes", "no"), *(Change(*each) for each in waiting)),
            objects=(seen.ref,),
            affected=affected(seen, surroundings.serves) if waiting else "nobody: no change of its template waits",
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl("rollout", "resume", seen.ref),),
            dry_run=dry_run,
            basis={"seen": seen, "change": change},
            deadline_s=self.following_s(seen),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then to the end of what was held back."""
        return await self.changed(plan, control)

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Still paused."""
        return self.held(plan, obj, paused=False)


def _back(request: ActionRequest, seen: Seen, waiting: Sequence[object]) -> Undo:
    again = ActionRequest(PAUSE.id, request.source, {"workload": seen.ref, "uid": seen.uid})
    if not waiting:
        return Undo("pause it again", again)
    return Undo("pause it again: what has gone out until then stays; to take that back: workloads.undo", again)

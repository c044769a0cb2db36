"""Replaces all pods of a workload by others of the same template, as kubectl rollout restart does."""

from __future__ import annotations

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import around
from cockpit.actions.kube.undo import affected, tight
from cockpit.actions.kube.workload import TEMPLATE, UID, WORKLOAD, Seen, WorkloadAction
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.fields import part
from cockpit.adapters.kube.terms import Json
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
)
from cockpit.model.severity import SourceKind

RESTART = ActionSpec(
    "workloads.restart",
    "Restart",
    SourceKind.WORKLOADS,
    "T",
    Tier.T2,
    "Replaces all pods by new ones of the same template, a few at a time, and waits for them.",
    (
        WORKLOAD,
        UID,
        TEMPLATE,
        Param(
            "at", ParamKind.TEXT, "the moment that marks the new pods, set when it is planned", False, identity=True
        ),
    ),
)


class Restart(WorkloadAction):
    """workloads.restart."""

    DONE = "restarted"

    async def plan(self, request: ActionRequest) -> Plan:
        """The annotation, and who feels it."""
        seen = await self.see(request)
        surroundings = await around(self._ground, seen.ref, seen.obj)
        at = request.get("at") or f"{self._ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        change = changing.restart(self.path(seen.kind, seen.name), seen.obj, at)
        refusals = [*seen.refusals, *refusals_of(seen)]
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        before = str(part(seen.template, "metadata", "annotations").get(changing.RESTARTED_AT, "never"))
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, "at": at}),
            title=f"Restart {seen.ref}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=Undo("cannot be undone: what the pods held in memory is gone"),
            refusals=refusals,
            warnings=(*tight(surroundings.quotas, seen.template), *seen.warnings, *surroundings.notes),
            changes=(Change("restarted at", before, at),),
            objects=(seen.ref,),
            affected=affected(seen, surroundings.serves),
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl("rollout", "restart", seen.ref),),
            dry_run=dry_run,
            basis={"seen": seen, "change": change, "at": at},
            deadline_s=self.following_s(seen),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until all pods are new."""
        return await self.changed(plan, control)

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Without the mark."""
        found = part(obj, "spec", "template", "metadata", "annotations").get(changing.RESTARTED_AT)
        return "" if found == plan.basis["at"] else f"{plan.request.get('workload')} does not have the mark of this"


def refusals_of(seen: Seen) -> list[Refusal]:
    """Why a restart would do nothing, or not end."""
    if seen.paused:
        return [Refusal("preconditions", f"{seen.ref} is paused", "resume it first (workloads.resume)")]
    if part(seen.obj, "spec", "updateStrategy").get("type") == "OnDelete":
        reason = f"{seen.ref} replaces a pod only once it is deleted by hand (OnDelete): this would restart nothing"
        return [Refusal("preconditions", reason, "delete its pods one by one")]
    if seen.replicas == 0 and seen.kind != "daemonset":
        return [Refusal("preconditions", f"{seen.ref} has no pods to restart", "scale it up (workloads.scale)")]
    return []

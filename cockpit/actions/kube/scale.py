"""How many pods a workload has; who would take that back (an autoscaler) or prevent it (a quota) is said."""

from __future__ import annotations

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import Around, Room, around, rooms
from cockpit.actions.kube.workload import UID, WORKLOAD, Seen, WorkloadAction
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.fields import number, part
from cockpit.adapters.kube.rollout import refusal
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

SCALE = ActionSpec(
    "workloads.scale",
    "Scale",
    SourceKind.WORKLOADS,
    "S",
    Tier.T2,
    "Sets how many pods run, and waits for them; none at all weighs more.",
    (
        WORKLOAD,
        UID,
        Param("replicas", ParamKind.INTEGER, "how many pods"),
        Param("expect", ParamKind.INTEGER, "how many must be wanted now, empty for any", False, identity=True),
    ),
    reversible=True,
)
_MOST_S = 180.0


class Scale(WorkloadAction):
    """workloads.scale."""

    KINDS = ("deployment", "statefulset")
    SUBRESOURCE = "scale"
    DONE = "scaled"

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH of the scale subresource, and what stands in its way."""
        seen = await self.see(request)
        wanted = int(request.get("replicas"))
        surroundings = await around(self._ground, seen.ref, seen.obj)
        scarce, unsure = _quota(seen, surroundings, wanted)
        refusals = [*seen.refusals, *_refusals(request, seen, wanted), *scarce]
        change = changing.scale(self.path(seen.kind, seen.name, "scale"), _subresource(seen), wanted)
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        back = {
            "workload": seen.ref,
            "uid": seen.uid,
            "replicas": str(seen.replicas),
            "expect": str(wanted),
        }
        return self.card(
            request,
            title=f"Scale {seen.ref} to {wanted} {'pod' if wanted == 1 else 'pods'}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=Undo(f"scale to {seen.replicas} again", ActionRequest(SCALE.id, request.source, back)),
            refusals=refusals,
            warnings=(
                *_autoscaler(surroundings, wanted),
                *unsure,
                *_budgets(seen, surroundings, wanted),
                *seen.warnings,
                *surroundings.notes,
            ),
            changes=(Change("replicas", str(seen.replicas), str(wanted)),),
            objects=(seen.ref,),
            affected=_affected(seen, surroundings, wanted),
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(
                self._ground.kubectl(
                    "scale", seen.ref, f"--replicas={wanted}", f"--current-replicas={seen.replicas}"
                ),
            ),
            dry_run=dry_run,
            basis={"seen": seen, "change": change, "wanted": wanted},
            tier=Tier.T3 if wanted == 0 else Tier.T2,
            deadline_s=_MOST_S,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until as many pods are there."""
        return await self.changed(plan, control, scaling=True)

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Another number: an autoscaler, or somebody."""
        found = number(part(obj, "spec").get("replicas"))
        return "" if found == plan.basis["wanted"] else f"{found} pods are wanted by now: somebody changed it again"


def _subresource(seen: Seen) -> Json:
    """The scale subresource, as the server would answer it: it leaves out 0."""
    spec = {"replicas": seen.replicas} if seen.replicas else {}
    return {"metadata": {"uid": seen.uid}, "spec": spec}


def _refusals(request: ActionRequest, seen: Seen, wanted: int) -> list[Refusal]:
    if wanted < 0:
        return [Refusal("preconditions", "there cannot be fewer than no pods", "use 0 or more")]
    expected = request.get("expect")
    if expected and int(expected) != seen.replicas:
        reason = f"it was scaled since: {seen.replicas} pods are wanted, not {expected}"
        return [Refusal("preconditions", reason, "plan a scaling from what is now")]
    if wanted == seen.replicas:
        return [Refusal("preconditions", f"{wanted} pods are wanted already", "nothing has to be done")]
    return []


def _quota(seen: Seen, surroundings: Around, wanted: int) -> tuple[list[Refusal], list[str]]:
    more = wanted - seen.replicas
    short = [room for room in rooms(surroundings.quotas, seen.template) if room.pods < more]
    certain = [room for room in short if room.certain]
    warnings = [f"{_said(room)}: it has scopes, and may not count these pods" for room in short if not room.certain]
    if more > 0 and (why := refusal(seen.obj).partition(" ")[2]):
        warnings.append(f"pods of it are refused at this moment: {why}")
    if more <= 0 or not certain:
        return [], warnings
    most = seen.replicas + certain[0].pods
    hint = f"{most} would fit; for more, raise the quota or free something of it"
    return [Refusal("preconditions", f"{_said(certain[0])}, not for {more}", hint)], warnings


def _said(room: Room) -> str:
    return f"quota {room.quota} has room for {room.pods} more pods ({room.resource}: {room.said})"


def _autoscaler(surroundings: Around, wanted: int) -> list[str]:
    scaler = surroundings.autoscaler
    if scaler is None:
        return []
    bounds = f"autoscaler {scaler.name} ({scaler.minimum} to {scaler.maximum})"
    if wanted == 0:
        return [f"{bounds} is off while there are 0 pods: nothing scales up again until somebody does"]
    if not scaler.minimum <= wanted <= scaler.maximum:
        nearest = min(max(wanted, scaler.minimum), scaler.maximum)
        return [f"{bounds} takes this back within seconds, to {nearest}: change its bounds instead"]
    return [f"{bounds} decides again within seconds, and takes this back unless its metrics say the same"]


def _budgets(seen: Seen, surroundings: Around, wanted: int) -> list[str]:
    """A budget guards evictions only; nobody asks it here."""
    if wanted >= seen.replicas:
        return []
    return [
        f"budget {budget.name} wants {budget.wanted} healthy pods; a scale-down does not ask it"
        for budget in surroundings.budgets
        if wanted < budget.wanted
    ]


def _affected(seen: Seen, surroundings: Around, wanted: int) -> str:
    behind = surroundings.serves
    if wanted > seen.replicas:
        return f"nobody: {wanted - seen.replicas} pods more" + (f" behind {behind}" if behind else "")
    if wanted == 0:
        memory = "what its pods hold in memory, and their logs here, are gone"
        return f"everybody who uses {behind or seen.ref}: no pod is left; {memory}"
    ending = seen.replicas - wanted
    ends = "1 pod ends" if ending == 1 else f"{ending} pods end"
    return f"requests to {behind or seen.ref}: {ends}, {wanted} serve on"

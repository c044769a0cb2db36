"""Deletes a deployment that no service needs, and makes it again from the manifest that was kept.

The manifest stays in memory while the cockpit runs: a plain value in it may be a password, which the audit log must
not keep.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import Around, around
from cockpit.actions.kube.colours import Colours
from cockpit.actions.kube.ground import KubeGround, preflight
from cockpit.actions.kube.workload import UID, WORKLOAD, Seen, WorkloadAction, rehearse
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.fields import labels, name_of, part, text, uid_of
from cockpit.adapters.kube.rollout import Followed, Rollout
from cockpit.adapters.kube.templates import containers, mark, masked
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, NotFound
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind
from cockpit.text import clean_lines

DELETE = ActionSpec(
    "workloads.delete",
    "Delete deployment",
    SourceKind.WORKLOADS,
    "",
    Tier.T3,
    "Deletes a deployment with its pods and its history, unless a service needs it; its manifest is kept.",
    (WORKLOAD, UID),
    reversible=True,
)
CREATE = ActionSpec(
    "workloads.create",
    "Make deployment again",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Makes a deployment from the manifest that was kept when it was deleted.",
    (WORKLOAD, Param("kept", ParamKind.TEXT, "which manifest", identity=True)),
    listed=False,
)
_MOST_KEPT = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """A deleted deployment."""

    ref: str
    manifest: Json


class Shelf:
    """The manifests of this session, by what tells them apart."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def keep(self, ref: str, obj: Json) -> str:
        """Its name here."""
        key = f"{ref}@{mark(obj)}"
        self._kept[key] = Kept(ref, changing.manifest(obj))
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return key

    def kept(self, key: str) -> Kept | None:
        """None where it is not of this session."""
        return self._kept.get(key)


class Delete(WorkloadAction):
    """workloads.delete."""

    KINDS = ("deployment",)
    DONE = "deleted"

    def __init__(self, spec: ActionSpec, ground: KubeGround, shelf: Shelf) -> None:
        super().__init__(spec, ground)
        self._shelf = shelf

    def rights(self, kind: str, name: str) -> tuple[Right, ...]:
        """To delete, not to patch."""
        return (Right("delete", changing.WORKLOADS[kind], "apps", "", self._ground.namespace, name),)

    async def plan(self, request: ActionRequest) -> Plan:
        """What goes, who needs it, the exact DELETE, its rehearsal."""
        seen = await self.see(request)
        surroundings = await around(self._ground, seen.ref, seen.obj)
        refusals = [*seen.refusals, *await self._needed(seen, surroundings)]
        change = changing.deletion(self.path(seen.kind, seen.name), seen.obj)
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        key = self._shelf.keep(seen.ref, seen.obj)
        made_again = "make it again from its manifest: its revisions, and the logs of its pods, stay lost"
        version = text(part(seen.obj, "metadata").get("resourceVersion"), 80)
        pods = f"{seen.replicas} {'pod' if seen.replicas == 1 else 'pods'}"
        return self.card(
            request,
            title=f"Delete {seen.ref}",
            target=self._ground.named(seen.ref),
            identity={**self.identity(seen), "resourceVersion": version},
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=Undo(made_again, ActionRequest(CREATE.id, request.source, {"workload": seen.ref, "kept": key})),
            refusals=refusals,
            warnings=(*_left(surroundings), *_plain_values(seen), *seen.warnings, *surroundings.notes),
            changes=(Change(seen.ref, pods, "deleted, with its ReplicaSets: nothing to roll back to is left"),),
            objects=(seen.ref,),
            affected="nobody: no service needs its pods",
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(
                self._ground.kubectl("get", seen.ref, "-o", "yaml"),
                self._ground.kubectl("delete", seen.ref),
            ),
            dry_run=dry_run,
            basis={"seen": seen, "change": change},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once. Its pods end in the background."""
        seen, change = cast("Seen", plan.basis["seen"]), cast("changing.KubeChange", plan.basis["change"])
        control.progress(0, 1, "waiting for the API server")
        await change.send(self._ground.gateway)
        control.progress(1, 1, "done")
        shown = json.dumps(masked(changing.manifest(seen.obj)), ensure_ascii=False, indent=1)
        kept = ("its manifest, values of variables hidden:", *clean_lines(shown, lines=190))
        return RunResult(Outcome.SUCCEEDED, f"{seen.ref} was deleted; its pods end now", details=kept, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether it is gone."""
        seen = cast("Seen", plan.basis["seen"])
        try:
            obj = await self._ground.gateway.get(self.path(seen.kind, seen.name))
        except NotFound:
            return Verification(True, f"{seen.ref} is gone")
        if uid_of(obj) != seen.uid:
            return Verification(True, f"{seen.ref} was made again by somebody since")
        if part(obj, "metadata").get("deletionTimestamp"):
            return Verification(None, f"{seen.ref} is being deleted: it waits for its finalizers")
        return Verification(False, f"{seen.ref} is still there")

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Nothing is left to compare."""
        return ""

    async def _needed(self, seen: Seen, surroundings: Around) -> list[Refusal]:
        """The live colour is not deleted, and neither is the only one that a service could be switched back to."""
        found: list[Refusal] = []
        if not surroundings.services:
            return found
        colours = await Colours.seen(self._ground)
        for service in surroundings.services:
            selector = labels(part(service, "spec").get("selector"))
            ready = colours.ready(selector)
            own = labels(part(seen.obj, "spec", "selector").get("matchLabels"))
            mine = [pod for pod in ready if own.items() <= labels(part(pod, "metadata").get("labels")).items()]
            name = f"service/{name_of(service)}"
            if mine:
                reason = f"{seen.ref} is live: {len(mine)} of the {len(ready)} pods ready behind {name} are its own"
                hint = "switch the service to another workload first (workloads.switch), or scale this to 0"
                found.append(Refusal("preconditions", reason, hint))
            elif not ready:
                reason = f"nothing else is ready behind {name}, which chooses {seen.ref}"
                found.append(Refusal("preconditions", reason, "it is the way back: first let another serve"))
        return found


class Create(WorkloadAction):
    """workloads.create: how a deletion is taken back."""

    KINDS = ("deployment",)
    DONE = "made again"

    def __init__(self, spec: ActionSpec, ground: KubeGround, shelf: Shelf) -> None:
        super().__init__(spec, ground)
        self._shelf = shelf

    async def plan(self, request: ActionRequest) -> Plan:
        """The whole manifest, its rehearsal."""
        kind, name = self.named(request.get("workload"))
        ref, place = f"{kind}/{name}", self._ground.gateway.place
        kept = self._shelf.kept(request.get("kept"))
        right = Right("create", changing.WORKLOADS[kind], "apps", "", self._ground.namespace)
        permission = await preflight(self._ground, (right,))
        refusals: list[Refusal] = []
        if kept is None or kept.ref != ref:
            reason = f"the manifest of {ref} is not held by this cockpit"
            hint = "the audit log has it with the outcome of the deletion, values of variables hidden"
            refusals.append(Refusal("preconditions", reason, hint))
            kept = Kept(ref, {})
        elif await self._there(kind, name):
            refusals.append(Refusal("preconditions", f"{ref} is there", "look at it: somebody made it"))
        change = changing.creation(self.path(kind, ""), kept.manifest)
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(self._ground, change)
            refusals += refused
        wanted = part(kept.manifest, "spec").get("replicas", 1)
        return self.card(
            request,
            title=f"Make {ref} again",
            target=self._ground.named(ref),
            lock=self.lock(ref),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": self._ground.namespace,
                "workload": ref,
                "manifest": mark(kept.manifest),
            },
            permission=permission,
            undo=Undo("delete it again", ActionRequest(DELETE.id, request.source, {"workload": ref})),
            refusals=refusals,
            changes=(Change(ref, "none", f"{wanted} pods, revision 1"),),
            objects=(ref,),
            affected="nobody until its pods are ready and a service chooses them",
            operation=change.shown(place.server),
            equivalent=(self._ground.kubectl("apply", "-f", f"{name}.yaml"),),
            dry_run=dry_run,
            basis={"change": change, "manifest": kept.manifest, "name": name},
            deadline_s=180.0,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until its pods are there."""
        name, change = str(plan.basis["name"]), cast("changing.KubeChange", plan.basis["change"])
        control.progress(0, 0, "waiting for the API server")
        made = await change.send(self._ground.gateway)
        followed = Followed("deployment", self._ground.namespace, name, uid_of(made), scaling=True)
        seen = Seen("deployment", name, made, plan.permission, (), ())
        rollout = Rollout(self._ground.gateway, self._ground.clock, followed, control.progress, control.aborted)
        try:
            ending = await rollout.end(plan.deadline_s - 5.0)
        except CockpitError as error:
            said = f"{seen.ref} was made again; what became of its pods cannot be seen: {error.message}"
            return RunResult(Outcome.UNKNOWN, said, undo=plan.undo)
        return self.came_of(plan, seen, ending)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether it is there, its pods with it."""
        name = str(plan.basis["name"])
        try:
            made = await self._ground.gateway.get(self.path("deployment", name))
        except NotFound:
            return Verification(False, f"deployment/{name} is not there")
        return self.judged(plan, result, made, "deployment", f"deployment/{name}")

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Another template than the one that was kept."""
        wanted = mark(part(cast("Json", plan.basis["manifest"]), "spec", "template"))
        return "" if mark(part(obj, "spec", "template")) == wanted else "its template is another than the one kept"

    async def _there(self, kind: str, name: str) -> bool:
        try:
            await self._ground.gateway.get(self.path(kind, name))
        except NotFound:
            return False
        return True


def _left(surroundings: Around) -> tuple[str, ...]:
    scaler = surroundings.autoscaler
    found = [f"autoscaler {scaler.name} is left without anything to scale"] if scaler is not None else []
    return (*found, *(f"budget {each.name} is not asked by a deletion" for each in surroundings.budgets))


def _plain_values(seen: Seen) -> tuple[str, ...]:
    """Only to say that the way back lasts as long as this cockpit runs."""
    values = any(
        isinstance(each.get("value"), str) for _, _, one in containers(seen.template) for each in one.get("env") or ()
    )
    if not values:
        return ()
    return ("values of its variables are kept in memory only: once this cockpit has ended it cannot make it again",)

"""Rolls a workload back to a revision that is named before anything happens.

Without a name it is the newest whose template is another than that of now. After a roll-back that would be the one
that was left, and doing it twice would bring it back: then a name is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import around, rooms
from cockpit.actions.kube.workload import TEMPLATE, UID, WORKLOAD, Seen, WorkloadAction
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import part
from cockpit.adapters.kube.rollback import Past, current, of_controller_revisions, of_replicasets, previous
from cockpit.adapters.kube.templates import differences, images, mark, same
from cockpit.adapters.kube.terms import Json
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
)
from cockpit.model.severity import SourceKind

UNDO = ActionSpec(
    "workloads.undo",
    "Roll back",
    SourceKind.WORKLOADS,
    "R",
    Tier.T2,
    "Brings back the pod template of an earlier revision, which the plan names, and waits for its pods.",
    (
        WORKLOAD,
        UID,
        TEMPLATE,
        Param("revision", ParamKind.CHOICE, "its number, empty for the one before", False, identity=True),
    ),
    reversible=True,
    short="Roll back",
)


class UndoRollout(WorkloadAction):
    """workloads.undo."""

    DONE = "rolled back"

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """The revisions of the workload that is chosen, those that would change something."""
        if param != "revision" or not given.get("workload"):
            return await self.choices(param)
        kind, name = self.named(given["workload"])
        obj = await self._ground.gateway.get(self.path(kind, name))
        template = part(obj, "spec", "template")
        pasts = await self._pasts(kind, obj)
        first = previous(pasts, template)
        return [
            Choice(str(each.revision), _label(each), first is not None and each.revision == first.revision)
            for each in pasts
            if not same(each.template, template)
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """Both templates compared, the exact PATCH, its rehearsal."""
        seen = await self.see(request)
        pasts = await self._pasts(seen.kind, seen.obj)
        target, refusals, warnings = _target(seen, pasts, request.get("revision"))
        if target is None:
            return self.card(
                request,
                title=f"Roll {seen.ref} back",
                target=self._ground.named(seen.ref),
                identity=self.identity(seen),
                lock=self.lock(seen.ref),
                permission=seen.permission,
                undo=Undo("nothing to undo"),
                refusals=(*seen.refusals, *refusals),
            )
        surroundings = await around(self._ground, seen.ref, seen.obj)
        change = changing.undo(self.path(seen.kind, seen.name), seen.obj, target.template, _cause(target))
        refusals = [*seen.refusals, *refusals]
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        pinned = ActionRequest(request.action, request.source, {**request.params, "revision": str(target.revision)})
        return self.card(
            pinned,
            title=f"Roll {seen.ref} back to revision {target.revision}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=_back(request, seen, pasts),
            refusals=refusals,
            warnings=(*warnings, *tight(surroundings.quotas, target.template), *seen.warnings, *surroundings.notes),
            changes=tuple(Change(*each) for each in differences(seen.template, target.template)),
            objects=(seen.ref,),
            affected=affected(seen, surroundings.serves),
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl("rollout", "undo", seen.ref, f"--to-revision={target.revision}"),),
            dry_run=dry_run,
            basis={"seen": seen, "change": change, "wanted": mark(target.template)},
            deadline_s=self.following_s(seen),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then to the end of the rollout."""
        return await self.changed(plan, control)

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Another template than that of the revision."""
        as_wanted = mark(part(obj, "spec", "template")) == plan.basis["wanted"]
        return "" if as_wanted else f"{plan.request.get('workload')} does not have the template of that revision"

    async def _pasts(self, kind: str, obj: Json) -> tuple[Past, ...]:
        uid = str(part(obj, "metadata").get("uid", ""))
        labels = part(obj, "spec", "selector", "matchLabels")
        chosen = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
        plural = "replicasets" if kind == "deployment" else "controllerrevisions"
        path = path_of(changing.APPS, plural, self._ground.namespace)
        found = (await self._ground.gateway.listed(path, chosen)).items
        return of_replicasets(uid, found) if kind == "deployment" else of_controller_revisions(uid, found)


def _label(past: Past) -> str:
    said = ", ".join(image.rpartition("/")[2] for image in images(past.template).values())
    why = f" ({past.cause})" if past.cause else ""
    return f"{past.revision}, {past.created:%Y-%m-%d %H:%M} UTC, {said}{why}"


def _target(seen: Seen, pasts: Sequence[Past], wanted: str) -> tuple[Past | None, list[Refusal], list[str]]:
    known = ", ".join(str(past.revision) for past in pasts) or "none"
    now, before = current(pasts, seen.template), previous(pasts, seen.template)
    target = next((past for past in pasts if str(past.revision) == wanted), None) if wanted else before
    if target is None:
        reason = f"there is no revision {wanted}" if wanted else "there is no revision with another template"
        return None, [Refusal("preconditions", reason, f"its revisions are: {known}")], []
    refusals: list[Refusal] = []
    warnings: list[str] = []
    if same(target.template, seen.template):
        reason = f"revision {target.revision} is what it runs: nothing would change"
        return None, [Refusal("preconditions", reason, f"choose another of its revisions: {known}")], []
    if seen.paused:
        refusals.append(Refusal("preconditions", f"{seen.ref} is paused", "resume it first (workloads.resume)"))
    newer = now is not None and target.created > now.created
    # Going back gives the revision that is brought back a number of its own: the one before that is the one left.
    left = now is not None and target.revision == now.revision - 1 and (now.returned or newer)
    if now is not None and left and not wanted:
        reason = f"it was rolled back already, to revision {now.revision}: {target.revision} is the one that was left"
        refusals.append(Refusal("preconditions", reason, f"name the revision that is meant: {known}"))
    elif now is not None and newer:
        warnings.append(f"revision {target.revision} is newer than {now.revision}, which runs: this goes forward")
    elif now is not None and left:
        warnings.append(
            f"revision {now.revision} had run before {target.revision} and came back: this leaves it again"
        )
    if images(target.template) == images(seen.template):
        warnings.append("the images are the same in both: only settings change")
    return target, refusals, warnings


def _cause(target: Past) -> str:
    return f"rolled back to revision {target.revision}" + (f": {target.cause}" if target.cause else "")


def _back(request: ActionRequest, seen: Seen, pasts: Sequence[Past]) -> Undo:
    now = current(pasts, seen.template)
    if now is None:
        return Undo("cannot be undone: no revision holds the template that it has now")
    params = {"workload": seen.ref, "uid": seen.uid, "revision": str(now.revision)}
    return Undo(f"roll back to revision {now.revision}", ActionRequest(UNDO.id, request.source, params))


def affected(seen: Seen, services: str) -> str:
    """Who feels it when all pods are replaced."""
    spec = part(seen.obj, "spec")
    behind = f"requests to {services}" if services else "whoever uses its pods (no service chooses them)"
    strategy = part(spec, "strategy") or part(spec, "updateStrategy")
    if strategy.get("type") == "Recreate":
        return f"{behind}: all pods end before the first new one starts, nobody is served in between"
    if seen.kind != "deployment":
        return f"{behind}: its pods are replaced one after the other"
    limit = part(strategy, "rollingUpdate").get("maxUnavailable", "25%")
    return f"{behind}: all {seen.replicas} pods are replaced, at most {limit} of them missing at a time"


def tight(quotas: tuple[Json, ...], template: Json) -> tuple[str, ...]:
    """Where no pod can be made beside those that run."""
    full = [room for room in rooms(quotas, template) if room.pods == 0]
    return tuple(
        f"quota {room.quota} has no room for one more pod ({room.resource}: {room.said}): new ones wait for old ones"
        for room in full
    )

"""Applies the manifests of a file: every object rehearsed and compared first, then one after the other, and back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.applied import EACH_S, MOST_CHANGES, STAYS, One, Shelf
from cockpit.actions.kube.around import reverted
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.unapply import UNAPPLY
from cockpit.adapters.kube.applying import desired, only_kubectl, owners_in, told
from cockpit.adapters.kube.changing import manifest
from cockpit.adapters.kube.discovery import Discovery
from cockpit.adapters.kube.fields import controller_of, name_of, part, text, uid_of
from cockpit.adapters.kube.manifests import Manifests, read_manifests
from cockpit.adapters.kube.templates import mark
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, Conflict, NotFound, PermissionDenied
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
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind
from cockpit.text import clean

APPLY = ActionSpec(
    "cluster.apply",
    "Apply manifests",
    SourceKind.CLUSTER,
    "",
    Tier.T3,
    "Applies the manifests of a file to the namespace (server-side apply), each rehearsed and compared before.",
    (
        Param("file", ParamKind.TEXT, "a file or folder of YAML or JSON on this machine"),
        Param("force", ParamKind.CHOICE, "yes takes fields over from whoever else set them", False, "no"),
    ),
    reversible=True,
    short="Apply",
)


@dataclass(slots=True)
class _Weighed:
    """The objects of a file, and what speaks against them."""

    ones: list[One] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, reason: str, hint: str = "", step: str = "preconditions") -> None:
        self.refusals.append(Refusal(step, reason, hint))


class Apply(KubeAction):
    """cluster.apply."""

    def __init__(self, spec: ActionSpec, ground: KubeGround, shelf: Shelf) -> None:
        super().__init__(spec, ground)
        self._shelf = shelf

    async def choices(self, param: str) -> Sequence[Choice]:
        """Whether to take fields over."""
        return [Choice("no", "no"), Choice("yes", "yes, from whoever set them")] if param == "force" else ()

    async def plan(self, request: ActionRequest) -> Plan:
        """What is in the file, each object against what is there, its rehearsal, and who else set those fields."""
        found = await asyncio.to_thread(read_manifests, request.get("file"))
        ground, place = self._ground, self._ground.gateway.place
        weighed = self._weighed(found, await ground.gateway.versions())
        await self._rehearsed(weighed, force=request.get("force") == "yes")
        ones, refusals = [each for each in weighed.ones if not each.idle], weighed.refusals
        idle = len(weighed.ones) - len(ones)
        if not ones and not refusals:
            weighed.refuse(f"nothing in {found.path} differs from what is there", "there is nothing to do")
        before = [manifest(each.before) if each.before is not None else {} for each in ones]
        key = f"{found.digest[:16]}@{mark({'before': before})}"
        plan = self.card(
            request,
            title=f"Apply {len(ones)} of {len(weighed.ones)} objects of {found.path}",
            target=ground.named(f"the objects of {found.path}"),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                "file": found.path,
                "sha256": found.digest,
                **{each.ref: uid_of(each.before) if each.before is not None else "made" for each in ones},
            },
            permission=await preflight(ground, _rights(ones, ground.namespace)),
            undo=Undo(_way_back(ones), ActionRequest(UNAPPLY.id, request.source, {"kept": key})),
            refusals=refusals,
            warnings=(*weighed.warnings, *([f"{idle} objects are as in the file already"] if idle else ())),
            changes=_changes(ones),
            objects=tuple(each.ref for each in ones),
            population=len(weighed.ones),
            affected="whoever the changed objects serve; pods are made anew where a template changes",
            operation="\n".join(each.change.shown(place.server) for each in ones),
            equivalent=(ground.kubectl("apply", "--server-side", "--field-manager=cockpit", "-f", found.path),),
            dry_run="" if refusals else "the API server accepts every object (dryRun=All)",
            basis={"ones": ones, "key": key},
            deadline_s=30.0 + EACH_S * len(ones),
        )
        return plan

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One after the other, each once; the first that fails ends it."""
        ones, key = cast("list[One]", plan.basis["ones"]), str(plan.basis["key"])
        self._shelf.keep(key, ones)
        for done, each in enumerate(ones):
            if control.aborted():
                return RunResult(Outcome.FAILED, f"stopped before {each.ref}", done, len(ones), undo=plan.undo)
            control.progress(done, len(ones), f"applying {each.ref}")
            try:
                answer = await each.send(self._ground)
            except CockpitError as error:
                if not done:
                    raise
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                said = f"{done} of {len(ones)} objects were applied, then {each.ref}: {error.message}"
                return RunResult(outcome, said, done, len(ones), (error.hint,) if error.hint else (), plan.undo)
            each.made = uid_of(answer)
        follow = tuple(f"next: kubectl rollout status {each.ref}" for each in ones if each.resource.group == "apps")
        said = f"{len(ones)} objects were applied"
        return RunResult(Outcome.SUCCEEDED, said, len(ones), len(ones), follow, plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether applying it once more would change nothing."""
        wrong: list[str] = []
        ones = cast("list[One]", plan.basis["ones"])
        for each in ones:
            try:
                now = await self._ground.gateway.get(each.path)
                again = await One(each.resource, each.wanted, each.path, now, force=each.force).send(
                    self._ground, dry_run=True
                )
            except CockpitError as error:
                wrong.append(f"{each.ref}: {error.message}")
                continue
            wrong += [f"{each.ref}: {what} is {old}, not {new}" for what, old, new in told(now, again)[:2]]
        if wrong:
            return Verification(False, "; ".join(wrong[:5]))
        return Verification(True, f"{len(ones)} objects are as in the file")

    async def _rehearsed(self, weighed: _Weighed, *, force: bool) -> None:
        """Read each, and apply it with dryRun."""
        new = {name_of(each.wanted) for each in weighed.ones if each.resource.kind == "Namespace"}
        for each in weighed.ones:
            try:
                each.before = await self._ground.gateway.get(each.path)
                weighed.warnings += [f"{each.ref}: {said}" for said in reverted(each.before)]
            except NotFound:
                each.before = None
            except PermissionDenied as error:
                weighed.refuse(f"{each.ref}: {error.message}", error.hint, "permission")
                continue
            await self._tried(each, weighed, force=force, new=part(each.wanted, "metadata").get("namespace") in new)

    async def _tried(self, each: One, weighed: _Weighed, *, force: bool, new: bool) -> None:
        try:
            each.after = await each.send(self._ground, dry_run=True)
        except Conflict as error:
            owners = owners_in(error.message)
            if each.force or not owners:
                weighed.refuse(f"{each.ref}: {error.message}", error.hint, "identity")
            elif force or only_kubectl(owners):
                who = ", ".join(text(owner, 100) for owner in owners)
                weighed.warnings.append(f"{each.ref}: fields are taken over from {who}")
                each.force = True
                await self._tried(each, weighed, force=force, new=new)
            else:
                weighed.refuse(f"{each.ref}: {error.message}", "force=yes takes those fields over", "dry run")
                with contextlib.suppress(CockpitError):  # only to show what that would change
                    each.after = await each.send(self._ground, dry_run=True, force=True)
        except NotFound as error:
            if not new:
                weighed.refuse(f"{each.ref}: {error.message}", "make the namespace first", "dry run")
            else:
                weighed.warnings.append(f"{each.ref} cannot be rehearsed before its namespace is there")
        except CockpitError as error:
            weighed.refuse(f"{each.ref}: {error.message}", error.hint, "dry run")

    def _weighed(self, found: Manifests, served: Discovery) -> _Weighed:
        """Each object with the resource that it is of; those that this is not for are refused, or left out."""
        weighed = _Weighed()
        for obj in found.objects:
            if one := self._one(obj, served, weighed):
                weighed.ones.append(one)
        weighed.ones.sort(key=lambda each: each.resource.kind != "Namespace")
        twice = [each.ref for each in weighed.ones]
        for ref in sorted({each for each in twice if twice.count(each) > 1}):
            weighed.refuse(f"{ref} stands in {found.path} more than once", "which one is meant is not known")
        return weighed

    def _one(self, obj: Json, served: Discovery, weighed: _Weighed) -> One | None:
        kind, name = text(obj.get("kind"), 80), name_of(obj)
        group, _, version = text(obj.get("apiVersion"), 200).rpartition("/")
        ref = f"{kind.lower()}/{name or '?'}"
        resource = served.find(group, kind, (version,))
        namespace = text(part(obj, "metadata").get("namespace"), 253)
        here = self._ground.namespace
        if not name:
            weighed.refuse(f"a {kind} has no name", "generateName makes another object each time: kubectl create")
        elif resource is None:
            weighed.refuse(f"{ref}: the cluster does not serve {text(obj.get('apiVersion'), 200)} {kind}")
        elif kind == "Secret":
            weighed.refuse(f"{ref}: values of secrets are not handled here", "take it out, and apply it by hand")
        elif resource.namespaced and namespace not in ("", here):
            weighed.refuse(f"{ref} is for namespace {namespace}; this profile is for {here}")
        elif not resource.namespaced and (kind, name) != ("Namespace", here):
            weighed.refuse(f"{ref} is for the whole cluster; this profile is for {here}", "apply it by hand")
        elif resource.namespaced and controller_of(obj)[0]:
            weighed.warnings.append(f"{ref} is left out: its {controller_of(obj)[0]} makes it by itself")
        else:
            inside = here if resource.namespaced else ""
            return One(resource, desired(resource, obj, inside), resource.path(inside, name))
        return None


def _rights(ones: Sequence[One], namespace: str) -> list[Right]:
    found: dict[Right, None] = {}
    for each in ones:
        inside = namespace if each.resource.namespaced else ""
        verbs = ("patch",) if each.before is not None else ("create", "patch")
        found |= {Right(verb, each.resource.plural, each.resource.group, namespace=inside): None for verb in verbs}
    return list(found)


def _changes(ones: Sequence[One]) -> tuple[Change, ...]:
    found: list[Change] = []
    for each in ones:
        if each.before is None:
            found.append(Change(each.ref, "none", "made"))
        else:
            found += [Change(clean(f"{each.ref} {what}", 200), old, new) for what, old, new in each.differs]
    left = len(found) - MOST_CHANGES
    return (*found[:MOST_CHANGES], *([Change("and", "", f"{left} changes more")] if left > 0 else ()))


def _way_back(ones: Sequence[One]) -> str:
    made = [each for each in ones if each.before is None]
    stays = [each.ref for each in made if each.resource.kind in STAYS]
    words = "what stood there before is put back" + (
        f", {len(made) - len(stays)} new objects are deleted" if made else ""
    )
    return f"{words}; {', '.join(stays)} stays" if stays else words

"""What actions on one workload share: finding it, its identity, the rehearsal, following its rollout, verifying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import reverted
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.adapters.kube.changing import CORE, WORKLOADS, KubeChange, workloads_path
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import number, part, text, uid_of
from cockpit.adapters.kube.rollout import Ending, Followed, How, Rollout, pods_of, refusal, step_of
from cockpit.adapters.kube.templates import mark
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, Conflict, Misconfigured, NotFound, PermissionDenied, Refused
from cockpit.model.action import (
    ActionRequest,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Verification,
)

WORKLOAD = Param("workload", ParamKind.CHOICE, 'the workload, as in "deployment/api"', identity=True)
UID = Param("uid", ParamKind.TEXT, "uid of the object, empty for whatever has the name", False, identity=True)
TEMPLATE = Param("template", ParamKind.TEXT, "mark of the pod template as it was seen", False, identity=True)
ALL_KINDS = tuple(WORKLOADS)
MOST_S = 630.0  # the usual progress deadline is ten minutes: the cluster's own verdict comes first
_GRACE_S = 30.0
_REST_S = 5.0  # of the plan's deadline, for the change itself


@dataclass(frozen=True, slots=True)
class Seen:
    """A workload at the moment of planning."""

    kind: str
    name: str
    obj: Json
    permission: Permission
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]

    @property
    def ref(self) -> str:
        """ "deployment/api"."""
        return f"{self.kind}/{self.name}"

    @property
    def uid(self) -> str:
        """Its uid."""
        return uid_of(self.obj)

    @property
    def template(self) -> Json:
        """Of its pods."""
        return part(self.obj, "spec", "template")

    @property
    def replicas(self) -> int:
        """That are wanted."""
        wanted = part(self.obj, "spec").get("replicas")
        return 1 if wanted is None else number(wanted)

    @property
    def paused(self) -> bool:
        """No rollout goes on."""
        return part(self.obj, "spec").get("paused") is True


class WorkloadAction(KubeAction):
    """Base of the handlers on one workload."""

    KINDS: tuple[str, ...] = ALL_KINDS
    SUBRESOURCE = ""
    DONE = "changed"  # what is so once the server has taken the change: "rolled back"

    async def choices(self, param: str) -> Sequence[Choice]:
        """The workloads of the namespace."""
        if param != WORKLOAD.name:
            return ()
        found: list[Choice] = []
        for kind in self.KINDS:
            listed = await self._ground.gateway.listed(workloads_path(kind, self._ground.namespace))
            names = sorted(text(part(each, "metadata").get("name"), 253) for each in listed.items)
            found += [Choice(f"{kind}/{name}", f"{kind}/{name}") for name in names]
        return found

    async def see(self, request: ActionRequest) -> Seen:
        """Read it, compare the identity that the row gave, ask for the rights. Raises Refused, NotFound ..."""
        kind, name = self.named(request.get("workload"))
        obj = await self._ground.gateway.get(self.path(kind, name))
        refusals: list[Refusal] = []
        if request.get("uid") not in ("", uid_of(obj)):
            reason = f"{kind}/{name} was deleted and made again"
            refusals.append(Refusal("identity", reason, "look at it before acting"))
        elif request.get("template") not in ("", mark(part(obj, "spec", "template"))):
            reason = f"the pod template of {kind}/{name} was changed since the row was drawn"
            refusals.append(Refusal("identity", reason, "look, then plan again"))
        permission = await preflight(self._ground, self.rights(kind, name))
        return Seen(kind, name, obj, permission, tuple(refusals), reverted(obj))

    def named(self, given: str) -> tuple[str, str]:
        """Kind and name. Raises Refused for what is no workload that this action is for."""
        kind, slash, name = given.partition("/")
        if not slash:
            kind, name = "deployment", given
        if kind not in self.KINDS or not name:
            able = ", ".join(f"{each}/NAME" for each in self.KINDS)
            raise Refused(
                "parameters", f"{self._spec.id} is not for {given or 'nothing'}", hint=f"workload is {able}"
            )
        return kind, name

    def path(self, kind: str, name: str, subresource: str = "") -> str:
        """Of the workload."""
        return workloads_path(kind, self._ground.namespace, name, subresource)

    def rights(self, kind: str, name: str) -> tuple[Right, ...]:
        """What the change itself needs."""
        return (Right("patch", WORKLOADS[kind], "apps", self.SUBRESOURCE, self._ground.namespace, name),)

    def identity(self, seen: Seen) -> Mapping[str, str]:
        """What must be the same when it runs."""
        place = self._ground.gateway.place
        return {
            "context": place.context,
            "server": place.server,
            "namespace": self._ground.namespace,
            "workload": seen.ref,
            "uid": seen.uid,
            "template": mark(seen.template),
        }

    def lock(self, ref: str) -> str:
        """A rollout is followed for minutes: that one is held, not the whole namespace."""
        return f"{self.source}/{ref}"

    async def rehearse(self, change: KubeChange) -> tuple[str, list[Refusal]]:
        """The change with dryRun: what the server says, and the refusals that follow from it."""
        return await rehearse(self._ground, change)

    async def changed(self, plan: Plan, control: RunControl, *, scaling: bool = False) -> RunResult:
        """Send the change of the plan once, and follow the rollout to its end."""
        seen, change = cast("Seen", plan.basis["seen"]), cast("KubeChange", plan.basis["change"])
        known = await self._pods(seen)
        control.progress(0, 0, "waiting for the API server")
        await change.send(self._ground.gateway)
        followed = Followed(
            seen.kind, self._ground.namespace, seen.name, seen.uid, known, refusal(seen.obj), scaling=scaling
        )
        rollout = Rollout(self._ground.gateway, self._ground.clock, followed, control.progress, control.aborted)
        try:
            ending = await rollout.end(plan.deadline_s - _REST_S)
        except CockpitError as error:
            said = f"{seen.ref} was {self.DONE}; what became of its pods cannot be seen: {error.message}"
            return RunResult(Outcome.UNKNOWN, said, undo=plan.undo)
        return self.came_of(plan, seen, ending)

    def came_of(self, plan: Plan, seen: Seen, ending: Ending) -> RunResult:
        """The outcome by how the rollout ended. A failed one has a way back: the change itself was made."""
        made = f"{seen.ref} was {self.DONE}"
        counts = (ending.done, max(ending.total, 1))
        match ending.how:
            case How.DONE:
                return RunResult(Outcome.SUCCEEDED, f"{made}: {ending.said}", *counts, undo=plan.undo)
            case How.FAILED:
                return RunResult(Outcome.FAILED, f"{made}, and fails: {ending.said}", *counts, undo=plan.undo)
            case How.LATE:
                late = f"{made}; not at its end after {plan.deadline_s:.0f} s: {ending.said}; it goes on by itself"
                return RunResult(Outcome.UNKNOWN, late, *counts, undo=plan.undo)
            case How.LEFT:
                left = f"{made} and goes on by itself, no longer followed: {ending.said}"
                return RunResult(Outcome.UNKNOWN, left, *counts, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether it is as it was wanted, and its rollout at its end."""
        seen = cast("Seen", plan.basis["seen"])
        try:
            obj = await self._ground.gateway.get(self.path(seen.kind, seen.name))
        except NotFound:
            return Verification(False, f"{seen.ref} is not there any more")
        if uid_of(obj) != seen.uid:
            return Verification(False, f"{seen.ref} was deleted and made again")
        return self.judged(plan, result, obj, seen.kind, seen.ref)

    def judged(self, plan: Plan, result: RunResult, obj: Json, kind: str, ref: str) -> Verification:
        """The object as it is now, against the plan."""
        if other := self.otherwise(plan, obj):
            return Verification(False, other)
        step = step_of(obj, kind)
        if step.ended is How.DONE:
            return Verification(True, f"{ref}: {step.said}")
        failed = result.outcome is Outcome.FAILED or step.ended is How.FAILED
        return Verification(False if failed else None, f"{ref}: {step.said}")

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """What is not as the plan wanted it, "" where it is."""
        raise NotImplementedError

    def following_s(self, seen: Seen) -> float:
        """How long the whole may take: until the cluster itself calls the rollout failed."""
        told = part(seen.obj, "spec").get("progressDeadlineSeconds")
        return min(MOST_S, number(told) + _GRACE_S) if told is not None else MOST_S

    async def _pods(self, seen: Seen) -> frozenset[str]:
        selector = part(seen.obj, "spec", "selector", "matchLabels")
        chosen = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
        path = path_of(CORE, "pods", self._ground.namespace)
        try:
            return pods_of((await self._ground.gateway.listed(path, chosen)).items)
        except PermissionDenied:
            return frozenset()


async def rehearse(ground: KubeGround, change: KubeChange) -> tuple[str, list[Refusal]]:
    """The change with dryRun: what the server says, and the refusals that follow from it."""
    try:
        await change.send(ground.gateway, dry_run=True)
    except (Conflict, NotFound) as error:
        return error.message, [Refusal("identity", error.message, error.hint or "plan again")]
    except PermissionDenied as error:
        return error.message, [Refusal("permission", error.message, error.hint)]
    except (Misconfigured, Refused) as error:
        return error.message, [Refusal("dry run", error.message, error.hint)]
    except CockpitError as error:
        return f"not known: {error.message}", []
    return "the API server accepts it (dryRun=All)", []

"""Takes pods out of everything that reaches them and keeps them running: what they hold can be looked at.

All labels of a pod go, because network policies only ever add what is allowed: one that still chose the pod would
open what the new one closes. The labels are kept in an annotation, and come back with `workloads.rejoin`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.guards import raised
from cockpit.actions.handler import RunControl
from cockpit.actions.kube.evict import pod_of
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.workload import rehearse
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.autoscaling import selects
from cockpit.adapters.kube.changing import WORKLOADS, KubeChange, workloads_path
from cockpit.adapters.kube.fields import controller_of, labels_of, name_of, number, part, parts, uid_of
from cockpit.adapters.kube.tending import ISOLATED, label_out, pods_path, policies_path, policy_creation
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, PermissionDenied, Refused
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

ISOLATE = ActionSpec(
    "workloads.isolate",
    "Isolate",
    SourceKind.WORKLOADS,
    "I",
    Tier.T3,
    "Cuts pods off and keeps them running as evidence: no service, no controller, no network traffic.",
    (
        Param("workload", ParamKind.TEXT, 'all pods of it: "deployment/api"', False, identity=True),
        Param("pod", ParamKind.TEXT, "this pod alone", False, identity=True),
        Param("uid", ParamKind.TEXT, "uid of that workload or pod", False, identity=True),
        Param("replacements", ParamKind.CHOICE, "none scales the workload down by as many", False, "start"),
    ),
    reversible=True,
)
REJOIN = ActionSpec(
    "workloads.rejoin",
    "End isolation",
    SourceKind.WORKLOADS,
    "",
    Tier.T3,
    "Gives isolated pods their labels back and takes the network policy away.",
    (
        Param("pod", ParamKind.TEXT, "one of the pods; all of its isolation are meant", False, identity=True),
        Param("isolation", ParamKind.TEXT, "which isolation", False, identity=True),
        Param("workload", ParamKind.TEXT, "the workload that was scaled down for it", False, identity=True),
        Param("replicas", ParamKind.INTEGER, "how many pods it had", False, identity=True),
    ),
)
_RELEASED_S = 15.0
_AGAIN_S = 0.5
_ENFORCERS = ("calico-node", "cilium", "anetd", "antrea-agent", "weave-net", "kube-router", "azure-npm", "canal")
_NO_ENFORCER = (
    "whether the network of this cluster enforces network policies cannot be known from its API: test that the pods"
    " are cut off"
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is isolated, at the moment of planning."""

    ref: str
    uid: str
    pods: tuple[Json, ...]
    workload: tuple[str, Json] | None = None  # kind and object of who would make replacements

    @property
    def maker(self) -> str:
        """ "deployment/api": who would make replacements."""
        return f"{self.workload[0]}/{name_of(self.workload[1])}" if self.workload else ""

    @property
    def token(self) -> str:
        """The isolation's name, the same each time for the same pods."""
        return hashlib.sha256(" ".join(sorted(map(uid_of, self.pods))).encode()).hexdigest()[:10]


class Isolate(KubeAction):
    """workloads.isolate."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Whether others start in their place."""
        if param != "replacements":
            return ()
        return [
            Choice("start", "start: the controller makes others at once, of the same image", True),
            Choice("none", "none: the workload is scaled down by as many"),
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """The pods by name and uid, the policy, each PATCH; what replaces them, and what the network can enforce."""
        held = await self._held(request)
        ground, place = self._ground, self._ground.gateway.place
        name = f"cockpit-isolated-{held.token}"
        changes = [policy_creation(ground.namespace, name, held.token)]
        changes += [label_out(ground.namespace, each, held.token) for each in held.pods]
        scaling = self._scaling(request, held)
        changes += [scaling] if scaling is not None else []
        refusals = self._refusals(request, held)
        dry_run = ""
        for change in changes if not refusals else ():
            dry_run, refused = await rehearse(ground, change)
            refusals += refused
            if refused:
                break
        over = len(held.pods) > ground.limits.pods
        back = {"isolation": held.token}
        if scaling is not None and held.workload is not None:
            back |= {"workload": held.maker, "replicas": str(_replicas(held.workload[1]))}
        policies, enforced = await asyncio.gather(self._open(held), _enforcement(ground))
        return self.card(
            request,
            title=f"Isolate {held.ref}",
            target=ground.named(held.ref),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                "of": held.ref,
                "uid": held.uid,
                "isolation": held.token,
            },
            permission=await preflight(ground, self._rights(held, scaling)),
            undo=Undo("labels back, policy away", ActionRequest(REJOIN.id, request.source, back)),
            refusals=refusals,
            warnings=(*enforced, *policies, *_replacing(held, scaling), *_beside(held)),
            changes=(
                Change("labels", "as they are", f"{ISOLATED}={held.token} alone"),
                Change("network", "as it is", "nothing in, nothing out"),
                *(
                    [Change("replicas", str(_replicas(held.workload[1])), str(_left(held)))]
                    if scaling and held.workload
                    else []
                ),
            ),
            objects=tuple(f"pod/{name_of(each)} ({uid_of(each)})" for each in held.pods),
            affected=f"requests to {len(held.pods)} pods of {held.ref}: no service chooses them any more",
            operation="\n".join(change.shown(place.server) for change in changes),
            equivalent=tuple(
                ground.kubectl(
                    "label", "pod", name_of(each), *(f"{key}-" for key in labels_of(each)), f"{ISOLATED}={held.token}"
                )
                for each in held.pods
            ),
            dry_run=dry_run,
            basis={"held": held, "changes": tuple(changes)},
            tier=raised(ISOLATE.tier) if over else ISOLATE.tier,
            deadline_s=30.0 + 3.0 * len(changes),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """The policy first, so that each pod is cut off as soon as it is labelled; then one pod after the other."""
        changes = cast("tuple[KubeChange, ...]", plan.basis["changes"])
        held = cast("_Held", plan.basis["held"])
        many = len(held.pods)
        result = await one_by_one(
            self._ground, plan, control, changes, f"{many} pods are isolated; they run on", many
        )
        until = self._ground.clock.monotonic() + _RELEASED_S
        while result.outcome is Outcome.SUCCEEDED and self._ground.clock.monotonic() < until:
            if control.aborted() or (await self._seen(held)).holds is not None:
                break
            control.progress(many, many, "waiting until their controller lets them go")
            await self._ground.clock.sleep(_AGAIN_S)
        return result

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The policy is there, the pods run on, without their labels, and no service has them."""
        held = cast("_Held", plan.basis["held"])
        chosen = {"labelSelector": f"{ISOLATED}={held.token}"}
        if not (await self._ground.gateway.listed(policies_path(self._ground.namespace), chosen)).items:
            return Verification(False, f"there is no network policy of isolation {held.token}")
        return await self._seen(held)

    async def _seen(self, held: _Held) -> Verification:
        """None while a controller still has one."""
        listed = await self._ground.gateway.listed(pods_path(self._ground.namespace))
        now = {uid_of(each): each for each in listed.items}
        wrong = [
            name_of(each) for each in held.pods if labels_of(now.get(uid_of(each), {})) != {ISOLATED: held.token}
        ]
        if wrong:
            return Verification(False, f"not isolated, or gone: {', '.join(wrong[:5])}")
        kept = [each for each in held.pods if controller_of(now[uid_of(each)])[0]]
        if kept:
            return Verification(None, f"{len(kept)} pods are not yet let go by their controller")
        return Verification(True, f"{len(held.pods)} pods run on, chosen by no service and no controller")

    async def _held(self, request: ActionRequest) -> _Held:
        ground, workload, pod = self._ground, request.get("workload"), request.get("pod")
        if pod:
            found = await pod_of(ground, pod)
            return _Held(f"pod/{pod}", uid_of(found), (found,), await self._maker(found))
        kind, _, name = workload.partition("/")
        if kind not in WORKLOADS or not name:
            raise Refused("parameters", "no workload and no pod was named", hint="put the cursor on one")
        obj = await ground.gateway.get(workloads_path(kind, ground.namespace, name))
        listed = await ground.gateway.listed(pods_path(ground.namespace))
        selector = part(obj, "spec", "selector")
        pods = [each for each in listed.items if selects(selector, labels_of(each)) and _runs(each)]
        return _Held(f"{kind}/{name}", uid_of(obj), tuple(sorted(pods, key=name_of)), (kind, obj))

    async def _maker(self, pod: Json) -> tuple[str, Json] | None:
        """The workload that would make another pod."""
        for kind in WORKLOADS:
            try:
                listed = await self._ground.gateway.listed(workloads_path(kind, self._ground.namespace))
            except PermissionDenied:
                continue
            for each in listed.items:
                if controller_of(pod)[0] and selects(part(each, "spec", "selector"), labels_of(pod)):
                    return kind, each
        return None

    def _scaling(self, request: ActionRequest, held: _Held) -> KubeChange | None:
        if request.get("replacements") != "none" or held.workload is None or held.workload[0] == "daemonset":
            return None
        kind, obj = held.workload
        path = workloads_path(kind, self._ground.namespace, name_of(obj), "scale")
        spec = {"replicas": _replicas(obj)} if _replicas(obj) else {}
        subresource = {"metadata": {"uid": uid_of(obj)}, "spec": spec}
        return changing.scale(path, subresource, _left(held))

    def _refusals(self, request: ActionRequest, held: _Held) -> list[Refusal]:
        if request.get("uid") not in ("", held.uid):
            return [Refusal("identity", f"{held.ref} was deleted and made again", "look at it before acting")]
        if not held.pods:
            return [Refusal("preconditions", f"{held.ref} has no running pods", "there is nothing to isolate")]
        if any(ISOLATED in labels_of(each) for each in held.pods):
            return [Refusal("preconditions", f"{held.ref} is isolated already", "workloads.rejoin ends that")]
        if any(not _runs(each) for each in held.pods):
            return [Refusal("preconditions", f"{held.ref} does not run", "what has ended needs no isolation")]
        if request.get("replacements") == "none" and (held.workload is None or held.workload[0] == "daemonset"):
            return [Refusal("parameters", f"nothing of {held.ref} can be scaled down", "leave replacements out")]
        return []

    def _rights(self, held: _Held, scaling: KubeChange | None) -> tuple[Right, ...]:
        where = self._ground.namespace
        rights = [Right("create", "networkpolicies", "networking.k8s.io", "", where)]
        rights += [Right("patch", "pods", namespace=where)]
        if scaling is not None and held.workload is not None:
            rights.append(Right("patch", WORKLOADS[held.workload[0]], "apps", "scale", where))
        return tuple(rights)

    async def _open(self, held: _Held) -> list[str]:
        """Policies that choose every pod and allow something: they do so for these, too."""
        try:
            listed = await self._ground.gateway.listed(policies_path(self._ground.namespace))
        except PermissionDenied:
            return ["other network policies cannot be seen: one that chooses every pod may let traffic through"]
        new = {ISOLATED: held.token}
        allowing = [
            name_of(each)
            for each in listed.items
            if selects(part(each, "spec", "podSelector"), new)
            and (each["spec"].get("ingress") or each["spec"].get("egress"))
        ]
        return [f"network policy {name} chooses every pod, and what it allows stays allowed" for name in allowing]


async def one_by_one(
    ground: KubeGround,
    plan: Plan,
    control: RunControl,
    changes: Sequence[KubeChange],
    done: str,
    pods: int,
) -> RunResult:
    """Each change once; stops at the first failure, with the way back once one was made."""
    for at, change in enumerate(changes):
        control.progress(at, len(changes), f"{change.method} {change.path.rpartition('/')[2]}")
        try:
            if control.aborted():
                raise Refused("operator", "stopped on request")
            await change.send(ground.gateway)
        except CockpitError as error:
            if not at:
                raise
            outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
            said = f"stopped after {at} of {len(changes)} requests: {error}"
            return RunResult(outcome, said, at, len(changes), undo=plan.undo)
    return RunResult(Outcome.SUCCEEDED, done, max(pods, 1), max(pods, 1), undo=plan.undo)


async def _enforcement(ground: KubeGround) -> list[str]:
    """What can be known of whoever enforces network policies."""
    try:
        listed = await ground.gateway.listed(workloads_path("daemonset", ""))
    except CockpitError:
        return [_NO_ENFORCER]
    found = [name_of(each) for each in listed.items if name_of(each).startswith(_ENFORCERS)]
    if not found:
        return [_NO_ENFORCER]
    return [f"{found[0]} runs here and enforces network policies; connections that are open may stay open"]


def _replacing(held: _Held, scaling: KubeChange | None) -> list[str]:
    kind = controller_of(held.pods[0])[0] if held.pods else ""
    if not kind:
        return []
    if scaling is not None:
        return ["others are made for a moment, until it is scaled down; an autoscaler may scale it up again"]
    if kind == "StatefulSet":
        return ["its stateful set cannot make another pod of that name while this one is there"]
    return [f"{len(held.pods)} others are made at once, of the same image and configuration"]


def _beside(held: _Held) -> list[str]:
    found: list[str] = []
    if any(part(each, "spec").get("hostNetwork") is True for each in held.pods):
        found.append("it uses the network of its node: no network policy holds it back")
    if any(list(parts(each, "spec", "volumes")) for each in held.pods):
        found.append("volumes that it shares with others stay shared; its credentials stay valid: rotate them")
    return found


def _runs(pod: Json) -> bool:
    ended = part(pod, "status").get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in part(pod, "metadata")


def _replicas(obj: Json) -> int:
    wanted = part(obj, "spec").get("replicas")
    return 1 if wanted is None else number(wanted)


def _left(held: _Held) -> int:
    return max(0, _replicas(held.workload[1]) - len(held.pods)) if held.workload else 0

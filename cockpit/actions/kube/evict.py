"""Evicts one pod, as a disruption budget allows, and waits until another one stands ready in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.workload import UID, rehearse
from cockpit.adapters.kube.autoscaling import budgets_for
from cockpit.adapters.kube.changing import APPS, KubeChange
from cockpit.adapters.kube.containers import containers_of, trouble_of
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import conditions, controller_of, labels_of, name_of, number, part, parts, uid_of
from cockpit.adapters.kube.tending import eviction, pods_path
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, NotFound, PermissionDenied, RateLimited, Refused
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

POD = Param("pod", ParamKind.CHOICE, "the pod", identity=True)
EVICT = ActionSpec(
    "workloads.evict",
    "Evict pod",
    SourceKind.WORKLOADS,
    "V",
    Tier.T2,
    "Ends one pod as the disruption budgets allow, and waits for the one that its controller makes instead.",
    (POD, UID),
)
_SETS = {"ReplicaSet": "replicasets", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
_GONE_S = 30.0  # beyond the time that the pod has to end
_READY_S = 120.0
_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Who makes another pod, and how many were ready before."""

    kind: str  # of the controller, "" for none
    name: str
    uid: str
    pods: tuple[Json, ...]

    @property
    def ready(self) -> int:
        """Pods of the controller that are ready."""
        return sum(is_ready(each) for each in self.pods)


class Evict(KubeAction):
    """workloads.evict."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The pods of the namespace."""
        if param != "pod":
            return ()
        listed = await self._ground.gateway.listed(pods_path(self._ground.namespace))
        return [Choice(name, name) for name in sorted(name_of(each) for each in listed.items)]

    async def plan(self, request: ActionRequest) -> Plan:
        """What is lost, what a budget says, and the exact POST, rehearsed."""
        pod = await pod_of(self._ground, request.get("pod"))
        ref = f"pod/{name_of(pod)}"
        change = await self._change(pod)
        refusals = _identity(request, pod)
        dry_run = ""
        if not refusals:
            dry_run, refusals = await rehearsed(self._ground, change)
        kind, name, _ = controller_of(pod)
        place = self._ground.gateway.place
        grace = _grace(pod)
        right = Right("create", "pods", subresource="eviction", namespace=self._ground.namespace, name=name_of(pod))
        return self.card(
            request,
            title=f"Evict {ref}",
            target=self._ground.named(ref),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": self._ground.namespace,
                "pod": name_of(pod),
                "uid": uid_of(pod),
            },
            permission=await preflight(self._ground, (right,)),
            undo=Undo("cannot be undone: what the pod held in memory and in emptyDir volumes is gone"),
            refusals=refusals,
            warnings=(*losses(pod), *await self._budgets(pod)),
            changes=(Change(ref, "running", f"gone; {kind} {name} makes another" if kind else "gone for good"),),
            objects=(ref,),
            affected=f"requests to {ref}: it has {grace:.0f} s to end",
            operation=change.shown(place.server),
            equivalent=(self._ground.kubectl("delete", "pod", name_of(pod)),),
            dry_run=dry_run,
            basis={"pod": pod, "change": change},
            deadline_s=grace + _GONE_S + _READY_S,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, never again after a refusal; then until it is gone and another one is ready."""
        pod, change = cast("Json", plan.basis["pod"]), cast("KubeChange", plan.basis["change"])
        place = await self._place(pod)
        control.progress(0, 1, "waiting for the API server")
        await change.send(self._ground.gateway)
        made = f"pod/{name_of(pod)} was evicted"
        until = self._ground.clock.monotonic() + plan.deadline_s - 5.0
        while True:
            try:
                found = await self._after(pod, place)
            except CockpitError as error:
                return RunResult(Outcome.UNKNOWN, f"{made}; what became of it cannot be seen: {error.message}")
            control.progress(int(found.holds is True), 1, found.text)
            if found.holds:
                return RunResult(Outcome.SUCCEEDED, f"{made}: {found.text}")
            if control.aborted() or self._ground.clock.monotonic() >= until:
                return RunResult(Outcome.UNKNOWN, f"{made}; {found.text}: it goes on by itself")
            await self._ground.clock.sleep(_AGAIN_S)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether it is gone, and as many pods are ready as are wanted."""
        pod = cast("Json", plan.basis["pod"])
        return await self._after(pod, await self._place(pod))

    async def _change(self, pod: Json) -> KubeChange:
        return eviction(self._ground.namespace, pod, (await self._ground.gateway.versions()).minor)

    async def _budgets(self, pod: Json) -> tuple[str, ...]:
        base = (await self._ground.gateway.versions()).prefers("policy", "PodDisruptionBudget")
        if not base:
            return ()
        try:
            listed = await self._ground.gateway.listed(path_of(base, "poddisruptionbudgets", self._ground.namespace))
        except PermissionDenied:
            return ("disruption budgets cannot be seen; the server asks them all the same",)
        return tuple(
            f"budget {each.name}: {each.allowed} may be evicted now ({each.healthy} healthy, {each.wanted} wanted)"
            for each in budgets_for(listed.items, labels_of(pod))
        )

    async def _place(self, pod: Json) -> Place:
        kind, name, uid = controller_of(pod)
        if not kind:
            return Place("", "", "", ())
        listed = await self._ground.gateway.listed(pods_path(self._ground.namespace))
        return Place(kind, name, uid, tuple(each for each in listed.items if controller_of(each)[2] == uid))

    async def _after(self, pod: Json, before: Place) -> Verification:
        """False and None: not yet."""
        try:
            found = await self._ground.gateway.get(pods_path(self._ground.namespace, name_of(pod)))
        except NotFound:
            found = {}
        if uid_of(found) == uid_of(pod):
            return Verification(False, f"pod/{name_of(pod)} is still ending")
        if not before.kind:
            return Verification(True, "it is gone")
        now = await self._place(pod)
        wanted = min(await self._wanted(before), max(before.ready, 1))
        if now.ready >= wanted:
            return Verification(True, f"it is gone, {now.ready} pods of {before.kind} {before.name} are ready")
        troubles = (trouble_of(containers_of(each)) for each in now.pods if not is_ready(each))
        why = next((f": {each.reason}" for each in troubles if each is not None), "")
        return Verification(None, f"it is gone, {now.ready} of {wanted} pods of {before.name} are ready{why}")

    async def _wanted(self, place: Place) -> int:
        plural = _SETS.get(place.kind)
        if plural is None:
            return 0  # a job or an operator: when it makes another one is its own matter
        try:
            obj = await self._ground.gateway.get(path_of(APPS, plural, self._ground.namespace, place.name))
        except (NotFound, PermissionDenied):
            return 1
        if place.kind == "DaemonSet":
            return number(part(obj, "status").get("desiredNumberScheduled"))
        return number(part(obj, "spec").get("replicas"))


async def pod_of(ground: KubeGround, name: str) -> Json:
    """Raises Refused without a name, NotFound."""
    if not name:
        raise Refused("parameters", "no pod was named", hint="put the cursor on a pod, or name it")
    return await ground.gateway.get(pods_path(ground.namespace, name))


async def rehearsed(ground: KubeGround, change: KubeChange) -> tuple[str, list[Refusal]]:
    """An eviction with dryRun: a budget that says no now is a refusal in the server's words."""
    try:
        await change.send(ground.gateway, dry_run=True)
    except RateLimited as error:
        return error.message, [Refusal("disruption budget", error.message, error.hint)]
    except CockpitError:
        return await rehearse(ground, change)
    return "the API server accepts it (dryRun=All)", []


def is_ready(pod: Json) -> bool:
    """It serves, and is not on its way out."""
    ready = conditions(pod).get("Ready", {}).get("status") == "True"
    return ready and "deletionTimestamp" not in part(pod, "metadata")


def losses(pod: Json) -> list[str]:
    """What goes with a pod."""
    found: list[str] = []
    kind, _, _ = controller_of(pod)
    if not kind:
        found.append("nobody makes it again: it has no controller")
    if kind == "DaemonSet":
        found.append("it is of a daemon set, which makes it again on the same node")
    empty = [
        str(each.get("name")) for each in parts(pod, "spec", "volumes") if isinstance(each.get("emptyDir"), dict)
    ]
    if empty:
        found.append(f"what is in its emptyDir volumes is lost: {', '.join(empty)}")
    return found


def _grace(pod: Json) -> float:
    told = part(pod, "spec").get("terminationGracePeriodSeconds")
    return float(min(number(told), 600)) if told is not None else 30.0


def _identity(request: ActionRequest, pod: Json) -> list[Refusal]:
    ref = f"pod/{name_of(pod)}"
    if request.get("uid") not in ("", uid_of(pod)):
        return [Refusal("identity", f"{ref} was deleted and made again", "look at it before acting")]
    if "deletionTimestamp" in part(pod, "metadata"):
        return [Refusal("preconditions", f"{ref} is ending already", "wait for it")]
    return []

"""Drains a node: cordons it, then evicts its pods as the disruption budgets allow, until the deadline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from cockpit.actions.guards import raised
from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import preflight
from cockpit.actions.kube.nodes import (
    NODE,
    UNCORDON,
    NodeAction,
    closed,
    is_cordoned,
    is_up,
    patch_right,
    pods_on,
)
from cockpit.actions.kube.workload import UID, rehearse
from cockpit.adapters.kube.autoscaling import budgets_for
from cockpit.adapters.kube.changing import KubeChange
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import annotations_of, controller_of, labels_of, name_of, part, parts, text, uid_of
from cockpit.adapters.kube.tending import cordon, eviction, pods_path
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import (
    CockpitError,
    Conflict,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    Refused,
)
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
from cockpit.profile.schema import parse_duration
from cockpit.text import counted

DRAIN = ActionSpec(
    "cluster.drain",
    "Drain node",
    SourceKind.CLUSTER,
    "D",
    Tier.T3,
    "Cordons a node and evicts its pods as the budgets allow; those of daemon sets stay.",
    (
        NODE,
        UID,
        Param("within", ParamKind.DURATION, "it gives up after so long", False, "5m"),
        Param("alone", ParamKind.CHOICE, "yes ends pods that nobody makes again, too", False, "no"),
        Param(
            "scratch",
            ParamKind.CHOICE,
            "yes ends pods with emptyDir volumes, too: what is in them is lost",
            False,
            "no",
        ),
    ),
    reversible=True,
    short="Drain",
)
_MIRROR = "kubernetes.io/config.mirror"
_TICK_S = 1.0
_AGAIN_S = 5.0  # until a pod is tried again that a budget held back, as kubectl does it
_ENDING = "being terminated"  # a namespace: its pods cannot be evicted, and end with it
_NAMED = 10
_REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Leave:
    """What may be ended although it is lost by that."""

    alone: bool
    scratch: bool

    def stays(self, pod: Json) -> str:
        """Why a pod is not evicted, "" where it is."""
        if not self.alone and not controller_of(pod)[0]:
            return "nobody makes it again"
        return "it has emptyDir volumes" if not self.scratch and has_scratch(pod) else ""


@dataclass(slots=True)
class _Going:
    """Where a drain stands."""

    seen: dict[str, str] = field(default_factory=dict)  # all that were to go, by uid
    tried: dict[str, float] = field(default_factory=dict)  # by uid, when
    held: dict[str, str] = field(default_factory=dict)  # by uid, why one is still there
    denied: set[str] = field(default_factory=set)  # by uid, that the server will not let go, budget or not
    last: Sequence[Json] = ()  # that were still there at the last look

    def left(self, pods: Sequence[Json]) -> tuple[str, ...]:
        return tuple(f"{full(each)}: {self.held.get(uid_of(each), 'still ending')}" for each in pods)


class Drain(NodeAction):
    """cluster.drain."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Nodes, and yes or no."""
        if param in ("alone", "scratch"):
            return [Choice("no", "no"), Choice("yes", "yes")]
        return await super().choices(param)

    async def plan(self, request: ActionRequest) -> Plan:
        """Who goes, who stays, who would be lost, and which budgets hold back."""
        node, refusals = await self.see(request)
        ref, leave = f"node/{name_of(node)}", _leave(request)
        within = parse_duration(request.get("within") or "5m")
        pods = await pods_on(self._ground, name_of(node))
        leaving = [each for each in pods or () if goes(each)]
        change = None if is_cordoned(node) else cordon(node, wanted=True)
        refusals += _lost(leaving, leave)
        if pods is None:
            refusals.append(Refusal("permission", "pods of all namespaces cannot be seen", "drain needs list pods"))
        elif not leaving and change is None:
            refusals.append(Refusal("preconditions", f"{ref} is cordoned and has no pods to evict", "nothing to do"))
        dry_run = ""
        if not refusals and change is not None:
            dry_run, refused = await rehearse(self._ground, change)
            refusals += refused
        rights = (patch_right(node), Right("create", "pods", subresource="eviction"), Right("list", "pods"))
        place = self._ground.gateway.place
        over = len(leaving) > self._ground.limits.pods
        tier = raised(DRAIN.tier) if over else DRAIN.tier
        capped = f"{len(leaving)} pods are over the cap of {self._ground.limits.pods}: needs {tier.name}"
        form = f"POST {place.server}/api/v1/namespaces/NAMESPACE/pods/POD/eviction"
        made = self.card(
            request,
            title=f"Drain {ref}",
            target=self._ground.named(ref, ""),
            identity=self.identity(node),
            permission=await preflight(self._ground, rights),
            undo=_back(request, node),
            refusals=refusals,
            warnings=(
                *([capped] if over else []),
                *([] if is_up(node) else [f"{ref} is not ready: its pods cannot end, they stay until it is back"]),
                *_losses(leaving),
                *(await self._budgets(leaving)),
                *(await self.others(node)),
            ),
            changes=(Change("takes pods", "no" if change is None else "yes", "no"), Change("pods", "run", "evicted")),
            objects=tuple(full(each) for each in leaving),
            population=len(pods or ()),
            affected=f"requests to {counted(len(leaving), 'pod')}, which end and are made again elsewhere",
            operation="\n".join(
                ([] if change is None else [change.shown(place.server)])
                + [f"then for each pod that is not of a daemon set: {form}, until {within:.0f} s have passed"]
            ),
            equivalent=(self._by_hand(node, within, leave),),
            dry_run=dry_run,
            basis={"node": node, "change": change, "leave": leave, "within": within},
            tier=tier,
            deadline_s=within + _REST_S + self._ground.table.timeout,
        )
        return replace(made, moving=True)

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Cordon once; evict, wait for budgets, until none is left, the deadline, or somebody stops it."""
        change = cast("KubeChange | None", plan.basis["change"])
        if change is not None:
            await change.send(self._ground.gateway)
        going = _Going()
        until = self._ground.clock.monotonic() + cast("float", plan.basis["within"])
        while True:
            try:
                left = await self._round(plan, going)
            except CockpitError as error:
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                return self._ended(plan, outcome, f"stopped: {error}", going, going.last)
            total = len(going.seen)
            control.progress(total - len(left), total, _note(going, left))
            if not left:
                return self._ended(plan, Outcome.SUCCEEDED, f"{total} pods were evicted", going, left)
            if all(uid_of(each) in going.held and uid_of(each) not in going.tried for each in left):
                return self._ended(plan, Outcome.FAILED, "what is left may not be evicted", going, left)
            if control.aborted():
                return self._ended(plan, Outcome.FAILED, "stopped on request", going, left)
            if self._ground.clock.monotonic() >= until:
                return self._ended(plan, Outcome.FAILED, "not empty by the deadline", going, left)
            await self._ground.clock.sleep(_TICK_S)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Cordoned, and no pod left that was to go."""
        found = await closed(self._ground, plan, wanted=True)
        if found.holds is not True:
            return found
        pods = await pods_on(self._ground, plan.identity["node"])
        if pods is None:
            return Verification(None, f"{found.text}; its pods cannot be seen")
        left = [full(each) for each in pods if goes(each)]
        if left:
            return Verification(False, f"{found.text}; {len(left)} pods are left: {', '.join(left[:_NAMED])}")
        return Verification(True, f"{found.text} and empty but for daemon sets")

    async def _round(self, plan: Plan, going: _Going) -> list[Json]:
        """Try whoever is due; those that are still there."""
        node, leave = cast("Json", plan.basis["node"]), cast("Leave", plan.basis["leave"])
        minor = (await self._ground.gateway.versions()).minor
        left = [each for each in await self._there(name_of(node)) if goes(each)]
        going.last = left
        going.seen |= {uid_of(each): full(each) for each in left}
        for pod in left:
            uid, now = uid_of(pod), self._ground.clock.monotonic()
            if "deletionTimestamp" in part(pod, "metadata"):
                going.held.pop(uid, None)
                going.tried.setdefault(uid, now)
                continue
            if why := leave.stays(pod):
                going.held[uid] = f"{why}; it came after the plan"
                continue
            if uid in going.denied or now - going.tried.get(uid, float("-inf")) < _AGAIN_S:
                continue
            going.tried[uid] = now
            try:
                await eviction(_namespace(pod), pod, minor).send(self._ground.gateway)
                going.held.pop(uid, None)
            except RateLimited as error:
                going.held[uid] = error.message
            except (PermissionDenied, Misconfigured, Refused) as error:  # said of this one: the others go on
                going.held[uid] = error.message
                if _ENDING not in error.message:
                    going.denied.add(uid)
                    going.tried.pop(uid)
            except (NotFound, Conflict):
                going.held.pop(uid, None)  # gone, or another one by now: the next look tells
        return left

    async def _there(self, node: str) -> tuple[Json, ...]:
        return (await self._ground.gateway.listed(pods_path(""), {"fieldSelector": f"spec.nodeName={node}"})).items

    def _ended(self, plan: Plan, outcome: Outcome, said: str, going: _Going, left: Sequence[Json]) -> RunResult:
        total = len(going.seen)
        more = f"; {len(left)} of {total} pods are left; the node stays cordoned" if left else ""
        return RunResult(outcome, f"{said}{more}", total - len(left), total, going.left(left), plan.undo)

    async def _budgets(self, leaving: Sequence[Json]) -> list[str]:
        """Those that would hold back the first of them."""
        base = (await self._ground.gateway.versions()).prefers("policy", "PodDisruptionBudget")
        if not base or not leaving:
            return []
        try:
            listed = (await self._ground.gateway.listed(path_of(base, "poddisruptionbudgets"))).items
        except CockpitError as error:
            return [f"disruption budgets cannot be seen ({error.word}); the server asks them all the same"]
        found: dict[str, None] = {}
        for pod in leaving:
            near = [each for each in listed if part(each, "metadata").get("namespace") == _namespace(pod)]
            for each in budgets_for(near, labels_of(pod)):
                if each.allowed < 1:
                    held = f"budget {_namespace(pod)}/{each.name} allows no eviction now"
                    found[f"{held} ({each.healthy} healthy, {each.wanted} wanted): it is waited for"] = None
        return list(found)

    def _by_hand(self, node: Json, within: float, leave: Leave) -> str:
        words = ["--ignore-daemonsets", f"--timeout={within:.0f}s"]
        words += ["--force"] if leave.alone else []
        words += ["--delete-emptydir-data"] if leave.scratch else []
        return self._ground.kubectl("drain", name_of(node), *words, namespace="")


def goes(pod: Json) -> bool:
    """A drain is about it: not of a daemon set, not one that the kubelet itself runs."""
    return controller_of(pod)[0] != "DaemonSet" and _MIRROR not in annotations_of(pod)


def has_scratch(pod: Json) -> bool:
    """It has emptyDir volumes, and may still use them."""
    over = part(pod, "status").get("phase") in ("Succeeded", "Failed")
    return not over and any(isinstance(each.get("emptyDir"), dict) for each in parts(pod, "spec", "volumes"))


def full(pod: Json) -> str:
    """ "shop/api-5d7"."""
    return f"{_namespace(pod)}/{name_of(pod)}"


def _namespace(pod: Json) -> str:
    return text(part(pod, "metadata").get("namespace"), 253)


def _leave(request: ActionRequest) -> Leave:
    return Leave(request.get("alone") == "yes", request.get("scratch") == "yes")


def _lost(leaving: Sequence[Json], leave: Leave) -> list[Refusal]:
    """Pods that would be lost, unless that is agreed to."""
    found: list[Refusal] = []
    alone = [full(each) for each in leaving if not controller_of(each)[0]]
    scratch = [full(each) for each in leaving if has_scratch(each)]
    for names, agreed, why, param in (
        (alone, leave.alone, "nobody makes them again", "alone"),
        (scratch, leave.scratch, "what is in their emptyDir volumes would be lost", "scratch"),
    ):
        if names and not agreed:
            found.append(Refusal("preconditions", f"{why}: {_few(names)}", f"{param}=yes ends them all the same"))
    return found


def _losses(leaving: Sequence[Json]) -> list[str]:
    alone = [full(each) for each in leaving if not controller_of(each)[0]]
    scratch = [full(each) for each in leaving if has_scratch(each)]
    found = [f"nobody makes these again: {_few(alone)}"] if alone else []
    return found + ([f"what is in emptyDir volumes is lost: {_few(scratch)}"] if scratch else [])


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _note(going: _Going, left: Sequence[Json]) -> str:
    held = next((going.held[uid_of(each)] for each in left if uid_of(each) in going.held), "")
    return f"{len(left)} left; {held}" if held else f"{len(left)} left"


def _back(request: ActionRequest, node: Json) -> Undo:
    if is_cordoned(node):
        return Undo("it was cordoned before: the pods do not come back by themselves")
    params = {"node": name_of(node), "uid": uid_of(node)}
    what = "uncordon it; pods that were evicted stay where they are now"
    return Undo(what, ActionRequest(UNCORDON.id, request.source, params))

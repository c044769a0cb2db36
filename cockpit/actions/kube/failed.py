"""Deletes the failed pods of the namespace, evicted ones among them: just those that were agreed to, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.actions.guards import raised
from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, preflight
from cockpit.actions.kube.workload import rehearse
from cockpit.adapters.kube.changing import KubeChange
from cockpit.adapters.kube.fields import controller_of, name_of, part, text, uid_of
from cockpit.adapters.kube.tending import pod_deletion, pods_path
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, Conflict, NotFound, Refused
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
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

CLEAR = ActionSpec(
    "workloads.clear_failed",
    "Clear failed pods",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Deletes the pods of the namespace that have failed or were evicted; what they logged goes with them.",
    (
        Param("only", ParamKind.CHOICE, "evicted leaves other failed pods alone", False, "all"),
        Param("pods", ParamKind.TEXT, "the pods that were agreed to", False, identity=True),
    ),
    scope=Scope.SOURCE,
    short="Clear failed",
)
_SHOWN = 20
_EACH_S = 2.0


@dataclass(frozen=True, slots=True)
class _Pinned:
    name: str
    uid: str

    @property
    def ref(self) -> str:
        return f"pod/{self.name} ({self.uid})"


class ClearFailed(KubeAction):
    """workloads.clear_failed. Those who are gone when their turn comes are skipped."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """All, or the evicted ones."""
        if param != "only":
            return ()
        return [Choice("all", "all that failed"), Choice("evicted", "evicted ones alone")]

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact pods by name and uid."""
        found = await self._failed(request.get("only"))
        pinned = _unpinned(request.get("pods")) if request.get("pods") else [_pin(each) for each in found]
        there = {uid_of(each): each for each in found}
        left = [there[each.uid] for each in pinned if each.uid in there]
        changes = [self._deletion(each) for each in pinned]
        over = len(pinned) > self._ground.limits.pods
        tier = raised(CLEAR.tier) if over else CLEAR.tier
        warnings = [f"{len(pinned)} pods are over the cap of {self._ground.limits.pods}: needs {tier.name}"] * over
        if left and len(left) < len(pinned):
            warnings.append(f"{len(pinned) - len(left)} of them are gone and will be skipped")
        if jobs := [each for each in left if controller_of(each)[0] == "Job"]:
            warnings.append(f"{len(jobs)} are of jobs: a job that still runs may start them again")
        refusals = [] if left else [_nothing(request.get("only"))]
        dry_run = ""
        if left:
            dry_run, refused = await rehearse(self._ground, self._deletion(_pin(left[0])))
            refusals += refused
        place = self._ground.gateway.place
        params = {
            "only": request.get("only") or "all",
            "pods": " ".join(f"{each.name}={each.uid}" for each in pinned),
        }
        operation = [line for each in changes[:_SHOWN] for line in each.shown(place.server).splitlines()]
        if len(changes) > _SHOWN:
            operation.append(f"and {len(changes) - _SHOWN} more of the same form, one for each pod")
        return self.card(
            ActionRequest(request.action, request.source, {key: value for key, value in params.items() if value}),
            title=f"Delete {len(pinned)} {'evicted' if request.get('only') == 'evicted' else 'failed'} pods",
            target=self._ground.named("failed pods"),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": self._ground.namespace,
                "pods": str(len(pinned)),
            },
            permission=await preflight(self._ground, (Right("delete", "pods", namespace=self._ground.namespace),)),
            undo=Undo("cannot be undone: what the pods logged and why they failed goes with them"),
            refusals=refusals,
            warnings=warnings,
            changes=(Change("failed pods", str(len(pinned)), "deleted, those that are still there"),),
            objects=tuple(each.ref for each in pinned),
            affected=f"nobody: they do not run any more ({_reasons(left)})" if left else "nobody",
            operation="\n".join(operation),
            equivalent=tuple(self._ground.kubectl("delete", "pod", each.name) for each in pinned[:_SHOWN]),
            dry_run=dry_run,
            basis={"pods": tuple(pinned)},
            tier=tier,
            deadline_s=30.0 + _EACH_S * len(pinned),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One by one; stops at the first failure and on request. Never raises CockpitError."""
        pods = plan.basis["pods"]
        if not isinstance(pods, tuple):
            raise Refused("identity", "the plan names no pods")
        total, done, skipped = len(pods), 0, 0
        details: list[str] = []
        for number, pod in enumerate(pods, 1):
            if control.aborted():
                said = f"stopped on request after {number - 1} of {total}: {done} deleted, {skipped} skipped"
                return RunResult(Outcome.FAILED, said, done, total, tuple(details))
            try:
                await self._deletion(pod).send(self._ground.gateway)
                done += 1
            except (NotFound, Conflict):
                skipped += 1
                details.append(f"pod/{pod.name}: gone, or another pod by now: left alone")
            except CockpitError as error:
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                said = f"stopped at {number} of {total}, pod/{pod.name}: {error}; {done} deleted, {skipped} skipped"
                return RunResult(outcome, said, done, total, tuple(details))
            control.progress(number, total, f"{done} deleted, {skipped} skipped")
        outcome = Outcome.SUCCEEDED if done else Outcome.REFUSED
        return RunResult(outcome, f"{done} deleted, {skipped} skipped of {total}", done, total, tuple(details))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether they are gone."""
        pods = plan.basis["pods"]
        listed = await self._ground.gateway.listed(pods_path(self._ground.namespace))
        there = {uid_of(each) for each in listed.items if "deletionTimestamp" not in part(each, "metadata")}
        left = [each.name for each in pods if each.uid in there] if isinstance(pods, tuple) else []
        if left:
            return Verification(False, f"{len(left)} are still there: {', '.join(left[:5])}")
        return Verification(True, "none of them is there any more")

    def _deletion(self, pod: _Pinned) -> KubeChange:
        return pod_deletion(self._ground.namespace, pod.name, pod.uid)

    async def _failed(self, only: str) -> list[Json]:
        listed = await self._ground.gateway.listed(
            pods_path(self._ground.namespace), {"fieldSelector": "status.phase=Failed"}
        )
        evicted = only == "evicted"
        found = [each for each in listed.items if not evicted or part(each, "status").get("reason") == "Evicted"]
        return sorted(found, key=name_of)


def _pin(pod: Json) -> _Pinned:
    return _Pinned(name_of(pod), uid_of(pod))


def _unpinned(written: str) -> list[_Pinned]:
    pairs = [each.partition("=") for each in written.split()]
    if not all(name and uid for name, _, uid in pairs):
        raise Refused("parameters", "pods is NAME=UID NAME=UID ...", hint="leave it out: the plan fills it in")
    return [_Pinned(name, uid) for name, _, uid in pairs]


def _nothing(only: str) -> Refusal:
    what = "evicted" if only == "evicted" else "failed"
    return Refusal("preconditions", f"no pod of this namespace has {what}", "nothing is to be done")


def _reasons(pods: Sequence[Json]) -> str:
    counted = Counter(text(part(each, "status").get("reason"), 60) or "failed" for each in pods)
    return ", ".join(f"{count} {reason}" for reason, count in counted.most_common(4))

"""Follows a rollout to its end: one watch on one workload, taken up again where it breaks, and a look at new pods.

When it is done is what `kubectl rollout status` says. That waits until the progress deadline for pods that crash
as soon as they start (ten minutes by default); this says so once it has seen the same pod fail twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cockpit.adapters.kube.changing import CORE, workloads_path
from cockpit.adapters.kube.containers import containers_of, trouble_of
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.errors import Expired
from cockpit.adapters.kube.fields import conditions, name_of, number, part, text, uid_of
from cockpit.adapters.kube.standing import counts_of, standing
from cockpit.adapters.kube.terms import Json
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, NotFound, RateLimited, TimedOut, Unreachable

if TYPE_CHECKING:
    from cockpit.adapters.kube.gateway import Gateway

LOOK_S = 4.0  # between two looks at the pods
AGAIN_S = 1.0  # after an answer that did not come
TICK_S = 0.5  # how soon a wish to stop is seen
_LOST = (Unreachable, TimedOut, RateLimited, Malformed)


class How(enum.Enum):
    """How following a rollout ended."""

    DONE = "done"
    FAILED = "failed"
    LATE = "not at its end by the deadline"
    LEFT = "no longer followed"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end, or where it was when nobody looked any longer."""

    how: How
    said: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a rollout stands."""

    done: int  # pods that are of the new template and available
    total: int
    said: str
    ended: How | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """Which workload, and what it was like before the change."""

    kind: str
    namespace: str
    name: str
    uid: str
    known: frozenset[str] = frozenset()  # uids of the pods that were there: their troubles are not of this change
    refused: str = ""  # what kept it from making pods before, as `refusal` says it
    scaling: bool = False  # only the number changes: pods that cannot be made are its end

    @property
    def ref(self) -> str:
        """ "deployment/api"."""
        return f"{self.kind}/{self.name}"

    @property
    def path(self) -> str:
        """Of the object."""
        return workloads_path(self.kind, self.namespace, self.name)


def step_of(obj: Json, kind: str) -> Step:
    """Judge one state of a workload."""
    counts = counts_of(obj, kind)
    state, why = standing(obj, kind, counts)
    done = min(counts.updated, counts.available)
    seen = number(part(obj, "metadata").get("generation")) <= number(part(obj, "status").get("observedGeneration"))
    if not seen:
        return Step(0, counts.desired, why)
    if state == "failed":
        return Step(done, counts.desired, why, How.FAILED)
    if text(part(obj, "spec", "updateStrategy").get("type")) == "OnDelete":
        return Step(done, counts.desired, why or "its pods are replaced once they are deleted by hand", How.DONE)
    if state == "paused" and counts.available >= counts.desired == counts.replicas:
        return Step(done, counts.desired, why, How.DONE)
    all_new = counts.updated >= counts.desired >= counts.replicas and counts.available >= counts.desired
    if state in ("ready", "stopped") or (state == "degraded" and kind == "deployment" and all_new):
        left = counts.replicas - counts.desired
        if left > 0:
            return Step(done, counts.desired, f"{left} more than wanted still {'runs' if left == 1 else 'run'}")
        return Step(done, counts.desired, why or _complete(counts.desired), How.DONE)
    return Step(done, counts.desired, why or state)


def _complete(desired: int) -> str:
    return {0: "no pod runs", 1: "its pod is available"}.get(desired, f"all {desired} pods are available")


def refusal(obj: Json) -> str:
    """Why no pod can be made (a quota, an admission rule), with the moment; "" where they can."""
    found = conditions(obj).get("ReplicaFailure", {})
    if found.get("status") != "True":
        return ""
    return f"{text(found.get('lastTransitionTime'), 40)} {text(found.get('message'))}"


class Rollout:
    """One that is followed. `tell` gets done, total and a sentence; `stopped` is the operator's wish."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        followed: Followed,
        tell: Callable[[int, int, str], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._of = followed
        self._tell = tell
        self._stopped = stopped
        self._step = Step(0, 0, "nothing has been seen of it")
        self._looked = clock.monotonic()
        self._failing: dict[str, str] = {}  # pods of the last look that were in trouble, by uid
        self._selector = ""

    async def end(self, deadline_s: float) -> Ending:
        """Until it is done, fails, `deadline_s` have passed, or somebody stops looking. Raises what no time mends."""
        until = self._clock.monotonic() + deadline_s
        while True:
            try:
                if found := await self._followed(until):
                    return found
            except Expired:
                continue
            except NotFound:
                return self._ending(How.FAILED, f"{self._of.ref} was deleted meanwhile")
            except _LOST as error:
                self._tell(self._step.done, self._step.total, f"looking again: {error.message}")
                await self._clock.sleep(AGAIN_S)
            if found := self._over(until):
                return found

    async def _followed(self, until: float) -> Ending | None:
        """One read and one watch; None where the watch came to its end."""
        obj = await self._gateway.get(self._of.path)
        if found := self._judged(obj):
            return found
        version = text(part(obj, "metadata").get("resourceVersion"), 80)
        events = self._gateway.watch(
            workloads_path(self._of.kind, self._of.namespace),
            version,
            {"fieldSelector": f"metadata.name={self._of.name}"},
        )
        waiting: asyncio.Task[dict[str, Any] | None] | None = None
        async with contextlib.aclosing(events):
            try:
                while True:
                    waiting = waiting or asyncio.create_task(_next(events))
                    await asyncio.wait({waiting}, timeout=TICK_S)
                    if waiting.done():
                        event, waiting = waiting.result(), None
                        if event is None:
                            return None
                        if found := self._event(event):
                            return found
                    if found := self._over(until) or await self._pods():
                        return found
            finally:
                if waiting is not None:
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)

    def _event(self, event: dict[str, Any]) -> Ending | None:
        obj = part(event, "object")
        if event.get("type") == "DELETED":
            return self._ending(How.FAILED, f"{self._of.ref} was deleted meanwhile")
        return self._judged(obj) if event.get("type") in ("ADDED", "MODIFIED") else None

    def _judged(self, obj: Json) -> Ending | None:
        if uid_of(obj) != self._of.uid:
            return self._ending(How.FAILED, f"{self._of.ref} was deleted and made again meanwhile")
        labels = part(obj, "spec", "selector", "matchLabels")
        self._selector = ",".join(f"{key}={value}" for key, value in labels.items())
        self._step = step_of(obj, self._of.kind)
        self._tell(self._step.done, self._step.total, self._step.said)
        if self._step.ended is not None:
            return self._ending(self._step.ended, self._step.said)
        refused = refusal(obj)
        if self._of.scaling and refused and refused != self._of.refused:
            return self._ending(How.FAILED, refused.partition(" ")[2])
        return None

    def _over(self, until: float) -> Ending | None:
        if self._stopped():
            return self._ending(How.LEFT, self._step.said)
        return self._ending(How.LATE, self._step.said) if self._clock.monotonic() >= until else None

    async def _pods(self) -> Ending | None:
        """The same new pod in trouble at two looks."""
        if self._clock.monotonic() - self._looked < LOOK_S or not self._selector:
            return None
        self._looked = self._clock.monotonic()
        path = path_of(CORE, "pods", self._of.namespace)
        try:
            found = await self._gateway.listed(path, {"labelSelector": self._selector})
        except CockpitError:
            return None  # who may not list pods follows by the counts alone
        before, self._failing = self._failing, {}
        for pod in found.items:
            trouble = trouble_of(containers_of(pod))
            ends = "deletionTimestamp" in part(pod, "metadata")
            if trouble is not None and not ends and uid_of(pod) not in self._of.known:
                self._failing[uid_of(pod)] = f"pod {name_of(pod)}: {trouble.reason}: {trouble.said}"
        lasting = [said for uid, said in self._failing.items() if uid in before]
        if not lasting:
            return None
        others = f" (and {len(lasting) - 1} more like it)" if len(lasting) > 1 else ""
        return self._ending(How.FAILED, f"{self._step.said}; {lasting[0]}{others}")

    def _ending(self, how: How, said: str) -> Ending:
        return Ending(how, said, self._step.done, self._step.total)


async def _next(events: AsyncGenerator[dict[str, Any]]) -> dict[str, Any] | None:
    return await anext(events, None)


def pods_of(items: tuple[Json, ...]) -> frozenset[str]:
    """Their uids."""
    return frozenset(uid_of(each) for each in items)

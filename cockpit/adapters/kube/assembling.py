"""The objects of a namespace put together: pods to their workloads, workloads to services, budgets and history.

What has not changed since the last time is not made again: 2,000 pods are looked over in a few milliseconds, and no
longer than a slice at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from cockpit.adapters.kube.autoscaling import autoscalers_of, budgets_for
from cockpit.adapters.kube.containers import added
from cockpit.adapters.kube.extras import quotas
from cockpit.adapters.kube.fields import controller_of, name_of, part
from cockpit.adapters.kube.history import from_controller_revision, from_replica_set, newest_first
from cockpit.adapters.kube.owners import workload_ref
from cockpit.adapters.kube.packed import Kept, mark_of
from cockpit.adapters.kube.pods import pod_of, serves, settled, with_usage
from cockpit.adapters.kube.services import (
    Behind,
    Candidate,
    behind_endpoints,
    behind_slices,
    deciding,
    endpoints_of,
    service_of,
    software_of,
)
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.standing import KINDS, workload_of
from cockpit.adapters.kube.terms import Json
from cockpit.model.severity import Severity
from cockpit.model.workloads import Headroom, LiveService, Pod, RolloutRevision, Workload, idle

T = TypeVar("T")
Objects = Mapping[str, Json]  # by uid
_NONE: Objects = {}
_AGAIN = timedelta(seconds=10)  # what time alone changes is judged anew so often
_ALIVE = ("Running", "Pending", "Unknown")
_HISTORIES = ("replicasets", "controllerrevisions")
_KEPT_FOR = 20  # entries of a history that are shown


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a namespace now. A resource that may not or cannot be listed is absent from `objects`."""

    objects: Mapping[str, Objects]  # plural -> by uid
    metrics: Objects = field(default_factory=dict)  # PodMetrics by name of the pod

    def of(self, plural: str) -> Objects:
        """By uid; none where it cannot be seen."""
        return self.objects.get(plural, _NONE)


@dataclass(frozen=True, slots=True)
class Assembled:
    """The parts of a status."""

    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    services: tuple[LiveService, ...]
    headroom: tuple[Headroom, ...]


@dataclass(slots=True)
class _Made:
    """A pod as it was judged last."""

    mark: object
    metrics: Json | None
    judged: datetime
    pod: Pod


@dataclass(frozen=True, slots=True)
class _Standing:
    """A workload by itself, and what else its history and its services need of it."""

    workload: Workload
    software: tuple[tuple[str, str, tuple[int, ...]], ...]


class Assembler:
    """Keeps what it made between two calls."""

    def __init__(self, services: Iterable[str] = ()) -> None:
        self._services = frozenset(services)
        self._pods: dict[str, _Made] = {}
        self._standing = {plural: Kept(partial(_standing, kind=kind)) for plural, kind in KINDS.items()}
        self._owners = {plural: Kept(_owner) for plural in _HISTORIES}
        self._revisions: dict[str, tuple[tuple[object, ...], RolloutRevision]] = {}
        self._behind = Kept(endpoints_of)

    async def assemble(self, held: Held, now: datetime) -> Assembled:
        """All of it, in slices."""
        pace = Pace()
        pods = await self._all_pods(held, now, pace)
        by_workload: dict[str, list[Pod]] = {}
        for pod in pods:
            by_workload.setdefault(pod.workload, []).append(pod)
        await pace.step()
        standing = {plural: await kept.of(held.of(plural), pace) for plural, kept in self._standing.items()}
        histories = await self._histories(held, standing, by_workload, pace)
        scalers = autoscalers_of(held.of("horizontalpodautoscalers").values())
        budgets = tuple(held.of("poddisruptionbudgets").values())
        candidates: list[Candidate] = []
        for each in [each for found in standing.values() for each in found.values()]:
            plain = each.workload
            own = by_workload.get(plain.ref, [])
            full = replace(
                plain,
                severity=max(plain.severity, _felt(own)),
                history=histories.get(plain.uid, ()),
                autoscaler=scalers.get(plain.ref),
                budgets=budgets_for(budgets, plain.labels),
                usage=added([pod.usage for pod in own if pod.phase in _ALIVE]),
            )
            candidates.append(Candidate(full, each.software, sum(serves(pod) for pod in own)))
            await pace.step()
        services = await self._all_services(held, candidates, pace)
        live: dict[str, list[str]] = {}
        for service in services:
            for ref in service.backs:
                live.setdefault(ref, []).append(service.name)
        workloads = [_placed(each.workload, tuple(live.get(each.workload.ref, ())), services) for each in candidates]
        return Assembled(
            tuple(sorted(workloads, key=lambda each: (each.name, each.kind))),
            tuple(sorted(pods, key=lambda each: (-each.severity, each.name))),
            services,
            quotas(held.of("resourcequotas").values()),
        )

    async def _all_pods(self, held: Held, now: datetime, pace: Pace) -> list[Pod]:
        sets, seen = held.of("replicasets"), "replicasets" in held.objects
        found: list[Pod] = []
        objects = held.of("pods")
        for uid in objects:
            mark, made = mark_of(objects, uid), self._pods.get(uid)
            if made is None or made.mark is not mark or _another(made, held, now):
                obj = objects[uid]
                plain = pod_of(obj, workload_ref(obj, sets, seen=seen), now)
                made = self._pods[uid] = _Made(mark, None, now, plain)
            metrics = held.metrics.get(made.pod.name)
            if metrics is not None and made.metrics is not metrics:
                made.metrics, made.pod = metrics, with_usage(made.pod, metrics)
            found.append(made.pod)
            await pace.step()
        _forget(self._pods, held.of("pods"))
        return found

    async def _histories(
        self,
        held: Held,
        standing: Mapping[str, Mapping[str, _Standing]],
        pods: Mapping[str, list[Pod]],
        pace: Pace,
    ) -> dict[str, tuple[RolloutRevision, ...]]:
        """By uid of the workload."""
        above = {
            uid: (plural, each.workload.ref) for plural, found in standing.items() for uid, each in found.items()
        }
        found: dict[str, list[RolloutRevision]] = {}
        kept: set[str] = set()
        for plural, owners in self._owners.items():
            for uid, owner in (await owners.of(held.of(plural), pace)).items():
                if owner not in above:
                    continue
                kept.add(uid)
                kind, ref = above[owner]
                own = pods.get(ref, []) if plural == "controllerrevisions" else []
                entry = self._revision((held.of(plural), uid), (held.of(kind), owner), own)
                found.setdefault(owner, []).append(entry)
                await pace.step()
        _forget(self._revisions, kept)
        return {owner: _one_current(newest_first(entries))[:_KEPT_FOR] for owner, entries in found.items()}

    def _revision(self, one: tuple[Objects, str], above: tuple[Objects, str], pods: list[Pod]) -> RolloutRevision:
        """`one`: the ReplicaSet or ControllerRevision, `above`: its workload."""
        marks = (mark_of(*one), mark_of(*above), tuple((pod.uid, pod.ready) for pod in pods))
        made = self._revisions.get(one[1])
        if made is None or made[0][0] is not marks[0] or made[0][1] is not marks[1] or made[0][2] != marks[2]:
            obj, template = one[0][one[1]], part(above[0][above[1]], "spec", "template")
            revised = "revision" in obj  # of a ControllerRevision alone
            entry = from_controller_revision(obj, template, pods) if revised else from_replica_set(obj, template)
            made = self._revisions[one[1]] = (marks, entry)
        return made[1]

    async def _all_services(self, held: Held, candidates: list[Candidate], pace: Pace) -> tuple[LiveService, ...]:
        behind: dict[str, Behind] | None = None
        if "endpointslices" in held.objects:
            behind = behind_slices((await self._behind.of(held.of("endpointslices"), pace)).values())
        elif "endpoints" in held.objects:
            behind = behind_endpoints(held.of("endpoints").values())
        found: list[LiveService] = []
        for obj in held.of("services").values():
            told = behind.get(name_of(obj), Behind(0, 0)) if behind is not None else None
            found.append(service_of(obj, candidates, told, named=name_of(obj) in self._services))
            await pace.step()
        return deciding(sorted(found, key=lambda each: each.name), self._services)


def _placed(workload: Workload, live_by: tuple[str, ...], services: Iterable[LiveService]) -> Workload:
    """With the services that choose it. One that nobody is served by is a warning at most."""
    placed = replace(workload, live_by=live_by)
    spared = placed.severity is Severity.CRIT and idle(placed, services)
    return replace(placed, severity=Severity.WARN) if spared else placed


def _standing(obj: Json, kind: str) -> _Standing:
    return _Standing(workload_of(obj, kind), software_of(obj))


def _owner(obj: Json) -> str:
    return controller_of(obj)[2]


def _another(made: _Made, held: Held, now: datetime) -> bool:
    """Whether something else may have to be said of it although it did not change: by time, now that its ReplicaSet
    has been seen, or now that nobody tells what it uses.
    """
    pod = made.pod
    if pod.workload.startswith("replicaset/") or (made.metrics is not None and pod.name not in held.metrics):
        return True
    return now - made.judged > _AGAIN and not settled(pod)


def _felt(pods: Iterable[Pod]) -> Severity:
    """What the pods of a workload add to its severity: one that is in trouble is a warning, whoever else serves.

    One that was evicted or failed has been replaced: it only lies there.
    """
    ill = any(pod.severity is not Severity.OK and pod.phase in _ALIVE for pod in pods)
    return Severity.WARN if ill else Severity.OK


def _one_current(found: tuple[RolloutRevision, ...]) -> tuple[RolloutRevision, ...]:
    """Of several with the template of now only the newest is the current one."""
    first = next((each for each in found if each.current), None)
    return tuple(replace(each, current=False) if each.current and each is not first else each for each in found)


def _forget(kept: dict[str, T], there: Iterable[str]) -> None:
    for uid in set(kept) - set(there):
        del kept[uid]

"""The objects of a namespace put together: pods to their workloads, workloads to services, budgets and history.

What has not changed since the last time is not made again: 2,000 pods are looked over in a few milliseconds, and no
longer than a slice at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from cockpit.adapters.kube.autoscaling import autoscalers_of, budgets_for
from cockpit.adapters.kube.containers import added
from cockpit.adapters.kube.extras import quotas
from cockpit.adapters.kube.fields import controller_of, name_of, part, uid_of
from cockpit.adapters.kube.history import from_controller_revision, from_replica_set, newest_first
from cockpit.adapters.kube.owners import workload_ref
from cockpit.adapters.kube.pods import pod_of, serves, settled, with_usage
from cockpit.adapters.kube.services import (
    Behind,
    Candidate,
    behind_endpoints,
    behind_slices,
    deciding,
    service_of,
    software_of,
)
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.standing import KINDS, workload_of
from cockpit.adapters.kube.terms import Json
from cockpit.model.severity import Severity
from cockpit.model.workloads import Headroom, LiveService, Pod, RolloutRevision, Workload

T = TypeVar("T")
Objects = Mapping[str, Json]  # by uid
_NONE: Objects = {}
_AGAIN = timedelta(seconds=10)  # what time alone changes is judged anew so often
_ALIVE = ("Running", "Pending", "Unknown")
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

    marks: tuple[object, ...]
    judged: datetime
    pod: Pod


class Assembler:
    """Keeps what it made between two calls."""

    def __init__(self, services: Iterable[str] = ()) -> None:
        self._services = frozenset(services)
        self._pods: dict[str, _Made] = {}
        self._workloads: dict[str, tuple[object, Workload]] = {}
        self._revisions: dict[str, tuple[object, RolloutRevision]] = {}

    async def assemble(self, held: Held, now: datetime) -> Assembled:
        """All of it, in slices."""
        pace = Pace()
        pods = await self._all_pods(held, now, pace)
        by_workload: dict[str, list[Pod]] = {}
        for pod in pods:
            by_workload.setdefault(pod.workload, []).append(pod)
        await pace.step()
        raw = [(kind, obj) for plural, kind in KINDS.items() for obj in held.of(plural).values()]
        histories = await self._histories(held, raw, by_workload, pace)
        scalers = autoscalers_of(held.of("horizontalpodautoscalers").values())
        budgets = tuple(held.of("poddisruptionbudgets").values())
        candidates: list[Candidate] = []
        for kind, obj in raw:
            plain = self._workload(obj, kind)
            own = by_workload.get(plain.ref, [])
            full = replace(
                plain,
                severity=max(plain.severity, _felt(own)),
                history=histories.get(plain.uid, ()),
                autoscaler=scalers.get(plain.ref),
                budgets=budgets_for(budgets, plain.labels),
                usage=added([pod.usage for pod in own if pod.phase in _ALIVE]),
            )
            candidates.append(Candidate(full, software_of(obj), sum(serves(pod) for pod in own)))
            await pace.step()
        _forget(self._workloads, {uid_of(obj) for _, obj in raw})
        services = await self._all_services(held, candidates, pace)
        live: dict[str, list[str]] = {}
        for service in services:
            for ref in service.backs:
                live.setdefault(ref, []).append(service.name)
        workloads = [replace(each.workload, live_by=tuple(live.get(each.workload.ref, ()))) for each in candidates]
        return Assembled(
            tuple(sorted(workloads, key=lambda each: (each.name, each.kind))),
            tuple(sorted(pods, key=lambda each: (-each.severity, each.name))),
            services,
            quotas(held.of("resourcequotas").values()),
        )

    async def _all_pods(self, held: Held, now: datetime, pace: Pace) -> list[Pod]:
        sets, seen = held.of("replicasets"), "replicasets" in held.objects
        found: list[Pod] = []
        for uid, obj in held.of("pods").items():
            metadata = part(obj, "metadata")
            metrics = held.metrics.get(metadata.get("name", ""))
            marks = (metadata.get("resourceVersion"), id(obj), id(metrics))
            made = self._pods.get(uid)
            if made is None or made.marks != marks or _another(made.pod, now - made.judged):
                pod = pod_of(obj, workload_ref(obj, sets, seen=seen), now)
                made = _Made(marks, now, with_usage(pod, metrics) if metrics is not None else pod)
                self._pods[uid] = made
            found.append(made.pod)
            await pace.step()
        _forget(self._pods, held.of("pods"))
        return found

    def _workload(self, obj: Json, kind: str) -> Workload:
        uid, mark = uid_of(obj), id(obj)
        made = self._workloads.get(uid)
        if made is None or made[0] != (mark, part(obj, "metadata").get("resourceVersion")):
            made = ((mark, part(obj, "metadata").get("resourceVersion")), workload_of(obj, kind))
            self._workloads[uid] = made
        return made[1]

    async def _histories(
        self, held: Held, raw: list[tuple[str, Json]], pods: Mapping[str, list[Pod]], pace: Pace
    ) -> dict[str, tuple[RolloutRevision, ...]]:
        """By uid of the workload."""
        owners = {uid_of(obj): (f"{kind}/{name_of(obj)}", obj) for kind, obj in raw}
        found: dict[str, list[RolloutRevision]] = {}
        kept: set[str] = set()
        for plural in ("replicasets", "controllerrevisions"):
            for uid, obj in held.of(plural).items():
                owner = controller_of(obj)[2]
                if owner not in owners:
                    continue
                kept.add(uid)
                ref, above = owners[owner]
                own = pods.get(ref, []) if plural == "controllerrevisions" else []
                found.setdefault(owner, []).append(self._revision(uid, obj, above, own, plural))
                await pace.step()
        _forget(self._revisions, kept)
        return {owner: _one_current(newest_first(entries))[:_KEPT_FOR] for owner, entries in found.items()}

    def _revision(self, uid: str, obj: Json, above: Json, pods: list[Pod], plural: str) -> RolloutRevision:
        template = part(above, "spec", "template")
        marks = (
            part(obj, "metadata").get("resourceVersion"),
            id(obj),
            part(above, "metadata").get("generation"),
            tuple((pod.uid, pod.ready) for pod in pods),
        )
        made = self._revisions.get(uid)
        if made is None or made[0] != marks:
            if plural == "replicasets":
                entry = from_replica_set(obj, template)
            else:
                entry = from_controller_revision(obj, template, pods)
            made = self._revisions[uid] = (marks, entry)
        return made[1]

    async def _all_services(self, held: Held, candidates: list[Candidate], pace: Pace) -> tuple[LiveService, ...]:
        behind: dict[str, Behind] | None = None
        if "endpointslices" in held.objects:
            behind = behind_slices(held.of("endpointslices").values())
        elif "endpoints" in held.objects:
            behind = behind_endpoints(held.of("endpoints").values())
        found: list[LiveService] = []
        for obj in held.of("services").values():
            told = behind.get(name_of(obj), Behind(0, 0)) if behind is not None else None
            found.append(service_of(obj, candidates, told, named=name_of(obj) in self._services))
            await pace.step()
        return deciding(sorted(found, key=lambda each: each.name), self._services)


def _another(pod: Pod, since: timedelta) -> bool:
    """Whether something else may have to be said of it although it did not change: by time, or now that its
    ReplicaSet has been seen.
    """
    return pod.workload.startswith("replicaset/") or (since > _AGAIN and not settled(pod))


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

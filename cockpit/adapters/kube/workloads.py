"""A namespace as the Revisions pane shows it: read by watches, judged every few seconds, never a made-up zero.

A resource that may not be listed is left out and named; a watch that is behind is named with its moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from cockpit.adapters.kube.assembling import Assembled, Assembler, Held
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.metering import PodMeter
from cockpit.adapters.kube.reflector import Reflector
from cockpit.adapters.kube.saying import severity_of, summary_of
from cockpit.adapters.kube.terms import Right
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, PermissionDenied, TimedOut
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.workloads import Workload, WorkloadsStatus
from cockpit.profile.kube import KubernetesSource

MAIN = ("deployments", "pods", "services", "replicasets", "statefulsets", "daemonsets")
BESIDE = (
    "endpointslices",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "resourcequotas",
    "controllerrevisions",
)
GROUPS = {
    "pods": "", "services": "", "resourcequotas": "", "endpoints": "", "endpointslices": "discovery.k8s.io",
    "horizontalpodautoscalers": "autoscaling", "poddisruptionbudgets": "policy",
}  # fmt: skip
_WITHOUT = {
    "pods": "no pod and no reason can be shown",
    "services": "what is live is not known",
    "replicasets": "the history of deployments is not known",
    "controllerrevisions": "the history of stateful sets and daemon sets is not known",
    "endpointslices": "ready pods are counted in place of endpoints",
    "horizontalpodautoscalers": "whether something scales by itself is not known",
    "poddisruptionbudgets": "which evictions are refused is not known",
    "resourcequotas": "what room is left is not known",
}
_BEHIND_S = 5.0  # a watch that begins anew is behind for a moment


class WorkloadsProbe:
    """One table of the profile. The watches belong to `kube`, which closes them."""

    def __init__(self, kube: Kube, table: KubernetesSource, clock: Clock) -> None:
        self._kube = kube
        self._table = table
        self._clock = clock
        self._watched: dict[str, Reflector] = {}
        self._assembler = Assembler(table.services)
        self._meter = PodMeter(kube, clock)

    async def close(self) -> None:
        """End what was asked for use; the watches end with their `Kube`."""
        await self._meter.close()

    async def probe(self) -> Observation:
        """What the watches hold now. Raises CockpitError where none of the workloads can be seen."""
        gateway = self._kube.gateway
        try:
            async with asyncio.timeout(self._table.timeout):
                refused = await self._read()
                version = (await gateway.versions()).server
                await self._reachable()
                await self._kube.answers()
                await self._meter.look()
        except TimeoutError:
            raise TimedOut(
                f"{self._kube.place.server} gave no list of the namespace within {self._table.timeout:g} s",
                hint="check the network, or give the table a longer timeout",
            ) from None
        now = self._clock.now()
        held = Held({name: each.items.now() for name, each in self._watched.items() if each.listed}, self._meter.pods)
        made = await self._assembler.assemble(held, now)
        shown, notes = self._chosen(made)
        place = self._kube.place
        status = WorkloadsStatus(
            context=place.context,
            server=place.server,
            user=place.user,
            namespace=place.namespace,
            version=version,
            workloads=shown,
            pods=made.pods,
            services=made.services,
            headroom=made.headroom,
            notes=(*notes, *_unseen(refused), *self._meter.notes, *place.notes),
            stale=self._stale(),
            metered=self._meter.answers,
            hidden=len(made.workloads) - len(shown),
        )
        severity = severity_of(status)
        return Observation(severity, summary_of(status), status)

    async def _read(self) -> dict[str, CockpitError]:
        """Have every resource listed once; those that cannot be. Raises where none of the workloads can."""
        for name in (*MAIN, *BESIDE):
            if name not in self._watched:
                self._watched[name] = self._kube.resource(name)
        names = list(self._watched)
        answers = await asyncio.gather(*(self._watched[name].ready() for name in names), return_exceptions=True)
        refused: dict[str, CockpitError] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, CockpitError):
                refused[name] = answer
            elif isinstance(answer, BaseException):
                raise answer
        if all(name in refused for name in ("deployments", "pods", "statefulsets", "daemonsets")):
            raise refused["deployments"]
        if (
            isinstance(refused.get("endpointslices"), NotFound | PermissionDenied)
            and "endpoints" not in self._watched
        ):
            self._watched["endpoints"] = self._kube.resource("endpoints")
        return refused

    async def _reachable(self) -> None:
        """Raises why nothing is live any more, so that old objects are not taken for the present."""
        late = self._late()
        heard = [each for each in self._watched.values() if each.listed]
        if heard and len([each for each in heard if each in late.values()]) == len(heard):
            namespace = self._kube.place.namespace
            await self._kube.gateway.get(f"/apis/apps/v1/namespaces/{namespace}/deployments", {"limit": "1"})

    def _late(self) -> Mapping[str, Reflector]:
        now = self._clock.now()
        return {
            name: each
            for name, each in self._watched.items()
            if each.listed and not each.live and (now - each.since).total_seconds() > _BEHIND_S
        }

    def _stale(self) -> tuple[str, ...]:
        return tuple(f"{name} since {each.since:%H:%M:%S}: {each.said}" for name, each in self._late().items())

    def _chosen(self, made: Assembled) -> tuple[tuple[Workload, ...], list[str]]:
        """The workloads that the profile names, in its order; all of them where it names none."""
        wanted = self._table.workloads
        if not wanted:
            return made.workloads, self._missing_services(made)
        by_ref = {each.ref: each for each in made.workloads}
        notes = [f"{ref} is in the profile, and not in the namespace" for ref in wanted if ref not in by_ref]
        return tuple(by_ref[ref] for ref in wanted if ref in by_ref), notes + self._missing_services(made)

    def _missing_services(self, made: Assembled) -> list[str]:
        there = {each.name for each in made.services}
        return [
            f"service/{name} is in the profile, and not in the namespace"
            for name in self._table.services
            if name not in there
        ]

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Where it leads, and which of the rights to read are missing, with the lines of the Role that give them."""
        try:
            place = self._kube.place
            found = [
                Diagnosis(
                    "context", True, f"{place.context}: {place.server}, namespace {place.namespace}, as {place.user}"
                )
            ]
            found.append(
                Diagnosis("server", True, (await self._kube.gateway.versions()).server or "tells no version")
            )
            wanted = [Right(verb, name, GROUPS.get(name, "apps"), namespace=place.namespace)
                      for name in (*MAIN, *BESIDE) for verb in ("list", "watch")]  # fmt: skip
            missing = await self._kube.gateway.may(wanted)
        except CockpitError as error:
            return [Diagnosis("connect", False, error.message, error.hint)]
        for name in (*MAIN, *BESIDE):
            lacks = [each.verb for each in missing if each.resource == name]
            if lacks:
                found.append(_lacking(name, lacks))
        if not missing:
            found.append(
                Diagnosis("read", True, f"list and watch of {len(MAIN) + len(BESIDE)} resources are granted")
            )
        return found + await self._meter.diagnose()


def _lacking(name: str, verbs: Sequence[str]) -> Diagnosis:
    group = GROUPS.get(name, "apps")
    rule = f'apiGroups: ["{group}"], resources: ["{name}"], verbs: ["list", "watch"]'
    lost = _WITHOUT.get(name, f"{name} are not shown")
    return Diagnosis(
        name, False if name in ("deployments", "pods") else None,
        f"{' and '.join(verbs)} of {name} is not granted: {lost}", f"add to the Role: {{{rule}}}",
    )  # fmt: skip


def _unseen(refused: Mapping[str, CockpitError]) -> list[str]:
    """What could not be listed, and what is unknown for that. An API that the cluster does not have is no news."""
    notes: list[str] = []
    for name, error in refused.items():
        if isinstance(error, NotFound):
            continue
        notes.append(f"{name} cannot be listed ({error.word}): {_WITHOUT.get(name, f'no {name} are shown')}")
    return notes

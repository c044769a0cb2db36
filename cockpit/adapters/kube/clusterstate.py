"""The cluster around a namespace, made from what the watches hold, with its judgement.

Use of nodes and pods is asked of metrics.k8s.io, which has it every 15 to 60 seconds and cannot be watched. What pods
of other namespaces ask for is listed now and then, where that is allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.events import Events
from cockpit.adapters.kube.extras import (
    Changes,
    certificate,
    configmap,
    external_secret,
    ingress,
    overdue,
    quotas,
    secret,
)
from cockpit.adapters.kube.fields import name_of, part, parts
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.nodes import asked, node_of, used_pods
from cockpit.adapters.kube.packed import Kept
from cockpit.adapters.kube.podfacts import PodFacts
from cockpit.adapters.kube.reflector import Reflector
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.terms import Json
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, PermissionDenied, Unreachable
from cockpit.model.cluster import Certificate, ClusterStatus, ExternalSecret, Node
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.model.workloads import Headroom
from cockpit.profile.kube import KubernetesSource
from cockpit.text import counted

METRICS_S = 15.0
ALL_PODS_S = 60.0
SOON_DAYS = 14
_TOP = 20
_TIGHT = 0.9
_METRICS = "/apis/metrics.k8s.io/v1beta1"
_NEEDED = ("nodes", "events")  # the rest may be missing
_OTHERS = (
    "resourcequotas",
    "configmaps",
    "ingresses",
    "secrets",
    "pods",
    "replicasets",
    "externalsecrets",
    "certificates",
)
_T = TypeVar("_T")


@dataclass(slots=True)
class _Asked:
    """An answer that is asked for now and then."""

    every_s: float
    at: float = float("-inf")
    items: tuple[Json, ...] = ()
    asked: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # of pods: what they ask of each node
    said: str = "not asked yet"  # why there is none, "" where there is


class ClusterProbe:
    """Probing, Diagnosing. Nothing is asked for before the first poll."""

    def __init__(self, kube: Kube, table: KubernetesSource, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._timeout_s = table.timeout
        self._resources: dict[str, Reflector] = {}
        self._changes = Changes()
        self._nodes_used = _Asked(METRICS_S)
        self._pods_used = _Asked(METRICS_S)
        self._all_pods = _Asked(ALL_PODS_S)
        self._pods = PodFacts()
        self._events = Events()
        self._configmaps = Kept(lambda obj: configmap(obj, self._changes, {}))
        self._secrets = Kept(secret)
        self._missing = ""  # that there is no such namespace
        self._looked = float("-inf")

    async def probe(self) -> Observation:
        """As the watches have it. Raises CockpitError while neither nodes nor events are known, or live."""
        status = await self.read()
        return judge(status, self._clock.now())

    async def read(self) -> ClusterStatus:
        """The cluster now. Raises CockpitError."""
        if not self._resources:
            self._resources = {name: self._kube.resource(name) for name in (*_NEEDED, *_OTHERS)}
        failed = await self._ready()
        first = [failed[name] for name in _NEEDED if name in failed]
        if len(first) == len(_NEEDED):
            raise first[0]
        live = [name for name in _NEEDED if self._resources[name].live]
        if not live:
            lost = self._resources[_NEEDED[0]]
            raise self._lost(lost)
        await asyncio.gather(self._metrics(), self._everywhere(), self._namespace())
        return await self._status(failed)

    async def close(self) -> None:
        """The cluster's connections are closed by whoever shares them."""
        self._resources = {}

    async def diagnose(self) -> Sequence[Diagnosis]:
        """What can be read of the cluster, one line for each resource that cannot."""
        try:
            status = await self.read()
        except CockpitError as error:
            return (Diagnosis("cluster", False, error.message, error.hint),)
        found = [
            Diagnosis(
                "cluster", True, f"context {status.context}, {status.version}, {counted(len(status.nodes), 'node')}"
            )
        ]
        found += [Diagnosis("reading", None, note) for note in status.notes]
        if status.metrics:
            found.append(Diagnosis("metrics", None, status.metrics))
        return tuple(found)

    # Inside

    async def _ready(self) -> dict[str, CockpitError]:
        """Wait for the first list of each; why there is none of some."""
        names = list(self._resources)
        answers = await asyncio.gather(*(self._resources[name].ready() for name in names), return_exceptions=True)
        found: dict[str, CockpitError] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, CockpitError):
                found[name] = answer
            elif isinstance(answer, BaseException):
                raise answer
        return found

    def _lost(self, reflector: Reflector) -> CockpitError:
        since = f"{reflector.since:%H:%M:%S}"
        return Unreachable(f"{reflector.said} (since {since} UTC)", hint="what is shown below is from before that")

    async def _metrics(self) -> None:
        await asyncio.gather(
            self._ask(self._nodes_used, f"{_METRICS}/nodes", "use of nodes"),
            self._ask(self._pods_used, f"{_METRICS}/namespaces/{self._kube.place.namespace}/pods", "use of pods"),
        )

    async def _everywhere(self) -> None:
        query = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
        held, before = self._all_pods, self._all_pods.at
        await self._ask(held, "/api/v1/pods", "pods of all namespaces", query)
        if held.at != before:
            held.asked, held.items = await asked(held.items), ()  # the sums are all that is kept of them

    async def _namespace(self) -> None:
        """An empty list says the same of a namespace that is empty and of one that does not exist."""
        now = self._clock.monotonic()
        if now < self._looked + METRICS_S:
            return
        self._looked, self._missing = now, ""
        place = self._kube.place
        try:
            await self._kube.gateway.get(path_of("/api/v1", "namespaces", name=place.namespace))
        except NotFound:
            self._missing = f"there is no namespace {place.namespace} in {place.context}"
        except PermissionDenied:
            return  # whether it exists is not for this user to know
        except CockpitError as error:
            self._missing = f"whether namespace {place.namespace} exists is not known: {error.message}"

    async def _ask(self, held: _Asked, path: str, what: str, query: Mapping[str, str] | None = None) -> None:
        now = self._clock.monotonic()
        if now < held.at + held.every_s:
            return
        held.at = now
        try:
            held.items = (await self._kube.gateway.listed(path, query or {}, _thin)).items
        except NotFound:
            held.items, held.said = (), f"{what}: not available, this cluster serves no metrics.k8s.io"
        except PermissionDenied as error:
            held.items, held.said = (), f"{what}: not shown, {error.message}"
        except CockpitError as error:
            held.items, held.said = (), f"{what}: not known, {error.message}"
        else:
            held.said = ""

    async def _status(self, failed: Mapping[str, CockpitError]) -> ClusterStatus:
        place, now = self._kube.place, self._clock.now()
        used = {name_of(each): each for each in self._nodes_used.items}
        wanted = self._all_pods.asked if not self._all_pods.said else None
        pace = Pace()
        nodes: list[Node] = []
        for each in self._of("nodes", failed).values():
            nodes.append(node_of(each, used, wanted, now))
            await pace.step()
        await self._pods.look(self._of("replicasets", failed), self._of("pods", failed))
        readers = self._pods.readers()
        await pace.step()
        secrets = (await self._secrets.of(self._of("secrets", failed), pace)).values()
        configmaps = (await self._configmaps.of(self._of("configmaps", failed), pace)).values()
        status = ClusterStatus(
            context=place.context,
            server=place.server,
            user=place.user,
            namespace=place.namespace,
            version=(await self._kube.gateway.versions()).server,
            nodes=tuple(sorted(nodes, key=lambda node: (-node.severity, node.name))),
            events=await self._events.grouped(self._of("events", failed), self._pods.owners),
            headroom=quotas(self._of("resourcequotas", failed).values()),
            top_pods=self._pods.top(used_pods(self._pods_used.items), _TOP),
            external_secrets=self._optional("externalsecrets", failed, external_secret),
            secrets=tuple(sorted(secrets, key=lambda each: each.name)),
            configmaps=tuple(replace(each, readers=readers.get(each.name, ())) for each in configmaps),
            ingresses=tuple(map(ingress, self._of("ingresses", failed).values())),
            certificates=self._optional("certificates", failed, certificate),
            metrics=self._nodes_used.said,
            notes=self._notes(failed),
            stale=tuple(
                f"{name} as of {each.since:%H:%M:%S} UTC: {each.said}"
                for name, each in self._resources.items()
                if name not in failed and not each.live
            ),
        )
        self._changes.keep(each.uid for each in status.configmaps)
        return status

    def _of(self, name: str, failed: Mapping[str, CockpitError]) -> Mapping[str, Json]:
        return {} if name in failed else self._resources[name].items.now()

    def _optional(
        self, name: str, failed: Mapping[str, CockpitError], make: Callable[[Json], _T]
    ) -> tuple[_T, ...] | None:
        return None if name in failed else tuple(make(each) for each in self._resources[name].items.values())

    def _notes(self, failed: Mapping[str, CockpitError]) -> tuple[str, ...]:
        absent = ("externalsecrets", "certificates", "ingresses")
        told = [
            f"{name}: {error.message}"
            for name, error in failed.items()
            if not (isinstance(error, NotFound) and name in absent)
        ]
        if self._all_pods.said:
            told.append(f"what pods ask of the nodes is not known: {self._all_pods.said}")
        return (self._missing, *told) if self._missing else tuple(told)


def _thin(item: Json) -> Json:
    """Only what the sums need of a pod of another namespace; use and name of metrics."""
    if "containers" in item or "usage" in item:
        return item
    spec = part(item, "spec")
    slim = {key: spec[key] for key in ("nodeName", "containers", "initContainers") if key in spec}
    for key in ("containers", "initContainers"):
        if key in slim:
            slim[key] = [{"resources": part(each, "resources")} for each in parts(slim, key)]
    return {"spec": slim, "status": {"phase": part(item, "status").get("phase")}}


def judge(status: ClusterStatus, now: datetime) -> Observation:
    """CRIT for a node that is not ready; WARN for pressure, a full quota, a secret that is not synced, a certificate
    that ends soon; what cannot be seen is said and no more than UNKNOWN where it is behind.
    """
    words: list[tuple[Severity, str]] = []
    words += _node_words(status.nodes)
    words += _quota_words(status.headroom)
    words += _secret_words(status.external_secrets or (), now)
    words += _certificate_words(status.certificates or (), now)
    if missing := next((note for note in status.notes if note.startswith("there is no namespace")), ""):
        words.append((Severity.UNKNOWN, missing))
    if status.stale:
        words.append((Severity.UNKNOWN, f"{status.stale[0].partition(' ')[0]} not live"))
    severity = max((each for each, _ in words), default=Severity.OK)
    if not words:
        unseen = not status.nodes and any(note.startswith("nodes: ") for note in status.notes)
        return Observation(
            Severity.OK, "nodes cannot be listed" if unseen else f"{counted(len(status.nodes), 'node')} ready", status
        )
    words.sort(key=lambda each: -each[0])
    return Observation(severity, ", ".join(said for _, said in words[:3]), status)


def _node_words(nodes: Sequence[Node]) -> Iterable[tuple[Severity, str]]:
    down = [node for node in nodes if not node.ready]
    pressed = [node for node in nodes if node.ready and node.pressures]
    cordoned = [node for node in nodes if node.ready and node.cordoned]
    if down:
        which = down[0].name if len(down) == 1 else f"{len(down)} of {len(nodes)} nodes"
        yield Severity.CRIT, f"{which} not ready"
    for found, what in ((pressed, "under pressure"), (cordoned, "cordoned")):
        if found:
            yield Severity.WARN, f"{found[0].name if len(found) == 1 else len(found)} {what}"


def _quota_words(headroom: Sequence[Headroom]) -> Iterable[tuple[Severity, str]]:
    full = [each for each in headroom if each.share >= _TIGHT]
    if full:
        yield Severity.WARN, f"quota of {full[0].resource} {full[0].used}/{full[0].hard}"


def _secret_words(secrets: Sequence[ExternalSecret], now: datetime) -> Iterable[tuple[Severity, str]]:
    bad = [each for each in secrets if not each.synced]
    late = [each for each in secrets if each.synced and overdue(each, now)]
    if bad:
        yield Severity.WARN, f"{bad[0].name} not synced" if len(bad) == 1 else f"{len(bad)} secrets not synced"
    if late:
        yield Severity.WARN, f"{late[0].name} not refreshed in time"


def _certificate_words(certificates: Sequence[Certificate], now: datetime) -> Iterable[tuple[Severity, str]]:
    for each in certificates:
        left = (each.expires - now).total_seconds() if each.expires is not None else None
        if left is not None and left <= 0:
            yield Severity.CRIT, f"certificate {each.name} expired"
        elif not each.ready:
            yield Severity.WARN, f"certificate {each.name} not ready"
        elif left is not None and left < SOON_DAYS * 86400:
            yield Severity.WARN, f"certificate {each.name} ends in {int(left // 86400)} d"

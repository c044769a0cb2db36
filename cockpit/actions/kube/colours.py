"""Which workload a service's selector makes live, which it could, and what stands ready behind either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.actions.kube.around import services_of
from cockpit.actions.kube.ground import KubeGround
from cockpit.adapters.kube.changing import CORE, WORKLOADS, workloads_path
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import labels, name_of, number, part, parts, text, uid_of
from cockpit.adapters.kube.pods import pod_of, serves
from cockpit.adapters.kube.services import Candidate, chooses, service_of, software_of
from cockpit.adapters.kube.standing import workload_of
from cockpit.adapters.kube.terms import Json
from cockpit.errors import PermissionDenied, Refused
from cockpit.model.action import Refusal
from cockpit.model.workloads import LiveService


@dataclass(frozen=True, slots=True)
class Aim:
    """What a service should choose, and what is ready of it. `selector` is the old one where a refusal says why."""

    selector: Mapping[str, str]
    to: str  # the workloads that it would choose
    now: str  # those that it chooses
    ready: int
    ready_now: int
    uid: str = ""  # of the workload that was named
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()


class Colours:
    """Workloads, pods and services of the namespace at one moment."""

    def __init__(self, ground: KubeGround, workloads: Sequence[tuple[str, Json]], pods: Sequence[Json]) -> None:
        self._ground = ground
        self._workloads = dict(workloads)
        self._pods = tuple(pods)
        self.split: tuple[LiveService, ...] = ()

    @classmethod
    async def seen(cls, ground: KubeGround) -> Colours:
        """Read them. Raises CockpitError."""
        found: list[tuple[str, Json]] = []
        for kind in WORKLOADS:
            try:
                listed = await ground.gateway.listed(workloads_path(kind, ground.namespace))
            except PermissionDenied:
                if kind == "deployment":
                    raise
                continue  # who may not see daemon sets may still switch between deployments
            found += [(f"{kind}/{name_of(each)}", each) for each in listed.items]
        pods = (await ground.gateway.listed(path_of(CORE, "pods", ground.namespace))).items
        colours = cls(ground, found, pods)
        services = [colours._service(each) for each in await services_of(ground)]
        colours.split = tuple(each for each in services if each.split)
        return colours

    def _service(self, obj: Json) -> LiveService:
        candidates = [
            Candidate(
                workload_of(each, ref.partition("/")[0]),
                software_of(each),
                number(part(each, "status").get("readyReplicas") or part(each, "status").get("numberReady")),
            )
            for ref, each in self._workloads.items()
        ]
        named = name_of(obj) in self._ground.table.services
        return service_of(obj, candidates, None, named=named)

    def aim(self, obj: Json, workload: str, given: Mapping[str, str | None], uid: str) -> Aim:
        """What the service `obj` would choose for this workload, or with these labels (None takes one away)."""
        selector = labels(part(obj, "spec").get("selector"))
        now, ready_now = self.behind(selector)
        if not selector:
            reason = f"service/{name_of(obj)} has no selector: its endpoints are made by something else"
            return Aim(selector, "nothing", now, 0, ready_now, refusals=(_no(reason, "change it there"),))
        if not (workload or given):
            found = [each.workload for each in self._service(obj).colours if not each.live]
            if len(found) != 1:
                hint = f"name the workload: {', '.join(found) or 'it has one colour only'}"
                said = "which colour is meant cannot be told"
                return Aim(selector, "another colour", now, 0, ready_now, refusals=(_no(said, hint),))
            workload = found[0]
        wanted, refusals = self._wanted(obj, selector, workload, given, uid)
        own = str(uid_of(self._workloads.get(workload, {})))
        if refusals:
            return Aim(selector, workload or "those labels", now, 0, ready_now, own, tuple(refusals))
        to, ready = self.behind(wanted)
        return Aim(
            wanted,
            to,
            now,
            ready,
            ready_now,
            own,
            tuple(self._unready(obj, selector, wanted, to, ready)),
            tuple(self._warnings(workload, wanted, to, (ready, ready_now))),
        )

    def _wanted(
        self, obj: Json, selector: Mapping[str, str], workload: str, given: Mapping[str, str | None], uid: str
    ) -> tuple[dict[str, str], list[Refusal]]:
        if given:
            merged = {**selector, **given}
            return {key: value for key, value in merged.items() if value is not None}, []
        found = self._workloads.get(workload)
        if found is None:
            return {}, [_no(f"there is no {workload} in {self._ground.namespace}", "check its name")]
        if uid not in ("", uid_of(found)):
            reason = f"{workload} was deleted and made again"
            return {}, [Refusal("identity", reason, "look at it before acting")]
        own = labels(part(found, "spec", "template", "metadata").get("labels"))
        missing = [key for key in selector if key not in own]
        if missing:
            reason = f"the pods of {workload} have no label {' and '.join(missing)}, by which the service chooses"
            return {}, [_no(reason, "it cannot be live behind this service")]
        telling = next((each.labels for each in self._service(obj).colours if each.workload == workload), {})
        return {**{key: own[key] for key in selector}, **telling}, []

    def behind(self, selector: Mapping[str, str]) -> tuple[str, int]:
        """The workloads whose pods a selector chooses, and how many pods are ready."""
        names = [
            ref
            for ref, each in self._workloads.items()
            if chooses(selector, labels(part(each, "spec", "template", "metadata").get("labels")))
        ]
        return ", ".join(names) or "nothing", len(self.ready(selector))

    def ready(self, selector: Mapping[str, str]) -> list[Json]:
        """The pods that would be endpoints."""
        return _ready(self._ground, self._pods, selector)

    def _unready(
        self, obj: Json, selector: Mapping[str, str], wanted: Mapping[str, str], to: str, ready: int
    ) -> list[Refusal]:
        if dict(wanted) == dict(selector):
            return [_no(f"{to} is live already", "nothing has to be done")]
        if not wanted:
            return [_no("a service without a selector chooses nothing", "name the labels of a workload")]
        if not ready:
            reason = f"no pod of {to} is ready: the service would have no endpoint, and nobody would be served"
            return [_no(reason, "wait until its pods are ready, or look at why they are not")]
        names = {text(each.get("targetPort")) for each in parts(obj, "spec", "ports")} - {""}
        pods = self.ready(wanted)
        there = {
            text(port.get("name"))
            for pod in pods
            for container in parts(pod, "spec", "containers")
            for port in parts(container, "ports")
        }
        absent = sorted(names - there)
        if absent:
            reason = f"the pods of {to} have no port named {' or '.join(absent)}, to which the service sends"
            return [_no(reason, "nobody would be served: name the port in its template")]
        return []

    def _warnings(self, workload: str, wanted: Mapping[str, str], to: str, ready: tuple[int, int]) -> list[str]:
        found: list[str] = []
        if ready[0] < ready[1]:
            found.append(f"fewer pods than now: {ready[0]} ready in place of {ready[1]}")
        if "," in to:
            found.append(f"this chooses pods of several workloads: {to}")
        if to == "nothing" and ready[0]:
            found.append("the pods that this chooses belong to no workload here")
        return found

    @staticmethod
    async def chosen(ground: KubeGround, selector: Mapping[str, str]) -> list[Json]:
        """The pods, ready or not, that a selector chooses now."""
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
        return list((await ground.gateway.listed(path_of(CORE, "pods", ground.namespace), query)).items)

    @staticmethod
    async def endpoints(ground: KubeGround, service: str) -> frozenset[str]:
        """uids of the pods that are ready endpoints of the service now."""
        base = (await ground.gateway.versions()).prefers("discovery.k8s.io", "EndpointSlice")
        if base:
            chosen = {"labelSelector": f"kubernetes.io/service-name={service}"}
            slices = (await ground.gateway.listed(path_of(base, "endpointslices", ground.namespace), chosen)).items
            return frozenset(
                text(part(each, "targetRef").get("uid"), 64) or str(each.get("addresses"))
                for one in slices
                for each in parts(one, "endpoints")
                if part(each, "conditions").get("ready") is not False
            )
        obj = await ground.gateway.get(path_of(CORE, "endpoints", ground.namespace, service))
        return frozenset(
            text(part(each, "targetRef").get("uid"), 64) or text(each.get("ip"))
            for subset in parts(obj, "subsets")
            for each in parts(subset, "addresses")
        )


def _ready(ground: KubeGround, pods: Sequence[Json], selector: Mapping[str, str]) -> list[Json]:
    now = ground.clock.now()
    chosen = [pod for pod in pods if chooses(selector, labels(part(pod, "metadata").get("labels")))]
    return [pod for pod in chosen if serves(pod_of(pod, "", now))]


def _no(reason: str, hint: str) -> Refusal:
    return Refusal("preconditions", reason, hint)


def labels_of_text(given: str) -> dict[str, str | None]:
    """ "version=green,track-": labels to set, and with a trailing - to take away. Raises Refused."""
    found: dict[str, str | None] = {}
    for each in filter(None, (one.strip() for one in given.split(","))):
        key, equals, value = each.partition("=")
        if equals and key:
            found[key] = value
        elif not equals and key.endswith("-") and len(key) > 1:
            found[key[:-1]] = None
        else:
            raise Refused("parameters", f"{each!r} is no label", hint='labels are like "version=green", or "track-"')
    return found


def text_of_labels(given: Mapping[str, str | None]) -> str:
    """The reverse."""
    return ",".join(f"{key}-" if value is None else f"{key}={value}" for key, value in given.items())

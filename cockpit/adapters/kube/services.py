"""Services: what their selector chooses, what it could choose instead, and the endpoints behind it.

No colour is known by name. Two workloads are colours of a service where its selector chooses one (or both) of them
and would choose the other with other values for the same labels, and both run the same software: the same containers
of the same images, listening on the same ports.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cockpit.adapters.kube.fields import labels, name_of, number, part, parts, text, uid_of
from cockpit.adapters.kube.history import split_image
from cockpit.adapters.kube.terms import Json
from cockpit.model.workloads import Colour, LiveService, Workload

_SERVICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Behind:
    """Endpoints of a service."""

    ready: int
    not_ready: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A workload with what tells whether it runs the same as another."""

    workload: Workload
    software: tuple[tuple[str, str, tuple[int, ...]], ...]  # container, image's name, ports
    ready: int  # pods that would serve


def software_of(obj: Json) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """What the pods of a workload run, whatever its version and registry."""
    found = []
    for each in parts(obj, "spec", "template", "spec", "containers"):
        image = split_image(text(each.get("image"), 500))[0].rpartition("/")[2]
        ports = tuple(sorted(number(port.get("containerPort")) for port in parts(each, "ports")))
        found.append((text(each.get("name"), 253), image, ports))
    return tuple(sorted(found))


def endpoints_of(each: Json) -> tuple[str, dict[str, bool]]:
    """Of one EndpointSlice: its service, and whether each pod is ready."""
    held: dict[str, bool] = {}
    for endpoint in parts(each, "endpoints"):
        told = part(endpoint, "conditions")
        ready = told.get("ready") is not False  # unset means ready
        if not ready and told.get("terminating") is True:
            continue
        addresses = endpoint.get("addresses")
        address = addresses[0] if isinstance(addresses, list) and addresses else ""
        key = text(part(endpoint, "targetRef").get("uid"), 64) or text(address, 100)
        held[key] = held.get(key, True) and ready
    return text(part(each, "metadata", "labels").get(_SERVICE), 253), held


def behind_slices(slices: Iterable[tuple[str, Mapping[str, bool]]]) -> dict[str, Behind]:
    """Service -> its endpoints, from what `endpoints_of` tells; a pod with two addresses counts once."""
    seen: dict[str, dict[str, bool]] = {}
    for service, told in slices:
        held = seen.setdefault(service, {})
        for key, ready in told.items():
            held[key] = held.get(key, True) and ready
    return {
        name: Behind(sum(found.values()), len(found) - sum(found.values())) for name, found in seen.items() if name
    }


def behind_endpoints(objects: Iterable[Json]) -> dict[str, Behind]:
    """The same from Endpoints, of a server that has no slices."""
    found: dict[str, Behind] = {}
    for each in objects:
        ready: set[str] = set()
        late: set[str] = set()
        for subset in parts(each, "subsets"):
            ready |= {text(address.get("ip"), 100) for address in parts(subset, "addresses")}
            late |= {text(address.get("ip"), 100) for address in parts(subset, "notReadyAddresses")}
        found[name_of(each)] = Behind(len(ready), len(late - ready))
    return found


def chooses(selector: Mapping[str, str], pods: Mapping[str, str]) -> bool:
    """A service's selector: every label has to be as it says. Without any it chooses nothing."""
    return bool(selector) and all(pods.get(key) == value for key, value in selector.items())


def service_of(obj: Json, candidates: Sequence[Candidate], behind: Behind | None, *, named: bool) -> LiveService:
    """One service. `named` by the profile: then workloads are its colours also where they run something else.

    Without `behind` (its endpoints cannot be seen) the ready pods of what it chooses are counted.
    """
    selector = labels(part(obj, "spec").get("selector"))
    live = [each for each in candidates if chooses(selector, each.workload.labels)]
    if behind is None:
        behind = Behind(sum(each.ready for each in live), 0)
    return LiveService(
        name=name_of(obj),
        uid=uid_of(obj),
        selector=selector,
        ready=behind.ready,
        not_ready=behind.not_ready,
        backs=tuple(each.workload.ref for each in live),
        colours=_colours(selector, live, candidates, named=named),
        ports=tuple(_port(each) for each in parts(obj, "spec", "ports")),
    )


def deciding(services: Sequence[LiveService], named: Container[str]) -> tuple[LiveService, ...]:
    """Of several services over the same colours, those that decide what is live keep them; doors to one do not.

    Those that the profile names decide; else none whose own name has the colour in it ("api-green"), and of the
    others the one with the shortest name and those that agree with it.
    """
    groups: dict[frozenset[str], list[LiveService]] = {}
    for each in services:
        groups.setdefault(frozenset(colour.workload for colour in each.colours), []).append(each)
    deciders: set[str] = set()
    for group in groups.values():
        by_profile = [each for each in group if each.name in named]
        free = [each for each in group if not _is_door(each)] or group
        main = min(free, key=lambda each: (len(each.name), each.name))
        chosen = by_profile or [each for each in free if each.backs == main.backs]
        deciders |= {each.name for each in chosen}
    return tuple(each if each.name in deciders else replace(each, colours=()) for each in services)


def _is_door(service: LiveService) -> bool:
    """Its name has what tells the colour that it chooses, so it is not meant to choose another."""
    words = set(service.name.split("-"))
    return any(words & set(colour.labels.values()) for colour in service.colours if colour.live)


def _port(port: Json) -> str:
    return f"{number(port.get('port'))}/{text(port.get('protocol'), 20) or 'TCP'}"


def _colours(
    selector: Mapping[str, str], live: Sequence[Candidate], candidates: Sequence[Candidate], *, named: bool
) -> tuple[Colour, ...]:
    """Those that it chooses, and those that it could; none where there is no choice."""
    kinds = {each.software for each in live}
    others = [each for each in candidates if each not in live and _could(selector, each, live, named=named)]
    if not live:  # nobody is chosen: those of one software are its colours
        kinds = {each.software for each in others}
        others = others if len(kinds) == 1 or named else []
    elif not named:
        others = [each for each in others if each.software in kinds]
        live = live if len(kinds) == 1 else ()
    both = [*live, *others]
    if len(both) < 2:
        return ()
    tells = _telling([each.workload.labels for each in both], selector)
    chosen = {each.workload.ref for each in live}
    return tuple(
        Colour(
            each.workload.ref,
            {key: each.workload.labels[key] for key in tells if key in each.workload.labels},
            each.ready,
            each.workload.ref in chosen,
        )
        for each in sorted(both, key=lambda each: each.workload.name)
    )


def _could(selector: Mapping[str, str], each: Candidate, live: Sequence[Candidate], *, named: bool) -> bool:
    """It has all labels that the selector speaks of, and one of them at least as the selector says.

    A selector of one label alone has none to spare: then what is live must have other labels in common with it.
    """
    own = each.workload.labels
    if not selector or any(key not in own for key in selector):
        return False
    if len(selector) > 1:
        return any(own[key] == value for key, value in selector.items())
    if named:
        return True
    shared = [set(own.items()) & set(other.workload.labels.items()) for other in live]
    return any(shared) or any(each.software == other.software and each.software for other in live)


def _telling(held: Sequence[Mapping[str, str]], selector: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that differ: of those that the selector has, else (it chooses all of them) of any."""
    shared = set.intersection(*(set(each) for each in held))
    differ = [key for key in sorted(shared) if len({each[key] for each in held}) > 1]
    return tuple(key for key in differ if key in selector) or tuple(differ)

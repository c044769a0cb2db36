"""Which pods a log source means, newest first, from what the watches hold."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from cockpit.adapters.kube.fields import controller_of, created_of, labels_of, name_of
from cockpit.adapters.kube.terms import Json
from cockpit.errors import Misconfigured
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.adapters.kube.kube import Kube
    from cockpit.adapters.kube.reflector import Reflector

_CLAUSE = re.compile(
    r"\s*(?:(?P<absent>!)?\s*(?P<bare>[\w./-]+)"
    r"|(?P<key>[\w./-]+)\s*(?P<sign>==?|!=)\s*(?P<value>[\w.-]*)"
    r"|(?P<among>[\w./-]+)\s+(?P<word>in|notin)\s*\((?P<values>[\w.,\s-]*)\))\s*"
)


class Wanted(Protocol):
    """What says which pods: a log source of the profile, or a question."""

    @property
    def workload(self) -> str | None:
        """ "deployment/api"."""

    @property
    def selector(self) -> str:
        """A label selector, "" for none."""


def what_of(wanted: Wanted) -> str:
    """In words."""
    if wanted.workload:
        return wanted.workload
    return f"pods with {clean(wanted.selector, 200)}" if wanted.selector.strip() else "all pods"


class Watched:
    """The pods that are wanted, as the watches of the cluster hold them; `close` lets go of those."""

    def __init__(self, kube: Kube, wanted: Wanted) -> None:
        self._kube = kube
        self._wanted = wanted
        self._held: dict[str, Reflector] = {}

    async def pods(self) -> list[Json]:
        """Newest first. Raises Misconfigured for a selector that is none, CockpitError while pods are not known."""
        wanted = self._wanted
        names = ["pods", "replicasets"] if wanted.workload and wanted.workload.startswith("deployment/") else ["pods"]
        for name in names:
            if name not in self._held:
                self._held[name] = self._kube.resource(name)
        await asyncio.gather(*(each.ready() for each in self._held.values()))
        found = list(self._held["pods"].items.values())
        if wanted.workload:
            sets = self._held["replicasets"].items.values() if "replicasets" in self._held else ()
            owners = {name_of(each): controller_of(each)[:2] for each in sets}
            found = [pod for pod in found if owned(pod, owners) == wanted.workload]
        elif wanted.selector.strip():
            chosen = matcher(wanted.selector)
            found = [pod for pod in found if chosen(labels_of(pod))]
        return sorted(found, key=created_of, reverse=True)

    async def close(self) -> None:
        """Safe to call twice."""
        held, self._held = self._held, {}
        for name in held:
            await self._kube.release(name)


def owned(pod: Json, owners: Mapping[str, tuple[str, str]]) -> str:
    """The workload of a pod; `owners`: name of a ReplicaSet -> kind and name of what owns it."""
    kind, name, _ = controller_of(pod)
    if kind == "ReplicaSet":
        kind, name = owners.get(name, ("ReplicaSet", name))
    return f"{kind.casefold()}/{name}" if name else ""


class Chosen(Protocol):
    """Whether labels fit."""

    def __call__(self, labels: Mapping[str, str]) -> bool:
        """Of one object."""


def matcher(selector: str) -> Chosen:
    """Of https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/. Raises Misconfigured."""
    rules: list[tuple[str, str, frozenset[str]]] = []
    for clause in re.split(r",(?![^()]*\))", selector):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise Misconfigured(
                f"the label selector {clean(selector, 200)!r} cannot be read",
                hint='write it as kubectl takes it: "app=api,tier!=batch,stage in (a,b)"',
            )
        if match["bare"]:
            rules.append((match["bare"], "absent" if match["absent"] else "there", frozenset()))
        elif match["key"]:
            rules.append((match["key"], "notin" if match["sign"] == "!=" else "in", frozenset([match["value"]])))
        else:
            rules.append((match["among"], match["word"], frozenset(re.split(r"\s*,\s*", match["values"].strip()))))

    def fits(labels: Mapping[str, str]) -> bool:
        for key, sign, values in rules:
            if sign in ("there", "absent"):
                if (key in labels) is (sign == "absent"):
                    return False
            elif (labels.get(key) in values) is (sign == "notin"):
                return False
        return True

    return fits

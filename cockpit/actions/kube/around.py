"""What stands around a workload and decides what a change comes to: autoscaler, budgets, quotas, services, owner.

What may not be seen is said, and never taken for absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cockpit.actions.kube.ground import KubeGround
from cockpit.adapters.kube.autoscaling import autoscalers_of, budgets_for
from cockpit.adapters.kube.changing import CORE, services_path
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import labels, name_of, part, parts, quantity, text
from cockpit.adapters.kube.owners import owner_of
from cockpit.adapters.kube.services import chooses
from cockpit.adapters.kube.terms import Json
from cockpit.errors import CockpitError, NotFound, PermissionDenied
from cockpit.model.workloads import Autoscaler, Budget

_ALIKE = {"requests.cpu": "cpu", "requests.memory": "memory"}  # two names of one quota


@dataclass(frozen=True, slots=True)
class Around:
    """As it was at the moment of planning."""

    autoscaler: Autoscaler | None = None
    budgets: tuple[Budget, ...] = ()
    quotas: tuple[Json, ...] = ()
    services: tuple[Json, ...] = ()  # that choose its pods
    notes: tuple[str, ...] = ()  # what could not be seen

    @property
    def serves(self) -> str:
        """The services by name, "" for none."""
        return ", ".join(f"service/{name_of(each)}" for each in self.services)


@dataclass(slots=True)
class _Looking:
    ground: KubeGround
    notes: list[str] = field(default_factory=list)

    async def at(self, what: str, call: Callable[[], Awaitable[tuple[Json, ...]]]) -> tuple[Json, ...]:
        try:
            return await call()
        except NotFound:
            return ()  # this cluster does not have that API
        except PermissionDenied as error:
            right = f" (missing: {error.missing})" if error.missing else ""
            self.notes.append(f"{what} cannot be seen{right}: whether one matters here is not known")
        except CockpitError as error:
            self.notes.append(f"{what} cannot be seen: {error.message}")
        return ()

    async def core(self, plural: str) -> tuple[Json, ...]:
        listed = await self.ground.gateway.listed(path_of(CORE, plural, self.ground.namespace))
        return listed.items

    async def grouped(self, group: str, kind: str, plural: str) -> tuple[Json, ...]:
        base = (await self.ground.gateway.versions()).prefers(group, kind)
        if not base:
            return ()
        return (await self.ground.gateway.listed(path_of(base, plural, self.ground.namespace))).items


async def around(ground: KubeGround, ref: str, obj: Json) -> Around:
    """Everything at once. Raises nothing: what fails becomes a note."""
    looking = _Looking(ground)
    scalers, budgets, quotas, services = await asyncio.gather(
        looking.at(
            "autoscalers",
            lambda: looking.grouped("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
        ),
        looking.at(
            "disruption budgets", lambda: looking.grouped("policy", "PodDisruptionBudget", "poddisruptionbudgets")
        ),
        looking.at("quotas", lambda: looking.core("resourcequotas")),
        looking.at("services", lambda: looking.core("services")),
    )
    own = labels(part(obj, "spec", "template", "metadata").get("labels"))
    return Around(
        autoscalers_of(scalers).get(ref),
        budgets_for(budgets, own),
        quotas,
        tuple(each for each in services if chooses(labels(part(each, "spec").get("selector")), own)),
        tuple(sorted(looking.notes)),
    )


async def services_of(ground: KubeGround) -> tuple[Json, ...]:
    """All of the namespace. Raises CockpitError."""
    return (await ground.gateway.listed(services_path(ground.namespace))).items


def reverted(obj: Json) -> tuple[str, ...]:
    """Who takes a change by hand back."""
    owner = owner_of(obj)
    if owner is None:
        return ()
    name = f"{owner.kind} {owner.name}".strip()
    if owner.reverts:
        return (f"{name} owns it and puts its own state back: make the same change there, or it does not last",)
    return (f"{name} owns it: its next upgrade takes this back unless the change is made there, too",)


@dataclass(frozen=True, slots=True)
class Room:
    """How many more pods of a template fit into one quota, for the resource that it is scarcest in."""

    quota: str
    resource: str
    pods: int
    said: str  # "used 2 of 3 pods"
    certain: bool  # False: it has scopes, and may not count these pods


def rooms(quotas: tuple[Json, ...], template: Json) -> tuple[Room, ...]:
    """One for each quota that counts pods of this template, the scarcest first."""
    each_needs = _needs(template)
    found: list[Room] = []
    for quota in quotas:
        scoped = bool(part(quota, "spec").get("scopes") or part(quota, "spec", "scopeSelector"))
        hard, used = part(quota, "status", "hard"), part(quota, "status", "used")
        fits: list[tuple[int, str, str]] = []
        for resource, limit in hard.items():
            need = each_needs.get(_ALIKE.get(resource, resource), 0.0)
            most, taken = quantity(limit), quantity(used.get(resource, "0"))
            if need > 0 and most is not None and taken is not None:
                said = f"used {text(used.get(resource)) or '0'} of {text(limit)}"
                fits.append((max(0, int((most - taken + 1e-9) // need)), text(resource), said))
        if fits:
            pods, resource, said = min(fits)
            found.append(Room(name_of(quota), resource, pods, said, not scoped))
    return tuple(sorted(found, key=lambda room: room.pods))


def _needs(template: Json) -> dict[str, float]:
    """What one pod takes of each resource, by the names that quotas have for it."""
    found = {"pods": 1.0, "count/pods": 1.0}
    for container in parts(template, "spec", "containers"):
        wanted, most = part(container, "resources", "requests"), part(container, "resources", "limits")
        for resource in ("cpu", "memory"):
            asked = quantity(wanted.get(resource, most.get(resource)))
            limit = quantity(most.get(resource))
            found[resource] = found.get(resource, 0.0) + (asked or 0.0)
            found[f"limits.{resource}"] = found.get(f"limits.{resource}", 0.0) + (limit or 0.0)
    return found

"""What actions on Kubernetes share: the permission preflight, names of objects, and what a handler stands on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.actions.carded import CardedAction
from cockpit.actions.handler import Scene
from cockpit.adapters.kube.terms import Right
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.action import ActionSpec, Grant, Permission
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.schema import Limits

if TYPE_CHECKING:
    from cockpit.adapters.kube.gateway import Gateway
    from cockpit.adapters.kube.kube import Kube


@dataclass(frozen=True, slots=True)
class KubeGround:
    """Where the actions of one source stand."""

    source: str  # "workloads/main", "cluster/main"
    table: KubernetesSource
    kube: Kube
    scene: Scene
    limits: Limits
    clock: Clock

    @property
    def gateway(self) -> Gateway:
        """The way to the API server."""
        return self.kube.gateway

    @property
    def namespace(self) -> str:
        """The namespace that the source is about."""
        return self.gateway.place.namespace

    def named(self, what: str, namespace: str | None = None) -> str:
        """An object as a person tells it from all others: "deployment/api in shop (context gke-shop)"."""
        where = self.namespace if namespace is None else namespace
        inside = f" in {where}" if where else ""
        return f"{what}{inside} (context {self.gateway.place.context})"

    def kubectl(self, *words: str, namespace: str | None = None) -> str:
        """The same by hand: a command line that cannot go to another cluster or namespace."""
        where = self.namespace if namespace is None else namespace
        place = ["--context", self.gateway.place.context, *(["-n", where] if where else [])]
        return shlex.join(["kubectl", *place, *words])


async def preflight(ground: KubeGround, rights: Sequence[Right]) -> Permission:
    """Whether the user may, else which right is missing; one SelfSubjectAccessReview a right."""
    needs = ", ".join(map(str, rights))
    try:
        missing = await ground.gateway.may(rights)
    except CockpitError as error:
        return Permission(Grant.UNKNOWN, needs, f"{error.message}. {error.hint}".strip())
    if not missing:
        return Permission(Grant.GRANTED, needs)
    return Permission(Grant.DENIED, ", ".join(map(str, missing)), how_to_grant(ground, missing))


def how_to_grant(ground: KubeGround, missing: Sequence[Right]) -> str:
    """Commands of an administrator that make a role of just these rights and bind it."""
    user = ground.gateway.place.user
    lines: list[str] = []
    for index, right in enumerate(missing):
        name = f"cockpit-{right.verb}-{right.resource}"
        what = f"{right.resource}.{right.group}" if right.group else right.resource
        what += f"/{right.subresource}" if right.subresource else ""
        kind = "role" if right.namespace else "clusterrole"
        rule = [f"--verb={right.verb}", f"--resource={what}"]
        lines.append(ground.kubectl("create", kind, name, *rule, namespace=right.namespace))
        bind = "rolebinding" if right.namespace else "clusterrolebinding"
        lines.append(
            ground.kubectl("create", bind, name, f"--{kind}={name}", "--user=YOU", namespace=right.namespace)
        )
        if index == 2 and len(missing) > 3:
            lines.append(f"and likewise for {len(missing) - 3} more")
            break
    return f"ask an administrator of {ground.gateway.place.context} for user {user}: {'; '.join(lines)}"


class KubeAction(CardedAction):
    """Base of the handlers."""

    def __init__(self, spec: ActionSpec, ground: KubeGround) -> None:
        super().__init__(spec, ground)
        self._ground = ground

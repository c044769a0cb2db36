"""What actions on Google Cloud's managed services share: the permission preflight and what a handler stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cockpit.actions.carded import CardedAction
from cockpit.actions.handler import Scene
from cockpit.adapters.gcp.roles import ROLES
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.action import ActionSpec, Grant, Permission
from cockpit.profile.schema import Limits


class PermissionTesting(Protocol):
    """Can say which permissions are missing."""

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held. Raises CockpitError."""


@dataclass(frozen=True, slots=True)
class GoogleGround:
    """Where the actions of one source stand."""

    source: str
    project: str
    scene: Scene
    limits: Limits
    clock: Clock
    rights: PermissionTesting


async def preflight(ground: GoogleGround, needs: Sequence[str]) -> Permission:
    """Whether the caller may, else which permission is missing, which role holds it, and who can grant it how."""
    try:
        missing = list(await ground.rights.missing_permissions(needs))
    except CockpitError as error:
        return Permission(Grant.UNKNOWN, ", ".join(needs), f"{error.message}. {grant(ground.project, needs)}")
    if not missing:
        return Permission(Grant.GRANTED, ", ".join(needs))
    return Permission(Grant.DENIED, ", ".join(missing), grant(ground.project, missing))


def grant(project: str, permissions: Sequence[str]) -> str:
    """The smallest roles, and the command that grants them."""
    roles = list(dict.fromkeys(ROLES[each] for each in permissions if each in ROLES))
    if not roles:
        return f"ask an owner of {project} for it"
    held = "contains it" if len(permissions) == 1 else "contains them"
    by_hand = [f"gcloud projects add-iam-policy-binding {project} --member=user:YOU --role={role}" for role in roles]
    return f"{' and '.join(roles)} {held}: {'; '.join(by_hand)}"


class GoogleAction(CardedAction):
    """Base of the handlers; `NEEDS` are the permissions of the change itself."""

    NEEDS: tuple[str, ...] = ()
    DEADLINE_S = 150.0

    def __init__(self, spec: ActionSpec, ground: GoogleGround) -> None:
        super().__init__(spec, ground)
        self._ground = ground

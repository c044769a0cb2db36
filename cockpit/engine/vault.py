"""The parts of a profile that are secrets in Secret Manager, with who is restarted when one is rotated."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler, Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile

_RESTART = "revisions.restart"


def compose_secrets(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add the secrets, their actions and looks; after the services that they restart."""
    if not profile.secrets:
        return
    from cockpit.actions import rotation, secretmanager
    from cockpit.actions.google import GoogleGround
    from cockpit.adapters.gcp.secretmanager import SecretVault
    from cockpit.adapters.payload import Payloads
    from cockpit.looks import secretmanager as looks

    values = Payloads()
    for source in profile.secrets:
        vault = SecretVault(source, clock)
        parts.add(SourceKind.SECRETS, source.name, vault, source.interval, source.timeout)
        name = f"secrets/{source.name}"
        ground = GoogleGround(name, source.project, scene, profile.limits, clock, vault)
        restarts = {each: restarting(parts, each) for each in source.restarts}
        parts.handlers.extend(secretmanager.handlers(ground, vault, values))
        parts.handlers.append(rotation.Rotate(ground, vault, values, restarts))
        parts.lookers.extend(looks.lookers(name, state_of, clock))


def restarting(parts: Parts, source: str) -> ActionHandler | None:
    """The action that restarts that source, None where it has none."""
    found = (each for each in parts.handlers if each.source == source and each.spec.id == _RESTART)
    return next(found, None)

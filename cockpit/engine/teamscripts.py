"""Commands of the team: whether they can be run, what they said, and running them."""

from __future__ import annotations

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.profile.schema import Profile


def scripts_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {}


def compose_scripts(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add sources, actions and looks. Opens no connection."""

"""Compose projects of a profile: one connection to an engine a table, shared by all that looks through it."""

from __future__ import annotations

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.profile.schema import Profile


def docker_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {}


def compose_docker(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add sources, actions and looks. Opens no connection."""

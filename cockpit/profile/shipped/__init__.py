"""Profiles of systems that the cockpit knows: finished by hand, to be copied and made one's own.

Each is a TOML file beside this module, with a short runbook of the same name that stands in for the team's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cockpit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Shipped:
    """One of them."""

    name: str
    platform: str  # what it runs on, in a few words
    text: str  # the profile
    runbook: str  # Markdown


_PLATFORMS = {
    "roadtrip": "Cloud Run, Cloud SQL, Memorystore",
    "guesslyfe": "Cloud Run, Cloud SQL, Memorystore",
    "storybook": "Docker Compose",
    "booking": "Render",
    "aia": "GKE, blue and green",
}
NAMES = tuple(_PLATFORMS)


def shipped(name: str) -> Shipped:
    """By its name. Raises NotFound."""
    if name not in _PLATFORMS:
        raise NotFound(f"no profile {name!r} comes with the cockpit", hint=f"there are: {', '.join(NAMES)}")
    folder = path_of(name).parent
    profile, runbook = ((folder / f"{name}.{suffix}").read_text(encoding="utf-8") for suffix in ("toml", "md"))
    return Shipped(name, _PLATFORMS[name], profile, runbook)


def path_of(name: str) -> Path:
    """Of the profile's file."""
    return Path(__file__).with_name(f"{name}.toml")

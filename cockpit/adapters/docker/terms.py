"""Words that questions to an engine and their answers are made of. Imports no HTTP client."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


def path_of(*names: str) -> str:
    """A path of names that are never taken for more than one part of it."""
    return "".join(f"/{quote(name, safe='')}" for name in names)


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which containers: one by name or id, those of services, or all of the project."""

    container: str = ""
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Lines with time and origin, merged; `unread`: what could not be read, and why."""

    lines: tuple[str, ...]
    containers: int
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disk:
    """What takes room, in bytes."""

    what: str  # "images", "containers", "volumes", "build cache"
    count: int
    size: int
    reclaimable: int

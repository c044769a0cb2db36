"""What the sandbox calls itself: the names and paths by which a team's runbook speaks of its system."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shape:
    """The shop's own, unless told otherwise. What it does stays the same."""

    system: str = "shop"
    service: str = "shop"
    region: str = "europe-west1"
    health: str = "/health"
    detailed: str = "/health/detailed"
    runbook: Path | None = None  # None for the shop's own
    targets: dict[str, str] = field(default_factory=dict)  # a name in the runbook -> source of the profile

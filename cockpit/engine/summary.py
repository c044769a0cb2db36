"""What a profile that comes with the cockpit watches and offers, from the profile and the catalogue themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.actions.catalogue import Catalogue
from cockpit.clock import SystemClock
from cockpit.engine import compose
from cockpit.model.severity import SourceKind
from cockpit.profile.load import load
from cockpit.profile.shipped import Shipped

_WORDS = {
    SourceKind.CLOUDSQL: "Cloud SQL",
    SourceKind.MEMORYSTORE: "Memorystore",
    SourceKind.ARMOR: "Cloud Armor",
    SourceKind.GITHUB: "GitHub",
    SourceKind.REDIS: "Redis",
    SourceKind.PROMETHEUS: "Prometheus",
    SourceKind.RENDER: "Render",
    SourceKind.RENDERMETRICS: "metrics of Render",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """One system."""

    name: str
    platform: str
    watched: tuple[tuple[str, tuple[str, ...]], ...]  # kind, names
    offered: tuple[tuple[str, tuple[str, ...]], ...]  # kind, titles of actions
    actions: tuple[str, ...]  # ids

    @property
    def sources(self) -> int:
        """How many."""
        return sum(len(names) for _, names in self.watched)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "system": self.name,
            "platform": self.platform,
            "watched": {kind: list(names) for kind, names in self.watched},
            "actions": list(self.actions),
        }


def summary_of(system: Shipped, folder: Path) -> Summary:
    """Blocking; opens no connection. The profile is written into `folder` to be read as any other."""
    path = folder / f"{system.name}.toml"
    path.write_text(system.text, encoding="utf-8")
    (folder / f"{system.name}.md").write_text(system.runbook, encoding="utf-8")
    profile = load(path)
    compose.load_adapters(profile)
    parts = compose.compose(profile, folder, SystemClock())
    watched: dict[str, list[str]] = {}
    for part in parts.parts:
        watched.setdefault(_word(part.kind), []).append(part.title)
    offered: dict[str, dict[str, None]] = {}
    ids: dict[str, None] = {}
    for offer in Catalogue(compose.specs(), parts.handlers).offers():
        if offer.available and offer.spec.listed:
            offered.setdefault(_word(offer.spec.pane), {})[offer.spec.title] = None
            ids[offer.spec.id] = None
    return Summary(
        system.name,
        system.platform,
        tuple((kind, tuple(names)) for kind, names in watched.items()),
        tuple((kind, tuple(titles)) for kind, titles in offered.items()),
        tuple(ids),
    )


def _word(kind: SourceKind) -> str:
    return _WORDS.get(kind, kind.value)

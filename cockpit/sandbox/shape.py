"""What the sandbox calls itself: the names and paths by which a team's runbook and profile speak of its system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Document = dict[str, Any]  # a profile as TOML reads it


@dataclass(frozen=True, slots=True)
class Shape:
    """The shop's own, unless told otherwise. What it does stays the same."""

    system: str = "shop"
    service: str = "shop"
    region: str = "europe-west1"
    health: str = "/health"
    detailed: str = "/health/detailed"
    database: str = "shop"
    sql: tuple[str, ...] = ("shop-db", "shop-db-replica")  # instances of Cloud SQL, the primary first
    cache: str = "shop-cache"
    policy: str = "shop-edge"
    secrets: tuple[str, ...] = ()  # besides the shop's own
    runbook: Path | None = None  # None for the shop's own
    targets: dict[str, str] = field(default_factory=dict)  # a name in the runbook -> source of the profile
    profile: Document | None = None  # of a system that comes with the cockpit; None for the shop's own

    @classmethod
    def of(cls, profile: Document) -> Shape:
        """The shape that this profile expects to find."""
        shop = cls()
        run = _first(profile, "cloud_run")
        paths = [urlsplit(str(table["url"])).path or "/" for table in profile.get("health", ())]
        return cls(
            system=str(profile["system"]),
            service=str(run.get("service", profile["system"])),
            region=str(run.get("region", shop.region)),
            health=paths[0] if paths else shop.health,
            detailed=paths[1] if len(paths) > 1 else shop.detailed,
            database=str(profile["system"]),
            sql=tuple(str(table["instance"]) for table in profile.get("cloud_sql", ())),
            cache=str(_first(profile, "memorystore").get("instance", "")),
            secrets=tuple(name for table in profile.get("secrets", ()) for name in table.get("names", ())),
            policy=str(_first(profile, "armor").get("policy", "")),
            profile=profile,
        )

    @property
    def origins(self) -> tuple[str, ...]:
        """Where the system is in the real world: "https://api.example.com"; longest first."""
        urls = [urlsplit(str(table["url"])) for table in (self.profile or {}).get("health", ())]
        return tuple(sorted({f"{url.scheme}://{url.netloc}" for url in urls}, key=len, reverse=True))


def _first(profile: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    tables: Sequence[Mapping[str, Any]] = profile.get(table, ())
    return tables[0] if tables else {}

"""A Memorystore for Redis instance as the control plane knows it:
https://cloud.google.com/memorystore/docs/redis/reference/rest/v1/projects.locations.instances.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MemorystoreStatus:
    """One instance. It cannot be flushed from here: that needs the server itself."""

    project: str
    region: str
    instance: str
    name: str  # projects/P/locations/R/instances/I
    state: str  # "READY", "UPDATING", "FAILING_OVER", "MAINTENANCE", "REPAIRING" ...
    tier: str  # "BASIC", "STANDARD_HA"
    size_gb: int
    version: str = ""  # "REDIS_7_2"
    created: datetime | None = None  # with the name the identity
    zone: str = ""  # currentLocationId: where the primary is now
    zones: tuple[str, ...] = ()  # where its nodes are
    host: str = ""
    port: int = 0
    replicas: int = 0
    read_endpoint: str = ""
    auth: bool | None = None
    encrypted: bool | None = None
    maintenance_at: datetime | None = None
    maintenance_window: str = ""
    configs: tuple[tuple[str, str], ...] = ()
    status_message: str = ""
    notes: tuple[str, ...] = ()

    @property
    def highly_available(self) -> bool:
        """A replica can take over."""
        return self.tier == "STANDARD_HA"

"""A Memorystore for Redis instance as the control plane knows it:
https://cloud.google.com/memorystore/docs/redis/reference/rest/v1/projects.locations.instances.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# What is not usable while it is in this state; in the others a replica serves, or a short interruption is all.
_DOWN = frozenset({"CREATING", "DELETING", "REPAIRING"})
_INTERRUPTS_BASIC = frozenset({"UPDATING", "MAINTENANCE", "IMPORTING"})


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
    suspended: tuple[str, ...] = ()  # "CUSTOMER_MANAGED_KEY_ISSUE"

    @property
    def down(self) -> bool:
        """It serves nobody, as far as its state tells."""
        alone = self.state in _INTERRUPTS_BASIC and not self.highly_available
        return bool(self.suspended) or self.state in _DOWN or alone

    @property
    def highly_available(self) -> bool:
        """A replica can take over."""
        return self.tier == "STANDARD_HA"

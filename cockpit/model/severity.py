"""Severity, freshness and kind of source: the closed sets that every screen and every guard speaks in."""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Severity(enum.IntEnum):
    """How bad it is, in rising order. UNKNOWN is worse than WARN: what cannot be seen is not fine."""

    OK = 0
    WARN = 1
    UNKNOWN = 2
    CRIT = 3

    @property
    def word(self) -> str:
        """Lower-case word for JSON and sentences."""
        return self.name.lower()


class Freshness(enum.Enum):
    """How much a reading still says about now; independent of severity."""

    WAITING = "waiting"  # nothing has arrived yet
    FRESH = "fresh"
    STALE = "stale"  # older than its source promises
    FAILED = "failed"  # the last poll failed; the payload, if any, is from before


class SourceKind(enum.Enum):
    """What a source watches; each kind has its pane; managed services share one, and the runbook has the guide."""

    HEALTH = "health"
    LOGS = "logs"
    DATABASE = "database"
    REDIS = "redis"
    REVISIONS = "revisions"
    METRICS = "metrics"
    CLOUDSQL = "cloudsql"
    MEMORYSTORE = "memorystore"
    ARMOR = "armor"
    SECRETS = "secrets"
    ACCESS = "access"
    WORKLOADS = "workloads"
    CLUSTER = "cluster"
    PROMETHEUS = "prometheus"
    CONTAINERS = "containers"
    RENDER = "render"
    RENDERMETRICS = "rendermetrics"
    GITHUB = "github"
    SCRIPTS = "scripts"
    RUNBOOK = "runbook"


def worst(severities: Iterable[Severity]) -> Severity:
    """The most severe of them; UNKNOWN for none."""
    return max(severities, default=Severity.UNKNOWN)

"""The reading: one immutable result of one poll, and what the hub knows of a source."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cockpit.model.access import AccessStatus
from cockpit.model.armor import ArmorStatus
from cockpit.model.cache import CacheStatus
from cockpit.model.cloudsql import CloudSqlStatus
from cockpit.model.cluster import ClusterStatus
from cockpit.model.containers import ContainersStatus
from cockpit.model.database import DatabaseStatus
from cockpit.model.delivery import DeliveryStatus
from cockpit.model.health import HealthStatus
from cockpit.model.logs import LogStatus
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.metrics import MetricsStatus
from cockpit.model.point import Point as Point
from cockpit.model.render import RenderStatus
from cockpit.model.revisions import ServiceStatus
from cockpit.model.secretstore import SecretsStatus
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.teamscripts import ScriptStatus
from cockpit.model.workloads import WorkloadsStatus

if TYPE_CHECKING:
    from cockpit.errors import CockpitError

Managed = CloudSqlStatus | MemorystoreStatus | ArmorStatus | SecretsStatus | AccessStatus  # of Google Cloud
Kubernetes = WorkloadsStatus | ClusterStatus
Elsewhere = DeliveryStatus | RenderStatus | ContainersStatus | ScriptStatus  # of other platforms, one after the other
Payload = (
    HealthStatus
    | LogStatus
    | DatabaseStatus
    | CacheStatus
    | ServiceStatus
    | MetricsStatus
    | Managed
    | Kubernetes
    | Elsewhere
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a poll failed. All fields are cleaned and free of secrets."""

    word: str  # "timed out", "unreachable", ...: the error's class in two words
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: CockpitError) -> Failure:
        """The same as the error says."""
        return cls(error.word, error.message, error.hint)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an adapter returns from one poll: a payload with its judgement in one line."""

    severity: Severity
    summary: str  # "pool full 97/97", "200 in 41 ms"; cleaned, at most about 60 characters
    payload: Payload


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll of one source: what it saw, when, at what cost; or why it saw nothing."""

    source: str  # "database/main"
    kind: SourceKind
    taken_at: datetime  # UTC, when the answer was complete
    latency_s: float
    severity: Severity
    summary: str
    payload: Payload | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the hub knows of one source: the last good reading and how the latest attempts went."""

    source: str
    kind: SourceKind
    title: str  # the name in the profile
    interval_s: float
    reading: Reading | None = None  # the last one with a payload
    failure: Failure | None = None  # of the last attempt, if it failed
    failures: int = 0  # attempts failed in a row
    freshness: Freshness = Freshness.WAITING
    age_s: float | None = None  # of `reading`, at the moment of the snapshot
    polling_since_s: float | None = None  # how long the poll in flight has been waiting
    circuit_open: bool = False  # probing slowly after repeated failures
    asleep: bool = False  # read only once somebody asks for it, and nobody has

    @property
    def severity(self) -> Severity:
        """Of the last good reading while it is fresh; what is stale or failed is UNKNOWN, or CRIT if it was."""
        if self.reading is None:
            return Severity.UNKNOWN
        if self.freshness is Freshness.FRESH:
            return self.reading.severity
        return max(self.reading.severity, Severity.UNKNOWN)

    @property
    def summary(self) -> str:
        """One line for the pane's title."""
        if self.failure is not None:
            return f"{self.failure.word}"
        if self.reading is None:
            return "not asked yet" if self.asleep else "waiting"
        return self.reading.summary


@dataclass(frozen=True, slots=True)
class Marker:
    """An event on the timeline: a deploy, an action, an arming."""

    at: float  # seconds since the epoch
    glyph: str  # "▲" deploy, "⚑" action
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """Bounded series of a source by name, oldest first ("latency_ms", "errors", ...)."""

    series: dict[str, tuple[Point, ...]] = field(default_factory=dict)

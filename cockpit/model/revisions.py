"""A deployed service: its revisions, and which of them serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrafficTarget:
    """One entry of the wanted traffic. `revision` "" means: whatever is latest."""

    revision: str
    percent: int
    tag: str = ""

    @property
    def latest(self) -> bool:
        """Follows new deployments."""
        return not self.revision


@dataclass(frozen=True, slots=True)
class ServingShare:
    """One entry of the traffic as it is (trafficStatuses), LATEST resolved to a revision."""

    revision: str
    percent: int
    tag: str = ""
    latest: bool = False
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable deployment."""

    name: str
    created: datetime
    image: str  # as written in the template, tag included
    digest: str  # sha256:..., "" while unknown
    state: str  # "ready", "failed", "deploying", "retired"
    reason: str = ""  # the platform's own reason when not ready
    percent: int = 0  # of the traffic as it is
    tags: tuple[str, ...] = ()
    deployed_by: str = ""
    min_instances: int = 0
    max_instances: int = 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """Limits at service level; 0 means unset."""

    min_instances: int = 0
    max_instances: int = 0
    mode: str = ""  # "AUTOMATIC", "MANUAL", ""
    manual_instances: int | None = None


@dataclass(frozen=True, slots=True)
class PreviousServing:
    """The revision that served before the one that serves now, and how that is known."""

    revision: str
    evidence: str  # a sentence
    certain: bool  # False for a guess: the plan then asks


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service, once."""

    project: str
    region: str
    service: str
    name: str  # full resource name
    uid: str
    etag: str
    generation: int
    reconciling: bool
    state: str  # "ready", "failed", "deploying", "unknown"
    reason: str
    latest_ready: str  # short revision names
    latest_created: str
    template_image: str
    scaling: Scaling
    traffic: tuple[TrafficTarget, ...]  # wanted
    serving: tuple[ServingShare, ...]  # as it is
    revisions: tuple[Revision, ...]  # newest first
    previous: PreviousServing | None
    updated: datetime | None
    last_modifier: str = ""
    uri: str = ""
    notes: tuple[str, ...] = ()

    @property
    def serving_revision(self) -> str:
        """The revision with most traffic, "" for none."""
        shares = [share for share in self.serving if share.percent > 0]
        return max(shares, key=lambda share: share.percent).revision if shares else ""

    @property
    def pinned(self) -> bool:
        """No entry follows the latest revision: a new deployment would get no traffic."""
        return not any(target.latest and target.percent > 0 for target in self.traffic)

    def revision(self, name: str) -> Revision | None:
        """By short name."""
        return next((revision for revision in self.revisions if revision.name == name), None)

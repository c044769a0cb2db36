"""The state of a Cloud Run service, independent of the dialect that reads or writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

_TAG = re.compile(r":[\w.-]+$")
INGRESS = ("all", "internal", "internal-and-cloud-load-balancing")  # v1's words


def stamp(moment: datetime) -> str:
    """RFC 3339, UTC, always with microseconds, so that texts sort as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Template:
    """What a revision is made from."""

    image: str
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str, str], ...] = ()  # variables from Secret Manager: name, secret, version
    min_instances: int = 0
    max_instances: int = 0  # 0: unset
    concurrency: int = 80
    cpu: str = "1000m"
    memory: str = "512Mi"
    timeout_s: int = 300
    service_account: str = ""
    revision: str = ""  # wanted name
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of the wanted traffic; `revision` "" follows the latest."""

    percent: int
    revision: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One entry of the traffic as it is."""

    percent: int
    revision: str
    latest: bool
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Service-level limits; 0 is unset."""

    min_instances: int = 0
    max_instances: int = 0
    mode: str = ""  # AUTOMATIC, MANUAL
    manual_instances: int | None = None

    @property
    def manual(self) -> bool:
        """As many instances as `manual_instances` says, whatever the traffic is."""
        return self.mode == "MANUAL"

    @property
    def stopped(self) -> bool:
        """No instance, and none will be started."""
        return self.manual and self.manual_instances == 0


@dataclass(slots=True)
class Revision:
    """One deployment."""

    name: str
    uid: str
    created: datetime
    template: Template
    digest: str
    creator: str
    ready: bool = False
    ready_at: datetime | None = None

    @property
    def pinned(self) -> str:
        """The image by its digest, as the API answers it: without the tag."""
        return f"{_TAG.sub('', self.template.image.partition('@')[0])}@{self.digest}"


@dataclass(slots=True)
class Service:
    """One service; `traffic` is wanted, `serving` is so."""

    name: str
    uid: str
    created: datetime
    creator: str
    template: Template
    traffic: tuple[Target, ...]
    revisions: dict[str, Revision] = field(default_factory=dict)  # oldest first
    serving: tuple[Share, ...] = ()
    scaling: Scaling = field(default_factory=Scaling)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    ingress: str = "all"  # one of INGRESS
    description: str = ""
    generation: int = 1
    observed_generation: int = 1
    version: int = 1  # of the stored object: etag and resourceVersion come from it
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    transition: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_modifier: str = ""
    client: str = ""
    latest_created: str = ""
    latest_ready: str = ""

    @property
    def reconciling(self) -> bool:
        """The last change is not in effect yet."""
        return self.observed_generation < self.generation


@dataclass(frozen=True, slots=True)
class Change:
    """What one request changes; None leaves a part as it is."""

    template: Template | None = None
    traffic: tuple[Target, ...] | None = None
    scaling: Scaling | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ingress: str | None = None
    description: str | None = None
    force_new_revision: bool = False

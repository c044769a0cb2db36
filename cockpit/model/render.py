"""What runs at Render: services with their deploys and instances, data stores, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity

# https://api-docs.render.com/reference/list-deploys: the statuses of a deploy.
UNDERWAY = ("created", "queued", "build_in_progress", "pre_deploy_in_progress", "update_in_progress")
FAILED = ("build_failed", "pre_deploy_failed", "update_failed")
INSTANCED = ("web_service", "private_service", "background_worker")  # types of service that have instances


@dataclass(frozen=True, slots=True)
class Deploy:
    """One deploy of a service. Of all that were live, only the last is: the others are deactivated."""

    id: str  # "dep-..."
    status: str  # "live", "deactivated", "canceled", or one of UNDERWAY and FAILED
    trigger: str  # "new_commit", "api", "rollback" ...
    created: datetime
    finished: datetime | None = None
    commit: str = ""  # SHA, "" for one of an image
    message: str = ""  # of the commit, its first line
    image: str = ""  # with its digest, for one of an image

    @property
    def version(self) -> str:
        """What tells its code from another's: the short SHA, or the image's tag and digest."""
        if self.commit:
            return self.commit[:8]
        name, _, digest = self.image.partition("@sha256:")
        return name.rpartition("/")[2] + (f"@{digest[:8]}" if digest else "")

    @property
    def was_live(self) -> bool:
        """It served once, so that there is something to roll back to."""
        return self.status == "deactivated"


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Render chooses the number of instances between these, and ignores any other."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class RenderService:
    """One service."""

    id: str  # "srv-...", "crn-..."
    name: str
    type: str  # "web_service", "private_service", "background_worker", "cron_job", "static_site"
    severity: Severity
    state: str  # "live", "deploying", "failed", "suspended", "maintenance", "degraded", "no deploy"
    said: str  # why, "" where all is well
    plan: str
    region: str
    suspended: bool
    suspenders: tuple[str, ...]  # "user", "billing", "admin" ...
    created: datetime
    wanted: int = 0  # instances, where they are counted by hand
    instances: tuple[tuple[str, datetime], ...] | None = None  # id, created; None where there are none to be told of
    autoscaling: Autoscaling | None = None
    maintenance: bool | None = None  # None where the type or plan has no such mode
    maintenance_uri: str = ""
    deploys: tuple[Deploy, ...] = ()  # newest first
    variables: tuple[str, ...] = ()  # names; values are never read into here
    auto_deploy: bool = False
    repo: str = ""
    branch: str = ""
    url: str = ""
    dashboard: str = ""
    updated: datetime | None = None

    @property
    def live(self) -> Deploy | None:
        """The deploy that serves."""
        return next((each for each in self.deploys if each.status == "live"), None)

    @property
    def underway(self) -> Deploy | None:
        """The newest deploy that is on its way."""
        return next((each for each in self.deploys if each.status in UNDERWAY), None)

    @property
    def failed(self) -> Deploy | None:
        """The newest deploy, where it failed."""
        return self.deploys[0] if self.deploys and self.deploys[0].status in FAILED else None

    @property
    def previous(self) -> Deploy | None:
        """What served before the code that is live: of a rollback, what came before its code the first time."""
        live = self.live
        before = [each for each in self.deploys if each.was_live]
        if live is None:
            return before[0] if before else None
        first = min(each.created for each in self.deploys if each.version == live.version)
        return next((each for each in before if each.created < first), None)

    def deploy(self, deploy: str) -> Deploy | None:
        """By id."""
        return next((each for each in self.deploys if each.id == deploy), None)

    @property
    def held(self) -> int:
        """How many instances there should be."""
        return self.autoscaling.least if self.autoscaling is not None else self.wanted


@dataclass(frozen=True, slots=True)
class DataStore:
    """A Postgres or Key Value instance."""

    id: str  # "dpg-...", "red-..."
    kind: str  # "postgres", "keyvalue"
    name: str
    severity: Severity
    status: str  # "available", "suspended", "unavailable", "maintenance_scheduled" ...
    said: str
    plan: str
    region: str
    version: str
    suspended: bool
    created: datetime
    connections: int | None = None
    limit: int | None = None  # connections; None where nobody says
    high_availability: bool = False
    role: str = ""  # "primary", "replica"
    replicas: tuple[str, ...] = ()
    disk_gb: int = 0
    expires: datetime | None = None  # free databases
    maintenance_at: datetime | None = None
    policy: str = ""  # Key Value: what is evicted
    dashboard: str = ""


@dataclass(frozen=True, slots=True)
class RenderEvent:
    """Something that happened to a service."""

    id: str
    service: str  # id
    at: datetime
    kind: str  # "deploy_ended", "server_failed", "instance_count_changed" ...
    said: str  # in words: "instances 1 -> 3", "out of memory (512Mi)"
    bad: bool = False


@dataclass(frozen=True, slots=True)
class RenderStatus:
    """All that a [[render]] table names."""

    server: str  # "api.render.com"
    owner: str  # id of the workspace
    services: tuple[RenderService, ...]
    stores: tuple[DataStore, ...] = ()
    events: tuple[RenderEvent, ...] = ()  # newest first
    notes: tuple[str, ...] = ()  # what could not be seen, and why

    def service(self, service: str) -> RenderService | None:
        """By id, else by name."""
        return next((each for each in self.services if service in (each.id, each.name)), None)

    def store(self, store: str) -> DataStore | None:
        """By id, else by name."""
        return next((each for each in self.stores if store in (each.id, each.name)), None)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What point-in-time recovery of a Postgres instance can do now."""

    status: str  # "AVAILABLE", "BACKUP_NOT_READY", "NOT_AVAILABLE"
    since: datetime | None = None  # the earliest moment

    @property
    def possible(self) -> bool:
        """It can be asked for."""
        return self.status == "AVAILABLE"


@dataclass(frozen=True, slots=True)
class Export:
    """A logical backup of a Postgres instance. Its download URL is as good as the data, and is not kept."""

    id: str
    created: datetime
    ready: bool  # it can be downloaded

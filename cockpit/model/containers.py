"""What runs of a Compose project on one engine: its services, their containers, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Engine:
    """Who answers, and where."""

    name: str  # "Docker", "Podman"
    version: str
    api: str  # the version that is spoken: "1.41"
    host: str  # "unix:///run/docker.sock"
    origin: str  # why this one: "profile", "$DOCKER_HOST", "Docker context shop", "socket of this machine"
    system: str = ""  # "linux/amd64"

    @property
    def said(self) -> str:
        """ "Docker 27.3.1 at unix:///run/docker.sock": for every screen and plan."""
        return f"{self.name} {self.version} at {self.host}".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class Container:
    """One container. Its id is its identity: one that was made again has another."""

    id: str  # 64 hex digits
    name: str  # "shop-api-1"
    service: str  # "" for one that no service owns
    number: int  # of its service, from 1; 0 unknown
    severity: Severity
    state: str  # "running", "exited", "restarting", "paused", "created", "dead", "removing"
    reason: str  # a person's words: "exited with code 1", "out of memory, killed", "unhealthy", "running"
    said: str = ""  # the engine's words, or the last output of the health check
    oneoff: bool = False  # of `docker compose run`
    health: str = ""  # "healthy", "unhealthy", "starting"; "" without a check
    restarts: int = 0
    policy: str = ""  # when the engine restarts it: "always", "unless-stopped", "on-failure", "no"
    exit_code: int | None = None  # None while it runs
    oom_killed: bool = False
    image: str = ""  # as configured: "shop/api:1.4"
    image_id: str = ""  # "sha256:...": what it runs, whatever the tag means by now
    digest: str = ""  # "shop/api@sha256:...", "" for an image that came from no registry
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    uptime_s: float | None = None  # None unless it runs
    cpu: int | None = None  # thousandths of a core, None while unknown
    memory: int | None = None  # bytes, without the page cache
    memory_limit: int | None = None  # None for none
    pids: int | None = None
    command: str = ""
    ports: tuple[str, ...] = ()  # "0.0.0.0:8080->80/tcp"
    tty: bool = False
    config_hash: str = ""  # of Compose: what tells a configuration from another
    log_driver: str = ""

    @property
    def running(self) -> bool:
        """Its process is there."""
        return self.state in ("running", "paused")

    @property
    def short_id(self) -> str:
        """As docker ps shows it."""
        return self.id[:12]


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service: all its containers, or that it has none."""

    name: str
    severity: Severity
    reason: str  # "2 running", "1 of 2: exited with code 1", "no container"
    containers: tuple[str, ...] = ()  # ids, one-off ones left out
    running: int = 0
    images: tuple[str, ...] = ()  # as configured
    named: bool = False  # by the profile

    @property
    def missing(self) -> bool:
        """It ought to be there and has no container."""
        return not self.containers


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something that happened to a container of the project."""

    at: float  # seconds since the epoch, the engine's clock
    action: str  # "die", "oom", "restart", "health_status: unhealthy", "create", "start", "stop", "kill", "destroy"
    container: str  # id
    name: str
    service: str
    said: str = ""  # "exit code 137"


@dataclass(frozen=True, slots=True)
class ContainersStatus:
    """A Compose project, once."""

    engine: Engine
    project: str
    services: tuple[ComposeService, ...]  # in the profile's order, then by name
    containers: tuple[Container, ...]  # in the order of their services, by number; one-off ones last
    directory: str = ""  # where its Compose files are: the profile's, else that of the labels
    files: tuple[str, ...] = ()
    events: tuple[ContainerEvent, ...] = ()  # newest last
    notes: tuple[str, ...] = ()  # what could not be seen, and why
    hidden: int = 0  # containers of services that the profile does not name

    def service(self, name: str) -> ComposeService | None:
        """By name."""
        return next((each for each in self.services if each.name == name), None)

    def container(self, key: str) -> Container | None:
        """By id, by its first 12 digits or more, or by name."""
        found = next((each for each in self.containers if key in (each.id, each.name)), None)
        if found is None and len(key) >= 12:
            found = next((each for each in self.containers if each.id.startswith(key)), None)
        return found

    def of_service(self, name: str) -> tuple[Container, ...]:
        """Its containers, one-off ones left out."""
        return tuple(each for each in self.containers if each.service == name and not each.oneoff)

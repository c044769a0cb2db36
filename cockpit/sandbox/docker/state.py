"""What the engine holds: images, containers, networks, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.docker.feed import Feed

Json = dict[str, Any]
LOG_LINES = 5000
NEVER = "0001-01-01T00:00:00Z"


class Fault(Exception):
    """A request that is answered with {"message": ...} and this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Image:
    """One image; its names may move on to another."""

    id: str  # "sha256:..."
    tags: list[str]
    digests: list[str]
    created: datetime
    size: int
    config: Json = field(default_factory=dict)

    @property
    def version(self) -> str:
        """What its maker calls it, "" where it does not say."""
        return str((self.config.get("Labels") or {}).get("org.opencontainers.image.version", ""))


@dataclass(frozen=True, slots=True)
class Written:
    """One line of a container's log."""

    nano: int
    stream: int  # 1 output, 2 errors
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a container."""

    nano: int
    action: str
    id: str
    attributes: dict[str, str]
    image: str


@dataclass
class Box:
    """One container."""

    id: str
    name: str
    created: datetime
    image: Image
    config: Json  # as inspected: what it was made with, over what the image brings
    host: Json
    networks: dict[str, Json]
    status: str = "created"  # or running, paused, restarting, exited
    started: datetime | None = None
    finished: datetime | None = None
    code: int = 0
    oom: bool = False
    restarts: int = 0
    health: str = ""  # starting, healthy, unhealthy; "" without a check
    health_said: str = ""
    by_hand: bool = False  # somebody stopped it: its restart policy does not count
    used: tuple[float, int] = (0.02, 24 << 20)  # cores, bytes
    log: Feed[Written] = field(default_factory=lambda: Feed(LOG_LINES))

    @property
    def running(self) -> bool:
        """Its process lives."""
        return self.status in ("running", "paused")

    @property
    def alive(self) -> bool:
        """The engine calls it running: one that waits for its restart is, too."""
        return self.running or self.status == "restarting"

    @property
    def labels(self) -> dict[str, str]:
        """Of the container and its image."""
        found: dict[str, str] = self.config["Labels"]
        return found

    @property
    def words(self) -> list[str]:
        """Program and arguments."""
        return [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]

    @property
    def env(self) -> dict[str, str]:
        """Its variables."""
        return environment(self.config.get("Env") or ())

    def write(self, text: str, *, error: bool = False, at: datetime | None = None) -> None:
        """One line of its log."""
        self.log.add(Written(nano_of(at or datetime.now(UTC)), 2 if error else 1, text))


@dataclass
class Network:
    """One network."""

    id: str
    name: str
    created: datetime
    labels: dict[str, str] = field(default_factory=dict)


def environment(pairs: Sequence[str]) -> dict[str, str]:
    """ "NAME=value" each; one without = is removed (ContainerConfig.Env)."""
    return {name: value for name, sign, value in (each.partition("=") for each in pairs) if sign}


def nano_of(at: datetime) -> int:
    """Nanoseconds since the epoch; datetime knows microseconds only."""
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


def said(at: datetime | None) -> str:
    """As the API writes times."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z" if at else NEVER

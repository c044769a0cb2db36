"""What a profile may say of a Docker engine and of Render. Docstrings are documentation here too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from cockpit.profile.consistency import Conflict, docker_conflicts
from cockpit.profile.fields import Duration, Url
from cockpit.profile.secrets import SecretRef
from cockpit.profile.section import Section, Source

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HOST = re.compile(r"(unix://)?/[^\s]+|(tcp|ssh)://[^\s/@]+(@[^\s/@]+)?/?")
_RENDER_ID = re.compile(r"(srv|crn|dpg|red|tea|usr|own)-[A-Za-z0-9-]+")


def _project(text: str) -> str:
    if len(text) > 100 or not _PROJECT.fullmatch(text):
        raise ValueError("must be the name of a Compose project: small letters, digits, - and _")
    return text


def _service(text: str) -> str:
    if len(text) > 100 or not _SERVICE.fullmatch(text):
        raise ValueError("must be the name of a Compose service")
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError('must be "unix:///run/docker.sock", "tcp://HOST:2376" or "ssh://USER@HOST"')
    return text


def _render_id(text: str) -> str:
    if not _RENDER_ID.fullmatch(text):
        raise ValueError('must be an id of Render, such as "srv-...", "dpg-...", "red-..." or "tea-..."')
    return text


ComposeService = Annotated[str, AfterValidator(_service)]
RenderId = Annotated[str, AfterValidator(_render_id)]


class DockerSource(Source):
    """A Compose project on a Docker engine, or on Podman's compatible socket."""

    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 2.0
    """Time between the starts of two polls."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one request."""
    host: Annotated[str, AfterValidator(_host)] | None = None
    """The engine: unix:///run/docker.sock, tcp://HOST:2376, ssh://USER@HOST; without it where the docker command goes
    ($DOCKER_HOST, the chosen context), then the usual sockets of this machine. Read once, when the cockpit starts."""
    ca_file: str | None = None
    """tcp: PEM file of the authority that signs the engine."""
    cert_file: str | None = None
    """tcp: PEM file of the client's certificate."""
    key_file: str | None = None
    """tcp: PEM file of the client's key."""
    project: Annotated[str, AfterValidator(_project)]
    """The Compose project (label com.docker.compose.project). Containers of other projects are never touched."""
    services: tuple[ComposeService, ...] = ()
    """The services to show, in this order; without it all of the project. One that has no container is missed."""
    directory: str | None = None
    """Working directory for `docker compose`, where its files are; without it the one in the labels."""
    files: tuple[str, ...] = ()
    """Compose files, relative to directory; without them those in the labels."""
    program: tuple[str, ...] = ("docker", "compose")
    """How Compose is called: ["docker", "compose"] or ["docker-compose"]."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return docker_conflicts(entry)


class RenderMaintenance(Section):
    """What Render's maintenance mode shows."""

    service: RenderId
    """Id of the web service."""
    uri: Url | None = None
    """Page to show instead of Render's own."""


class RenderSource(Source):
    """Services and data stores at Render."""

    interval: Annotated[Duration, Field(ge=2, le=3600)] = 15.0
    """Time between the starts of two polls; Render allows 400 reads a minute."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one request."""
    token: SecretRef
    """API key."""
    endpoint: Url | None = None
    """Base URL of the API, without /v1, where it is not Render's public one."""
    owner: RenderId | None = None
    """Id of the workspace; without it that of the first service."""
    services: tuple[RenderId, ...] = ()
    """Ids of the services (srv-..., crn-...)."""
    postgres: tuple[RenderId, ...] = ()
    """Ids of Postgres instances (dpg-...)."""
    keyvalue: tuple[RenderId, ...] = ()
    """Ids of Key Value (Redis) instances (red-...)."""
    maintenance: RenderMaintenance | None = None
    """Maintenance mode."""
    cpu_warn: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the CPU limit that is a warning."""
    memory_warn: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Share of the memory limit that is a warning."""
    connections_warn: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of a database's connections that is a warning."""
    connections: Mapping[RenderId, Annotated[int, Field(ge=1)]] = {}
    """Connections that a data store takes, where its plan does not tell: of Key Value and of older plans."""
    window: Annotated[Duration, Field(ge=600, le=7 * 86400)] = 3600.0
    """How far back the plots go."""

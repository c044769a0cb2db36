"""Compose projects of a profile: one connection to an engine a table, shared by all that looks through it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import LogSource, Profile

if TYPE_CHECKING:
    from cockpit.adapters.capabilities import Tailing
    from cockpit.adapters.docker.gateway import Gateway


def docker_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {
        "cockpit.adapters.docker.containers": bool(profile.docker),
        "cockpit.adapters.docker.asking": bool(profile.docker),
        "cockpit.adapters.docker.logs": any(log.type == "docker" for log in profile.logs),
    }


def gateways_of(profile: Profile, clock: Clock) -> dict[str, Gateway]:
    """By the name of its table; each is bound to its engine here and now. Opens no connection."""
    if not profile.docker:
        return {}
    from cockpit.adapters.docker.gateway import Gateway

    return {table.name: Gateway(table, clock) for table in profile.docker}


def container_logs(profile: Profile, source: LogSource, clock: Clock, gateways: dict[str, Gateway]) -> Tailing:
    """The log of a service, or of the whole project."""
    from cockpit.adapters.docker.logs import ContainerLogs

    table = next(each for each in profile.docker if each.name == source.engine)
    return ContainerLogs(gateways[table.name], table, source, clock)


def compose_docker(
    parts: Parts,
    profile: Profile,
    scene: Scene,
    state_dir: Path,
    clock: Clock,
    state_of: StateOf,
    gateways: dict[str, Gateway],
) -> None:
    """Add sources, actions and looks. Opens no connection."""
    if not profile.docker:
        return
    from cockpit.actions.docker import project
    from cockpit.actions.docker.ground import DockerGround
    from cockpit.adapters.docker.asking import DockerAsker
    from cockpit.adapters.docker.containers import ContainersProbe
    from cockpit.looks import containers as looks

    for table in profile.docker:
        gateway = gateways[table.name]
        probe = ContainersProbe(gateway, table, clock)
        parts.add(SourceKind.CONTAINERS, table.name, probe, table.interval, table.timeout)
        asker = DockerAsker(gateway, table.project, clock)
        parts.lookers.extend(looks.lookers(f"containers/{table.name}", state_of, clock, asker))
        ground = DockerGround(f"containers/{table.name}", table, gateway, scene, profile.limits, clock)
        parts.handlers.extend(project.handlers(ground, state_dir / "scripts"))
        parts.closing.append(gateway)

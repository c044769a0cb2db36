"""What a system of the sandbox runs on, where that is not Cloud Run: a server of the vendor's API whose state decides
what the shop's door serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cockpit.sandbox.gcp.cloud import CloudRun
from cockpit.sandbox.gcp.model import Scaling, Service, Share
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.front import Front, LogLine
from cockpit.sandbox.shop.revision import Backends


class Serving:
    """What the shop's door serves: told by the platform, whatever that is."""

    def __init__(self, front: Front, run: CloudRun, service: Service, image: str) -> None:
        self._front = front
        self._run = run
        self._service = service
        self._image = image

    def serve(self, tag: str, env: dict[str, str] | None = None) -> None:
        """All requests go to this version of the shop from now on."""
        service = self._service
        settings = {**dict(service.template.env), **(env or {})}
        wanted = replace(service.template, image=f"{self._image}:{tag}", env=tuple(settings.items()))
        found = next((each for each in service.revisions.values() if each.template == wanted), None)
        if found is None:
            found = self._run.seed_revision(service, wanted, created=datetime.now(UTC), creator="platform")
        service.serving = (Share(100, found.name, latest=True),)
        service.scaling = Scaling()

    def stop(self) -> None:
        """Nothing answers any more."""
        self._service.scaling = Scaling(mode="MANUAL", manual_instances=0)

    @property
    def backends(self) -> Backends:
        """Where the shop's data is."""
        return self._front.backends

    async def restarted(self) -> None:
        """The processes begin anew: connections and what they had in memory are gone."""
        await self._front.forget()

    def maintain(self, on: bool) -> None:
        """The page for maintenance, or the shop."""
        self._front.maintenance = on

    def limit(self, per_minute: int) -> None:
        """Requests a minute and client; 0: none."""
        self._front.rate_limit = per_minute


class Platform(Protocol):
    """One vendor's API beside the shop."""

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """Run it with a past; what the stage says of it. `serving` is told of every change from now on."""
        ...

    async def deploy(self, tag: str) -> None:
        """A new version the way the team deploys; returns when it serves."""
        ...

    def logged(self, line: LogLine) -> None:
        """The shop wrote this to its output."""
        ...

    def place(self, profile: Document) -> None:
        """Write its addresses into the tables of this profile that it stands behind."""
        ...

    async def close(self) -> None:
        """End it. Safe to call twice."""
        ...


def platforms_of(profile: Document) -> list[Platform]:
    """Those that this profile needs; the first of them runs the shop where Cloud Run does not."""
    return [make() for table, make in _MAKERS if profile.get(table)]


def _render() -> Platform:
    from cockpit.sandbox.render.platform import RenderPlatform

    return RenderPlatform()


def _compose() -> Platform:
    from cockpit.sandbox.docker.compose import ComposePlatform

    return ComposePlatform()


def _kubernetes() -> Platform:
    from cockpit.sandbox.kube.platform import KubePlatform

    return KubePlatform()


def _github() -> Platform:
    from cockpit.sandbox.github.platform import GithubPlatform

    return GithubPlatform()


def _scripts() -> Platform:
    from cockpit.sandbox.teamscripts import ScriptsPlatform

    return ScriptsPlatform()


_MAKERS: tuple[tuple[str, Callable[[], Platform]], ...] = (
    ("kubernetes", _kubernetes),
    ("render", _render),
    ("docker", _compose),
    ("github", _github),
    ("script", _scripts),
)

"""Changes to containers, each sent once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.adapters.docker.cloning import networks
from cockpit.adapters.docker.facts import LABEL, is_oneoff, labels_of, service_of
from cockpit.adapters.docker.roster import chosen, listed_of
from cockpit.adapters.docker.terms import path_of
from cockpit.adapters.raw import Json, number, part, parts, text
from cockpit.clock import Clock
from cockpit.errors import NotFound

if TYPE_CHECKING:
    from cockpit.adapters.docker.gateway import Gateway

STOP_S = 30.0  # beyond the container's own time to stop
_LOOK_EVERY_S = 0.3
_STEADY_S = 2.0  # one without a health check must stay up so long


class Containers:
    """Of one project on one engine."""

    def __init__(self, gateway: Gateway, project: str, clock: Clock) -> None:
        self._gateway = gateway
        self._project = project
        self._clock = clock

    async def of(self, service: str) -> list[Json]:
        """All of a service as they are, inspected, by number; never one of another project."""
        listed = chosen(await listed_of(self._gateway, self._project), (service,))
        wanted = [each for each in listed if not is_oneoff(labels_of(each))]
        return list(await asyncio.gather(*(self.inspect(text(each.get("Id"), 64)) for each in wanted)))

    async def services(self) -> list[str]:
        """Names, sorted."""
        listed = await listed_of(self._gateway, self._project)
        return sorted({service_of(labels_of(each)) for each in listed} - {""})

    async def inspect(self, id: str) -> Json:
        """One. Raises NotFound."""
        return await self._gateway.get(f"{path_of('containers', id)}/json")

    async def image(self, reference: str) -> Json:
        """One image, {} where the engine does not have it."""
        try:
            return await self._gateway.get(f"{path_of('images', reference)}/json")
        except NotFound:
            return {}

    async def images(self) -> list[Json]:
        """All of the engine."""
        return await self._gateway.listed("/images/json", {"all": "false"})

    async def post(self, id: str, verb: str, within_s: float = STOP_S) -> None:
        """restart, stop, start, pause ..."""
        await self._gateway.change("POST", f"{path_of('containers', id)}/{verb}", within_s=within_s)

    async def create(self, name: str, body: Json) -> str:
        """Its id; it does not run yet."""
        made = await self._gateway.change("POST", "/containers/create", {"name": name}, body)
        return text(part(made.body).get("Id"), 64)

    async def rename(self, id: str, name: str) -> None:
        """Another name."""
        await self._gateway.change("POST", f"{path_of('containers', id)}/rename", {"name": name})

    async def remove(self, id: str, *, force: bool = False) -> None:
        """Without its volumes."""
        query = {"v": "false", "force": "true" if force else "false"}
        await self._gateway.change("DELETE", path_of("containers", id), query, within_s=STOP_S)

    async def settled(self, id: str, within_s: float) -> str:
        """Wait until it runs, and its health check passes where it has one: "", else why not. Raises CockpitError."""
        end, since = self._clock.monotonic() + within_s, self._clock.monotonic()
        begun = number((await self.inspect(id)).get("RestartCount"))
        while True:
            seen = await self.inspect(id)
            state, now = part(seen, "State"), self._clock.monotonic()
            status, health = text(state.get("Status"), 20), text(part(state, "Health").get("Status"), 20)
            if number(seen.get("RestartCount")) > begun or status == "restarting":
                return "it ends and is restarted again and again"
            if status in ("exited", "dead", "stopped"):
                killed = ": it had no memory left" if state.get("OOMKilled") is True else ""
                return f"it ended with code {number(state.get('ExitCode'))}{killed}"
            if health == "unhealthy":
                return "its health check fails"
            if status == "running" and (health == "healthy" or (health in ("", "none") and now - since >= _STEADY_S)):
                return ""
            if now >= end:
                return f"after {within_s:g} s it is {status}{f', {health}' if health else ''}"
            await self._clock.sleep(_LOOK_EVERY_S)

    async def still(self, id: str, within_s: float) -> None:
        """Wait until it does not run, and no longer than that. Raises CockpitError."""
        end = self._clock.monotonic() + within_s
        while part(await self.inspect(id), "State").get("Running") is True and self._clock.monotonic() < end:
            await self._clock.sleep(_LOOK_EVERY_S)

    async def join(self, id: str, like: Json, *, twin: bool = False) -> None:
        """The networks of the other one, but for the first, which it was made in; `twin`: it is its sibling."""
        for network, endpoint in list(networks(like, twin=twin).items())[1:]:
            joined = {"Container": id, "EndpointConfig": endpoint}
            await self._gateway.change("POST", f"{path_of('networks', network)}/connect", body=joined)

    async def others_on(self, images: Sequence[str]) -> dict[str, list[str]]:
        """Image id -> containers of the whole engine that use it, running or not."""
        found: dict[str, list[str]] = {}
        for each in await self._gateway.listed("/containers/json", {"all": "true"}):
            found.setdefault(text(each.get("ImageID"), 80), []).append(text(each.get("Id"), 64))
        return {image: found.get(image, []) for image in images}


def name_of(inspected: Json) -> str:
    """Without the slash."""
    return text(inspected.get("Name"), 200).removeprefix("/")


def number_of(inspected: Json) -> int:
    """Of its service, from 1."""
    told = str(part(inspected, "Config", "Labels").get(f"{LABEL}container-number", ""))
    return int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 0


def filters(**values: Sequence[str]) -> str:
    """As the API takes them."""
    return json.dumps({name: list(each) for name, each in values.items()})


def named_images(images: Sequence[Json]) -> dict[str, tuple[str, ...]]:
    """Image id -> its tags and digests."""
    return {
        text(each.get("Id"), 80): tuple(
            name for key in ("RepoTags", "RepoDigests") for name in (each.get(key) or ()) if isinstance(name, str)
        )
        for each in parts(images)
    }

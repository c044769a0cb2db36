"""Changes at Render: each sent once, and then looked at until it has ended. RenderEstate reads what they need.

https://api-docs.render.com/reference: rollback-deploy, create-deploy, restart-service, scale-service,
suspend-service, resume-service, update-service, create-postgres-export, recover-postgres.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cockpit.adapters.raw import part, text
from cockpit.adapters.render import wire
from cockpit.adapters.render.api import RenderApi
from cockpit.adapters.render.estate import RenderEstate
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, RateLimited, TimedOut, Unreachable
from cockpit.model.render import Deploy

Waited = Callable[[str, float], None]  # what is so now, seconds since it was sent
Look = Callable[[], Awaitable[tuple[bool, str]]]  # whether it is so, and what is so instead
FIRST_S, MOST_S = 1.0, 6.0
PLAYED_S = 0.02  # between two looks at an API that is played on this machine
_PASSING = (Unreachable, TimedOut, RateLimited, Malformed)  # the next look may succeed


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that changes something."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    def shown(self, api: RenderApi) -> str:
        """Exactly what is sent, without the key."""
        lines = [f"{self.method} {api.url(self.path)}", "Authorization: Bearer ***"]
        return "\n".join([*lines, *([json.dumps(dict(self.body))] if self.body is not None else [])])

    def curl(self, api: RenderApi) -> str:
        """The same by hand; the key is a variable."""
        words = ["curl", "-sS", "-X", self.method, api.url(self.path)]
        if self.body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(dict(self.body))]
        return f'{shlex.join(words)} -H "Authorization: Bearer $RENDER_API_KEY"'


def rollback(service: str, deploy: str) -> Asked:
    """To the build of an earlier deploy."""
    return Asked("POST", f"/services/{service}/rollback", {"deployId": deploy})


def redeploy(service: str, *, clear: bool, commit: str = "") -> Asked:
    """The newest commit of the branch, or the one that is named, built anew."""
    body: dict[str, object] = {"clearCache": "clear" if clear else "do_not_clear"}
    return Asked("POST", f"/services/{service}/deploys", body | ({"commitId": commit} if commit else {}))


def restart(service: str) -> Asked:
    """New instances of the same deploy."""
    return Asked("POST", f"/services/{service}/restart")


def scale(service: str, count: int) -> Asked:
    """To a fixed number of instances."""
    return Asked("POST", f"/services/{service}/scale", {"numInstances": count})


def suspend(service: str) -> Asked:
    """Ends all instances and refuses deploys."""
    return Asked("POST", f"/services/{service}/suspend")


def resume(service: str) -> Asked:
    """Deploys it anew."""
    return Asked("POST", f"/services/{service}/resume")


def maintenance(service: str, *, on: bool, uri: str) -> Asked:
    """Of a web service; `uri` "" for Render's own page."""
    return Asked(
        "PATCH", f"/services/{service}", {"serviceDetails": {"maintenanceMode": {"enabled": on, "uri": uri}}}
    )


def export(postgres: str) -> Asked:
    """A logical backup."""
    return Asked("POST", f"/postgres/{postgres}/export")


def recover(postgres: str, at: str, name: str) -> Asked:
    """A new database as of a moment (RFC 3339)."""
    return Asked("POST", f"/postgres/{postgres}/recovery", {"restoreTime": at, "restoreName": name})


class RenderChange:
    """Sends them and follows what they began."""

    def __init__(self, estate: RenderEstate, clock: Clock) -> None:
        self.estate = estate
        self.api = estate.api
        self._clock = clock

    async def send(self, asked: Asked) -> str:
        """Once; the id of what it made, "" where the answer names none. Raises CockpitError."""
        answer = await self.api.change(asked.method, asked.path, asked.body)
        return text(part(answer).get("id"), 100)

    async def deployed(self, service: str, deploy: str, within_s: float, waited: Waited) -> Deploy:
        """The deploy once it has ended, however that is. TimedOut, with `effect_possible`, where it goes on."""
        held: list[Deploy] = []

        async def look() -> tuple[bool, str]:
            held[:] = [await self.estate.deploy(service, deploy)]
            return not wire.is_underway(held[0]), held[0].status.replace("_", " ")

        await self.until(look, f"deploy {deploy}", within_s, waited)
        return held[0]

    async def until(
        self,
        look: Look,
        what: str,
        within_s: float,
        waited: Waited,
    ) -> None:
        """Looks again until it is so. An error that may pass is passed over; others have `effect_possible`."""
        began = self._clock.monotonic()
        pause = PLAYED_S if self.api.simulated else FIRST_S
        trouble = ""
        while True:
            try:
                done, said = await look()
                trouble = ""
                if done:
                    return
                waited(said, self._clock.monotonic() - began)
            except _PASSING as error:
                trouble = f" (last look: {error.word})"
            except CockpitError as error:
                error.effect_possible = True
                raise
            if self._clock.monotonic() - began + pause > within_s:
                raise TimedOut(
                    f"Render accepted it, but {what} did not end within {within_s:g} s{trouble}",
                    hint="it goes on without the cockpit: look at the service before anything else",
                    effect_possible=True,
                )
            await self._clock.sleep(pause)
            pause = min(pause * 1.3, PLAYED_S if self.api.simulated else MOST_S)

"""Changes at Render: each sent once, and then looked at until it has ended. RenderEstate reads what they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cockpit.adapters.raw import part, text
from cockpit.adapters.render import wire
from cockpit.adapters.render.asking import Asked
from cockpit.adapters.render.estate import RenderEstate
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, RateLimited, TimedOut, Unreachable
from cockpit.model.render import Deploy

Waited = Callable[[str, float], None]  # what is so now, seconds since it was sent
Look = Callable[[], Awaitable[tuple[bool, str]]]  # whether it is so, and what is so instead
FIRST_S, MOST_S = 1.0, 6.0
PLAYED_S = 0.02  # between two looks at an API that is played on this machine
_PASSING = (Unreachable, TimedOut, RateLimited, Malformed)  # the next look may succeed


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

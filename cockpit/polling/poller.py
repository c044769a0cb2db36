"""One task a source: polls on its own clock and deadline, backs off, and never delays another source."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, PutOff, RateLimited, TimedOut
from cockpit.model.severity import SourceKind
from cockpit.polling.hub import Hub

if TYPE_CHECKING:
    from cockpit.adapters.capabilities import Probing

BACK_OFF_CAP_S = 15.0
JITTER = 0.05
GRACE_S = 0.5  # an adapter ends at its own deadline; this is for one that does not


class Poller:
    """Owns the polling of one source. `run` ends only by cancellation."""

    def __init__(
        self,
        source: str,
        kind: SourceKind,
        title: str,
        probe: Probing,
        *,
        interval_s: float,
        timeout_s: float,
        hub: Hub,
        clock: Clock,
        random_: random.Random | None = None,
        asleep: bool = False,
    ) -> None:
        self.source = source
        self._probe = probe
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._hub = hub
        self._clock = clock
        self._random = random_ or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._woken = asyncio.Event()
        self._asleep = asleep
        hub.register(source, kind, title, interval_s, timeout_s, self._woken.set, asleep=asleep)

    async def run(self) -> None:
        """Poll until cancelled; from the first time that somebody asks, where it is asleep."""
        failures = 0
        if self._asleep:
            await self._woken.wait()
        while True:
            started = self._clock.monotonic()
            self._woken.clear()
            try:
                await self.poll()
            except CockpitError as error:
                failures += 0 if isinstance(error, PutOff) else 1
                delay = min(self._interval_s * 2 ** min(failures - 1, 10), max(BACK_OFF_CAP_S, self._interval_s))
                if isinstance(error, RateLimited) and error.retry_after_s is not None:
                    delay = max(delay, error.retry_after_s)
            else:
                failures = 0
                delay = max(0.0, self._interval_s - (self._clock.monotonic() - started))
            await self._pause(delay * (1 + self._random.uniform(-JITTER, JITTER)))

    async def poll(self) -> None:
        """One poll, told to the hub either way; raises what it told."""
        self._hub.poll_started(self.source)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s + GRACE_S):
                observation = await self._probe.probe()
        except TimeoutError:
            late = TimedOut(
                f"no answer in {self._timeout_s:g} s", hint="The source hangs or the network drops packets"
            )
            self._hub.poll_failed(self.source, late)
            raise late from None
        except CockpitError as error:
            self._hub.poll_failed(self.source, error)
            raise
        except Exception as error:
            # A defect of an adapter must not end the polling, nor look like a healthy source.
            defect = Malformed(
                f"the adapter failed on the answer ({type(error).__name__})", hint="Please report this"
            )
            self._hub.poll_failed(self.source, defect)
            raise defect from error
        self._hub.poll_succeeded(self.source, observation, self._clock.monotonic() - started)

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()

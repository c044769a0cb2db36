"""`cockpit demo`: a live incident in a small shop on this machine, for the screen or headless."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cockpit.cli import observe
from cockpit.cli.exits import Exit, note, on_loop
from cockpit.cli.options import Given
from cockpit.cli.output import Style, say, say_json
from cockpit.errors import Unreachable
from cockpit.sandbox.launcher import LaunchedSandbox, LaunchFailed, StartedStage

SCENARIOS = ("bad-revision", "lock-pileup", "redis-full", "slow-query", "stuck-jobs", "none")


@dataclass(frozen=True, slots=True)
class Show:
    """What is to be seen, and where its files go (None: a folder that is deleted in the end)."""

    scenario: str
    folder: Path | None = None
    system: str | None = None  # one that comes with the cockpit; None: the shop
    runbook: Path | None = None  # that system's own

    async def start(self, tell: Callable[[StartedStage], None]) -> LaunchedSandbox:
        """The sandbox, ready; `tell` hears of each stage. Raises Unreachable, with nothing left running."""
        launched = await LaunchedSandbox.launch(
            self.scenario, self.folder, keep=self.folder is not None, system=self.system, runbook=self.runbook
        )
        try:
            async for stage in launched.stages():
                tell(stage)
        except LaunchFailed as error:
            await launched.stop()
            raise Unreachable(f"the demo did not start: {error}") from error
        except BaseException:
            await launched.stop()
            raise
        # Records of a demo stay with it: what an earlier one saw serve would be taken for this one's past.
        os.environ["XDG_STATE_HOME"] = str(launched.directory / "state")
        return launched


def headless(show: Show, for_s: float, as_json: bool) -> int:
    """Start it, poll it that long, print what `check` prints. Exit code 0: the demo went as it should."""
    what, path = on_loop(_headless(show, for_s))
    if as_json:
        say_json(observe.as_json(what))
    else:
        for line in observe.lines(what, Style.of(), str(path)):
            say(line)
    return Exit.OK


async def _headless(show: Show, for_s: float) -> tuple[observe.Seen, Path]:
    from cockpit.cli.check import look
    from cockpit.profile.load import load

    launched = await show.start(lambda stage: note(_stage_line(stage)))
    try:
        path = _profile_of(launched)
        note(f"ready: {path}")
        return await look(Given(load(path), path, str(path)), for_s), path
    finally:
        await launched.stop()


class Backstage:
    """The sandbox on an event loop of its own in a thread: it starts behind a screen, and ends after it."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._over = False
        self._guard = threading.Lock()

    async def prepare(self, tell: Callable[[str], None]) -> Path:
        """Start it; `tell` hears of each stage on the caller's loop. The profile's path. Raises Unreachable."""
        screen = asyncio.get_running_loop()
        ready: asyncio.Future[Path] = screen.create_future()

        def on_screen(call: Callable[[], None]) -> None:
            if not screen.is_closed():
                screen.call_soon_threadsafe(call)

        def answer(what: Path | Exception) -> None:
            if ready.done():
                return
            if isinstance(what, Exception):
                ready.set_exception(what)
            else:
                ready.set_result(what)

        live = self._live(
            lambda stage: on_screen(lambda: tell(_stage_line(stage))), lambda what: on_screen(lambda: answer(what))
        )
        with self._guard:
            if self._over:
                live.close()
                raise Unreachable("the demo has already ended")
            self._thread = threading.Thread(target=lambda: asyncio.run(live), name="sandbox")
            self._thread.start()
        return await ready

    async def _live(self, tell: Callable[[StartedStage], None], answer: Callable[[Path | Exception], None]) -> None:
        """All that happens in the thread: start, answer, wait for `close`, end."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        starting = asyncio.ensure_future(self._show.start(tell))
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        try:
            launched = await starting
        except asyncio.CancelledError:
            return
        except Exception as error:
            stopping.cancel()
            answer(error)
            return
        try:
            answer(_profile_of(launched))
            await stopping
        finally:
            await launched.stop()

    def close(self) -> None:
        """End it and everything in it; returns when it is gone."""
        with self._guard:
            self._over = True
        if self._thread is None:
            return
        while self._thread.is_alive():
            # Asked again and again: the thread may not have made its loop yet.
            if self._loop is not None and self._stop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(0.2)


def _profile_of(launched: LaunchedSandbox) -> Path:
    if launched.profile is None:
        raise Unreachable("the demo started without a profile")
    return launched.profile


def _stage_line(stage: StartedStage) -> str:
    return f"{stage.seconds:5.1f} s  {stage.name}: {stage.message}{'  (missing here)' if stage.missing else ''}"

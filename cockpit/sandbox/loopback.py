"""A server process on a loopback port of its own: starting it where nobody listens yet, and holding it still."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cockpit.sandbox.process import LOOPBACK, ServerProcess, StartFailed, free_port

_ATTEMPTS = 3


class LoopbackServer:
    """A running server. Its kind knows how it is reached, stopped and killed."""

    def __init__(self, process: ServerProcess, home: Path, port: int) -> None:
        self._process = process
        self._home = home
        self.host = LOOPBACK
        self.port = port
        self.pid = process.pid
        self.log = process.log

    @property
    def alive(self) -> bool:
        """It runs (or is paused)."""
        return self._process.alive

    def pause(self) -> None:
        """SIGSTOP to it and all it forked: connections stay, nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._process.resume()


def on_free_port(
    what: str, start: Callable[[int], ServerProcess], ready: Callable[[int], bool], deadline_s: float
) -> tuple[ServerProcess, int]:
    """Start on a free port and wait until it is ready; another port where somebody was faster. Raises StartFailed."""
    for attempt in range(1, _ATTEMPTS + 1):
        port = free_port()
        process = start(port)
        try:
            process.wait_until(partial(ready, port), deadline_s)
        except StartFailed as error:
            if attempt < _ATTEMPTS and "ddress already in use" in str(error):
                continue  # somebody took the port between the look and the start
            raise StartFailed(f"{what} did not start: {error}") from None
        return process, port
    raise StartFailed(f"no free port for {what}")

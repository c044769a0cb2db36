"""`python -m cockpit.sandbox --scenario NAME --dir DIR [--keep]`: runs the system until its standard input ends.

Prints one JSON line for each stage, then {"ready": true, "profile": PATH}; on failure {"error": TEXT}, exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

from cockpit.profile.shipped import NAMES, shipped
from cockpit.sandbox.process import NoBinary, StartFailed
from cockpit.sandbox.scenarios import Scenario
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.system import Sandbox, Stage, Tempo, Unavailable

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _arguments() -> argparse.Namespace:
    defaults = Tempo()
    parser = argparse.ArgumentParser(prog="python -m cockpit.sandbox", description=__doc__)
    parser.add_argument("--scenario", default="none", choices=[scenario.value for scenario in Scenario])
    parser.add_argument("--as", dest="system", choices=NAMES, help="play this system instead of the shop")
    parser.add_argument("--runbook", type=Path, help="that system's own runbook")
    parser.add_argument("--dir", required=True, type=Path, help="where its files go; deleted at the end")
    parser.add_argument("--keep", action="store_true", help="leave the directory")
    parser.add_argument("--rate", type=float, default=defaults.requests_per_s, help="requests a second")
    parser.add_argument("--warm-up", type=float, default=defaults.warm_up_s, help="seconds before the fault")
    parser.add_argument("--reads-per-minute", type=int, default=defaults.reads_per_minute, help="quota of the log")
    return parser.parse_args()


def _shape(options: argparse.Namespace) -> Shape | None:
    if options.system is None:
        return None
    return replace(Shape.of(tomllib.loads(shipped(options.system).text)), runbook=options.runbook)


def _print(document: object) -> None:
    """One line; whoever reads may be gone, which ends us through standard input."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def _watch_standard_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The parent holds the other end of the pipe: when it dies, however it dies, this reads the end."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="standard-input", daemon=True).start()


async def _run(options: argparse.Namespace) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    _watch_standard_input(loop, stop)
    tempo = Tempo(options.rate, options.warm_up, reads_per_minute=options.reads_per_minute)

    def on_stage(stage: Stage) -> None:
        values = dataclasses.asdict(stage)
        _print({"stage": values.pop("name"), **values})

    starting = asyncio.ensure_future(
        Sandbox.start(options.dir, Scenario(options.scenario), tempo=tempo, shape=_shape(options), on_stage=on_stage)
    )
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        system = await starting
    except asyncio.CancelledError:
        return 0
    except (NoBinary, StartFailed, Unavailable) as error:
        _print({"error": str(error)})
        return 1
    finally:
        if not starting.done() or starting.cancelled() or starting.exception():
            stopping.cancel()
    _print({"ready": True, "profile": str(system.profile)})
    try:
        await stopping
    finally:
        await system.close()
    return 0


def main() -> int:
    """Run until told to stop; the directory goes, unless it is to be kept."""
    options = _arguments()
    options.dir = options.dir.absolute()
    try:
        return asyncio.run(_run(options))
    finally:
        if not options.keep:
            shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks`: the whole comparison as one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from benchmarks import commands, measures, usage
from benchmarks.terminal import Terminal

# measure: (path to the number, upper bound)
TARGETS = {
    "first paint": (("120x40", "start", "first_paint_ms"), 350),
    "key p95 at rest": (("120x40", "keys", "p95_ms"), 20),
    "key p95 in the flood": (("120x40", "flood_keys", "p95_ms"), 40),
    "CPU at rest": (("120x40", "rest", "cpu_percent"), 3),
    "bytes a second at rest": (("120x40", "rest", "bytes_per_s"), 1536),
    "CPU in the flood": (("120x40", "flood", "cpu_percent"), 20),
    "bytes a second in the flood": (("120x40", "flood", "bytes_per_s"), 15 * 1024),
    "lines missing from the ring": (("120x40", "ring", "missing"), 0),
    "memory": (("120x40", "memory", "rss_mib"), 110),
    "slowest command without SDK": (("commands", "slowest_ms"), 400),
    "demo until its incident is reported": (("demo", "incident_reported_s"), 10),
}


Keys = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each measurement takes."""

    settle_s: float
    load_s: float
    presses: int
    memory_s: float
    starts: int
    flood_rate: int


class Scene:
    """The system under observation (benchmarks/scene.py), in its own process."""

    def __init__(self, process: subprocess.Popen[str], output: IO[str], orders: IO[str]) -> None:
        self._process, self._output, self._orders = process, output, orders
        self.facts: dict[str, Any] = self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._output.readline()
        if not line:
            raise SystemExit("the scene did not start: see the messages above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def rate(self, lines_per_s: float) -> int:
        """Set the log's rate; how many lines there are."""
        self._orders.write(f"rate {lines_per_s}\n")
        self._orders.flush()
        return int(self._answer()["written"])

    def stop(self) -> None:
        """End it and what it started."""
        self._orders.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A running scene."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scene", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found = Scene(process, process.stdout, process.stdin)
    try:
        yield found
    finally:
        found.stop()


def measure(
    argv: list[str], size: tuple[int, int], plan: Plan, shop: Scene | None, keys: Keys, env: dict[str, str]
) -> dict[str, Any]:
    """One program at one size; with `shop` also in the flood, and its memory after it.

    Three `keys`: one that goes to a table other than the log (the log must go on following), then down and up.
    """
    found: dict[str, Any] = {"start": measures.starts(argv, size, env, plan.starts)}
    with Terminal(argv, *size, env) as terminal:
        try:
            terminal.listen(plan.settle_s)
            terminal.key(keys[0])
            terminal.listen(1)
            found["rest"] = measures.load(terminal, plan.load_s)
            found["keys"] = measures.keys(terminal, *keys[1:], plan.presses)
            if shop is not None:
                shop.rate(plan.flood_rate)
                terminal.listen(3)
                before, at = shop.rate(plan.flood_rate), terminal.now
                found["flood"] = measures.load(terminal, plan.load_s)
                lines = shop.rate(plan.flood_rate) - before
                found["flood"]["lines_per_s"] = round(lines / (terminal.now - at))
                found["flood_keys"] = measures.keys(terminal, *keys[1:], plan.presses)
                terminal.listen(max(0.0, plan.memory_s - (terminal.now - at)))
                found["memory"] = {
                    "rss_mib": round(usage.rss_mib(terminal.pid), 1),
                    "after_s": round(terminal.now - at),
                }
                # With the log at rest, all of it must be in the ring when the program ends.
                shop.rate(0)
                terminal.listen(3)
                found["written"] = shop.rate(0)
        except EOFError:
            found["error"] = "the program ended by itself"
        found["screen"] = [line.rstrip() for line in terminal.screen()]
    return found


def ratios(cockpit: dict[str, Any], peer: dict[str, Any]) -> dict[str, float | None]:
    """The cockpit's numbers as a multiple of the peer's."""
    pairs = [("start", "first_paint_ms"), ("rest", "cpu_percent"), ("rest", "bytes_per_s"), ("rest", "rss_mib"),
             ("keys", "p50_ms"), ("keys", "p95_ms")]  # fmt: skip
    found: dict[str, float | None] = {}
    for part, name in pairs:
        ours, theirs = cockpit.get(part, {}).get(name), peer.get(part, {}).get(name)
        found[f"{part}.{name}"] = round(ours / theirs, 2) if ours is not None and theirs else None
    return found


def verdicts(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each target with what was measured."""
    found: dict[str, dict[str, Any]] = {}
    for name, (path, bound) in TARGETS.items():
        value: Any = results
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            found[name] = {"measured": value, "at_most": bound, "met": value <= bound}
    return found


def peers(facts: dict[str, Any]) -> dict[str, tuple[list[str], dict[str, str], Keys]]:
    """Programs of the same kind on the same server, where they are installed."""
    parts = urlsplit(facts["dsn"])
    found: dict[str, tuple[list[str], dict[str, str], Keys]] = {}
    beside = Path(sys.executable).with_name("pg_activity")
    program = str(beside) if beside.exists() else which("pg_activity")
    if program:
        argv = [program, "-h", facts["host"], "-p", str(facts["port"]), "-U", "postgres", "-d", "postgres",
                "--refresh", "1", "--no-inst-info"]  # fmt: skip
        found["pg_activity"] = (argv[:-1], {"PGPASSWORD": unquote(parts.password or "")}, ("", "\x1b[B", "\x1b[A"))
    return found


def ring(report: Path, written: int) -> dict[str, Any]:
    """What the log ring held at the end, against what was written."""
    if not report.exists():
        return {"error": "no report: the cockpit did not end in order"}
    counts: dict[str, Any] = {}
    for rings in json.loads(report.read_text())["rings"]:
        for numbers in rings.values():
            counts |= numbers
    if counts:
        # Lines from before the start are not the ring's to have; from its first number on none may be missing.
        counts["written"] = written
        counts["missing"] += max(0, written - 1 - counts["last_number"])
    return counts


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--command", help="measure this instead of the cockpit; {profile} is replaced")
    parser.add_argument("--sizes", default="120x40,200x50", help="terminal sizes, the first also in the flood")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the flood lasts before memory is read")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each CPU and traffic measurement")
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--rate", type=int, default=5000, help="log lines a second in the flood")
    parser.add_argument("--starts", type=int, default=7, help="how often each program is started for its first paint")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--screens", action="store_true", help="include the last screen of each program")
    return parser.parse_args()


def main() -> int:
    """Run; print JSON; 1 when a target was missed."""
    chosen = arguments()
    plan = Plan(6.0, chosen.seconds, chosen.presses, chosen.minutes * 60, chosen.starts, chosen.rate)
    sizes = [tuple(map(int, size.split("x"))) for size in chosen.sizes.split(",")]
    results: dict[str, Any] = {}
    busy = os.getloadavg()[0]
    if not chosen.command:
        times = commands.commands()
        results |= {"commands": {**times, "slowest_ms": max(times.values())}, "demo": commands.demo()}
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as name:
        folder = Path(name)
        # The servers give up root's rights and must still be able to enter.
        folder.chmod(0o755)
        with scene(folder / "scene") as shop:
            for index, (columns, lines) in enumerate(sizes):
                report = folder / f"ring-{index}.json"
                argv = [sys.executable, "-m", "benchmarks.launch", shop.facts["profile"], str(report)]
                if chosen.command:
                    argv = [part.format(profile=shop.facts["profile"]) for part in shlex.split(chosen.command)]
                env = {"XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "", "LINES": ""}
                flooded = shop if index == 0 else None
                found = measure(argv, (columns, lines), plan, flooded, ("3", "j", "k"), env)
                if flooded and not chosen.command:
                    found["ring"] = ring(report, found.pop("written", 0))
                    shop.rate(2)
                results[f"{columns}x{lines}"] = found
            if not chosen.no_peers:
                for peer, (argv, env, keys) in peers(shop.facts).items():
                    for columns, lines in sizes:
                        found = measure(argv, (columns, lines), plan, None, keys, env)
                        results.setdefault(peer, {})[f"{columns}x{lines}"] = found
    output: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load_before": round(busy, 2),
            "load_after": round(os.getloadavg()[0], 2),
        },
        "targets": verdicts(results),
        "ratios": {
            peer: {size: ratios(results[size], numbers[size]) for size in numbers}
            for peer, numbers in results.items()
            if "x" not in peer and peer not in ("commands", "demo")
        },
        "results": results if chosen.screens else without_screens(results),
    }
    print(json.dumps(output, indent=2))
    return 0 if all(verdict["met"] for verdict in output["targets"].values()) else 1


def without_screens(value: Any) -> Any:
    """The results without what the programs showed."""
    if not isinstance(value, dict):
        return value
    return {name: without_screens(part) for name, part in value.items() if name != "screen"}


if __name__ == "__main__":
    sys.exit(main())

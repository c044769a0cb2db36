"""The measurements: each takes a running program in a terminal and gives plain numbers."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence

from benchmarks import usage
from benchmarks.terminal import Chunk, Terminal, deflated, first_paint

# A frame goes out in one write; a pause longer than this ends the burst that a key has caused.
GAP_S = 0.020
ANSWER_S = 1.0
START_S = 1.5

Numbers = dict[str, float | int | None]


def starts(argv: Sequence[str], size: tuple[int, int], env: Mapping[str, str], times: int) -> Numbers:
    """Time from the start of the process to the first screen with something on 5 % of its cells; median and range."""
    found: list[float] = []
    for _ in range(times):
        with Terminal(argv, *size, env) as terminal:
            try:
                terminal.listen(START_S)
            except EOFError:
                continue
            painted = first_paint(terminal.chunks, *size)
        if painted is not None:
            found.append(painted * 1000)
    if not found:
        return {"first_paint_ms": None, "starts": 0}
    return {
        "first_paint_ms": round(statistics.median(found), 1),
        "best_ms": round(min(found), 1),
        "worst_ms": round(max(found), 1),
        "starts": len(found),
    }


def load(terminal: Terminal, seconds: float) -> Numbers:
    """CPU share of one core, and bytes a second to the terminal, raw and as `ssh -C` would send them."""
    before, at = usage.cpu_s(terminal.pid), terminal.now
    chunks = terminal.listen(seconds)
    took = terminal.now - at
    return {
        "cpu_percent": round(100 * (usage.cpu_s(terminal.pid) - before) / took, 2),
        "bytes_per_s": round(size(chunks) / took),
        "deflated_bytes_per_s": round(deflated(chunks) / took),
        "writes_per_s": round(len(chunks) / took, 1),
        "rss_mib": round(usage.rss_mib(terminal.pid), 1),
    }


def keys(terminal: Terminal, down: str, up: str, presses: int) -> Numbers:
    """From the key written to the last byte of the burst it causes, at random moments; p50, p95 and worst in ms."""
    chance = random.Random(3)
    took: list[float] = []
    silent = 0
    for press in range(presses):
        terminal.listen(chance.uniform(0.08, 0.35))
        at = terminal.key(down if press % 8 < 4 else up)
        answered = _burst_end(terminal)
        if answered is None:
            silent += 1
        else:
            took.append((answered - at) * 1000)
    if not took:
        return {"presses": presses, "unanswered": silent, "p50_ms": None, "p95_ms": None, "max_ms": None}
    return {
        "presses": presses,
        "unanswered": silent,
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(quantile(took, 0.95), 1),
        "max_ms": round(max(took), 1),
    }


def _burst_end(terminal: Terminal) -> float | None:
    chunk = terminal.read(ANSWER_S)
    last = None
    while chunk is not None:
        last = chunk.at
        chunk = terminal.read(GAP_S)
        if chunk is not None and last is not None and chunk.at - last > GAP_S:
            break
    return last


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def size(chunks: Sequence[Chunk]) -> int:
    """Bytes in all."""
    return sum(len(chunk.data) for chunk in chunks)

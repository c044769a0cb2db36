"""The longest turns of the event loop, and what was run in them.

A turn is one callback or one step of a task: while it runs nothing else does. Its time by the clock holds what other
programs took of the processor; `own` is the processor time of this thread, `gc` that of the collector in
whichever thread: it holds up all.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

_RUN = "_run"
_KEPT_S = 0.002  # shorter ones are not worth a line


@dataclass(frozen=True, slots=True)
class Turn:
    """In milliseconds."""

    clock: float
    own: float
    gc: float
    what: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The turns of a while."""

    turns: tuple[Turn, ...]
    count: int  # also of those too short to be kept

    @property
    def own_ms(self) -> float:
        """The longest."""
        return max((each.own for each in self.turns), default=0.0)

    @property
    def clock_ms(self) -> float:
        """The longest."""
        return max((each.clock for each in self.turns), default=0.0)

    def told(self, most: int) -> dict[str, Any]:
        """For people, with the `most` that worked longest."""
        slowest = sorted(self.turns, key=lambda each: -each.own)[:most]
        words = [f"own {each.own:.1f} ms, clock {each.clock:.1f}, gc {each.gc:.1f}: {each.what}" for each in slowest]
        return {
            "turns": self.count,
            "own_ms": round(self.own_ms, 1),
            "clock_ms": round(self.clock_ms, 1),
            "gc_ms": round(max((each.gc for each in self.turns), default=0.0), 1),
            "slowest": words,
        }


class Turns:
    """Measures every turn of every event loop of this process while it is entered."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._count = 0
        self._collected = 0.0
        self._began = 0.0
        self._plain: Callable[[asyncio.Handle], None] = getattr(asyncio.Handle, _RUN)

    def taken(self) -> Taken:
        """Those since the last time."""
        found = Taken(tuple(self._turns), self._count)
        self._turns, self._count = [], 0
        return found

    def __enter__(self) -> Turns:
        gc.callbacks.append(self._collecting)
        plain = self._plain

        def run(handle: asyncio.Handle) -> None:
            what = _called(handle)
            self._collected = 0.0
            clock, own = time.perf_counter(), time.thread_time()
            try:
                plain(handle)
            finally:
                spent = time.perf_counter() - clock
                self._count += 1
                if spent > _KEPT_S:
                    worked = time.thread_time() - own
                    self._turns.append(Turn(spent * 1e3, worked * 1e3, self._collected * 1e3, what()))

        setattr(asyncio.Handle, _RUN, run)  # there is no hook for it
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        setattr(asyncio.Handle, _RUN, self._plain)
        gc.callbacks.remove(self._collecting)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self._collected += time.thread_time() - self._began


def _called(handle: asyncio.Handle) -> Callable[[], str]:
    """What it runs; of a task the coroutines in which it waits before, and after where it has not ended."""
    callback = handle._callback  # type: ignore[attr-defined]
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return lambda: str(getattr(callback, "__qualname__", callback))[:200]
    before = _waiting(task)

    def told() -> str:
        after = _waiting(task)
        return f"{task.get_name()[:40]}: {before}{f' -> {after}' if after not in ('', before) else ''}"[:400]

    return told


def _waiting(task: asyncio.Task[Any]) -> str:
    names: list[str] = []
    inner: Any = task.get_coro()
    while inner is not None and len(names) < 12:
        name = getattr(inner, "__qualname__", "")
        if name:
            names.append(name)
        inner = getattr(inner, "cr_await", None) or getattr(inner, "ag_await", None)
    return " > ".join(names[-4:])

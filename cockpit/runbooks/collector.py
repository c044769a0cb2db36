"""Python's garbage collector held off while a runbook is read.

A reading makes some hundred thousand values that live on and hold no cycles. The collector would walk them all, again
and again: a quarter of the time, and in steps that no other thread can interrupt.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0  # readings at work, in any thread
_was_on = False


@contextmanager
def held_off() -> Iterator[None]:
    """No collection begins by itself inside of it; where the last one ends, all is as before."""
    global _inside, _was_on
    with _lock:
        if _inside == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_on:
                _let_rest()
                gc.enable()


def _let_rest() -> None:
    """Counts all that was made as old, which the collector would else walk through at the next value made."""
    if gc.get_freeze_count() == 0:  # else there is something that was put aside for good, and would be with the rest
        gc.freeze()
        gc.unfreeze()

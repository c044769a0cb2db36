"""Python's garbage collector: the one place that says when it may work, and what it need not look at.

It walks over everything that may be part of a cycle while the event loop stands. So what lives for good is put aside
once, when the screen stands; what is made by the hundred thousand is made while it waits; and what is watched is kept
in a form that has nothing to walk over (`cockpit.adapters.kube.packed`). Nothing else here turns or tunes it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0  # how often it is held off now, in any thread
_was_on = False
_aside = False  # gc.get_freeze_count() would tell too, by counting: milliseconds


def put_aside() -> None:
    """What lives now lives for good, and is not looked at again. Without a walk first: the little that is garbage now
    stays, some thousand objects, and saves a turn of the event loop of a tenth of a second. To be called once: what
    is garbage each time would stay each time.
    """
    global _aside
    with _lock:
        _aside = True
        gc.freeze()


@contextmanager
def held_off() -> Iterator[None]:
    """While some hundred thousand values are made that live on and hold no cycles: they would be walked again and
    again, a quarter of the time, in steps that no other thread can interrupt. After the last one all is as before.
    """
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
    if not _aside:  # else what was put aside would be looked at again with the rest
        gc.freeze()
        gc.unfreeze()

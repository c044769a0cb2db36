"""Python's garbage collector while an adapter makes many objects at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's garbage collector held off while thousands of objects are made that live on and hold no cycles: it
    would walk over all of them, for tens of milliseconds in which the event loop stands.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            aside = gc.get_freeze_count() > 0  # the screen has put its own aside for good: these go with them
            gc.freeze()
            if not aside:
                gc.unfreeze()  # counts all as old, without a walk
            gc.enable()

"""Pure functions of a short text, remembered: steps, facts and sections ask the same of the same lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

_SHORT = 400  # a longer text is worked out each time: nothing of it is held for good
_MOST = 8192

ValueT = TypeVar("ValueT")


def remembered(function: Callable[[str], ValueT]) -> Callable[[str], ValueT]:
    """The same function, which answers at once for a text that it has seen lately."""
    known = lru_cache(maxsize=_MOST)(function)

    @wraps(function)
    def answer(text: str) -> ValueT:
        return (known if len(text) <= _SHORT else function)(text)

    return answer

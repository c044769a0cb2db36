"""Pure functions of a short text, remembered: steps, facts and sections ask the same of the same lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

_SHORT = 400  # a longer text is worked out each time: nothing of it is held for good
_MOST = 8192  # then all are forgotten: it takes longer to keep the latest than to work them out again

ValueT = TypeVar("ValueT")


def remembered(function: Callable[[str], ValueT]) -> Callable[[str], ValueT]:
    """The same function, which answers at once for a text that it has seen lately."""
    return _Known(function).__getitem__


class _Known(dict[str, ValueT], Generic[ValueT]):
    """Text -> value. What is there is found without a call of anything written in Python."""

    def __init__(self, function: Callable[[str], ValueT]) -> None:
        super().__init__()
        self._function = function
        _all.append(self)

    def __missing__(self, text: str) -> ValueT:
        value = self._function(text)
        if len(text) <= _SHORT:
            if len(self) >= _MOST:
                self.clear()
            self[text] = value
        return value


_all: list[_Known[Any]] = []


def forget() -> None:
    """All of it."""
    for known in _all:
        known.clear()

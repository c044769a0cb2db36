"""Things in their order that are kept for a while and may be followed: lines of a log, events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from itertools import takewhile
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """The newest `most` of them."""

    def __init__(self, most: int) -> None:
        self._kept: deque[tuple[int, T]] = deque(maxlen=most)
        self._count = 0
        self._news = asyncio.Event()

    def add(self, item: T) -> None:
        """One more."""
        self._count += 1
        self._kept.append((self._count, item))
        self.wake()

    def wake(self) -> None:
        """Whoever follows looks whether it is over."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    @property
    def kept(self) -> list[T]:
        """Oldest first."""
        return [item for _, item in self._kept]

    async def follow(self, over: Callable[[], bool]) -> AsyncGenerator[list[T], None]:
        """First all that is kept, then what comes, until `over()` after a `wake`."""
        last = 0
        while True:
            news, ended = self._news, over()
            fresh = self._after(last)
            last = self._count
            yield fresh
            if ended:
                return
            if self._news is news:
                await news.wait()

    def _after(self, number: int) -> list[T]:
        found = [item for _, item in takewhile(lambda each: each[0] > number, reversed(self._kept))]
        return found[::-1]

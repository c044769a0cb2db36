"""Watched objects as runs of bytes: a tenth of their size, and nothing that the garbage collector walks over.

Each is unpacked anew when it is looked at, which takes some 30 microseconds for a pod; so what is made of the objects
is kept, and made again only of those that changed.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from cockpit.adapters.kube.slices import Object, Pace

T = TypeVar("T")


class Packed(Mapping[str, Object]):
    """Objects by uid. What comes out is a copy: changing it changes nothing here."""

    def __init__(self, held: Mapping[str, bytes] | None = None) -> None:
        self._held: dict[str, bytes] = dict(held or {})

    def __getitem__(self, uid: str) -> Object:
        found: Object = marshal.loads(self._held[uid])  # noqa: S302  # our own, from this process
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, uid: object) -> bool:
        return uid in self._held

    def mark(self, uid: str) -> object:
        """The very same one for as long as the object is. Raises KeyError."""
        return self._held[uid]

    def now(self) -> Packed:
        """As they are now, whatever comes later."""
        return Packed(self._held)

    def put(self, uid: str, packed: bytes) -> None:
        """Take over what `pack` made."""
        self._held[uid] = packed

    def drop(self, uid: str) -> None:
        """Forget one, where it is there."""
        self._held.pop(uid, None)


def pack(item: Object) -> bytes:
    """For `Packed.put`. Raises ValueError for what JSON has not."""
    return marshal.dumps(item)


def mark_of(objects: Mapping[str, Object], uid: str) -> object:
    """What is the very same one (`is`) for as long as the object has not changed."""
    return objects.mark(uid) if isinstance(objects, Packed) else objects[uid]


class Kept(Generic[T]):
    """What was made of each object, made again only of those that changed."""

    def __init__(self, make: Callable[[Object], T]) -> None:
        self._make = make
        self._marks: dict[str, object] = {}
        self._made: dict[str, T] = {}

    async def of(self, objects: Mapping[str, Object], pace: Pace) -> dict[str, T]:
        """By uid, in the order of `objects`; what is gone is forgotten."""
        marks: dict[str, object] = {}
        made: dict[str, T] = {}
        for uid in objects:
            mark = marks[uid] = mark_of(objects, uid)
            made[uid] = self._made[uid] if self._marks.get(uid) is mark else self._make(objects[uid])
            await pace.step()
        self._marks, self._made = marks, made
        return made

"""All objects of the played cluster, their versions, and what happened to them since.

Objects are never changed in place: every write puts another one. Single event loop; nothing here waits but `wait`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from cockpit.sandbox.kube.kinds import Kind
from cockpit.sandbox.kube.statuses import Object

KEPT = 4000  # changes that a watch can be taken up again from
Key = tuple[str, str]  # namespace ("" for the cluster's own), name


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `before` None: it is new; `after` None: it is gone, and `last` is how it went."""

    version: int
    kind: str
    before: Object | None
    after: Object | None
    last: Object


class Store:
    """Objects by kind and name; the version grows with every write."""

    def __init__(self) -> None:
        self.version = 1
        self.oldest = 1  # changes up to this version are forgotten
        self._objects: dict[str, dict[Key, Object]] = {}
        self._changes: deque[Change] = deque()
        self._moved = asyncio.Event()

    def get(self, kind: Kind | str, namespace: str, name: str) -> Object | None:
        """The object as it is."""
        return self._of(kind).get((namespace, name))

    def all(self, kind: Kind | str, namespace: str | None = None) -> list[Object]:
        """Of one namespace, or of all; by namespace and name."""
        held = self._of(kind)
        return [held[key] for key in sorted(held) if namespace in (None, key[0])]

    def put(self, kind: Kind, obj: Object) -> Object:
        """It is so from now on; with its new version."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        held = self._of(kind)
        self.version += 1
        stored = {**obj, "metadata": {**meta, "resourceVersion": str(self.version)}}
        before = held.get(key)
        held[key] = stored
        self._tell(Change(self.version, kind.key, before, stored, stored))
        return stored

    def remove(self, kind: Kind, obj: Object) -> None:
        """It is gone."""
        meta = obj["metadata"]
        before = self._of(kind).pop((meta.get("namespace", ""), meta["name"]), None)
        if before is None:
            return
        self.version += 1
        last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}}
        self._tell(Change(self.version, kind.key, before, None, last))

    def since(self, version: int, kind: Kind | str) -> Iterator[Change]:
        """What happened to that kind after that version."""
        wanted = kind if isinstance(kind, str) else kind.key
        found: list[Change] = []
        for change in reversed(self._changes):
            if change.version <= version:
                break
            if change.kind == wanted:
                found.append(change)
        return reversed(found)

    def compact(self, keep: int = 0) -> None:
        """Forget all changes but the newest `keep`."""
        while len(self._changes) > keep:
            self.oldest = self._changes.popleft().version

    async def wait(self) -> None:
        """Until the next write."""
        await self._moved.wait()

    def _of(self, kind: Kind | str) -> dict[Key, Object]:
        return self._objects.setdefault(kind if isinstance(kind, str) else kind.key, {})

    def _tell(self, change: Change) -> None:
        self._changes.append(change)
        self.compact(KEPT)
        waiting, self._moved = self._moved, asyncio.Event()
        waiting.set()

"""What a cluster holds of one resource, kept up to date: a list, then a watch that goes on from it.

A watch that breaks is taken up again where it was; only where the server no longer knows that point is the list read
again. Whoever looks is told whether this is live, and if not, why and since when.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from cockpit.adapters.kube.errors import Expired
from cockpit.adapters.kube.gateway import CYCLE_S, Gateway
from cockpit.adapters.kube.packed import Packed, pack
from cockpit.adapters.kube.slices import Keep, Object, Pace, trimmed
from cockpit.errors import CockpitError, Malformed, NotFound, RateLimited, TimedOut, Unreachable
from cockpit.text import clean

FIRST_S = 0.5
MOST_S = 30.0
ABSENT_S = 60.0  # between two looks for an API that the cluster does not have
SHORT_S = 1.0  # a watch that ends sooner, without an event, is no watch
LIVE = "live"

Resolver = Callable[[], Awaitable[str]]
Changed = Callable[[str, Object], None]  # ADDED, MODIFIED or DELETED, and the object


class Reflector:
    """One resource. `start` it, wait for `ready` once, then look at `items` whenever wanted."""

    def __init__(
        self,
        gateway: Gateway,
        path_or_resolver: str | Resolver,
        *,
        query: Mapping[str, str] = {},
        keep: Keep = trimmed,
        changed: Changed | None = None,
        metadata: bool = False,
        cycle_s: float = CYCLE_S,
    ) -> None:
        self._gateway = gateway
        self._clock = gateway.clock
        self._path = path_or_resolver
        self._query = dict(query)
        self._keep = keep
        self._listeners: list[Changed] = [changed] if changed is not None else []
        self._metadata = metadata
        self._cycle_s = cycle_s
        self._versions: dict[str, str] = {}  # of `items`
        self._version = ""
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # the first list has come, or failed
        self._failure: CockpitError | None = None
        self._moved = asyncio.Event()
        self._worked = False  # the watch brought something, or came to its end
        self.items = Packed()
        self.live = False
        self.listed = False  # a list has come at least once
        self.said = "not read yet"
        self.since: datetime = self._clock.now()
        self.changes = 0  # raised by every change of `items`

    def start(self) -> None:
        """Begin; nothing where it has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def ready(self) -> None:
        """Until there is a first list. Raises why there is none, each time anew while that is so."""
        self.start()
        await self._settled.wait()
        if self._failure is not None and not self.listed:
            raise self._failure.with_traceback(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until that holds; it is asked again after every change of `items`, and when this goes stale or live."""
        while not condition():
            await self._moved.wait()

    def listen(self, changed: Changed) -> Callable[[], None]:
        """Tell `changed` of every change from now on; the answer ends that."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed) if changed in self._listeners else None

    async def close(self) -> None:
        """End the watch. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._state(False, "closed")

    # Inside

    async def _run(self) -> None:
        pause = FIRST_S
        while True:
            self._worked = False
            wait = 0.0
            try:
                path = self._path if isinstance(self._path, str) else await self._path()
                if not self._version:
                    await self._list(path)
                await self._watch(path)
            except Expired:
                self._version = ""  # the list is read again; what is shown stays as it was until then
                wait = 0.0 if self._worked else pause
            except CockpitError as error:
                wait = self._failed(error, pause)
            except Exception as error:  # an object of a shape that nobody thought of must not end this for good
                said = f"context {self._gateway.place.context}: an object cannot be read: {type(error).__name__}"
                wait = self._failed(Malformed(said, hint="please report this"), pause)
            if self._worked:
                pause = FIRST_S
            if wait:
                # Not all at the same moment, when a server comes back.
                await self._clock.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(pause * 2, MOST_S)

    def _failed(self, error: CockpitError, pause: float) -> float:
        """How long to wait after an error. The point that a watch had reached is kept where only the way broke."""
        self._failure = error
        if not isinstance(error, Unreachable | TimedOut | RateLimited):
            self._version = ""
        self._state(False, error.message)
        self._settled.set()
        wait = FIRST_S if self._worked else pause
        if isinstance(error, NotFound):
            return ABSENT_S
        return max(wait, error.retry_after_s or 0.0) if isinstance(error, RateLimited) else wait

    async def _list(self, path: str) -> None:
        if self._metadata:
            answer = await self._gateway.metadata(path, self._query)
            listed = tuple(map(_entry, answer.items))
        else:
            answer = await self._gateway.listed(path, self._query, lambda item: _entry(self._keep(item)))
            listed = answer.items
        pace = Pace()
        found = {entry["uid"]: entry for entry in listed}
        for uid in [uid for uid in self.items if uid not in found]:
            self._take("DELETED", uid, self.items[uid])
            await pace.step()
        for uid, entry in found.items():
            old = self._versions.get(uid)
            if old is None or not entry["version"] or old != entry["version"]:
                self._take("ADDED" if old is None else "MODIFIED", uid, entry["packed"], entry["version"])
            await pace.step()
        self._version = answer.version
        self.listed = True
        self._state(True, LIVE)
        self._settled.set()

    async def _watch(self, path: str) -> None:
        """One cycle of a watch. Returns at its end; raises whatever ended it before."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        events = self._gateway.watch(
            path,
            self._version,
            self._query,
            cycle_s=self._cycle_s,
            opened=lambda: self._state(True, LIVE),
            metadata=self._metadata,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                self._event(event["type"], event["object"])
        if not self._worked and loop.time() - began < SHORT_S:
            raise Unreachable(
                f"context {self._gateway.place.context}: watches of {clean(path, 160)} end as soon as they begin",
                hint="something between here and the API server cuts them",
            )
        self._worked = True

    def _event(self, kind: str, item: Object) -> None:
        version = _version(item)
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            uid = uid_of(item)
            kept = item if self._metadata else self._keep(item)
            if kind == "DELETED":
                self._take(kind, uid, kept)
            else:
                self._take("MODIFIED" if uid in self.items else "ADDED", uid, pack(kept), version)
        self._version = version or self._version
        self._worked = True

    def _take(self, kind: str, uid: str, item: Object | bytes, version: str = "") -> None:
        if isinstance(item, bytes):
            self.items.put(uid, item)
            self._versions[uid] = version
        else:
            self.items.drop(uid)
            self._versions.pop(uid, None)
        self.changes += 1
        for listener in tuple(self._listeners):
            listener(kind, self.items[uid] if isinstance(item, bytes) else item)
        self._wake()

    def _state(self, live: bool, said: str) -> None:
        if live:
            self._failure = None
        if live is not self.live or said != self.said:
            if live is not self.live:
                self.since = self._clock.now()
            self.live, self.said = live, said
            self._wake()

    def _wake(self) -> None:
        waiting, self._moved = self._moved, asyncio.Event()
        waiting.set()


def uid_of(item: Object) -> str:
    """metadata.uid; for what has none namespace and name."""
    metadata = item.get("metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    uid = facts.get("uid")
    return uid if isinstance(uid, str) and uid else f"{facts.get('namespace', '')}/{facts.get('name', '')}"


def _entry(item: Object) -> Object:
    """What is kept of one while a list is read: thousands of whole objects at once would be a hundred megabytes."""
    return {"uid": uid_of(item), "version": _version(item), "packed": pack(item)}


def _version(item: Object) -> str:
    metadata = item.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else ""

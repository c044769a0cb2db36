"""Logs of the pods of a workload, a selector or a whole namespace: all their containers merged, followed by streams.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (read log of the specified Pod). The
kubelet keeps the log of a container's run and of the run before; both go with the pod. A stream ends with its run:
the next one is taken up where it was, and what the one before said last is read with `previous`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import moment, name_of, number, part, parts, text, uid_of
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.podselect import Watched, what_of
from cockpit.adapters.kube.terms import Json
from cockpit.adapters.loglines import entry_of_line
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import LogBatch, LogEntry
from cockpit.profile.schema import LogSource
from cockpit.text import clean, counted

STREAMS = 60  # containers followed at once: each is a connection of its own
START_S = 600  # how far back the first read goes
START_LINES = 500
HELD_LINES = 20_000  # read but not yet taken: then the streams wait
LINE_BYTES = 256 * 1024
SLICE_LINES = 100
BATCH_LINES = 5000
AGAIN_S = 2.0  # between two attempts on one container
_STAMP = 40  # characters that an RFC 3339 time has at most


@dataclass(slots=True)
class Run:
    """One container as it is followed."""

    pod: str
    container: str
    alone: bool  # the only container of its pod: its name says nothing
    restarts: int
    task: asyncio.Task[None] | None = None
    since: str = ""  # newest time of a line, as the kubelet writes it, without its Z
    last: set[bytes] = field(default_factory=set)  # lines of that moment: a stream taken up again begins with them
    error: CockpitError | None = None
    resumed: bool = False  # the stream begins with what was read already
    cut: int = 0  # lines that were too long
    not_before: float = 0.0  # monotonic: when it may be tried again
    past: bool = False  # the run before has been read


class PodLogs:
    """Tailing, Diagnosing. Opens nothing before the first read; every stream has its task, ended by `close`."""

    def __init__(self, kube: Kube, source: LogSource, clock: Clock) -> None:
        self._kube = kube
        self._source = source
        self._clock = clock
        self._watched = Watched(kube, source)
        self._runs: dict[tuple[str, str], Run] = {}
        self._lines: deque[tuple[Run, bytes]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    @property
    def origin(self) -> str:
        """What is followed, where."""
        try:
            place = self._kube.place
        except CockpitError:
            return what_of(self._source)
        return f"{what_of(self._source)} in {place.namespace} (context {place.context})"

    async def read(self) -> LogBatch:
        """What came since the last read, of all containers in the order of its times.

        Raises NotFound where no pod is selected: that is no all-clear; CockpitError where no container can be read.
        """
        await self._kube.answers()
        pods = await self._watched.pods()
        if not pods and not self._lines:
            await self._end_all()
            raise NotFound(
                f"{self.origin}: no pod is selected, so no log was read",
                hint="check workload and selector in the profile; pods that are gone took their logs with them",
            )
        notes = await self._attend(pods)
        entries = await self._taken()
        if not entries and self._runs and all(run.error is not None for run in self._runs.values()):
            raise next(run.error for run in self._runs.values() if run.error is not None)
        notes += [f"{run.pod}/{run.container}: {run.error.message}" for run in self._runs.values() if run.error][:3]
        return LogBatch(tuple(entries), tuple(notes), bool(self._lines))

    async def diagnose(self) -> list[Diagnosis]:
        """Whether pods are selected and one log can be read."""
        try:
            pods = await self._watched.pods()
            if not pods:
                return [Diagnosis("read", False, f"{self.origin}: no pod is selected", "check workload and selector")]
            pod = pods[0]
            container = next((text(each.get("name")) for each in parts(pod, "spec", "containers")), "")
            await self._kube.gateway.text(self._path(name_of(pod)), {"container": container, "tailLines": "1"})
        except CockpitError as error:
            return [Diagnosis("read", False, error.message, error.hint)]
        return [Diagnosis("read", True, f"{self.origin}: {counted(len(pods), 'pod')}")]

    async def close(self) -> None:
        """End all streams."""
        self._closed = True
        await self._end_all()
        await self._watched.close()

    # Which containers

    async def _attend(self, pods: list[Json]) -> list[str]:
        """A task for every container that has something to say, none for those that are gone."""
        wanted: dict[tuple[str, str], tuple[str, str, bool, int]] = {}
        for pod in pods:
            for container, alone, restarts in started(pod, self._source.container or ""):
                wanted[(uid_of(pod), container)] = (name_of(pod), container, alone, restarts)
        notes: list[str] = []
        if len(wanted) > STREAMS:
            notes.append(f"{STREAMS} of {len(wanted)} containers are followed, those of the newest pods")
            wanted = dict(list(wanted.items())[:STREAMS])
        for key in [key for key in self._runs if key not in wanted]:
            run = self._runs[key]
            if run.task is None or run.task.done():
                del self._runs[key]
            # Else its last lines are still coming: the server ends the stream of a pod that is gone.
        now = self._clock.monotonic()
        for key, (pod_name, container, alone, restarts) in wanted.items():
            held = self._runs.get(key)
            if held is None:
                held = self._runs[key] = Run(pod_name, container, alone, restarts, past=restarts == 0)
            if held.task is not None and held.task.done():
                held.task = None
                held.not_before = now + AGAIN_S if held.restarts == restarts else now
            if held.restarts != restarts:
                held.restarts, held.past = restarts, False
            if held.task is None and now >= held.not_before and not self._closed:
                held.task = asyncio.create_task(self._follow(held))
        return notes

    async def _end_all(self) -> None:
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._runs.clear()

    # One container

    def _path(self, pod: str) -> str:
        return path_of("/api/v1", "pods", self._kube.place.namespace, pod, "log")

    async def _follow(self, run: Run) -> None:
        """Until the run of the container ends, or the way there breaks."""
        try:
            if not run.past:
                await self._stream(run, {"previous": "true"})
                run.past = True
            await self._stream(run, {"follow": "true"})
            run.error = None
        except NotFound:
            run.error = None  # the pod is gone, and its log with it
        except CockpitError as error:
            run.error = error

    async def _stream(self, run: Run, more: Mapping[str, str]) -> None:
        query = {"container": run.container, "timestamps": "true", **more}
        run.resumed = bool(run.since)
        if run.since:
            query["sinceTime"] = f"{run.since}Z"
        else:
            query |= {"sinceSeconds": str(START_S), "tailLines": str(START_LINES)}
        within_s = None if "follow" in more else self._kube.gateway.timeout_s
        chunks = self._kube.gateway.stream(self._path(run.pod), query, within_s)
        partial, skipping = b"", False
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                run.error = None
                lines = (partial + chunk).split(b"\n")
                partial = lines.pop()
                if skipping and lines:
                    del lines[0]
                    skipping = False
                if len(partial) > LINE_BYTES:
                    if not skipping:
                        lines.append(partial[:LINE_BYTES])
                        run.cut += 1
                    partial, skipping = b"", True
                await self._hold(run, lines)
        if partial and not skipping:
            await self._hold(run, [partial])

    async def _hold(self, run: Run, lines: list[bytes]) -> None:
        for line in lines:
            stamp = line.partition(b" ")[0][:_STAMP].decode("ascii", "replace").rstrip("Z")
            if run.resumed:
                # sinceTime is told in whole seconds: what was read already comes once more.
                if stamp < run.since or line in run.last:
                    continue
                run.resumed = stamp == run.since
            if stamp > run.since:
                run.since, run.last = stamp, {line}
            elif stamp == run.since:
                run.last.add(line)
            while len(self._lines) >= HELD_LINES:
                self._room.clear()
                await self._room.wait()
            self._lines.append((run, line))

    # What was read

    async def _taken(self) -> list[LogEntry]:
        entries: list[LogEntry] = []
        now = self._clock.now().timestamp()
        while self._lines and len(entries) < BATCH_LINES:
            for _ in range(min(SLICE_LINES, len(self._lines))):
                run, line = self._lines.popleft()
                entry = _entry(run, line, now)
                if entry is not None:
                    entries.append(entry)
            if len(self._lines) < HELD_LINES // 2:
                self._room.set()
            await asyncio.sleep(0)
        self._room.set()
        return sorted(entries, key=lambda entry: entry.at)


def _entry(run: Run, line: bytes, now: float) -> LogEntry | None:
    """The kubelet's time counts: it is the same clock for all containers of a node."""
    stamp, _, said = line.partition(b" ")
    at = moment(stamp[:_STAMP].decode("ascii", "replace"))
    entry = entry_of_line(said if at is not None else line, now, at.timestamp() if at is not None else 0.0)
    if entry is None:
        return None
    origin = run.pod if run.alone else f"{run.pod}/{run.container}"
    return replace(entry, at=at.timestamp() if at is not None else entry.at, origin=clean(origin, 300))


def started(pod: Json, only: str) -> list[tuple[str, bool, int]]:
    """Containers of a pod that have a log, init containers first: name, whether it is the only one, restarts."""
    found: list[tuple[str, bool, int]] = []
    status = part(pod, "status")
    alone = len(list(parts(pod, "spec", "containers"))) == 1 and not part(pod, "spec").get("initContainers")
    for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for each in parts(status, key):
            name, restarts = text(each.get("name"), 253), number(each.get("restartCount"))
            state = part(each, "state")
            if name and (not only or name == only) and ("waiting" not in state or restarts > 0):
                found.append((name, alone, restarts))
    return found

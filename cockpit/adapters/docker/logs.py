"""Logs of a Compose service, or of a whole project: all its containers merged by time, followed by streams.

The engine keeps a container's log across restarts, and it goes with the container; one that was made again is another
container, followed from its first line. A stream that broke is taken up at its newest line: what comes once more is
counted away, as some engines tell times in whole seconds only (moby/moby docs/api/v1.47.yaml, ContainerLogs, since).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cockpit.adapters.docker.facts import LABEL, labels_of, service_of
from cockpit.adapters.docker.framing import Line, Lines
from cockpit.adapters.docker.gateway import Gateway, path_of
from cockpit.adapters.docker.roster import chosen, listed_of
from cockpit.adapters.loglines import entry_of_line
from cockpit.adapters.raw import Json, part, text
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import LogBatch, LogEntry
from cockpit.profile.docker import DockerSource
from cockpit.profile.schema import LogSource
from cockpit.text import clean, counted

STREAMS = 60  # containers followed at once: each is a connection of its own
START_S = 600  # how far back the first read goes
START_LINES = 500
HELD_LINES = 20_000  # read but not yet taken: then the streams wait, and the engine with them
BATCH_LINES = 5000
SLICE_LINES = 250
FIRST_S = 3.0  # the first read waits so long for a line; Podman may need two seconds for it
AGAIN_S = 1.0  # before a container that runs is followed again
ENDED_AGAIN_S = 5.0  # before one that ended is looked at once more: it may have run in between


@dataclass(slots=True)
class _Run:
    """One container as it is followed."""

    id: str
    origin: str
    early: bool  # it was there at the first read: of its past only the end is wanted
    task: asyncio.Task[None] | None = None
    tty: bool | None = None
    since: int = 0  # nanoseconds, of the newest line
    count: int = 0  # lines of that moment
    error: CockpitError | None = None
    cut: int = 0
    not_before: float = 0.0  # monotonic
    open: bool = False  # the engine has begun to answer
    failures: int = 0  # in a row


class ContainerLogs:
    """Tailing, Diagnosing. Opens nothing before the first read; every stream has its task, ended by `close`."""

    def __init__(self, gateway: Gateway, table: DockerSource, source: LogSource, clock: Clock) -> None:
        self._gateway = gateway
        self._project = table.project
        self._services = (source.service,) if source.service else table.services
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._lines: deque[tuple[_Run, Line]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._came = asyncio.Event()
        self._begun = False
        self._closed = False

    @property
    def origin(self) -> str:
        """What is followed, where."""
        what = f"service {self._services[0]}" if len(self._services) == 1 else "all services"
        try:
            where = self._gateway.host.url
        except CockpitError:
            where = "an engine that is not known"
        return f"{what} of project {self._project} ({where})"

    async def read(self) -> LogBatch:
        """What came since the last read, of all containers in the order of the engine's times.

        Raises NotFound where there is no container: that is no all-clear; CockpitError where none can be read.
        """
        listed = chosen(await listed_of(self._gateway, self._project), self._services)
        if not listed and not self._lines:
            await self._end_all()
            raise NotFound(
                f"{self.origin}: there is no container, so no log was read",
                hint="a container that was removed took its log with it; docker compose ps -a shows what is there",
            )
        first = not self._begun
        notes = self._attend(listed)
        if first:  # else whoever looks once only would take a busy log for a quiet one
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), min(FIRST_S, self._gateway.timeout_s / 2))
        entries = await self._taken()
        failed = [run.error for run in self._runs.values() if run.error is not None]
        if not entries and failed and len(failed) == len(self._runs):
            raise failed[0]
        notes += [f"{run.origin}: {run.error.message}" for run in self._runs.values() if run.error is not None][:3]
        cut = sum(run.cut for run in self._runs.values())
        notes += [f"{cut} lines were cut at 256 KiB"] if cut else []
        return LogBatch(tuple(entries), tuple(notes), bool(self._lines))

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Whether there are containers, and one log can be read."""
        try:
            listed = chosen(await listed_of(self._gateway, self._project), self._services)
            if not listed:
                return [Diagnosis("read", False, f"{self.origin}: no container", "docker compose ps -a")]
            path = f"{path_of('containers', text(listed[0].get('Id'), 64))}/logs"
            await self._gateway.content(path, {"stdout": "true", "stderr": "true", "tail": "1"})
        except CockpitError as error:
            return [Diagnosis("read", False, error.message, error.hint)]
        return [Diagnosis("read", True, f"{self.origin}: {counted(len(listed), 'container')}")]

    async def close(self) -> None:
        """End all streams."""
        self._closed = True
        await self._end_all()

    # Which containers

    def _attend(self, listed: Sequence[Json]) -> list[str]:
        """A task for every container that may have something to say."""
        notes: list[str] = []
        if len(listed) > STREAMS:
            notes.append(f"{STREAMS} of {len(listed)} containers are followed, the newest")
            listed = sorted(listed, key=_made, reverse=True)[:STREAMS]
        present = {text(each.get("Id"), 64): each for each in listed}
        for id in [id for id in self._runs if id not in present]:
            run = self._runs[id]
            if run.task is None or run.task.done():
                del self._runs[id]
            # Else its last lines are still coming: the engine ends the stream of a container that is gone.
        now = self._clock.monotonic()
        for id, each in present.items():
            run = self._runs.get(id) or _Run(id, _origin(each, listed), early=not self._begun)
            self._runs[id] = run
            runs = each.get("State") in ("running", "restarting", "paused")
            if run.task is not None and run.task.done():
                run.task = None
                run.not_before = now + (AGAIN_S if runs or run.failures else ENDED_AGAIN_S)
            if run.task is None and (now >= run.not_before or (runs and not run.failures)) and not self._closed:
                run.task = asyncio.create_task(self._follow(run))
        self._begun = True
        return notes

    async def _end_all(self) -> None:
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._runs.clear()

    # One container

    async def _follow(self, run: _Run) -> None:
        """Until the container ends, or the way there breaks."""
        run.open, run.error = False, None
        try:
            if run.tty is None:
                found = await self._gateway.get(f"{path_of('containers', run.id)}/json")
                run.tty = part(found, "Config").get("Tty") is True
            await self._stream(run, tty=run.tty)
            run.failures = 0
        except NotFound:
            run.failures = 0  # the container is gone, and its log with it
        except CockpitError as error:
            # One that broke is taken up again first; only if that fails, it is worth a word.
            run.failures = 0 if run.open else run.failures + 1
            run.error = error if run.failures > 1 else None

    async def _stream(self, run: _Run, *, tty: bool) -> None:
        query = {"stdout": "true", "stderr": "true", "timestamps": "true", "follow": "true"}
        if run.since:
            # A little earlier: what was read already comes again, and is told by its time.
            query["since"] = _seconds(run.since - 1_000_000)
        elif run.early:
            query["tail"] = str(START_LINES)
            query["since"] = str(int(self._clock.now().timestamp()) - START_S)
        lines, skip = Lines(tty=tty), run.count
        since = run.since
        chunks = self._gateway.stream(f"{path_of('containers', run.id)}/logs", query, patient=True)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                run.open, run.failures = True, 0
                skip = await self._hold(run, lines.feed(chunk), since, skip)
                run.cut += lines.cut
                lines.cut = 0
        await self._hold(run, lines.rest(), since, skip)

    async def _hold(self, run: _Run, lines: Sequence[Line], since: int, skip: int) -> int:
        """Keep what is new; how many lines of the moment `since` are still to be left out."""
        for line in lines:
            if line.at and line.at < since:
                continue
            if line.at == since and skip > 0:
                skip -= 1
                continue
            while len(self._lines) >= HELD_LINES:
                self._room.clear()
                await self._room.wait()
            if line.at > run.since:
                run.since, run.count = line.at, 1
            elif line.at == run.since:
                run.count += 1
            self._lines.append((run, line))
            self._came.set()
        return skip

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
        return sorted(entries, key=lambda entry: entry.at)


def _entry(run: _Run, line: Line, now: float) -> LogEntry | None:
    """The engine's time counts: it is the same clock for all containers."""
    at = line.at / 1e9
    entry = entry_of_line(line.text, now, at)
    if entry is None:
        return None
    return replace(entry, at=at or entry.at, origin=run.origin)


def _origin(each: Json, listed: Sequence[Json]) -> str:
    """The service, with the number where it has more than one container."""
    labels = labels_of(each)
    service = service_of(labels)
    several = sum(service_of(labels_of(other)) == service for other in listed) > 1
    count = clean(str(labels.get(f"{LABEL}container-number", "")), 8)
    if not service:
        return text(each.get("Id"), 12)
    return f"{service}-{count}" if several and count else service


def _made(each: Json) -> int:
    at = each.get("Created")
    return at if isinstance(at, int) else 0


def _seconds(nano: int) -> str:
    return f"{nano // 10**9}.{nano % 10**9:09d}"

"""Looks at a Compose project: services, containers, use and events from its last reading; the rest is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from cockpit.adapters.docker.terms import Asked, Disk, Told
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import dockerreads as names
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.looks.workloadlines import MARK, age
from cockpit.model.action import Choice, Param, ParamKind
from cockpit.model.containers import Container, ContainerEvent, ContainersStatus
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import Severity, SourceKind, worst
from cockpit.profile.fields import parse_duration
from cockpit.text import counted

_PANE = SourceKind.CONTAINERS
_CONTAINER = Param("container", ParamKind.CHOICE, "its name, its service's, or its id")
_SERVICE = Param("service", ParamKind.CHOICE, "only this service; several with blanks between", required=False)
_CONTAINS = Param("contains", ParamKind.TEXT, "only lines with one of these words, | between them", required=False)
_ANY = Param("container", ParamKind.CHOICE, "only this one", required=False)

LIST = LookSpec(
    names.LIST,
    "Containers",
    _PANE,
    "Services and containers of the project with their state, health, restarts, image and use.",
    (_SERVICE, _CONTAINS),
)
ONE = LookSpec(names.ONE, "Container", _PANE, "All that is known of one container.", (_CONTAINER,))
USE = LookSpec(
    names.USE,
    "Use of containers",
    _PANE,
    "CPU, memory and processes of each container, the hungriest first.",
    (_ANY,),
)
EVENTS = LookSpec(names.EVENTS, "Events", _PANE, "What happened to the project's containers, newest first.")
LOGS = LookSpec(
    names.LOGS,
    "Logs of containers",
    _PANE,
    "Asks the engine once for the logs of one container, of services, or of the whole project, merged by time.",
    (
        _ANY,
        _SERVICE,
        Param("since", ParamKind.DURATION, "how far back", required=False),
        Param("tail", ParamKind.INTEGER, "lines of each container", required=False),
        _CONTAINS,
    ),
    live=False,
)
PROCESSES = LookSpec(
    names.PROCESSES,
    "Processes",
    _PANE,
    "What runs inside of containers, as the engine sees it.",
    (_ANY, _SERVICE),
    live=False,
)
IMAGES = LookSpec(
    names.IMAGES,
    "Images",
    _PANE,
    "The engine's images, newest first, and which of them the project runs.",
    live=False,
)
DISK = LookSpec(
    names.DISK,
    "Disk use",
    _PANE,
    "What images, containers, volumes and build cache take, and what is loose.",
    live=False,
)
ENGINE = LookSpec(names.ENGINE, "Engine", _PANE, "Which engine this is, in which version, and where the project is.")
SPECS = (LIST, ONE, USE, EVENTS, LOGS, PROCESSES, IMAGES, DISK, ENGINE)
REPLACES = names.REPLACES


class Asking(Protocol):
    """Can be asked what no reading holds. All raise CockpitError."""

    @property
    def origin(self) -> str:
        """Project and engine."""

    async def logs(self, asked: Asked, *, since_s: int = 0, tail: int = 0) -> Told:
        """Merged by time."""

    async def processes(self, asked: Asked) -> Told:
        """Titles, then a line a process."""

    async def images(self) -> Told:
        """A line an image."""

    async def disk(self) -> tuple[Disk, ...]:
        """What takes room."""


def lookers(source_id: str, state_of: StateOf, clock: Clock, asking: Asking) -> list[Looker]:
    """All for one source."""
    live = [each(source_id, state_of, clock) for each in (Listed, One, Use, Events, TheEngine)]
    asked = [each(source_id, state_of, clock, asking) for each in (Logs, Processes, Images, DiskUse)]
    return [*live, *asked]


class _Live(BoundLook):
    """Answers from the last reading."""

    SPEC = LIST

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(self.SPEC, source)
        self._state_of = state_of
        self._clock = clock

    def _status(self) -> tuple[Reading, tuple[str, ...], ContainersStatus]:
        reading, notes = reading_of(self._source, self._state_of)
        if not isinstance(reading.payload, ContainersStatus):
            raise Unreachable(f"{self._source} has no reading of a project")
        return reading, (*notes, *reading.payload.notes), reading.payload

    async def choices(self, param: str) -> Sequence[Choice]:
        """Services and containers of the last reading; those in trouble recommended."""
        state = self._state_of(self._source)
        status = state.reading.payload if state is not None and state.reading is not None else None
        if not isinstance(status, ContainersStatus):
            return ()
        if param == "service":
            return [Choice(each.name, f"{each.name}, {each.reason}", _bad(each.severity)) for each in status.services]
        if param == "container":
            return [
                Choice(each.name, f"{each.name}, {each.reason}", _bad(each.severity)) for each in status.containers
            ]
        return ()


def _bad(severity: Severity) -> bool:
    return severity is not Severity.OK


def container_named(status: ContainersStatus, name: str) -> Container:
    """By name, id, or the service that has only this one. Raises NotFound."""
    found = status.container(name)
    mine = status.of_service(name)
    if found is None and len(mine) == 1:
        found = mine[0]
    if found is not None:
        return found
    there = ", ".join(each.name for each in (mine or status.containers)[:8]) or "none"
    raise NotFound(
        f"project {status.project} on {status.engine.host} has no container {name}", hint=f"there are {there}"
    )


def _brief(each: Container, now: datetime) -> str:
    up = (
        f"up {age(each.started, now)}"
        if each.running
        else f"ended {age(each.finished, now)} ago"
        if each.finished
        else ""
    )
    said = f": {each.said}" if each.said else ""
    use = f"CPU {each.cpu / 10:.0f} %, {each.memory / 1e6:.0f} MB" if each.cpu is not None and each.memory else ""
    restarts = f"{each.restarts} restarts" if each.restarts else ""
    parts = (
        f"{MARK[each.severity]} {each.name}",
        f"{each.reason}{said}",
        up,
        restarts,
        use,
        each.image,
        each.short_id,
    )
    return "  ".join(part for part in parts if part)


def _has(line: str, wanted: str) -> bool:
    return not wanted or any(word.casefold() in line.casefold() for word in wanted.split("|") if word)


class Listed(_Live):
    """containers.list."""

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a service that the project does not have."""
        reading, notes, status = self._status()
        wanted = request.get("service").split()
        services = [each for each in status.services if not wanted or each.name in wanted]
        if wanted and len(services) < len(set(wanted)):
            known = ", ".join(each.name for each in status.services) or "none"
            raise NotFound(
                f"project {status.project} has no such service: {' '.join(wanted)}", hint=f"there are {known}"
            )
        now = self._clock.now()
        lines = [f"{MARK[each.severity]} {each.name}: {each.reason}" for each in services]
        shown = [each for each in status.containers if not wanted or each.service in wanted]
        lines += [_brief(each, now) for each in shown]
        lines = [line for line in lines if _has(line, request.get("contains"))]
        sight = sight_of(reading, notes, lines)
        severity = worst([each.severity for each in services]) if wanted and not notes else sight.severity
        return Sight(severity, sight.summary, sight.at, sight.lines, sight.cut)


class One(_Live):
    """containers.container."""

    SPEC = ONE

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound."""
        reading, notes, status = self._status()
        found = container_named(status, request.get("container"))
        facts = {
            "state": f"{found.state}: {found.reason}", "said": found.said, "health": found.health,
            "exit code": "" if found.exit_code is None else str(found.exit_code),
            "out of memory": "yes" if found.oom_killed else "", "restarts": str(found.restarts),
            "policy": found.policy, "image": found.image, "digest": found.digest, "image id": found.image_id,
            "started": _moment(found.started), "ended": _moment(found.finished) if not found.running else "",
            "created": _moment(found.created), "command": found.command, "ports": ", ".join(found.ports),
            "CPU": f"{found.cpu / 10:.1f} % of a core" if found.cpu is not None else "",
            "memory": _memory(found), "id": found.id, "engine": status.engine.said,
        }  # fmt: skip
        lines = [f"{name}: {value}" for name, value in facts.items() if value]
        lines += [_event(each) for each in reversed(status.events) if each.container == found.id][:20]
        sight = sight_of(reading, notes, lines, f"{found.name}: {found.reason}")
        return Sight(found.severity if not notes else sight.severity, sight.summary, sight.at, sight.lines, sight.cut)


class Use(_Live):
    """containers.use."""

    SPEC = USE

    async def look(self, request: LookRequest) -> Sight:
        """The hungriest first."""
        reading, notes, status = self._status()
        name = request.get("container")
        shown = [container_named(status, name)] if name else [each for each in status.containers if each.running]
        shown.sort(key=lambda each: -(each.memory or 0))
        lines = [
            f"{each.name}  CPU {'?' if each.cpu is None else f'{each.cpu / 10:.1f} %'}  memory {_memory(each) or '?'}"
            f"  {each.pids or '?'} processes"
            for each in shown
        ]
        total = sum(each.memory or 0 for each in shown) / 1e6
        return sight_of(reading, notes, lines, f"{counted(len(shown), 'container')} use {total:.0f} MB")


class Events(_Live):
    """containers.events."""

    SPEC = EVENTS

    async def look(self, request: LookRequest) -> Sight:
        """Newest first."""
        reading, notes, status = self._status()
        lines = [_event(each) for each in reversed(status.events)]
        return sight_of(reading, notes, lines, f"{len(lines)} events")


class TheEngine(_Live):
    """containers.engine."""

    SPEC = ENGINE

    async def look(self, request: LookRequest) -> Sight:
        """As last read."""
        reading, notes, status = self._status()
        engine = status.engine
        lines = [
            f"{engine.said}, API {engine.api}, {engine.system}",
            f"found by: {engine.origin}",
            f"project {status.project}: {counted(len(status.services), 'service')}, "
            f"{counted(len(status.containers), 'container')}",
            f"directory: {status.directory}",
            *(f"file: {each}" for each in status.files),
        ]
        return sight_of(reading, notes, lines)


class _Asked(_Live):
    """Asks the engine."""

    def __init__(self, source: str, state_of: StateOf, clock: Clock, asking: Asking) -> None:
        super().__init__(source, state_of, clock)
        self._asking = asking

    def _sight(self, told: Told, summary: str, contains: str = "") -> Sight:
        lines = tuple(line for line in told.lines if _has(line, contains))
        severity = Severity.UNKNOWN if told.unread else Severity.WARN if contains and lines else Severity.OK
        found = (*told.unread, *lines[-LINES:])
        said = (
            f"{counted(len(lines), 'line')} with {contains.replace('|', ' or ')}, of {summary}"
            if contains
            else summary
        )
        return Sight(severity, said, self._clock.now(), found[:LINES], len(lines) > LINES)


class Logs(_Asked):
    """containers.logs."""

    SPEC = LOGS

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for numbers that are none, NotFound where there is no such container, CockpitError."""
        since, tail = request.get("since"), request.get("tail")
        try:
            since_s = max(1, round(parse_duration(since))) if since else 0
        except ValueError:
            raise Refused("parameters", f"{since!r} is no duration", hint="write 1h, 15m or 90s") from None
        if tail and not (tail.isascii() and tail.isdecimal()):
            raise Refused("parameters", f"{tail!r} is no number of lines", hint="write 100")
        asked = Asked(request.get("container"), tuple(request.get("service").split()))
        told = await self._asking.logs(asked, since_s=since_s, tail=int(tail or 0))
        of = f"{counted(len(told.lines), 'line')} of {told.containers} containers, {self._asking.origin}"
        return self._sight(told, of, request.get("contains"))


class Processes(_Asked):
    """containers.processes."""

    SPEC = PROCESSES

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound, CockpitError."""
        asked = Asked(request.get("container"), tuple(request.get("service").split()))
        told = await self._asking.processes(asked)
        return self._sight(told, f"processes of {told.containers} containers, {self._asking.origin}")


class Images(_Asked):
    """containers.images."""

    SPEC = IMAGES

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        told = await self._asking.images()
        return self._sight(told, f"{told.containers} images, {self._asking.origin}")


class DiskUse(_Asked):
    """containers.disk."""

    SPEC = DISK

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        found = await self._asking.disk()
        lines = tuple(
            f"{each.what}: {each.count}, {each.size / 1e6:.0f} MB, {each.reclaimable / 1e6:.0f} MB loose"
            for each in found
        )
        loose = sum(each.reclaimable for each in found) / 1e6
        return Sight(Severity.OK, f"{loose:.0f} MB loose, {self._asking.origin}", self._clock.now(), lines)


def _memory(each: Container) -> str:
    if each.memory is None:
        return ""
    limit = f" of {each.memory_limit / 1e6:.0f} MB" if each.memory_limit else ""
    return f"{each.memory / 1e6:.0f} MB{limit}"


def _event(each: ContainerEvent) -> str:
    return f"{datetime.fromtimestamp(each.at, UTC):%H:%M:%S} {each.action} {each.name} {each.said}".rstrip()


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""

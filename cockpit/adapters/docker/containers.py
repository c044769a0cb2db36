"""A Compose project as the Revisions pane shows it: listed, looked at and measured concurrently, each poll anew."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from cockpit.adapters.docker.events import EventWatch
from cockpit.adapters.docker.facts import LABEL, container_of, judged, labels_of, service_of
from cockpit.adapters.docker.gateway import Gateway, path_of
from cockpit.adapters.docker.roster import chosen, listed_of
from cockpit.adapters.docker.usage import Meter
from cockpit.adapters.raw import Json, text, texts
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound
from cockpit.model.containers import ComposeService, Container, ContainersStatus, Engine
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity, worst
from cockpit.profile.docker import DockerSource

MOST = 200  # containers looked at
AT_ONCE = 16  # requests under way
STATS_S = 2.0  # they are worth no longer wait
DIGEST_S = 600.0  # how long the name of an image is believed
_T = TypeVar("_T")


class ContainersProbe:
    """One table of the profile. The gateway belongs to whoever made it."""

    def __init__(self, gateway: Gateway, table: DockerSource, clock: Clock) -> None:
        self._gateway = gateway
        self._table = table
        self._clock = clock
        self._meter = Meter()
        self._watch = EventWatch(gateway, table.project, clock)
        self._known: dict[str, None] = {}  # services that were seen: one that is gone is missed
        self._digests: dict[str, tuple[float, str]] = {}

    async def close(self) -> None:
        """End the stream of events."""
        await self._watch.close()

    async def probe(self) -> Observation:
        """One look at the project. Raises CockpitError where the engine gives no list."""
        engine = await self._gateway.engine()
        everything = await listed_of(self._gateway, self._table.project)
        self._watch.attend()
        listed = chosen(everything, self._table.services)
        notes = [f"{MOST} of {len(listed)} containers are shown"] if len(listed) > MOST else []
        containers, more = await self._looked_at(listed[:MOST], engine)
        notes += more
        if self._watch.error is not None:
            notes.append(f"events cannot be read: {self._watch.error.message}")
        directory, files = place_of(everything)
        status = ContainersStatus(
            engine=engine,
            project=self._table.project,
            services=self._services(containers),
            containers=tuple(containers),
            directory=self._table.directory or directory,
            files=self._table.files or files,
            events=self._watch.events,
            notes=tuple(notes),
            hidden=len(everything) - len(listed),
        )
        return Observation(severity_of(status), summary_of(status), status)

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Which engine, and whether the project is there."""
        try:
            engine = await self._gateway.engine()
            listed = await listed_of(self._gateway, self._table.project)
        except CockpitError as error:
            return [Diagnosis("engine", False, error.message, error.hint)]
        names = sorted({service_of(labels_of(each)) for each in listed} - {""})
        found = [Diagnosis("engine", True, f"{engine.said} ({engine.origin}), API {engine.api}")]
        project = self._table.project
        if not listed:
            hint = "docker compose ls says which projects there are; look at project and host in the profile"
            return [*found, Diagnosis("project", False, f"no container of project {project}", hint)]
        found.append(Diagnosis("project", True, f"{project}: {len(listed)} containers of {', '.join(names)}"))
        missing = [name for name in self._table.services if name not in names]
        found += [Diagnosis(f"service {name}", False, "has no container", "docker compose ps -a") for name in missing]
        return found

    # What is looked at

    async def _looked_at(self, listed: Sequence[Json], engine: Engine) -> tuple[list[Container], list[str]]:
        gate = asyncio.Semaphore(AT_ONCE)
        now = self._clock.now()
        ids = [text(each.get("Id"), 64) for each in listed]
        running = [id for id, each in zip(ids, listed, strict=True) if each.get("State") == "running"]
        looks = [_or_error(_through(gate, self._gateway.get(f"{path_of('containers', id)}/json"))) for id in ids]
        inspected, (stats, late) = await asyncio.gather(
            asyncio.gather(*looks), self._stats(running, asyncio.Semaphore(AT_ONCE), engine)
        )
        self._meter.forget(running)
        found: list[Container] = []
        failed: list[CockpitError] = []
        for id, each, answer in zip(ids, listed, inspected, strict=True):
            if isinstance(answer, NotFound):
                continue  # it went between the two looks
            if isinstance(answer, CockpitError):
                failed.append(answer)
            seen = answer if isinstance(answer, dict) else None
            found.append(self._container(each, seen, stats.get(id), now))
        if failed and len(failed) == len(ids):
            raise failed[0]
        notes = [f"{len(failed)} of {len(ids)} containers cannot be looked at: {failed[0].message}"] if failed else []
        notes += [f"CPU and memory of {late} of {len(running)} containers did not come in time"] if late else []
        return await self._with_digests(found, gate), notes

    def _container(self, listed: Json, inspected: Json | None, stats: Json | None, now: datetime) -> Container:
        named = service_of(labels_of(listed)) in self._table.services
        found = container_of(listed, inspected, now, named=named)
        if stats is None:
            return found
        used = self._meter.read(found.id, stats)
        used_up = found.memory_limit is not None and used.memory is not None
        found = replace(found, cpu=used.cpu, memory=used.memory, pids=used.pids)
        return judged(found, named=named, unhealthy_said=found.said) if used_up and inspected else found

    async def _stats(
        self, ids: Sequence[str], gate: asyncio.Semaphore, engine: Engine
    ) -> tuple[Mapping[str, Json], int]:
        """Of those that answer in time, and how many do not."""
        found: dict[str, Json] = {}

        async def one(id: str) -> None:
            query = {"stream": "false", "one-shot": "true"}
            answer = await _or_error(_through(gate, self._gateway.get(f"{path_of('containers', id)}/stats", query)))
            if isinstance(answer, dict):
                found[id] = answer

        try:
            async with asyncio.timeout(min(STATS_S, self._table.timeout / 2)):
                await asyncio.gather(*(one(id) for id in ids))
        except TimeoutError:
            return found, len(ids) - len(found)
        return found, 0

    async def _with_digests(self, found: Sequence[Container], gate: asyncio.Semaphore) -> list[Container]:
        now = self._clock.monotonic()
        wanted = {each.image_id: each.image for each in found if each.image_id}
        fresh = [id for id in wanted if self._digests.get(id, (float("-inf"), ""))[0] + DIGEST_S < now]
        answers = await asyncio.gather(
            *(_or_error(_through(gate, self._gateway.get(f"{path_of('images', id)}/json"))) for id in fresh)
        )
        for id, answer in zip(fresh, answers, strict=True):
            if isinstance(answer, dict):
                self._digests[id] = (now, digest_of(answer, wanted[id]))
            elif isinstance(answer, NotFound):
                self._digests[id] = (now, "")  # untagged and removed, while a container still uses it
        for id in [id for id in self._digests if id not in wanted]:
            del self._digests[id]
        return [replace(each, digest=self._digests.get(each.image_id, (0.0, ""))[1]) for each in found]

    # Services

    def _services(self, containers: Sequence[Container]) -> tuple[ComposeService, ...]:
        named = self._table.services
        present = dict.fromkeys(each.service for each in containers if each.service and not each.oneoff)
        if not named:
            self._known.update(present)
        return tuple(
            _service(name, [each for each in containers if each.service == name and not each.oneoff], name in named)
            for name in named or sorted(self._known)
        )


def _service(name: str, containers: Sequence[Container], named: bool) -> ComposeService:
    if not containers:
        return ComposeService(name, Severity.CRIT, "no container", named=named)
    running = sum(each.state == "running" for each in containers)
    severity = worst(each.severity for each in containers)
    reason = next(each.reason for each in containers if each.severity is severity)
    bad = sum(each.severity is not Severity.OK for each in containers)
    if bad:
        said = f"{bad} of {len(containers)}: {reason}" if len(containers) > 1 else reason
    else:
        said = f"{running} running" if running else reason
    images = tuple(dict.fromkeys(each.image for each in containers))
    return ComposeService(name, severity, said, tuple(each.id for each in containers), running, images, named)


def severity_of(status: ContainersStatus) -> Severity:
    """The worst service; nothing of the project at all is no all-clear."""
    if not status.services and not status.containers:
        return Severity.CRIT
    found = [each.severity for each in status.services]
    return worst([*found, *(each.severity for each in status.containers)])


def summary_of(status: ContainersStatus) -> str:
    """ "api: exited with code 1, +1", "4 services, 6 running"."""
    if not status.services and not status.containers:
        return f"project {status.project} has no container"
    bad = sorted(
        (each for each in status.services if each.severity is not Severity.OK), key=lambda each: -each.severity
    )
    if bad:
        return text(f"{bad[0].name}: {bad[0].reason}", 70) + (f", +{len(bad) - 1}" if len(bad) > 1 else "")
    running = sum(each.state == "running" for each in status.containers)
    count = len(status.services)
    return f"{count} service{'' if count == 1 else 's'}, {running} running"


def digest_of(image: Json, name: str) -> str:
    """Of RepoDigests the one of the same repository, else the first; "" where it came from no registry."""
    found = texts(image.get("RepoDigests"), 400)
    repository = name.partition("@")[0]
    head, slash, last = repository.rpartition("/")
    repository = f"{head}{slash}{last.partition(':')[0]}"
    same = next((each for each in found if each.partition("@")[0].endswith(repository)), None)
    return same or next(iter(found), "")


def place_of(listed: Sequence[Json]) -> tuple[str, tuple[str, ...]]:
    """Where Compose was called, and its files, of the newest container; "" and () where none says so."""
    newest = max(listed, key=_made, default={})
    labels = labels_of(newest)
    files = text(labels.get(f"{LABEL}project.config_files"), 1000)
    return text(labels.get(f"{LABEL}project.working_dir"), 500), tuple(each for each in files.split(",") if each)


def _made(listed: Json) -> int:
    at = listed.get("Created")
    return at if isinstance(at, int) else 0


async def _through(gate: asyncio.Semaphore, asked: Coroutine[Any, Any, _T]) -> _T:
    try:
        await gate.acquire()
    except BaseException:
        asked.close()  # it will not be asked any more
        raise
    try:
        return await asked
    finally:
        gate.release()


async def _or_error(asked: Coroutine[Any, Any, _T]) -> _T | CockpitError:
    try:
        return await asked
    except CockpitError as error:
        return error

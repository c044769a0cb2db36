"""Questions to an engine that no reading answers: logs once, processes, images, disk. Only what is of the project."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cockpit.adapters.docker.facts import LABEL, labels_of, service_of
from cockpit.adapters.docker.framing import Line, Lines
from cockpit.adapters.docker.roster import chosen, listed_of
from cockpit.adapters.docker.terms import Asked, Disk, Told, path_of
from cockpit.adapters.raw import Json, number, part, parts, text, texts
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.adapters.docker.gateway import Gateway

CONTAINERS = 40  # asked at most
AT_ONCE = 8
TAIL = 200  # lines of each container where nobody says how many
MOST_TAIL = 5000


class DockerAsker:
    """Asks through one gateway about one project. Nothing is kept. All methods raise CockpitError."""

    def __init__(self, gateway: Gateway, project: str, clock: Clock) -> None:
        self._gateway = gateway
        self._project = project
        self._clock = clock

    @property
    def origin(self) -> str:
        """Project and engine."""
        return f"project {self._project} at {self._gateway.host.url}"

    async def logs(self, asked: Asked, *, since_s: int = 0, tail: int = 0) -> Told:
        """Raises NotFound where there is no such container."""
        found = (await self._of(asked))[:CONTAINERS]
        gate = asyncio.Semaphore(AT_ONCE)
        query = {"stdout": "true", "stderr": "true", "timestamps": "true"}
        query["tail"] = str(min(tail or (MOST_TAIL if since_s else TAIL), MOST_TAIL))
        if since_s:
            query["since"] = str(int(self._clock.now().timestamp()) - since_s)
        answers = await asyncio.gather(*(self._log(each, query, gate) for each in found), return_exceptions=True)
        lines: list[tuple[int, str, str]] = []
        unread: list[str] = []
        for each, answer in zip(found, answers, strict=True):
            if isinstance(answer, CockpitError):
                unread.append(f"{_name(each)}: {answer.message}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                origin = _name(each) if len(found) > 1 else ""
                lines += [(line.at, origin, clean(line.text)) for line in answer]
        lines.sort(key=lambda line: line[0])
        told = tuple(" ".join(filter(None, (_time(at), origin, said))) for at, origin, said in lines)
        return Told(told, len(found), tuple(unread))

    async def processes(self, asked: Asked) -> Told:
        """As `docker top`: the titles, then a line a process, for each container that runs."""
        found = [each for each in await self._of(asked) if each.get("State") == "running"][:CONTAINERS]
        lines: list[str] = []
        unread: list[str] = []
        for each in found:
            try:
                answer = await self._gateway.get(f"{path_of('containers', text(each.get('Id'), 64))}/top")
            except CockpitError as error:
                unread.append(f"{_name(each)}: {error.message}")
                continue
            rows = answer.get("Processes")
            lines.append(f"{_name(each)}: {'  '.join(texts(answer.get('Titles')))}")
            lines += [f"  {'  '.join(texts(row, 300))}" for row in rows if row] if isinstance(rows, list) else []
        return Told(tuple(lines), len(found), tuple(unread))

    async def images(self) -> Told:
        """All of the engine, newest first: names, id, digest, size, age in days; which of them the project runs."""
        used: dict[str, list[str]] = {}
        for each in await listed_of(self._gateway, self._project):
            used.setdefault(text(each.get("ImageID"), 80), []).append(service_of(labels_of(each)) or _name(each))
        now = self._clock.now().timestamp()
        lines: list[str] = []
        found = await self._gateway.listed("/images/json")
        for image in sorted(found, key=lambda each: -number(each.get("Created"))):
            id = text(image.get("Id"), 80)
            names = ", ".join(texts(image.get("RepoTags"), 200)) or "without a name"
            digest = next(iter(texts(image.get("RepoDigests"), 300)), "").rpartition("@")[2]
            days = max(0, int((now - number(image.get("Created"))) / 86400))
            size = number(image.get("Size")) / 1e6
            run_by = f"  run by {', '.join(sorted(set(used[id])))}" if id in used else ""
            lines.append(f"{names}  {id.rpartition(':')[2][:12]}  {digest}  {size:.0f} MB  {days} d{run_by}")
        return Told(tuple(lines), len(found))

    async def disk(self) -> tuple[Disk, ...]:
        """As `docker system df`; it makes the engine look through its storage."""
        answer = await self._gateway.get("/system/df")
        images, containers = list(parts(answer, "Images")), list(parts(answer, "Containers"))
        volumes, cache = list(parts(answer, "Volumes")), list(parts(answer, "BuildCache"))
        return (
            _disk("images", images, "Size", [each for each in images if number(each.get("Containers")) <= 0]),
            _disk(
                "containers", containers, "SizeRw", [each for each in containers if each.get("State") != "running"]
            ),
            Disk(
                "volumes",
                len(volumes),
                sum(max(0, number(part(each, "UsageData").get("Size"))) for each in volumes),
                sum(
                    max(0, number(part(each, "UsageData").get("Size")))
                    for each in volumes
                    if number(part(each, "UsageData").get("RefCount")) == 0
                ),
            ),
            _disk("build cache", cache, "Size", [each for each in cache if each.get("InUse") is not True]),
        )

    async def _of(self, asked: Asked) -> list[Json]:
        listed = chosen(await listed_of(self._gateway, self._project), asked.services)
        if asked.container:
            listed = [each for each in listed if _is(each, asked.container)]
        if not listed:
            what = asked.container or ", ".join(asked.services) or "any service"
            raise NotFound(
                f"{self.origin} has no container of {clean(what, 100)}",
                hint="docker compose ps -a shows which containers there are",
            )
        return listed

    async def _log(self, each: Json, query: dict[str, str], gate: asyncio.Semaphore) -> Sequence[Line]:
        path = path_of("containers", text(each.get("Id"), 64))
        async with gate:
            inspected = await self._gateway.get(f"{path}/json")
            content = await self._gateway.content(f"{path}/logs", query)
        lines = Lines(tty=part(inspected, "Config").get("Tty") is True)
        return [*lines.feed(content), *lines.rest()]


def _is(each: Json, wanted: str) -> bool:
    """By name, by service, or by the first 12 digits of its id or more."""
    id = text(each.get("Id"), 64)
    by_id = len(wanted) >= 12 and id.startswith(wanted)
    return by_id or wanted in (_name(each), service_of(labels_of(each)))


def _name(each: Json) -> str:
    names = texts(each.get("Names"), 200)
    if names:
        return names[0].removeprefix("/")
    labels = labels_of(each)
    return f"{service_of(labels)}-{text(labels.get(f'{LABEL}container-number'), 6)}"


def _disk(what: str, found: Sequence[Json], key: str, loose: Sequence[Json]) -> Disk:
    sizes = [max(0, number(each.get(key))) for each in found]
    return Disk(what, len(found), sum(sizes), sum(max(0, number(each.get(key))) for each in loose))


def _time(nano: int) -> str:
    return f"{datetime.fromtimestamp(nano / 1e9, UTC):%H:%M:%S}" if nano else ""

"""The Engine API over HTTP: what of it the cockpit and `docker compose` ask most.

Paths, names and codes are those of moby/moby docs/api/v1.47.yaml. Not played: exec, attach, wait, prune, pulls,
volumes, swarm; `t` and `signal` of a stop, filters of images and networks, and of containers all but status, name,
id and label.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime

from cockpit.sandbox.docker import shapes
from cockpit.sandbox.docker.engine import Engine
from cockpit.sandbox.docker.state import Box, Event, Fault, Json, Written
from cockpit.sandbox.http import BadRequest, HttpServer, Request, Response

_VERSIONED = re.compile(r"/v(\d+)\.(\d+)(/.*)")
_NEWEST, _OLDEST = (1, 47), (1, 24)
_NONE = Response(204)
_ACTION = re.compile(r"/(containers|images|networks)/(.+)/(\w+)")
_ONE = re.compile(r"/(containers|images|networks)/(.+)")
Filters = Mapping[str, list[str]]


class DockerServer:
    """Answers for one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._http: HttpServer | None = None
        self._documents: dict[str, Callable[[Mapping[str, str]], object]] = {
            "/version": lambda _: shapes.VERSION,
            "/info": lambda _: shapes.info(engine),
            "/system/df": lambda _: shapes.usage(engine),
            "/containers/json": self._listed,
            "/images/json": lambda _: [shapes.image_listed(each) for each in engine.images.values()],
            "/networks": lambda _: [shapes.network(each) for each in engine.networks.values()],
        }

    async def start(self) -> None:
        """Listen."""
        self._http = await HttpServer.start(self.handle)

    @property
    def url(self) -> str:
        """For DOCKER_HOST and the profile."""
        return f"tcp://127.0.0.1:{self._http.port}" if self._http else ""

    async def close(self) -> None:
        """Stop, and end all streams. Safe to call twice."""
        self._engine.close()
        if self._http is not None:
            await self._http.close()

    async def handle(self, request: Request) -> Response:
        """Any request."""
        try:
            return await self._answer(request, _unversioned(request.path))
        except Fault as fault:
            return Response.of({"message": fault.message}, fault.status)
        except BadRequest as error:
            return Response.of({"message": str(error)}, 400)

    async def _answer(self, request: Request, path: str) -> Response:
        engine, query = self._engine, request.query
        if request.method == "GET" and path in self._documents:
            return Response.of(self._documents[path](query))
        match request.method, path:
            case "GET" | "HEAD", "/_ping":
                return Response(200, b"OK", (("api-version", "1.47"), ("content-type", "text/plain")))
            case "GET", "/events":
                return Response(200, headers=_JSON, chunks=self._events(query, _filters(query)))
            case "POST", "/containers/create":
                box = engine.create(query.get("name", ""), _object(request))
                return Response.of({"Id": box.id, "Warnings": []}, 201)
        if found := _ACTION.fullmatch(path):
            kind, name, verb = found.groups()
            if kind == "containers":
                return await self._of_box(request, engine.box(name), verb)
            if kind == "images" and verb == "json" and request.method == "GET":
                return Response.of(shapes.image_inspected(engine.image(name)))
            if kind == "networks" and verb == "connect" and request.method == "POST":
                engine.connect(name, _object(request))
                return Response(200)
        if found := _ONE.fullmatch(path):
            return await self._of_one(request, *found.groups())
        raise Fault(404, "page not found")

    async def _of_one(self, request: Request, kind: str, name: str) -> Response:
        engine, force = self._engine, _yes(request.query, "force")
        if request.method == "DELETE" and kind == "containers":
            await engine.remove(engine.box(name), force=force)
            return _NONE
        if request.method == "DELETE" and kind == "images":
            return Response.of(engine.remove_image(name, force=force))
        if request.method == "GET" and kind == "networks":
            found = next((each for each in engine.networks.values() if name in (each.name, each.id)), None)
            if found is not None:
                return Response.of(shapes.network(found, engine))
            raise Fault(404, f"network {name} not found")
        raise Fault(404, "page not found")

    async def _of_box(self, request: Request, box: Box, verb: str) -> Response:
        query = request.query
        if request.method == "GET":
            match verb:
                case "json":
                    return Response.of(shapes.inspected(box))
                case "stats":
                    return Response.of(shapes.stats(box))
                case "logs":
                    return self._logs(box, query)
                case "top":
                    return Response.of(_processes(box))
        changes: dict[str, Callable[[], Awaitable[bool]]] = {
            "start": lambda: self._started(box),
            "stop": lambda: self._engine.stop(box),
            "restart": lambda: _true(self._engine.restart(box)),
            "kill": lambda: self._killed(box, query.get("signal", "SIGKILL")),
        }
        if request.method == "POST" and verb in changes:
            return Response(204 if await changes[verb]() else 304)
        if request.method == "POST" and verb in ("pause", "unpause"):
            self._engine.pause(box, on=verb == "pause")
            return _NONE
        if request.method == "POST" and verb == "rename":
            self._engine.rename(box, query.get("name", ""))
            return _NONE
        raise Fault(404, "page not found")

    async def _started(self, box: Box) -> bool:
        if box.status == "paused":
            raise Fault(409, "cannot start a paused container, try unpause instead")
        return box.status != "restarting" and self._engine.start(box)

    async def _killed(self, box: Box, signal: str) -> bool:
        if not box.alive:
            raise Fault(409, f"Container {box.id} is not running")
        await self._engine.stop(box, signal="9" if signal in ("SIGKILL", "KILL", "9", "") else signal)
        return True

    def _listed(self, query: Mapping[str, str]) -> list[Json]:
        filters = _filters(query)
        limit = _whole(query, "limit")
        everything = _yes(query, "all") or "status" in filters or limit > 0
        found = [box for box in self._engine.boxes.values() if (everything or box.alive) and _passes(box, filters)]
        found.sort(key=lambda box: box.created, reverse=True)
        return [shapes.listed(box, size=_yes(query, "size")) for box in found[: limit or None]]

    # Streams

    def _logs(self, box: Box, query: Mapping[str, str]) -> Response:
        streams = {number for number, name in ((1, "stdout"), (2, "stderr")) if _yes(query, name)}
        if not streams:
            raise Fault(400, "Bad parameters: you must choose at least one stream")
        since, until = _nano(query.get("since")), _nano(query.get("until"))

        def wanted(line: Written) -> bool:
            return line.stream in streams and line.nano >= since and (not until or line.nano <= until)

        tail = query.get("tail", "all")
        kept = [line for line in box.log.kept if wanted(line)]
        skipped = set(kept[: -int(tail) or None]) if tail.isdigit() and int(tail) < len(kept) else set()
        tty, stamped = box.config["Tty"] is True, _yes(query, "timestamps")

        def frames(lines: list[Written]) -> bytes:
            return b"".join(
                _frame(line, tty=tty, stamped=stamped) for line in lines if wanted(line) and line not in skipped
            )

        kind = "raw" if tty else "multiplexed"
        headers = (("content-type", f"application/vnd.docker.{kind}-stream"),)
        if not _yes(query, "follow"):
            return Response(200, frames(box.log.kept), headers)

        async def follow() -> AsyncGenerator[bytes, None]:
            async for lines in box.log.follow(lambda: not box.running or self._engine.closed):
                if content := frames(lines):
                    yield content

        return Response(200, headers=headers, chunks=follow())

    async def _events(self, query: Mapping[str, str], filters: Filters) -> AsyncGenerator[bytes, None]:
        since = _nano(query.get("since")) or (0 if "until" in query else time.time_ns())
        until = _nano(query.get("until"))
        feed = self._engine.events
        if until > time.time_ns():
            timer = asyncio.get_running_loop().call_later((until - time.time_ns()) / 1e9, feed.wake)
        else:
            timer = None
        try:
            async for found in feed.follow(lambda: self._engine.closed or bool(until and time.time_ns() >= until)):
                chosen = sorted((each for each in found if _told(each, since, until, filters)), key=lambda e: e.nano)
                if chosen:
                    yield b"".join(json.dumps(shapes.event(each)).encode() + b"\n" for each in chosen)
        finally:
            if timer is not None:
                timer.cancel()


_JSON = (("content-type", "application/json"),)


def _unversioned(path: str) -> str:
    found = _VERSIONED.fullmatch(path)
    if found is None:
        return path
    asked = int(found[1]), int(found[2])
    if asked > _NEWEST:
        raise Fault(400, f"client version {found[1]}.{found[2]} is too new. Maximum supported API version is 1.47")
    if asked < _OLDEST:
        raise Fault(
            400,
            f"client version {found[1]}.{found[2]} is too old. Minimum supported API version is 1.24, please upgrade "
            "your client to a newer version",
        )  # fmt: skip
    return found[3]


def _object(request: Request) -> Json:
    found = request.json()
    if not isinstance(found, dict):
        raise BadRequest("an object is needed")
    return found


def _yes(query: Mapping[str, str], name: str) -> bool:
    """As the daemon reads booleans of a query."""
    return query.get(name, "").lower() not in ("", "0", "no", "false", "none")


def _whole(query: Mapping[str, str], name: str) -> int:
    """Raises Fault."""
    try:
        return max(0, int(query.get(name) or 0))
    except ValueError:
        raise Fault(400, f'strconv.Atoi: parsing "{query[name][:40]}": invalid syntax') from None


def _filters(query: Mapping[str, str]) -> Filters:
    """{"label": ["a=b"]}, or the older {"label": {"a=b": true}}. Raises Fault."""
    try:
        found = json.loads(query.get("filters") or "{}")
        return {str(name): [str(each) for each in values] for name, values in found.items()}
    except (ValueError, AttributeError, TypeError):
        raise Fault(400, "invalid filter") from None


def _passes(box: Box, filters: Filters) -> bool:
    if "status" in filters and box.status not in filters["status"]:
        return False
    if "name" in filters and not any(each.removeprefix("/") in box.name for each in filters["name"]):
        return False
    if "id" in filters and not any(box.id.startswith(each) for each in filters["id"]):
        return False
    return _labelled(box.labels, filters)


def _labelled(labels: Mapping[str, str], filters: Filters) -> bool:
    """All of them: "name" or "name=value"."""
    pairs = (each.partition("=") for each in filters.get("label", ()))
    return all(name in labels and (not sign or labels[name] == value) for name, sign, value in pairs)


def _told(event: Event, since: int, until: int, filters: Filters) -> bool:
    if event.nano < since or (until and event.nano > until):
        return False
    if "type" in filters and "container" not in filters["type"]:
        return False
    actions = filters.get("event")
    if actions and event.action.partition(":")[0] not in actions and event.action not in actions:
        return False
    return _labelled(event.attributes, filters)


def _nano(value: str | None) -> int:
    """Seconds with a fraction, or a time -> nanoseconds. Raises Fault."""
    if not value:
        return 0
    whole, _, fraction = value.partition(".")
    if whole.isdigit() and (not fraction or fraction.isdigit()):
        return int(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))
    try:
        return int(datetime.fromisoformat(value).timestamp() * 1e9)
    except ValueError:
        raise Fault(400, f'strconv.ParseInt: parsing "{value[:40]}": invalid syntax') from None


def _frame(line: Written, *, tty: bool, stamped: bool) -> bytes:
    """A line as it goes over the wire: eight bytes before it where there is no terminal."""
    at = datetime.fromtimestamp(line.nano // 10**9, UTC)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{line.nano % 10**9:09d}Z " if stamped else ""
    content = f"{stamp}{line.text}\n".encode()
    return content if tty else bytes((line.stream, 0, 0, 0)) + len(content).to_bytes(4, "big") + content


def _processes(box: Box) -> Json:
    if not box.running:
        raise Fault(409, f"Container {box.id} is not running")
    started = f"{box.started:%H:%M}" if box.started else ""
    row = ["root", str(4000 + int(box.id[:4], 16)), "1", "0", started, "?", "00:00:07", " ".join(box.words)]
    return {"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": [row]}


async def _true(done: Awaitable[None]) -> bool:
    await done
    return True

"""What happens to a project's containers, as the engine tells it: one stream, taken up again where it broke.

moby/moby docs/api/v1.47.yaml (SystemEvents, EventMessage). Podman says "died" and "remove" in its filter.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque

from cockpit.adapters.docker.facts import LABEL, said_code, service_of
from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.raw import Json, number, part, text
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.containers import ContainerEvent

KEPT = 200
BACK_S = 3600  # how far back the first look goes
ROUND_S = 300.0  # then the stream is opened anew: a way that died silently is not trusted for longer
AGAIN_S = 5.0
LINE_BYTES = 1 << 20
_WANTED = (
    "create", "start", "restart", "stop", "die", "died", "kill", "oom", "pause", "unpause", "destroy", "remove",
    "rename", "health_status",
)  # fmt: skip


class EventWatch:
    """Owns its task; `attend` starts it and takes it up again, `close` ends it."""

    def __init__(self, gateway: Gateway, project: str, clock: Clock) -> None:
        self._gateway = gateway
        self._project = project
        self._clock = clock
        self._kept: deque[tuple[int, ContainerEvent]] = deque(maxlen=KEPT)
        self._told: set[tuple[int, str, str]] = set()
        self._since = 0  # nanoseconds: of the newest event
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self.error: CockpitError | None = None

    @property
    def events(self) -> tuple[ContainerEvent, ...]:
        """Newest last."""
        return tuple(event for _, event in sorted(self._kept, key=lambda each: each[0]))

    def attend(self) -> None:
        """See to it that the stream is open, or will be."""
        now = self._clock.monotonic()
        if self._task is not None and self._task.done():
            self._task = None
            self._not_before = now + AGAIN_S if self.error is not None else now
        if self._task is None and now >= self._not_before:
            self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """End the stream."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        since = self._since or int((self._clock.now().timestamp() - BACK_S) * 1e9)
        filters = {"type": ["container"], "event": list(_WANTED), "label": [f"{LABEL}project={self._project}"]}
        # A little earlier than the newest: what was told already is known by its time.
        query = {"since": _seconds(since - 1_000_000), "filters": json.dumps(filters)}
        within_s = max(ROUND_S, self._gateway.timeout_s)
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        partial = b""
        try:
            chunks = self._gateway.stream("/events", query, within_s)
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    self.error = None
                    lines = (partial + chunk).split(b"\n")
                    partial = lines.pop()[-LINE_BYTES:]
                    for line in lines:
                        self._take(line)
            self.error = None
        except CockpitError as error:
            self.error = error if loop.time() < until else None  # the round is over

    def _take(self, line: bytes) -> None:
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            return
        found = event_of(raw, self._project) if isinstance(raw, dict) else None
        if found is None:
            return
        nano, event = found
        key = (nano, event.container, event.action)
        if key in self._told:
            return
        self._told.add(key)
        self._kept.append(found)
        self._since = max(self._since, nano)
        if len(self._told) > 4 * KEPT:
            self._told = {(at, each.container, each.action) for at, each in self._kept}


def event_of(raw: Json, project: str) -> tuple[int, ContainerEvent] | None:
    """Its time in nanoseconds and what it tells; None for what is of another project, or no container's."""
    actor = part(raw, "Actor")
    told = part(actor, "Attributes")
    if raw.get("Type") != "container" or told.get(f"{LABEL}project") != project:
        return None
    action = text(raw.get("Action"), 80) or text(raw.get("status"), 80)
    nano = raw.get("timeNano")  # too large for `number`
    if not isinstance(nano, int) or isinstance(nano, bool):
        nano = number(raw.get("time")) * 10**9
    if not action or not 0 < nano < 1 << 63:
        return None
    action = {"died": "die", "remove": "destroy"}.get(action, action)
    said = ""
    if action == "die":
        code = text(told.get("exitCode"), 6) or text(told.get("containerExitCode"), 6)
        said = f"exit {said_code(int(code))}" if code.isascii() and code.isdigit() else ""
    elif action == "kill" and (signal := text(told.get("signal"), 12)):
        said = f"signal {signal}"
    container, name = text(actor.get("ID"), 64), text(told.get("name"), 200)
    return nano, ContainerEvent(nano / 1e9, action, container, name, service_of(told), said)


def _seconds(nano: int) -> str:
    """As the API wants a fraction of a second."""
    return f"{nano // 10**9}.{nano % 10**9:09d}"

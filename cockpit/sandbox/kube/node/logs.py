"""What a container has logged: the text of an annotation, or lines made up as time goes by."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass

from cockpit.sandbox.kube.node.life import Life, note

_KEPT = 5000
_LOOK_S = 0.1
_TRACE = (
    "INFO reading configuration",
    "ERROR Traceback (most recent call last):",
    'ERROR   File "/app/main.py", line 41, in connect',
    "ERROR     raise ConnectionError(dsn)",
    "ERROR ConnectionError: could not connect to server: db:5432",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its Unix time."""

    at: float
    text: str

    def drawn(self, with_time: bool) -> bytes:
        """As the API sends it."""
        stamp = ""
        if with_time:
            stamp = dt.datetime.fromtimestamp(self.at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") + " "
        return f"{stamp}{self.text}\n".encode()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The query of a kubelet's containerLogs."""

    previous: bool = False
    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: float | None = None
    limit: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """Raises ValueError for what is no number or time."""
        since = None
        if "sinceSeconds" in query:
            since = time.time() - int(query["sinceSeconds"])
        elif "sinceTime" in query:
            since = dt.datetime.fromisoformat(query["sinceTime"]).timestamp()
        return cls(
            previous=query.get("previous") == "true",
            follow=query.get("follow") == "true",
            timestamps=query.get("timestamps") == "true",
            tail=int(query["tailLines"]) if "tailLines" in query else None,
            since=since,
            limit=int(query["limitBytes"]) if "limitBytes" in query else None,
        )

    def first(self, lines: Iterable[Line]) -> list[Line]:
        """Those asked for, of what there is at once."""
        chosen = [line for line in lines if self.since is None or line.at >= self.since]
        if self.tail is None:
            return chosen
        return chosen[-self.tail :] if self.tail else []


def refusal(life: Life, container: str, wanted: Wanted) -> str:
    """Why there is no log, in a kubelet's words; "" where there is one."""
    pod = life.pod["metadata"]["name"]
    if wanted.previous and not (life.restarts and container == life.troubled):
        return f'previous terminated container "{container}" in pod "{pod}" not found'
    if not life.since and container not in life.init_names:
        reason = "PodInitializing" if life.init_names else "ContainerCreating"
        if life.behaviour == "nopull":
            reason = "trying and failing to pull image"
        return f'container "{container}" in pod "{pod}" is waiting to start: {reason}'
    return ""


async def streamed(life: Life, container: str, wanted: Wanted, there: Callable[[], bool]) -> AsyncGenerator[bytes]:
    """What is asked for; followed until that run of the container ends, or the pod is no longer `there`."""
    left = wanted.limit
    lines = lines_of(life, container, previous=wanted.previous)
    fresh = wanted.first(lines)
    run, last = life.restarts, (lines[-1].at if lines else 0.0)
    crashed = container == life.troubled and bool(life.restarts)
    while True:
        data = b"".join(line.drawn(wanted.timestamps) for line in fresh)
        if left is not None:
            data = data[:left]
            left -= len(data)
        if data:
            yield data
        if not wanted.follow or wanted.previous or crashed or left == 0:
            return
        if life.restarts != run or life.ended or not there():
            return
        await asyncio.sleep(_LOOK_S)
        fresh = [line for line in lines_of(life, container) if line.at > last]
        last = fresh[-1].at if fresh else last


def lines_of(life: Life, container: str, *, previous: bool = False) -> list[Line]:
    """All of them, oldest first."""
    start = life.since or time.time()
    key = "previous-log" if previous else "log"
    text = note(life.pod, f"{key}.{container}") or note(life.pod, key)
    if text:
        return [Line(start + number / 1000, line) for number, line in enumerate(text.split("\n"))]
    name = life.pod["metadata"]["name"]
    opening = f"INFO starting {container} in {name}"
    if container == life.troubled and (
        previous or life.behaviour.partition("=")[0] in ("crash", "oom", "init-crash")
    ):
        last = ("ERROR killed: out of memory",) if life.behaviour == "oom" else _TRACE
        attempt = life.restarts - (1 if previous else 0)
        told = (f"{opening} (attempt {attempt})", *last)
        return [Line(start + number / 1000, line) for number, line in enumerate(told)]
    if life.told is not None:
        return [Line(start, opening), *(Line(at, said) for at, said in tuple(life.told))]
    if container in life.init_names:
        return [Line(start - 1, opening), Line(start - 0.9, "INFO done")]
    rate = float(note(life.pod, "log-rate", "1"))
    count = int((time.time() - start) * rate)
    request = "INFO request id={} path=/health status=200 pod=" + name
    numbers = range(max(1, count - _KEPT), count + 1)
    opened = [Line(start, opening), Line(start + 0.001, "INFO listening on :8000")]
    return opened + [Line(start + number / rate, request.format(number)) for number in numbers]

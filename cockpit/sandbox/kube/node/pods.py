"""All pods of the nodes: bound, brought up, kept in trouble, and let go."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.life import Life, behaviour_of, note, path_of, waiting
from cockpit.sandbox.kube.node.terms import STRATEGIC, Api, Object, now, say

_EVICTED = "The node was low on resource: memory. Container {} was using 1900Mi, which exceeds its request of 0."


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    ready: float = 0.05  # from started to ready
    terminate: float = 0.05  # from deleted to gone
    backoff: float = 3.0  # between two crashes


@dataclass(slots=True)
class Nodes:
    """What the pods need to know of the nodes."""

    names: tuple[str, ...]
    down: set[str] = field(default_factory=set)
    cordoned: set[str] = field(default_factory=set)

    @property
    def free(self) -> list[str]:
        """Those that take pods."""
        return [name for name in self.names if name not in self.down | self.cordoned]


class Pods:
    """One task a pod plays its behaviour; another behaviour ends the task and begins the next."""

    def __init__(self, api: Api, events: Events, nodes: Nodes, pace: Pace, lines: int = 0) -> None:
        """`lines`: how many each pod keeps of what it is told to have logged; 0 for logs that are made up."""
        self._lines = lines
        self._api = api
        self._events = events
        self._nodes = nodes
        self.pace = pace
        self._lives: dict[str, Life] = {}
        self._addresses = itertools.count(2)
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._plays: dict[str, Callable[[Life, str], Awaitable[None]]] = {
            "ok": self._ok,
            "done": self._done,
            "unready": self._unready,
            "slow": self._slow,
            "crash": self._crash,
            "oom": self._crash,
            "init-crash": self._init_crash,
            "nopull": self._nopull,
            "evict": self._evict,
        }

    @property
    def lives(self) -> list[Life]:
        """Of all pods."""
        return list(self._lives.values())

    def find(self, namespace: str, name: str) -> Life | None:
        """The pod of that name."""
        for life in self._lives.values():
            meta = life.pod["metadata"]
            if (meta["namespace"], meta["name"]) == (namespace, name):
                return life
        return None

    async def run(self) -> None:
        """For ever."""
        async for kind, pod in self._api.follow("/api/v1/pods"):
            if kind == "DELETED":
                self._forget(pod["metadata"]["uid"])
            else:
                self._see(pod)

    async def close(self) -> None:
        """End all plays."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_again(self, node: str) -> None:
        """The node is back: its pods go on."""
        for life in self.lives:
            if life.pod["spec"].get("nodeName") == node:
                life.behaviour, life.deleting = "", False
                self._see(life.pod)

    def _forget(self, uid: str) -> None:
        life = self._lives.pop(uid, None)
        if life is not None and life.task is not None:
            life.task.cancel()

    def _see(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        life = self._lives.get(uid)
        if life is None:
            number = next(self._addresses)
            life = self._lives[uid] = Life(pod, f"10.244.{number // 250 % 250}.{number % 250 + 1}")
            life.told = deque(maxlen=self._lines) if self._lines else None
        life.pod = pod
        node = pod["spec"].get("nodeName")
        if pod["metadata"].get("deletionTimestamp"):
            if not life.deleting and node not in self._nodes.down:
                life.deleting = True
                self._begin(life, self._let_go(life))
            return
        behaviour = behaviour_of(pod)
        if life.behaviour == behaviour or life.ended:
            return
        if not node:
            life.behaviour = behaviour
            self._begin(life, self._bind(life, behaviour))
        elif node in self._nodes.names and node not in self._nodes.down:
            life.behaviour = behaviour
            word, _, argument = behaviour.partition("=")
            self._begin(life, self._plays.get(word, self._ok)(life, argument))

    def _begin(self, life: Life, play: Awaitable[None]) -> None:
        if life.task is not None:
            life.task.cancel()

        async def played() -> None:
            await play

        task = life.task = asyncio.create_task(played())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            say(f"a pod's play ended: {type(error).__name__} {error}")

    async def _write(self, life: Life, status: Object) -> None:
        body = {"metadata": {"uid": life.pod["metadata"]["uid"]}, "status": status}
        code = await self._api.patch(path_of(life.pod, "/status"), body, STRATEGIC)
        if code not in (200, 404, 409, 422):
            say(f"status of {life.pod['metadata']['name']}: {code}")

    async def _bind(self, life: Life, behaviour: str) -> None:
        """To the next node that takes pods; asks again while there is none."""
        meta = life.pod["metadata"]
        while behaviour == "pending" or not self._nodes.free:
            count = len(self._nodes.names)
            message = f"0/{count} nodes are available: {count} Insufficient cpu."
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastTransitionTime": now(),
            }
            await self._write(life, {"conditions": [condition]})
            await self._events.say(life.pod, "Warning", "FailedScheduling", message)
            await asyncio.sleep(self.pace.backoff)
        node = self._nodes.free[next(self._turns) % len(self._nodes.free)]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        # said first: the pod that is seen bound ends this play
        text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        await self._events.say(life.pod, "Normal", "Scheduled", text)
        life.behaviour = ""  # what is seen bound begins to play
        await self._api.call("POST", path_of(life.pod, "/binding"), binding)

    async def _let_go(self, life: Life) -> None:
        await asyncio.sleep(float(note(life.pod, "terminate-seconds") or self.pace.terminate))
        precise = {"uid": life.pod["metadata"]["uid"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": precise}
        await self._api.call("DELETE", path_of(life.pod), body)

    async def _start(self, life: Life) -> None:
        """Creating, then the containers run; nothing for containers that run already."""
        if life.since:
            return
        await self._write(life, life.status("Pending", waiting(life.names, "ContainerCreating"), ready=False))
        for container in life.pod["spec"]["containers"]:
            image = container["image"]
            await self._events.say(
                life.pod, "Normal", "Pulled", f'Container image "{image}" already present on machine'
            )
            await self._events.say(life.pod, "Normal", "Started", f"Started container {container['name']}")
        life.run()

    async def _ok(self, life: Life, argument: str) -> None:
        await self._start(life)
        await asyncio.sleep(self.pace.ready)
        await self._write(life, life.status("Running", {}, ready=True))
        if any(owner["kind"] == "Job" for owner in life.pod["metadata"].get("ownerReferences", [])):
            await asyncio.sleep(1)
            await self._done(life, argument)

    async def _done(self, life: Life, argument: str) -> None:
        await self._start(life)
        end = {"exitCode": 0, "reason": "Completed", "startedAt": life.started, "finishedAt": now()}
        states = {name: {"terminated": end} for name in life.names}
        await self._write(life, life.status("Succeeded", states, ready=False))

    async def _unready(self, life: Life, argument: str) -> None:
        await self._start(life)
        await self._write(life, life.status("Running", {}, ready=False))
        text = "Readiness probe failed: HTTP probe failed with statuscode: 503"
        while True:
            await self._events.say(life.pod, "Warning", "Unhealthy", text)
            await asyncio.sleep(self.pace.backoff)

    async def _slow(self, life: Life, argument: str) -> None:
        await self._start(life)
        await self._write(life, life.status("Running", {}, ready=False))
        await asyncio.sleep(float(argument or 8))
        await self._write(life, life.status("Running", {}, ready=True))

    async def _crash(self, life: Life, argument: str) -> None:
        await self._start(life)
        code, reason = (137, "OOMKilled") if life.behaviour == "oom" else (int(argument or 1), "Error")
        name, pod = life.troubled, life.pod["metadata"]["name"]
        text = f"back-off 10s restarting failed container={name} pod={pod}_{life.pod['metadata']['namespace']}"
        while True:
            await asyncio.sleep(self.pace.ready)
            end = life.died(code, reason)
            if life.pod["spec"].get("restartPolicy") == "Never":
                await self._write(life, life.status("Failed", {name: end}, ready=False))
                return
            state = waiting([name], "CrashLoopBackOff", text)
            await self._write(life, life.status("Running", state, ready=True))
            await self._events.say(life.pod, "Warning", "BackOff", "Back-off restarting failed container")
            await asyncio.sleep(self.pace.backoff)
            life.run()

    async def _init_crash(self, life: Life, argument: str) -> None:
        name = life.troubled
        while True:
            life.died(int(argument or 1), "Error")
            state = waiting(life.names, "PodInitializing") | waiting([name], "CrashLoopBackOff", "back-off 10s")
            await self._write(life, life.status("Pending", state, ready=False, initialized=False))
            await self._events.say(life.pod, "Warning", "BackOff", "Back-off restarting failed container")
            await asyncio.sleep(self.pace.backoff)

    async def _nopull(self, life: Life, argument: str) -> None:
        image = life.pod["spec"]["containers"][0]["image"]
        text = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": not found'
        await self._events.say(life.pod, "Normal", "Pulling", f'Pulling image "{image}"')
        await self._events.say(life.pod, "Warning", "Failed", f'Failed to pull image "{image}": {text}')
        await self._write(life, life.status("Pending", waiting(life.names, "ErrImagePull", text), ready=False))
        await asyncio.sleep(self.pace.ready)
        text = f'Back-off pulling image "{image}"'
        state = waiting(life.names, "ImagePullBackOff", text)
        while True:
            await self._write(life, life.status("Pending", state, ready=False))
            await self._events.say(life.pod, "Normal", "BackOff", text)
            await asyncio.sleep(self.pace.backoff)

    async def _evict(self, life: Life, argument: str) -> None:
        message = _EVICTED.format(life.names[0])
        condition = {"type": "Ready", "status": "False", "lastTransitionTime": now()}
        status = {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [condition]}
        await self._write(life, status | {"containerStatuses": None})
        await self._events.say(life.pod, "Warning", "Evicted", message)

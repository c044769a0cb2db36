"""The life of one pod as its node knows it, and the status that a kubelet would write of it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from cockpit.sandbox.kube.node.terms import Object, now

PREFIX = "fake-node/"
_BY_TAG = {
    "crash": "crash",
    "oom": "oom",
    "badinit": "init-crash",
    "missing": "nopull",
    "unready": "unready",
    "pending": "pending",
    "slow": "slow=8",
}


def note(thing: Object, key: str, default: str = "") -> str:
    """One of our annotations."""
    value: str = (thing["metadata"].get("annotations") or {}).get(PREFIX + key, default)
    return value


def path_of(pod: Object, rest: str = "") -> str:
    """The pod's own path in the API."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}{rest}"


def behaviour_of(pod: Object) -> str:
    """By annotation, else by a word of an image's tag."""
    if told := note(pod, "behaviour"):
        return told
    for container in pod["spec"]["containers"]:
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        for word, behaviour in _BY_TAG.items():
            if word in tag:
                return behaviour
    return "ok"


@dataclass(slots=True)
class Life:
    """What a kubelet would remember."""

    pod: Object
    ip: str
    behaviour: str = ""
    restarts: int = 0  # of the troubled container
    since: float = 0.0  # when its containers started last; 0 before
    started: str = ""
    last: Object = field(default_factory=dict)  # lastState of the troubled container
    deleting: bool = False
    task: asyncio.Task[None] | None = None
    told: deque[tuple[float, str]] | None = None  # Unix time and text of what it logs; None: that is made up

    @property
    def names(self) -> list[str]:
        """Its containers."""
        return [container["name"] for container in self.pod["spec"]["containers"]]

    @property
    def init_names(self) -> list[str]:
        """Its init containers."""
        return [container["name"] for container in self.pod["spec"].get("initContainers", [])]

    @property
    def troubled(self) -> str:
        """The container that crashes."""
        if self.behaviour == "init-crash" and self.init_names:
            return self.init_names[0]
        return note(self.pod, "container") or self.names[0]

    @property
    def ended(self) -> bool:
        """Its containers ended for good."""
        return self.pod["status"].get("phase") in ("Succeeded", "Failed")

    def run(self) -> None:
        """Its containers start."""
        self.since = time.time()
        self.started = now()

    def died(self, code: int, reason: str) -> Object:
        """The troubled container ends; its terminated state."""
        end: Object = {
            "exitCode": code,
            "reason": reason,
            "startedAt": self.started or now(),
            "finishedAt": now(),
            "containerID": self.container_id(self.troubled),
        }
        self.last = {"terminated": end}
        self.restarts += 1
        return {"terminated": end}

    def container_id(self, name: str) -> str:
        """Another one after each restart."""
        return f"fake://{self.pod['metadata']['uid']}-{name}-{self.restarts if name == self.troubled else 0}"

    def status(
        self, phase: str, state: Mapping[str, Object], *, ready: bool, initialized: bool = True, **extra: object
    ) -> Object:
        """The whole status. `state` has those that are not "running" (before the start: not "waiting")."""
        others = {"running": {"startedAt": self.started}} if self.since else _waiting("PodInitializing")
        states = {name: state.get(name, others) for name in self.names}
        unready = [name for name in self.names if not (ready and "running" in states[name])]
        why: dict[str, object] = {}
        if unready:
            why = {
                "reason": "ContainersNotReady",
                "message": f"containers with unready status: [{' '.join(unready)}]",
            }
        if phase == "Succeeded":
            why = {"reason": "PodCompleted"}
        all_ready = not unready and phase == "Running"
        conditions = [
            self._condition("Initialized", initialized),
            self._condition("Ready", all_ready, **why),
            self._condition("ContainersReady", all_ready, **why),
        ]
        body: Object = {
            "phase": phase,
            "startTime": self.pod["status"].get("startTime") or now(),
            "hostIP": "127.0.0.1",
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "conditions": conditions,
            "containerStatuses": [
                self._container(container, states[container["name"]], container["name"] not in unready)
                for container in self.pod["spec"]["containers"]
            ],
            **extra,
        }
        if self.init_names:
            done: Object = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": body["startTime"]}}
            rest = done | {"terminated": done["terminated"] | {"finishedAt": body["startTime"]}}
            first = rest if initialized else _waiting("PodInitializing")
            body["initContainerStatuses"] = [
                self._container(container, state.get(container["name"], first), initialized)
                for container in self.pod["spec"]["initContainers"]
            ]
        return body

    def _container(self, container: Object, state: Object, ready: bool) -> Object:
        name, image = container["name"], container["image"]
        mine = name == self.troubled
        waiting = state.get("waiting", {}).get("reason", "")
        ran = not waiting or waiting == "CrashLoopBackOff"
        return {
            "name": name,
            "image": image,
            "imageID": f"{image.partition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
            if ran
            else "",
            "containerID": self.container_id(name) if ran else "",
            "ready": ready,
            "started": "running" in state,
            "restartCount": self.restarts if mine else 0,
            "state": state,
            "lastState": self.last if mine else {},
        }

    def _condition(self, kind: str, holds: bool, **why: object) -> Object:
        """Its time of change stays where it did not change."""
        status = "True" if holds else "False"
        before = {each["type"]: each for each in self.pod["status"].get("conditions", [])}.get(kind, {})
        since = before.get("lastTransitionTime") if before.get("status") == status else None
        return {"type": kind, "status": status, "lastTransitionTime": since or now(), **why}


def _waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def waiting(names: list[str], reason: str, message: str = "") -> dict[str, Object]:
    """The same waiting state for each."""
    return {name: _waiting(reason, message) for name in names}

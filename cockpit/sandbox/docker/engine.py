"""The engine: what may be done to containers, images and networks, and what follows from it.

Status codes follow the published description (moby/moby docs/api/v1.47.yaml); where that names none, they and the
sentences are the daemon's (moby/moby daemon/errors.go, start.go, unpause.go, delete_test.go, images/image_delete.go).
Not played: AutoRemove, ports that are already taken, and pulling images.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from cockpit.sandbox.docker.feed import Feed
from cockpit.sandbox.docker.play import act_of
from cockpit.sandbox.docker.state import Box, Event, Fault, Image, Json, Network, nano_of

EVENTS_KEPT = 1000
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_BACK_OFF_S = 0.1  # before the first restart by policy, doubled each time; 10 s and more of life reset nothing here
_MOST_BACK_OFF_S = 60.0
_STOP_FIRST = ": stop the container before removing or force remove"
_FROM_IMAGE = ("Cmd", "Entrypoint", "WorkingDir", "User", "Healthcheck", "StopSignal", "ExposedPorts", "Volumes")


class Engine:
    """One of them; all methods but `close` are for the loop that made it."""

    def __init__(self, *, name: str = "docker", stop_s: float = 0.3, healthy_s: float = 1.0) -> None:
        self.name = name
        self.id = f"{name}-{token_hex(6)}"
        self.stop_s = stop_s  # until a process that is asked to end has ended
        self.healthy_s = healthy_s  # until a health check has passed
        self.images: dict[str, Image] = {}
        self.boxes: dict[str, Box] = {}
        self.networks: dict[str, Network] = {}
        self.events: Feed[Event] = Feed(EVENTS_KEPT)
        self.heard: list[Callable[[Box, str], None]] = []  # container, what happened to it
        self._timers: set[asyncio.TimerHandle] = set()
        self._closed = False
        self.network("bridge")

    def close(self) -> None:
        """Nothing happens by itself any more; streams end."""
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        for box in self.boxes.values():
            box.log.wake()
        self.events.wake()

    @property
    def closed(self) -> bool:
        """It has ended."""
        return self._closed

    # What there is

    def network(self, name: str, labels: dict[str, str] | None = None) -> Network:
        """Make one."""
        made = Network(token_hex(32), name, datetime.now(UTC), labels or {})
        self.networks[name] = made
        return made

    def add_image(self, image: Image) -> Image:
        """Its names are no other's from now on."""
        for other in self.images.values():
            other.tags = [tag for tag in other.tags if tag not in image.tags]
        self.images[image.id] = image
        return image

    def image(self, reference: str) -> Image:
        """By id or a part of it, tag or digest. Raises Fault."""
        tagged = reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"
        digits = reference.removeprefix("sha256:")
        for image in self.images.values():
            own = image.id.removeprefix("sha256:")
            if tagged in image.tags or reference in image.digests or (len(digits) >= 6 and own.startswith(digits)):
                return image
        raise Fault(404, f"No such image: {tagged}")

    def box(self, reference: str) -> Box:
        """By id or a part of it, or by name. Raises Fault."""
        name = reference.removeprefix("/")
        found = [each for each in self.boxes.values() if name == each.name or each.id == name]
        found = found or [each for each in self.boxes.values() if name and each.id.startswith(name)]
        if len(found) != 1:
            raise Fault(404, f"No such container: {reference}")
        return found[0]

    def users(self, image: Image) -> list[Box]:
        """Containers of this image, running or not."""
        return [box for box in self.boxes.values() if box.image is image]

    # What is done

    def create(self, name: str, body: Json, *, at: datetime | None = None) -> Box:
        """A container that does not run yet. Raises Fault."""
        name = name.removeprefix("/") or f"box_{token_hex(4)}"
        if not _NAME.fullmatch(name):
            raise Fault(
                400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            )  # fmt: skip
        self._free(name)
        if not isinstance(body.get("Image"), str) or not body["Image"]:
            raise Fault(400, "no image is named: config cannot be empty in order to create a container")
        image = self.image(body["Image"])
        host = copy.deepcopy(body.get("HostConfig") or {})
        host = _HOST | host | {"NetworkMode": host.get("NetworkMode") or "bridge"}
        joined = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
        if not joined and host["NetworkMode"] != "none":
            joined = {host["NetworkMode"]: {}}
        id = token_hex(32)
        config = _config(body, image, id)
        box = Box(id, name, at or datetime.now(UTC), image, config, host, {})
        for network, endpoint in joined.items():
            box.networks[network] = self._endpoint(network, endpoint or {})
        if not box.words:
            raise Fault(400, "no command specified")
        self.boxes[id] = box
        self.tell(box, "create", at=at)
        return box

    def start(self, box: Box, *, at: datetime | None = None) -> bool:
        """False where it runs already. What its policy did is counted anew. Raises Fault."""
        if box.running:
            return False
        box.restarts = 0
        box.status, box.by_hand, box.oom, box.code = "running", False, False, 0
        box.started = at or datetime.now(UTC)
        check = (box.config.get("Healthcheck") or {}).get("Test")
        box.health = "starting" if check and check[0] != "NONE" else ""
        self.tell(box, "start", at=at)
        act, begun = act_of(box.words, box.env), box.started
        for error, text in act.lines:
            box.write(text, error=error, at=at)
        if act.code is not None:
            self._later(act.after_s, lambda: self._ends(box, begun, act.code or 0))
        if box.health and at is None:
            self._later(self.healthy_s, lambda: self._judge(box, begun))
        elif box.health:
            box.health = "healthy"
        return True

    async def stop(self, box: Box, *, signal: str = "15") -> bool:
        """False where it does not run. The process has its time to end."""
        if box.status == "restarting":
            box.status, box.by_hand = "exited", True
            return True
        if not box.running:
            return False
        box.by_hand = True
        self.tell(box, "kill", {"signal": signal})
        begun = box.started
        if signal != "9":
            await asyncio.sleep(self.stop_s)
        if box.running and box.started == begun:
            self._end(box, 137 if signal == "9" or box.words[0].rpartition("/")[2] == "sleep" else 0)
        self.tell(box, "stop")
        return True

    async def restart(self, box: Box) -> None:
        """Stopped where it runs, and started."""
        await self.stop(box)
        self.start(box)
        self.tell(box, "restart")

    def pause(self, box: Box, *, on: bool) -> None:
        """Raises Fault."""
        if on and box.status != "running":
            raise Fault(409, f"Container {box.id} is {'already paused' if box.status == 'paused' else 'not running'}")
        if not on and box.status != "paused":
            raise Fault(500, f"Container {box.id} is not paused")
        box.status = "paused" if on else "running"
        self.tell(box, "pause" if on else "unpause")

    def rename(self, box: Box, name: str) -> None:
        """Raises Fault."""
        name = name.removeprefix("/")
        if not _NAME.fullmatch(name):
            raise Fault(400, f"Invalid container name ({name})")
        self._free(name)
        old, box.name = box.name, name
        self.tell(box, "rename", {"oldName": f"/{old}"})

    async def remove(self, box: Box, *, force: bool) -> None:
        """Its log goes with it. Raises Fault."""
        if box.alive and not force:
            how = " and must be unpaused first" if box.status == "paused" else _STOP_FIRST
            raise Fault(409, f'cannot remove container "/{box.name}": container is {box.status}{how}')
        if box.alive:
            await self.stop(box, signal="9")
        self.boxes.pop(box.id, None)
        box.status = "removed"
        box.log.wake()
        self.tell(box, "destroy")

    def remove_image(self, reference: str, *, force: bool) -> list[dict[str, str]]:
        """What became of it: Untagged, Deleted. Raises Fault."""
        image = self.image(reference)
        if not image.id.removeprefix("sha256:").startswith(reference.removeprefix("sha256:")):
            return self._remove_name(image, reference, force=force)
        for box in self.users(image):
            if box.alive or not force:
                how = ("cannot be forced", "running") if box.alive else ("must be forced", "stopped")
                raise Fault(
                    409,
                    f"conflict: unable to delete {image.id[7:19]} ({how[0]}) - image is being used by {how[1]} "
                    f"container {box.id[:12]}",
                )
        if len(image.tags) > 1 and not force:
            raise Fault(
                409,
                f"conflict: unable to delete {image.id[7:19]} (must be forced) - image is referenced in multiple "
                "repositories",
            )  # fmt: skip
        del self.images[image.id]
        return [*({"Untagged": name} for name in (*image.tags, *image.digests)), {"Deleted": image.id}]

    def _remove_name(self, image: Image, reference: str, *, force: bool) -> list[dict[str, str]]:
        """The image goes with its last name, where nobody uses it."""
        users = self.users(image)
        if users and not force and len(image.tags) <= 1:
            raise Fault(
                409,
                f'conflict: unable to remove repository reference "{reference}" (must force) - container '
                f"{users[0].id[:12]} is using its referenced image {image.id[7:19]}",
            )
        name = next(each for each in (reference, f"{reference}:latest") if each in (*image.tags, *image.digests))
        image.tags = [each for each in image.tags if each != name]
        image.digests = [each for each in image.digests if each != name]
        told = [{"Untagged": name}]
        if image.tags or any(box.alive for box in users):
            return told
        del self.images[image.id]
        return [*told, *({"Untagged": each} for each in image.digests), {"Deleted": image.id}]

    def connect(self, network: str, body: Json) -> None:
        """Raises Fault."""
        box = self.box(str(body.get("Container", "")))
        joined = self._endpoint(network, body.get("EndpointConfig") or {})
        named = (each.name for each in self.networks.values() if each.id == network)
        box.networks[next(named, network)] = joined

    def tell(self, box: Box, action: str, more: dict[str, str] | None = None, *, at: datetime | None = None) -> None:
        """An event of this container."""
        told = {**box.labels, **(more or {}), "image": str(box.config["Image"]), "name": box.name}
        self.events.add(Event(nano_of(at or datetime.now(UTC)), action, box.id, told, str(box.config["Image"])))
        for hear in self.heard:
            hear(box, action)

    # What follows

    def _ends(self, box: Box, begun: datetime, code: int) -> None:
        """By itself, unless it is another run by now."""
        if box.running and box.started == begun:
            self._end(box, code)

    def _end(self, box: Box, code: int, *, oom: bool = False) -> None:
        lived = datetime.now(UTC) - (box.started or box.created)
        box.status, box.code, box.oom, box.finished = "exited", code, oom, datetime.now(UTC)
        box.health = "unhealthy" if box.health else ""
        box.log.wake()
        self.tell(box, "die", {"exitCode": str(code), "execDuration": str(int(lived.total_seconds()))})
        policy = box.host.get("RestartPolicy") or {}
        most = policy.get("MaximumRetryCount") or 0  # 0: no end
        again_after_failure = policy.get("Name") == "on-failure" and code and not 0 < most <= box.restarts
        if box.by_hand or not (policy.get("Name") in ("always", "unless-stopped") or again_after_failure):
            return
        box.status = "restarting"
        wait = min(_MOST_BACK_OFF_S, _BACK_OFF_S * 2**box.restarts)

        def again() -> None:
            if box.status == "restarting":
                count = box.restarts + 1
                self.start(box)
                box.restarts = count

        self._later(wait, again)

    def _judge(self, box: Box, begun: datetime) -> None:
        if box.status == "running" and box.started == begun:
            box.health = "healthy"
            self.tell(box, "health_status: healthy")

    def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()

        def fire() -> None:
            self._timers.discard(timer)
            act()

        timer = loop.call_later(seconds, fire)
        self._timers.add(timer)

    def _free(self, name: str) -> None:
        for other in self.boxes.values():
            if other.name == name:
                raise Fault(
                    409,
                    f'Conflict. The container name "/{name}" is already in use by container "{other.id}". You have '
                    "to remove (or rename) that container to be able to reuse that name.",
                )

    def _endpoint(self, network: str, endpoint: Json) -> Json:
        if network in ("host", "none"):
            return {"NetworkID": "", **endpoint}
        found = self.networks.get(network) or next(
            (each for each in self.networks.values() if each.id == network), None
        )
        if found is None:
            raise Fault(404, f"network {network} not found")
        return {**endpoint, "NetworkID": found.id, "IPAddress": f"172.20.0.{len(self.boxes) % 250 + 2}"}


_HOST: Json = {
    "Binds": None,
    "NetworkMode": "bridge",
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "LogConfig": {"Type": "json-file", "Config": {}},
    "PortBindings": {},
    "AutoRemove": False,
    "Memory": 0,
    "NanoCpus": 0,
}


def _config(body: Json, image: Image, id: str) -> Json:
    """What was asked for, over what the image brings. A command of one's own is not the image's with an entrypoint
    of one's own (as the daemon's merge does it).
    """
    made = {key: body[key] for key in body if key not in ("HostConfig", "NetworkingConfig")}
    for key in ("Cmd", "Entrypoint"):
        if isinstance(made.get(key), str):
            made[key] = [made[key]]
    for key in _FROM_IMAGE:
        if not made.get(key) and image.config.get(key) and not (key == "Cmd" and body.get("Entrypoint")):
            made[key] = copy.deepcopy(image.config[key])
    if made.get("Entrypoint") == [""]:  # the image's is not wanted
        made["Entrypoint"] = None
    pairs = (*(image.config.get("Env") or ()), *(body.get("Env") or ()))
    made["Env"] = list({each.partition("=")[0]: each for each in pairs}.values())
    made["Labels"] = {**(image.config.get("Labels") or {}), **(body.get("Labels") or {})}
    made.setdefault("Hostname", id[:12])
    made.setdefault("Tty", False)
    return made


def past(days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
    """So long ago."""
    return datetime.now(UTC) - timedelta(days=days, hours=hours, minutes=minutes)

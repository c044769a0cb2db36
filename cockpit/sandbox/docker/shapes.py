"""The engine's things as JSON, field by field as the Engine API defines them (moby/moby docs/api/v1.47.yaml).

Only fields of these are told, not all of them; events tell their `status`, `id` and `from` of older versions as well.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import UTC, datetime

from cockpit.sandbox.docker.engine import Engine
from cockpit.sandbox.docker.state import Box, Event, Image, Json, Network, said

CORES = 4
MEMORY = 8 << 30


def listed(box: Box, *, size: bool) -> Json:
    """ContainerSummary."""
    shown = str(box.config["Image"])
    made: Json = {
        "Id": box.id,
        "Names": [f"/{box.name}"],
        "Image": shown if shown in (*box.image.tags, *box.image.digests) or "@" in shown else box.image.id,
        "ImageID": box.image.id,
        "Command": " ".join(box.words),
        "Created": int(box.created.timestamp()),
        "Ports": _ports(box),
        "Labels": box.labels,
        "State": box.status,
        "Status": _status(box),
        "HostConfig": {"NetworkMode": box.host["NetworkMode"]},
        "NetworkSettings": {"Networks": box.networks},
        "Mounts": _mounts(box),
    }
    if size:
        made |= {"SizeRw": _written(box), "SizeRootFs": box.image.size + _written(box)}
    return made


def inspected(box: Box) -> Json:
    """ContainerInspectResponse."""
    state: Json = {
        "Status": box.status,
        "Running": box.alive,
        "Paused": box.status == "paused",
        "Restarting": box.status == "restarting",
        "OOMKilled": box.oom,
        "Dead": False,
        "Pid": 4000 + int(box.id[:4], 16) if box.running else 0,
        "ExitCode": box.code,
        "Error": "",
        "StartedAt": said(box.started),
        "FinishedAt": said(box.finished),
    }
    if box.health:
        check = {"Start": said(box.started), "End": said(box.started), "ExitCode": 0, "Output": box.health_said}
        state["Health"] = {"Status": box.health, "FailingStreak": 0, "Log": [check] if box.health_said else []}
    path, *args = box.words
    return {
        "Id": box.id,
        "Created": said(box.created),
        "Path": path,
        "Args": args,
        "State": state,
        "Image": box.image.id,
        "Name": f"/{box.name}",
        "RestartCount": box.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "LogPath": f"/var/lib/docker/containers/{box.id}/{box.id}-json.log",
        "HostConfig": box.host,
        "Mounts": _mounts(box),
        "Config": box.config,
        "NetworkSettings": {
            "Networks": box.networks,
            "Ports": (box.host["PortBindings"] or {}) if box.running else {},
        },
    }


def stats(box: Box) -> Json:
    """ContainerStatsResponse: one look, as with stream=false and one-shot."""
    now = time.time()
    cores, memory = box.used
    lived = max(0.0, now - box.started.timestamp()) if box.started and box.running else 0.0
    # The integral of a load that goes up and down a little.
    total = cores * (lived + 6 * (1 - math.cos(lived / 20))) * 1e9
    cpu = {"cpu_usage": {"total_usage": int(total)}, "system_cpu_usage": int(now * CORES * 1e9), "online_cpus": CORES}
    used = int(memory * (1 + 0.03 * math.sin(now / 40))) if box.running else 0
    limit = box.host.get("Memory") or MEMORY
    return {
        "read": said(datetime.fromtimestamp(now, UTC)),
        "preread": "0001-01-01T00:00:00Z",
        "id": box.id,
        "name": f"/{box.name}",
        "pids_stats": {"current": 7} if box.running else {},
        "cpu_stats": cpu if box.running else {"cpu_usage": {"total_usage": 0}},
        "precpu_stats": {"cpu_usage": {"total_usage": 0}},
        "memory_stats": {"usage": used, "limit": limit, "stats": {"inactive_file": used // 20}} if used else {},
        "networks": {},
    }


def image_listed(image: Image, engine: Engine | None = None) -> Json:
    """ImageSummary; who uses it is counted where the engine is given, as in /system/df."""
    return {
        "Id": image.id,
        "ParentId": "",
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Created": int(image.created.timestamp()),
        "Size": image.size,
        "SharedSize": -1,
        "Labels": image.config.get("Labels") or {},
        "Containers": len(engine.users(image)) if engine is not None else -1,
    }


def image_inspected(image: Image) -> Json:
    """ImageInspect."""
    return {
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Created": said(image.created),
        "Architecture": "amd64",
        "Os": "linux",
        "Size": image.size,
        "Config": image.config,
        "RootFS": {"Type": "layers", "Layers": [image.id]},
    }


def network(found: Network, engine: Engine | None = None) -> Json:
    """Network; who is in it is told where the engine is given: not in the list."""
    boxes = engine.boxes.values() if engine is not None else ()
    inside = [box for box in boxes if box.running and found.name in box.networks]
    return {
        "Name": found.name,
        "Id": found.id,
        "Created": said(found.created),
        "Scope": "local",
        "Driver": "bridge",
        "Labels": found.labels,
        "Containers": {box.id: {"Name": box.name} for box in inside},
    }


def event(found: Event) -> Json:
    """EventMessage."""
    return {
        "status": found.action,
        "id": found.id,
        "from": found.image,
        "Type": "container",
        "Action": found.action,
        "Actor": {"ID": found.id, "Attributes": found.attributes},
        "scope": "local",
        "time": found.nano // 10**9,
        "timeNano": found.nano,
    }


def usage(engine: Engine) -> Json:
    """What GET /system/df answers."""
    images = [image_listed(each, engine) for each in engine.images.values()]
    boxes = [listed(each, size=True) for each in engine.boxes.values()]
    used = Counter(mount["Name"] for box in engine.boxes.values() for mount in _mounts(box) if "Name" in mount)
    volumes = [
        {
            "Name": name,
            "Driver": "local",
            "Mountpoint": _stored(name),
            "Labels": {},
            "Scope": "local",
            "Options": None,
            "UsageData": {"Size": 214 << 20, "RefCount": count},
        }
        for name, count in sorted(used.items())
    ]
    return {
        "LayersSize": sum(each["Size"] for each in images),
        "Images": images,
        "Containers": boxes,
        "Volumes": volumes,
        "BuildCache": [],
    }


def info(engine: Engine) -> Json:
    """SystemInfo, as far as somebody asks."""
    states = [box.status for box in engine.boxes.values()]
    return {
        "ID": engine.id,
        "Name": engine.name,
        "Containers": len(states),
        "ContainersRunning": states.count("running"),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": sum(state not in ("running", "paused") for state in states),
        "Images": len(engine.images),
        "Driver": "overlay2",
        "OperatingSystem": "a Docker Engine API played by the sandbox",
        "OSType": "linux",
        "NCPU": CORES,
        "MemTotal": MEMORY,
        "ServerVersion": VERSION["Version"],
    }


VERSION: Json = {
    "Version": "27.5.1",
    "ApiVersion": "1.47",
    "MinAPIVersion": "1.24",
    "Os": "linux",
    "Arch": "amd64",
    "KernelVersion": "6.1.0",
    "Components": [{"Name": "Engine", "Version": "27.5.1"}],
}


def _status(box: Box) -> str:
    """ "Up 3 hours (healthy)", "Exited (0) 5 minutes ago"."""
    now = datetime.now(UTC)
    if box.status == "created":
        return "Created"
    if not box.running:
        word = "Restarting" if box.status == "restarting" else "Exited"
        return f"{word} ({box.code}) {_ago(now, box.finished)} ago"
    more = " (Paused)" if box.status == "paused" else ""
    checked = {"starting": " (health: starting)"}.get(box.health, f" ({box.health})" if box.health else "")
    return f"Up {_ago(now, box.started)}{more or checked}"


def _ago(now: datetime, then: datetime | None) -> str:
    seconds = int((now - (then or now)).total_seconds())
    for length, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds // length} {word}"
    return f"{seconds} seconds"


def _ports(box: Box) -> list[Json]:
    found: list[Json] = []
    for inside, outside in (box.host.get("PortBindings") or {}).items():
        port, _, kind = inside.partition("/")
        for each in outside or ():
            public = int(each.get("HostPort") or 32768)  # "": the engine takes one
            place = {"IP": each.get("HostIp") or "0.0.0.0", "PublicPort": public}  # noqa: S104  is told
            found.append({"PrivatePort": int(port), "Type": kind or "tcp", **(place if box.running else {})})
    return found


def _mounts(box: Box) -> list[Json]:
    found: list[Json] = []
    for bind in box.host.get("Binds") or ():
        source, _, rest = bind.partition(":")
        where, _, mode = rest.partition(":")
        kind = "bind" if source.startswith("/") else "volume"
        named = {"Name": source, "Driver": "local"} if kind == "volume" else {}
        place = {"Source": source if kind == "bind" else _stored(source), "Destination": where}
        found.append({"Type": kind, **named, **place, "Mode": mode, "RW": "ro" not in mode.split(",")})
    return found


def _stored(volume: str) -> str:
    return f"/var/lib/docker/volumes/{volume}/_data"


def _written(box: Box) -> int:
    return sum(len(line.text) for line in box.log.kept) + 4096

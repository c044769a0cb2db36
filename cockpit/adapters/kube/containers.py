"""Containers of a pod: what each does now, what its run before died of, and which of them is the trouble."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cockpit.adapters.kube.fields import millis, moment, number, part, parts, size, text
from cockpit.adapters.kube.terms import Json
from cockpit.model.workloads import ContainerState, Usage

PULLING = "volumes are being mounted or the image is being pulled"
_STARTING = frozenset(("ContainerCreating", "PodInitializing", ""))
_PULL = ("ImagePullBackOff", "ErrImagePull")
_BACK_OFF = re.compile(r"back-off ([0-9][0-9hms.]*)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not run."""

    reason: str
    said: str


def containers_of(pod: Json) -> tuple[ContainerState, ...]:
    """Init containers first, in the order of the template."""
    found: list[ContainerState] = []
    for init, field, told in (
        (True, "initContainers", "initContainerStatuses"),
        (False, "containers", "containerStatuses"),
    ):
        status = {text(each.get("name"), 253): each for each in parts(pod, "status", told)}
        for spec in parts(pod, "spec", field):
            # A sidecar that starts with the init containers runs beside the others.
            beside = init and spec.get("restartPolicy") == "Always"
            found.append(_container(spec, status.get(text(spec.get("name"), 253), {}), init=init and not beside))
    return tuple(found)


def _container(spec: Json, status: Json, *, init: bool) -> ContainerState:
    state = part(status, "state")
    name = next(
        (each for each in ("running", "waiting", "terminated") if isinstance(state.get(each), dict)), "unknown"
    )
    now, last = part(state, name), part(status, "lastState", "terminated")
    ended = last or (now if name == "terminated" else {})
    return ContainerState(
        name=text(spec.get("name"), 253),
        image=text(spec.get("image"), 500),
        image_id=text(status.get("imageID"), 500),
        state=name,
        ready=status.get("ready") is True,
        restarts=number(status.get("restartCount")),
        reason=text(now.get("reason"), 80),
        said=text(now.get("message")),
        exit_code=number(now.get("exitCode")) if name == "terminated" else None,
        last_reason=text(ended.get("reason"), 80),
        last_exit=number(ended.get("exitCode")) if ended else None,
        last_ended=moment(ended.get("finishedAt")),
        init=init,
        usage=asked_of(spec),
    )


def asked_of(container: Json) -> Usage:
    """Requests and limits of a container of a template."""
    wanted, most = part(container, "resources", "requests"), part(container, "resources", "limits")
    return Usage(
        cpu_request=millis(wanted.get("cpu")),
        memory_request=size(wanted.get("memory")),
        cpu_limit=millis(most.get("cpu")),
        memory_limit=size(most.get("memory")),
    )


def sum_of(containers: Iterable[ContainerState]) -> Usage:
    """All of them together. A limit is one only where each has it: what one may have without bound, all may."""
    held = [each.usage for each in containers]
    return added(held)


def added(held: Sequence[Usage]) -> Usage:
    """Usages added up: None where nobody says anything, and for limits where one says nothing."""
    return Usage(
        _some([each.cpu for each in held]),
        _some([each.memory for each in held]),
        _some([each.cpu_request for each in held]),
        _some([each.memory_request for each in held]),
        _every([each.cpu_limit for each in held]),
        _every([each.memory_limit for each in held]),
    )


def _some(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _every(values: Sequence[int | None]) -> int | None:
    return None if any(value is None for value in values) else _some(values)


def trouble_of(containers: Sequence[ContainerState]) -> Trouble | None:
    """The first container that cannot start or does not stay up; None where all do."""
    several = len(containers) > 1
    for each in containers:
        reason = _wrong(each)
        if reason:
            prefix = "Init:" if each.init else ""
            return Trouble(f"{prefix}{reason}", sentence(each, many=several))
    return None


def _wrong(each: ContainerState) -> str:
    if each.state == "waiting" and each.reason not in _STARTING:
        killed = each.reason == "CrashLoopBackOff" and each.last_reason == "OOMKilled"
        return "OOMKilled" if killed else each.reason
    if each.state == "terminated" and each.exit_code:
        return each.reason or f"ExitCode:{each.exit_code}"
    return ""


def sentence(each: ContainerState, *, many: bool) -> str:
    """What is wrong with it, and what its run before died of; its name where there are others."""
    back_off = _BACK_OFF.search(each.said)
    if each.reason == "CrashLoopBackOff":
        waits = f"next start after {back_off[1]}" if back_off else "restarts are delayed"
        told = [_death(each), waits]
    elif each.reason in _PULL or "Image" in each.reason:
        told = [each.said if each.image in each.said else f"{each.image}: {each.said}".removesuffix(": ")]
    else:
        told = [each.said, _death(each)]
    said = "; ".join(filter(None, told))
    return f"{each.name}: {said}" if many and said else said


def _death(each: ContainerState) -> str:
    if each.last_exit is None:
        return ""
    limit = each.usage.memory_limit
    words = [each.last_reason or "ended", f"exit {each.last_exit}"]
    if each.last_reason == "OOMKilled" and limit:
        words.append(f"limit {limit // 2**20} MiB")
    when = f" at {each.last_ended:%H:%M:%S}" if each.last_ended is not None else ""
    return f"last run: {', '.join(words)}{when}"

"""The look at logs of pods: asked once through the API server, of a pod, a workload, a selector or a namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cockpit.adapters.kube.commandline import KubeCall, kube_call
from cockpit.adapters.kube.podreading import Answer, Question
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.looks.bound import LINES, BoundLook, StateOf
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.workloads import WorkloadsStatus
from cockpit.profile.fields import parse_duration
from cockpit.text import counted

LOGS = LookSpec(
    "workloads.logs",
    "Logs of pods",
    SourceKind.WORKLOADS,
    "Asks the API server once for the logs of one pod, of all pods of a workload, or of a selector, merged by time.",
    (
        Param("pod", ParamKind.CHOICE, "only this pod", required=False),
        Param("workload", ParamKind.CHOICE, "all pods of deployment/NAME ...", required=False),
        Param("selector", ParamKind.TEXT, "label selector: app=api", required=False),
        Param("container", ParamKind.TEXT, "only this container of each pod", required=False),
        Param("previous", ParamKind.TEXT, "yes: of the run before the last restart", required=False),
        Param("since", ParamKind.DURATION, "how far back", required=False),
        Param("tail", ParamKind.INTEGER, "lines of each container", required=False),
        Param("contains", ParamKind.TEXT, "only lines with one of these words, | between them", required=False),
    ),
    live=False,
)
SPECS = (LOGS,)

_SHOWING = frozenset(
    ("--timestamps", "--prefix", "--ignore-errors", "--max-log-requests", "--insecure-skip-tls-verify")
)
_NO_POD = "kubectl refuses this: it names no pod. Here all pods of the namespace are read, and it says how many."
_ONCE = "It is asked once; the command would go on printing. The log pane follows."
_ALL = "All pods of it are read; kubectl takes one of them."


class PodReading(Protocol):
    """Can be asked for logs."""

    async def ask(self, question: Question) -> Answer:
        """Raises NotFound where nothing is selected, CockpitError."""


def _understood(call: Call) -> Intent | None:
    """kubectl logs [POD | TYPE/NAME] ..."""
    found = kube_call(call, "logs", objects=False, quiet=_SHOWING)
    if found is None or found.everywhere or len(found.given) > 2:
        return None
    params: dict[str, str] = {}
    said: list[str] = []
    for option, value in found.options.items():
        name = _OPTIONS.get(option)
        if name is None:
            return None
        if name == "follow":
            said += [_ONCE] if value.casefold() != "false" else []
        elif name == "tail":
            params |= {"tail": value} if value.isdecimal() and value != "0" else {}
            if not value.lstrip("-").isdecimal():
                return None
        elif name == "previous":
            params |= {"previous": "yes"} if value.casefold() != "false" else {}
        elif name:
            params[name] = value
    if len(found.given) == 2:
        params["container"] = found.given[1]
    return _whose(found, params, said)


def _whose(found: KubeCall, params: dict[str, str], said: list[str]) -> Intent | None:
    if found.given:
        kind, slash, name = found.given[0].partition("/")
        if not slash:
            params["pod"] = found.given[0]
        elif kind in ("pod", "pods", "po"):
            params["pod"] = name
        else:
            kinds = {"deployment": "deployment", "deploy": "deployment", "statefulset": "statefulset",
                     "sts": "statefulset", "daemonset": "daemonset", "ds": "daemonset"}  # fmt: skip
            kind = kinds.get(kind.casefold().partition(".")[0].removesuffix("s"), kinds.get(kind, ""))
            if not kind:
                return None
            params["workload"] = f"{kind}/{name}"
            said.append(_ALL)
    elif "selector" not in params:
        said.append(_NO_POD)
    values = {name: found.value(text) for name, text in params.items()}
    return Intent(
        LOGS.id,
        SourceKind.WORKLOADS,
        found.target,
        {name: value for name, value in values.items() if isinstance(value, str)},
        {name: value for name, value in values.items() if isinstance(value, Placeholder)},
        " ".join(said),
    )


_OPTIONS = {
    "-f": "follow", "--follow": "follow", "-p": "previous", "--previous": "previous", "--tail": "tail",
    "--since": "since", "-c": "container", "--container": "container", "-l": "selector", "--selector": "selector",
    "--all-containers": "", "--all-pods": "",
}  # fmt: skip
REPLACES = (Replacement(LOGS.id, "kubectl", Tier.T0, _understood),)


def lookers(source_id: str, reader: PodReading, state_of: StateOf, clock: Clock) -> list[Looker]:
    """The one."""
    return [PodLogLook(source_id, reader, state_of, clock)]


class PodLogLook(BoundLook):
    """workloads.logs."""

    def __init__(self, source: str, reader: PodReading, state_of: StateOf, clock: Clock) -> None:
        super().__init__(LOGS, source)
        self._reader = reader
        self._state_of = state_of
        self._clock = clock

    async def choices(self, param: str) -> Sequence[Choice]:
        """Pods, the unhappy ones first, and workloads, as last read."""
        state = self._state_of(self._source)
        status = state.reading.payload if state is not None and state.reading is not None else None
        if not isinstance(status, WorkloadsStatus):
            return ()
        if param == "workload":
            return tuple(Choice(each.ref, f"{each.ready}/{each.desired} ready") for each in status.workloads)
        pods = sorted(status.pods, key=lambda pod: (-pod.severity, pod.name))
        return tuple(Choice(pod.name, pod.reason) for pod in pods) if param == "pod" else ()

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for numbers that are none, NotFound where no pod is selected, CockpitError."""
        since, tail = request.get("since"), request.get("tail")
        try:
            since_s = max(1, round(parse_duration(since))) if since else 0
        except ValueError:
            raise Refused("parameters", f"{since!r} is no duration", hint="write 1h, 15m or 90s") from None
        if tail and not tail.isdecimal():
            raise Refused("parameters", f"{tail!r} is no number of lines", hint="write 100")
        words = tuple(filter(None, request.get("contains").split("|")))
        question = Question(
            pod=request.get("pod"), workload=request.get("workload") or None, selector=request.get("selector"),
            container=request.get("container"), previous=request.get("previous").casefold() == "yes",
            since_s=since_s, tail=int(tail or 0), contains=words,
        )  # fmt: skip
        answer = await self._reader.ask(question)
        of = f"{answer.read} lines of {answer.containers} containers, {answer.origin}"
        said = f"{counted(len(answer.lines), 'line')} with {' or '.join(words)}, of {of}" if words else of
        found = (*answer.unread, *answer.lines[-LINES:])
        severity = Severity.UNKNOWN if answer.unread else Severity.WARN if words and answer.lines else Severity.OK
        return Sight(severity, said, self._clock.now(), found[:LINES], len(answer.lines) > LINES)

"""Looks at a Kubernetes namespace: workloads, their history, pods, services and limits, from its last reading; events
about a pod and the pods of other namespaces are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, Refused, Unreachable
from cockpit.looks import jobs
from cockpit.looks import kubectlreads as names
from cockpit.looks import workloadlines as lines_of
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.labelselector import chooses, requirements
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.workloads import Pod, Workload, WorkloadsStatus
from cockpit.text import clean, counted

_PANE = SourceKind.WORKLOADS
_WORKLOAD = Param("workload", ParamKind.CHOICE, 'which, as in "deployment/api"')
_CONTAINS = Param("contains", ParamKind.TEXT, "only lines with one of these words, | between them", required=False)
_SELECTOR = Param("selector", ParamKind.TEXT, "labels that they must have: version=green", required=False)

LIST = LookSpec(
    names.LIST,
    "Workloads",
    _PANE,
    "Deployments, stateful sets and daemon sets with what is desired, updated, ready, available; pods in trouble.",
    (Param("kind", ParamKind.TEXT, "only deployment, statefulset or daemonset", required=False),),
)
WORKLOAD = LookSpec(
    names.WORKLOAD,
    "Workload",
    _PANE,
    "One workload: rollout, images, pods, history, autoscaler, budgets, who would undo a change.",
    (_WORKLOAD,),
)
HISTORY = LookSpec(
    names.HISTORY,
    "Rollout history",
    _PANE,
    "Revisions with their images, change cause and what they have otherwise than now.",
    (
        Param("workload", ParamKind.CHOICE, "of this one; empty for all", required=False),
        Param("revision", ParamKind.INTEGER, "only this one", required=False),
    ),
)
PODS = LookSpec(
    names.PODS,
    "Pods",
    _PANE,
    "Pods with the reason for their state, restarts, node; those in trouble first.",
    (
        _SELECTOR,
        Param("phase", ParamKind.TEXT, "Running, Failed ..., with ! before it any other", required=False),
        _CONTAINS,
    ),
)
POD = LookSpec(
    names.POD,
    "Pod",
    _PANE,
    "One pod: containers, what the run before died of, use, and the events about it.",
    (Param("pod", ParamKind.CHOICE, "its name"),),
    live=False,
)
USE = LookSpec(
    names.USE,
    "Use of pods",
    _PANE,
    "What pods use of CPU and memory against what they ask for and may have, the hungriest first.",
    (_SELECTOR, Param("sort", ParamKind.TEXT, "cpu or memory", required=False, default="memory"), _CONTAINS),
)
SERVICES = LookSpec(
    names.SERVICES,
    "Services",
    _PANE,
    "What each service's selector chooses, what it could choose instead, and the ready endpoints behind it.",
    (Param("service", ParamKind.CHOICE, "only this one", required=False),),
)
LIMITS = LookSpec(
    names.LIMITS, "Limits", _PANE, "What quotas leave, what autoscalers do, which evictions budgets allow."
)
EVERYWHERE = LookSpec(
    names.EVERYWHERE,
    "Pods of all namespaces",
    _PANE,
    "Pods in trouble in every namespace, the others counted; with words to look for, all that have them.",
    (_CONTAINS,),
    live=False,
)
SPECS = (LIST, WORKLOAD, HISTORY, PODS, POD, USE, SERVICES, LIMITS, EVERYWHERE, jobs.JOBS)
REPLACES = (*names.REPLACES, *jobs.REPLACES)


class Asking(jobs.JobsAsking, Protocol):
    """Can be asked what no reading holds."""

    async def events_about(self, uid: str) -> list[tuple[datetime, str]]:
        """Newest first. Raises CockpitError."""

    async def pods_everywhere(self) -> list[tuple[str, Pod]]:
        """With their namespaces. Raises CockpitError."""


def lookers(source_id: str, state_of: StateOf, clock: Clock, asking: Asking) -> list[Looker]:
    """All for one source."""
    found: list[Looker] = [each(source_id, state_of, clock) for each in _LIVE]
    found.append(OnePod(source_id, state_of, clock, asking))
    return [*found, PodsEverywhere(source_id, clock, asking), jobs.JobList(source_id, clock, asking)]


class _Live(BoundLook):
    """Answers from the last reading."""

    SPEC = LIST

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(self.SPEC, source)
        self._state_of = state_of
        self._clock = clock

    def _status(self) -> tuple[Reading, tuple[str, ...], WorkloadsStatus]:
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, WorkloadsStatus):
            raise Unreachable(f"{self._source} has no reading of a namespace")
        behind = tuple(f"behind: {each}" for each in status.stale)
        return reading, (*notes, *behind), status

    async def choices(self, param: str) -> Sequence[Choice]:
        """Workloads, pods and services of the last reading; those in trouble recommended."""
        status = self._status()[2]
        if param == "workload":
            return [Choice(each.ref, f"{each.ref}, {each.state}", _bad(each.severity)) for each in status.workloads]
        if param == "pod":
            return [Choice(each.name, f"{each.name}, {each.reason}", _bad(each.severity)) for each in status.pods]
        if param == "service":
            return [Choice(each.name, f"{each.name}, {each.ready} ready", each.split) for each in status.services]
        return ()


def _bad(severity: Severity) -> bool:
    return severity in (Severity.WARN, Severity.CRIT)


def workload_named(status: WorkloadsStatus, name: str) -> Workload:
    """By "kind/name", or by the name alone where only one has it. Raises NotFound."""
    found = [each for each in status.workloads if each.ref == name or each.name == name]
    if len(found) == 1:
        return found[0]
    said = clean(name, 120)
    if found:
        raise NotFound(f"several workloads are called {said}: {', '.join(each.ref for each in found)}")
    known = ", ".join(each.ref for each in status.workloads[:6]) or "none"
    hidden = f"; {status.hidden} more are not named by the profile" if status.hidden else ""
    raise NotFound(
        f"{said} is not in {status.namespace} (context {status.context})", hint=f"There are: {known}{hidden}"
    )


def _pods(status: WorkloadsStatus, request: LookRequest) -> list[Pod]:
    """Those that the selector and the phase choose. Raises Refused for a selector that is none."""
    wanted = requirements(request.get("selector"))
    if wanted is None:
        raise Refused(
            "parameters", f"{clean(request.get('selector'), 120)} is no label selector", hint="app=api,tier!=db"
        )
    phase = request.get("phase")
    found = [pod for pod in status.pods if chooses(wanted, pod.labels or {}) and _has(pod, request)]
    if phase:
        found = [pod for pod in found if (pod.phase == phase.removeprefix("!")) is not phase.startswith("!")]
    return found


def _has(pod: Pod, request: LookRequest, also: str = "") -> bool:
    """One of the words stands in its line, whatever their case; no words: any line."""
    words = [each for each in request.get("contains").casefold().split("|") if each]
    line = f"{also} {pod.name} {pod.reason} {pod.said} {pod.phase} {pod.node}".casefold()
    return not words or any(word in line for word in words)


def _counted(pods: Sequence[Pod]) -> tuple[Severity, str]:
    """Severity and one line. No pod is no good news."""
    if not pods:
        return Severity.UNKNOWN, "no pod is chosen"
    ill = [pod for pod in pods if pod.severity is not Severity.OK]
    worst = f", worst: {ill[0].name} {ill[0].reason}" if ill else ""
    ready = sum(pod.ready == pod.total and pod.phase == "Running" for pod in pods)
    severity = max(pod.severity for pod in pods)
    return severity, f"{ready} of {len(pods)} pods ready, {len(ill)} in trouble{worst}"


class WorkloadList(_Live):
    """workloads.list."""

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes, status = self._status()
        kind = request.get("kind")
        now = self._clock.now()
        shown = [each for each in status.workloads if not kind or each.kind == kind]
        lines = [lines_of.brief(each, now) for each in shown]
        if status.hidden:
            lines.append(f"{status.hidden} more workloads of the namespace are not named by the profile")
        if not kind:
            lines += [lines_of.pod(each, now) for each in status.pods if each.severity is not Severity.OK]
            lines += [lines_of.service(each) for each in status.services]
        wrong = sum(each.severity is not Severity.OK for each in shown)
        summary = f"{len(shown)} {kind or 'workload'}s, {wrong} in trouble" if shown else f"no {kind or 'workload'}"
        return sight_of(reading, notes, [*lines, *status.notes], summary)


class OneWorkload(_Live):
    """workloads.workload."""

    SPEC = WORKLOAD

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a workload that is not there."""
        reading, notes, status = self._status()
        each = workload_named(status, request.get("workload"))
        lines = (*notes, *lines_of.whole(each, status, self._clock.now()), *status.notes)
        said = f": {each.said}" if each.said else ""
        summary = f"{each.name} {each.state}, {each.available}/{each.desired} available{said}"
        severity = max(each.severity, Severity.UNKNOWN) if notes else each.severity
        return Sight(severity, clean(summary, 160), reading.taken_at, lines[:LINES], len(lines) > LINES)


class RolloutHistory(_Live):
    """workloads.history."""

    SPEC = HISTORY

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a workload or a revision that is not there."""
        reading, notes, status = self._status()
        name, number = request.get("workload"), request.get("revision")
        shown = [workload_named(status, name)] if name else list(status.workloads)
        lines: list[str] = []
        for each in shown:
            entries = [past for past in each.history if not number or str(past.revision) == number]
            if number and not entries and name:
                known = ", ".join(str(past.revision) for past in each.history) or "none"
                raise NotFound(f"{each.ref} has no revision {clean(number, 20)}", hint=f"It has: {known}")
            lines += [f"{each.ref}  {lines_of.entry(past)}" for past in entries]
            if number:
                lines += [f"  {text}" for past in entries for text in past.differs]
        summary = f"{shown[0].name} is at revision {shown[0].revision}" if name else f"{len(lines)} revisions"
        return sight_of(reading, notes, [*lines, *status.notes], summary)


class PodList(_Live):
    """workloads.pods."""

    SPEC = PODS

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a selector that is none."""
        reading, notes, status = self._status()
        pods = _pods(status, request)
        severity, summary = _counted(pods)
        now = self._clock.now()
        lines = (*notes, *(lines_of.pod(each, now) for each in pods), *status.notes)
        severity = max(severity, Severity.UNKNOWN) if notes else severity
        return Sight(severity, summary, reading.taken_at, lines[:LINES], len(lines) > LINES)


class PodUseList(_Live):
    """workloads.use."""

    SPEC = USE

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a selector that is none; says plainly where nobody measures."""
        reading, notes, status = self._status()
        if not status.metered:
            why = next((each for each in status.notes if "use of pods" in each), "use of pods is not available yet")
            return Sight(Severity.UNKNOWN, why, reading.taken_at, (*notes, why))
        by_cpu = request.get("sort") == "cpu"
        pods = [
            each for each in _pods(status, request) if each.usage.cpu is not None or each.usage.memory is not None
        ]
        pods.sort(key=lambda each: -((each.usage.cpu if by_cpu else each.usage.memory) or 0))
        near = [each for each in pods if _near(each)]
        summary = f"{counted(len(pods), 'pod')} measured, {len(near)} near their memory limit"
        lines = (*notes, *(f"{each.name}  {lines_of.use(each.usage)}" for each in pods))
        severity = Severity.WARN if near else Severity.OK if pods else Severity.UNKNOWN
        severity = max(severity, Severity.UNKNOWN) if notes else severity
        return Sight(severity, summary, reading.taken_at, lines[:LINES], len(lines) > LINES)


def _near(pod: Pod) -> bool:
    limit = pod.usage.memory_limit
    return bool(limit) and (pod.usage.memory or 0) >= 0.9 * (limit or 0)


class ServiceList(_Live):
    """workloads.services."""

    SPEC = SERVICES

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a service that is not there."""
        reading, notes, status = self._status()
        name = request.get("service")
        shown = [each for each in status.services if not name or each.name == name]
        if name and not shown:
            known = ", ".join(each.name for each in status.services[:6]) or "none"
            raise NotFound(f"service/{clean(name, 120)} is not in {status.namespace}", hint=f"There are: {known}")
        dead = [each for each in shown if not each.ready and (each.backs or each.colours)]
        lines = (*notes, *(lines_of.service(each) for each in shown), *status.notes)
        severity = max(Severity.CRIT if dead else Severity.OK, Severity.UNKNOWN if notes else Severity.OK)
        summary = f"{counted(len(shown), 'service')}, {len(dead)} without a ready endpoint"
        if name:
            summary = f"{name}: {shown[0].ready} endpoints ready, {', '.join(shown[0].backs) or 'no workload chosen'}"
        return Sight(severity, summary, reading.taken_at, lines[:LINES], len(lines) > LINES)


class LimitList(_Live):
    """workloads.limits."""

    SPEC = LIMITS

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes, status = self._status()
        lines = [f"quota {each.quota}: {each.resource} {each.used} of {each.hard}" for each in status.headroom]
        lines += [text for each in status.workloads for text in lines_of.limits(each)]
        full = [each for each in status.headroom if each.share >= 1]
        quotas = len({each.quota for each in status.headroom})
        summary = f"{quotas} quotas, full: {', '.join(each.resource for each in full) or 'nothing'}"
        shown = (*notes, *lines, *status.notes)
        severity = max(Severity.WARN if full else Severity.OK, Severity.UNKNOWN if notes else Severity.OK)
        return Sight(severity, summary, reading.taken_at, shown[:LINES], len(shown) > LINES)


class OnePod(_Live):
    """workloads.pod: the reading, and the events about it asked for once."""

    SPEC = POD

    def __init__(self, source: str, state_of: StateOf, clock: Clock, asking: Asking) -> None:
        super().__init__(source, state_of, clock)
        self._asking = asking

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a pod that is not there."""
        reading, notes, status = self._status()
        name = request.get("pod").removeprefix("pod/")
        each = status.pod(name)
        if each is None:
            known = ", ".join(pod.name for pod in status.pods[:4]) or "none"
            raise NotFound(f"pod/{clean(name, 120)} is not in {status.namespace}", hint=f"There are: {known}")
        now = self._clock.now()
        lines = [*notes, *lines_of.whole_pod(each, now)]
        try:
            events = await self._asking.events_about(each.uid)
        except CockpitError as error:
            lines.append(f"events cannot be read: {error.message}")
        else:
            lines += [f"{lines_of.age(at, now)} ago  {text}" for at, text in events] or ["no events about it"]
        severity = max(each.severity, Severity.UNKNOWN) if notes else each.severity
        summary = clean(f"{each.name} {each.reason}{f': {each.said}' if each.said else ''}", 160)
        return Sight(severity, summary, reading.taken_at, tuple(lines[:LINES]), len(lines) > LINES)


class PodsEverywhere(BoundLook):
    """workloads.everywhere: asked anew."""

    def __init__(self, source: str, clock: Clock, asking: Asking) -> None:
        super().__init__(EVERYWHERE, source)
        self._asking = asking
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises PermissionDenied where only one namespace may be read."""
        found = [each for each in await self._asking.pods_everywhere() if _has(each[1], request, each[0])]
        now, every = self._clock.now(), bool(request.get("contains"))
        ill = [(namespace, pod) for namespace, pod in found if every or pod.severity is not Severity.OK]
        ill.sort(key=lambda each: (-each[1].severity, each[0], each[1].name))
        lines = tuple(f"{namespace}  {lines_of.pod(pod, now)}" for namespace, pod in ill)
        severity = max((pod.severity for _, pod in ill), default=Severity.OK if found else Severity.UNKNOWN)
        where = len({namespace for namespace, _ in found})
        wrong = sum(pod.severity is not Severity.OK for _, pod in found)
        summary = f"{counted(len(found), 'pod')} in {counted(where, 'namespace')}, {wrong} in trouble"
        return Sight(severity, summary, now, lines[:LINES], len(lines) > LINES)


_LIVE = (WorkloadList, OneWorkload, RolloutHistory, PodList, PodUseList, ServiceList, LimitList)

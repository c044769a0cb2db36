"""The look at jobs of a namespace, and at what starts them by the clock: asked once, no pane watches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cockpit.adapters.kube.commandline import kube_call, singular
from cockpit.clock import Clock
from cockpit.errors import NotFound
from cockpit.looks.bound import LINES, BoundLook
from cockpit.looks.workloadlines import MARK, age
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.jobs import Job
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import clean

JOBS = LookSpec(
    "workloads.jobs",
    "Jobs",
    SourceKind.WORKLOADS,
    "Jobs that failed, run or ended, and when CronJobs started one last.",
    (
        Param("kind", ParamKind.TEXT, "only job or cronjob", required=False),
        Param("job", ParamKind.TEXT, "only the one of this name", required=False),
    ),
    live=False,
)
_KINDS = {"job", "cronjob", "cj"}
_EVENTS = "It shows its state and why it failed; its events are among those of pane 7."
_ORDER = ("failed", "suspended", "running", "scheduled", "complete")


class JobsAsking(Protocol):
    """Can be asked for jobs."""

    async def jobs(self) -> list[Job]:
        """Of the namespace. Raises CockpitError."""


def _understood(call: Call) -> Intent | None:
    """kubectl get|describe job|cronjob [NAME]."""
    found = kube_call(call, call.verb) if call.verb in ("get", "describe") else None
    form = call.flag("-o", "--output")
    if found is None or found.everywhere or found.options or form not in (None, "wide", "name"):
        return None
    kinds = {found.kind} if found.kind else {singular(each) for given in found.given[:1] for each in given.split(",")}
    if not kinds or not kinds <= _KINDS or len(found.names) > 1 or len(found.given) > (0 if found.kind else 1):
        return None
    kinds = {"cronjob" if each == "cj" else each for each in kinds}
    params = {"kind": next(iter(kinds))} if len(kinds) == 1 else {}
    asks: dict[str, Placeholder] = {}
    if found.names:
        name = found.value(found.name)
        if isinstance(name, Placeholder):
            asks["job"] = name
        else:
            params["job"] = name
    differs = _EVENTS if call.verb == "describe" else ""
    return Intent(JOBS.id, SourceKind.WORKLOADS, found.target, params, asks, differs)


REPLACES = (Replacement(JOBS.id, "kubectl", Tier.T0, _understood),)


class JobList(BoundLook):
    """workloads.jobs."""

    def __init__(self, source: str, clock: Clock, asking: JobsAsking) -> None:
        super().__init__(JOBS, source)
        self._clock = clock
        self._asking = asking

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for a name that is not there, PermissionDenied where jobs may not be listed."""
        kind, name, now = request.get("kind"), request.get("job"), self._clock.now()
        every = [each for each in await self._asking.jobs() if kind in ("", each.kind)]
        found = [each for each in every if name in ("", each.name, each.ref)]
        if name and not found:
            known = ", ".join(each.name for each in every[:6]) or "none"
            raise NotFound(f"{kind or 'job'} {clean(name, 120)} is not there", hint=f"There are: {known}")
        found.sort(key=lambda each: (_ORDER.index(each.state) if each.state in _ORDER else 0, -_when(each)))
        lines = []
        for each in found:
            since = each.ended or each.created
            did = "last started" if each.kind == "cronjob" and each.ended else "ended" if each.ended else "made"
            said = f": {each.said}" if each.said else ""
            by = f"  of {each.owner}" if each.owner else ""
            head = f"{MARK[each.severity]} {each.ref}  {each.state}{said}"
            lines.append(f"{head}  {each.counts}  {did} {age(since, now)} ago{by}")
        severity = max((each.severity for each in found), default=Severity.OK)
        return Sight(severity, _summed(found), now, tuple(lines[:LINES]), len(lines) > LINES)


def _when(job: Job) -> float:
    return (job.ended or job.created).timestamp()


def _summed(found: Sequence[Job]) -> str:
    jobs = [each for each in found if each.kind == "job"]
    failed = sum(each.state == "failed" for each in jobs)
    running = sum(each.state == "running" for each in jobs)
    return f"{len(jobs)} jobs, {failed} failed, {running} running; {len(found) - len(jobs)} cronjobs"

"""Raw Jobs and CronJobs -> what a person asks about them. Pure.

https://kubernetes.io/docs/concepts/workloads/controllers/job/ says what the conditions Complete and Failed mean.
"""

from __future__ import annotations

from cockpit.adapters.kube.fields import (
    conditions,
    controller_of,
    created_of,
    moment,
    name_of,
    number,
    part,
    parts,
    text,
)
from cockpit.adapters.kube.fields import said as told
from cockpit.adapters.kube.terms import Json
from cockpit.model.jobs import Job
from cockpit.model.severity import Severity


def job_of(obj: Json) -> Job:
    """One Job: a failed one is a warning, it stays until somebody deletes it."""
    status, spec, found = part(obj, "status"), part(obj, "spec"), conditions(obj)
    state, severity, why = "running", Severity.OK, ""
    ended = moment(status.get("completionTime"))
    holding = [kind for kind in ("Failed", "Complete", "Suspended") if found.get(kind, {}).get("status") == "True"]
    if holding:
        condition = found[holding[0]]
        state = holding[0].lower()
        why = told(condition) if state == "failed" else ""
        severity = Severity.WARN if state == "failed" else Severity.OK
        ended = ended or (moment(condition.get("lastTransitionTime")) if state == "failed" else None)
    elif spec.get("suspend") is True:
        state = "suspended"
    counts = [f"{number(status.get(key)) or 0} {word}" for key, word in (("active", "active"), ("failed", "failed"))]
    wanted = number(spec.get("completions")) or 1
    counts.insert(1, f"{number(status.get('succeeded')) or 0} of {wanted} succeeded")
    kind, name, _ = controller_of(obj)
    owner = f"{kind.lower()}/{name}" if kind else ""
    return Job("job", name_of(obj), severity, state, why, created_of(obj), ended, owner, ", ".join(counts))


def cronjob_of(obj: Json) -> Job:
    """One CronJob: one that is suspended starts nothing, which is a warning."""
    status, spec = part(obj, "status"), part(obj, "spec")
    suspended = spec.get("suspend") is True
    return Job(
        "cronjob",
        name_of(obj),
        Severity.WARN if suspended else Severity.OK,
        "suspended" if suspended else "scheduled",
        text(spec.get("schedule"), 120),
        created_of(obj),
        moment(status.get("lastScheduleTime")),
        counts=f"{sum(1 for _ in parts(obj, 'status', 'active'))} active",
    )

"""A namespace in one line and one severity."""

from __future__ import annotations

from cockpit.model.severity import Severity
from cockpit.model.workloads import LiveService, Workload, WorkloadsStatus

_LONGEST = 60
_TELLING = ("pods ", "deployments ", "services ")


def severity_of(status: WorkloadsStatus) -> Severity:
    """The worst of the workloads and of the services that choose between them.

    Pods that no workload owns are a warning at most: jobs fail, evicted pods stay until somebody deletes them.
    """
    found = [each.severity for each in status.workloads]
    found += [Severity.CRIT for each in status.services if dead(each)]
    if any(not pod.workload and pod.severity in (Severity.WARN, Severity.CRIT) for pod in status.pods):
        found.append(Severity.WARN)
    if any(each.startswith(_TELLING) for each in status.stale):
        found.append(Severity.UNKNOWN)
    if not status.workloads and status.notes:
        found.append(Severity.UNKNOWN)
    return max(found, default=Severity.OK)


def dead(service: LiveService) -> bool:
    """It is meant to choose between workloads and has nothing behind it."""
    return service.split and service.ready == 0


def colour_words(service: LiveService) -> str:
    """The colour that is live: what its labels say, "blue", "blue and green", "none"."""
    live = [each for each in service.colours if each.live]
    names = [" ".join(each.labels.values()) or each.workload for each in live]
    return " and ".join(names) or "none"


def summary_of(status: WorkloadsStatus) -> str:
    """ "api 3/3 live blue, worker CrashLoopBackOff": what is live, then what is wrong, the worst first."""
    wrong = sorted(
        (each for each in status.workloads if each.severity is not Severity.OK), key=lambda each: -each.severity
    )
    said = [_wrong(each, status) for each in wrong]
    live = [_live(each, status) for each in status.services if each.split]
    said = [*live, *said]
    if not said:
        count = len(status.workloads)
        said = [f"{count} workload{'' if count == 1 else 's'} ready" if count else "no workloads"]
        stopped = [each.name for each in status.workloads if each.state == "stopped"]
        if stopped:
            said = [f"{count - len(stopped)} workloads ready", f"{_few(stopped)} stopped"]
    if status.stale:
        said.insert(0, "behind")
    return _fitting(said)


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else str(len(names))


def _live(service: LiveService, status: WorkloadsStatus) -> str:
    chosen = [each for each in (status.workload(ref) for ref in service.backs) if each is not None]
    desired = sum(each.desired for each in chosen)
    return f"{service.name} {service.ready}/{max(desired, service.ready)} live {colour_words(service)}"


def _wrong(workload: Workload, status: WorkloadsStatus) -> str:
    pods = status.pods_of(workload.ref)
    worst = max(pods, key=lambda pod: pod.severity, default=None)
    if worst is not None and worst.severity is not Severity.OK and worst.reason not in ("Running", "NotReady"):
        return f"{workload.name} {worst.reason}"
    return f"{workload.name} {workload.available}/{workload.desired} {workload.state}"


def _fitting(said: list[str]) -> str:
    """As much as fits into the title of a pane; the first always does."""
    shown = said[0]
    for at, each in enumerate(said[1:], start=1):
        longer = f"{shown}, {each}"
        if len(longer) > _LONGEST - 9:
            return f"{shown}, {len(said) - at} more"
        shown = longer
    return shown

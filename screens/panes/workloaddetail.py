"""What a row of a namespace names for an action, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cockpit.model.severity import Severity
from cockpit.model.workloads import ContainerState, LiveService, Pod, RolloutRevision, Workload, WorkloadsStatus
from screens import figures
from screens.panes.base import Detail
from screens.panes.workloads import (
    HEALTHY,
    budget_words,
    cpu_words,
    live_words,
    memory_words,
    owner_words,
    scaling_words,
)

Lines = list[tuple[str, str]]
_MOST = 500


def named(status: WorkloadsStatus, key: str) -> dict[str, str]:
    """Identity of the row: {"workload", "uid", "template"}, with "revision" on its history; {"pod", "uid"};
    {"service", "uid"}. On the revision that is current no revision is named: undoing leads away from it.
    """
    what, _, rest = key.partition("/")
    if what == "pod":
        pod = status.pod(rest)
        return {} if pod is None else {"pod": pod.name, "uid": pod.uid}
    if what == "service":
        service = status.service(rest)
        return {} if service is None else {"service": service.name, "uid": service.uid}
    workload, revision = _meant(status, key)
    if workload is None:
        return {}
    found = {"workload": workload.ref, "uid": workload.uid, "template": workload.template}
    if revision is not None and not revision.current:
        found["revision"] = str(revision.revision)
    return found


def _meant(status: WorkloadsStatus, key: str) -> tuple[Workload | None, RolloutRevision | None]:
    what, _, rest = key.partition("/")
    if what == "workload":
        return status.workload(rest), None
    if what != "history":
        return None, None
    ref, _, number = rest.rpartition("/")
    workload = status.workload(ref)
    entries = workload.history if workload is not None else ()
    return workload, next((each for each in entries if str(each.revision) == number), None)


def detail(status: WorkloadsStatus, key: str, now: float) -> Detail:
    """Everything known of the row, and where it is."""
    what, _, rest = key.partition("/")
    title, lines = rest, list[tuple[str, str]]()
    if key == HEALTHY:
        title, lines = "pods that are well", _healthy(status, now)
    elif what == "pod" and (pod := status.pod(rest)) is not None:
        lines = _pod(pod)
    elif what == "service" and (service := status.service(rest)) is not None:
        lines = _service(service)
    else:
        workload, revision = _meant(status, key)
        if workload is not None and revision is not None:
            title, lines = f"{workload.name}, revision {revision.revision}", _revision(revision)
        elif workload is not None:
            title, lines = workload.ref, _workload(workload, status)
    lines += [
        ("namespace", status.namespace),
        ("context", f"{status.context}, {status.server}"),
        ("as", status.user),
        ("server", status.version),
    ]
    return (title or status.namespace, [line for line in lines if line[1]])


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""


def _labels(labels: Mapping[str, str] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in (labels or {}).items())


def _listed(name: str, values: list[str]) -> Lines:
    return [(name if not at else "", value) for at, value in enumerate(values)]


def _healthy(status: WorkloadsStatus, now: float) -> Lines:
    well = [pod for pod in status.pods if pod.severity is Severity.OK]
    lines = [
        (pod.name, f"{pod.ready}/{pod.total} {pod.reason}  {figures.age(now - pod.created.timestamp())}  {pod.node}")
        for pod in well[:_MOST]
    ]
    return [*lines, ("", f"and {len(well) - _MOST} more")] if len(well) > _MOST else lines


def _workload(workload: Workload, status: WorkloadsStatus) -> Lines:
    pods = status.pods_of(workload.ref)
    ill = [f"{pod.name}  {pod.reason}  {pod.said}".strip() for pod in pods if pod.severity is not Severity.OK]
    return [
        ("state", f"{workload.state}  {workload.said}".strip()),
        ("severity", workload.severity.word),
        ("live", live_words(workload, status)),
        ("services", ", ".join(workload.live_by)),
        ("pods", f"{workload.ready} ready, {workload.available} available, {workload.updated} updated of "
                 f"{workload.desired} desired; {workload.replicas} exist"),
        *_listed("in trouble", ill[:20]),
        *_listed("image", [f"{name}: {image}" for name, image in workload.images]),
        ("revision", f"{workload.revision}  {workload.change_cause}".strip() if workload.revision else ""),
        *_listed("before", [_entry(each) for each in workload.history if not each.current]),
        ("autoscaler", scaling_words(workload).removeprefix("autoscaler ")),
        *_listed("budget", [budget_words(each).removeprefix("budget ") for each in workload.budgets]),
        ("owner", owner_words(workload)),
        ("use", f"{cpu_words(workload.usage)}  {memory_words(workload.usage)}".strip()),
        ("selector", _labels(workload.selector)),
        ("reads", ", ".join([*(f"configmap/{each}" for each in workload.configmaps),
                             *(f"secret/{each}" for each in workload.secrets)])),
        ("restarted", _moment(workload.restarted)),
        ("created", _moment(workload.created)),
        ("generation", f"{workload.generation}, seen {workload.observed}"),
        ("uid", workload.uid),
    ]  # fmt: skip


def _entry(entry: RolloutRevision) -> str:
    return f"revision {entry.revision}  {entry.change_cause or ', '.join(entry.differs)}".strip()


def _revision(entry: RolloutRevision) -> Lines:
    return [
        ("change cause", entry.change_cause),
        ("current", "yes" if entry.current else ""),
        *_listed("differs", list(entry.differs)),
        *_listed("image", [f"{name}: {image}" for name, image in entry.images]),
        ("pods", f"{entry.ready} ready of {entry.replicas}"),
        ("created", _moment(entry.created)),
        ("object", entry.name),
    ]


def _pod(pod: Pod) -> Lines:
    lines: Lines = [
        ("reason", f"{pod.reason}  {pod.said}".strip()),
        ("severity", pod.severity.word),
        ("phase", pod.phase + (", being deleted" if pod.deleting else "")),
        ("belongs to", pod.workload or "nobody: it is not made again"),
        ("containers", f"{pod.ready} of {pod.total} ready, {pod.restarts} restarts"),
        ("node", f"{pod.node}  {pod.address}".strip()),
        ("use", f"{cpu_words(pod.usage)}  {memory_words(pod.usage)}".strip()),
    ]
    for each in pod.containers:
        lines += _container(each)
    return [
        *lines,
        ("created", _moment(pod.created)),
        ("labels", _labels(pod.labels)),
        ("uid", pod.uid),
    ]


def _container(each: ContainerState) -> Lines:
    ready = ", ready" if each.ready else ""
    ended = f", exit {each.exit_code}" if each.exit_code is not None else ""
    lines = [(f"{'init ' if each.init else ''}{each.name}", f"{each.state} {each.reason}".strip() + ended + ready)]
    last = "" if each.last_exit is None else f"{each.last_reason or 'ended'}, exit {each.last_exit}"
    when = f" at {_moment(each.last_ended)}" if last and each.last_ended is not None else ""
    told = [each.said, each.image, each.image_id if each.image_id != each.image else ""]
    told.append(f"last run: {last}{when}, {each.restarts} restarts" if last else "")
    told.append(f"{cpu_words(each.usage)}  {memory_words(each.usage)}".strip())
    return lines + [("", text) for text in told if text]


def _service(service: LiveService) -> Lines:
    return [
        ("selector", _labels(service.selector) or "none"),
        ("endpoints", f"{service.ready} ready, {service.not_ready} not"),
        ("chooses", ", ".join(service.backs) or "no workload"),
        *_listed(
            "colours",
            [
                f"{each.workload}  {_labels(each.labels)}  {each.ready} ready{'  live' if each.live else ''}"
                for each in service.colours
            ],
        ),
        ("ports", ", ".join(service.ports)),
        ("uid", service.uid),
    ]


def log_of(status: WorkloadsStatus, key: str) -> dict[str, str]:
    """What to ask for the log of a row: of a pod that keeps dying the run before, which said why."""
    kind, _, name = key.partition("/")
    if kind == "pod" and (pod := status.pod(name)) is not None:
        dying = pod.restarts > 0 and pod.ready < pod.total
        return {"pod": name, "tail": "100", **({"previous": "yes"} if dying else {})}
    workload, _ = _meant(status, key)
    return {} if workload is None else {"workload": workload.ref, "since": "15m", "tail": "50"}

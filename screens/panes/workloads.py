"""Rows of a Kubernetes namespace: workloads with their history, pods in trouble, services with what is live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from cockpit.model.severity import Severity
from cockpit.model.workloads import (
    Budget,
    Headroom,
    LiveService,
    Pod,
    RolloutRevision,
    Usage,
    Workload,
    WorkloadsStatus,
    idle,
)
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Layout, Row, Span, Spans, blank, header, note, plain, spans

HEALTHY = "pods/healthy"
_SHORT = {"deployment": "", "statefulset": "sts ", "daemonset": "ds "}
_STATES = {
    "ready": ("●", "success"),
    "progressing": ("▲", "warning bold"),
    "degraded": ("▲", "warning bold"),
    "failed": ("✖", "error bold"),
    "paused": ("▲", "warning bold"),
    "stopped": ("○", "muted"),
}
_FULL = 0.8  # of a quota: worth a line where there is little room
_LISTED = 300  # healthy pods that are listed one by one
_HISTORY = 3  # entries beside a workload in trouble; where there is room as many again


@lru_cache(maxsize=64)
def _workloads(widest: int) -> Layout:
    return (
        Column("", 1),
        Column("workload", max(12, min(34, widest))),
        Column("ready", 6, right=True),
        Column("upd", 5, right=True, drop=4),
        Column("avail", 5, right=True, drop=5),
        Column("image", 16, drop=3),
        Column("age", 5, right=True, drop=2),
        Column("state", 0, least=30),
    )


@lru_cache(maxsize=64)
def _pods(widest: int, reason: int) -> Layout:
    return (
        Column("", 1),
        Column("pod", max(12, min(44, widest))),
        Column("ready", 5, right=True, drop=4),
        Column("restarts", 8, right=True, drop=1),
        Column("age", 5, right=True, drop=2),
        Column("cpu", 11, right=True, drop=6),
        Column("memory", 15, right=True, drop=5),
        Column("node", 16, drop=7),
        Column("reason", 0, least=reason),
    )


_SERVICES: Layout = (
    Column("", 1),
    Column("service", 20),
    Column("ready", 7, right=True),
    Column("selects", 0, least=20),
)


def rows_of(status: WorkloadsStatus, now: float, *, whole: bool) -> list[Row]:
    """All of it; with `whole` also what is well: history of every workload, limits, healthy pods."""
    ill = [pod for pod in status.pods if pod.severity is not Severity.OK]
    well = [pod for pod in status.pods if pod.severity is Severity.OK]
    rows = _workload_rows(status, now, whole=whole)
    if ill:
        rows += [blank(), *_pod_rows(ill, now, whole=whole)]
    shown = [each for each in status.services if whole or each.split or not each.ready]
    if shown:
        rows += [blank(), header(_SERVICES), *(_service(each) for each in shown)]
    limits = [text for each in status.workloads for text in _limits(each)] if whole else []
    full = [each for each in status.headroom if whole or each.share >= _FULL]
    if limits or full:
        rows += [blank(), *(note(text) for text in limits), *(_quota(each) for each in full)]
    for text in status.stale:
        rows.append(note(f"behind: {text}", "warning bold"))
    if status.hidden:
        rows.append(note(f"{status.hidden} more workloads in the namespace, not named by the profile"))
    rows += [note(text, "warning") for text in status.notes]
    return [*rows, *_well(status, well, now, whole=whole)]


def _workload_rows(status: WorkloadsStatus, now: float, *, whole: bool) -> list[Row]:
    layout = _workloads(max((len(_titled(each)) for each in status.workloads), default=10))
    if not status.workloads:
        return [note("no deployment, stateful set or daemon set here")]
    rows = [_titles(layout, status)]
    worst = _worst(status)
    for each in status.workloads:
        rows.append(_workload(each, status, worst.get(each.ref, ""), now, layout))
        if len(each.history) > 1 and (whole or each.severity is not Severity.OK):
            past = [entry for entry in each.history if whole or not entry.current]
            rows += [_revision(each, entry, now, layout) for entry in past[: _HISTORY * (2 if whole else 1)]]
    return rows


def _titles(layout: Layout, status: WorkloadsStatus) -> Row:
    """The column titles, and which namespace of which cluster this is: two may hold the same names."""
    *first, last = header(layout).cells
    where = f"   {status.namespace} in {status.context}"
    return Row("", (*first, Spans(((plain(last), "muted"), (where, "accent")))), layout)


def _titled(workload: Workload) -> str:
    return f"{_SHORT.get(workload.kind, '')}{workload.name}"


def live_words(workload: Workload, status: WorkloadsStatus) -> str:
    """ "live blue" for a workload that a service chooses among others, "not live" for the others; else ""."""
    for service in status.services:
        mine = next((each for each in service.colours if each.workload == workload.ref), None)
        if mine is not None:
            colour = " ".join(mine.labels.values())
            return f"live {colour}".strip() if mine.live else f"{colour}, not live".removeprefix(", ")
    return ""


def _workload(workload: Workload, status: WorkloadsStatus, reason: str, now: float, layout: Layout) -> Row:
    """`reason` of its pod that is worst off."""
    glyph, style = _STATES.get(workload.state, ("?", "accent bold"))
    if workload.severity is Severity.CRIT:
        glyph, style = "✖", "error bold"
    elif workload.severity is Severity.WARN and glyph == "●":
        glyph, style = "▲", "warning bold"
    live = live_words(workload, status)
    chosen = live.startswith("live")
    if workload.severity is Severity.WARN and idle(workload, status.services):
        live, glyph, style = f"{live}: nobody is served by it", "▲", "warning bold"
    state: list[Span] = [(f"{glyph} ", style)]
    if live:
        state.append((live, "primary bold" if chosen else "muted"))
    if reason:
        state.append((f"  {reason}" if live else reason, style))
    if workload.state != "ready" or not (live or reason):
        words = f"{workload.state}: {workload.said}" if workload.said else workload.state
        state.append((f"  {words}" if live or reason else words, style))
    if workload.autoscaler is not None:
        full = workload.autoscaler.desired >= workload.autoscaler.maximum
        scale = f"  HPA {workload.autoscaler.minimum}-{workload.autoscaler.maximum}"
        state.append((f"{scale} at its maximum" if full else scale, "warning" if full else "muted"))
    if workload.owner is not None:
        state.append((f"  {workload.owner.kind}", "muted"))
    short = workload.available < workload.desired
    return Row(
        f"workload/{workload.ref}",
        (
            ("▶" if chosen else "", "primary bold"),
            (_titled(workload), "bold" if chosen or not live else ""),
            (f"{workload.ready}/{workload.desired}", "warning bold" if short else ""),
            (str(workload.updated), "" if workload.updated >= workload.desired else "warning bold"),
            (str(workload.available), "" if not short else "warning bold"),
            (_tag(workload.images), "accent"),
            (figures.age(now - workload.created.timestamp()), ""),
            Spans(tuple(state)),
        ),
        layout,
    )


def _worst(status: WorkloadsStatus) -> dict[str, str]:
    """Workload -> the reason of its pod that is worst off; none where all are well."""
    found: dict[str, Pod] = {}
    for pod in status.pods:
        if pod.severity is Severity.OK or pod.phase in ("Failed", "Succeeded"):
            continue
        if pod.workload not in found or pod.severity > found[pod.workload].severity:
            found[pod.workload] = pod
    return {ref: pod.reason if pod.reason != "Running" else "a pod restarted" for ref, pod in found.items()}


def _tag(images: tuple[tuple[str, str], ...]) -> str:
    """What tells the image of the first container from others: its tag, or the start of its digest."""
    if not images:
        return "–"
    image = images[0][1]
    name, _, digest = image.partition("@sha256:")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest[:12] or "latest"


def _revision(workload: Workload, entry: RolloutRevision, now: float, layout: Layout) -> Row:
    why = entry.change_cause or ("as it is now" if entry.current else ", ".join(entry.differs))
    more = f"  {', '.join(entry.differs)}" if entry.change_cause and not entry.current and entry.differs else ""
    return Row(
        f"history/{workload.ref}/{entry.revision}",
        (
            ("", ""),
            (f"  {'•' if entry.current else '◁'} rev {entry.revision}", "" if entry.current else "muted"),
            (f"{entry.ready}/{entry.replicas}" if entry.replicas else "–", "" if entry.replicas else "muted"),
            ("", ""),
            ("", ""),
            (_tag(entry.images), "accent"),
            (figures.age(now - entry.created.timestamp()), "muted"),
            Spans(((why, ""), (more, "muted"))),
        ),
        layout,
    )


def _limits(workload: Workload) -> list[str]:
    """Autoscaler, budgets, owner and use in words, a line each."""
    found = [scaling_words(workload), *(budget_words(budget) for budget in workload.budgets)]
    found.append(owner_words(workload))
    if workload.usage.cpu is not None:
        found.append(f"{cpu_words(workload.usage)}  {memory_words(workload.usage)}")
    return [f"{_titled(workload)}: {text}" for text in found if text]


def budget_words(budget: Budget) -> str:
    """What a disruption budget lets happen now."""
    return (
        f"budget {budget.name}: {budget.allowed} may be evicted now"
        f" ({budget.healthy} healthy of {budget.expected}, {budget.wanted} wanted)"
    )


def scaling_words(workload: Workload) -> str:
    """What the autoscaler does."""
    scaler = workload.autoscaler
    if scaler is None:
        return ""
    said = f": {scaler.said}" if scaler.said else ""
    bounds = f"{scaler.minimum} to {scaler.maximum}"
    return f"autoscaler {scaler.name}: {bounds}, has {scaler.current}, wants {scaler.desired}{said}"


def owner_words(workload: Workload) -> str:
    """Who would take a change back, and when."""
    owner = workload.owner
    if owner is None:
        return ""
    name = f"{owner.kind} {owner.name}".strip()
    return f"{name} puts its own state back" if owner.reverts else f"{name} undoes changes when it next applies"


def cpu_words(usage: Usage) -> str:
    """ "CPU 120m of 300m" against what is asked for; "" where nothing is known."""
    return _used("CPU", _cores(usage.cpu), _cores(usage.cpu_limit), _cores(usage.cpu_request))


def memory_words(usage: Usage) -> str:
    """The same of memory."""
    return _used("memory", _bytes(usage.memory), _bytes(usage.memory_limit), _bytes(usage.memory_request))


def _used(word: str, used: str, limit: str, asked: str) -> str:
    bounds = ", ".join(filter(None, (f"limit {limit}" if limit else "", f"asks for {asked}" if asked else "")))
    if not used:
        return f"{word} {bounds}" if bounds else ""
    return f"{word} {used} ({bounds})" if bounds else f"{word} {used}"


def _cores(millis: int | None) -> str:
    return "" if millis is None else f"{millis}m"


def _bytes(size: int | None) -> str:
    return "" if size is None else figures.bytes_(size)


def _pod_rows(pods: Sequence[Pod], now: float, *, whole: bool) -> list[Row]:
    layout = _pods(max(len(pod.name) for pod in pods), 44) if whole else _pods(24, 26)
    return [header(layout), *(_pod(pod, now, layout) for pod in pods)]


def _well(status: WorkloadsStatus, pods: Sequence[Pod], now: float, *, whole: bool) -> list[Row]:
    """Those that are well: counted, or one by one."""
    if not status.pods:
        return [note("no pods")]
    shown = pods[:_LISTED] if whole else ()
    rows = [blank(), *_pod_rows(shown, now, whole=whole)] if shown else []
    counted = len(pods) - len(shown)
    if counted:
        more = "more " if shown else ""
        there = f"{counted} {more}pods are well" if counted > 1 else f"1 {more}pod is well"
        rows.append(Row(HEALTHY, (Spans((("● ", "success"), (there, "muted"))),)))
    return rows


def short_name(pod: Pod, width: int) -> str:
    """A pod's name; where it is too long without the hash of its template, which its siblings have too."""
    if len(pod.name) <= width:
        return pod.name
    head, _, tail = pod.name.rpartition("-")
    return f"{head[: max(1, width - len(tail) - 2)]}…-{tail}"


def _pod(pod: Pod, now: float, layout: Layout) -> Row:
    style = SEVERITY_STYLE[pod.severity]
    reason: tuple[Span, ...] = ((pod.reason, style if pod.severity is not Severity.OK else "muted"),)
    if pod.said:
        reason = (*reason, (f"  {pod.said}", ""))
    return Row(
        f"pod/{pod.name}",
        (
            (GLYPH[pod.severity], style),
            (short_name(pod, layout[1].width), ""),
            (f"{pod.ready}/{pod.total}", "" if pod.ready == pod.total else "warning"),
            (f"{pod.restarts}×" if pod.restarts else "", "warning" if pod.restarts else "muted"),
            (figures.age(now - pod.created.timestamp()), ""),
            (_share(_cores(pod.usage.cpu), _cores(pod.usage.cpu_limit or pod.usage.cpu_request)), ""),
            (_share(_bytes(pod.usage.memory), _bytes(pod.usage.memory_limit or pod.usage.memory_request)), ""),
            (pod.node, "muted"),
            Spans(reason),
        ),
        layout,
    )


def _share(used: str, bound: str) -> str:
    if not used:
        return "–"
    same = used.rpartition(" ")[2] == bound.rpartition(" ")[2] and " " in used
    return f"{used.rpartition(' ')[0] if same else used}/{bound}" if bound else used


def _service(service: LiveService) -> Row:
    dead = service.ready == 0 and bool(service.backs or service.split)
    glyph = ("✖", "error bold") if dead else ("●", "success") if service.ready else ("○", "muted")
    said: list[Span] = []
    if service.split:
        live = [each for each in service.colours if each.live]
        words = " and ".join(f"{_coloured(each.labels)}{each.workload.partition('/')[2]}" for each in live)
        said.append((f"live {words}" if words else "chooses nobody", "primary bold" if words else "error bold"))
        for each in service.colours:
            if not each.live:
                name = each.workload.partition("/")[2]
                said.append((f"  could be {_coloured(each.labels)}{name} ({each.ready} ready)", "muted"))
    elif service.backs:
        said.append((", ".join(each.partition("/")[2] for each in service.backs), ""))
    elif service.selector:
        said.append((", ".join(f"{key}={value}" for key, value in service.selector.items()), "muted"))
        said.append((": chooses no workload", "warning" if not service.ready else "muted"))
    else:
        said.append(("no selector", "muted"))
    count = f"{service.ready}/{service.ready + service.not_ready}"
    return Row(
        f"service/{service.name}",
        (glyph, (service.name, ""), (count, "error bold" if dead else ""), Spans(tuple(said))),
        _SERVICES,
    )


def _coloured(labels: Mapping[str, str]) -> str:
    return f"{' '.join(labels.values())}: " if labels else ""


def _quota(each: Headroom) -> Row:
    style = "error bold" if each.share >= 1 else "warning bold" if each.share >= _FULL else "muted"
    share = f"  {figures.percent(each.share)}" if each.share else ""
    return spans(
        ("quota ", "muted"),
        (f"{each.quota} ", ""),
        (f"{each.resource} ", ""),
        (f"{each.used} of {each.hard}{share}", style),
    )

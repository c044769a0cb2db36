"""Rows of the cluster pane: nodes, events, quotas, the hungriest pods, and what stands around the workloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime

from cockpit.model.cluster import Certificate, ClusterStatus, EventGroup, ExternalSecret, Node, PodUse
from cockpit.model.severity import Severity
from cockpit.model.workloads import Usage
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Cell, Column, Layout, Row, Span, header, note, spans

_EVENTS = 40
_TOP = 8
_CONFIG = 20
_SECRETS = 20
_TIGHT = 0.8
_FULL = 0.95
_DAY = 86400.0

_NODES: Layout = (
    Column("", 1),
    Column("node", 0, least=14),
    Column("cpu used", 9, right=True, drop=2),
    Column("asked", 7, right=True),
    Column("mem used", 9, right=True, drop=2),
    Column("asked", 7, right=True),
    Column("pods", 8, right=True, drop=3),
    Column("age", 5, right=True, drop=4),
    Column("pool, zone", 28, drop=6),
    Column("kubelet", 14, drop=5),
)
_EVENT: Layout = (
    Column("", 1),
    Column("last", 5, right=True),
    Column("", 5, right=True),
    Column("", 18),
    Column("", 28),
    Column("", 0, least=10),
)
_PLAIN: Layout = (
    Column("", 1),
    Column("", 26),
    Column("", 21),
    Column("", 0, least=22),
    Column("", 6, right=True, drop=1),
)


def place(status: ClusterStatus) -> Row:
    """Which cluster this is, as whom."""
    return spans(
        ("context ", "muted"), (status.context, "bold"), ("   namespace ", "muted"), (status.namespace, "bold"),
        ("   as ", "muted"), (status.user, ""), (f"   {status.version}", "muted"),
    )  # fmt: skip


def node_rows(status: ClusterStatus, now: float) -> list[Row]:
    """One line a node; why it is not well stands below it."""
    rows = [header(_NODES)] if status.nodes else []
    for node in status.nodes:
        rows.append(_node(node, now))
        if node.said:
            rows.append(note(f"  {node.said}", SEVERITY_STYLE[node.severity]))
    return rows + ([note(f"use of nodes and pods: {status.metrics}")] if status.metrics else [])


def _node(node: Node, now: float) -> Row:
    use = node.usage
    style = "muted" if node.cordoned else "bold" if node.severity is not Severity.OK else ""
    cells: tuple[Cell, ...] = (
        (GLYPH[node.severity], SEVERITY_STYLE[node.severity]),
        (node.name, style),
        _share(use.cpu, use.cpu_limit),
        _share(use.cpu_request, use.cpu_limit),
        _share(use.memory, use.memory_limit),
        _share(use.memory_request, use.memory_limit),
        (f"{node.pods}/{node.pods_allowed}" if node.pods_allowed else f"{node.pods}", ""),
        (figures.age(now - node.created.timestamp()), "muted"),
        ("  ".join(filter(None, (node.pool, node.zone))), "muted"),
        (node.version, "muted"),
    )
    return Row(f"node/{node.name}", cells, _NODES)


def _share(value: int | None, most: int | None) -> Span:
    if value is None or not most:
        return ("–", "muted")
    share = value / most
    return (figures.percent(share), "error bold" if share >= _FULL else "warning" if share >= _TIGHT else "")


def event_rows(status: ClusterStatus, now: float) -> list[Row]:
    """Newest first, warnings told from what is usual."""
    rows = [_event(event, now) for event in status.events[:_EVENTS]]
    more = len(status.events) - len(rows)
    return rows + ([note(f"and {more} older")] if more > 0 else [])


def _event(event: EventGroup, now: float) -> Row:
    glyph = ("▲", "warning bold") if event.warning else ("·", "muted")
    cells: tuple[Cell, ...] = (
        glyph,
        (figures.age(now - event.last.timestamp()), "muted"),
        (f"{event.count}×" if event.count > 1 else "", "bold" if event.warning else "muted"),
        (event.reason, "warning" if event.warning else ""),
        (event.about, ""),
        (event.said, "" if event.warning else "muted"),
    )
    return Row(f"event/{event.key}", cells, _EVENT)


def quota_rows(status: ClusterStatus) -> list[Row]:
    """The fullest first."""
    rows: list[Row] = []
    for each in status.headroom:
        style = "error bold" if each.share >= 1 else "warning" if each.share >= _TIGHT else ""
        glyph = ("✖" if each.share >= 1 else "▲" if each.share >= _TIGHT else "·", style or "muted")
        said = f"{each.used} of {each.hard}"
        cells: tuple[Cell, ...] = (
            glyph, (each.resource, ""), (said, style), (f"quota {each.quota}", "muted"),
            (figures.percent(each.share), style),
        )  # fmt: skip
        rows.append(Row(f"quota/{each.quota}/{each.resource}", cells, _PLAIN))
    return rows


def top_rows(status: ClusterStatus) -> list[Row]:
    """By memory; how near each is to its limit."""
    rows: list[Row] = []
    for each in status.top_pods[:_TOP]:
        cells: tuple[Cell, ...] = (
            ("", ""), (each.name, ""), (use_words(each.usage), ""), (_limit(each), "muted"),
            _share(each.usage.memory, each.usage.memory_limit),
        )  # fmt: skip
        rows.append(Row(f"pod/{each.name}", cells, _PLAIN))
    return rows


def _limit(pod: PodUse) -> str:
    most = pod.usage.memory_limit
    return f"{pod.namespace}  {f'limit {figures.bytes_(most)}' if most else 'without a limit of memory'}"


def use_words(usage: Usage) -> str:
    """ "120m  96.0 MB"."""
    cpu = f"{usage.cpu}m" if usage.cpu is not None else "–"
    return f"{cpu}  {figures.bytes_(usage.memory)}" if usage.memory is not None else cpu


def external_rows(status: ClusterStatus, now: float) -> list[Row]:
    """Synced, when, from where."""
    return [_external(each, now) for each in status.external_secrets or ()]


def _external(each: ExternalSecret, now: float) -> Row:
    state: Span = ("synced", "success") if each.synced else ("✖ not synced", "error bold")
    said = each.said or f"into {each.target} from {each.store}, every {each.interval or 'never again'}"
    cells: tuple[Cell, ...] = (
        ("●", "success") if each.synced else ("✖", "error bold"), (each.name, ""), state,
        (said, "muted" if each.synced else "error"), (_ago(each.refreshed, now), "muted"),
    )  # fmt: skip
    return Row(f"externalsecret/{each.name}", cells, _PLAIN)


def certificate_rows(status: ClusterStatus, now: float) -> list[Row]:
    """Ready, and until when."""
    return [_certificate(each, now) for each in status.certificates or ()]


def _certificate(each: Certificate, now: float) -> Row:
    left = each.expires.timestamp() - now if each.expires is not None else None
    if not each.ready or (left is not None and left <= 0):
        glyph, state = ("✖", "error bold"), ("✖ not ready" if not each.ready else "✖ expired", "error bold")
    elif left is not None and left < 14 * _DAY:
        glyph, state = ("▲", "warning bold"), (f"expires in {figures.age(left)}", "warning")
    else:
        glyph, state = ("●", "success"), (f"for {figures.age(left)} more", "")
    renews = f", renews {_in(each.renews, now)}" if each.renews else ""
    said = each.said or f"{', '.join(each.names)}  by {each.issuer}{renews}"
    cells: tuple[Cell, ...] = (
        glyph, (each.name, ""), state, (said, "error" if not each.ready else "muted"),
        ("", ""),
    )  # fmt: skip
    return Row(f"certificate/{each.name}", cells, _PLAIN)


def ingress_rows(status: ClusterStatus) -> list[Row]:
    """Host, address, services."""
    rows: list[Row] = []
    for each in status.ingresses:
        cells: tuple[Cell, ...] = (
            ("▲", "warning bold") if each.said else ("●", "success"), (each.name, ""),
            (each.address or each.said, "" if each.address else "warning"),
            (f"{', '.join(each.hosts)} → {', '.join(each.services)}", "muted"), ("TLS" if each.tls else "", "muted"),
        )  # fmt: skip
        rows.append(Row(f"ingress/{each.name}", cells, _PLAIN))
    return rows


def configmap_rows(status: ClusterStatus, now: float) -> list[Row]:
    """The latest change first, and what it was where somebody saw it."""
    held = sorted(status.configmaps, key=lambda each: each.changed or each.created, reverse=True)
    rows: list[Row] = []
    for each in held[:_CONFIG]:
        said = "; ".join(each.diff) or (f"read by {', '.join(each.readers)}" if each.readers else "")
        count = f"{len(each.keys)} keys" if len(each.keys) != 1 else "1 key"
        by = f", by {each.changed_by}" if each.changed_by else ""
        cells: tuple[Cell, ...] = (
            ("▲", "warning bold") if each.diff else ("·", "muted"), (each.name, ""), (f"{count}{by}", "muted"),
            (said, "warning" if each.diff else "muted"), (_ago(each.changed or each.created, now), "muted"),
        )  # fmt: skip
        rows.append(Row(f"configmap/{each.name}", cells, _PLAIN))
    more = len(held) - len(rows)
    return rows + ([note(f"and {more} more")] if more > 0 else [])


def secret_rows(status: ClusterStatus, now: float) -> list[Row]:
    """Name and age."""
    rows: list[Row] = []
    for each in status.secrets[:_SECRETS]:
        cells: tuple[Cell, ...] = (
            ("·", "muted"), (each.name, ""), (f"of {each.owner}" if each.owner else "", "muted"), ("", ""),
            (_ago(each.changed or each.created, now), "muted"),
        )  # fmt: skip
        rows.append(Row(f"secret/{each.name}", cells, _PLAIN))
    more = len(status.secrets) - len(rows)
    return rows + ([note(f"and {more} more")] if more > 0 else [])


def _ago(at: datetime | None, now: float) -> str:
    return figures.age(now - at.timestamp()) if at is not None else ""


def _in(at: datetime, now: float) -> str:
    left = at.timestamp() - now
    return f"in {figures.age(left)}" if left > 0 else f"{figures.age(-left)} ago"


def told(value: object) -> list[tuple[str, str]]:
    """The fields of an object in words, for its detail."""
    found: list[tuple[str, str]] = []
    for field in fields(value):  # type: ignore[arg-type]
        name, held = field.name.replace("_", " "), getattr(value, field.name)
        if isinstance(held, tuple):
            found += [(name if not at else "", str(each)) for at, each in enumerate(held)]
        elif isinstance(held, Usage):
            found += [(f"{each.name.replace('_', ' ')}", _amount(each.name, getattr(held, each.name)))
                      for each in fields(held)]  # fmt: skip
        else:
            found.append((name, _word(held)))
    return [line for line in found if line[1]]


def _amount(name: str, value: int | None) -> str:
    if value is None:
        return ""
    return figures.bytes_(value) if "memory" in name else f"{value}m"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Severity):
        return value.word
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    return str(value) if value not in (None, 0) else ""

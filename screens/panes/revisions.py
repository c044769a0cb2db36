"""Revisions pane: what is deployed, what serves, what served before, and why the next deployment may surprise."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from cockpit.model.containers import ContainersStatus
from cockpit.model.look import LookRequest
from cockpit.model.reading import SourceState
from cockpit.model.render import RenderStatus
from cockpit.model.revisions import Revision, ServiceStatus
from cockpit.model.severity import SourceKind
from cockpit.model.workloads import WorkloadsStatus
from screens import figures
from screens.paint import Cell, Column, Layout, Row, Span, blank, header, note, spans
from screens.panes import containerdetail, containers, render, workloaddetail, workloads
from screens.panes.base import Detail, Pane, Scenery

_STATES = {
    "ready": ("●", "success"),
    "failed": ("✖", "error bold"),
    "deploying": ("▲", "warning bold"),
    "retired": ("○", "muted"),
}


@lru_cache(maxsize=64)
def _table(widest: int) -> Layout:
    return (
        Column("", 1),
        Column("revision", max(8, min(32, widest)), drop=0),
        Column("traffic", 7, right=True),
        Column("age", 5, right=True, drop=1),
        Column("digest", 8, drop=4),
        Column("state", 0, least=11, drop=2),
        Column("by", 16, drop=5),
    )


def _revision(revision: Revision, service: ServiceStatus, now: float, layout: Layout) -> Row:
    live = revision.percent > 0
    glyph, style = _STATES.get(revision.state, ("?", "accent bold"))
    previous = service.previous is not None and service.previous.revision == revision.name
    words = revision.state
    if revision.reason and revision.state != "ready":
        words = f"{words}: {revision.reason}"
    elif previous:
        words = "previous" if revision.state in ("ready", "retired") else f"{words}, previous"
    elif revision.name == service.latest_ready and not live:
        words = f"{words}, latest"
    tags = f"  {' '.join(revision.tags)}" if revision.tags else ""
    digest = revision.digest.removeprefix("sha256:")[:8]
    cells: tuple[Cell, ...] = (
        ("▶" if live else ("◁" if previous else ""), "primary bold"),
        (revision.name, "bold" if live else ""),
        (f"{revision.percent} %" if live else "–", "bold" if live else "muted"),
        (figures.age(now - revision.created.timestamp()), ""),
        (digest or "–", "accent"),
        (f"{glyph} {words}{tags}", style),
        (revision.deployed_by, "muted"),
    )
    return Row(f"revision/{revision.name}", cells, layout)


def _warnings(service: ServiceStatus) -> list[Row]:
    rows: list[Row] = []
    serving = service.revision(service.serving_revision)
    latest = service.revision(service.latest_created)
    if service.reconciling:
        rows.append(spans(("▲ ", "warning bold"), ("a change is being rolled out", "warning")))
    if service.state == "failed":
        rows.append(spans(("✖ ", "error bold"), (service.reason or "the last deployment failed", "error")))
    if service.pinned and serving is not None:
        rows.append(
            spans(
                ("▲ ", "warning bold"), ("pinned", "warning bold"), (": a new deployment gets no traffic", "warning")
            )
        )
    for each in service.conditions if service.state != "failed" else ():
        if each.state == "failed":
            rows.append(
                spans(("✖ ", "error bold"), (each.kind, "error bold"), (f": {each.said or 'failed'}", "error"))
            )
    if service.scaling.stopped:
        rows.append(
            spans(
                ("✖ ", "error bold"), ("stopped", "error bold"), (": no instance runs until it is resumed", "error")
            )
        )
    if serving is not None and latest is not None and serving.name in service.strays:
        rows.append(
            spans(
                ("▲ ", "warning bold"),
                ("template", "warning bold"),
                (f" holds {latest.name}'s image: any change of it deploys that again", "warning"),
            )
        )
    return rows


def _scaling(service: ServiceStatus) -> Row:
    scaling = service.scaling
    parts: list[Span] = [("scale ", "muted")]
    if scaling.manual:
        parts.append((f"manual {scaling.manual_instances}", "bold"))
    else:
        low = str(scaling.min_instances) if scaling.min_instances else "unset"
        high = str(scaling.max_instances) if scaling.max_instances else "unset"
        parts += [("min ", "muted"), (low, ""), ("  max ", "muted"), (high, "")]
    if service.last_modifier:
        parts += [("   changed by ", "muted"), (service.last_modifier, "")]
    return spans(*parts)


def _instance(service: ServiceStatus) -> list[Row]:
    """What an instance has and who may ask it, as far as it is known."""
    parts: list[Span] = [(text, "") for text in (service.memory, f"{service.cpu} CPU" if service.cpu else "") if text]
    parts = [part for each in parts for part in (("  ", ""), each)]
    if service.ingress:
        parts += [("   ingress ", "muted"), (service.ingress, "" if service.ingress == "all" else "bold")]
    return [spans(("each instance", "muted"), *parts)] if parts else []


def _set_up(service: ServiceStatus) -> list[tuple[str, str]]:
    """Template, scaling and conditions in words; of variables and secrets the names."""
    facts = service.template
    return [
        ("memory, CPU", "  ".join(filter(None, (service.memory, service.cpu)))),
        ("requests at once", f"{facts.concurrency} in an instance" if facts.concurrency else ""),
        ("timeout", f"{facts.timeout_s:g} s" if facts.timeout_s else ""),
        ("runs as", facts.account),
        ("variables", ", ".join(facts.variables)),
        ("secrets", ", ".join(f"{name}:{version}" for name, version in service.secrets)),
        ("ingress", service.ingress),
        *((f"{each.kind}", f"{each.state}  {each.said}".strip()) for each in service.conditions),
    ]


class RevisionsPane(Pane):
    """Deployments of a service."""

    NUMBER: ClassVar[int] = 5
    LABEL: ClassVar[str] = "Revisions"
    SHORT: ClassVar[str] = "Revs"
    KIND: ClassVar[SourceKind] = SourceKind.REVISIONS
    KINDS: ClassVar[tuple[SourceKind, ...]] = (
        SourceKind.REVISIONS,
        SourceKind.WORKLOADS,
        SourceKind.CONTAINERS,
        SourceKind.RENDER,
    )
    TABLES: ClassVar[tuple[str, ...]] = ("cloud_run", "kubernetes", "docker", "render")

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """The table, then what to know before touching it."""
        service = states[0].reading.payload if states[0].reading else None
        if isinstance(service, WorkloadsStatus):
            return workloads.rows_of(service, scenery.now, whole=self.screen.has_class("-zoom"))
        if isinstance(service, ContainersStatus):
            return containers.rows_of(service, scenery.now, whole=self.screen.has_class("-zoom"))
        if isinstance(service, RenderStatus):
            return render.rows_of(service, scenery.now, whole=self.screen.has_class("-zoom"))
        if not isinstance(service, ServiceStatus):
            return []
        layout = _table(max((len(revision.name) for revision in service.revisions), default=8))
        rows = [header(layout)]
        rows += [_revision(revision, service, scenery.now, layout) for revision in service.revisions]
        rows.append(blank())
        rows += _warnings(service)
        if service.previous is not None:
            said = "guess" in service.previous.evidence
            sure = "" if service.previous.certain or said else " (a guess)"
            rows.append(
                spans(
                    ("◁ before ", "muted"),
                    (service.previous.revision, "bold"),
                    (sure, "warning"),
                    (f"  {service.previous.evidence}", "muted"),
                )
            )
        rows += [_scaling(service), *_instance(service)]
        rows += [note(text, "warning") for text in service.notes]
        return rows

    def opened(self) -> None:
        """A namespace or a project shows more of itself where it has the screen to itself."""
        if isinstance(self._payload, WorkloadsStatus | ContainersStatus | RenderStatus):
            self.rebuild()

    @property
    def _payload(self) -> object:
        states = self._shown(self.scenery.states) if self.scenery else ()
        return states[0].reading.payload if states and states[0].reading else None

    @property
    def _service(self) -> ServiceStatus | None:
        payload = self._payload
        return payload if isinstance(payload, ServiceStatus) else None

    @property
    def kind(self) -> SourceKind:
        """Of the source that is shown: a letter means another action on each platform."""
        states = self._shown(self.scenery.states) if self.scenery else ()
        return states[0].kind if states else self.KIND

    def selection(self) -> dict[str, str]:
        """The revision, and the etag of the service as it was read; of a namespace, as `workloaddetail` says.

        On the revision that has all traffic nothing is named: rolling back there means away from it.
        """
        payload = self._payload
        if isinstance(payload, WorkloadsStatus):
            return workloaddetail.named(payload, self.key)
        if isinstance(payload, ContainersStatus):
            return containerdetail.named(payload, self.key)
        if isinstance(payload, RenderStatus):
            return render.named(payload, self.key)
        service = self._service
        kind, _, name = self.key.partition("/")
        if service is None or kind != "revision":
            return {}
        revision = service.revision(name)
        if revision is not None and revision.percent == 100:
            return {"etag": service.etag}
        return {"revision": name, "etag": service.etag}

    def identity(self) -> dict[str, str]:
        """Of the service as it was read."""
        service = self._service
        return {} if service is None else {"uid": service.uid, "etag": service.etag}

    def question(self) -> LookRequest | None:
        """The log of a pod, or of all pods of a workload; of a container, a service, a data store."""
        payload = self._payload
        if isinstance(payload, RenderStatus):
            named = render.log_of(payload, self.key)
            return LookRequest("render.logs", self.source, named) if named else None
        if isinstance(payload, ContainersStatus):
            asked = containerdetail.log_of(payload, self.key)
            return LookRequest("containers.logs", self.source, asked) if asked else None
        asked = workloaddetail.log_of(payload, self.key) if isinstance(payload, WorkloadsStatus) else {}
        return LookRequest("workloads.logs", self.source, asked) if asked else None

    def lost_name(self) -> str:
        """What was under the cursor."""
        kind, _, name = self.lost.partition("/")
        if kind == "container":
            return f"container {name[:12]}"
        return f"revision {name}" if kind == "revision" else name or kind

    def detail(self) -> Detail:
        """The revision under the cursor."""
        payload = self._payload
        if isinstance(payload, WorkloadsStatus):
            return workloaddetail.detail(payload, self.key, self.scenery.now if self.scenery else 0.0)
        if isinstance(payload, ContainersStatus):
            return containerdetail.detail(payload, self.key)
        if isinstance(payload, RenderStatus):
            return render.detail(payload, self.key)
        service = self._service
        if service is None:
            return (self.LABEL, [])
        revision = service.revision(self.key.partition("/")[2])
        lines: list[tuple[str, str]] = []
        if revision is not None:
            lines = [
                ("revision", revision.name),
                ("state", f"{revision.state} {revision.reason}".strip()),
                ("traffic", f"{revision.percent} %"),
                ("tags", " ".join(revision.tags)),
                ("created", f"{revision.created:%Y-%m-%d %H:%M:%S} UTC"),
                ("image", revision.image),
                ("digest", revision.digest),
                ("deployed by", revision.deployed_by),
                ("instances", f"min {revision.min_instances or 'unset'}, max {revision.max_instances or 'unset'}"),
            ]
        lines += [
            ("service", service.name),
            ("generation", f"{service.generation}, etag {service.etag}"),
            ("template image", service.template_image),
            *_set_up(service),
            ("url", service.uri),
        ]
        for share in service.serving:
            words = f"{share.percent} % {share.revision}{' (latest)' if share.latest else ''} {share.tag}".strip()
            lines.append(("serves", words))
        if service.previous is not None:
            lines.append(("before", f"{service.previous.revision}: {service.previous.evidence}"))
        return (revision.name if revision else service.service, [line for line in lines if line[1]])

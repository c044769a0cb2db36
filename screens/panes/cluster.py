"""Cluster pane: nodes and events, then what a namespace has around its workloads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from cockpit.model.cluster import (
    Certificate,
    ClusterStatus,
    ConfigMapBrief,
    EventGroup,
    ExternalSecret,
    IngressBrief,
)
from cockpit.model.reading import SourceState
from cockpit.model.severity import SourceKind
from screens.paint import Row, Rule, blank, note
from screens.panes import around
from screens.panes.base import Detail, Pane, Scenery

Lines = list[tuple[str, str]]
_Around = ConfigMapBrief | ExternalSecret | Certificate | IngressBrief
_ACTED_ON = ("node", "configmap", "externalsecret", "certificate")


class ClusterPane(Pane):
    """The cluster around a namespace."""

    NUMBER: ClassVar[int] = 7
    LABEL: ClassVar[str] = "Cluster"
    SHORT: ClassVar[str] = "Cluster"
    KIND: ClassVar[SourceKind] = SourceKind.CLUSTER
    PAGE: ClassVar[bool] = True

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """Sections; one that the cluster has nothing for says so only where that is news."""
        status = self._status
        if status is None:
            return []
        now = scenery.now
        rows = [around.place(status)]
        for title, section in (
            ("nodes", around.node_rows(status, now)),
            ("events", around.event_rows(status, now)),
            ("quotas", around.quota_rows(status)),
            ("hungriest pods", around.top_rows(status)),
            ("external secrets", around.external_rows(status, now)),
            ("certificates", around.certificate_rows(status, now)),
            ("ingress", around.ingress_rows(status)),
            ("configuration", around.configmap_rows(status, now)),
            ("secrets, by their metadata alone", around.secret_rows(status, now)),
        ):
            if section:
                rows += [blank(), Row("", (Rule(title, "muted"),)), *section]
        rows += [note(text, "warning") for text in (*status.notes, *status.stale)]
        return rows

    @property
    def _status(self) -> ClusterStatus | None:
        states = self._shown(self.scenery.states) if self.scenery else ()
        payload = states[0].reading.payload if states and states[0].reading else None
        return payload if isinstance(payload, ClusterStatus) else None

    def selection(self) -> dict[str, str]:
        """The object of the row by kind and uid."""
        status = self._status
        kind, _, name = self.key.partition("/")
        if status is None or kind not in _ACTED_ON:
            return {}
        held: Iterable[object] = {
            "node": status.nodes,
            "configmap": status.configmaps,
            "externalsecret": status.external_secrets or (),
            "certificate": status.certificates or (),
        }[kind]
        found = next((each for each in held if getattr(each, "name", "") == name), None)
        return {} if found is None else {kind: name, "uid": getattr(found, "uid", "")}

    def lost_name(self) -> str:
        """What was under the cursor."""
        return self.lost.replace("/", " ", 1)

    def detail(self) -> Detail:
        """Everything that is known of the row under the cursor."""
        status = self._status
        if status is None:
            return (self.LABEL, [])
        kind, _, name = self.key.partition("/")
        found: Lines = []
        if kind == "event":
            found = [line for each in status.events if each.key == name for line in _event(each)]
        elif kind == "node" and (node := status.node(name)) is not None:
            found = [("node", node.name), *around.told(node)]
            found += [line for each in status.events if f"node/{name}" in each.objects for line in _event(each)]
        elif kind:
            held: dict[str, tuple[_Around, ...]] = {
                "configmap": status.configmaps,
                "externalsecret": status.external_secrets or (),
                "certificate": status.certificates or (),
                "ingress": status.ingresses,
            }
            found = [line for each in held.get(kind, ()) if each.name == name for line in around.told(each)]
            found = found or [("", self.row.text if self.row else "")]
        place = [
            ("context", status.context), ("server", f"{status.server}, {status.version}"),
            ("namespace", status.namespace), ("user", status.user),
        ]  # fmt: skip
        return (name.rpartition("/")[2] or self.LABEL, [line for line in (*found, *place) if line[1]])


def _event(event: EventGroup) -> Lines:
    lines = [
        ("event", f"{event.reason}, {event.count} times"),
        ("about", event.about),
        ("says", event.said),
        ("first", f"{event.first:%Y-%m-%d %H:%M:%S} UTC"),
        ("last", f"{event.last:%Y-%m-%d %H:%M:%S} UTC"),
        ("from", event.source),
    ]
    return lines + [("objects" if not at else "", each) for at, each in enumerate(event.objects)]

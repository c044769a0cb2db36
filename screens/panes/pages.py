"""Panes that take the whole screen while they are shown: made only for a profile that has something for them."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.model.severity import SourceKind
from screens.panes.base import Pane

_MANAGED = frozenset(
    (SourceKind.CLOUDSQL, SourceKind.MEMORYSTORE, SourceKind.ARMOR, SourceKind.SECRETS, SourceKind.ACCESS)
)


def pages_for(kinds: Iterable[SourceKind]) -> list[Pane]:
    """By number."""
    held = set(kinds)
    found: list[Pane] = []
    if held & {SourceKind.METRICS, SourceKind.PROMETHEUS, SourceKind.RENDERMETRICS}:
        from screens.panes.metrics import MetricsPane

        found.append(MetricsPane())
    if SourceKind.CLUSTER in held:
        from screens.panes.cluster import ClusterPane

        found.append(ClusterPane())
    if held & _MANAGED:
        from screens.panes.cloud import CloudPane

        found.append(CloudPane())
    if held & {SourceKind.GITHUB, SourceKind.SCRIPTS}:
        from screens.panes.delivery import DeliveryPane

        found.append(DeliveryPane())
    return found

"""Metrics pane: one panel a metric, each with its last value, its bound and the age of its last point."""

from __future__ import annotations

from typing import ClassVar

from cockpit.model.metrics import MetricPanel, MetricsStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import SourceKind
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Row
from screens.panes.base import Detail, Pane, Scenery

_TABLE = (Column("", 1), Column("panel", 0, least=12), Column("now", 12, right=True), Column("age", 6, right=True))


def status_of(state: SourceState) -> MetricsStatus | None:
    """The panels of its last reading."""
    payload = state.reading.payload if state.reading is not None else None
    return payload if isinstance(payload, MetricsStatus) else None


def _panel(source: str, panel: MetricPanel, now: float) -> Row:
    style = SEVERITY_STYLE[panel.severity]
    last = max((series.points[-1].value for series in panel.series if series.points), default=None)
    age = figures.age(None if panel.newest is None else now - panel.newest)
    cells = ((GLYPH[panel.severity], style), (panel.title, ""), (figures.count(last), ""), (age, "muted"))
    return Row(f"panel/{source}/{panel.title}", cells, _TABLE)


class MetricsPane(Pane):
    """Panels of Cloud Monitoring."""

    NUMBER: ClassVar[int] = 6
    LABEL: ClassVar[str] = "Metrics"
    SHORT: ClassVar[str] = "Metr"
    KIND: ClassVar[SourceKind] = SourceKind.METRICS

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """One row a panel."""
        state = states[0]
        status = status_of(state)
        return [_panel(state.source, panel, scenery.now) for panel in status.panels] if status else []

    def detail(self) -> Detail:
        """The panel under the cursor."""
        row = self.row
        return (self.LABEL, [("", row.text)] if row else [])

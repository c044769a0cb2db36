"""Rules on metrics: a bound that is broken for as long as it takes to count."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.findings.view import View
from cockpit.model.finding import Finding
from cockpit.model.metrics import MetricPanel, MetricsStatus, bound_in_unit, in_unit
from cockpit.model.reading import SourceState
from cockpit.model.severity import Severity


def metric_findings(view: View) -> Iterator[Finding]:
    """One for each panel that breaks its bound."""
    for state, status in view.fresh(MetricsStatus):
        for panel in status.panels:
            if panel.severity in (Severity.WARN, Severity.CRIT):
                yield _broken(state, panel, status.server, view.now)


def _broken(state: SourceState, panel: MetricPanel, server: str, now: float) -> Finding:
    lines = [(series.points[-1].value, series.label) for series in panel.series if series.points]
    value, label = min(lines) if panel.bound.startswith("<") else max(lines)
    said, bound = in_unit(value, panel.unit), bound_in_unit(panel.bound, panel.unit)
    of = f" ({label})" if label else ""
    ago = _span(now - (panel.newest or now))
    since = f" for {_span(now - panel.breach_s)}" if panel.breach_s else ""
    return Finding(
        rule="metric-bound",
        severity=panel.severity,
        text=f"{panel.title} is {said}{of}, {bound}{since}",
        short=f"{panel.title} {said}",
        evidence=tuple(
            filter(None, (panel.metric, f"measured {ago} ago", f"asked of Prometheus {server}" * bool(server)))
        ),
        source=state.source,
        since=panel.breach_s or None,
        rank=45,
    )


def _span(seconds: float) -> str:
    return f"{max(0.0, seconds) / 60:.0f} min" if seconds >= 90 else f"{max(0.0, seconds):.0f} s"

"""Health pane: endpoints as rows of one table, their components, checks and certificates indented below."""

from __future__ import annotations

from typing import ClassVar

from cockpit.model.health import CheckResult, Component, HealthStatus, TlsState
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Cell, Column, Row, Spans, Spark, header
from screens.panes.base import NO_HISTORY, Detail, Pane, Scenery, values

_TABLE = (
    Column("", 1),
    Column("endpoint", 0, least=9),
    Column("status", 6, drop=3),
    Column("latency", 9, right=True, drop=1),
    Column("last polls", 0, drop=4),
)
_PART = (Column("", 1), Column("", 0, least=16), Column("", 0, least=16))


def _status(health: HealthStatus) -> tuple[str, str]:
    word = str(health.status) if health.status is not None else "–"
    return (word, "" if health.expected else "error bold")


def _endpoint(state: SourceState, history: tuple[float, ...]) -> Row:
    severity = state.severity
    style = SEVERITY_STYLE[severity]
    reading = state.reading
    glyph: Cell = (GLYPH[severity], style)
    name: Cell = (state.title, "bold" if severity is Severity.CRIT else "")
    sunk = state.freshness is not Freshness.FRESH
    if reading is None or not isinstance(reading.payload, HealthStatus):
        cells: tuple[Cell, ...] = (glyph, name, ("–", "muted"), ("–", "muted"), ("", ""))
        return Row(f"endpoint/{state.source}", cells, _TABLE, sunk)
    health = reading.payload
    tint = style if severity in (Severity.WARN, Severity.CRIT) else "primary"
    cells = (
        glyph,
        name,
        _status(health),
        (figures.millis(health.latency_ms), style if severity is Severity.CRIT else ""),
        Spark(history, tint),
    )
    return Row(f"endpoint/{state.source}", cells, _TABLE, sunk)


def _component(source: str, part: Component, path: str, stem: str, last: bool, sunk: bool) -> list[Row]:
    own = f"{path}/{part.name}"
    style = SEVERITY_STYLE[part.severity]
    facts = Spans(((part.status or part.severity.word, style), (f"  {part.detail}" if part.detail else "", "muted")))
    name = (f"{stem}{'└─ ' if last else '├─ '}", "line"), (part.name, "")
    rows = [Row(f"part/{source}{own}", ((GLYPH[part.severity], style), Spans(name), facts), _PART, sunk)]
    deeper = stem + ("   " if last else "│  ")
    for number, child in enumerate(part.children):
        rows += _component(source, child, own, deeper, number == len(part.children) - 1, sunk)
    return rows


def _check(source: str, check: CheckResult, sunk: bool) -> Row:
    style = SEVERITY_STYLE[check.severity]
    pending = f"  for {figures.span(check.pending_s)} so far" if check.pending_s is not None else ""
    bound = f"  ({check.threshold}){pending}" if check.threshold else pending
    facts = Spans(((check.value, style if check.severity is not Severity.OK else ""), (bound, "muted")))
    glyph = (GLYPH[check.severity], style)
    return Row(f"check/{source}/{check.path}", (glyph, ("   " + check.path, ""), facts), _PART, sunk)


def _certificate(source: str, tls: TlsState, sunk: bool) -> Row:
    style = SEVERITY_STYLE[tls.severity]
    if tls.problem:
        text = tls.problem
    elif tls.days_left is not None:
        text = f"expires in {tls.days_left:.0f} d"
    else:
        text = "expiry unknown"
    when = f"  {tls.expires:%Y-%m-%d}" if tls.expires else ""
    facts = Spans(((text, style if tls.severity is not Severity.OK else ""), (when, "muted")))
    name = Spans((("   TLS ", "muted"), (tls.host, "")))
    return Row(f"tls/{source}", ((GLYPH[tls.severity], style), name, facts), _PART, sunk)


class HealthPane(Pane):
    """Endpoints of the system."""

    NUMBER: ClassVar[int] = 1
    LABEL: ClassVar[str] = "Health"
    SHORT: ClassVar[str] = "Health"
    KIND: ClassVar[SourceKind] = SourceKind.HEALTH
    SWITCHES: ClassVar[bool] = False

    def head(self, shown: tuple[SourceState, ...], scenery: Scenery) -> tuple[Row, ...]:
        """Only what fails: who has not answered yet stands in the table."""
        return super().head(tuple(state for state in shown if state.freshness is not Freshness.WAITING), scenery)

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """The table, with what each endpoint says about its parts."""
        rows: list[Row] = [header(_TABLE)]
        for state in states:
            history = scenery.histories.get(state.source, NO_HISTORY)
            rows.append(_endpoint(state, values(history, "latency_ms")))
            reading = state.reading
            if reading is None or not isinstance(reading.payload, HealthStatus):
                continue
            rows += self._parts(state.source, reading.payload, state.freshness is not Freshness.FRESH)
        return rows

    def _parts(self, source: str, health: HealthStatus, sunk: bool) -> list[Row]:
        rows: list[Row] = []
        for number, part in enumerate(health.components):
            rows += _component(source, part, "", "", number == len(health.components) - 1, sunk)
        rows += [_check(source, check, sunk) for check in health.checks]
        if health.tls is not None:
            rows.append(_certificate(source, health.tls, sunk))
        for place in health.redirects[-1:]:
            words = f"   after {len(health.redirects)} redirects: {place}"
            rows.append(Row("", (("", ""), (words, "muted")), (Column("", 1), Column()), sunk))
        rows += [
            Row("", (("", ""), ("   " + text, "muted")), (Column("", 1), Column()), sunk) for text in health.notes
        ]
        return rows

    @property
    def source(self) -> str:
        """Of the endpoint whose row, or whose part's row, is under the cursor."""
        states = self.scenery.states if self.scenery else ()
        place = self.key.partition("/")[2]
        matching = [state.source for state in states if place == state.source or place.startswith(state.source + "/")]
        if matching:
            return max(matching, key=len)
        return states[0].source if states else ""

    def detail(self) -> Detail:
        """The endpoint with everything it said."""
        states = self.scenery.states if self.scenery else ()
        state = next((state for state in states if state.source == self.source), None)
        if state is None:
            return (self.LABEL, [])
        lines: list[tuple[str, str]] = [("source", state.source), ("severity", state.severity.word)]
        if state.failure is not None:
            lines += [("failed", state.failure.message), ("do", state.failure.hint)]
        if state.reading is not None and isinstance(state.reading.payload, HealthStatus):
            health = state.reading.payload
            lines += [
                ("request", f"{health.method} {health.url}"),
                ("status", f"{health.status} {'expected' if health.expected else 'not expected'}"),
                ("latency", figures.millis(health.latency_ms)),
                ("body", f"{figures.grouped(health.body_bytes)} bytes"),
                ("read at", f"{figures.clock(state.reading.taken_at)} UTC"),
            ]
            lines += [("redirect", place) for place in health.redirects]
            sunk = False
            for row in self._parts(state.source, health, sunk):
                lines.append(("", row.text))
        return (f"{self.LABEL} · {state.title}", lines)

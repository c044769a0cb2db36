"""Metrics pane: each panel with its last value, bound, age of the last point, and a plot as high as there is room."""

from __future__ import annotations

from typing import ClassVar

from cockpit.model.metrics import MetricPanel, MetricsStatus, Series, bound_in_unit, in_unit
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Row, Span, Spans, blank, fit, note, spans
from screens.panes.base import Detail, Pane, Scenery
from screens.plot import LETTERS, Level, Line, Range, draw, range_of

_HEAD = (
    Column("", 1),
    Column("panel", 0, least=18),
    Column("bound", 20, drop=2),
    Column("now", 11, right=True),
    Column("age", 13, right=True, drop=1),
)
_COLOURS = ("primary", "accent", "secondary", "success", "foreground", "muted")
_AXIS = 9  # cells of the numbers at the left
_LEGEND = 30
_LOW, _HIGH = 3, 6  # lines of a plot
_FRESH_S = 5.0  # ages in the rows move that often
_NARROW = 20  # cells: less holds no plot
_DETAIL = (92, 12)  # cells of the plot in the detail


def status_of(state: SourceState) -> MetricsStatus | None:
    """The panels of its last reading."""
    payload = state.reading.payload if state.reading is not None else None
    return payload if isinstance(payload, MetricsStatus) else None


class MetricsPane(Pane):
    """Panels of Cloud Monitoring and of Prometheus. Its sources are asked from the moment that it is opened first."""

    NUMBER: ClassVar[int] = 6
    LABEL: ClassVar[str] = "Metrics"
    SHORT: ClassVar[str] = "Metr"
    KIND: ClassVar[SourceKind] = SourceKind.METRICS
    KINDS: ClassVar[tuple[SourceKind, ...]] = (SourceKind.METRICS, SourceKind.PROMETHEUS, SourceKind.RENDERMETRICS)
    PAGE: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._opened = False
        self._moment = 0
        self._drawn: dict[str, tuple[object, list[Row]]] = {}  # plots by panel, with what they were drawn from

    def opened(self) -> None:
        """The sources are wanted from now on."""
        self._opened = True
        self._wake()

    def publish(self, scenery: Scenery) -> None:
        """As every pane; ages of points stand in the rows, so these move every few seconds."""
        moment = int(scenery.now / _FRESH_S)
        if moment != self._moment:
            self._moment, self._marks = moment, None
        super().publish(scenery)
        if self._opened:
            self._wake()

    def _wake(self) -> None:
        for state in self.scenery.states if self.scenery else ():
            if state.asleep and self.ask is not None:
                self.ask(state.source)

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """A line and a plot for each panel."""
        state = states[0]
        status = status_of(state)
        if status is None or state.reading is None:
            return []
        end = state.reading.taken_at.timestamp()
        height = self._height(len(status.panels))
        rows: list[Row] = []
        for panel in sorted(status.panels, key=lambda each: -_wrong(each)):  # else as they come
            rows.append(_line(state, panel, scenery.now))
            rows += self._plot(panel, end - status.window_s, end, height)
        rows += [note(status.way, "muted")] if status.way else []
        return [*rows, *(note(text, "warning") for text in status.notes)]

    def _height(self, panels: int) -> int:
        """Lines of each plot: as many as let all panels stand in the room, within bounds."""
        return max(_LOW, min(_HIGH, self._room // max(1, panels) - 2))

    @property
    def _cells(self) -> int:
        return self.size.width - (4 if self.framed else 2)

    @property
    def _ascii(self) -> bool:
        return bool(getattr(self.app, "ascii_only", False))

    def _plot(self, panel: MetricPanel, start: float, end: float, height: int) -> list[Row]:
        """The plot's rows; the same as before where nothing changed; none where the pane is hidden or a sliver."""
        if self._cells < _NARROW:
            return []
        if panel.failure and not panel.series:
            hint = f"  {panel.hint}" if panel.hint else ""
            return [spans(("  ✖ ", "error bold"), (panel.failure, "error"), (hint, "")), blank()]
        if not panel.series:
            return [note("  none in the window" if panel.quiet else "  no point in the window"), blank()]
        made_of = (id(panel), start, end, height, self._cells, self._ascii)
        found = self._drawn.get(panel.key or panel.title)
        if found is None or found[0] != made_of:
            rows = _drawing(panel, start, end, self._cells, height, self._ascii)
            found = self._drawn[panel.key or panel.title] = (made_of, rows)
        return [*found[1], blank()]

    def _scroll(self, to_cursor: bool = True) -> None:
        """The plot under the cursor's line stays in sight with it."""
        super()._scroll(to_cursor)
        if not to_cursor or not self._moved:
            return
        last = self._at
        while last + 1 < len(self._body) and not self._body.row(last + 1).key:
            last += 1
        if last >= self._top + self._room:
            self._top = max(0, min(self._at, last - self._room + 1, len(self._body) - self._room))

    @property
    def kind(self) -> SourceKind:
        """Of the source that is shown."""
        shown = self._shown(self.scenery.states) if self.scenery else ()
        return shown[0].kind if shown else self.KIND

    def _panel(self) -> tuple[SourceState, MetricPanel] | None:
        state = self._shown(self.scenery.states)[0] if self.scenery and self.scenery.states else None
        status = status_of(state) if state is not None else None
        if state is None or status is None:
            return None
        panel = next((each for each in status.panels if self.key == _key(state, each)), None)
        return None if panel is None else (state, panel)

    def detail(self) -> Detail:
        """The panel under the cursor with a larger plot, else the source."""
        found = self._panel()
        if found is None:
            state = self.scenery.states[0] if self.scenery and self.scenery.states else None
            return (self.LABEL, [] if state is None else [("source", state.source), ("state", state.summary)])
        state, panel = found
        now = self.scenery.now if self.scenery else 0.0
        status = status_of(state)
        word = "query" if state.kind is SourceKind.PROMETHEUS else "metric"
        lines = [(word, panel.metric), ("severity", panel.severity.word), *_bounds(panel)]
        if panel.breach_s:
            lines.append(("broken for", figures.span(now - panel.breach_s)))
        if panel.failure:
            lines += [("failed", panel.failure), ("do", panel.hint)]
        if status is not None and state.reading is not None and panel.series:
            end = state.reading.taken_at.timestamp()
            width = min(_DETAIL[0], max(30, self.app.size.width - 14))
            rows = _drawing(panel, end - status.window_s, end, width, _DETAIL[1], self._ascii, legend=0)
            span = f"{figures.clock(end - status.window_s)} to {figures.clock(end)} UTC"
            lines.append(("plot", "\n".join([span, *("".join(text for text, _ in _parts(row)) for row in rows)])))
        if status is not None:
            lines += [("server", status.server), ("way", status.way)]
        for letter, series in zip(LETTERS, panel.series, strict=False):
            lines.append((f"{letter} {series.label}".strip(), _facts(series, panel.unit, now)))
        if panel.more:
            lines.append(("left out", f"{panel.more} more series, lower than these"))
        return (f"{self.LABEL} · {panel.title}", [line for line in lines if line[1]])


def _wrong(panel: MetricPanel) -> int:
    """What breaks its bound stands first; what is unknown stays where it is looked for."""
    return int(panel.severity) if panel.severity in (Severity.WARN, Severity.CRIT) else 0


def _parts(row: Row) -> tuple[Span, ...]:
    cell = row.cells[0]
    return cell.parts if isinstance(cell, Spans) else ()


def _key(state: SourceState, panel: MetricPanel) -> str:
    return f"panel/{state.source}/{panel.key or panel.title}"


def _line(state: SourceState, panel: MetricPanel, now: float) -> Row:
    known = state.freshness is Freshness.FRESH
    verdict = panel.severity if known else max(panel.severity, Severity.UNKNOWN)
    style = SEVERITY_STYLE[panel.severity]
    bad = panel.severity in (Severity.WARN, Severity.CRIT)
    value = in_unit(_leading(panel), panel.unit) if panel.series else ("none" if panel.quiet else "–")
    cells = (
        (GLYPH[verdict], SEVERITY_STYLE[verdict]),
        (panel.title, "bold"),
        _broken(panel, now),
        (value, style if bad else ""),
        _age(panel, now),
    )
    return Row(_key(state, panel), cells, _HEAD, not known)


def _leading(panel: MetricPanel) -> float | None:
    """The last value of the line that is furthest on the wrong side; of rates that have no bound their sum."""
    newest = panel.newest or 0.0
    values = [
        each.points[-1].value for each in panel.series if each.points and newest - each.points[-1].at < panel.late_s
    ]
    if not values:
        return None
    if panel.unit == "1/s" and not panel.bound:
        return sum(values)
    return min(values) if panel.bound.startswith("<") else max(values)


def _broken(panel: MetricPanel, now: float) -> Span:
    bound = bound_in_unit(panel.bound, panel.unit)
    if panel.breach_s:
        return (f"{bound} since {figures.age(now - panel.breach_s)}", SEVERITY_STYLE[panel.severity])
    held = f" for {figures.age(panel.for_s)}" if bound and panel.for_s else ""
    return (f"bound {bound}{held}" if bound else "", "muted")


def _age(panel: MetricPanel, now: float) -> Span:
    newest = panel.newest
    if newest is None:
        return ("", "muted")
    age = max(0.0, now - newest)
    if age >= panel.late_s and not panel.quiet:
        return (f"none for {figures.age(age)}", SEVERITY_STYLE[Severity.UNKNOWN])
    return (f"{figures.age(age)} old", "muted")


def _styles(panel: MetricPanel) -> list[str]:
    """A colour for each line: what is bad by its name, or breaks the bound alone, in the colour of that."""
    if len(panel.series) == 1 and panel.severity in (Severity.WARN, Severity.CRIT):
        return [SEVERITY_STYLE[panel.severity].split()[0]]
    found: list[str] = []
    plain = 0
    for series in panel.series:
        if series.label.startswith("5") or series.label == "FAILED":
            found.append("error")
        elif series.label.startswith("4"):
            found.append("warning")
        else:
            found.append(_COLOURS[plain % len(_COLOURS)])
            plain += 1
    return found


def _drawing(
    panel: MetricPanel, start: float, end: float, cells: int, height: int, ascii: bool, *, legend: int = _LEGEND
) -> list[Row]:
    """Axis, plot and legend side by side; without the legend where it would leave too little."""
    alone = len(panel.series) == 1 and not panel.series[0].label
    side = 0 if cells < _AXIS + 1 + legend + 20 or alone else legend
    letters = [""] * len(panel.series) if alone else list(LETTERS)
    lines = [
        Line(series.points, style, letter)
        for series, style, letter in zip(panel.series, _styles(panel), letters, strict=False)
    ]
    levels = _levels(panel)
    within = range_of(lines, levels, start, end)
    plotted = draw(lines, max(3, cells - _AXIS - 1 - side), height, within, levels, ascii=ascii)
    axis = _axis(panel, within, height)
    right = _legend(panel, lines, height, side)
    return [Row("", (Spans(((axis[at], "muted"), ("│", "line"), *plotted[at], *right[at])),)) for at in range(height)]


def _axis(panel: MetricPanel, within: Range, height: int) -> list[str]:
    said = [""] * height
    said[0] = in_unit(within.high, panel.unit)
    if height > 1:
        said[-1] = in_unit(within.low, panel.unit)
    return [fit(text, _AXIS - 1, right=True) + " " for text in said]


def _levels(panel: MetricPanel) -> list[Level]:
    found = []
    for text, severity in ((panel.warn, Severity.WARN), (panel.critical, Severity.CRIT)):
        number = text.lstrip("<>=! ")
        if number:
            found.append(Level(float(number), SEVERITY_STYLE[severity].split()[0]))
    return found


def _legend(panel: MetricPanel, lines: list[Line], height: int, width: int) -> list[tuple[Span, ...]]:
    """One line a series: letter, name, last value; what does not fit is counted."""
    if not width:
        return [()] * height
    named = list(zip(panel.series, lines, strict=True))
    left_out = panel.more + max(0, len(named) - height)
    if left_out:
        named = named[: height - 1]
        left_out = panel.more + len(panel.series) - len(named)
    rows: list[tuple[Span, ...]] = []
    for series, line in named:
        value = in_unit(series.last.value if series.last else None, panel.unit)
        room = width - 4 - len(value)
        label = fit(series.label or "value", max(4, room - 1))
        rows.append(((f" {line.letter} ", f"{line.style} bold"), (f"{label} ", line.style), (value, "")))
    if left_out:
        rows.append(((f"   and {left_out} more", "muted"),))
    return rows + [()] * (height - len(rows))


def _bounds(panel: MetricPanel) -> list[tuple[str, str]]:
    held = f" for {figures.span(panel.for_s)}" if panel.for_s else ""
    both = (("warn", panel.warn), ("critical", panel.critical))
    return [(name, bound_in_unit(text, panel.unit) + held) for name, text in both if text]


def _facts(series: Series, unit: str, now: float) -> str:
    values = [point.value for point in series.points]
    last = series.last
    if last is None:
        return "no point"
    said = f"{in_unit(last.value, unit)} {figures.age(now - last.at)} ago"
    return f"{said}   least {in_unit(min(values), unit)}   most {in_unit(max(values), unit)}   {len(values)} points"

"""The profile's own queries as rows of the database pane, and one of them in full."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.cells import cell_len

from cockpit.model.database import SqlPanel, with_unit
from cockpit.model.metrics import bound_in_unit
from cockpit.model.severity import Severity
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Row, Span, Spans, fit

PANELS = (
    Column("", 1),
    Column("own queries", 0, least=14),
    Column("bound", 12, drop=2),
    Column("", 14, right=True),
    Column("age", 7, right=True, drop=1),
)


def panel_row(panel: SqlPanel, number: int, now: float) -> Row:
    """One of the profile's queries; what has no newer answer says so where the number stands."""
    style = SEVERITY_STYLE[panel.severity] if panel.severity is not Severity.OK else ""
    mark = (GLYPH[panel.severity], SEVERITY_STYLE[panel.severity]) if panel.bound else ("·", "muted")
    mark = ("?", "warning bold") if panel.problem else mark
    said = with_unit(panel) if panel.said else "–" if panel.problem else "…"
    title: tuple[Span, ...] = ((panel.title, style),)
    if panel.problem:
        title += ((f"  {panel.problem}", "warning"),)
    age = figures.age(float(int(now - panel.at.timestamp()) + 1)) if panel.at is not None else ""
    bound = bound_in_unit(panel.bound, panel.unit)
    shown = (mark, Spans(title), (bound, "muted"), (said, f"{style} bold".strip()), (age, "muted"))
    return Row(f"panel/{number}/{panel.title}", shown, PANELS, sunk=bool(panel.problem and panel.said))


def panel_detail(panel: SqlPanel) -> list[tuple[str, str]]:
    """What it asks, what it said, and its rows as a table of text."""
    lines = [("query", panel.query), ("says", with_unit(panel) if panel.said else "nothing yet")]
    if panel.bound:
        broken = f", since {figures.clock(datetime.fromtimestamp(panel.since, UTC))} UTC" if panel.since else ""
        lines.append(("bound", f"{bound_in_unit(panel.bound, panel.unit)} is {panel.severity.word}{broken}"))
    if panel.problem:
        lines.append(("no answer", panel.problem))
    if panel.at is not None:
        lines.append(("answered", f"{figures.clock(panel.at)} UTC, in {panel.took_ms:.0f} ms"))
    if panel.playbook:
        lines.append(("playbook", panel.playbook))
    if panel.columns:
        table = [panel.columns, *panel.rows]
        widths = [min(40, max(cell_len(row[place]) for row in table)) for place in range(len(panel.columns))]
        text = [
            "  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        lines += [("rows" if number == 0 else "", line) for number, line in enumerate(text)]
        if panel.more:
            lines.append(("", "… there are more"))
    return lines

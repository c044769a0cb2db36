"""Where panes stand in the grid when a profile has not all of them: what is absent takes no room."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from textual.widget import Widget

ORDER = ("health", "logs", "database", "revisions", "redis")  # of the grid's children while all are there


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A grid without a free cell. `spans` has each pane and how many rows it takes, in the order in which a layout
    that gives each child the first free cell, row by row, puts it where it belongs.
    """

    widths: tuple[int, ...]  # of the columns, to one another
    rows: int
    spans: tuple[tuple[str, int], ...]

    @property
    def order(self) -> tuple[str, ...]:
        """All panes: first those that are there, in the order of `spans`."""
        there = tuple(name for name, _ in self.spans)
        return there + tuple(name for name in ORDER if name not in there)


@dataclass(frozen=True, slots=True)
class _Column:
    width: int
    panes: tuple[tuple[str, int], ...]  # with their share of the height


# As the stylesheet has them for all five; a column's shares add up to the rows of the grid.
_FULL = {
    2: (
        _Column(10, (("health", 10), ("database", 14), ("redis", 10))),
        _Column(11, (("logs", 22), ("revisions", 12))),
    ),
    3: (
        _Column(11, (("health", 11), ("revisions", 13))),
        _Column(15, (("logs", 24),)),
        _Column(11, (("database", 14), ("redis", 10))),
    ),
}


def fitting(present: Collection[str], classes: Collection[str]) -> Arrangement | None:
    """For a screen of these classes; None where the stylesheet has the places: for all five, and where panes stand
    one below the other or alone.
    """
    guide = "-guide" in classes
    alone = {"-narrow", "-zoom", "-page"} | ({"-medium", "-short"} if guide else set())
    if len(present) == len(ORDER) or not alone.isdisjoint(classes):
        return None
    return arrange(present, 3 if "-wide" in classes and not guide else 2)


def arrange(present: Collection[str], columns: int) -> Arrangement:
    """The grid of these panes, at least one, where there is room for two or three columns."""
    full = _FULL[columns]
    rows = sum(share for _, share in full[0].panes)
    kept = [_Column(column.width, tuple(each for each in column.panes if each[0] in present)) for column in full]
    if columns == 2:
        kept = _level(kept)
    kept = [column for column in kept if column.panes]
    places = sorted((row, at, name, span) for at, each in enumerate(kept) for name, row, span in _fill(each, rows))
    return Arrangement(
        tuple(column.width for column in kept), rows, tuple((name, span) for _, _, name, span in places)
    )


def _level(columns: list[_Column]) -> list[_Column]:
    """Health would stand alone beside two: what is below the log goes below it."""
    first, second = columns
    if [name for name, _ in first.panes] != ["health"] or len(second.panes) < 2:
        return columns
    return [_Column(first.width, first.panes + second.panes[1:]), _Column(second.width, second.panes[:1])]


def _fill(column: _Column, rows: int) -> list[tuple[str, int, int]]:
    """(Pane, first row, rows): all rows of the grid, by share."""
    whole, above = sum(share for _, share in column.panes), 0
    found: list[tuple[str, int, int]] = []
    for name, share in column.panes:
        first, end = (round(rows * edge / whole) for edge in (above, above + share))
        found.append((name, first, end - first))
        above += share
    return found


def apply(arrangement: Arrangement | None, grid: Widget) -> None:
    """Give the grid's children these places; None: those of the stylesheet."""
    spans = dict(arrangement.spans) if arrangement else {}
    panes = {child.id: child for child in grid.children}
    for place, name in enumerate(arrangement.order if arrangement else ORDER):
        pane = panes[name]
        pane.styles.row_span = spans.get(name)
        if grid.children[place] is not pane:
            grid.move_child(pane, before=place)
    grid.styles.grid_size_columns = len(arrangement.widths) if arrangement else None
    grid.styles.grid_size_rows = arrangement.rows if arrangement else None
    grid.styles.grid_columns = [f"{width}fr" for width in arrangement.widths] if arrangement else None

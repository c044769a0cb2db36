"""The rows of a table in a procedure: what each says is wrong, what is done, and what its commands are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cockpit.model.runbook import Part
from cockpit.runbooks.markdown.htmltables import Row
from cockpit.runbooks.markdown.inline import code_spans, plain
from cockpit.runbooks.markdown.pairs import cause_columns, step_columns
from cockpit.runbooks.markdown.words import role_of
from cockpit.text import clean


class Cell(NamedTuple):
    """A cell as written that has code; `said` is what the row says of it where it is nothing but that."""

    text: str
    said: str
    part: Part | None


class Told(NamedTuple):
    """One row."""

    line: int
    cells: tuple[Cell, ...]  # those with code
    cause: tuple[str, str] | None  # what is wrong and what is done about it, plain
    number: str
    doing: str  # the instruction as written, "" where the table has no column of them


def told_by(rows: tuple[Row, ...]) -> Iterator[Told]:
    """All rows but the header."""
    header, *others = rows
    causes, doing = cause_columns(header.cells), step_columns(header.cells)
    parts = [role.part if (role := role_of(cell)) else None for cell in header.cells]
    for row in others:
        cells = tuple(Cell(text, _about(header, row, n), parts[n]) for n, text in enumerate(row.cells) if "`" in text)
        cause = None
        if causes and any(row.cells):
            cause = (clean(plain(row.cells[causes[0]])), clean(plain(row.cells[causes[1]])))
        at = causes[1] if causes else doing[1] if doing else -1
        yield Told(
            row.line,
            cells,
            cause,
            clean(plain(row.cells[doing[0]])) if doing and not causes else "",
            row.cells[at] if at >= 0 else "",
        )


def _about(header: Row, row: Row, index: int) -> str:
    """ "API slow: Check" of the cell under "Check"; "" where the cell speaks for itself."""
    text = row.cells[index]
    if len(spans := code_spans(text)) != 1 or plain(text) != spans[0].text.strip():
        return ""
    others = (plain(cell) for n, cell in enumerate(row.cells) if n != index and not code_spans(cell))
    other = next((said for said in others if len(said) > 3), "")
    name = plain(header.cells[index])
    return clean(f"{other}: {name}" if index and other and name else other)

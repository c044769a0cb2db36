"""A table written in HTML -> rows as those of a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; cells as written."""

    line: int
    cells: tuple[str, ...]


def rows_of(text: str, line: int) -> tuple[Row, ...]:
    """All rows with a cell; `line` is that of the text's first line. <code> becomes a code span."""
    parser = _Tables(line)
    parser.feed(text)
    parser.close()
    width = max((len(cells) for _, cells in parser.rows), default=0)
    return tuple(Row(at, tuple(cells + [""] * (width - len(cells)))) for at, cells in parser.rows if any(cells))


class _Tables(HTMLParser):
    """Collects cells; what is not closed ends with the next of its kind."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.rows: list[tuple[int, list[str]]] = []
        self._line = line
        self._open = False  # within a cell

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append((self._line + self.getpos()[0] - 1, []))
            self._open = False
        elif tag in ("td", "th"):
            if not self.rows:
                self.rows.append((self._line + self.getpos()[0] - 1, []))
            self.rows[-1][1].append("")
            self._open = True
        elif tag in ("code", "kbd"):
            self.handle_data("`")
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._open = False
        elif tag in ("code", "kbd"):
            self.handle_data("`")

    def handle_data(self, data: str) -> None:
        if self._open:
            cells = self.rows[-1][1]
            cells[-1] = (cells[-1] + data.replace("\n", " ")).lstrip()

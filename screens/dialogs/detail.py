"""Everything known of one row: names and values, long text in full, JSON indented, SQL at its clauses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.help import SearchDialog

Copy = Callable[[str], str | Awaitable[str]]
_LONG = 60
_CLAUSE = re.compile(
    r"(?<!LEFT)(?<!RIGHT)(?<!INNER)(?<!FULL)(?<!CROSS)(?<!DELETE)\s+(?=(?:FROM|WHERE|SET|VALUES|GROUP BY|ORDER BY|"
    r"HAVING|LIMIT|RETURNING|ON CONFLICT|UNION|(?:LEFT |RIGHT |INNER |FULL |CROSS )?JOIN|FOR UPDATE)\b)",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\s", re.IGNORECASE)
_QUOTED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")")


async def copied(copy: Copy, text: str) -> str:
    """Copy, and the sentence that says where it went."""
    said = copy(text)
    return await said if isawaitable(said) else said


def pretty_sql(text: str) -> str:
    """Line breaks before the clauses of a statement, never inside quotes; other text as it is."""
    if not _STATEMENT.match(text) or len(text) <= _LONG:
        return text
    parts = _QUOTED.split(text)
    return "".join(part if at % 2 else _CLAUSE.sub("\n", part) for at, part in enumerate(parts))


def pretty(text: str) -> str:
    """JSON indented, SQL at its clauses, anything else as it is."""
    shaped = rows.pretty_json(text)
    return shaped if shaped != text else pretty_sql(text)


class DetailScreen(SearchDialog):
    """A title and (name, value) lines; a name of "" goes on with the line before. `y` copies all of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", show=False),
        Binding("enter", "leave", "close", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[tuple[str, str]], copy: Copy | None = None) -> None:
        super().__init__()
        self.heading = title
        self.lines = tuple(lines)
        self._copy = copy

    def title_line(self) -> Content:
        """As given."""
        return Content.assemble(" ", (self.heading, rows.STRONG), " ")

    def foot_keys(self) -> list[tuple[str, str]]:
        """With copying, where that is possible."""
        return [*([("y", "copy")] if self._copy else []), *super().foot_keys()]

    def content_lines(self, width: int) -> list[Content]:
        """Names in a column; a value of several lines gets the whole width below its name."""
        wanted = self.words.lower().split()
        column = min(22, max((len(name) for name, _ in self.lines), default=0) + 2)
        found: list[Content] = []
        for name, value in self.lines:
            if not all(word in f"{name} {value}".lower() for word in wanted):
                continue
            shaped = pretty(value)
            if "\n" in shaped:
                found.append(rows.styled(name, rows.MUTED))
                found += [rows.styled(f"  {part}") for part in rows.wrap(shaped, width - 2)]
            else:
                found += rows.labelled(name, [shaped or "-"], width, label_width=max(2, column))
        return found or [rows.styled("nothing matches" if wanted else "nothing is known of this row", rows.MUTED)]

    def add(self, lines: Sequence[tuple[str, str]]) -> None:
        """More, below; what is read stays where it is."""
        self.lines = (*self.lines, *lines)
        if self.is_mounted:
            self.query_one("#text", Flow).redraw()

    def replace_last(self, count: int, lines: Sequence[tuple[str, str]]) -> None:
        """In place of the last `count` lines."""
        self.lines = self.lines[:-count]
        self.add(lines)

    @property
    def as_text(self) -> str:
        """What `y` copies."""
        return "\n".join(f"{name}: {pretty(value)}" if name else pretty(value) for name, value in self.lines)

    def action_copy(self) -> None:
        """Copy all of it."""
        if self._copy is not None:
            self.run_worker(self._say_copied(self._copy), exit_on_error=False, exclusive=True, group="copy")

    async def _say_copied(self, copy: Copy) -> None:
        self.query_one("#keys", Static).update(rows.styled(await copied(copy, self.as_text), rows.GOOD))

"""What must be read: a sentence or a few, closed by `esc` or enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from screens.dialogs import rows
from screens.dialogs.base import Dialog, Flow

Line = tuple[str, str]  # text, style


class Notice(Dialog[None]):
    """A title and lines of text. Nothing to decide."""

    DEFAULT_CSS = "Notice #frame { max-width: 92; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "leave", "close", show=False)]

    def __init__(self, title: str, lines: Sequence[Line], *, grave: bool = False) -> None:
        super().__init__()
        self.heading = title
        self.lines = tuple(lines)
        self._grave = grave

    def title_line(self) -> Content:
        """As given."""
        return Content.assemble(" ", (self.heading, rows.BAD if self._grave else rows.STRONG), " ")

    def compose_body(self) -> ComposeResult:
        """The lines, wrapped."""
        yield Flow(lambda width: [part for text, style in self.lines for part in rows.paragraph(text, width, style)])

    def compose_foot(self) -> ComposeResult:
        """How to close it."""
        yield Static(rows.keys(("esc", "close"), ("↑↓", "scroll")), markup=False)

    def opened(self) -> None:
        """Colour by gravity."""
        self.frame.add_class("-danger" if self._grave else "-calm")

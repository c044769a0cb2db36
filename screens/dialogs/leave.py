"""Leaving the cockpit asks first, and says what goes on without it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from cockpit.actions.mode import Mode
from cockpit.actions.record import Running
from cockpit.clock import Clock
from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.yes_no import YesNo


class QuitDialog(YesNo):
    """`y` leaves; the key that asked does not."""

    DEFAULT_CSS = "QuitDialog #frame { max-width: 70; }"
    QUESTION: ClassVar[str] = "Leave the cockpit?"

    def __init__(self, mode: Mode, running: tuple[Running, ...], clock: Clock) -> None:
        super().__init__(clock, "-danger" if running else "-calm")
        self._mode = mode
        self._under_way = running

    def title_line(self) -> Content:
        """The question."""
        return Content.assemble(" ", (self.QUESTION, rows.STRONG), " ")

    def compose_body(self) -> ComposeResult:
        """What it means now."""
        yield Flow(self._lines)

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for run in self._under_way:
            text = f"{run.title} on {run.source} is under way ({run.phase}): it is asked to stop and recorded."
            lines += rows.paragraph(text, width, rows.BAD, "✖")
        if self._mode.armed:
            lines += rows.paragraph("It is armed; leaving disarms it.", width, rows.CARE, "▲")
        return lines or rows.paragraph("Nothing is under way. What was recorded stays.", width, rows.MUTED)

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        yield Static(rows.keys(("y", "leave"), ("esc", "stay")), markup=False)

"""Leaving the cockpit asks first, and says what goes on without it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from cockpit.actions.mode import Mode
from cockpit.actions.record import Running
from cockpit.clock import Clock
from screens.dialogs import rows
from screens.dialogs.base import Dialog, Flow
from screens.dialogs.gate import KeyGate


class QuitDialog(Dialog[bool]):
    """`y` leaves; the key that asked does not."""

    DEFAULT_CSS = "QuitDialog #frame { max-width: 70; }"
    QUESTION: ClassVar[str] = "Leave the cockpit?"

    def __init__(self, mode: Mode, running: tuple[Running, ...], clock: Clock) -> None:
        super().__init__()
        self._mode = mode
        self._under_way = running
        self.gate = KeyGate(clock)

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

    def opened(self) -> None:
        """Keys count once this was painted."""
        self.frame.add_class("-danger" if self._under_way else "-calm")
        self.call_after_refresh(self.gate.painted)

    def on_key(self, event: events.Key) -> None:
        """Only a deliberate `y` leaves."""
        deliberate = self.gate.press(event)
        if event.key == "y":
            event.stop()
            if deliberate:
                self.finish(True)

    def action_leave(self) -> None:
        """Stay."""
        self.finish(False)

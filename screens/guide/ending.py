"""The question whether a session of the guide is over."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from cockpit.clock import Clock
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.yes_no import YesNo


class EndDialog(YesNo):
    """True to end it: written down as over, and not offered again."""

    DEFAULT_CSS = "EndDialog #frame { max-width: 76; }"

    def __init__(self, session: Session, clock: Clock) -> None:
        super().__init__(clock, "-calm")
        self._session = session

    def title_line(self) -> Content:
        """Is it over?"""
        return Content.assemble(" ", ("Is this over?", rows.STRONG), " ")

    def compose_body(self) -> ComposeResult:
        """How far it is."""
        yield Flow(self._lines)

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        yield Static(rows.keys(("y", "yes, close the session"), ("esc", "no, go on")), markup=False)

    def _lines(self, width: int) -> list[Content]:
        counts = self._session.counts
        said = ", ".join(f"{counts[state]} {state.value}" for state in StepState if counts[state])
        return [
            *rows.paragraph(self._session.playbook.title, width, rows.STRONG),
            *rows.paragraph(said, width, rows.MUTED),
            *rows.paragraph("It stays in the record, and cannot be gone on with.", width),
        ]

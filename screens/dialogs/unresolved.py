"""At the start: actions of a cockpit that ended before their outcome was known. They may have happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from cockpit.actions.record import Unresolved
from cockpit.clock import Clock
from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.yes_no import YesNo


class UnresolvedSource(Protocol):
    """Where intents without an outcome come from, and where it is noted that somebody looked: the executor."""

    async def unresolved(self) -> tuple[Unresolved, ...]:
        """Those of this system. Raises CockpitError."""

    async def resolve(self, run: str, note: str) -> None:
        """Not to be shown again. Raises CockpitError."""


class UnresolvedDialog(YesNo):
    """True when the operator says that the target was looked at; False to be reminded at the next start."""

    DEFAULT_CSS = "UnresolvedDialog #frame { max-width: 96; }"
    WHAT: ClassVar[str] = (
        "The cockpit that began this is gone, and no outcome was recorded. The effect may or may not have happened. "
        "Look at the target before doing anything else to it."
    )

    def __init__(self, found: Sequence[Unresolved], clock: Clock) -> None:
        super().__init__(clock, "-danger")
        self.found = tuple(found)

    def title_line(self) -> Content:
        """UNKNOWN."""
        count = len(self.found)
        noun = "action" if count == 1 else "actions"
        return Content.assemble(" ", (f"? UNKNOWN: check {count} {noun}", rows.BAD), " ")

    def compose_body(self) -> ComposeResult:
        """What is known of each."""
        yield Flow(self._lines)

    def _lines(self, width: int) -> list[Content]:
        lines = rows.paragraph(self.WHAT, width, rows.MUTED)
        for each in self.found:
            lines.append(Content(""))
            lines += rows.labelled("what", [each.title], width, style=rows.STRONG)
            lines += rows.labelled("target", [each.target], width, style=rows.STRONG)
            lines += rows.labelled("when", [each.at], width)
            lines += rows.labelled("who", [each.who], width)
            lines += rows.labelled("request", each.operation, width, style="$accent")
            if each.process:
                lines += rows.labelled("process", [each.process], width, style=rows.CARE)
            lines += rows.labelled("run", [each.run], width, style=rows.MUTED)
        return lines

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        pairs = (("y", "I have looked: do not show again"), ("esc", "remind me at the next start"))
        yield Static(rows.keys(*pairs), markup=False)

"""Tab strip for the narrow screen and the zoom: all panes with their state in one line."""

from __future__ import annotations

from collections.abc import Sequence

from screens.frame.strip import Bar, Bars, spans_length
from screens.paint import Span
from screens.panes.base import Pane


class Tabs(Bars):
    """One line; the pane that is shown stands out."""

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.panes: Sequence[Pane] = ()
        self.current: Pane | None = None
        self.paused = False

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """Short names; on the right the age of what is shown."""
        parts: list[Span] = []
        roomy = width >= 100
        for pane in self.panes:
            here = pane is self.current
            glyph, style = pane.glyph
            name = pane.LABEL if roomy else pane.SHORT
            if here:
                parts.append((f" {pane.NUMBER} {name} {glyph} ", "background on primary bold"))
            else:
                parts += [(f" {pane.NUMBER} ", "muted"), (f"{name} ", ""), (f"{glyph} ", style)]
        age = (self.current.age_text, "muted") if self.current and width >= 76 else ("", "")
        if self.paused:
            return [Bar(tuple(parts), ((" PAUSED ", "background on warning bold"), (" space goes on", "bold")))]
        fits = spans_length(parts) + spans_length((age,)) + 4 <= width
        return [Bar(tuple(parts), (age,) if fits else ())]

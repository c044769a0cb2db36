"""A question that one deliberate `y` answers with yes, and `esc` with no."""

from __future__ import annotations

from textual import events

from cockpit.clock import Clock
from screens.dialogs.base import Dialog
from screens.dialogs.gate import KeyGate


class YesNo(Dialog[bool]):
    """True for yes. Keys count once it was painted: what was typed before is no answer."""

    def __init__(self, clock: Clock, frame_class: str) -> None:
        super().__init__()
        self.gate = KeyGate(clock)
        self._frame_class = frame_class

    def opened(self) -> None:
        """Begin to listen once this was painted."""
        self.frame.add_class(self._frame_class)
        self.call_after_refresh(self.gate.painted)

    def on_key(self, event: events.Key) -> None:
        """Only a deliberate `y` is a yes."""
        deliberate = self.gate.press(event)
        if event.key == "y":
            event.stop()
            if deliberate:
                self.finish(True)

    def action_leave(self) -> None:
        """No."""
        self.finish(False)

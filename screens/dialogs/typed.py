"""Fields and words of a dialog that take keys from fingers only."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input, Static

from screens.dialogs.gate import KeyGate


class Choice(Static, can_focus=True):
    """A word that can be focused; keys are the card's business."""

    DEFAULT_CSS = """
    Choice { width: auto; height: 1; padding: 0 1; color: $foreground; }
    Choice:focus { color: $primary; text-style: bold reverse; }
    """


class TypedInput(Input):
    """Takes letters one by one from fingers; a paste only where nothing depends on it (a reason, never a phrase)."""

    def __init__(
        self,
        gate: KeyGate,
        refuse: Callable[[str], None],
        *,
        id: str,
        limit: int,
        value: str = "",
        pasteable: bool = False,
    ) -> None:
        super().__init__(value, id=id, max_length=limit, disabled=True, select_on_focus=False)
        self._gate = gate
        self._refuse = refuse
        self._pasteable = pasteable

    def on_key(self, event: events.Key) -> None:
        """Empty the field when the letters came faster than fingers."""
        if not event.is_printable:
            return
        self._gate.press(event)
        if self._gate.burst:
            event.stop()
            event.prevent_default()
            self.value = ""
            self._refuse("all at once: that was pasted, or the link stalled. Type it")

    def on_paste(self, event: events.Paste) -> None:
        """Refuse the terminal's paste, or take its first line: keys that came with it confirm nothing."""
        self._gate.disturb()
        if self._pasteable:
            return
        event.stop()
        event.prevent_default()
        self._refuse("pasting is refused: type it")

    def action_paste(self) -> None:
        """Refuse the app's own clipboard."""
        self._gate.disturb()
        self._refuse("pasting is refused: type it")

"""Arming: from OBSERVE to being allowed to act, for a reason and a while. Disarming needs no dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from cockpit.clock import Clock
from screens.dialogs import rows
from screens.dialogs.base import Dialog, Flow
from screens.dialogs.gate import SETTLE_S, KeyGate
from screens.dialogs.plan_text import environment_chip
from screens.dialogs.typed import TypedInput

_SHORTEST_REASON = 3
_LONGEST_MIN = 480


@dataclass(frozen=True, slots=True)
class Arms:
    """What the operator gave."""

    reason: str
    duration_s: float


class ArmDialog(Dialog[Arms | None]):
    """Reason and minutes. Enter arms when both are right; arming by itself changes nothing outside."""

    TITLE_TEXT: ClassVar[str] = "Arm the cockpit"
    VERB: ClassVar[str] = "arm"
    STAY: ClassVar[str] = "stay in OBSERVE"
    TIMED: ClassVar[bool] = True
    ASKS: ClassVar[str] = "say in a few words what you are about to do"

    DEFAULT_CSS = """
    ArmDialog {
        #frame { max-width: 76; }
        .field { height: 1; width: 1fr; }
        .field .name { width: 10; height: 1; }
        #minutes { max-width: 6; }
    }
    """
    LINES: ClassVar[tuple[str, ...]] = (
        "Armed, upper-case keys may be confirmed. It ends by itself after this time, after a while without a key, "
        "and at once with !",
    )

    def __init__(self, system: str, environment: str, default_s: float, clock: Clock) -> None:
        super().__init__()
        self.system = system
        self.environment = environment
        self._default_min = max(1, round(default_s / 60))
        self.clock = clock
        self.gate = KeyGate(clock)

    def title_line(self) -> Content:
        """What it does."""
        return Content.assemble(" ", (self.TITLE_TEXT, rows.STRONG), " ")

    def compose_head(self) -> ComposeResult:
        """Where."""
        yield Static(
            Content.assemble(environment_chip(self.environment), "  ", (self.system, rows.STRONG)), markup=False
        )

    def compose_body(self) -> ComposeResult:
        """What it means, and the two fields."""
        yield Flow(lambda width: [part for text in self.LINES for part in rows.paragraph(text, width, rows.MUTED)])
        with Horizontal(classes="field"):
            yield Static(rows.styled("reason", rows.MUTED), classes="name", markup=False)
            yield TypedInput(self.gate, self.say, id="reason", limit=200, pasteable=True)
        if not self.TIMED:
            return
        with Horizontal(classes="field"):
            yield Static(rows.styled("minutes", rows.MUTED), classes="name", markup=False)
            yield TypedInput(self.gate, self.say, id="minutes", limit=3, value=str(self._default_min))

    def compose_foot(self) -> ComposeResult:
        """The keys, or what is wrong."""
        yield Static(self._key_line(), id="note", markup=False)

    def _key_line(self) -> Content:
        more = [("tab", "next field")] if self.TIMED else []
        return rows.keys(("enter", self.VERB), *more, ("esc", self.STAY))

    def opened(self) -> None:
        """Keys count once this was painted."""
        self.frame.add_class("-care")
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.gate.painted()
        for field in self.query(TypedInput):
            field.disabled = False
        self.query_one("#reason").focus()

    def say(self, text: str, style: str = rows.CARE) -> None:
        """One sentence in place of the key line."""
        self.query_one("#note", Static).update(rows.styled(text, style))

    def on_key(self, event: events.Key) -> None:
        """Count keys that the fields did not take."""
        self.gate.press(event)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.value:  # an emptied field was emptied for a reason that still stands in the note
            self.query_one("#note", Static).update(self._key_line())

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        if problem := self._problem():
            self.say(problem)
        else:
            self.run_worker(self._settle(self.gate.ticket), exit_on_error=False, exclusive=True)

    def _problem(self) -> str:
        if len(self.query_one("#reason", TypedInput).value.strip()) < _SHORTEST_REASON:
            return self.ASKS
        if not self.TIMED:
            return ""
        minutes = self.query_one("#minutes", TypedInput).value
        if not (minutes.isascii() and minutes.isdigit() and 1 <= int(minutes) <= _LONGEST_MIN):
            return f"minutes: a number from 1 to {_LONGEST_MIN}"
        return ""

    async def _settle(self, ticket: int) -> None:
        await self.clock.sleep(SETTLE_S)
        if not self.gate.undisturbed(ticket):
            self.say("other keys came with the enter: press enter alone")
            return
        reason = self.query_one("#reason", TypedInput).value.strip()
        minutes = int(self.query_one("#minutes", TypedInput).value) if self.TIMED else self._default_min
        self.finish(Arms(reason, 60.0 * minutes))


class LockDialog(ArmDialog):
    """Why somebody else's lock is broken."""

    TITLE_TEXT: ClassVar[str] = "Break the lock on the target"
    VERB: ClassVar[str] = "break it and plan again"
    STAY: ClassVar[str] = "leave it"
    TIMED: ClassVar[bool] = False
    ASKS: ClassVar[str] = "say in a few words why the lock may be broken"
    LINES: ClassVar[tuple[str, ...]] = (
        "Somebody else is changing this target, or was when their link died. Breaking the lock is recorded with your "
        "name and reason. Talk to them first.",
    )

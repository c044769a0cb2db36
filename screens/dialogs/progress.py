"""Waiting, visibly: for a plan, and for an action under way. `esc` gives up a plan and hides an action, no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from cockpit.actions.record import Running
from cockpit.clock import Clock
from screens.dialogs import rows
from screens.dialogs.base import Dialog

_METER = 30


class Waiting(Dialog[None]):
    """A sentence and the seconds so far. Whoever pushed it takes it away; `esc` calls `give_up`."""

    DEFAULT_CSS = "Waiting #frame { max-width: 76; }"

    def __init__(self, text: str, clock: Clock, give_up: Callable[[], object]) -> None:
        super().__init__()
        self._text = text
        self._clock = clock
        self._give_up = give_up

    def compose_body(self) -> ComposeResult:
        """The sentence and the time."""
        yield Static(self._line(0.0), id="line", markup=False)

    def compose_foot(self) -> ComposeResult:
        """How to give up."""
        yield Static(rows.keys(("esc", "give up; nothing has been changed")), markup=False)

    def _line(self, elapsed: float) -> Content:
        return Content.assemble(self._text, (f"  {elapsed:.0f} s", rows.MUTED))

    def opened(self) -> None:
        """Count the seconds."""
        self.run_worker(self._count(), exit_on_error=False)

    async def _count(self) -> None:
        started = self._clock.monotonic()
        while True:
            await self._clock.sleep(1.0)
            self.query_one("#line", Static).update(self._line(self._clock.monotonic() - started))

    def action_leave(self) -> None:
        """Give up waiting."""
        self._give_up()


class Progress(Dialog[None]):
    """An action under way: phase, done of total, time; `a` asks it to stop, `esc` lets it go on unseen."""

    DEFAULT_CSS = "Progress #frame { max-width: 92; }"
    REFRESH_S: ClassVar[float] = 0.5

    def __init__(
        self,
        title: str,
        where: str,
        look: Callable[[], Running | None],
        abort: Callable[[str], None],
        clock: Clock,
    ) -> None:
        super().__init__()
        self.heading = title
        self._where = where
        self._look = look
        self._abort = abort
        self._clock = clock
        self._started = clock.monotonic()
        self._stopping = False

    def title_line(self) -> Content:
        """The action's title."""
        return Content.assemble(" ", (self.heading, rows.STRONG), "  ", (self._where, rows.MUTED), " ")

    def compose_body(self) -> ComposeResult:
        """Phase and progress."""
        yield Static(Content("starting"), id="phase", markup=False)
        yield Static(Content(""), id="meter", markup=False)

    def compose_foot(self) -> ComposeResult:
        """The keys that count now."""
        yield Static(self._key_line(None), id="keys", markup=False)

    def opened(self) -> None:
        """Look now and then."""
        self.frame.add_class("-care")
        self.refresh_now()
        self.run_worker(self._follow(), exit_on_error=False)

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep(self.REFRESH_S)
            self.refresh_now()

    def refresh_now(self) -> None:
        """Show what is known at this moment."""
        if not self.whole:
            return
        running = self._look()
        elapsed = self._clock.monotonic() - self._started
        phase = "starting" if running is None else running.phase
        text = "stopping at the next step" if self._stopping else phase
        self._say("#phase", Content.assemble((text, rows.STRONG), (f"  {elapsed:.0f} s", rows.MUTED)))
        self._say("#meter", Content("") if running is None else meter(running))
        self._say("#keys", self._key_line(running))

    def _say(self, selector: str, content: Content) -> None:
        self.query_one(selector, Static).update(content)

    def _key_line(self, running: Running | None) -> Content:
        if running is not None and running.can_abort and not self._stopping:
            return rows.keys(("a", "stop it at the next step"), ("esc", "hide; it goes on"))
        return rows.keys(("esc", "hide; it goes on"))

    def on_key(self, event: events.Key) -> None:
        """`a` is live from the first moment: stopping needs no second thought."""
        running = self._look()
        if event.key == "a" and running is not None and running.can_abort:
            event.stop()
            self._stopping = True
            self._abort(running.run)
            self.refresh_now()


def meter(running: Running) -> Content:
    """Done of total as a bar and in figures, with the action's own note."""
    note = f"  {running.note}" if running.note else ""
    if running.total > 0:
        full = round(_METER * min(1.0, running.done / running.total))
        figures = f"  {running.done:,} of {running.total:,}".replace(",", " ")
        return Content.assemble(
            ("━" * full, "$primary"), ("─" * (_METER - full), rows.MUTED), figures, (note, rows.MUTED)
        )
    done = f"{running.done:,} done".replace(",", " ") if running.done else ""
    return Content.assemble(done, (note, rows.MUTED))

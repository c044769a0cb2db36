"""A small hardened app that shows what reaches it and appends a byte to $TICKS each time its loop ticks."""

import os
import sys
from typing import ClassVar

from screens import terminal  # first: it settles the environment that Textual reads when it is imported

# isort: split
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from cockpit.errors import Misconfigured
from screens.terminal.diff import Shadow
from screens.terminal.hardened import HardenedApp

KILLED = (
    "import os, signal, sys, tty; tty.setraw(0); os.write(1, b'\\x1b[?1049h\\x1b[?1003h\\x1b[?25lRAW');"
    " sys.stdin.read(1); os.kill(os.getpid(), signal.SIGKILL)"
)
OUTSIDE = "import sys; print('OUTSIDE', flush=True); sys.stdin.readline(); sys.exit(7)"


class Plain(HardenedApp[None]):
    exit_deadline_s = 1.0
    CSS = "#flood { height: 10; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("f", "flood", "Flood"),
        ("i", "field", "Field"),
        ("x", "boom", "Crash"),
        ("X", "outside", "Shell"),
        ("K", "killed", "A shell that is killed"),
        ("W", "waited", "A command whose output is read"),
        ("H", "hang", "Hang"),
        ("D", "break_diff", "Break the diff"),
        ("E", "missing", "A missing program"),
    ]

    def __init__(self) -> None:
        super().__init__(ascii_only="--ascii" in sys.argv, diffing="--stock" not in sys.argv)
        self.heard = ""
        self.flooding = False
        self.rounds = 0
        self.hung = False
        self.ticks = os.open(os.environ["TICKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def compose(self) -> ComposeResult:
        yield Static("READY", id="state", markup=False)
        yield Static("", id="size", markup=False)
        yield Static("", id="keys", markup=False)
        yield Static("", id="paste", markup=False)
        yield Static("", id="flood", markup=False)
        yield Input(id="field", disabled=True)
        yield Static("●▲✖ ━━━ é 中文", markup=False)

    def on_mount(self) -> None:
        self.set_interval(0.05, self.tick)

    def tick(self) -> None:
        os.write(self.ticks, b".")
        if self.flooding:
            self.rounds += 1
            rows = [f"{self.rounds:06d} " + chr(97 + (self.rounds + line) % 26) * 60 for line in range(10)]
            self.query_one("#flood", Static).update("\n".join(rows))

    def on_key(self, event: events.Key) -> None:
        self.heard = (self.heard + (event.character or f"<{event.key}>"))[-75:]
        self.query_one("#keys", Static).update(f"keys={self.heard}=")

    def on_paste(self, event: events.Paste) -> None:
        self.query_one("#paste", Static).update(f"paste={len(event.text)}:{event.text[:20]!r}=")

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#size", Static).update(f"SIZE {event.size.width}x{event.size.height}")

    def action_flood(self) -> None:
        self.flooding = not self.flooding
        self.query_one("#state", Static).update("FLOOD" if self.flooding else f"CALM {self.rounds:06d}")

    def action_field(self) -> None:
        field = self.query_one("#field", Input)
        field.disabled = False
        field.focus()

    def action_boom(self) -> None:
        dsn = "postgresql://shop:hunter2@db.example/shop"
        password = "swordfish"
        raise ValueError(f"no connection to {dsn} \x1b]0;OWNED\x07 with {len(password)} [bold]characters")

    def action_break_diff(self) -> None:
        class Broken(Shadow):
            def reduce(self, *_: object) -> str:
                raise ValueError("no such column")

        self._shadow = Broken()

    async def action_missing(self) -> None:
        try:
            await self.run_external(["/nonexistent/psql"])
        except Misconfigured as error:
            self.query_one("#state", Static).update(str(error))

    def action_hang(self) -> None:
        self.hung = True

    async def on_unmount(self) -> None:
        if self.hung:
            import asyncio

            await asyncio.Event().wait()

    async def action_outside(self) -> None:
        code = await self.run_external([sys.executable, "-c", OUTSIDE])
        self.query_one("#state", Static).update(f"BACK {code}")

    async def action_killed(self) -> None:
        code = await self.lend([sys.executable, "-c", KILLED], False)
        self.query_one("#state", Static).update(f"BACK {code}")

    async def action_waited(self) -> None:
        code = await self.lend([sys.executable, "-c", "print('ANSWER')"], True)
        self.query_one("#state", Static).update(f"BACK {code}")


if __name__ == "__main__":
    if (why := terminal.refusal()) is not None:
        sys.exit(why)
    sys.exit(Plain().run_to_exit_code(mouse="--no-mouse" not in sys.argv))

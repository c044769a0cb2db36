"""`HardenedApp`: a Textual app that survives its terminal, and leaves it as it was found however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from rich.console import RenderableType
from rich.control import Control
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Input, TextArea

from cockpit.collecting import put_aside
from cockpit.errors import Misconfigured
from screens.terminal import diff
from screens.terminal.crash import save_report, write_report
from screens.terminal.driver import HardenedDriver, UnbracketedPaste
from screens.terminal.filters import AsciiFilter, SafeFilter
from screens.terminal.lent import entered, heard, lent, settle

Result = TypeVar("Result")

LOST_TERMINAL = 128 + signal.SIGHUP


class HardenedApp(App[Result]):
    """Base of the cockpit's app.

    `ascii_only` sends every cell as one 7-bit byte; `diffing=False` sends frames as Textual makes them.
    Exit codes: 129 terminal lost or SIGHUP, 143 SIGTERM, 130 SIGINT, 1 after a crash.
    """

    exit_deadline_s: ClassVar[float] = 5.0
    """How long an orderly end may take after a signal, a lost terminal or a crash."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, system=True, id="terminal.suspend"),
        Binding("ctrl+l", "redraw", "Redraw", show=False, system=True, id="terminal.redraw"),
    ]

    def __init__(self, *, ascii_only: bool = False, diffing: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.ascii_only = ascii_only
        self.crash_report: str | None = None
        self._crash_said = False
        self._shadow = diff.Shadow() if diffing and diff.usable() else None
        self._leaving = False
        self._lent = False
        self._safe_filter = SafeFilter()
        self._ascii_filter = AsciiFilter(enabled=ascii_only)

    @property
    def diffing(self) -> bool:
        """Whether frames are reduced to what changed."""
        return self._shadow is not None

    def get_driver_class(self) -> type[Driver]:
        """The hardened driver, whatever TEXTUAL_DRIVER says."""
        return HardenedDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own filters, then the two that nothing may follow."""
        filters = [*super().get_line_filters(), self._safe_filter]
        if self.ascii_only:
            filters.append(self._ascii_filter)
        return filters

    # Output

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        shadow, driver = self._shadow, self._driver
        if (
            shadow is None
            or driver is None
            or driver.is_inline
            or self.is_headless
            or not isinstance(renderable, CompositorUpdate)
            or not diff.is_frame(renderable)
        ):
            super()._display(screen, renderable)
            return
        try:
            if not self._batch_count and self._running and not self._closed:
                self._send(shadow, driver, renderable)
        except Exception as error:
            # Drawing fails for a reason in a widget or a style: the same crash as in stock Textual.
            self._handle_exception(error)
        finally:
            self.post_display_hook()

    def _send(self, shadow: diff.Shadow, driver: Driver, update: CompositorUpdate) -> None:
        try:
            data = shadow.reduce(update, self.size, diff.color_system(self.console))
        except Exception as error:
            self._send_whole_frames(error)
            return
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        moved = cursor != self._previous_cursor_position
        self._previous_cursor_position = cursor
        if not data and not moved:
            return
        data += Control.move_to(*cursor).segment.text
        if self._sync_available:
            data = f"\x1b[?2026h{data}\x1b[?2026l"
        driver.write(data)
        driver.flush()

    def _send_whole_frames(self, error: Exception) -> None:
        """The diff is there to spare the link: where it fails, the operator keeps the screen without it."""
        self._shadow = None
        path = save_report(error)
        self.notify(f"frames are sent whole from here on, after an error; report: {path}", markup=False, timeout=10)
        self.repaint()

    def forget_screen(self) -> None:
        """What the terminal shows is unknown: send the next frame whole."""
        if self._shadow is not None:
            self._shadow.forget()

    def repaint(self) -> None:
        """Draw everything again, on a terminal whose content is unknown."""
        self.forget_screen()
        if self._running:
            self.refresh(layout=True)

    def action_redraw(self) -> None:
        """Draw the screen again (ctrl+l)."""
        self.repaint()

    def on_resize(self, event: events.Resize) -> None:
        """A terminal that was resized shows what it likes until it is drawn anew.

        Textual draws nothing when a storm of resizes ends on the size that it began with.
        """
        self.repaint()

    def _set_pointer_shape(self, shape: str) -> None:
        """Send nothing (stock: OSC 22): old consoles print it, and the shape of the mouse says nothing here."""

    # Input

    def on_unbracketed_paste(self, message: UnbracketedPaste) -> None:
        """A text field gets it as a paste; anywhere else the keys would have been commands."""
        if isinstance(self.focused, (Input, TextArea)):
            self.focused.post_message(events.Paste(message.text))
            return
        amount = "1 key" if message.keys == 1 else f"{message.keys} keys"
        self.notify(f"{amount} arrived at once: taken for a paste, not carried out", markup=False, timeout=6)

    # Endings

    async def run_async(self, **options: Any) -> Result | None:
        """As Textual's, with the signals of a lost or ended session handled."""
        with self._signals():
            return await super().run_async(**options)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
        kept = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number, handler in kept.items():
                loop.remove_signal_handler(number)
                if handler is not None:
                    signal.signal(number, handler)

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGINT and self._lent:
            return  # ctrl+c was for the program that has the terminal
        self._leave(128 + number)

    def on_terminal_lost(self, why: str) -> None:
        """Nobody sees the screen any more: end in order, with 129 as after a SIGHUP."""
        self.log.system(terminal_lost=why)
        self._leave(LOST_TERMINAL)

    def _leave(self, code: int) -> None:
        if self._leaving:
            return
        self._leaving = True
        _exit_hard_after(self.exit_deadline_s, code)
        self.exit(return_code=code)

    def input_failed(self, error: BaseException) -> None:
        """The thread that reads keys broke: without keys there is no way out, so crash."""
        self._handle_exception(error if isinstance(error, Exception) else RuntimeError(type(error).__name__))

    def _handle_exception(self, error: Exception) -> None:
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._fatal_error()

    def _fatal_error(self) -> None:
        """Leave with one sentence. No local variable and no outside text reaches the (often shared) screen."""
        if self.crash_report is None:
            self.crash_report = write_report(self._exception)
        if not self.is_headless:
            _exit_hard_after(self.exit_deadline_s, 1)
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """After a crash only the sentence, as it is: a console would break the path that is there to be copied."""
        if self.crash_report is None:
            super()._print_error_renderables()
            return
        self._exit_renderables.clear()
        if not self._crash_said and sys.__stderr__ is not None:
            self._crash_said = True
            sys.__stderr__.write(f"{self.crash_report}\n")

    def panic(self, *renderables: RenderableType) -> None:
        """What Textual would print here may quote anything, so it is not printed."""
        self._return_code = 1
        self._fatal_error()

    def run_to_exit_code(self, *, mouse: bool = True) -> int:
        """Run on the terminal until the end; returns the exit code of the process."""
        self.run(mouse=mouse)
        return self.return_code or 0

    # Other programs

    def action_suspend_process(self) -> None:
        """Stop as a job of the shell (ctrl+z), where there is a shell that can continue it."""
        if os.getpgrp() == os.getsid(0):
            self.notify("no shell to return to: this is the only program of its terminal", markup=False)
            return
        super().action_suspend_process()

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        """Lend the terminal out. As Textual's, which would not take it back after an error or a cancellation."""
        failure: BaseException | None = None
        with super().suspend():
            try:
                yield
            except BaseException as error:
                failure = error
        if failure is not None:
            raise failure

    async def lend(self, argv: Sequence[str], wait: bool) -> int:
        """As `run_external`; with `wait` what it wrote stays until somebody presses enter."""
        return await self.run_external(argv, wait=wait)

    async def run_external(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, *, wait: bool = False
    ) -> int:
        """Lend the terminal to another program and return its exit code; polling goes on meanwhile.

        Raises Misconfigured when the program cannot be started. Cancelled, it ends the program first.
        """
        self._lent = True
        try:
            # Frames drawn meanwhile would wait in a queue that nobody empties: the batch keeps them from being made.
            with self.suspend(), lent(), self.batch_update():
                process = await asyncio.create_subprocess_exec(
                    *argv, env=None if env is None else dict(env), stdin=sys.__stdin__, stdout=sys.__stderr__
                )
                try:
                    status = await process.wait()
                    await heard()
                    if wait:
                        settle()
                        await entered(f"[ended with status {status}; enter goes back to the cockpit]")
                    return status
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
        except OSError as error:
            raise Misconfigured(
                f"cannot run {argv[0]}: {error.strerror}", hint="is it installed and in PATH?"
            ) from error
        finally:
            self._lent = False

    # Memory

    def settle_memory(self) -> None:
        """Call once the screen stands."""
        put_aside()


def _exit_hard_after(seconds: float, code: int) -> None:
    """However the orderly end hangs (a stalled link, a stuck connection), the process is gone after `seconds`."""
    watchdog = threading.Timer(seconds, os._exit, [code])
    watchdog.daemon = True
    watchdog.start()

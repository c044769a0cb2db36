"""A terminal driver for links that stall, break and garble. Uses private API (textual/drivers/linux_driver.py).

What differs from the stock driver: writing never blocks the event loop, a lost terminal is reported instead of spun
on, bytes that are no UTF-8 cost a replacement character instead of the session, a paste is never taken for commands.
"""

from __future__ import annotations

import codecs
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

import textual.drivers.linux_driver as stock
from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from screens.terminal.burst import KeyBurst
from screens.terminal.paste import PASTE_LIMIT, PasteGate, inert

BACKLOG_BYTES = 128 * 1024
# For this long after a byte something may be unfinished (an ESC, a character, a paste) and is looked at often.
_UNFINISHED_S = max(1.5, constants.ESCAPE_DELAY + 0.5)
_LOOK_S = 0.02
# The rest of a character does not take longer, so the byte before it was no UTF-8.
_REST_OF_CHARACTER_S = 0.1
_END_SYNC = "\x1b[?2026l"


class Host(Protocol):
    """What the driver needs of its app (`HardenedApp` is one)."""

    def on_terminal_lost(self, why: str) -> None:
        """The terminal is gone: leave."""

    def repaint(self) -> None:
        """What is on the screen is unknown: draw everything."""

    def input_failed(self, error: BaseException) -> None:
        """The thread that reads keys broke: crash cleanly."""


class UnbracketedPaste(Message):
    """Keys that came faster than anybody types; `text` is what they spell."""

    def __init__(self, text: str, keys: int) -> None:
        super().__init__()
        self.text = text
        self.keys = keys


class Output(threading.Thread):
    """The only writer to the terminal. `write` returns at once; beyond the backlog limit whole frames are dropped.

    Once the link has taken everything that was queued, `on_recovered` is called (on this thread) if a frame was lost.
    """

    def __init__(self, fd: int, on_dead: Callable[[str], None], on_recovered: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._fd = fd
        self._on_dead = on_dead
        self._on_recovered = on_recovered
        self._wake = threading.Condition()
        self._queue: list[bytes] = []
        self._backlog = 0
        self._stopped = False
        self._dropping = False
        self._keep = False
        self.dead = False
        self.dropped = 0
        self.written = 0

    def keep_everything(self) -> None:
        """From here drop nothing: the mode changes at the end are worth more than any frame."""
        with self._wake:
            self._keep = True

    def write(self, text: str) -> None:
        """Queue `text`, or drop it when the terminal is far behind."""
        data = text.encode("utf-8", "replace")
        with self._wake:
            if self.dead or self._stopped:
                return
            if not self._keep and (self._dropping or self._backlog > BACKLOG_BYTES):
                self._dropping = True
                self.dropped += 1
                return
            self._queue.append(data)
            self._backlog += len(data)
            self._wake.notify()

    def flush(self) -> None:
        """Nothing to do: the thread writes as soon as it can."""

    def isatty(self) -> bool:
        """Part of the interface that the stock driver expects."""
        return True

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._fd

    def run(self) -> None:
        """Write until stopped. Everything queued goes out in one system call: one packet for one frame."""
        while True:
            with self._wake:
                while not self._queue and not self._stopped:
                    self._wake.wait()
                data = b"".join(self._queue)
                self._queue.clear()
                if not data:
                    return
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            except OSError as error:
                with self._wake:
                    self.dead = True
                    self._queue.clear()
                self._on_dead(f"cannot write to the terminal: {error.strerror}")
                return
            with self._wake:
                self.written += len(data)
                self._backlog -= len(data)
                recovered = self._dropping and self._backlog == 0
                self._dropping = self._dropping and not recovered
            if recovered:
                self._on_recovered()

    def stop(self, deadline_s: float = 1.0) -> None:
        """Write what is queued and end. A stalled link is given up after `deadline_s`: the thread is a daemon."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self.ident is not None:
            self.join(deadline_s)


class Stop(threading.Event):
    """Tells the input thread to end, and wakes it out of its wait for keys."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes, self._waker = os.pipe()

    def set(self) -> None:
        """Wake the thread too."""
        super().set()
        os.write(self._waker, b".")

    def clear(self) -> None:
        """Ready for the next thread."""
        super().clear()
        while select.select([self.wakes], [], [], 0)[0]:
            os.read(self.wakes, 64)


class HardenedDriver(LinuxDriver):
    """The driver of `HardenedApp`."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._host = cast("Host", app)
        self.exit_event = self._stop = Stop()
        self._active = False
        self._burst = KeyBurst()
        self._gate = PasteGate()
        self._pasted: list[str] = []
        self._pasted_keys = 0

    # Output

    @property
    def output(self) -> Output | None:
        """The writer of the current session with the terminal."""
        return cast("Output | None", self._writer_thread)

    def write(self, data: str) -> None:
        """Queue `data`; while the app is suspended the terminal belongs to somebody else and nothing is written."""
        if self.output is not None:
            self.output.write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        """Size of the terminal that is drawn on, whatever COLUMNS says and wherever standard output goes."""
        for stream in (self._file, None):
            try:
                size = os.get_terminal_size(self.fileno if stream is None else stream.fileno())
            except (OSError, ValueError, AttributeError):
                continue
            if size.columns and size.lines:
                return size.columns, size.lines
        return 80, 24

    def _call(self, callback: Callable[..., object], *args: object) -> None:
        """Run `callback` on the loop; a loop that has closed meanwhile needs it no more."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return

    def _lost(self, why: str) -> None:
        self._call(self._host.on_terminal_lost, why)

    def _recovered(self) -> None:
        self._call(self._draw_again)

    def _draw_again(self) -> None:
        # A dropped frame may have opened a synchronised update that never closed.
        self.write(_END_SYNC)
        self._host.repaint()

    # Modes

    def start_application_mode(self) -> None:
        """Take the terminal; when it comes back from somebody else, everything is drawn again."""
        self._gate = PasteGate()
        self._burst = KeyBurst()
        previous = self._writer_thread
        # The stock method builds its writer by this name.
        kept = vars(stock)["WriterThread"]
        vars(stock)["WriterThread"] = self._make_output
        try:
            super().start_application_mode()  # type: ignore[no-untyped-call]  # untyped in Textual
        finally:
            vars(stock)["WriterThread"] = kept
        self._active = self._writer_thread is not previous
        if self._active and previous is not None:
            self._call(self._host.repaint)

    def _make_output(self, file: Any) -> Output:
        return Output(file.fileno(), self._lost, self._recovered)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was found."""
        if not self._active:
            return
        self._active = False
        output = self.output
        if output is None:
            return
        output.keep_everything()
        self.write(_END_SYNC + "\x1b[0m")
        super().stop_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        """Continue. After a plain SIGSTOP the modes may be anybody's: hand the terminal back and take it again."""
        if not self._auto_restart:
            return
        if self._active:
            self.suspend_application_mode()
        self.resume_application_mode()

    # Input

    def _run_input_thread(self) -> None:
        """Thread target: an error in here is a crash like any other, without local variables on the screen."""
        try:
            self.run_input_thread()
        except Exception as error:
            self._call(self._host.input_failed, error)

    def run_input_thread(self) -> None:
        """Read, decode, judge, pass on until told to stop. End of file and I/O errors: the terminal is gone."""
        parser = XTermParser(self._debug)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        heard = time.monotonic()
        while not self.exit_event.is_set():
            unfinished = time.monotonic() - heard < _UNFINISHED_S
            ready, _, _ = select.select([self.fileno, self._stop.wakes], [], [], _LOOK_S if unfinished else None)
            if self.fileno in ready:
                try:
                    data = os.read(self.fileno, 4096)
                except OSError as error:
                    self._lost(f"cannot read from the terminal: {error.strerror}")
                    return
                if not data:
                    self._lost("the terminal sent end of file")
                    return
                heard = time.monotonic()
                self._take(parser, decoder.decode(data))
            elif time.monotonic() - heard > _REST_OF_CHARACTER_S:
                self._take(parser, decoder.decode(b"", final=True))
                decoder.reset()
            self._tick(parser)

    def _take(self, parser: XTermParser, text: str) -> None:
        self._end_paste()
        arrived = [event for piece in self._gate.feed(text, time.monotonic()) for event in parser.feed(piece)]
        self._judge(arrived)

    def _tick(self, parser: XTermParser) -> None:
        now = time.monotonic()
        arrived = [*parser.tick()]
        if mark := self._gate.overdue(now):
            arrived += parser.feed(mark)
        self._judge(arrived)
        self._end_paste()

    def _end_paste(self) -> None:
        """Report a finished paste in one piece: in pieces, a text field would take the first line of each."""
        if not self._pasted_keys or not self._burst.ended(time.monotonic()):
            return
        message = UnbracketedPaste(inert("".join(self._pasted)[:PASTE_LIMIT]), self._pasted_keys)
        self._pasted.clear()
        self._pasted_keys = 0
        self.process_message(message)

    def _judge(self, arrived: list[Message]) -> None:
        """Pass on what was read at one time, unless its keys are a paste."""
        if not arrived:
            return
        now = time.monotonic()
        typed: list[events.Key] = []
        passed: list[Message] = []
        for message in arrived:
            if isinstance(message, events.Paste):
                self._burst.bracket_ended(now)
                passed.append(message)
            elif isinstance(message, events.Key):
                typed.append(message)
                passed.append(message)
            else:
                passed.append(message)
        if self._burst.pasted([key.key for key in typed], now):
            self._pasted_keys += len(typed)
            if sum(map(len, self._pasted)) < PASTE_LIMIT:
                self._pasted.append("".join(key.character or "" for key in typed))
            passed = [message for message in passed if not isinstance(message, events.Key)]
        for message in passed:
            self.process_message(message)

"""A container's log as bytes -> its lines, each with the engine's time.

Without a terminal the two streams are multiplexed: each frame has 8 bytes before it, the stream's number and the
length; with a terminal there is one stream, plain (moby/moby docs/api/v1.47.yaml, ContainerAttach).
A line longer than the engine's buffer comes in several frames, each with its own time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from cockpit.errors import Malformed

HEADER = 8
FRAME_BYTES = 16 << 20
LINE_BYTES = 256 * 1024  # the rest of a longer line is skipped
_STREAMS = (0, 1, 2, 3)  # stdin, stdout, stderr, the engine's own errors
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")


@dataclass(slots=True)
class Line:
    """One line; `at` in nanoseconds since the epoch, 0 where it has no time."""

    at: int
    text: bytes
    stream: int = 1


@dataclass(slots=True)
class _Begun:
    """A line whose end has not come."""

    at: int = 0
    text: bytearray = field(default_factory=bytearray)
    open: bool = False


class Frames:
    """Takes bytes in any pieces, gives (stream, payload)."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now. Raises Malformed."""
        held = self._held
        held += chunk
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(held) - at >= HEADER:
            stream, length = held[at], int.from_bytes(held[at + 4 : at + HEADER], "big")
            if stream not in _STREAMS or held[at + 1 : at + 4] != b"\0\0\0" or length > FRAME_BYTES:
                raise Malformed("the log is not framed as a container's log is", hint="is it a Docker engine?")
            if len(held) - at - HEADER < length:
                break
            at += HEADER
            found.append((stream, bytes(held[at : at + length])))
            at += length
        del held[:at]
        return found


class Lines:
    """Payloads of either framing -> lines."""

    def __init__(self, *, tty: bool) -> None:
        self._frames = None if tty else Frames()
        self._begun: dict[int, _Begun] = {}
        self._seconds: tuple[bytes, int] = (b"", 0)  # the last second that was read
        self.cut = 0  # lines that were too long

    def feed(self, chunk: bytes) -> list[Line]:
        """Lines that are complete now. Raises Malformed."""
        found: list[Line] = []
        for stream, payload in self._frames.feed(chunk) if self._frames is not None else ((1, chunk),):
            self._take(stream, payload, found)
        return found

    def rest(self) -> list[Line]:
        """What has no line break, at the end of a stream."""
        found = [self._line(stream, begun) for stream, begun in self._begun.items() if begun.open]
        self._begun.clear()
        return found

    def _take(self, stream: int, payload: bytes, found: list[Line]) -> None:
        parts = payload.split(b"\n")
        last = len(parts) - 1
        begun = self._begun.setdefault(stream, _Begun())
        for place, part in enumerate(parts):
            if place == last and not part:
                return
            if not begun.open:
                # With a terminal a chunk ends anywhere: the time may have come in part only.
                begun.open = True
            elif place == 0 and self._frames is not None:
                part = part[self._stamp(part)[1] :]  # goes on from the frame before, with a time of its own
            room = LINE_BYTES - len(begun.text)
            begun.text += part[: max(0, room)]
            if place < last:
                found.append(self._line(stream, begun))
                self._begun[stream] = begun = _Begun()

    def _line(self, stream: int, begun: _Begun) -> Line:
        text = bytes(begun.text)
        if len(text) >= LINE_BYTES:
            self.cut += 1
        at, length = self._stamp(text)
        return Line(at, text[length:].rstrip(b"\r"), stream)

    def _stamp(self, text: bytes) -> tuple[int, int]:
        """Nanoseconds and how many bytes they take; (0, 0) where there is none."""
        match = _STAMP.match(text)
        if match is None:
            return 0, 0
        whole, fraction, zone = match.groups()
        key = whole + zone
        if key != self._seconds[0]:
            try:
                at = datetime.fromisoformat(key.decode("ascii"))
                self._seconds = (key, int(at.timestamp()))
            except (ValueError, OverflowError):
                return 0, 0
        return self._seconds[1] * 10**9 + int((fraction or b"").ljust(9, b"0")), match.end()

"""What a script writes, as it comes: split into lines, secrets masked, cleaned, the last two thousand kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from cockpit.text import clean

KEPT_LINES = 2000
MASK = "***"
_LINE_BYTES = 32 * 1024  # of one line: more than `clean` shows, so that no secret is cut in two before it is masked
_SHORT = 4  # a shorter secret is masked as a whole word only
_BREAK = re.compile(rb"\r\n|\n|\r")


class Masking:
    """Replaces secrets, line by line; also their parts: the lines of a key, the password within a URL."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in _parts(secret)}
        patterns = [
            re.escape(part) if len(part) >= _SHORT else rf"(?<!\w){re.escape(part)}(?!\w)"
            for part in sorted(parts, key=len, reverse=True)
        ]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, line: str) -> str:
        """The line without any of them."""
        return line if self._pattern is None else self._pattern.sub(MASK, line)


def _parts(secret: str) -> Iterable[str]:
    for line in secret.splitlines():
        text = line.strip()
        if not text:
            continue
        yield text
        yield quote(text, safe="")
        try:
            password = urlsplit(text).password
        except ValueError:
            password = None
        if password:
            yield from (password, unquote(password))


class Transcript:
    """The lines of one run. `hear` is cheap: lines are masked and cleaned when somebody reads them."""

    def __init__(self, masking: Masking) -> None:
        self.count = 0  # of all lines so far
        self._told = 0  # of them, by `fresh`
        self._masking = masking
        self._lines: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._open = bytearray()  # the line that has not ended yet
        self._dropped = 0  # bytes of it that were not kept
        self._half_break = False  # the last byte was a carriage return: a line feed belongs to it

    def hear(self, chunk: bytes) -> None:
        """What came, in pieces of any size."""
        if self._half_break and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        if not chunk:
            return
        self._half_break = chunk.endswith(b"\r")
        *whole, rest = _BREAK.split(chunk)
        for piece in whole:
            self._take(piece)
            self._lines.append(bytes(self._open))
            self.count += 1
            self._open.clear()
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        self._open += piece[: max(0, _LINE_BYTES - len(self._open))]

    def lines(self, last: int = KEPT_LINES) -> tuple[str, ...]:
        """The last lines, one that has not ended yet included."""
        kept = list(self._lines)[-last:]
        if self._open:
            kept = [*kept, bytes(self._open)][-last:]
        return tuple(self._shown(line) for line in kept)

    def fresh(self, *, whole: bool = False) -> tuple[str, ...]:
        """The lines that came since this was asked last; `whole` takes the one that has not ended with them. Lines
        beyond the last KEPT_LINES are counted, in a line of their own."""
        new = self.count - self._told
        self._told = self.count
        lines = list(self._lines)[-new:] if new else []
        lost = (f"... {new - len(lines)} lines came too fast to be kept",) if new > len(lines) else ()
        if whole and self._open:
            lines.append(bytes(self._open))
        return (*lost, *(self._shown(line) for line in lines))

    def last(self) -> str:
        """The last line that says something, "" for none."""
        return next((line for raw in self._newest() if (line := self._shown(raw)).strip()), "")

    def _newest(self) -> Iterable[bytes]:
        yield bytes(self._open)
        yield from reversed(self._lines)

    def _shown(self, raw: bytes) -> str:
        # Once more after cleaning: an escape sequence in its midst must not save a secret.
        return self._masking(clean(self._masking(raw.decode("utf-8", "replace"))))

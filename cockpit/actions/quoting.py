"""Where in a shell's text something stands: bare, within quotes, in a comment or a here-document.

A scanner of quoting only. What it takes wrongly can make a command fail, and cannot make a value code: the value is
never part of the text.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


class Where(enum.Enum):
    """The quoting at one place."""

    BARE = "bare"
    DOUBLE = "double quotes"
    SINGLE = "single quotes"
    ANSI = "$'...' quotes"
    COMMENT = "a comment"
    DOCUMENT = "a here-document"
    QUOTED_DOCUMENT = "a quoted here-document"
    BACKTICK = "backticks"
    EXPANSION = "${...} or $((...))"


@dataclass(frozen=True, slots=True)
class Spot:
    """One occurrence. `before` and `after` are the rest of the quoted piece, or of the bare word, around it."""

    spelled: str
    start: int
    end: int
    where: Where
    before: str
    after: str
    word_before: str = ""  # the word before this one


_Segment = tuple[int, int, Where]
_BREAKS = " \t\r\n;&|<>()\"'`"
_DELIMITER = re.compile(r"<<(-?)[ \t]*(?:\\?([A-Za-z0-9_.-]+)|'([^'\n]*)'|\"([^\"\n]*)\")")


def spots(
    text: str, pattern: re.Pattern[str], spelled: str, others: Sequence[re.Pattern[str]] = ()
) -> Iterator[Spot]:
    """Every occurrence of the pattern. `others` are placeholders too: their own quotes and signs mean nothing."""
    masked = text
    for each in (pattern, *others):
        masked = each.sub(lambda match: "x" * len(match.group()), masked)
    segments = _segments(masked)
    for match in pattern.finditer(text):
        start, end = match.span()
        inside = [segment for segment in segments if segment[0] <= start and end <= segment[1]]
        low, high, where = max(inside, key=lambda segment: segment[0], default=(0, len(text), Where.BARE))
        if where is Where.BARE:
            low, high = _word(masked, start, end, low, high)
        before = text[low:start]
        yield Spot(spelled, start, end, where, before, text[end:high], _last_word(masked[:low]))


def _word(text: str, start: int, end: int, low: int, high: int) -> tuple[int, int]:
    while start > low and text[start - 1] not in _BREAKS:
        start -= 1
    while end < high and text[end] not in _BREAKS:
        end += 1
    return start, end


def _last_word(text: str) -> str:
    words = text.rsplit(None, 1)
    return words[-1] if words and text[-1:].isspace() else ""


def _segments(text: str) -> list[_Segment]:
    """Everything that is not bare at the outermost level; those within others too. The innermost one counts."""
    scanner = _Scanner(text)
    scanner.run()
    return scanner.found


class _Scanner:
    """One pass over a text. `open` holds the start and kind of what is open: double quotes, and parentheses."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[_Segment] = []
        self.open: list[tuple[int, Where]] = []
        self.documents: list[tuple[str, bool, bool]] = []  # delimiter, tabs stripped, quoted

    def run(self) -> None:
        """Fill `found`."""
        while self.at < len(self.text):
            double = bool(self.open) and self.open[-1][1] is Where.DOUBLE
            if not (self._either(double) or (not double and self._bare())):
                self.at += 1
        for start, where in self.open:
            self.found.append((start, len(self.text), where))

    def _either(self, double: bool) -> bool:
        """What means the same bare and in double quotes."""
        text, at = self.text, self.at
        if text[at] == "\\":
            self.at += 2
        elif text[at] == "`":
            self._until(at + 1, "`", Where.BACKTICK, escapes=True)
        elif text.startswith("$((", at):
            self._until(at + 3, "))", Where.EXPANSION)
        elif text.startswith("${", at):
            self._until(at + 2, "}", Where.EXPANSION)
        elif text.startswith("$(", at):
            self._push(at + 2, Where.BARE)
        elif text[at] == '"':
            if double:
                self._pop()
            else:
                self._push(at + 1, Where.DOUBLE)
        else:
            return False
        return True

    def _bare(self) -> bool:
        text, at = self.text, self.at
        if text.startswith("$'", at):
            self._until(at + 2, "'", Where.ANSI, escapes=True)
        elif text[at] == "'":
            self._until(at + 1, "'", Where.SINGLE)
        elif text[at] == "(":
            self._push(at + 1, Where.BARE)
        elif text[at] == ")":
            self._pop()
        elif text[at] == "#" and (at == 0 or text[at - 1] in " \t\n;&|("):
            end = text.find("\n", at)
            self._close(at + 1, len(text) if end < 0 else end, Where.COMMENT)
        elif text.startswith("<<<", at):
            self.at += 3
        elif match := _DELIMITER.match(text, at):
            quoted = match[3] is not None or match[4] is not None or "\\" in match.group()
            self.documents.append((match[2] or match[3] or match[4] or "", bool(match[1]), quoted))
            self.at = match.end()
        elif text[at] == "\n" and self.documents:
            self._read_documents(at + 1)
        else:
            return False
        return True

    def _read_documents(self, start: int) -> None:
        for delimiter, tabs, quoted in self.documents:
            at = start
            while at < len(self.text):
                end = self.text.find("\n", at)
                end = len(self.text) if end < 0 else end
                line = self.text[at:end]
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    break
                at = end + 1
            self.found.append((start, min(at, len(self.text)), Where.QUOTED_DOCUMENT if quoted else Where.DOCUMENT))
            start = at + len(delimiter)
            self.at = min(start, len(self.text))
        self.documents.clear()

    def _until(self, start: int, end: str, where: Where, *, escapes: bool = False) -> None:
        at = start
        while at < len(self.text) and not self.text.startswith(end, at):
            at += 2 if escapes and self.text[at] == "\\" else 1
        at = min(at, len(self.text))
        self.found.append((start, at, where))
        self.at = at + len(end)

    def _close(self, start: int, end: int, where: Where) -> None:
        self.found.append((start, end, where))
        self.at = end

    def _push(self, start: int, where: Where) -> None:
        self.open.append((start, where))
        self.at = start

    def _pop(self) -> None:
        if self.open:
            start, where = self.open.pop()
            self.found.append((start, self.at, where))
        self.at += 1

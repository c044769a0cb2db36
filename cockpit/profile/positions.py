"""Where each key of a TOML document stands: the parser of the standard library gives values without places.

It reads documents that `tomllib` accepts, and judges nothing itself.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_LITERAL = re.compile(r"'[^'\n]*'")
# Up to two quotes may stand before the three that end the text.
_BASIC_LINES = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"""(?:"{1,2}(?!"))?', re.DOTALL)
_LITERAL_LINES = re.compile(r"'''(?:[^']|'(?!''))*+'''(?:'{1,2}(?!'))?")
_STRINGS = (_BASIC_LINES, _LITERAL_LINES, _BASIC, _LITERAL)
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"[ \t]*")
_VOID = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the text; both count from 1, columns in characters."""

    line: int
    column: int


def positions(text: str) -> dict[Path, Position]:
    """Each path of keys and indices -> where its key stands (an element of an array: where its value begins).

    A table that several headers open stands where it is first named. `text` must be valid TOML.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.found


def nearest(found: Mapping[Path, Position], path: Path) -> Position:
    """The place of `path`, or of the innermost table around it; the first line when there is none."""
    for length in range(len(path), 0, -1):
        if path[:length] in found:
            return found[path[:length]]
    return Position(1, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lengths: dict[Path, int] = {}  # of arrays of tables, by the path of the array
        self.found: dict[Path, Position] = {}

    def document(self) -> None:
        """Header or key by header or key, to the end."""
        table: Path = ()
        while self._skip_void():
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        array = self._peek("[[")
        self._at += 2 if array else 1
        keys = self._key()
        self._at += 2 if array else 1
        path: Path = ()
        for key, offset in keys[:-1]:
            path = self._enter((*path, key), offset)
        name, offset = keys[-1]
        path = (*path, name)
        self._note(path, offset)
        if array:
            index = self._lengths.get(path, 0)
            self._lengths[path] = index + 1
            path = (*path, index)
            self._note(path, offset)
        return path

    def _enter(self, path: Path, offset: int) -> Path:
        """A header or key that passes through `path`: for an array of tables, its last one."""
        self._note(path, offset)
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _pair(self, table: Path) -> None:
        path = table
        for key, offset in self._key():
            path = (*path, key)
            self._note(path, offset)
        self._blank()
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._blank()
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        else:
            for pattern in (*_STRINGS, _BARE_VALUE):
                if match := pattern.match(self._text, self._at):
                    self._at = match.end()
                    return
            self._at += 1  # not TOML; go on rather than stand still

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._skip_void() and not self._peek("]"):
            if self._peek(","):
                self._at += 1
                continue
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip_void() and not self._peek("}"):
            if self._peek(","):
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _key(self) -> list[tuple[str, int]]:
        """A dotted key: its parts and where each begins; what follows it is next."""
        parts: list[tuple[str, int]] = []
        while True:
            self._blank()
            start = self._at
            parts.append((self._key_part(), start))
            self._blank()
            if not self._peek("."):
                return parts
            self._at += 1

    def _key_part(self) -> str:
        if match := _BARE_KEY.match(self._text, self._at):
            self._at = match.end()
            return match[0]
        for pattern in (_BASIC, _LITERAL):
            if match := pattern.match(self._text, self._at):
                self._at = match.end()
                return str(tomllib.loads(f"key = {match[0]}")["key"])
        self._at += 1
        return ""

    def _note(self, path: Path, offset: int) -> None:
        if path not in self.found:
            self.found[path] = self._position(offset)

    def _position(self, offset: int) -> Position:
        line = bisect.bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _blank(self) -> None:
        self._at = self._end_of(_BLANK)

    def _skip_void(self) -> bool:
        """Past blanks, line breaks and comments; whether anything is left."""
        self._at = self._end_of(_VOID)
        return self._at < len(self._text)

    def _end_of(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        return match.end() if match else self._at

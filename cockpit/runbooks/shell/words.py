"""One shell word -> Word: quotes and escapes removed, nothing expanded, placeholders and globs found."""

from __future__ import annotations

import functools
import re

from cockpit.model.command import Placeholder, PlaceholderStyle, Word
from cockpit.runbooks.shell import placeholders

_REMEMBERED = 60  # characters of a word that is kept: most stand in many commands
_UPPER = re.compile("[A-Z]")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*\Z")
_RUN = re.compile(r"[^\\'\"$`*?\[<>]+")
_IN_DOUBLE = re.compile(r"[^\\\"$`]+")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([#!]?)([A-Za-z_]\w*)([^{}]*)\}|([0-9@*#?$!-]))")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", "0": "\0"}


def word(source: str, *, first: bool = False) -> Word:
    """A word as written. `first`: it names the program, so that CAPITALS in it mean themselves."""
    return _short(source, first) if len(source) <= _REMEMBERED else _read(source, first)


@functools.lru_cache(maxsize=8192)
def _short(source: str, first: bool) -> Word:
    return _read(source, first)


def _read(source: str, first: bool) -> Word:
    if _PLAIN.match(source):
        if not _UPPER.search(source):
            return Word(source, source)
        return Word(source, source, tuple(each for _, each in placeholders.capitals(source, first=first)))
    reader = _Reader(source)
    reader.read()
    text = "".join(reader.parts)
    found = reader.found + placeholders.angles(source)
    taken = [(at, at + len(each.spelled)) for at, each in found]
    quoted = source[:1] in "'\"" or "'" in source or '"' in source
    if not quoted or "://" in text:
        found += _free(placeholders.braces(source), taken)
    found += _free(placeholders.capitals(source, quoted=quoted, first=first), taken)
    found.sort(key=lambda pair: pair[0])
    return Word(text, source, tuple(dict.fromkeys(each for _, each in found)), reader.globs)


def variables(text: str) -> list[Placeholder]:
    """$NAME and ${NAME} in a text that a shell expands, such as a here-document."""
    names = ((match, match.group(1) or match.group(3)) for match in _VARIABLE.finditer(text))
    return [Placeholder(name, match.group(), PlaceholderStyle.VARIABLE) for match, name in names if name]


def _free(found: list[tuple[int, Placeholder]], taken: list[tuple[int, int]]) -> list[tuple[int, Placeholder]]:
    return [(at, each) for at, each in found if not any(start <= at < end for start, end in taken)]


class _Reader:
    """Reads one word from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.parts: list[str] = []
        self.found: list[tuple[int, Placeholder]] = []
        self.globs = False

    def read(self) -> None:
        source = self.source
        while self.at < len(source):
            run = _RUN.match(source, self.at)
            if run:
                self.parts.append(run.group())
                self.at = run.end()
                continue
            char = source[self.at]
            if char == "\\":
                self._escape()
            elif char == "'":
                self._single(self.at + 1)
            elif char == '"':
                self._double()
            elif char in "$`":
                self._dollar(quoted=False)
            else:
                self.globs = self.globs or char in "*?["
                self._take(1)

    def _take(self, count: int) -> None:
        self.parts.append(self.source[self.at : self.at + count])
        self.at += count

    def _escape(self) -> None:
        follows = self.source[self.at + 1 : self.at + 2]
        if follows != "\n":
            self.parts.append(follows)
        self.at += 2

    def _single(self, start: int) -> None:
        end = self.source.find("'", start)
        end = len(self.source) if end < 0 else end
        self.parts.append(self.source[start:end])
        self.at = end + 1

    def _double(self) -> None:
        source = self.source
        self.at += 1
        while self.at < len(source):
            run = _IN_DOUBLE.match(source, self.at)
            if run:
                self.parts.append(run.group())
                self.at = run.end()
                continue
            char = source[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                follows = source[self.at + 1 : self.at + 2]
                if follows in ("$", "`", '"', "\\"):
                    self.parts.append(follows)
                elif follows != "\n":
                    self.parts.append("\\" + follows)
                self.at += 2
            else:
                self._dollar(quoted=True)

    def _dollar(self, *, quoted: bool) -> None:
        source, at = self.source, self.at
        if not quoted and source.startswith("$'", at):
            self._ansi()
            return
        if not quoted and source.startswith('$"', at):
            self.at += 1
            return
        if source[at] == "`" or source.startswith("$(", at):
            end = substitution_end(source, at)
            spelled = source[at:end]
            if not spelled.startswith("$(("):
                inner = spelled[1:] if spelled[0] == "`" else spelled[2:]
                inner = inner.removesuffix("`" if spelled[0] == "`" else ")").strip()
                self.found.append((at, Placeholder(inner, spelled, PlaceholderStyle.SUBSTITUTION)))
            self._take(end - at)
            return
        match = _VARIABLE.match(source, at)
        if match is None:
            end = source.find("}", at) + 1 if source.startswith("${", at) else 0
            self._take(end - at if end > at else 1)
            return
        name = match.group(1) or match.group(3)
        if name:
            self.found.append((at, Placeholder(name, match.group(), PlaceholderStyle.VARIABLE)))
        self._take(len(match.group()))

    def _ansi(self) -> None:
        source = self.source
        self.at += 2
        while self.at < len(source) and source[self.at] != "'":
            if source[self.at] == "\\" and self.at + 1 < len(source):
                follows = source[self.at + 1]
                self.parts.append(_ANSI.get(follows, follows))
                self.at += 2
            else:
                self._take(1)
        self.at += 1


def substitution_end(source: str, at: int) -> int:
    """The offset after `$(...)` or a backtick pair that begins at `at`; the end of the text where it never closes."""
    if source[at] == "`":
        end = at + 1
        while end < len(source) and source[end] != "`":
            end += 2 if source[end] == "\\" else 1
        return min(end + 1, len(source))
    depth, end, quote = 0, at + 1, ""
    while end < len(source):
        char = source[end]
        if char == "\\" and quote != "'":
            end += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return end + 1
        end += 1
    return len(source)

"""Finds where a shell statement ends: open quotes, here-documents, brackets, loops, continuation lines.

Only boundaries are found here; what a statement says is read by `grammar`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(
    r"\\.|\\$|\$\(\(?|\$'|\$\{|<<<|<<-?[ ]*(?:'[^']*'|\"[^\"]*\"|\\?[\w.-]+)|&&|\|\||;;|[|&;()'\"`}]|\{(?=\s|$)|#|\s+"
    r"|[^\s\\$<&|;()'\"`{}#]+|."
)
_DOUBLE = re.compile(r"[^\\\"$`]*(?:\\.|\\$|\"|\$\(|`|\$)?", re.DOTALL)
_OPENS = {"if": "fi", "for": "done", "while": "done", "until": "done", "select": "done", "case": "esac", "{": "}"}
_KEEP = frozenset({"then", "do", "else", "elif", "!", "time", "if", "while", "until", "{", "fi", "done", "esac", "}"})
_TAG = re.compile(r"<<(-?)\s*(.*)")
# A whole command of words and closed quotes: nothing in it can go on in the next line.
_WORD = r"(?:[^\s\\'\"`${}()<|&;#]++|'[^']*+'|\"[^\"\\`$]*+\")++"
_ALONE = re.compile(rf"\s*+{_WORD}(?:\s++{_WORD})*+\s*+\Z")
BUDGET = 4  # how often a block may be read again because something in it never closes


class Boundaries:
    """The statements of one block of cleaned lines, found from top to bottom in linear time."""

    def __init__(self, lines: Sequence[str], limit: int = 65_536) -> None:
        self.lines = lines
        self.limit = limit
        self.budget = BUDGET * (sum(map(len, lines)) + len(lines)) + limit

    def end(self, start: int) -> tuple[int, str]:
        """Index after the last line of the statement that begins at `start`, and what never closes, if anything."""
        if _ALONE.match(self.lines[start]) and self.lines[start].split(None, 1)[0] not in _OPENS:
            return start + 1, ""
        if self.budget <= 0:
            return self._continued(start), "" if _complete(self.lines[start]) else "never closed"
        state = _State()
        size = 0
        for index in range(start, len(self.lines)):
            line = self.lines[index]
            size += len(line) + 1
            if size > self.limit:
                break
            state.line(line)
            if state.complete:
                return index + 1, ""
        else:
            if state.only_continued:
                return len(self.lines), ""
        self.budget -= size
        return self._continued(start), state.open

    def _continued(self, start: int) -> int:
        """The line with its continuation lines."""
        index = start
        while index + 1 < len(self.lines) and self.lines[index].endswith("\\"):
            index += 1
        return index + 1


def _complete(line: str) -> bool:
    state = _State()
    state.line(line)
    return state.complete


class _State:
    """What is open after the lines read so far."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.heredocs: list[tuple[str, bool]] = []
        self.reading = 0  # here-documents announced before this line
        self.trailing = False  # ends with an operator that needs a right side
        self.continued = False
        self.command = True  # the next word is in command position

    @property
    def complete(self) -> bool:
        return not (self.stack or self.heredocs or self.trailing or self.continued)

    @property
    def only_continued(self) -> bool:
        return not (self.stack or self.heredocs or self.trailing)

    @property
    def open(self) -> str:
        if self.heredocs:
            return f"here-document {self.heredocs[0][0]} never ends"
        if self.stack:
            return f"{self.stack[-1]} is missing"
        return "ends in the middle"

    def line(self, line: str) -> None:
        if self.reading:
            tag, dashed = self.heredocs[0]
            if (line.lstrip() if dashed else line) == tag:
                self.heredocs.pop(0)
                self.reading -= 1
            return
        self.continued = False
        if not line.strip() and not self.stack:
            return
        at = 0
        space = True
        while at < len(line):
            top = self.stack[-1] if self.stack else ""
            if top == "'" or top == "$'":
                at = self._single(line, at, top)
                continue
            if top == '"':
                at = self._double(line, at)
                continue
            match = _TOKEN.match(line, at)
            if match is None:
                break
            part = match.group()
            at = match.end()
            if part == "#" and space:
                break
            self._token(part, line, at, space)
            space = part.isspace() or part in (";", "&", "|", "(", ")", "&&", "||", ";;", "$(", "`")
        if self.stack and self.stack[-1] not in ("'", '"', "$'"):
            self.command = self.command or not self.continued
        elif not self.stack:
            self.command = True
        self.reading = len(self.heredocs)

    def _single(self, line: str, at: int, top: str) -> int:
        if top == "'":
            end = line.find("'", at)
        else:
            match = re.compile(r"(?:[^'\\]|\\.)*'").match(line, at)
            end = match.end() - 1 if match else -1
        if end < 0:
            return len(line)
        self.stack.pop()
        return end + 1

    def _double(self, line: str, at: int) -> int:
        match = _DOUBLE.match(line, at)
        assert match is not None  # noqa: S101 - it matches the empty text too
        if match.end() == at:
            return len(line)
        tail = match.group()
        if tail.endswith('\\"') or re.search(r"\\.$", tail):
            return match.end()
        if tail.endswith('"'):
            self.stack.pop()
        elif tail.endswith("$("):
            self.stack.append(")")
            self.command = True
        elif tail.endswith("`"):
            self._tick()
        return match.end()

    def _tick(self) -> None:
        if "`" in self.stack:
            while self.stack and self.stack.pop() != "`":
                pass
        else:
            self.stack.append("`")
            self.command = True

    def _token(self, part: str, line: str, at: int, space: bool) -> None:
        if part.isspace():
            return
        if part == "\\" and at == len(line):
            self.continued = True
            return
        self.trailing = False
        if part in ("|", "&&", "||"):
            self.trailing = self.command = True
        elif part in (";", "&", ";;"):
            self.command = True
        elif part in ("'", '"', "$'"):
            self.stack.append(part)
            self.command = False
        elif part == "`":
            self._tick()
        elif part == "${":
            self.stack.append("}$")
            self.command = False
        elif part in ("(", "$(", "$(("):
            self.stack.extend([")"] * part.count("("))
            self.command = True
        elif part == ")":
            self._close()
        elif part.startswith("<<") and part != "<<<":
            self._heredoc(part)
        else:
            self._word(part, space)

    def _close(self) -> None:
        if self.stack and self.stack[-1] == ")":
            self.stack.pop()
            self.command = True
        elif self.stack and self.stack[-1] == "esac":
            self.command = True

    def _heredoc(self, part: str) -> None:
        match = _TAG.match(part)
        if match and ")" not in self.stack[-1:] * part.count("=") and not part[2:].strip().isdigit():
            tag = match.group(2).strip("'\"").removeprefix("\\")
            self.heredocs.append((tag, bool(match.group(1))))
        self.command = False

    def _word(self, part: str, space: bool) -> None:
        top = self.stack[-1] if self.stack else ""
        if part == "}" and top == "}$":
            self.stack.pop()
            return
        if top == "}$" or not self.command or not space:
            self.command = False
            return
        if part == top:
            self.stack.pop()
        elif part in _OPENS:
            self.stack.append(_OPENS[part])
        self.command = part in _KEEP

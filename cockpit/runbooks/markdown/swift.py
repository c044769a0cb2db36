"""Blocks of a part of a document that is written as most are: headings, paragraphs, lists, fences and tables without
surprises. Anything else is left to the parser, which takes five times as long and finds the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.runbooks.markdown.htmltables import Row
from cockpit.runbooks.markdown.parts import CHECKBOX, Block, BlockKind, language_of

_HEADING = re.compile(r"(#{1,6})(?:[ \t]+([^\s#].*)|[ \t]*)$")
_CLOSING = re.compile(r"[ \t]#+$")
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,}) *$")
_ITEM = re.compile(r"(?:[-*+]|(\d{1,9})[.)]) {1,4}(?! )")
# Begins a paragraph, or goes on with one, wherever it stands: the first character has no meaning to Markdown.
_PROSE = re.compile(
    r"[^\s#>\-*+_=|:<~`\d\\]|\*\*[^\s*]|__[^\s_]|`(?!``)[^`]|\d+(?![\d.)])|_[^\s_]|\*[^\s*]|\\"
    r"|<(?!!--|(?i:pre|script|style|table))"  # other HTML is prose
)
_UNDERLINE = re.compile(r"(?:=+|-+) *$")
_TICKS = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_DEEPEST = 8


class _Unusual(Exception):
    """Not for this module."""


def swift_blocks(lines: Sequence[str], begun: int = 0) -> tuple[list[Block], int]:
    """The blocks from the line `begun` on, and where they end: at the last line, or at a heading below which
    something is not for this module. The lines before `begun` have no part in them."""
    reader = _Swift(lines, begun)
    try:
        reader.read()
    except _Unusual:
        return reader.found[: reader.whole], reader.part
    return reader.found, len(lines)


class _Swift:
    """Reads lines from top to bottom. `columns` holds where the text of each open item begins, outermost first."""

    def __init__(self, lines: Sequence[str], begun: int) -> None:
        self.lines = lines
        self.found: list[Block] = []
        self.part = begun  # where the last part began: what stands before it has no say in what it is
        self.whole = 0  # how many blocks were found before it
        self.columns: list[int] = []
        self.open: list[str] = []  # lines of the paragraph that the next line may go on with
        self.number: str | None = None  # of the item whose paragraph it is; None: of no item
        self.begun = 0  # its first line

    def read(self) -> None:
        index = self.part
        lines = self.lines
        while index < len(lines):
            line = lines[index]
            text = line.lstrip(" ")
            if not text:
                self._close()
                index += 1
                continue
            first = text[0]
            indent = len(line) - len(text)
            if indent > 3 and not self.open and not self.columns:
                index = self._code(index)
            elif first.isalpha():
                self._prose(index, indent, line)
                index += 1
            elif first == "#" and not indent and (match := _HEADING.match(text)):
                self._heading(index, match)
                index += 1
            elif text.startswith(("```", "~~~")):
                index = self._fence(index, indent, text)
            elif (match := _ITEM.match(text)) is not None and match.end() < len(text):
                self._item(index, indent, text, match)
                index += 1
            elif _PROSE.match(text):
                self._prose(index, indent, line)
                index += 1
            elif first == "|" and not indent:
                index = self._table(index)
            elif not indent and not self.open and _RULE.match(text):
                self._margin()
                self._add(BlockKind.RULE, index)
                index += 1
            elif not indent and self._underlines(text):
                index += 1
            else:
                raise _Unusual
        self._close()

    def _heading(self, index: int, match: re.Match[str]) -> None:
        self._margin()
        if index > self.part and not self.lines[index - 1].strip(" "):
            self.part, self.whole = index, len(self.found)
        self._add(BlockKind.HEADING, index, _CLOSING.sub("", (match[2] or "").rstrip()).strip(), len(match[1]))

    def _underlines(self, text: str) -> bool:
        """Makes the paragraph above a heading, where it stands at the margin."""
        if not self.open or self.columns or "|" in self.open[-1] or not _UNDERLINE.match(text):
            return False
        self._add(BlockKind.HEADING, self.begun, "\n".join(self.open).strip(), 1 if text[0] == "=" else 2)
        self.open = []
        return True

    def _code(self, index: int) -> int:
        """Indented code at the margin, with the empty lines inside of it."""
        lines = self.lines
        end = last = index
        while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip(" ")):
            bare = lines[end].lstrip(" ")
            if bare.startswith("\t"):
                raise _Unusual
            end += 1
            last = end if bare else last
        body = "\n".join(line[4:] for line in lines[index:last])
        if body.strip():
            self._add(BlockKind.FENCE, index, body)
        return last

    def _add(self, kind: BlockKind, index: int, text: str = "", level: int = 0, language: str = "") -> None:
        self.found.append(Block(kind, index + 1, text, level, language=language))

    def _close(self) -> None:
        """Ends the paragraph."""
        if not self.open:
            return
        text = self.open[0].strip() if len(self.open) == 1 else "\n".join(self.open).strip()
        line, level = self.begun + 1, len(self.columns)
        if self.number is None:
            self.found.append(Block(BlockKind.TEXT, line, text, level))
        else:
            box = CHECKBOX.match(text) if text[0] == "[" else None
            ticked = box[1] != " " if box else None
            body = text[box.end() :] if box else text
            self.found.append(Block(BlockKind.ITEM, line, body, level, self.number, ticked))
        self.open = []

    def _margin(self) -> None:
        """Ends the paragraph and all lists."""
        self._close()
        self.columns.clear()

    def _leave(self, indent: int) -> int:
        """Ends the items that something at this column is not inside of; where those around it have their text."""
        self._close()
        while self.columns and indent < self.columns[-1]:
            self.columns.pop()
        around = self.columns[-1] if self.columns else 0
        if indent - around > 3:
            raise _Unusual  # indented code
        return around

    def _item(self, index: int, indent: int, text: str, match: re.Match[str]) -> None:
        content = text[match.end() :]
        number = match[1] or ""
        if not (content[0].isalpha() or _PROSE.match(content)) or len(self.columns) >= _DEEPEST:
            raise _Unusual
        if self.open:
            inside = indent >= (self.columns[-1] if self.columns else 0)
            if inside and number and int(number) != 1:
                raise _Unusual  # only the first of a list can follow a paragraph at once
        self._leave(indent)
        self.columns.append(indent + match.end())
        self.open = [content]
        self.number = number
        self.begun = index

    def _prose(self, index: int, indent: int, line: str) -> None:
        if self.open:
            self.open.append(line[min(indent, self.columns[-1] if self.columns else 0) :])
            return
        around = self._leave(indent)
        self.open = [line[around:]]
        self.number = None
        self.begun = index

    def _fence(self, index: int, indent: int, text: str) -> int:
        match = _TICKS.match(text)
        if match is None:
            raise _Unusual
        if self.open and indent - (self.columns[-1] if self.columns else 0) > 3:
            raise _Unusual
        around = self._leave(indent)
        mark, info = match[1] or match[3], match[2] or match[4] or ""
        inside = " " * around
        lines = self.lines
        for end in range(index + 1, len(lines)):
            line = lines[end]
            if not line.startswith(inside) and line.strip(" "):
                raise _Unusual  # it ends with its item
            if mark in line:
                bare = line.lstrip(" ")
                closes = bare.startswith(mark) and not bare.rstrip(" ").strip(mark[0])
                if closes and len(line) - len(bare) - around < 4:
                    break
        else:
            raise _Unusual
        body = lines[index + 1 : end]
        if indent:
            body = [each[min(indent, len(each) - len(each.lstrip(" "))) :] for each in body]
        self._add(BlockKind.FENCE, index + 1, "\n".join(body), len(self.columns), language_of(info))
        return end + 1

    def _table(self, index: int) -> int:
        lines = self.lines
        if index + 1 >= len(lines) or not _DELIMITER.match(lines[index + 1]) or (self.open and self.columns):
            raise _Unusual
        delimiter = lines[index + 1].strip()
        header = _cells(lines[index])
        if not delimiter.startswith("|") or len(header) != len(_cells(delimiter)) or not header:
            raise _Unusual
        self._margin()
        rows = [Row(index + 1, tuple(header))]
        wide = len(header)
        end = index + 2
        while end < len(lines) and (line := lines[end]).startswith("|"):
            cells = _cells(line)
            if len(cells) < wide:
                if wide - len(cells) > _DEEPEST:
                    raise _Unusual  # the parser bounds how many it adds
                cells += [""] * (wide - len(cells))
            rows.append(Row(end + 1, tuple(cells[:wide])))
            end += 1
        if end < len(lines) and lines[end].strip(" "):
            raise _Unusual
        self.found.append(Block(BlockKind.TABLE, index + 1, rows=tuple(rows)))
        return end


def _cells(line: str) -> list[str]:
    if "\\" in line:
        raise _Unusual
    cells = line.strip().split("|")
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return [cell.strip() for cell in cells]

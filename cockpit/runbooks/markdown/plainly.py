"""Blocks found line by line: for a document that is nested so deep that nobody can have meant it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.runbooks.markdown.parts import Block, BlockKind

_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t>]+)*(`{3,}|~{3,})[ \t]*([^\s`]*)")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)$")
_ITEM = re.compile(r"([ \t>]*)(?:[-*+]|(\d{1,9})[.)])[ \t]+(\S.*)$")
_QUOTES = re.compile(r"[ \t>]*")
_DEEPEST = 10


def plain_blocks(lines: Sequence[str]) -> tuple[Block, ...]:
    """Headings, items, fences and texts, each from its line alone; tables stay text. Linear in any input."""
    found: list[Block] = []
    fence, opened, language = "", 0, ""
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                found.append(_fence(lines[opened : number - 1], opened + 1, language))
                fence = ""
        elif mark:
            fence, opened, language = mark[1], number, mark[2]
        else:
            _line(found, line, number)
    if fence:
        found.append(_fence(lines[opened:], opened + 1, language))
    return tuple(found)


def _fence(lines: Sequence[str], line: int, language: str) -> Block:
    return Block(BlockKind.FENCE, line, "\n".join(lines), language=language.strip("{}."))


def _line(found: list[Block], line: str, number: int) -> None:
    if heading := _HEADING.match(line):
        found.append(Block(BlockKind.HEADING, number, heading[2].rstrip("# \t"), len(heading[1])))
    elif item := _ITEM.match(line):
        depth = min(1 + len(item[1]) // 2, _DEEPEST)
        found.append(Block(BlockKind.ITEM, number, item[3], depth, item[2] or ""))
    elif text := line[_QUOTES.match(line).end() :]:  # type: ignore[union-attr]  # it matches the empty text too
        found.append(Block(BlockKind.TEXT, number, text))

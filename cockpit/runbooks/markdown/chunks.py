"""Cuts a document where its parts cannot touch each other: before a heading at the margin, after an empty line.

The parser holds some objects for every line; in parts they are gone before they cost anything. Where a fence or a
comment leaves a doubt, the rest of the document stays in one part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_FENCE = re.compile(r"((?:[ \t>]|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*)(`{3,}|~{3,})([^\n]*)$")
_HIDING = re.compile(r"<!--|<pre|<script|<style|<textarea", re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?!.*<(?:!--|pre|script|style|textarea))", re.IGNORECASE)


def chunks(lines: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """(number of lines before it, its lines) of each part, in order. Together they are the document."""
    begun = 0
    for cut in _cuts(lines):
        yield begun, lines[begun:cut]
        begun = cut
    yield begun, lines[begun:]


def _cuts(lines: Sequence[str]) -> Iterator[int]:
    fence, prefix = "", ""
    hidden = False  # in a comment that began at the margin
    for index, line in enumerate(lines):
        if hidden:
            hidden = "-->" not in line
        elif fence:
            state = _closes(line, fence, prefix)
            if state is None:
                return
            if state:
                fence = ""
        elif line.startswith("#"):
            if index and not lines[index - 1].strip(" \t"):
                yield index
        elif "```" in line or "~~~" in line:
            opened = _opens(line)
            if opened is None:
                return
            prefix, fence = opened
        elif "<" in line and _HIDING.search(line):
            if not _COMMENT.match(line):
                return
            hidden = "-->" not in line


def _opens(line: str) -> tuple[str, str] | None:
    """What stands before a fence that begins here, and its marks: both "" for none, None where one cannot be sure."""
    match = _FENCE.match(line)
    if match is None or (match[2][0] == "`" and "`" in match[3]):
        return "", ""
    # Opened on the line of its item, its indent is not plain to see.
    return None if match[1].strip() else (match[1], match[2])


def _closes(line: str, fence: str, prefix: str) -> bool | None:
    """Whether a line ends the fence; None where one cannot be sure."""
    bare = line.lstrip(" ")
    if not bare:
        return False
    if prefix and not line.startswith(prefix):
        return None  # outside of the item that the fence stands in, if it stands in one
    if not bare.startswith(fence):
        return False
    ends = not bare.rstrip().strip(fence[0])
    return ends if not ends or len(line) - len(bare) <= len(prefix) else None

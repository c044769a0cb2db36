"""Where a part of a document ends that cannot touch the next: before a heading at the margin, after an empty line.

Only the parts that need it go to the parser. Where a fence or a comment leaves a doubt, the rest of the document is
one part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_FENCE = re.compile(r"((?:[ \t>]|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*)(`{3,}|~{3,})([^\n]*)$")
_HIDING = re.compile(r"<!--|<pre|<script|<style|<textarea", re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?!.*<(?:!--|pre|script|style|textarea))", re.IGNORECASE)


def end_of_part(lines: Sequence[str], begun: int) -> int:
    """Where the part that begins at this line ends: at the line of the next heading that is one without a doubt,
    or at the end of the document."""
    fence, prefix = "", ""
    hidden = False  # in a comment that began at the margin
    for index in range(begun, len(lines)):
        line = lines[index]
        if hidden:
            hidden = "-->" not in line
        elif fence:
            state = _closes(line, fence, prefix)
            if state is None:
                break
            if state:
                fence = ""
        elif line.startswith("#"):
            if index > begun and not lines[index - 1].strip(" \t"):
                return index
        else:
            if "```" in line or "~~~" in line:
                opened = _opens(line)
                if opened is None:
                    break
                prefix, fence = opened
            if not fence and "<" in line and _HIDING.search(line):
                if not _COMMENT.match(line):
                    break
                hidden = "-->" not in line
    return len(lines)


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

"""Dialects of Markdown -> the plain one, line for line: admonitions, definition lists, HTML, templates, footnotes.

Every line stays in its place, so that line numbers stay those of the file.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})")
_ADMONITION = re.compile(r"( *)(?:!!!|\?\?\?\+?|===)[ ]+(?:([\w-]+)[ ]*)?(?:[\w -]*[ ])?(?:\"([^\"]*)\")?[ ]*$")
_CONTAINER = re.compile(r"\s{0,3}:{3,}\s*\{?\.?([\w-]*)\}?[ ]*(.*)$")
_ALERT = re.compile(r"(\s*(?:>\s*)+)\[!([A-Za-z]+)\][+-]?\s*(.*)$")
_DEFINITION = re.compile(r" {0,3}:[ \t]+(\S.*)$")
_TERM = re.compile(r" {0,3}(?![-*+#>|:`~=<]|\d{1,9}[.)]\s)(\S.{0,80})$")
_TEMPLATE = re.compile(r"\s*(?:\{\{?%.*%\}\}?|\{\{<.*>\}\})\s*$")
_NOTE = re.compile(r" {0,3}\[\^[^\[\]]{1,60}\]:\s")
_LINKED = re.compile(r" {0,3}\[[^\[\]]{1,100}\]:\s+<?(?:https?://|mailto:|[./#\w-]+[./#])\S*>?(?:\s+[\"'(].*)?\s*$")
_HEADING = re.compile(r"\s*<h([1-6])(?:\s[^<>]{0,200})?>(.{1,300}?)</h\1>\s*$", re.IGNORECASE)
_SUMMARY = re.compile(
    r"\s*(?:<details(?:\s[^<>]{0,100})?>)?\s*<summary(?:\s[^<>]{0,100})?>(.{1,300}?)</summary>\s*$", re.I
)
_CODE = re.compile(r"<(code|kbd)(?:\s[^<>]{0,100})?>([^<>`]{1,400})</\1>", re.IGNORECASE)
# What none of the dialects does without. Each alternative begins with one character: so the search is a quick one.
_MARKS = r"!!!|\?\?\?|===|:::|\[!|\{%|\{\{|\[\^|\]:|<(?i:h|summary|code|kbd)|\n *:[ \t]"
_MARKED = re.compile(_MARKS)
_MARKED_OR_FENCE = re.compile(rf"{_MARKS}|```|~~~")


def plainer(lines: Sequence[str]) -> Sequence[str]:
    """The same number of lines. Fenced code stays as it is, but for the indentation of the admonition around it."""
    text = "\n" + "\n".join(lines)
    return _Dialects(lines, text).read() if _MARKED.search(text) else lines


class _Dialects:
    """One pass from top to bottom over the lines that may be of a dialect, or open and close a fence.

    `text` is the lines, each behind a line break.
    """

    def __init__(self, lines: Sequence[str], text: str) -> None:
        self._lines = lines
        self._text = text
        self._found = list(lines)
        self._inside: list[int] = []  # columns of the admonitions that are open
        self._fence = ""

    def read(self) -> list[str]:
        lines, found = self._lines, self._found
        begun = 0
        for last in self._places():
            # The term stands above its definition.
            begun = max(begun, last - lines[last].lstrip(" ").startswith(":"), 0)
            while begun <= last or (self._inside and begun < len(lines)):
                found[begun] = self._line(begun, lines[begun])
                begun += 1
        return found

    def _places(self) -> Iterator[int]:
        """Indices of the lines with a mark."""
        text = self._text
        number, at = -1, 0
        while match := _MARKED_OR_FENCE.search(text, at):
            number += text.count("\n", at, match.end())
            yield number
            at = text.find("\n", match.end())
            if at < 0:
                return

    def _line(self, number: int, line: str) -> str:
        line = self._dedented(line)
        mark = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if self._fence:
            if mark and mark[1].startswith(self._fence) and not line[mark.end() :].strip():
                self._fence = ""
            return line
        if mark:
            self._fence = mark[1]
            return line
        if line.startswith(("    ", "\t")) or not line.strip():
            return line
        if (found := _ADMONITION.match(line)) and self._opens(number, len(line) - len(line.lstrip(" "))):
            title = found[3] if found[3] is not None else (found[2] or "").capitalize()
            return f"{found[1]}**{title}**" if title else ""
        return self._marked(number, line)

    def _dedented(self, line: str) -> str:
        """Without the columns of the admonitions that it stands in."""
        if not self._inside or not line.strip():
            return line
        space = len(line) - len(line.lstrip(" "))
        if not self._fence:
            while self._inside and space < self._inside[-1]:
                self._inside.pop()
        return line[min(space, self._inside[-1]) :] if self._inside else line

    def _opens(self, number: int, space: int) -> bool:
        """An indented block follows the marker."""
        outer = self._inside[-1] if self._inside else 0
        column = outer + space + 4
        following = next((line for line in self._lines[number + 1 : number + 4] if line.strip()), "")
        if len(following) - len(following.lstrip(" ")) < column:
            return False
        self._inside.append(column)
        return True

    def _marked(self, number: int, line: str) -> str:
        if _TEMPLATE.match(line) or _NOTE.match(line) or _LINKED.match(line):
            return ""
        if ":::" in line and (found := _CONTAINER.match(line)):
            title = found[2] or found[1].capitalize()
            return f"**{title}**" if title else ""
        if "[!" in line and (found := _ALERT.match(line)):
            return f"{found[1]}**{found[3] or found[2].capitalize()}**"
        if found := _DEFINITION.match(line):
            return found[1] if self._defines(number) else line
        following = self._lines[number + 1] if number + 1 < len(self._lines) else ""
        if following.lstrip(" ")[:1] == ":" and _DEFINITION.match(following) and (found := _TERM.match(line)):
            return f"**{found[1].rstrip(' :')}:**" if self._begins(number) else line
        return _html(line) if "<" in line else line

    def _begins(self, number: int) -> bool:
        """A term stands alone, or after another definition."""
        before = self._lines[number - 1] if number else ""
        return not before.strip() or _DEFINITION.match(before) is not None

    def _defines(self, number: int) -> bool:
        before = self._found[number - 1] if number else ""
        return before.startswith("**") or (number > 0 and _DEFINITION.match(self._lines[number - 1]) is not None)


def _html(line: str) -> str:
    if found := _HEADING.match(line):
        return f"{'#' * int(found[1])} {html.unescape(found[2])}"
    if found := _SUMMARY.match(line):
        return f"**{found[1].strip()}**"
    if "<pre" in line.lower() or "<t" in line.lower():
        return line
    return _CODE.sub(lambda match: f"`{html.unescape(match[2])}`", line)

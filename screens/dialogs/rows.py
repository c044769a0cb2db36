"""Text for dialogs: outside text wrapped to cells and put into `Content`, never into markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, get_character_cell_size
from textual.content import Content

MUTED = "$muted"
STRONG = "bold"
GOOD = "$success"
CARE = "$warning bold"
BAD = "$error bold"
KEY = "$primary bold"


def styled(text: str, style: str = "") -> Content:
    """Outside text as it is, in one style."""
    return Content.styled(text, style) if style else Content(text)


def keys(*pairs: tuple[str, str]) -> Content:
    """A line of keys with what they do: "esc cancel  c copy"."""
    parts: list[Content] = []
    for key, meaning in pairs:
        parts.append(Content.assemble((key, KEY), " ", (meaning, MUTED)))
    return Content("   ").join(parts)


def chip(text: str, colour: str) -> Content:
    """A word that must be seen: reversed, so that it stands out without colours too."""
    return Content.styled(f" {text} ", f"bold reverse {colour}")


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, at spaces where possible; leading spaces are kept."""
    width = max(1, width)
    lines: list[str] = []
    for line in text.split("\n"):
        lines.extend(_wrap_line(line.rstrip(), width))
    return lines


def _wrap_line(line: str, width: int) -> list[str]:
    lines: list[str] = []
    while cell_len(line) > width:
        cut = _cells_to_index(line, width)
        space = line.rfind(" ", 1, cut + 1)
        if space > 0 and line[:space].strip():
            lines.append(line[:space].rstrip())
            line = line[space + 1 :]
        else:
            lines.append(line[:cut])
            line = line[cut:]
    lines.append(line)
    return lines


def _cells_to_index(text: str, width: int) -> int:
    """How many characters fit into `width` cells, at least one."""
    used = 0
    for index, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > width:
            return max(1, index)
    return len(text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return text[: _cells_to_index(text, max(1, width - 1))] + "…" if width > 1 else "…"


def labelled(
    label: str, values: Iterable[str], width: int, *, style: str = "", label_width: int = 10
) -> list[Content]:
    """Lines with the label once in the left column and every value wrapped beside it."""
    room = max(8, width - label_width)
    lines: list[Content] = []
    for value in values:
        for part in wrap(value, room):
            head = label if not lines else ""
            lines.append(
                Content.assemble((cut(head, label_width - 1).ljust(label_width), MUTED), styled(part, style))
            )
    return lines


def paragraph(text: str, width: int, style: str = "", glyph: str = "") -> list[Content]:
    """A wrapped sentence behind an optional glyph, continued under its first word."""
    lead = f"{glyph} " if glyph else ""
    indent = cell_len(lead)
    return [
        Content.assemble((lead if index == 0 else " " * indent, style), styled(part, style))
        for index, part in enumerate(wrap(text, width - indent))
    ]


def joined(lines: Sequence[Content]) -> Content:
    """Lines as one content."""
    return Content("\n").join(lines)


def pretty_json(text: str) -> str:
    """Indented, if it is a JSON object or array; else as it came."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(stripped), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def duration(seconds: float) -> str:
    """Short: "8 s", "5 m", "2 m 05 s", "1 h 10 m", "9 d 04 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s" if whole % 60 else f"{whole // 60} m"
    if whole >= 48 * 3600:
        return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"
    minutes = whole % 3600 // 60
    return f"{whole // 3600} h {minutes:02d} m" if minutes else f"{whole // 3600} h"

"""Bytes of a runbook -> clean lines, and the front matter taken off. Nothing here can fail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockpit.text import clean

# No line is ever cut here: half a command would be another command.
_NO_LIMIT = 1 << 30
_ODD = re.compile(r"[^\n -~]")
_PAIR = re.compile(r"([A-Za-z_][\w .-]{0,60}?)\s*:(?:\s+(.*))?$")
_MOST_FRONT_LINES = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A file as lines; the lines of the front matter are empty, so that line numbers stay those of the file."""

    name: str
    lines: tuple[str, ...]
    front_matter: tuple[tuple[str, str], ...] = ()


def decode(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, or whatever Latin-1 makes of it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # One stray byte is a slip; many are another encoding of eight bits.
        text = data.decode("utf-8", "replace")
        return text if text.count("\ufffd") * 100 < len(text) else data.decode("latin-1")


def source(name: str, text: str) -> Source:
    """Clean every line and take the front matter off."""
    lines = _lines(text.removeprefix("\ufeff"))
    front, end = _front_matter(lines)
    return Source(clean(name), tuple([""] * end + lines[end:]), front)


def _lines(text: str) -> list[str]:
    """Every line cleaned: those with a character that may need it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    number, at = 0, 0
    while match := _ODD.search(text, at):
        number += text.count("\n", at, match.start())
        lines[number] = clean(lines[number], _NO_LIMIT)
        at = text.find("\n", match.start())
        if at < 0:
            break
    return lines


def _front_matter(lines: list[str]) -> tuple[tuple[tuple[str, str], ...], int]:
    """Its pairs, and how many lines it takes. YAML (---) and TOML (+++) fences; nesting is not followed."""
    if not lines or lines[0].rstrip() not in ("---", "+++"):
        return (), 0
    closing = ("---", "...") if lines[0].startswith("-") else ("+++",)
    end = next((n for n, line in enumerate(lines[1:_MOST_FRONT_LINES], 1) if line.rstrip() in closing), 0)
    inside = lines[1:end]
    if not end or not any(inside) or any(line.startswith("#" * 2) for line in inside):
        return (), 0  # a rule between two parts of the text
    pairs: list[tuple[str, str]] = []
    for line in inside:
        if match := _PAIR.match(line.replace(" = ", ": ", 1) if closing == ("+++",) else line):
            pairs.append((match[1].strip(), clean((match[2] or "").strip().strip("\"'"))))
    return (tuple(pairs), end + 1) if pairs else ((), 0)

"""Plain text for terminals, pipes and logs: glyphs with words, aligned columns, colour only where it is wanted."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import click

from cockpit.model.severity import Severity

_GLYPHS = {Severity.OK: "●", Severity.WARN: "▲", Severity.CRIT: "✖", Severity.UNKNOWN: "?"}
_ASCII = {Severity.OK: "*", Severity.WARN: "!", Severity.CRIT: "X", Severity.UNKNOWN: "?"}
_WORDS = {Severity.OK: "ok", Severity.WARN: "warn", Severity.CRIT: "CRIT", Severity.UNKNOWN: "unknown"}
_COLOURS = {Severity.OK: "32", Severity.WARN: "33", Severity.CRIT: "1;31", Severity.UNKNOWN: "35"}
_NARROW = str.maketrans({"→": "->", "·": "-", "…": "...", "│": "|", "─": "-", "≥": ">=", "≤": "<=", "×": "x"})


@dataclass(frozen=True, slots=True)
class Style:
    """What the place that is written to can show."""

    colour: bool = False
    unicode: bool = True
    width: int = 0  # columns; 0: no limit

    @classmethod
    def of(cls, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> Style:
        """As `stream` (standard output) and the environment say; NO_COLOR as on no-color.org."""
        stream = sys.stdout if stream is None else stream
        environ = os.environ if environ is None else environ
        terminal = stream.isatty()
        encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            colour=terminal and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb",
            unicode=encoding.startswith("utf"),
            width=shutil.get_terminal_size().columns if terminal else 0,
        )

    def mark(self, severity: Severity) -> str:
        """Glyph and word, always eight columns: `● ok     `."""
        glyph = (_GLYPHS if self.unicode else _ASCII)[severity]
        return self.paint(f"{glyph} {_WORDS[severity]:<7}", severity)

    def paint(self, text: str, severity: Severity) -> str:
        """Coloured where colour is wanted."""
        return f"\x1b[{_COLOURS[severity]}m{text}\x1b[0m" if self.colour else text

    def strong(self, text: str) -> str:
        """Bold where colour is wanted."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def plain(self, text: str) -> str:
        """With signs that the place can show."""
        return text if self.unicode else text.translate(_NARROW).encode("ascii", "replace").decode("ascii")

    def cut(self, text: str, room: int) -> str:
        """At most `room` columns, where the width is known."""
        if not self.width or columns(text) <= room:
            return text
        end = "…" if self.unicode else "..."
        while text and columns(text) + len(end) > room:
            text = text[:-1]
        return text + end


def columns(text: str) -> int:
    """Terminal columns of a cleaned text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def table(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Columns aligned to their widest cell; the last one is left as it is."""
    if not rows:
        return []
    widths = [max(columns(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    return [
        gap.join([*(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]


def age(seconds: float | None) -> str:
    """0.4 s, 12 s, 3 m, 2 h; - for None."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} m" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def say(text: str = "") -> None:
    """One line, or several, on standard output."""
    click.echo(text)


def say_json(value: object) -> None:
    """One JSON document on standard output. Only ASCII: it is safe on every terminal and in every log."""
    click.echo(json.dumps(value, indent=2))

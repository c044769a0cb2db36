"""Line filters: the last look at every cell before it leaves, whatever widget drew it."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from cockpit.text import UNSAFE


def _blank(match: re.Match[str]) -> str:
    return " " * get_character_cell_size(match.group())


@lru_cache(4096)
def _safe(text: str) -> str:
    """Without the characters of `UNSAFE`, in exactly the same number of cells, so that the layout holds."""
    width = cell_len(text)
    kept = UNSAFE.sub(_blank, text)
    return kept if cell_len(kept) == width else set_cell_size(kept, width)


@lru_cache(1024)
def _unlinked(style: Style) -> Style:
    return style.update_link(None)


class SafeFilter(LineFilter):
    """Removes every control, bidi and zero-width character, and every hyperlink (OSC 8).

    `cockpit.text.clean` has made them visible where they entered; what arrives here slipped past it.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same list when nothing is wrong, which is nearly always."""
        search = UNSAFE.search
        for text, style, _ in segments:
            if (not text.isascii() or not text.isprintable()) and search(text):
                break
            if style is not None and style._link:
                break
        else:
            return segments
        return [
            Segment(
                _safe(text) if search(text) else text,
                _unlinked(style) if style is not None and style._link else style,
                control,
            )
            for text, style, control in segments
        ]


# Braille of a plot: dots above, below, or both.
_BRAILLE = {chr(0x2800 + dots): " .':"[bool(dots & 0xE4) + 2 * bool(dots & 0x1B)] for dots in range(256)}
_ASCII = str.maketrans(
    {
        **_BRAILLE,
        **dict.fromkeys("═━╍┅┉╸╺", "="),  # a meter's used part differs from the rest
        **dict.fromkeys("─╌┄┈╴╶╼╾▔⎺⎻⎼⎽‐‑‒–—―−", "-"),
        **dict.fromkeys("│┃║╎╏┆┇┊┋▏▎▍▌▐▕╵╷╹╻¦", "|"),
        **dict.fromkeys("┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼┽┾┿╀╁╂╃╄╅╆╇╈╉╊╋", "+"),
        **dict.fromkeys("╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╪╫╭╮╯╰▛▜▙▟▗▖▘▝▚▞", "+"),
        # Eighth blocks of a sparkline keep their order of height.
        **dict(zip("▁▂▃▄▅▆▇", "_.,-=+#", strict=True)),
        **dict.fromkeys("█▉▊▋▀■▰", "#"),
        **dict.fromkeys("░▒▓▱□", "."),
        **dict.fromkeys("●◉⬤•◆", "*"),
        **dict.fromkeys("○◌◯⭘◇", "o"),
        **dict.fromkeys("✖✗✘×", "x"),
        **dict.fromkeys("✓✔", "v"),
        **dict.fromkeys("▲△⚠", "!"),
        **dict.fromkeys("▶▸►▷→›»⟶⇒", ">"),
        **dict.fromkeys("◀◂◄◁←‹«⇐", "<"),
        **dict.fromkeys("↑⇧▴", "^"),
        **dict.fromkeys("↓▼▾⇩", "v"),
        **dict.fromkeys("·∙…", "."),
        **dict.fromkeys("‘’‚′", "'"),
        **dict.fromkeys("“”„″", '"'),
        "⚑": "F",
        "≥": ">",
        "≤": "<",
        "≈": "~",
        "≠": "!",
        "µ": "u",
        "μ": "u",
        "\u00a0": " ",
    }
)


@lru_cache(8192)
def to_ascii(text: str) -> str:
    """`text` in 7-bit ASCII, cell for cell: known glyphs by likeness, others as `?` for each of their cells."""
    if text.isascii():
        return text
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * get_character_cell_size(char) for char in text)


class AsciiFilter(LineFilter):
    """`--ascii`: every cell leaves as one byte below 128. Runs after `SafeFilter`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same list when it is ASCII already."""
        if all(text.isascii() for text, _, _ in segments):
            return segments
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]

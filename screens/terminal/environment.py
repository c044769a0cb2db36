"""Settings that Textual reads once, while it is imported: what suits a slow link, unless the user says otherwise."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

REMOTE_MARKS = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")

_EVERYWHERE = {
    # An animation is bytes and CPU for nothing that the operator needs.
    "TEXTUAL_ANIMATIONS": "none",
    # In-band resize reports and pixel mouse: more traffic in both directions, no gain in a grid of cells.
    "TEXTUAL_SMOOTH_SCROLL": "0",
}
_LOCAL = {
    # A key is painted at the next tick of this clock: at Textual's 60 it alone costs up to 17 ms.
    "TEXTUAL_FPS": "120",
}
_REMOTE = {
    # ESC and the rest of its sequence may come in two packets; at 100 ms an arrow key becomes three commands.
    "ESCDELAY": "250",
}


def is_remote(environ: MutableMapping[str, str] | None = None) -> bool:
    """Whether the terminal is at the other end of an SSH connection, as far as the environment tells."""
    environ = os.environ if environ is None else environ
    return any(environ.get(mark) for mark in REMOTE_MARKS)


def prepare(environ: MutableMapping[str, str] | None = None) -> None:
    """Fill in what the user left open. Must run before the first import of `textual` (textual/constants.py)."""
    environ = os.environ if environ is None else environ
    defaults = dict(_EVERYWHERE)
    defaults |= _REMOTE if is_remote(environ) else _LOCAL
    if environ.get("NO_COLOR"):
        # The terminal's own colours and attributes only; other themes would still send 24-bit greys.
        defaults["TEXTUAL_THEME"] = "ansi-dark"
    if environ.get("TERM") == "xterm-direct" and not environ.get("COLORTERM"):
        # Rich takes it for a 16-colour terminal.
        defaults["TEXTUAL_COLOR_SYSTEM"] = "truecolor"
    for name, value in defaults.items():
        environ.setdefault(name, value)

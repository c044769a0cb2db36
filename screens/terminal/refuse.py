"""When not to start at all: a terminal that cannot be driven gets one clear sentence instead of garbage."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

_HINT = "`cockpit check PROFILE` prints the same state as plain lines."


def refusal(
    environ: Mapping[str, str] | None = None, stdin: TextIO | None = None, stderr: TextIO | None = None
) -> str | None:
    """Why the screen cannot be shown here, with what to do instead; None where it can.

    Keys are read from standard input and the screen is drawn on standard error (textual/drivers/linux_driver.py),
    so both must be the terminal. Standard output may go anywhere.
    """
    environ = os.environ if environ is None else environ
    stdin = sys.__stdin__ if stdin is None else stdin
    stderr = sys.__stderr__ if stderr is None else stderr
    term = environ.get("TERM", "")
    if not _is_terminal(stdin):
        return f"standard input is not a terminal, so no key could be read. {_HINT}"
    if not _is_terminal(stderr):
        return (
            "standard error is not a terminal, and the screen is drawn there: "
            f"start without redirecting it (2>...). {_HINT}"
        )
    if term == "dumb":
        return f"this terminal (TERM=dumb) cannot move its cursor. {_HINT}"
    if not term or term == "unknown":
        return f"TERM is not set, so nothing is known about this terminal: try TERM=xterm-256color. {_HINT}"
    return None


def _is_terminal(stream: TextIO | None) -> bool:
    if stream is None:
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False

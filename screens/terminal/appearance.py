"""What this terminal can show, judged from the environment: plain ASCII or not, colour or not."""

from __future__ import annotations

import codecs
import locale
import os
from collections.abc import Mapping

PLAIN_THEME = "ansi-dark"
_ASCII_TERMINALS = ("linux", "vt52", "vt100", "vt102", "vt220", "ansi", "cons25")


def wants_ascii(environ: Mapping[str, str] | None = None, codeset: str | None = None) -> bool:
    """Whether box drawing and glyphs would come out as garbage: a locale that is not UTF-8, or an old terminal.

    `LC_ALL=C` and `POSIX` count as UTF-8 only where Python itself coerced them (PEP 538, PEP 540): then the
    codeset that it reports is UTF-8.
    """
    environ = os.environ if environ is None else environ
    if environ.get("TERM", "") in _ASCII_TERMINALS:
        return True
    named = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environ.get(name))), "")
    _, _, written = named.partition(".")
    asked = codeset if codeset is not None else (written.partition("@")[0] or locale.getpreferredencoding(False))
    try:
        return codecs.lookup(asked).name != "utf-8"
    except LookupError:
        return True


def no_color(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the user asked for no colour (no-color.org: set and not empty)."""
    environ = os.environ if environ is None else environ
    return bool(environ.get("NO_COLOR"))

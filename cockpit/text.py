"""The one sanitiser: every text from outside goes through `clean` once, where it enters. And words with a number."""

from __future__ import annotations

import re
import unicodedata

LINE_LIMIT = 4096

# Characters that move the cursor, hide, reorder or have no width: C0, C1, soft hyphen, fillers,
# zero-width, line/paragraph separators, bidi controls, variation selectors, BOM, surrogates, tags.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
# Complete escape sequences vanish; an unfinished one stays visible and does not swallow the rest of the line.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]+[0-~]"
)
_JOINERS = re.compile("[\ufe00-\ufe0f\u200d]")
_MAX_MARKS = 3


def clean(text: str | bytes, limit: int = LINE_LIMIT) -> str:
    """One untrusted text -> one printable line of at most `limit` characters and a note of what was cut.

    Escape sequences are removed, other controls become visible symbols (␛, ␀, <202E>), a tab becomes four
    spaces, stacked combining marks are cut to three. The result never contains a character of `UNSAFE`.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    more = len(text) - limit
    if more > 0:
        text = text[:limit]
    if not (text.isascii() and text.isprintable()):
        text = _SEQUENCE.sub("", text).replace("\t", "    ")
        text = _JOINERS.sub("", text)
        text = _limit_marks(text)
        text = UNSAFE.sub(_show, text)
    return f"{text} … +{more} chars" if more > 0 else text


def clean_lines(text: str | bytes, limit: int = LINE_LIMIT, lines: int = 1000) -> tuple[str, ...]:
    """As `clean`, for a text whose line breaks mean something; at most `lines` of them."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    parts = re.split(r"\r\n|\n|\r", text)
    kept = tuple(clean(part, limit) for part in parts[:lines])
    return (*kept, f"… +{len(parts) - lines} lines") if len(parts) > lines else kept


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<{code:04X}>"


def _limit_marks(text: str) -> str:
    if not any(map(unicodedata.combining, text)):
        return text
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def counted(number: int, what: str, several: str = "") -> str:
    """ "1 commit", "3 commits"."""
    return f"{number} {what if number == 1 else several or f'{what}s'}"

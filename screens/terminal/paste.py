"""Bracketed pastes, made harmless before the parser reads them."""

from __future__ import annotations

from collections.abc import Iterator

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START

from cockpit.text import UNSAFE

PASTE_LIMIT = 64 * 1024
PASTE_IDLE_S = 1.0


class PasteGate:
    """Keeps a bracketed paste inert and within `PASTE_LIMIT` characters before the parser sees it.

    The parser collects without limit, and an ESC inside a paste makes it take the text behind for keys.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._inside = False
        self._room = 0
        self._heard = 0.0

    def feed(self, text: str, now: float) -> Iterator[str]:
        """The pieces of `text` that the parser may have."""
        while text:
            if self._inside:
                self._heard = now
                text, piece = self._within(text)
            else:
                text, piece = self._outside(text)
            if piece:
                yield piece

    def overdue(self, now: float) -> str:
        """The end mark, once, when a paste began and never ended: else every later key would belong to it."""
        if not self._inside or now - self._heard < PASTE_IDLE_S:
            return ""
        self._inside = False
        self._tail = ""
        return BRACKETED_PASTE_END

    def _outside(self, text: str) -> tuple[str, str]:
        seen = self._tail + text
        at = seen.find(BRACKETED_PASTE_START)
        if at < 0:
            self._tail = seen[-(len(BRACKETED_PASTE_START) - 1) :]
            return "", text
        cut = at + len(BRACKETED_PASTE_START) - len(self._tail)
        self._tail = ""
        self._inside = True
        self._room = PASTE_LIMIT
        return text[cut:], text[:cut]

    def _within(self, text: str) -> tuple[str, str]:
        """Hold back what may be the beginning of the end mark, so that it is never cut in two."""
        seen = self._tail + text
        at = seen.find(BRACKETED_PASTE_END)
        if at < 0:
            marks = (BRACKETED_PASTE_END[:size] for size in range(len(BRACKETED_PASTE_END) - 1, 0, -1))
            keep = next((len(mark) for mark in marks if seen.endswith(mark)), 0)
            self._tail = seen[len(seen) - keep :]
            return "", self._capped(seen[: len(seen) - keep])
        self._tail = ""
        self._inside = False
        return seen[at + len(BRACKETED_PASTE_END) :], self._capped(seen[:at]) + BRACKETED_PASTE_END

    def _capped(self, text: str) -> str:
        piece = inert(text)[: self._room]
        self._room -= len(piece)
        return piece


def inert(text: str) -> str:
    """A pasted text without characters that act on a terminal; its line breaks stay."""
    return UNSAFE.sub(lambda match: match.group() if match.group() in "\r\n\t" else "", text)

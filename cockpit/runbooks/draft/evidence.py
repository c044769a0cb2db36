"""What a draft is made of: values with the place they come from. Nothing that looks like a secret becomes one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cockpit.model.command import Call, Word
from cockpit.runbooks.lint.concealed import conceal

_ASSIGNED = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|pwd|pin|auth"
    r"|signature|sig)s?\b[\"']?\s*(?:[:=]|\bis\b)\s*\S|\b(?:bearer|basic)\s+[^\s$<]{8}"
    r"|\b(?:passw(?:or)?d|pwd|pin|secret|token)\s+(?=\S*\d)\S{4}",
    re.IGNORECASE,
)
_RANDOM = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{24,}|[A-Za-z0-9+/]{28,}={1,2}(?![A-Za-z0-9])"
)
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_-]*$")
_USER = re.compile(r"://[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Origin:
    """A line of a runbook; 0 for the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `why` is "" where the runbook says it, else how it was guessed, or what is missing."""

    text: str
    origin: Origin | None = None
    why: str = ""
    missing: bool = False

    @property
    def comment(self) -> str:
        """As it stands behind the value."""
        if self.missing:
            return f"missing: {self.why}"
        parts = [f"guessed: {self.why}"] if self.why else []
        if self.origin is not None:
            parts.append(f"from {self.origin}")
        return ", ".join(parts)


def shows_secret(text: str) -> bool:
    """It may hold a password, a token or a key: by its shape, or by what stands before it."""
    return conceal(text) != text or bool(_ASSIGNED.search(text) or _RANDOM.search(text) or _USER.search(text))


def safe(text: str) -> str:
    """The text, "" where it may hold a secret."""
    return "" if shows_secret(text) else text


def literal(word: Word | str | None) -> str:
    """What a word means without anything filled in; "" for a placeholder, a name in capitals, or a secret."""
    if word is None:
        return ""
    if isinstance(word, Word) and not word.literal:
        return ""
    text = (word.text if isinstance(word, Word) else word).strip()
    filled = (
        not re.search(r"[<>{}$`*\s]", text)
        and not _CAPITALS.match(text)
        and not re.search(r"\b[A-Z]{2,}_[A-Z_]+\b", text)
    )
    return safe(text) if filled else ""


def flag(call: Call, *names: str) -> str:
    """The literal value of a flag."""
    return literal(call.flag(*names))


def unique(texts: Iterable[str]) -> list[str]:
    """Each once, in order, without the empty ones."""
    return [text for text in dict.fromkeys(texts) if text]

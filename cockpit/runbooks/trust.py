"""Whether a runbook may run anything: accepted once by somebody, in exactly this text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody read this very text and said yes."""

    digest: str
    at: datetime  # UTC
    who: str


@dataclass(frozen=True, slots=True)
class New:
    """Nobody has said yes to any text of these files."""

    digest: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Another text was accepted. `diff` is unified, cleaned, at most 400 lines; `cut` where there is more."""

    digest: str
    diff: tuple[str, ...]
    cut: bool
    at: datetime  # UTC, when the other one was accepted
    who: str


TrustState = Accepted | New | Changed

"""What is known of a command of the team: whether it can be run here, and what its last run said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """One run of this session; `ended` is None while it goes on."""

    began: datetime
    ended: datetime | None
    outcome: str  # "running", "succeeded", "failed", "unknown"
    said: str  # one sentence, or its last line
    lines: tuple[str, ...]  # the newest, masked and cleaned
    count: int  # of all its lines
    record: str = ""  # file in which all of them are


@dataclass(frozen=True, slots=True)
class ScriptStatus:
    """One command, once."""

    name: str
    title: str
    argv: tuple[str, ...]  # as declared, {name} included
    folder: str
    program: str  # path of what would run, "" where there is none
    missing: str  # why it cannot be run, "" when it can
    tier: str
    dry_run: bool  # it has one, which is run and seen first
    last: ScriptRun | None = None

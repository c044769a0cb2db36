"""A finding: a sentence that the rules derived from readings, with what it rests on and what would help."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.action import ActionRequest
from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """`rank` orders the cause chain: the lower, the nearer to the cause."""

    rule: str  # "lock-pileup"
    severity: Severity
    text: str  # "idle in transaction pid 4411 (checkout) blocks 12 sessions for 46 s"
    short: str  # the link in the banner's chain: "pid 4411 blocks 12"
    evidence: tuple[str, ...]
    source: str
    action: ActionRequest | None = None  # target filled in
    action_title: str = ""
    since: float | None = None  # seconds since the epoch
    rank: int = 50
    playbook: str = ""  # heading of the runbook that the profile names for it

"""Which playbooks fit what is found now, and which fit what somebody types."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.runbook import Playbook


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A playbook that may be the right one now."""

    playbook: Playbook
    score: float
    reason: str  # "its symptom “checkout is slow” fits: p95 2.1 s"


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that fits a search: a playbook, or one step of it."""

    playbook: Playbook
    step: str  # Step.id, "" for the playbook itself
    text: str  # the line that fits
    line: int
    score: float

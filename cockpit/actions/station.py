"""What the executor stands on: where it acts, what it sees, where it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cockpit.actions.effect import Symptoms
from cockpit.actions.handler import Scene
from cockpit.audit.approvals import Approvals
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import Clock
from cockpit.model.reading import SourceState
from cockpit.profile.schema import Arming, Limits


@dataclass(frozen=True, slots=True)
class Station:
    """Handed over once, by the engine."""

    scene: Scene
    who: str
    arming: Arming
    limits: Limits
    read_only: bool
    source_state: Callable[[str], SourceState | None]
    symptoms: Symptoms
    audit: AuditLog
    locks: Locks
    approvals: Approvals
    clock: Clock

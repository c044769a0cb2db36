"""Jobs of a namespace, and what starts them by the clock, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Job:
    """One Job or CronJob."""

    kind: str  # "job", "cronjob"
    name: str
    severity: Severity
    state: str  # "running", "complete", "failed", "suspended", "scheduled"
    said: str  # why, in the cluster's words; a CronJob's schedule
    created: datetime
    ended: datetime | None = None  # of a CronJob: when it last started one
    owner: str = ""  # "cronjob/backup"
    counts: str = ""  # "1 active, 0 of 1 succeeded, 2 failed"

    @property
    def ref(self) -> str:
        """ "job/backup-28"."""
        return f"{self.kind}/{self.name}"

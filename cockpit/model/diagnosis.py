"""What `cockpit doctor` says about one aspect of one source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`ok` is None for what works in a degraded way or could not be looked at."""

    check: str  # "connect", "role", "pg_monitor", "run.services.update"
    ok: bool | None
    detail: str  # what was found
    fix: str = ""  # what to do, literally where possible: "GRANT pg_monitor TO app"

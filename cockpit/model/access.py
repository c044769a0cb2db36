"""Who changed what, and who was turned away: from the audit logs and the team's own log of failed logins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

BURST_S = 300.0


@dataclass(frozen=True, slots=True)
class AdminChange:
    """One entry of the Admin Activity log."""

    at: datetime
    who: str
    method: str  # "google.cloud.run.v2.Services.UpdateService"
    resource: str
    service: str  # "run.googleapis.com"
    address: str = ""  # of the caller
    agent: str = ""
    failed: str = ""  # why it was refused, "" where it was done
    first: bool = True  # of a long-running operation: its begin; False for its end
    id: str = ""  # insertId


@dataclass(frozen=True, slots=True)
class AccessFailure:
    """One refused login or request."""

    at: datetime
    who: str
    address: str
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class AccessStatus:
    """Both lists of one project, newest first."""

    project: str
    since: datetime
    changes: tuple[AdminChange, ...] = ()
    failures: tuple[AccessFailure, ...] = ()
    watched: bool = False  # failures were asked for: the profile has a filter for them
    many: int = 0  # so many failures within BURST_S are a warning; 0: never
    cut: bool = False  # there were more
    notes: tuple[str, ...] = ()

    def burst(self, now: datetime) -> tuple[AccessFailure, ...]:
        """Failures of the last five minutes, newest first."""
        return tuple(each for each in self.failures if (now - each.at).total_seconds() <= BURST_S)


def busiest(failures: Iterable[AccessFailure]) -> tuple[tuple[str, int], ...]:
    """Addresses with the number of their failures, most first; those without an address are left out."""
    counted = Counter(each.address for each in failures if each.address)
    return tuple(sorted(counted.items(), key=lambda found: (-found[1], found[0])))

"""How long the cockpit's way into a cloud lasts, where that is worth saying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity

LAST_MINUTES_S = 300.0  # from here on it is critical


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials that work until `ends`. With a `problem` they could not be renewed, and that is the end."""

    origin: str  # "ana@example.com by gcloud, as sa@shop.iam.gserviceaccount.com"
    ends: datetime | None = None
    problem: str = ""
    fix: str = ""  # the command that helps

    def said(self, now: datetime) -> tuple[Severity, str] | None:
        """How bad it is, and a sentence of a few words; OK while they renew by themselves, None before it is known
        until when they last.
        """
        left = (self.ends - now).total_seconds() if self.ends is not None else 0.0
        if not self.problem:
            return (Severity.OK, f"Google login {left / 60:.0f} min, renews") if left > 0 else None
        if left <= 0:
            return Severity.CRIT, f"credentials: expired, {self.fix}" if self.fix else "credentials: expired"
        lasts = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        return (Severity.WARN if left > LAST_MINUTES_S else Severity.CRIT), f"Google login ends in {lasts}"

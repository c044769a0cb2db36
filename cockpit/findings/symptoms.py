"""What the effect watch compares: how every source feels now, with the errors of the last half minute."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions.effect import Symptom
from cockpit.findings.view import NOTABLE, failure_share, recent
from cockpit.model.logs import LogStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

WINDOW_S = 20.0
_FEW = 2  # errors that are no symptom
# They tell of minutes ago, or of what is no symptom: an old secret stays old whatever is done about the errors.
_NOT_COMPARED = frozenset((SourceKind.METRICS, SourceKind.ARMOR, SourceKind.SECRETS, SourceKind.ACCESS))
_WARN_AHEAD = frozenset((SourceKind.CLOUDSQL, SourceKind.MEMORYSTORE))  # of maintenance, of a late backup


def symptoms(states: Sequence[SourceState], now: float) -> dict[str, Symptom]:
    """Source id -> symptom; `now` in seconds since the epoch."""
    compared = (state for state in states if not state.asleep and state.kind not in _NOT_COMPARED)
    return {state.source: _symptom(state, now) for state in compared}


def _symptom(state: SourceState, now: float) -> Symptom:
    taken = state.reading.taken_at.timestamp() if state.reading is not None else 0.0
    payload = state.reading.payload if state.reading is not None else None
    if isinstance(payload, LogStatus) and state.freshness is Freshness.FRESH:
        # Its own severity looks back minutes; an effect shows in seconds.
        last = recent(payload, now, WINDOW_S)
        share = failure_share(last)
        severity = Severity.OK if last.errors <= _FEW or share <= NOTABLE else Severity.WARN
        if severity is Severity.WARN and share > 0.05:
            severity = Severity.CRIT
        return Symptom(
            state.source, f"{last.errors} errors in {WINDOW_S:.0f} s ({100 * share:.0f} %)", severity, taken
        )
    ahead = state.kind in _WARN_AHEAD and state.severity is Severity.WARN
    return Symptom(state.source, state.summary, Severity.OK if ahead else state.severity, taken)

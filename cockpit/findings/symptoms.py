"""What the effect watch compares: how every source feels now, with the errors of the last half minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cockpit.actions.effect import Symptom
from cockpit.findings.view import NOTABLE, failure_share, recent
from cockpit.model.containers import ContainersStatus
from cockpit.model.logs import LogStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.workloads import WorkloadsStatus

WINDOW_S = 20.0
_FEW = 2  # errors that are no symptom
# They tell of minutes ago, or of what is no symptom: an old secret stays old whatever is done about the errors.
_NOT_COMPARED = frozenset(
    (
        SourceKind.METRICS,
        SourceKind.PROMETHEUS,
        SourceKind.RENDERMETRICS,
        SourceKind.ARMOR,
        SourceKind.SECRETS,
        SourceKind.ACCESS,
    )
)
# Their warnings are of maintenance ahead, of a late backup, of a run that failed while another version serves, of a
# script that is not there.
_WARN_AHEAD = frozenset((SourceKind.CLOUDSQL, SourceKind.MEMORYSTORE, SourceKind.GITHUB, SourceKind.SCRIPTS))


def symptoms(states: Sequence[SourceState], now: float) -> dict[str, Symptom]:
    """Source id -> symptom, and "workloads/main deployment/api" of each workload, "containers/main api" of each
    service of a Compose project; `now` in epoch seconds.
    """
    compared = [state for state in states if not state.asleep and state.kind not in _NOT_COMPARED]
    found = {state.source: _symptom(state, now) for state in compared}
    for state in compared:
        found |= {symptom.name: symptom for symptom in (*_of_workloads(state), *_of_services(state))}
    return found


def _of_workloads(state: SourceState) -> Iterator[Symptom]:
    """One for each: what is done to one of them is not lost among the others."""
    payload = state.reading.payload if state.reading is not None else None
    if state.reading is None or not isinstance(payload, WorkloadsStatus):
        return
    seen = state.freshness is Freshness.FRESH
    for each in payload.workloads:
        text = f"{each.available}/{each.desired} {each.state}"
        severity = each.severity if seen else max(each.severity, Severity.UNKNOWN)
        yield Symptom(f"{state.source} {each.ref}", text, severity, state.reading.taken_at.timestamp())


def _of_services(state: SourceState) -> Iterator[Symptom]:
    """Of a Compose project the same."""
    payload = state.reading.payload if state.reading is not None else None
    if state.reading is None or not isinstance(payload, ContainersStatus):
        return
    seen = state.freshness is Freshness.FRESH
    for each in payload.services:
        severity = each.severity if seen else max(each.severity, Severity.UNKNOWN)
        yield Symptom(f"{state.source} {each.name}", each.reason, severity, state.reading.taken_at.timestamp())


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

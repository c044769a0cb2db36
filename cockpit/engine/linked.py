"""Which headings of the runbook the profile itself names for what is not well now."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.finding import Finding
from cockpit.model.health import HealthStatus
from cockpit.model.reading import SourceState
from cockpit.model.severity import Severity
from cockpit.profile.consistency import ALSO, SOURCE_IDS
from cockpit.profile.schema import Profile

Named = tuple[str, str]  # heading, and what is wrong in a sentence


def named_headings(profile: Profile, findings: Sequence[Finding], states: Sequence[SourceState]) -> tuple[Named, ...]:
    """Each heading once, those of the worst findings first: a query's or check's own before that of its source."""
    known = {state.source: state for state in states}
    tables = _of_sources(profile)
    found: dict[str, str] = {}
    for finding in findings:
        state = known.get(finding.source)
        for heading in (finding.playbook, *_of_checks(profile, state), tables.get(finding.source, "")):
            if heading:
                found.setdefault(heading, finding.text)
    for state in sorted(states, key=lambda each: -each.severity):
        if state.severity is not Severity.OK and not state.asleep and state.source in tables:
            if state.reading is None and state.failure is None:
                continue  # nothing has arrived yet
            said = state.failure.message if state.failure is not None else state.summary
            found.setdefault(tables[state.source], f"{state.source}: {said}")
    return tuple(found.items())


def _of_sources(profile: Profile) -> dict[str, str]:
    """Source id -> the heading that its table names."""
    found: dict[str, str] = {}
    for table, first in SOURCE_IDS.items():
        for entry in getattr(profile, table):
            if entry.playbook:
                found |= {f"{kind}/{entry.name}": entry.playbook for kind in (first, *ALSO.get(table, ()))}
    return found


def _of_checks(profile: Profile, state: SourceState | None) -> tuple[str, ...]:
    """Of the bounds on a health endpoint's body that are broken."""
    payload = state.reading.payload if state is not None and state.reading is not None else None
    if state is None or not isinstance(payload, HealthStatus):
        return ()
    bad = {check.path for check in payload.checks if check.severity > Severity.OK}
    tables = (entry for entry in profile.health if f"health/{entry.name}" == state.source)
    return tuple(check.playbook for entry in tables for check in entry.check if check.path in bad and check.playbook)

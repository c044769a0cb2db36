"""All rules over one view of the system. Pure: the same readings give the same findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cockpit.findings.cache import cache_findings
from cockpit.findings.cloudsql import cloudsql_findings
from cockpit.findings.database import database_findings
from cockpit.findings.edge import access_findings, armor_findings
from cockpit.findings.managed import memorystore_findings, secret_findings
from cockpit.findings.metrics import metric_findings
from cockpit.findings.service import health_findings, log_findings, revision_findings
from cockpit.findings.view import View
from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity

_RULES: tuple[Callable[[View], Iterable[Finding]], ...] = (
    revision_findings,
    database_findings,
    cache_findings,
    cloudsql_findings,
    memorystore_findings,
    secret_findings,
    log_findings,
    health_findings,
    access_findings,
    armor_findings,
    metric_findings,
)
HOUSEKEEPING = 80  # findings of this rank and above cause nothing


def find(states: Sequence[SourceState], now: float) -> tuple[Finding, ...]:
    """Findings, worst first, then nearest to the cause. `now` in seconds since the epoch.

    Only fresh readings count as facts; a source that cannot be seen is a finding of its own.
    """
    view = View(tuple(states), now)
    found = [finding for rule in _RULES for finding in rule(view)]
    found += _unseen(states)
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.rank, finding.source)))


def cause_chain(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that tell the story, cause first: one for each rank, at most five."""
    chain: dict[int, Finding] = {}
    for finding in sorted(findings, key=lambda finding: (finding.rank, -finding.severity)):
        if finding.severity in (Severity.WARN, Severity.CRIT) and finding.rank < HOUSEKEEPING:
            chain.setdefault(finding.rank, finding)
    return tuple(chain.values())[:5]


def _in_a_row(failures: int) -> str:
    return "the last attempt failed" if failures == 1 else f"{failures} attempts failed in a row"


def _unseen(states: Sequence[SourceState]) -> Iterable[Finding]:
    for state in states:
        if state.freshness is Freshness.FAILED and state.failure is not None:
            known = f"; last seen {state.age_s:.0f} s ago" if state.age_s is not None else "; never seen"
            yield Finding(
                rule="source-unseen",
                severity=Severity.UNKNOWN,
                text=f"{state.source} cannot be seen: {state.failure.message}{known}",
                short=f"{state.source} {state.failure.word}",
                evidence=(_in_a_row(state.failures), state.failure.hint or state.failure.word),
                source=state.source,
                rank=60,
            )

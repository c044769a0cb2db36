"""All rules over one view of the system. Pure: the same readings give the same findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cockpit.findings.cache import cache_findings
from cockpit.findings.cloudsql import cloudsql_findings
from cockpit.findings.cluster import cluster_findings
from cockpit.findings.containers import container_findings
from cockpit.findings.database import database_findings
from cockpit.findings.edge import access_findings, armor_findings
from cockpit.findings.github import delivery_findings
from cockpit.findings.managed import memorystore_findings, secret_findings
from cockpit.findings.metrics import metric_findings
from cockpit.findings.render import render_findings
from cockpit.findings.service import health_findings, log_findings, revision_findings
from cockpit.findings.view import View
from cockpit.findings.workloads import workload_findings
from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

_RULES: tuple[Callable[[View], Iterable[Finding]], ...] = (
    revision_findings,
    workload_findings,
    delivery_findings,
    render_findings,
    container_findings,
    database_findings,
    cache_findings,
    cloudsql_findings,
    cluster_findings,
    memorystore_findings,
    secret_findings,
    log_findings,
    health_findings,
    access_findings,
    armor_findings,
    metric_findings,
)
_GOOGLE = frozenset(
    (
        SourceKind.REVISIONS,
        SourceKind.CLOUDSQL,
        SourceKind.MEMORYSTORE,
        SourceKind.ARMOR,
        SourceKind.SECRETS,
        SourceKind.ACCESS,
        SourceKind.METRICS,
    )
)
_NAMES = 4
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
    if not failures:
        return "nothing was asked"
    return "the last attempt failed" if failures == 1 else f"{failures} attempts failed in a row"


def _unseen(states: Sequence[SourceState]) -> Iterable[Finding]:
    yield from _all_unseen(states)
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


def _all_unseen(states: Sequence[SourceState]) -> Iterable[Finding]:
    """One sentence where nothing is seen, or nothing of Google Cloud: what they share is what fails."""
    awake = [state for state in states if not state.asleep]
    google = [state for state in awake if state.kind in _GOOGLE]
    for group, said in (
        (awake, f"none of the {len(awake)} sources can be seen"),
        (google, f"none of the {len(google)} sources in Google Cloud can be seen"),
    ):
        if len(group) < 2 or any(state.freshness is not Freshness.FAILED or state.failure is None for state in group):
            continue
        failures = [state.failure for state in group if state.failure is not None]
        hints = dict.fromkeys(failure.hint for failure in failures if failure.hint)
        shared = "network, proxy, DNS, login" if group is google else "network, VPN, DNS"
        yield Finding(
            rule="sources-unseen",
            severity=Severity.UNKNOWN,
            text=f"{said}: {_by_word(group)}",
            short=said,
            evidence=(f"look first at what they share: {next(iter(hints)) if len(hints) == 1 else shared}",),
            source=group[0].source,
            rank=59,
        )
        return


def _by_word(group: Sequence[SourceState]) -> str:
    """ "unreachable: health/api, redis/cache; timed out: database/main"; at most four names after each word."""
    words: dict[str, list[str]] = {}
    for state in group:
        if state.failure is not None:
            words.setdefault(state.failure.word, []).append(state.source)
    return "; ".join(
        f"{word}: {', '.join(names[:_NAMES])}" + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
        for word, names in words.items()
    )

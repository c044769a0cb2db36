"""Rules on the cluster around a namespace: nodes, quotas, secrets that do not come, certificates that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cockpit.findings.view import View
from cockpit.model.cluster import ClusterStatus
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity

_SOON = timedelta(days=14)


def cluster_findings(view: View) -> Iterator[Finding]:
    """Of every cluster."""
    now = datetime.fromtimestamp(view.now, UTC)
    for state, status in view.fresh(ClusterStatus):
        yield from _nodes(state.source, status)
        yield from _secrets(state.source, status)
        yield from _certificates(state.source, status, now)


def _nodes(source: str, status: ClusterStatus) -> Iterator[Finding]:
    down = [node for node in status.nodes if not node.ready]
    if down:
        share = f"{len(down)} of {len(status.nodes)}"
        which = f"node {down[0].name} is" if len(down) == 1 else f"{share} nodes are"
        yield Finding(
            rule="node-down",
            severity=Severity.CRIT,
            text=f"In {status.context} {which} not ready: {down[0].said}",
            short=f"{down[0].name if len(down) == 1 else f'{share} nodes'} not ready",
            evidence=tuple(f"{node.name}: {node.said}" for node in down[:5]),
            source=source,
            rank=4,
        )
    for node in status.nodes:
        if node.ready and node.pressures:
            yield Finding(
                rule="node-pressure",
                severity=Severity.WARN,
                text=f"Node {node.name} of {status.context} is {node.said}: pods may be evicted",
                short=f"{node.name} {', '.join(node.pressures)}",
                evidence=(f"{node.pods} pods run on it",),
                source=source,
                rank=8,
            )


def _secrets(source: str, status: ClusterStatus) -> Iterator[Finding]:
    for each in status.external_secrets or ():
        if not each.synced:
            yield Finding(
                rule="secret-not-synced",
                severity=Severity.WARN,
                text=f"External secret {each.name} in {status.namespace} is not synced: {each.said}",
                short=f"{each.name} not synced",
                evidence=(f"from {each.store} into {each.target}; what is in the cluster may be old",),
                source=source,
                rank=30,
            )


def _certificates(source: str, status: ClusterStatus, now: datetime) -> Iterator[Finding]:
    for each in status.certificates or ():
        ended = each.expires is not None and each.expires <= now
        if ended or not each.ready or (each.expires is not None and each.expires - now < _SOON):
            until = f"until {each.expires:%Y-%m-%d %H:%M} UTC" if each.expires else "of unknown end"
            how = "has expired" if ended else "is not ready" if not each.ready else "ends soon"
            yield Finding(
                rule="certificate-ended" if ended else "certificate-due",
                severity=Severity.CRIT if ended else Severity.WARN,
                text=f"Certificate {each.name} in {status.namespace} {how}: {each.said or until}",
                short=f"certificate {each.name} {how}",
                evidence=(f"{until}, by {each.issuer}, for {', '.join(each.names) or 'no name'}",),
                source=source,
                rank=12 if ended else 82,
            )

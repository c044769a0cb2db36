"""Rules on Memorystore instances and secrets: what is down or cannot be read, and what is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.finding import Finding
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.secretstore import SecretsStatus, StoredSecret
from cockpit.model.severity import Severity

_AHEAD = timedelta(hours=24)


def memorystore_findings(view: View) -> Iterator[Finding]:
    """Of every instance: that it is down or being changed, and maintenance ahead."""
    now = datetime.fromtimestamp(view.now, UTC)
    for state, status in view.fresh(MemorystoreStatus):
        if status.down or status.state != "READY":
            yield _unready(state.source, status)
        at = status.maintenance_at
        if at is not None and now <= at <= now + _AHEAD:
            yield Finding(
                rule="memorystore-maintenance",
                severity=Severity.WARN,
                text=f"Maintenance of Memorystore instance {status.instance} is due at {at:%Y-%m-%d %H:%M} UTC",
                short=f"maintenance of {status.instance} at {at:%H:%M}",
                evidence=("connections break for it" if status.highly_available else "it has no replica meanwhile",),
                source=state.source,
                rank=84,
            )


def _unready(source: str, status: MemorystoreStatus) -> Finding:
    why = f" ({', '.join(status.suspended)})" if status.suspended else ""
    how = "suspended" if status.suspended else status.state
    said = "it serves nobody, or may not" if status.down else "its connections break meanwhile"
    return Finding(
        rule="memorystore-down" if status.down else "memorystore-changing",
        severity=Severity.CRIT if status.down else Severity.WARN,
        text=f"Memorystore instance {status.instance} is {how}{why}: {said}",
        short=f"{status.instance} {how}",
        evidence=(f"{status.tier} {status.size_gb} GB, primary in {status.zone or 'an unknown zone'}",),
        source=source,
        rank=6 if status.down else 9,
    )


def secret_findings(view: View) -> Iterator[Finding]:
    """Of every secret at most one: that it cannot be read, else that something is due."""
    for state, status in view.fresh(SecretsStatus):
        for secret in status.secrets:
            if secret.newest is None:
                yield _unreadable(state.source, secret)
            elif secret.wrong:
                fails = secret.newest is not secret.versions[0]
                yield Finding(
                    rule="secret-latest-fails" if fails else "secret-due",
                    severity=secret.severity,
                    text=f"Secret {secret.name}: {secret.wrong}",
                    short=f"{secret.name}: {secret.wrong}",
                    evidence=(
                        "who reads `latest` of it fails at its next start"
                        if fails
                        else f"version {secret.newest.number} is the newest that can be read",
                    ),
                    source=state.source,
                    rank=11 if fails else 86,
                )


def _unreadable(source: str, secret: StoredSecret) -> Finding:
    disabled = next((each.number for each in secret.versions if each.state == "DISABLED"), "")
    request = ActionRequest("secrets.enable", source, {"secret": secret.name, "version": disabled})
    return Finding(
        rule="secret-unreadable",
        severity=Severity.CRIT,
        text=f"Secret {secret.name} has no enabled version: who needs it fails at its next start",
        short=f"{secret.name} cannot be read",
        evidence=tuple(f"version {each.number} is {each.state}" for each in secret.versions[:3]) or ("no version",),
        source=source,
        action=request if disabled else None,
        action_title=f"Enable version {disabled} of {secret.name}" if disabled else "",
        rank=10,
    )

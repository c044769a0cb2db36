"""Rows of the managed services: instances, policies, secrets, and who changed what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cockpit.model.access import AccessStatus
from cockpit.model.armor import ArmorStatus
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.secretstore import SecretsStatus, StoredSecret
from screens import figures
from screens.paint import Cell, Column, Layout, Row, Span, Spans

_BACKUPS = 3
_CHANGES = 12
_FAILURES = 5
_LAYOUT: Layout = (
    Column("", 1),
    Column("", 27),
    Column("", 18),
    Column("", 0, least=12),  # at 80 columns the age of a backup is worth more than its kind
    Column("", 9, right=True, drop=1),
)
_AGELESS: Layout = _LAYOUT[:-1]
_HEAD: Layout = (Column("", 1), Column("", 27), Column("", 0, least=40))
Say = Callable[[str], str]  # part of a source -> key of its row


def line(key: str, glyph: Span, name: str, state: Span, said: str, sunk: bool = False) -> Row:
    """The first line of a source: its name, the verdict on it, what it is."""
    return Row(key, (glyph, (name, "bold"), Spans((state, (f"   {said}", "")))), _HEAD, sunk)


def part(key: str, name: str, state: Cell, said: Cell = ("", ""), age: str = "", sunk: bool = False) -> Row:
    """A line that belongs to the one above."""
    cells = (("", ""), (f"  {name}", ""), state, said)
    return Row(key, (*cells, (age, "muted")), _LAYOUT, sunk) if age else Row(key, cells, _AGELESS, sunk)


def ago(at: datetime | None, now: float) -> str:
    """The age of a moment."""
    return figures.age(now - at.timestamp()) if at is not None else ""


def until(at: datetime, now: float) -> str:
    """ "in 3 h", "2 d ago"."""
    left = at.timestamp() - now
    return f"in {figures.age(left)}" if left > 0 else f"{figures.age(-left)} ago"


def sql_words(status: CloudSqlStatus, told: str = "") -> str:
    """Version, machine and place of an instance; what is `told` beside it already is not said again."""
    parts = [status.version.replace("_", " ").title().replace("Postgres", "PostgreSQL"), status.tier]
    if status.is_replica:
        parts.append("" if f"replica of {status.primary}" in told else f"replica of {status.primary}")
    elif status.highly_available:
        pair = f"HA {status.zone} ⇄ {status.secondary_zone}" if status.secondary_zone else f"HA {status.zone}"
        standby = f"standby in {status.secondary_zone}" if status.secondary_zone else ""
        parts.append(standby if f"in {status.zone}, HA" in told else pair)
    else:
        parts.append("one zone" if f"in {status.zone}" in told else f"one zone {status.zone}".strip())
    if status.disk_gb:
        parts.append(f"{status.disk_gb} GB{' growing' if status.disk_autoresize else ''}")
    return "  ".join(filter(None, parts))


def sql_rows(status: CloudSqlStatus, key: Say, now: float, sunk: bool) -> list[Row]:
    """Operations under way or failed, replicas, maintenance, the last backups."""
    rows: list[Row] = []
    for each in status.operations[:5]:
        if each.running:
            state = ("▲ " + each.status.lower(), "warning bold")
        elif each.error:
            state = ("✖ failed", "error bold")
        else:
            continue
        said = each.error or (f"by {each.user}" if each.user else "")
        rows.append(
            part(key(f"operation/{each.id}"), each.kind.lower(), state, (said, ""), ago(each.started, now), sunk)
        )
    if status.replicas:
        rows.append(part("", "replicas", (str(len(status.replicas)), ""), (", ".join(status.replicas), ""), "", sunk))
    if status.databases:
        rows.append(
            part("", "databases", (str(len(status.databases)), ""), (", ".join(status.databases), ""), "", sunk)
        )
    rows += _maintenance(status.maintenance_at, status.maintenance_window, now, sunk)
    rows += [_backup(each, key, now, sunk) for each in status.backups[:_BACKUPS]]
    return rows


def _maintenance(at: datetime | None, window: str, now: float, sunk: bool) -> list[Row]:
    """When it is planned, and the window in which it may be; nothing where neither is known."""
    if at is None and not window:
        return []
    state: Cell = (until(at, now), "warning") if at is not None else ("none planned", "muted")
    return [part("", "maintenance", state, (f"window {window}" if window else "", "muted"), "", sunk)]


def _backup(backup: SqlBackup, key: Say, now: float, sunk: bool) -> Row:
    good = backup.status == "SUCCESSFUL"
    style = "muted" if good else "error" if backup.status == "FAILED" else "warning"
    said = backup.error or backup.description
    kind = "on demand" if backup.kind == "ON_DEMAND" else backup.kind.lower()
    return part(
        key(f"backup/{backup.id}"), f"backup {backup.id}", (backup.status.lower(), style),
        (f"{kind}  {said}".strip(), "muted"), ago(backup.ended or backup.started, now), sunk,
    )  # fmt: skip


def memorystore_words(status: MemorystoreStatus, told: str = "") -> str:
    """Version, tier, size and place of an instance, without what is `told` beside it."""
    tier = "HA" if status.highly_available else "basic, no replica"
    size = f"{status.size_gb} GB"
    parts = [status.version.replace("REDIS_", "Redis ").replace("_", "."), tier, "" if size in told else size]
    parts.append(f"primary in {status.zone}" if status.zone else "")
    return "  ".join(filter(None, parts))


def memorystore_rows(status: MemorystoreStatus, key: Say, now: float, sunk: bool) -> list[Row]:
    """Maintenance and what the service says of itself."""
    rows = _maintenance(status.maintenance_at, status.maintenance_window, now, sunk)
    if status.status_message:
        rows.append(part("", "says", (status.status_message, "warning"), sunk=sunk))
    return rows


def armor_words(status: ArmorStatus, told: str = "") -> str:
    """What the policy is made of, without what is `told` beside it."""
    adaptive = {True: "adaptive protection on", False: "adaptive protection off", None: ""}[status.adaptive]
    adaptive = "" if "adaptive" in told else adaptive
    backends = f"before {', '.join(status.backends)}" if status.backends else ""
    return "  ".join(filter(None, (adaptive, backends)))


def armor_rows(status: ArmorStatus, key: Say, now: float, sunk: bool) -> list[Row]:
    """One line a rule."""
    rows: list[Row] = []
    for rule in status.rules:
        style = "success" if rule.action == "allow" else "error" if rule.action.startswith("deny") else "warning"
        matches = ", ".join(rule.ranges) or rule.expression
        said = f"{matches}{'  preview' if rule.preview else ''}"
        if rule.expires is not None:
            due = rule.expires.timestamp() <= now
            said += f"  {'due to be let in since' if due else 'until'} {rule.expires:%Y-%m-%d %H:%M} UTC"
            style = "warning bold" if due else style
        elif rule.description:
            said += f"  {rule.description}"
        rows.append(
            part(key(f"rule/{rule.priority}"), f"rule {rule.priority}", (rule.action, style), (said, ""), "", sunk)
        )
    return rows


def secret_rows(status: SecretsStatus, key: Say, now: float, sunk: bool) -> list[Row]:
    """One line a secret; its versions where one of them is not as usual."""
    return [_secret(each, key, now, sunk) for each in status.secrets]


def _secret(secret: StoredSecret, key: Say, now: float, sunk: bool) -> Row:
    newest = secret.newest
    state: Cell = (f"version {newest.number}", "") if newest else ("✖ none enabled", "error bold")
    enabled = sum(version.state == "ENABLED" for version in secret.versions)
    said = f"{enabled} of {len(secret.versions)} versions enabled"
    if secret.expires is not None:
        said += f"  expires {until(secret.expires, now)}"
    if secret.next_rotation is not None:
        said += f"  rotation due {until(secret.next_rotation, now)}"
    return part(
        key(f"secret/{secret.name}"), secret.name, state, (said, "muted"), ago(newest.created, now) if newest else "",
        sunk,
    )  # fmt: skip


def access_rows(status: AccessStatus, key: Say, now: float, sunk: bool) -> list[Row]:
    """Who changed what, newest first; then who was turned away."""
    rows: list[Row] = []
    for change in status.changes[:_CHANGES]:
        state: Cell = (
            (f"✖ {change.method.rpartition('.')[2]}", "error")
            if change.failed
            else (change.method.rpartition(".")[2], "")
        )
        said = f"{change.resource.rpartition('/')[2]}  {change.failed or change.address}".strip()
        rows.append(part(key(f"change/{change.id}"), change.who, state, (said, "muted"), ago(change.at, now), sunk))
    if len(status.changes) > _CHANGES:
        rows.append(part("", f"and {len(status.changes) - _CHANGES} more", ("", ""), ("", ""), "", sunk))
    for failure in status.failures[:_FAILURES]:
        rows.append(
            part(key(f"failure/{failure.id}"), failure.who or "unknown", ("▲ turned away", "warning"),
                 (f"{failure.address}  {failure.text}".strip(), "muted"), ago(failure.at, now), sunk)
        )  # fmt: skip
    if len(status.failures) > _FAILURES:
        rows.append(part("", f"and {len(status.failures) - _FAILURES} more", ("", ""), ("", ""), "", sunk))
    return rows

"""Log entries of the Admin Activity log and of refused logins -> our values.

https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cockpit.adapters.gcp.logging import entry_of_cloud
from cockpit.adapters.gcp.runwire import Json, moment, number, part, text
from cockpit.model.access import AccessFailure, AdminChange
from cockpit.text import clean

_WHO = (
    *("user", "username", "user_name", "userName", "email", "user_email", "login", "account", "principal"),
    *("principalEmail", "user_id", "userId", "sub", "subject"),
)
_ADDRESS = ("source_ip", "sourceIp", "ip_address", "ipAddress", "remoteAddress", "client_address", "x_forwarded_for")


def change_of(entry: Json) -> AdminChange | None:
    """One entry of the activity log; None for the good end of an operation, whose begin tells the same, and for
    what is no audit entry.
    """
    payload = part(entry, "protoPayload")
    at = moment(entry.get("timestamp"))
    if at is None or not payload.get("methodName"):
        return None
    status, operation = part(payload, "status"), part(entry, "operation")
    failed = text(status.get("message"), 200) or f"code {number(status.get('code'))}"
    failed = failed if number(status.get("code")) else ""
    ends = operation.get("last") is True and operation.get("first") is not True
    if ends and not failed:
        return None
    caller, request = part(payload, "authenticationInfo"), part(payload, "requestMetadata")
    return AdminChange(
        at,
        text(caller.get("principalEmail"), 120) or text(caller.get("principalSubject"), 160) or "unknown",
        text(payload.get("methodName"), 200),
        text(payload.get("resourceName"), 300),
        text(payload.get("serviceName"), 120),
        text(request.get("callerIp"), 64),
        text(request.get("callerSuppliedUserAgent"), 200),
        failed,
        not ends,
        text(entry.get("insertId"), 80),
    )


def failure_of(entry: Json) -> AccessFailure | None:
    """One entry that the profile's filter found; None for one without a time."""
    at = moment(entry.get("timestamp"))
    if at is None:
        return None
    shown = entry_of_cloud(entry, at.timestamp())
    record, audited = part(entry, "jsonPayload"), part(entry, "protoPayload")
    who = _first(record, _WHO) or text(part(audited, "authenticationInfo").get("principalEmail"), 120)
    address = shown.client_ip or _first(record, _ADDRESS).partition(",")[0].strip()
    address = address or text(part(audited, "requestMetadata").get("callerIp"), 64)
    return AccessFailure(at, who, address[:64], shown.message[:200], text(entry.get("insertId"), 80))


def _first(record: Json, names: Iterable[str]) -> str:
    """The first of these fields that is a text or a number; of a nested object its own first."""
    for name in names:
        value: Any = record.get(name)
        if isinstance(value, dict):
            value = _first(value, ("email", "username", "login", "id", "name", "ip"))
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return clean(value.strip(), 120)
    return ""

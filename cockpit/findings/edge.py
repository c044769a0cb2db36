"""Rules on who comes in: logins that are refused in numbers, denials whose end has come."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

from cockpit.findings.view import View
from cockpit.model.access import AccessFailure, AccessStatus, busiest
from cockpit.model.action import ActionRequest
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity

_SHOWN = 4  # addresses and names in the evidence


def access_findings(view: View) -> Iterator[Finding]:
    """Many refused logins within five minutes, with the addresses that they come from."""
    now = datetime.fromtimestamp(view.now, UTC)
    for state, access in view.fresh(AccessStatus):
        burst = access.burst(now)
        if not access.many or len(burst) < access.many:
            continue
        most = busiest(burst)
        lead = f", {most[0][1]} of them from {most[0][0]}" if most else ""
        action = _denial(view, most[0][0]) if most and most[0][1] * 2 > len(burst) else None
        yield Finding(
            rule="refused-logins",
            severity=Severity.WARN,
            text=f"{len(burst)} logins were refused within five minutes{lead}",
            short=f"{len(burst)} logins refused",
            evidence=(
                "from " + ", ".join(f"{address} ({count})" for address, count in most[:_SHOWN]) if most else "",
                f"as {_names(burst)}",
            ),
            source=state.source,
            action=action,
            action_title=f"Deny {most[0][0]}" if action else "",
            since=burst[-1].at.timestamp(),
            rank=40,
        )


def _names(burst: tuple[AccessFailure, ...]) -> str:
    found = list(dict.fromkeys(each.who for each in burst if each.who))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (", ".join(found[:_SHOWN]) or "nobody that is named") + more


def _denial(view: View, address: str) -> ActionRequest | None:
    """Where exactly one policy is watched and does not deny the address yet."""
    policies = list(view.fresh(ArmorStatus))
    if len(policies) != 1:
        return None
    ((state, status),) = policies
    try:
        public = ipaddress.ip_address(address)
        denied = any(public in ipaddress.ip_network(each) for rule in status.denials for each in rule.ranges)
    except ValueError:
        return None
    return None if denied else ActionRequest("armor.deny", state.source, {"address": address})


def armor_findings(view: View) -> Iterator[Finding]:
    """Denials whose own words say that they are over. The policy ends nothing by itself."""
    now = datetime.fromtimestamp(view.now, UTC)
    for state, status in view.fresh(ArmorStatus):
        due = status.due(now)
        if not due:
            continue
        rule, more = due[0], f", and {len(due) - 1} more" if len(due) > 1 else ""
        shown = ", ".join(rule.ranges)
        since = f"{rule.expires:%Y-%m-%d %H:%M} UTC"
        yield Finding(
            rule="denial-due",
            severity=Severity.WARN,
            text=f"{shown} is due to be let in again since {since} at {status.policy}{more}",
            short=f"{rule.ranges[0]} due to be let in",
            evidence=tuple(map(_told, due[:_SHOWN])),
            source=state.source,
            action=ActionRequest(
                "armor.lift", state.source, {"priority": str(rule.priority), "ranges": ",".join(rule.ranges)}
            ),
            action_title=f"Let {shown} in again",
            since=rule.expires.timestamp() if rule.expires else None,
            rank=85,
        )


def _told(rule: ArmorRule) -> str:
    return f"rule {rule.priority} ({rule.action}, {', '.join(rule.ranges)}): {rule.description}"

"""Compute Engine's JSON of a security policy <-> our values, and the end of a denial as its description says it.

https://cloud.google.com/compute/docs/reference/rest/v1/securityPolicies
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from cockpit.adapters.gcp.runwire import Json, number, objects, part, short, text
from cockpit.errors import Malformed
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.text import clean

MOST_RANGES = 10  # of one rule, as the API says
DESCRIPTION_CHARS = 64  # of a rule; the API refuses a longer one
LAST = 2147483647  # priority of the default rule
_UNTIL = re.compile(r"\buntil (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::\d\d)?(?: ?UTC|Z)\b")


def due_text(at: datetime) -> str:
    """What the description of a denial says of its end, to the minute."""
    return f"denied by cockpit until {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def due_of(description: str) -> datetime | None:
    """The end that a description names, whoever wrote it; None for none."""
    match = _UNTIL.search(description)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError:
        return None


def rule_of(entry: Json) -> ArmorRule:
    """One SecurityPolicyRule; what matches packets (networkMatch) has neither ranges nor expression here."""
    match = part(entry, "match")
    ranges = part(match, "config").get("srcIpRanges")
    description = text(entry.get("description"), 200)
    return ArmorRule(
        number(entry.get("priority")),
        text(entry.get("action"), 60),
        tuple(clean(str(each), 60) for each in ranges) if isinstance(ranges, list) else (),
        text(part(match, "expr").get("expression"), 400),
        entry.get("preview") is True,
        description,
        due_of(description),
    )


def rule_json(rule: ArmorRule) -> dict[str, Any]:
    """A rule by addresses, as addRule takes it."""
    body: dict[str, Any] = {
        "priority": rule.priority,
        "action": rule.action,
        "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": list(rule.ranges)}},
    }
    if rule.description:
        body["description"] = rule.description
    if rule.preview:
        body["preview"] = True
    return body


def status_of(answer: Json, project: str) -> ArmorStatus:
    """One SecurityPolicy. Raises Malformed for what is none."""
    identity, name = text(answer.get("id"), 40), text(answer.get("name"), 80)
    if not identity or not name:
        raise Malformed("compute API answered a security policy without id or name")
    rules = sorted((rule_of(entry) for entry in objects(answer.get("rules"))), key=lambda rule: rule.priority)
    return ArmorStatus(
        project,
        name,
        identity,
        text(answer.get("fingerprint"), 80),
        tuple(rules),
        text(answer.get("type"), 40) or "CLOUD_ARMOR",
        adaptive_of(answer),
        text(answer.get("description"), 200),
    )


def adaptive_of(answer: Json) -> bool | None:
    """Whether layer 7 DDoS defence is on. A policy that never had it set says nothing, which means off."""
    defence = part(part(answer, "adaptiveProtectionConfig"), "layer7DdosDefenseConfig")
    found = defence.get("enable")
    if isinstance(found, bool):
        return found
    return False if text(answer.get("type"), 40) in ("", "CLOUD_ARMOR") else None


def adaptive_json(answer: Json, enable: bool) -> dict[str, Any]:
    """The adaptive protection as it is, with this one switch set: what else it holds stays."""
    config = dict(part(answer, "adaptiveProtectionConfig"))
    config["layer7DdosDefenseConfig"] = {**part(config, "layer7DdosDefenseConfig"), "enable": enable}
    return config


def users_of(backends: list[Json], policy: str) -> tuple[str, ...]:
    """Names of the backend services that use the policy, as backend or as edge policy."""
    return tuple(
        text(each.get("name"), 80)
        for each in backends
        if policy in (short(each.get("securityPolicy")), short(each.get("edgeSecurityPolicy")))
    )

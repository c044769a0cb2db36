"""A Cloud Armor policy as Compute Engine keeps it, what it takes for a rule, and the errors of that API."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.http import Response

_ACTION = re.compile(r"allow|deny\((403|404|502)\)|throttle|rate_based_ban|redirect")
_RANGES = 10
_DESCRIPTION = 64
_LAST = 2147483647


class ComputeError(ApiError):
    """An error as Compute Engine writes it: with `errors[].reason`, without a canonical word."""

    def __init__(self, http: int, reason: str, message: str, header: str = "") -> None:
        super().__init__(reason, message)
        self.http = http
        self.header = header

    def response(self) -> Response:
        """The older error body of Google's APIs."""
        entry = {"message": self.message, "domain": "global", "reason": self.code}
        if self.header:
            entry |= {"location": self.header, "locationType": "header"}
        return Response.of({"error": {"code": self.http, "message": self.message, "errors": [entry]}}, self.http)


def unknown_rule(priority: int) -> ComputeError:
    """There is no rule of that priority."""
    return ComputeError(
        400, "invalid", f"Invalid value for field 'priority': '{priority}'. The security policy does not contain a "
        f"rule at priority {priority}.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule to begin with."""

    priority: int
    action: str
    ranges: tuple[str, ...] = ()
    expression: str = ""
    preview: bool = False
    description: str = ""

    def json(self) -> dict[str, Any]:
        """On the wire."""
        match: dict[str, Any] = {"expr": {"expression": self.expression}}
        if self.ranges:
            match = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": list(self.ranges)}}
        return {
            "kind": "compute#securityPolicyRule",
            "description": self.description,
            "priority": self.priority,
            "match": match,
            "action": self.action,
            "preview": self.preview,
        }


@dataclass(slots=True)
class Policy:
    """One policy; `rules` by priority, on the wire's form."""

    name: str
    id: str
    created: datetime
    description: str = ""
    rules: dict[int, dict[str, Any]] = field(default_factory=dict)
    adaptive: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def fingerprint(self) -> str:
        """Changes with every change of the policy."""
        raw = hashlib.sha256(f"{self.id}:{self.version}".encode()).digest()[:8]
        return base64.b64encode(raw).decode()

    def touch(self) -> None:
        """It was changed."""
        self.version += 1

    def verdict(self, client: str) -> int:
        """The HTTP status that a denial answers this address with, 0 where it is let in. Expressions match nobody."""
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return 0
        for priority in sorted(self.rules):
            rule = self.rules[priority]
            ranges = rule["match"].get("config", {}).get("srcIpRanges", ())
            if not rule["preview"] and any(each == "*" or address in ipaddress.ip_network(each) for each in ranges):
                found = _ACTION.fullmatch(rule["action"])
                return int(found[1] or 0) if found else 0
        return 0

    def json(self, link: str) -> dict[str, Any]:
        """On the wire."""
        answer: dict[str, Any] = {
            "kind": "compute#securityPolicy",
            "id": self.id,
            "creationTimestamp": stamp(self.created),
            "name": self.name,
            "description": self.description,
            "rules": [self.rules[priority] for priority in sorted(self.rules)],
            "fingerprint": self.fingerprint,
            "labelFingerprint": "42WmSpB8rSM=",
            "type": "CLOUD_ARMOR",
            "selfLink": link,
        }
        if self.adaptive:
            answer["adaptiveProtectionConfig"] = dict(self.adaptive)
        found: dict[str, Any] = json.loads(json.dumps(answer))
        return found


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as it is stored. Raises ComputeError for one that the API does not take."""
    priority, action = body.get("priority"), str(body.get("action") or "")
    if not isinstance(priority, int) or not 0 <= priority <= _LAST:
        raise _invalid("priority", priority, "must be from 0 to 2147483647")
    if not _ACTION.fullmatch(action):
        raise _invalid("action", action, "is no action")
    description = str(body.get("description") or "")
    if len(description) > _DESCRIPTION:
        raise _invalid("description", description, f"is longer than {_DESCRIPTION} characters")
    match = body.get("match") or {}
    ranges = [str(each) for each in (match.get("config") or {}).get("srcIpRanges") or ()]
    expression = str((match.get("expr") or {}).get("expression") or "")
    if bool(ranges) == bool(expression):
        raise _invalid("match", "", "must have either source ranges or an expression")
    if ranges and match.get("versionedExpr") != "SRC_IPS_V1":
        raise _invalid("match.versionedExpr", match.get("versionedExpr"), "must be SRC_IPS_V1")
    if len(ranges) > _RANGES:
        raise _invalid("match.config.srcIpRanges", ",".join(ranges), f"must not have more than {_RANGES} ranges")
    for each in ranges:
        _check_range(each)
    return Rule(priority, action, tuple(ranges), expression, bool(body.get("preview")), description).json()


def _check_range(text: str) -> None:
    if text == "*":
        return
    try:
        ipaddress.ip_network(text, strict=True)
    except ValueError as error:
        raise _invalid("match.config.srcIpRanges", text, f"is no IP address range: {error}") from None


def _invalid(name: str, value: object, why: str) -> ComputeError:
    return ComputeError(400, "invalid", f"Invalid value for field 'resource.{name}': '{value}'. It {why}.")

"""Which gcloud commands of a runbook the actions on a Cloud Armor policy stand in for, and where they differ.

What gcloud does with each is known from what version 528 really sends. An option that is not named here means that
the command is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from cockpit.actions.standin import intent, stand_ins
from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.model.action import ActionSpec
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_PLACES = {"--project": "project", "--security-policy": "policy"}
_QUIET = frozenset({"--global"})  # the scope that there is without it, too
_OF_FIREWALL = frozenset({"--network", "--priority", "--enable-logging", "--no-enable-logging", "--logging-metadata"})
_PRIORITY = re.compile(r"\d{1,10}")
_CODES = {"deny-403": "403", "deny-404": "404", "deny-502": "502"}
_WEB_PORTS = {"tcp", "tcp:80", "tcp:443", "tcp:8080", "all"}

_ENDS = "The rule says of itself until when it is meant, and the cockpit reminds of it; the command's says nothing."
_SAYS = " Its description is the cockpit's, not the command's."
_NO_FIREWALL = (
    "A VPC firewall rule filters machines of a network: Cloud Run and external load balancers never ask it, and the"
    " attacker would get through. This adds a rule to the Cloud Armor policy instead; it does not protect"
    " machines of that network."
)


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions."""
    return stand_ins(specs, intent_of)


def intent_of(call: Call) -> Intent | None:
    """What a command that changes a policy, or a firewall against an attacker, amounts to."""
    understand = _VERBS.get(call.verb)
    return understand(call) if understand is not None else None


def _intent(found: RunCall, action: str, params: Mapping[str, str], differs: str = "") -> Intent:
    return intent(found, action, SourceKind.ARMOR, params, differs)


def _created(call: Call) -> Intent | None:
    """rules create PRIORITY --security-policy=P --action=deny-403 --src-ip-ranges=A,B."""
    found = cloud_call(call, call.verb, "", _PLACES, _QUIET)
    if found is None or len(found.given) != 1 or "--security-policy" not in call.flags:
        return None
    options = dict(found.options)
    code, ranges = _CODES.get(options.pop("--action", "")), options.pop("--src-ip-ranges", "")
    described = options.pop("--description", None) is not None
    if code is None or not ranges or options or not _priority(found):
        return None
    params = {"address": ranges, "at": found.given[0], "code": code}
    return _intent(found, "armor.deny", params, _ENDS + (_SAYS if described else ""))


def _deleted(call: Call) -> Intent | None:
    """rules delete PRIORITY --security-policy=P."""
    found = cloud_call(call, call.verb, "", _PLACES, _QUIET)
    if found is None or found.options or len(found.given) != 1 or "--security-policy" not in call.flags:
        return None
    differs = "It removes a rule that denies addresses, and no other."
    return _intent(found, "armor.lift", {"priority": found.given[0]}, differs) if _priority(found) else None


def _priority(found: RunCall) -> bool:
    """A number, or something to fill in."""
    value = found.value(found.given[0])
    return isinstance(value, Placeholder) or _PRIORITY.fullmatch(value) is not None


def _updated(call: Call) -> Intent | None:
    """update P --enable-layer7-ddos-defense, or its opposite; nothing beside it."""
    found = cloud_call(call, call.verb, "policy", {"--project": "project"}, _QUIET)
    if found is None or found.given or not call.args:
        return None
    match dict(found.options):
        case {"--enable-layer7-ddos-defense": "", **rest} if not rest:
            return _intent(found, "armor.adaptive", {"wanted": "on"})
        case {"--no-enable-layer7-ddos-defense": "", **rest} if not rest:
            return _intent(found, "armor.adaptive", {"wanted": "off"})
    return None


def _firewall(call: Call) -> Intent | None:
    """firewall-rules create NAME --action=DENY --rules=all --source-ranges=A: against somebody from outside.

    One that names machines (tags, service accounts, destinations), another direction, or ports that are not of the
    web, is about machines: it stays what it is.
    """
    found = cloud_call(call, call.verb, "", {"--project": "project"}, _OF_FIREWALL)
    if found is None or len(found.given) != 1:
        return None
    options = dict(found.options)
    options.pop("--description", None)
    ranges, rules = options.pop("--source-ranges", ""), options.pop("--rules", "")
    denies = options.pop("--action", "").upper() == "DENY" and options.pop("--direction", "INGRESS").upper() in (
        "INGRESS",
        "IN",
    )
    web = bool(rules) and {each.strip().lower() for each in rules.split(",")} <= _WEB_PORTS
    if not denies or not web or not ranges or options:
        return None
    return _intent(found, "armor.deny", {"address": ranges}, f"{_NO_FIREWALL} {_ENDS}")


_VERBS: Mapping[str, Callable[[Call], Intent | None]] = {
    "compute security-policies rules create": _created,
    "compute security-policies rules delete": _deleted,
    "compute security-policies update": _updated,
    "compute firewall-rules create": _firewall,
}

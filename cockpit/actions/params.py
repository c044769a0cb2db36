"""Checks the parameters of a request against their declaration. Values stay text."""

from __future__ import annotations

import ipaddress
import re

from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, ActionSpec, Param, ParamKind
from cockpit.profile.schema import parse_duration
from cockpit.text import UNSAFE

_LIMIT = 4096
_REFERENCE = re.compile(r"file:\s*\S.*|env:\s*[A-Za-z_][A-Za-z0-9_]*|typed:\d+")
_IDENTITY_LIMIT = 1 << 20  # filled in by a plan, which may pin thousands of objects


def problem(param: Param, value: str) -> str:
    """Why the value does not fit, "" when it does."""
    if not value:
        return f"{param.name} is needed: {param.help}" if param.required and not param.identity else ""
    limit = _IDENTITY_LIMIT if param.identity else _LIMIT
    if len(value) > limit or UNSAFE.search(value):
        return f"{param.name} is too long or has characters that cannot be shown"
    match param.kind:
        case ParamKind.INTEGER:
            return (
                ""
                if value.lstrip("-").isascii() and value.lstrip("-").isdigit()
                else f"{param.name} must be a number"
            )
        case ParamKind.DURATION:
            try:
                parse_duration(value)
            except ValueError as error:
                return f"{param.name} {error}"
        case ParamKind.ADDRESS:
            try:
                ipaddress.ip_address(value)
            except ValueError:
                return f"{param.name} must be one IP address"
        case ParamKind.REFERENCE:
            # Not repeated: it may be the secret itself, written where a reference belongs.
            return "" if _REFERENCE.fullmatch(value) else f"{param.name} must be file:PATH or env:NAME"
        case ParamKind.TEXT | ParamKind.CHOICE:
            pass
    return ""


def completed(spec: ActionSpec, request: ActionRequest) -> ActionRequest:
    """The request with defaults filled in. Raises Refused naming every parameter that is wrong."""
    known = {param.name: param for param in spec.params}
    values = {param.name: param.default for param in spec.params if param.default}
    values |= {name: value for name, value in request.params.items() if value}
    problems = [f"{spec.id} has no parameter {name}" for name in values if name not in known]
    problems += [text for param in spec.params if (text := problem(param, values.get(param.name, "")))]
    if problems:
        names = ", ".join(known) or "none"
        raise Refused("parameters", "; ".join(problems), hint=f"Parameters of {spec.id}: {names}")
    return ActionRequest(request.action, request.source, values)

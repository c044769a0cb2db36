"""What an answer of Render's API means: JSON, or one of our errors; also where none came.

Errors are {"id", "message"} with the usual statuses: https://api-docs.render.com/reference/introduction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from cockpit.adapters.raw import part, text
from cockpit.adapters.render.quota import retry_after
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.text import clean

LOOK = "the change may have happened: look at the service before anything else"
KEYS = "make an API key at dashboard.render.com, Account Settings, and let token in the profile lead to it"
_SLOW = "check network and proxy, or give the source a longer timeout"


def decoded(content: bytes, *, read: bool) -> Any:
    """JSON; None for an empty answer. A mutation that was accepted with garbage has been made for all we know."""
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Malformed(
            "Render's API answers with what is no JSON",
            hint="a proxy in between answers like this" if read else LOOK,
            effect_possible=not read,
        ) from None


def error_of_answer(
    what: str, status: int, headers: Mapping[str, str], content: bytes, epoch: float, *, read: bool
) -> CockpitError:
    """What an HTTP error means. `what` was asked, as "POST /services/srv-1/restart"."""
    message = _message(content)
    said = (
        f"Render's API: {message} (HTTP {status} to {what})" if message else f"Render answers HTTP {status} to {what}"
    )
    if status == 429:
        return RateLimited(
            said,
            retry_after_s=retry_after(headers, epoch),
            hint="the limits count all programs of this API key's user" + ("" if read else "; nothing was done"),
        )
    if status == 401:
        return AuthenticationFailed(f"{said}: the API key was not accepted", hint=KEYS)
    if status == 403:
        needs = f"the right to {what}"
        hint = "in a protected environment only an admin of the workspace may; ask one, or use a key of one"
        return PermissionDenied(f"{said}: the API key is known, and may not", missing=needs, hint=hint)
    if status in (404, 410):
        hint = "check the ids in the profile, and that the key's user belongs to the workspace"
        return NotFound(said, hint=hint)
    if status == 409:
        return Conflict(said, hint="it is in another state than it was read in: plan again")
    if status == 402:
        return Misconfigured(said, hint="the workspace has to pay for this: see Billing in the dashboard")
    if status in (408, 504):
        return TimedOut(said, hint=_SLOW if read else LOOK, effect_possible=not read)
    if status >= 500:
        return Unreachable(said, hint="see status.render.com" if read else LOOK, effect_possible=not read)
    return Misconfigured(said, hint="the request was refused as it stands")


def no_answer(server: str, error: httpx.HTTPError, *, read: bool) -> CockpitError:
    """Where none came. A connection that was never made has done nothing."""
    name = type(error).__name__
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):  # its words may hold the key
        return Misconfigured(f"no request to {server} can be made ({name})", hint="look at endpoint and token")
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TimedOut(f"{server} takes no connection in time", hint=_SLOW)
    if isinstance(error, httpx.ConnectError):
        return Unreachable(
            f"{server} takes no connection: {clean(str(error), 200) or name}", hint="check network, DNS"
        )
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{server} gave no answer in time", hint=_SLOW if read else LOOK, effect_possible=not read)
    return Unreachable(
        f"the connection to {server} broke ({name})",
        hint="it is tried again" if read else LOOK,
        effect_possible=not read,
    )


def _message(content: bytes) -> str:
    try:
        found = part(json.loads(content))
    except (ValueError, RecursionError):
        return ""
    return text(found.get("message"), 300).rstrip(". ")

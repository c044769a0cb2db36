"""What an answer of a Google REST API means: a JSON object, or one of our errors; also where none came.

The error model is google.rpc.Status with ErrorInfo and RetryInfo (https://google.aip.dev/193).
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from cockpit.adapters.gcp.roles import ROLES
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

LOOK = "the change may have happened: look at the service"
GARBLED = "a proxy in between, or an endpoint that is not Google's, answers like this"
_SLOW = "check network and proxy, or give the source a longer timeout"
LOGIN = "run: gcloud auth application-default login"
_PERMISSION = re.compile(r"(?:[Pp]ermission|Required) '?([a-z][\w]*\.[\w.]*\w)'?")
_EXCEEDED = frozenset(("rateLimitExceeded", "userRateLimitExceeded"))
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")

Json = dict[str, Any]


def error_of_answer(
    service: str, status: int, headers: Mapping[str, str], content: bytes, *, read: bool
) -> CockpitError:
    """What an HTTP error means."""
    message, word, details = _parse_error(content)
    said = f"{service} API: {message}" if message else f"{service} API answers HTTP {status}"
    # Compute Engine says 403 for it: https://cloud.google.com/compute/api-quota
    if status == 429 or (status == 403 and word in _EXCEEDED):
        return RateLimited(
            said, retry_after_s=_retry_after(headers, details), hint="quotas are shared by the project"
        )
    if status == 401:
        return AuthenticationFailed(said, hint=LOGIN)
    if status == 403:
        return _forbidden(service, said, details)
    if status == 404:
        return NotFound(said, hint="check project, region and service in the profile")
    if status in (409, 412) or word in ("ABORTED", "FAILED_PRECONDITION"):
        return Conflict(said, hint="it changed since it was read, or something else is changing it: plan again")
    if status in (408, 504):
        return TimedOut(said, hint=_SLOW if read else LOOK, effect_possible=not read)
    if status >= 500:
        return Unreachable(
            said,
            hint="Google's side failed: see status.cloud.google.com" if read else LOOK,
            effect_possible=not read,
        )
    if 400 <= status < 500:
        return Misconfigured(said, hint="the request was refused as it stands")
    return Malformed(f"{service} API answers HTTP {status}", hint=GARBLED if read else LOOK, effect_possible=not read)


def _parse_error(content: bytes) -> tuple[str, str, list[Json]]:
    try:
        error = json.loads(content)["error"]
        message = clean(str(error.get("message", "")), 400).rstrip(". ")
        reason = next((str(each.get("reason")) for each in objects_of(error.get("errors"))), "")  # of the older APIs
        words = {"resourceNotReady": "ABORTED", **dict.fromkeys(_EXCEEDED, reason)}
        word = words.get(reason, str(error.get("status", "")))
        return message, word, list(objects_of(error.get("details")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", "", []


def _forbidden(service: str, said: str, details: list[Json]) -> CockpitError:
    missing = ""
    for detail in details:
        metadata = detail.get("metadata")
        facts = metadata if isinstance(metadata, dict) else {}
        if detail.get("reason") == "SERVICE_DISABLED":
            project = clean(str(facts.get("consumer", "")), 80).removeprefix("projects/")
            return Misconfigured(said, hint=f"gcloud services enable {service}.googleapis.com --project={project}")
        missing = missing or clean(str(facts.get("permission", "")), 80)
    match = _PERMISSION.search(said)
    missing = missing or (match[1] if match else "")
    role = ROLES.get(missing, "")
    hint = f"{role} contains {missing}" if role else f"ask for {missing}" if missing else "ask for access"
    return PermissionDenied(said, missing=missing, hint=hint)


def _retry_after(headers: Mapping[str, str], details: list[Json]) -> float | None:
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit() and len(value) < 6:
        return float(value)
    if value:
        with contextlib.suppress(ValueError, OverflowError):  # a date, as RFC 9110 allows; or nothing of sense
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    for detail in details:
        match = _DURATION.fullmatch(str(detail.get("retryDelay", "")))
        if match is not None:
            return float(match[1])
    return None


def no_answer(service: str, base_url: str, error: httpx.HTTPError, *, read: bool) -> CockpitError:
    """What it means that no answer came, or only a part of one. Only where it was never sent is a change undone."""
    where = f"{service} API at {clean(base_url)}"
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    open_effect = not read and not never_sent
    hint = LOOK if open_effect else ""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{where} does not answer", hint=hint or _SLOW, effect_possible=open_effect)
    if isinstance(error, httpx.DecodingError):
        said = clean(str(error), 200)
        return Malformed(f"{where}: {said}", hint=hint or GARBLED, effect_possible=open_effect)
    reason = clean(str(error), 200) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        said = "name the authority in core/custom_ca_certs_file; auth/disable_ssl_validation is not followed"
        return Unreachable(f"{where}: its certificate cannot be verified: {reason}", hint=hint or said)
    hint = hint or getattr(error.__cause__, "hint", "") or "check network, proxy and DNS"  # a SOCKS proxy's own first
    return Unreachable(f"{where}: {reason}", hint=hint, effect_possible=open_effect)


def decoded(service: str, content: bytes, *, read: bool) -> Json:
    """The object in an answer. Raises Malformed for anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Malformed(
            f"{service} API answered something that is no JSON object",
            hint=GARBLED if read else LOOK,
            effect_possible=not read,
        )
    return value


def operation_error(service: str, failure: Json) -> CockpitError:
    """google.rpc.Status of a finished operation: it definitely failed."""
    code = failure.get("code")
    said = f"{service} API: {clean(str(failure.get('message', 'the operation failed')), 400)}"
    if code in (9, 10):
        return Conflict(said, hint="plan again")
    if code == 7:
        return _forbidden(service, said, list(objects_of(failure.get("details"))))
    return CockpitError(said, hint="the service keeps what served before" if service == "run" else "")


def objects_of(value: object) -> list[Json]:
    """The objects of a list, none for what is no list."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []

"""What an answer of GitHub means where it is no success: one of our errors, with the permission that is missing.

Codes: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api. A token that may not see a
private repository gets 404, not 403; x-accepted-github-permissions names what a request needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from cockpit.adapters.raw import Json, parts, text
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    TimedOut,
    Unreachable,
)
from cockpit.text import clean

LOOK = "it may have happened: look at GitHub before anything else"
GARBLED = "a proxy in between, or an endpoint that is not GitHub's, answers like this"


def is_limit(status: int, headers: Mapping[str, str], said: str) -> bool:
    """It was refused for asking too much, by the hour or for too much at once."""
    if status == 429:
        return True
    return status == 403 and (
        "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or "rate limit" in said.casefold()
    )


def said_in(content: bytes) -> str:
    """The message of an error answer with what it says of single fields, "" where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    more = [_detail(each) for each in parts(found, "errors")]
    listed = found.get("errors")
    more += [text(each, 200) for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return ": ".join(filter(None, (text(found.get("message")).rstrip(". "), "; ".join(filter(None, more[:4])))))


def _detail(each: Json) -> str:
    words = text(each.get("message"), 200)
    return words or " ".join(text(each.get(key), 60) for key in ("field", "code") if each.get(key))


def needed(headers: Mapping[str, str]) -> str:
    """The permission or scope that the request needs, as GitHub names it; "" where it does not say."""
    fine = clean(headers.get("x-accepted-github-permissions", ""), 200)
    if fine:
        return " or ".join(each.strip().replace("=", ": ") for each in fine.split(";"))
    wanted = clean(headers.get("x-accepted-oauth-scopes", ""), 200)
    return f"scope {wanted}" if wanted and "x-oauth-scopes" in headers else ""


def error_of(host: str, status: int, headers: Mapping[str, str], said: str, *, read: bool) -> CockpitError:
    """For every status but those of a limit."""
    told = f"{host}: {said}" if said else f"{host} answers HTTP {status}"
    if status == 401:
        return AuthenticationFailed(told, hint=f"the token expired or was revoked; gh auth login --hostname {host}")
    if status in (403, 404, 451):
        return _forbidden(status, headers, told)
    if status in (405, 409):
        return Conflict(told, hint="it is not in the state that this needs: look, then plan again")
    if status in (301, 302, 307, 308):
        return Misconfigured(
            f"{told}: the repository was renamed or moved", hint="name it in [[github]] as it is now"
        )
    if status in (408, 504):
        return TimedOut(told, hint="ask again" if read else LOOK, effect_possible=not read)
    if status >= 500:
        hint = "GitHub's side failed: see www.githubstatus.com" if read else LOOK
        return Unreachable(told, hint=hint, effect_possible=not read)
    if 400 <= status < 500:
        return Misconfigured(told, hint="the request was refused as it stands")
    return Malformed(f"{host} answers HTTP {status}", hint=GARBLED if read else LOOK, effect_possible=not read)


def _forbidden(status: int, headers: Mapping[str, str], told: str) -> CockpitError:
    missing = needed(headers)
    sso = headers.get("x-github-sso", "")
    if sso.startswith("required"):
        where = clean(sso.partition("url=")[2], 200)
        return PermissionDenied(told, missing="single sign-on", hint=f"authorise the token at {where}")
    ask = f"the token needs {missing}" if missing else "the token may lack the permission"
    if status == 404:
        return NotFound(told, hint=f"no such thing, or {ask}: GitHub says 404 for both; check the name first")
    return PermissionDenied(told, missing=missing, hint=f"{ask}; change it where the token was made")


def no_answer(host: str, error: httpx.HTTPError, *, read: bool) -> CockpitError:
    """What it means that no answer came. Only what was never sent is certain not to have happened."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    possible = not read and not never_sent
    hint = LOOK if possible else ""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{host} does not answer", hint=hint or "check network and proxy", effect_possible=possible)
    reason = clean(str(error), 200) or type(error).__name__
    if isinstance(error, httpx.DecodingError):
        return Malformed(f"{host}: {reason}", hint=hint or GARBLED, effect_possible=possible)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        hint = hint or "name the authority in SSL_CERT_FILE"
    return Unreachable(f"{host}: {reason}", hint=hint or "check network, proxy and DNS", effect_possible=possible)

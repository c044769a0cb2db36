"""What an answer of an API server means when it is not 2xx: a Status object (meta/v1), or something else's words.

Every sentence names the context, and the namespace where the request had one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    Refused,
    TimedOut,
    Unreachable,
)
from cockpit.text import clean

LOOK = "the change may have happened: look at the object"
AGAIN = "it changed since it was read: plan again"
_FORBIDDEN = re.compile(
    r'User "[^"]*" cannot (?P<verb>[a-z]+) (?:resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'|path "(?P<path>[^"]*)")(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_NAMESPACE = re.compile(r"/namespaces/([^/?]+)")
_TEST_FAILED = "the server rejected our request due to an error in our request"


class Expired(CockpitError):
    """The server no longer (or not yet) knows the resource version: list again. Never leaves the adapters."""

    word = "too old"


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that an answer belongs to."""

    context: str
    path: str
    read: bool
    who: str = ""  # the user in the kubeconfig
    login: str = ""  # the kind of credentials, in words
    json_patch: bool = False

    @property
    def where(self) -> str:
        """ "context prod, namespace aia", the second where the path has one."""
        found = _NAMESPACE.search(self.path)
        namespace = clean(unquote(found[1]), 80) if found else ""
        return f"context {self.context}, namespace {namespace}" if namespace else f"context {self.context}"


@dataclass(frozen=True, slots=True)
class Said:
    """A Status, as far as it can be used; "" and {} for what is none."""

    message: str = ""
    reason: str = ""
    details: Mapping[str, Any] | None = None

    def causes(self) -> list[tuple[str, str]]:
        """Reason and message of each cause, cleaned."""
        listed = (self.details or {}).get("causes")
        found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return [(clean(str(each.get("reason", "")), 80), clean(str(each.get("message", "")), 300)) for each in found]

    @property
    def wait_s(self) -> float | None:
        """details.retryAfterSeconds."""
        value = (self.details or {}).get("retryAfterSeconds")
        return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else None


def status_of(body: bytes | Mapping[str, Any]) -> Said:
    """The Status in an answer or in an ERROR event."""
    if isinstance(body, bytes):
        try:
            value: object = json.loads(body)
        except (ValueError, RecursionError):
            value = None
    else:
        value = body
    if not isinstance(value, dict) or value.get("kind") != "Status":
        return Said()
    details = value.get("details")
    return Said(
        clean(str(value.get("message") or ""), 500).strip().rstrip("."),
        clean(str(value.get("reason") or ""), 80),
        details if isinstance(details, dict) else None,
    )


def failure(
    status: int, body: bytes | Mapping[str, Any], asked: Asked, headers: Mapping[str, str] | None = None
) -> CockpitError:
    """The error that an answer stands for. Its text has been cleaned."""
    said = status_of(body)
    words = f"{asked.where}: {said.message or _plain(status, body)}"
    if status == 401:
        return AuthenticationFailed(
            f"{asked.where}: the cluster does not accept {asked.login or 'our credentials'}"
            + (f" of user {asked.who}" if asked.who else ""),
            hint="log in again, as the kubeconfig was made; kubectl auth whoami says who you are",
        )
    if status == 403:
        return _forbidden(words, said)
    if status == 404:
        return _missing(words, said, asked)
    if status == 409:
        exists = said.reason == "AlreadyExists"
        return Conflict(words, hint="it exists already: look at it, plan again" if exists else AGAIN)
    if status == 410 or "Too large resource version" in said.message:
        return Expired(words, hint="the list is read again")
    if status == 422:
        return _invalid(words, said, asked)
    if status == 429:
        return _limited(words, said, headers or {})
    if status in (408, 504):
        return TimedOut(words, hint=_hint(asked, "the API server is slow"), effect_possible=not asked.read)
    if status >= 500:
        return _broken(status, words, said, asked)
    if 300 <= status < 400:
        return Malformed(
            f"{asked.where}: {_plain(status, b'')}", hint="an API server sends nobody elsewhere: check server"
        )
    if status >= 400:
        return Misconfigured(words, hint="the request was refused as it stands")
    return Malformed(
        f"{asked.where}: HTTP {status} is no answer of an API server",
        hint=_hint(asked, "check server and proxy"),
        effect_possible=not asked.read,
    )


def _hint(asked: Asked, otherwise: str) -> str:
    return otherwise if asked.read else LOOK


def _plain(status: int, body: bytes | Mapping[str, Any]) -> str:
    """For an answer without a Status: of a proxy, a load balancer or a very old handler."""
    text = ""
    if isinstance(body, bytes) and b"<" not in body[:200]:
        text = clean(body[:200], 200).strip()
    return f"HTTP {status}" + (f": {text}" if text else "")


def _forbidden(words: str, said: Said) -> CockpitError:
    match = _FORBIDDEN.search(said.message)
    if match is not None:
        group, resource = match["group"] or "", match["resource"] or match["path"] or ""
        missing = f"{match['verb']} {resource}.{group}" if group else f"{match['verb']} {resource}"
        place = f" in namespace {match['namespace']}" if match["namespace"] else " for the whole cluster"
        return PermissionDenied(words, missing=missing, hint=f"ask for a Role with: {missing}{place}")
    if "exceeded quota" in said.message:
        return PermissionDenied(words, hint="raise the quota, or free something of it")
    if "being terminated" in said.message:
        return PermissionDenied(words, hint="the namespace is being deleted: nothing can be made in it")
    return PermissionDenied(words, hint="a rule of the cluster (admission) refused it, not a missing right")


def _missing(words: str, said: Said, asked: Asked) -> CockpitError:
    if (said.details or {}).get("name"):
        return NotFound(words, hint="check its name and the namespace")
    if not said.reason or "could not find the requested resource" in said.message:
        path = clean(asked.path, 160)
        return NotFound(
            f"{asked.where}: the API server does not know {path}", hint="its version may not have that API"
        )
    return NotFound(words, hint="check its name and the namespace")


def _invalid(words: str, said: Said, asked: Asked) -> CockpitError:
    if asked.json_patch and not said.causes() and (not said.message or _TEST_FAILED in said.message):
        return Conflict(f"{asked.where}: it changed since it was planned, so nothing was done", hint="plan again")
    if asked.json_patch and "test" in said.message.lower() and "failed" in said.message.lower():
        return Conflict(f"{asked.where}: it changed since it was planned, so nothing was done", hint="plan again")
    return Refused("API server", words, hint="nothing was changed")


def _limited(words: str, said: Said, headers: Mapping[str, str]) -> CockpitError:
    budget = [message for reason, message in said.causes() if reason == "DisruptionBudget"]
    if budget or "disruption budget" in said.message:
        more = f" ({'; '.join(budget)})" if budget else ""
        return RateLimited(
            f"{words}{more}", retry_after_s=said.wait_s, hint="wait until more of its pods are ready, then again"
        )
    value = headers.get("retry-after", "")
    after = float(value) if value.isascii() and value.isdigit() and len(value) < 6 else said.wait_s
    return RateLimited(words, retry_after_s=after, hint="the API server limits requests: it is asked less often")


def _broken(status: int, words: str, said: Said, asked: Asked) -> CockpitError:
    if status == 500 and (
        "failed calling webhook" in said.message or "more than one PodDisruptionBudget" in said.message
    ):
        return Refused("API server", words, hint="nothing was changed")
    own = (
        "the API server failed" if status == 500 else "the API server, or what it passes the request to, is not ready"
    )
    return Unreachable(words, hint=_hint(asked, own), effect_possible=not asked.read)

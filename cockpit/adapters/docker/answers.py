"""What an engine's answer means, and what it means that none came.

Errors of the Engine API are {"message": ...} with a status (moby/moby docs/api/v1.47.yaml, ErrorResponse); Podman
adds "cause" and "response".
"""

from __future__ import annotations

import errno
import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx

from cockpit.adapters.docker.host import Host
from cockpit.adapters.docker.sshway import WayClosed
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

LOOK = "it may have happened: look at the containers before anything else"
_NOT_ONE = "something else listens there, or TLS is spoken on one side only"
_GONE = (errno.ENOENT, errno.ENOTSOCK, errno.ENOTDIR)


def decoded(host: Host, content: bytes, *, read: bool) -> Any:
    """The JSON of an answer, {} for an empty one. Raises Malformed."""
    if not content.strip():
        return {}
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Malformed(
            f"{host.url} answered something that is not JSON",
            hint=_NOT_ONE if read else LOOK,
            effect_possible=not read,
        ) from None


def said_in(content: bytes) -> str:
    """The engine's own sentence, "" where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        text = clean(content[:400]).strip() if content[:1] not in (b"<", b"{") else ""
        return text.rstrip(". ␊")
    message = found.get("message") if isinstance(found, dict) else None
    return clean(message, 500).strip().rstrip(". ␊") if isinstance(message, str) else ""


def error_of_answer(host: Host, status: int, content: bytes, *, read: bool) -> CockpitError:
    """What an HTTP error means."""
    told = said_in(content)
    said = f"{host.url}: {told}" if told else f"{host.url} answers HTTP {status}"
    if status == 404:
        return NotFound(said, hint="it is gone, or made again under another id: look again")
    if status == 409:
        return Conflict(
            said, hint="it is not in the state that it was read in, or somebody else changes it: plan again"
        )
    if status in (401, 403):
        return PermissionDenied(said, hint="the engine, or a plugin that guards it, does not allow this")
    if status == 429:
        return RateLimited(said, hint="the engine asks for patience")
    if "HTTPS server" in told:
        return Misconfigured(said, hint="the engine wants TLS: set ca_file, cert_file and key_file in the profile")
    if status in (408, 504):
        return TimedOut(said, hint="the engine is overloaded" if read else LOOK, effect_possible=not read)
    if status in (502, 503):
        return Unreachable(said, hint="the engine is not ready" if read else LOOK, effect_possible=not read)
    if status >= 500:
        return CockpitError(said, hint="the engine itself failed" if read else LOOK, effect_possible=not read)
    if 400 <= status < 500:
        return Misconfigured(said, hint="the request was refused as it stands")
    return Malformed(f"{host.url} answers HTTP {status}", hint=_NOT_ONE if read else LOOK, effect_possible=not read)


def timed_out(host: Host, within_s: float, *, read: bool) -> TimedOut:
    """The deadline has passed."""
    return TimedOut(
        f"{host.url} gave no answer within {within_s:g} s",
        hint="the engine hangs or is overloaded: journalctl -u docker on its machine" if read else LOOK,
        effect_possible=not read,
    )


def no_answer(host: Host, error: httpx.HTTPError, *, read: bool) -> CockpitError:
    """What it means that the request got none."""
    for cause in _causes(error):
        if isinstance(cause, WayClosed):
            found = cause.error
            found.effect_possible = cause.sent and not read
            return found
        if isinstance(cause, ssl.SSLError):
            return _tls(host, cause)
    number = next((each.errno for each in _causes(error) if isinstance(each, OSError) and each.errno), None)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _unconnected(host, number, error)
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{host.url} gave no answer", hint=LOOK if not read else "it hangs", effect_possible=not read)
    broken = isinstance(error, httpx.RemoteProtocolError) and "incomplete" in str(error)
    if broken or isinstance(error, httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return Unreachable(
            f"{host.url}: the connection broke",
            hint=LOOK if not read else _broken_hint(host),
            effect_possible=not read,
        )
    if isinstance(error, httpx.RemoteProtocolError) and "without sending a response" in str(error):
        return Unreachable(
            f"{host.url} hung up without an answer", hint=LOOK if not read else _NOT_ONE, effect_possible=not read
        )
    if isinstance(error, httpx.ProtocolError | httpx.DecodingError):
        said = clean(str(error), 120)
        return Malformed(
            f"what answers at {host.url} is no Docker engine: {said}",
            hint=_NOT_ONE if read else LOOK,
            effect_possible=not read,
        )
    said = clean(str(error), 120) or type(error).__name__
    return Unreachable(f"{host.url}: {said}", hint=LOOK if not read else "", effect_possible=not read)


def _broken_hint(host: Host) -> str:
    if host.tls is not None and not host.tls.cert:
        return "it may want a client's certificate: set cert_file and key_file"
    return "is the engine restarting?"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _unconnected(host: Host, number: int | None, error: httpx.HTTPError) -> CockpitError:
    """Nothing was sent."""
    if number in (errno.EACCES, errno.EPERM):
        return PermissionDenied(
            f"{host.url}: this user may not use the engine's socket",
            missing=f"read and write on {host.path or host.url}",
            hint="usually membership of the group docker: sudo usermod -aG docker $USER, then log in again",
        )
    if number in _GONE:
        return Unreachable(
            f"no engine at {host.url} ({host.origin}): there is no such socket",
            hint="is the engine running? docker context ls says where the docker command goes",
        )
    if number == errno.ECONNREFUSED:
        return Unreachable(
            f"no engine at {host.url} ({host.origin}): nothing listens there",
            hint="is the engine running? systemctl status docker",
        )
    if isinstance(error, httpx.ConnectTimeout):
        return Unreachable(f"{host.url} took no connection in time", hint="it hangs, or the network drops packets")
    said = clean(str(error), 120) or "no connection"
    return Unreachable(f"{host.url} ({host.origin}): {said}", hint="is the engine running, and the address right?")


def _tls(host: Host, error: ssl.SSLError) -> CockpitError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return AuthenticationFailed(
            f"{host.url}: the engine's certificate is not accepted: {clean(error.verify_message, 120)}",
            hint="set ca_file to the authority that signs the engine",
        )
    reason = clean(str(error.reason or error), 120)
    if "ALERT" in reason.upper() or "REQUIRED" in reason.upper():
        return AuthenticationFailed(
            f"{host.url} does not accept the client's certificate: {reason}", hint="set cert_file and key_file"
        )
    return Misconfigured(f"{host.url}: TLS does not come about: {reason}", hint=_NOT_ONE)

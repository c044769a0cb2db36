"""What Redis, TLS and the network say when they refuse, in the operator's words."""

from __future__ import annotations

import socket
import ssl

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Exhausted,
    Malformed,
    Misconfigured,
    PermissionDenied,
    Unreachable,
)
from cockpit.text import clean

MISSING = ("unknown command", "unknown subcommand")


def answered(error: Exception, where: str, command: str = "") -> CockpitError:
    """An error reply (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors) as one of ours."""
    text = clean(str(error), 200)
    of = f"{where}: {command}" if command else where
    if isinstance(error, AuthenticationError):
        return _not_authenticated(text, where)
    if isinstance(error, NoPermissionError):
        return PermissionDenied(
            f"{of}: the ACL user may not do this: {text}",
            missing=f"+{command.split(' ')[0].lower()}" if command else "",
            hint="grant it with ACL SETUSER, or use another user in the profile",
        )
    if isinstance(error, BusyLoadingError):
        return Unreachable(f"{where} is loading its data set and answers nothing else", hint="wait until it is done")
    if isinstance(error, ReadOnlyError):
        return Conflict(f"{of}: the server is a replica and takes no writes", hint="act on its master")
    if isinstance(error, OutOfMemoryError):
        return Conflict(f"{of}: out of memory, no writes are taken", hint="free memory or raise maxmemory")
    return _by_code(text, where, of)


def _by_code(text: str, where: str, of: str) -> CockpitError:
    code, _, rest = text.partition(" ")
    lowered = text.lower()
    if "max number of clients" in lowered:
        return Exhausted(
            f"{where} has reached its maximum number of clients and takes no more",
            hint="end idle clients or raise maxclients",
        )
    if code == "MASTERDOWN" or "link with master is down" in lowered:
        return Conflict(
            f"{where} is a replica that has lost its master and serves nothing", hint="look at the master first"
        )
    if code == "MISCONF":
        return Conflict(
            f"{where} refuses writes because it cannot save its data to disk",
            hint="look at the server's disk and its log; see rdb_last_bgsave_status",
        )
    if code == "DENIED":
        return AuthenticationFailed(
            f"{where} runs in protected mode and takes only local clients", hint="set a password there, or bind it"
        )
    if code == "BUSY":
        return Conflict(f"{of}: the server is busy running a script", hint="wait, or SCRIPT KILL by hand")
    if code == "NOREPLICAS":
        return Conflict(f"{where} refuses writes because too few replicas follow it", hint="look at its replicas")
    if lowered.startswith(MISSING):
        return PermissionDenied(f"{of}: the server does not offer this command", missing=of, hint="it may be renamed")
    if "db index is out of range" in lowered:
        return Misconfigured(f"{where} has no such logical database", hint="correct the number after / in the URL")
    return Malformed(f"{of} failed: {clean(rest if code == 'ERR' else text, 160)}")


def _not_authenticated(text: str, where: str) -> CockpitError:
    lowered = text.lower()
    if "required" in lowered:
        return AuthenticationFailed(
            f"{where} wants a password and none was given", hint="set password (and username) of this source"
        )
    if "without any password configured" in lowered:
        return AuthenticationFailed(
            f"{where} has no password set but was given one", hint="remove password from this source"
        )
    return AuthenticationFailed(
        f"{where} does not accept this user name and password", hint="check username and password of this source"
    )


def broken(error: Exception, where: str, tls: bool) -> CockpitError:
    """A connection that could not be made, or broke."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(
                f"{where} presents a certificate that is not trusted: {clean(cause.verify_message, 160)}",
                hint="set ca_file to the authority that signs it",
            )
        if isinstance(cause, ssl.SSLError):
            return _tls_failed(cause, where)
        if isinstance(cause, socket.gaierror):
            return Unreachable(f"the host name of {where} cannot be resolved", hint="check the URL and the DNS")
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(f"nothing listens at {where}: connection refused", hint="is the server running there?")
        if isinstance(cause, FileNotFoundError):
            return Unreachable(f"there is no socket {where}", hint="is the server running, and is the path right?")
        if isinstance(cause, PermissionError):
            return Unreachable(f"this user may not open the socket {where}", hint="check its mode and group")
        if isinstance(cause, ConnectionResetError | BrokenPipeError | EOFError):
            break
        if isinstance(cause, OSError) and cause.strerror:
            return Unreachable(f"{where}: {clean(cause.strerror, 120).lower()}", hint="check network and firewall")
    if isinstance(error, ResponseError | AuthenticationError | BusyLoadingError) or "max number" in str(error):
        return answered(error, where)
    speaks = "" if tls else "; a server that wants TLS needs rediss://"
    return Unreachable(
        f"{where} closed the connection", hint=f"it may have been restarted, or has too many clients{speaks}"
    )


def _tls_failed(cause: ssl.SSLError, where: str) -> CockpitError:
    if cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}:
        return Unreachable(f"{where} does not speak TLS on this port", hint="use redis:// instead of rediss://")
    reason = clean((cause.reason or "handshake failed").replace("_", " ").lower(), 80)
    return Unreachable(f"no TLS connection to {where}: {reason}", hint="check port and client certificate")


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it; redis-py wraps the operating system's error without naming it as the cause."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found and len(found) < 8:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found

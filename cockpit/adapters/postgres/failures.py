"""What asyncpg and the socket raise -> `cockpit.errors`, in sentences that say what it means for the operator."""

from __future__ import annotations

import socket
import ssl

import asyncpg

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Exhausted,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    TimedOut,
    Unreachable,
)
from cockpit.text import clean

# Everything that a connection attempt or a query is expected to raise.
EXPECTED = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def translated(error: BaseException, server: str) -> CockpitError:
    """The CockpitError for one of `EXPECTED`; `server` is host:port/database. The result carries no secret."""
    if isinstance(error, CockpitError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error, server)
    if isinstance(error, ssl.SSLError):
        return _from_tls(error, server)
    if isinstance(error, TimeoutError):
        return TimedOut(f"{server} did not answer", hint="the host may be down or a firewall drops the packets")
    if isinstance(error, asyncpg.ClientConfigurationError | FileNotFoundError | PermissionError):
        return _from_set_up(error, server)
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return Unreachable(f"{server} is not the kind of server that target_session_attrs asks for")
    if isinstance(error, OSError):
        return _from_socket(error, server)
    # asyncpg tells its own confusion after a lost connection in words that help nobody.
    said = "" if isinstance(error, asyncpg.InternalClientError) else f": {clean(str(error), 200)}"
    return Unreachable(f"the connection to {server} broke{said}", hint="it is made again at the next poll")


def _from_server(error: asyncpg.PostgresError, server: str) -> CockpitError:
    said = clean(str(error).partition("\n")[0], 300)
    state = error.sqlstate or ""
    if isinstance(error, asyncpg.ConnectionDoesNotExistError | asyncpg.ConnectionFailureError):
        return Unreachable(f"{server} closed the connection", hint="it restarts, was killed, or ended our session")
    if state == "53300":
        return Exhausted(
            f"{server} has no connection left: {said}",
            hint="end idle sessions from a superuser's psql, or lower the applications' pools",
        )
    if state == "3D000":
        return NotFound(f"{server}: {said}", hint="check dbname")
    if state.startswith("28"):
        return _not_authenticated(state, said, server)
    if state == "42501":
        return PermissionDenied(f"{server} refused: {said}", missing=said, hint="GRANT pg_monitor to this role")
    if state in ("57014", "55P03"):
        limit = "the cockpit's limit of 400 ms a query" if state == "57014" else "a lock"
        return TimedOut(f"{server} ran into {limit}: {said}", hint="the server is very busy")
    if state == "57P03":
        return Unreachable(
            f"{server} takes no connections now: {said}", hint="it is starting, stopping or recovering"
        )
    if state.startswith("57P"):
        return Unreachable(f"{server} ended our session: {said}", hint="it is made again at the next poll")
    if state.startswith("08"):
        return Unreachable(f"{server} broke the protocol: {said}")
    return Malformed(f"{server} answered with an error: {said} (SQLSTATE {clean(state, 5)})")


def _not_authenticated(state: str, said: str, server: str) -> CockpitError:
    if state == "28P01":
        return AuthenticationFailed(
            f"{server} did not accept the password: {said}",
            hint="check the password reference, PGPASSWORD or .pgpass",
        )
    return AuthenticationFailed(
        f"{server} does not let this role in: {said}", hint="check user, sslmode and the server's pg_hba.conf"
    )


def _from_tls(error: ssl.SSLError, server: str) -> CockpitError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(
            f"the certificate of {server} is not accepted: {clean(error.verify_message, 200)}",
            hint="sslrootcert names the authority, verify-full also checks the host name",
        )
    return Unreachable(f"no TLS with {server}: {clean(error.reason or str(error), 200)}", hint="check sslmode")


def _from_set_up(error: BaseException, server: str) -> CockpitError:
    if isinstance(error, OSError):
        where = clean(str(error.filename or ""), 200)
        if ".s.PGSQL." in where or not where:
            return Unreachable(
                f"no server listens at {server}: {clean(error.strerror or 'no such socket')}",
                hint="is it running, and is this its socket folder?",
            )
        return Misconfigured(
            f"cannot read {where}: {clean(error.strerror or '')}", hint="check sslrootcert and sslcert"
        )
    return Misconfigured(f"the connection to {server} cannot be set up: {clean(str(error), 200)}")


def _from_socket(error: OSError, server: str) -> CockpitError:
    if isinstance(error, socket.gaierror):
        return Unreachable(f"the name in {server} cannot be resolved", hint="check the host name and this host's DNS")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{server} refused the connection", hint="is the server running and listening there?")
    if "rejected SSL upgrade" in str(error):
        return Misconfigured(
            f"{server} offers no TLS", hint="sslmode asks for it: turn TLS on there, or change sslmode"
        )
    if "during SSL exchange" in str(error):
        return Unreachable(f"{server} answered the TLS request with an error", hint="its log says why")
    return Unreachable(f"no connection to {server}: {clean(error.strerror or str(error), 200)}")

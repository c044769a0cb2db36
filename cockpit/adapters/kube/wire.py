"""Bytes to and from one API server, over the REST client of `kubernetes.aio`: TLS, proxy, deadlines, and what it
means that no answer came. Nothing else imports that library or aiohttp.

Two connections pools: reads may be repeated by aiohttp when a kept-alive connection turns out to be closed; a change
goes over a new connection and is never repeated (aiohttp repeats DELETE and PUT by itself, as they are "idempotent").
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
import tempfile
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import yarl
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from cockpit.adapters.kube.errors import LOOK, Asked
from cockpit.adapters.kube.execauth import Credential
from cockpit.adapters.kube.kubeconfig import Place
from cockpit.adapters.kube.proxy import proxy_of
from cockpit.adapters.kube.websocket import Socket, opened
from cockpit.errors import CockpitError, Malformed, Misconfigured, TimedOut, Unreachable
from cockpit.text import clean

CONNECT_S = 5.0
KEPT_S = 60.0  # how long an idle connection is kept
AGENT = "cockpit"
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # seconds, seconds, probes
_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
# A TLS connection whose peer does not take part in the farewell stays open; aiohttp ends such ones where it is told
# to, and warns from the Pythons on in which https://github.com/python/cpython/pull/118960 makes that needless.
_STAYS_OPEN = sys.version_info < (3, 12, 8) or (3, 13) <= sys.version_info < (3, 13, 1)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ServerFingerprintMismatch)


class _Redirected(Exception):
    """An API server sends nobody elsewhere; a credential does not follow."""


async def _no_redirect(
    session: aiohttp.ClientSession, context: object, params: aiohttp.TraceRequestRedirectParams
) -> None:
    raise _Redirected(clean(params.response.headers.get("location", ""), 120))


class _Rest(RESTClientObject):  # type: ignore[misc]  # untyped
    """The library's client without the environment's netrc, without cookies, without redirects."""

    def __init__(self, configuration: Configuration, *, once: bool) -> None:
        super().__init__(configuration)
        self._once = once

    def _create_pool_manager(self) -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_no_redirect)
        kept: dict[str, Any] = {} if self._once else {"keepalive_timeout": KEPT_S}
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=self.ssl_context,
            force_close=self._once,
            socket_factory=_socket,
            enable_cleanup_closed=_STAYS_OPEN,
            **kept,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,  # netrc and cookies have no business here; the proxy is known already
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 18,
            trace_configs=[tracing],
            auto_decompress=True,
        )
        if self._once:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # attributes of a session are not meant to be set
                session._retry_connection = False
        return session


def _socket(address: Any) -> socket.socket:
    """With keep-alive probes: a peer that is gone is noticed while a log stream is silent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class Wire:
    """Connections to one place as one client certificate."""

    def __init__(self, place: Place, reads: _Rest, changes: _Rest) -> None:
        self._place = place
        self._reads = reads
        self._changes = changes

    @classmethod
    async def opened(cls, place: Place, credential: Credential, environ: Mapping[str, str] = os.environ) -> Wire:
        """Read authorities and certificates, which takes tens of milliseconds, beside the event loop."""
        reads, changes = await asyncio.to_thread(_clients, place, credential, environ)
        return cls(place, reads, changes)

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: object,
        asked: Asked,
        within_s: float | None,
    ) -> aiohttp.ClientResponse:
        """One request; the answer's status and headers have come, its body has not. Raises what no answer means."""
        rest = self._reads if asked.read else self._changes
        sent = {"User-Agent": AGENT, "Content-Type": "application/json", **headers}
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=min(CONNECT_S, within_s or CONNECT_S))
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
        try:
            response: aiohttp.ClientResponse = await rest.pool_manager.request(
                method, self._url(path, query), headers=sent, data=encoded(body), timeout=timeout, **_options(rest)
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, _Redirected) as error:
            raise no_answer(error, self._place, asked, within_s) from error
        return response

    async def websocket(
        self,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        protocols: Sequence[str],
        asked: Asked,
        within_s: float,
    ) -> Socket:
        """Raises NotUpgraded for any other answer, and what no answer means."""
        rest = self._reads
        way = {"proxy": rest.proxy or None, "server_hostname": rest.configuration.tls_server_name or None}
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
        try:
            async with asyncio.timeout(within_s):
                url, sent = self._url(path, query), {"User-Agent": AGENT, **headers}
                return await opened(rest.pool_manager, url, sent, protocols, way)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, _Redirected) as error:
            raise no_answer(error, self._place, asked, within_s) from error

    def _url(self, path: str, query: Mapping[str, str]) -> yarl.URL:
        odd = any(part in ("..", ".") for part in path.split("/")) or "//" in path or clean(path, 10_000) != path
        if not path.startswith("/") or odd or any(char in path for char in "?#\\ "):
            raise Misconfigured(f"{clean(path, 200)} is no path of an API", hint="a name in it is no Kubernetes name")
        asked = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return yarl.URL(f"{self._place.server}{path}{asked}", encoded=True)

    async def close(self) -> None:
        """Close all connections; what still reads from one gets an error."""
        await self._reads.close()
        await self._changes.close()


def _options(rest: _Rest) -> dict[str, Any]:
    """As the library has them: the name in the certificate where it is another, and the proxy."""
    found = {
        "server_hostname": rest.configuration.tls_server_name,
        "proxy": rest.proxy,
        "proxy_headers": rest.proxy_headers,
    }
    return {name: value for name, value in found.items() if value}


def encoded(body: object) -> bytes | None:
    """JSON as Go writes it. The `test` of a JSON patch compares strings as they are written: one with & or an umlaut
    that is escaped in another way than the server's own would never be equal.
    """
    if body is None:
        return None
    written = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return written.translate(_GO).encode("utf-8", "replace")


async def chunks(
    response: aiohttp.ClientResponse, place: Place, asked: Asked, within_s: float | None
) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises what a broken or late one means."""
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise no_answer(error, place, asked, within_s) from error


def cut(response: aiohttp.ClientResponse) -> None:
    """Give up a connection whose answer has not ended, at once: a peer that is slow in parting is not waited for."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def whole_body(
    response: aiohttp.ClientResponse, place: Place, asked: Asked, within_s: float | None, most: int
) -> bytes:
    """All of it, at most `most` bytes. Closes or gives back the connection. Raises Malformed for a larger one."""
    content = bytearray()
    try:
        async with contextlib.aclosing(chunks(response, place, asked, within_s)) as coming:
            async for chunk in coming:
                content += chunk
                if len(content) > most:
                    raise Malformed(
                        f"{asked.where}: the answer to {clean(asked.path, 160)} is larger than {most >> 20} MB",
                        hint="" if asked.read else LOOK,
                        effect_possible=not asked.read,
                    )
        response.release()
    finally:
        cut(response)
    return bytes(content)


def no_answer(error: Exception, place: Place, asked: Asked, within_s: float | None) -> CockpitError:
    """What it means that no answer came, or only a part of one. Only where it was never sent is a change undone."""
    where = f"{asked.where}: the API server {place.server}"
    certificate = _certificate(error)
    if certificate:
        return Misconfigured(
            f"{where} shows a certificate that is not accepted: {certificate}",
            hint="fetch the kubeconfig again; certificate-authority or tls-server-name may be old",
        )
    open_effect = not asked.read and not isinstance(error, _NEVER_SENT)
    if isinstance(error, _Redirected):
        return Malformed(
            f"{where} sends us elsewhere{f' ({error})' if str(error) else ''}",
            hint="something in between wants a login: check server and proxy",
            effect_possible=open_effect,
        )
    if isinstance(error, aiohttp.InvalidURL):
        return Misconfigured(f"{where}: no request can be made of this path", hint="check the names in it")
    if isinstance(error, TimeoutError):
        after = f" within {within_s:g} s" if within_s else ""
        never = isinstance(error, aiohttp.ConnectionTimeoutError)
        said = "cannot be reached" if never else "does not answer"
        hint = (
            LOOK
            if open_effect
            else "check network, VPN and proxy"
            if never
            else "it is slow, or something holds it up"
        )
        return TimedOut(f"{where} {said}{'' if never else after}", hint=hint, effect_possible=open_effect)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Unreachable(f"{where}: the proxy says HTTP {error.status}", hint="check proxy-url or HTTPS_PROXY")
    reason = _reason(error)
    if isinstance(error, aiohttp.ClientResponseError | ValueError):  # no HTTP at all, or a header that cannot be sent
        return Malformed(
            f"{where} answers something that is no HTTP: {reason}",
            hint=LOOK if open_effect else "check server: is it the API server's port?",
            effect_possible=open_effect,
        )
    hint = LOOK if open_effect else "check network, VPN and proxy"
    return Unreachable(f"{where}: {reason}", hint=hint, effect_possible=open_effect)


def _certificate(error: Exception) -> str:
    found = error if isinstance(error, ssl.SSLCertVerificationError) else getattr(error, "certificate_error", None)
    found = found or error.__cause__
    if isinstance(found, ssl.SSLCertVerificationError):
        return clean(found.verify_message or "it cannot be verified", 160)
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke in the middle of the answer"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    inner = getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLError):
        return f"TLS fails: {clean(str(inner.reason or inner), 120).lower().replace('_', ' ')}"
    said = getattr(inner, "strerror", None)
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number > 0:
        said = os.strerror(number)
    return clean(str(said or type(error).__name__), 160).lower()


def _clients(place: Place, credential: Credential, environ: Mapping[str, str]) -> tuple[_Rest, _Rest]:
    proxy = proxy_of(place.server, place.proxy, environ)
    certificate = credential.certificate or place.login.certificate
    key = credential.key or place.login.key
    where = f"context {place.context}"
    made = []
    for once in (False, True):
        configuration = Configuration(host=place.server)
        configuration.ca_cert_data = place.authority or None
        configuration.verify_ssl = place.verified
        configuration.disable_strict_ssl_verification = (
            True  # kubectl is not strict either: old authorities lack fields
        )
        configuration.tls_server_name = place.server_name or None
        configuration.proxy = proxy or None
        configuration.retries = None
        try:
            rest = _Rest(configuration, once=once)
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            raise Misconfigured(
                f"{where}: the certificate-authority holds no certificates", hint="fetch the kubeconfig again"
            ) from None
        if certificate is not None and key is not None:
            _own_certificate(rest.ssl_context, certificate.reveal(), key.reveal(), where)
        made.append(rest)
    return made[0], made[1]


def _own_certificate(context: ssl.SSLContext, certificate: str, key: str, where: str) -> None:
    """The ssl module reads files only: one that nobody else may read, for as long as it takes."""
    with tempfile.TemporaryDirectory(prefix="cockpit-") as folder:
        path = Path(folder, "client.pem")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{certificate}\n{key}\n")
        try:
            context.load_cert_chain(path, password=lambda: "")  # one with a passphrase is refused, never asked for
        except (OSError, ValueError):
            raise Misconfigured(
                f"{where}: the client certificate and its key do not fit together, or are none",
                hint="fetch the kubeconfig again",
            ) from None

"""One HTTP exchange: headers and secrets, redirects, bounded bodies, and every way in which it fails in words."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx

from cockpit.adapters.http.body import Unpacker
from cockpit.adapters.http.certificate import why
from cockpit.errors import CockpitError, Malformed, Misconfigured, Unreachable
from cockpit.profile.secrets import SecretRef
from cockpit.text import clean

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SENSITIVE = re.compile(r"token|key|secret|pass|auth|sig|credential", re.IGNORECASE)
_ASKED = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "gzip, deflate", "User-Agent": "cockpit"}


class BadCertificate(Exception):
    """The host's certificate was not accepted."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(reason)
        self.host = host
        self.port = port
        self.reason = reason


@dataclass(slots=True)
class Progress:
    """How far an exchange came; what a deadline reports. `sent`: bytes of a request may have left."""

    deadline: float  # of the event loop's clock
    phase: str = "no connection"
    sent: bool = False
    unpacker: Unpacker | None = None

    def sentence(self, seconds: float) -> str:
        """ "no answer in 3 s", "answer not complete after 3 s, 120 bytes"."""
        if self.unpacker is not None:
            return f"answer not complete after {seconds:g} s, {self.unpacker.received} bytes"
        return f"{self.phase} in {seconds:g} s"

    @classmethod
    def within(cls, seconds: float) -> Progress:
        """Of an exchange that begins now."""
        return cls(asyncio.get_running_loop().time() + seconds)

    def left(self) -> float:
        """Seconds for a connection. httpcore closes a socket whose TLS handshake runs into its own deadline, and
        forgets one that is cancelled from outside: so its deadline comes a little before ours."""
        return max(0.01, self.deadline - asyncio.get_running_loop().time() - 0.02)

    async def trace(self, event: str, _info: Mapping[str, object]) -> None:
        """httpcore's trace extension: https://www.encode.io/httpcore/extensions/#trace."""
        if event.endswith("send_request_headers.started"):
            self.phase, self.sent = "connected, but no answer", True


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its secrets in it. Never shown: `repr` leaves the headers out."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `content` is unpacked and at most 10 MB."""

    status: int
    content_type: str
    content: bytes
    cut: bool
    complete: bool
    latency_ms: float
    redirects: tuple[str, ...]  # URLs passed through
    certificates: Mapping[str, bytes]  # host -> DER
    note: str = ""

    @property
    def claims_json(self) -> bool:
        """By its content type, or by how it begins."""
        return "json" in self.content_type or self.content[:64].lstrip()[:1] in (b"{", b"[")


async def headers_of(
    headers: Mapping[str, str | SecretRef], bearer: SecretRef | None, body: str | None = None
) -> dict[str, str]:
    """The request's headers with the secrets fetched. Raises Misconfigured, TimedOut."""
    found = {**_ASKED, **content_type(headers, body)}
    for name, value in headers.items():
        found[name] = (await value.resolve()).reveal() if isinstance(value, SecretRef) else value
    if bearer is not None:
        found["Authorization"] = f"Bearer {(await bearer.resolve()).reveal()}"
    for name, text in found.items():
        if not (text.isascii() and text.isprintable()) or not name.isascii():
            # Said here: the libraries' own messages repeat the value.
            raise Misconfigured(
                f"the value of the header {clean(name, 60)} cannot be sent: it has line breaks or is not ASCII",
                hint="look at the secret that it refers to",
            )
    return found


def content_type(headers: Mapping[str, object], body: str | None) -> dict[str, str]:
    """JSON where the body is that and the profile names no type."""
    if body is None or any(name.lower() == "content-type" for name in headers):
        return {}
    try:
        json.loads(body)
    except ValueError:
        return {}
    return {"Content-Type": "application/json"}


async def open_client(url: str, *, verify: bool = True, ca_file: str | None = None) -> httpx.AsyncClient:
    """A client without deadlines (the caller has them), retries or automatic redirects. Raises Misconfigured."""
    trust = await trust_of(verify=verify, ca_file=ca_file)
    return httpx.AsyncClient(
        verify=trust,
        timeout=None,  # noqa: S113  # every use is inside asyncio.timeout: httpx has no deadline for the whole
        follow_redirects=False,
        http2=False,
        trust_env=not _is_loopback(url),
        event_hooks={"response": [_keep_location]},
    )


async def trust_of(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Which certificates are accepted. Raises Misconfigured."""
    try:
        return await asyncio.to_thread(_trust, verify, ca_file)  # reads all authorities: tens of milliseconds
    except (OSError, ssl.SSLError):
        raise Misconfigured(
            f"the ca_file {clean(str(ca_file), 200)} cannot be read", hint="it must be a PEM file"
        ) from None


async def _keep_location(response: httpx.Response) -> None:
    """httpx prepares the next request of a redirect even where it is not to follow, and fails on odd targets."""
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _trust(verify: bool, ca_file: str | None) -> ssl.SSLContext:
    if not verify or not ca_file:
        return _common_trust(verify)
    context = httpx.create_ssl_context()
    context.load_verify_locations(cafile=Path(ca_file).expanduser())
    return context


@functools.cache
def _common_trust(verify: bool) -> ssl.SSLContext:
    """Shared by all endpoints: the authorities of one context take a megabyte or more."""
    return httpx.create_ssl_context(verify=verify)


def _is_loopback(url: str) -> bool:
    """Proxies of the environment are for the network, not for this machine."""
    host = _parsed(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def follow(client: httpx.AsyncClient, call: Call, final: Callable[[int], bool], progress: Progress) -> Answer:
    """Send, and follow redirects (at most 5) until `final` likes the status or there is nothing to follow.

    Headers of the profile, secrets included, go to the first origin only. Raises BadCertificate and CockpitError.
    """
    began = asyncio.get_running_loop().time()
    url, method, body = _parsed(call.url), call.method, call.body
    home, passed = _origin(url), list[str]()
    certificates: dict[str, bytes] = {}
    while True:
        headers = dict(call.headers) if _origin(url) == home else dict(_ASKED)
        answer, location = await _once(client, Call(method, str(url), headers, body), progress, certificates)
        note = ""
        if answer.status in _REDIRECTS and not final(answer.status) and location:
            target = _target(url, location)
            note = _unfollowable(target, passed, body, home)
            if not note and target is not None:
                passed.append(shown(str(url)))
                if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                    method, body = "GET", None
                url = target
                continue
        return Answer(
            status=answer.status,
            content_type=answer.content_type,
            content=answer.content,
            cut=answer.cut,
            complete=answer.complete,
            latency_ms=1000 * (asyncio.get_running_loop().time() - began),
            redirects=tuple(passed),
            certificates=certificates,
            note=note,
        )


async def _once(
    client: httpx.AsyncClient, call: Call, progress: Progress, certificates: dict[str, bytes]
) -> tuple[Answer, str]:
    progress.unpacker, progress.phase = None, "no connection"
    host = _parsed(call.url).host
    try:
        async with client.stream(
            call.method,
            call.url,
            headers=dict(call.headers),
            content=call.body,
            extensions={"trace": progress.trace, "timeout": {"connect": progress.left()}},
        ) as response:
            _note_certificate(response, host, certificates)
            unpacker = progress.unpacker = Unpacker(response.headers.get("content-encoding", ""))
            async for data in response.aiter_raw():
                if not await unpacker.feed(data):
                    break
    except httpx.ConnectTimeout:
        raise TimeoutError from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
        raise _failed(error, call, progress) from None
    kind = clean(response.headers.get("content-type", ""), 100).lower()
    answer = Answer(
        response.status_code, kind, unpacker.content(), unpacker.cut, unpacker.complete, 0.0, (), certificates
    )
    return answer, response.extensions.get("location", "")


def _note_certificate(response: httpx.Response, host: str, certificates: dict[str, bytes]) -> None:
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("ssl_object") if stream is not None else None
    if isinstance(found, ssl.SSLObject | ssl.SSLSocket):
        certificate = found.getpeercert(binary_form=True)
        if certificate:
            certificates[host] = certificate


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Misconfigured("the URL cannot be used", hint="check host name and port in the profile") from None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _target(url: httpx.URL, location: str) -> httpx.URL | None:
    try:
        return url.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None


def _unfollowable(
    target: httpx.URL | None, passed: list[str], body: str | None, home: tuple[str, str, int | None]
) -> str:
    if target is None or target.scheme not in ("http", "https") or not target.host:
        return "redirects to something that is no web address"
    if len(passed) >= MAX_REDIRECTS:
        return f"more than {MAX_REDIRECTS} redirects, the last to {shown(str(target))}"
    if body is not None and _origin(target) != home:
        return f"redirects the request body to another host: {shown(str(target))}"
    return ""


def shown(url: str) -> str:
    """The URL for people: no user, no password, and no value of a query parameter that may be a secret."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "an unusable URL"
    query = parsed.query.decode("ascii", "replace")
    if query:
        pairs = [(name, "***" if _SENSITIVE.search(name) else value) for name, value in parse_qsl(query, True)]
        parsed = parsed.copy_with(query=urlencode(pairs, safe="*").encode())
    return clean(str(parsed.copy_with(username=None, password=None, userinfo=b"", fragment=None)), 500)


def _failed(error: Exception, call: Call, progress: Progress) -> CockpitError | BadCertificate:
    url = _parsed(call.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    where = clean(f"{url.host}:{port}", 200)
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
        return Misconfigured(
            f"the request to {where} cannot be sent as the profile says it", hint="check its headers"
        )
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return BadCertificate(url.host, port, why(cause))
        if isinstance(cause, ssl.SSLError):
            reason = clean((cause.reason or "handshake failed").replace("_", " ").lower(), 80)
            return Unreachable(f"no TLS connection to {where}: {reason}", hint="is this an https port?")
        if isinstance(cause, socket.gaierror):
            return Unreachable(f"the host name {clean(url.host, 200)} cannot be resolved", hint="check URL and DNS")
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(f"nothing listens at {where}: connection refused", hint="is the service running?")
    if isinstance(error, httpx.ProxyError):
        return Unreachable(f"the proxy does not let through to {where}", hint="check HTTPS_PROXY and NO_PROXY")
    if isinstance(error, httpx.RemoteProtocolError):
        return _not_http(error, where, progress)
    if isinstance(error, httpx.ConnectError):
        return Unreachable(f"no connection to {where}", hint="check network, firewall and address")
    got = f" after {progress.unpacker.received} bytes" if progress.unpacker is not None else " before it answered"
    return Unreachable(f"{where} broke the connection{got}", hint="the service or a proxy before it ended")


def _not_http(error: httpx.RemoteProtocolError, where: str, progress: Progress) -> CockpitError:
    if progress.unpacker is not None:
        return Unreachable(
            f"{where} closed the connection after {progress.unpacker.received} bytes, before the answer was complete",
            hint="the service or a proxy before it ended",
        )
    text = clean(str(error), 160)
    if "without sending" in text:
        return Unreachable(f"{where} closed the connection without an answer", hint="is it an http port?")
    return Malformed(f"the answer of {where} is no HTTP: {text}", hint="is it an http port?")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, groups of attempts included."""
    queue: list[BaseException | None] = [error]
    seen = 0
    while queue and seen < 30:
        current = queue.pop(0)
        seen += 1
        if current is None:
            continue
        yield current
        if isinstance(current, BaseExceptionGroup):
            queue.extend(current.exceptions)
        queue.append(current.__cause__ or current.__context__)

"""Questions to one Prometheus server: by POST, within a deadline, no redirect followed, every failure in words."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import httpx

from cockpit.adapters.prometheus.answers import Answer, answer_of, failure
from cockpit.collecting import held_off
from cockpit.errors import CockpitError, Malformed, Misconfigured, NotFound, TimedOut, Unreachable
from cockpit.profile.kube import PrometheusSource
from cockpit.profile.secrets import SecretRef
from cockpit.text import clean

BODY_BYTES = 16 << 20  # unpacked: some thousand series
AT_ONCE = 6
_IN_A_THREAD = 32 << 10
_RESERVE_S = 0.3  # of the deadline: the server's own ends first, and says why
_BEFORE_S = 0.1  # ours ends before that of the poll
_HEADERS = {
    "Accept": "application/json",
    "User-Agent": "cockpit",
    "Content-Type": "application/x-www-form-urlencoded",
}


class Way(Protocol):
    """How a server is reached that has no address here: a port-forward."""

    @property
    def server(self) -> str:
        """What is reached: "service/prometheus:9090 in monitoring"."""

    @property
    def said(self) -> str:
        """In words, with what it leads to at the moment: "through a port-forward to pod/prometheus-0:9090 ..."."""

    async def open(self) -> Path:
        """The unix socket to speak HTTP to. Raises CockpitError where it leads nowhere."""

    def broken(self) -> CockpitError | None:
        """Why the last connection through it failed, None where it did not. It is looked for anew afterwards."""

    async def close(self) -> None:
        """Safe to call twice."""


class PrometheusClient:
    """Connections are opened at the first question and kept."""

    def __init__(self, source: PrometheusSource, way: Way | None = None) -> None:
        self._source = source
        self._way = way
        self._base = (source.url or "http://prometheus").partition("#")[0].partition("?")[0].rstrip("/")
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._decoding = asyncio.Lock()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._by_get = False  # something in between takes no POST
        self._closed = False

    @property
    def server(self) -> str:
        """Host and port, or what the port-forward leads to."""
        return self._way.server if self._way is not None else clean(urlsplit(self._base).netloc, 120)

    @property
    def way(self) -> str:
        """In words, "" where it is reached by its address."""
        return self._way.said if self._way is not None else ""

    @property
    def _where(self) -> str:
        return f"Prometheus {self.server}"

    async def query(self, query: str, at: float) -> Answer:
        """Values at one moment. Raises CockpitError."""
        return await self._asked("query", {"query": query, "time": f"{at:.3f}"})

    async def query_range(self, query: str, start: float, end: float, step_s: float) -> Answer:
        """Values every `step_s` seconds from start to end. Raises CockpitError."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        return await self._asked("query_range", {"query": query, **span})

    async def version(self) -> str:
        """ "2.42.0"; "" for a server that answers like Prometheus without saying what it is."""
        status, body, _ = await self._within("GET", "status/buildinfo", {})
        try:
            return clean(str(json.loads(body)["data"]["version"]), 40) if status == 200 else ""
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""

    async def close(self) -> None:
        """Connections, then the way. Safe to call twice."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if self._way is not None:
            await self._way.close()

    # Inside

    async def _asked(self, what: str, form: Mapping[str, str]) -> Answer:
        limit = max(0.1, self._source.timeout - _RESERVE_S)
        form = {**form, "timeout": f"{limit:.3f}"}
        method = "GET" if self._by_get else "POST"
        status, body, headers = await self._within(method, what, form)
        if status == 405 and method == "POST":
            self._by_get = True
            status, body, headers = await self._within("GET", what, form)
        if not 200 <= status < 300:
            raise failure(status, body, headers, self._where)
        if len(body) <= _IN_A_THREAD:
            return answer_of(body, self._where)
        async with self._decoding:
            return await asyncio.to_thread(_large, body, self._where)

    async def _within(self, method: str, what: str, form: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """One exchange within the deadline; through a port-forward that broke, once more through a new one."""
        try:
            async with asyncio.timeout(max(0.05, self._source.timeout - _BEFORE_S)), self._gate:
                for attempt in (1, 2):
                    try:
                        return await self._exchange(method, what, form)
                    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
                        reason = self._way.broken() if self._way is not None else None
                        # Questions may be asked twice: the pod behind a kept connection may just be gone.
                        again = reason is None or isinstance(reason, Unreachable | NotFound)
                        if self._way is not None and attempt == 1 and again:
                            continue
                        raise (reason or self._failed(error)) from None
        except TimeoutError:
            if self._way is not None and (reason := self._way.broken()) is not None:
                raise reason from None
            raise TimedOut(
                f"{self._where} gave no answer in {self._source.timeout:g} s",
                hint="it is overloaded, or the network drops packets",
            ) from None
        raise AssertionError("unreachable")

    async def _exchange(
        self, method: str, what: str, form: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        client = await self._open()
        url, content = f"{self._base}/api/v1/{what}", urlencode(form)
        if method == "GET" and form:
            url, content = f"{url}?{content}", ""
        body = bytearray()
        headers = await self._headers()
        async with client.stream(method, url, headers=headers, content=content or None) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise Malformed(
                        f"{self._where} answers more than {BODY_BYTES >> 20} MB",
                        hint="ask for fewer series: sum by (...), topk(...)",
                    )
        found = {name.lower(): value for name, value in response.headers.items()}
        return response.status_code, bytes(body), found

    async def _headers(self) -> dict[str, str]:
        """With the secrets, fetched anew: tokens change."""
        source = self._source
        found = dict(_HEADERS)
        for name, value in source.headers.items():
            found[name] = (await value.resolve()).reveal() if isinstance(value, SecretRef) else value
        if source.bearer is not None:
            found["Authorization"] = f"Bearer {(await source.bearer.resolve()).reveal()}"
        for name, text in found.items():
            if not (text.isascii() and text.isprintable()):
                raise Misconfigured(
                    f"the value of the header {clean(name, 60)} cannot be sent: it has line breaks or is not ASCII",
                    hint="look at the secret that it refers to",
                )
        return found

    async def _open(self) -> httpx.AsyncClient:
        socket = await self._way.open() if self._way is not None else None
        async with self._opening:
            if self._closed:
                raise Unreachable(f"{self._where}: closed")
            if self._client is None:
                self._client = await self._made(socket)
            return self._client

    async def _made(self, socket: Path | None) -> httpx.AsyncClient:
        source = self._source
        local = _is_loopback(self._base)
        plain = socket is not None or (local and self._base.startswith("http:"))
        try:
            trust = False if plain else await asyncio.to_thread(_trust, source.ca_file)
        except (OSError, ssl.SSLError):
            raise Misconfigured(
                f"the ca_file {clean(str(source.ca_file), 200)} cannot be read", hint="it must be a PEM file"
            ) from None
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=60.0)
        transport = None
        if socket is not None:
            transport = httpx.AsyncHTTPTransport(uds=str(socket), limits=limits)
        return httpx.AsyncClient(
            verify=trust,
            timeout=None,  # noqa: S113  # every exchange is inside asyncio.timeout
            follow_redirects=False,
            limits=limits,
            transport=transport,
            trust_env=socket is None and not local,
        )

    def _failed(self, error: Exception) -> CockpitError:
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                reason = clean(cause.verify_message or "it cannot be verified", 160)
                return Unreachable(
                    f"{self._where} shows a certificate that is not accepted: {reason}",
                    hint="set ca_file in the profile to the authority that signed it",
                )
            if isinstance(cause, ssl.SSLError):
                return Unreachable(f"{self._where}: no TLS connection", hint="is this an https port?")
            if isinstance(cause, ConnectionRefusedError):
                return Unreachable(f"nothing listens at {self.server}: connection refused", hint="check url")
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return Misconfigured(
                f"{self._where} cannot be asked as the profile says it", hint="check url and headers"
            )
        if isinstance(error, httpx.DecodingError):
            return Malformed(f"{self._where} answers something that cannot be unpacked", hint="check url")
        if isinstance(error, httpx.ProxyError):
            return Unreachable(f"the proxy does not let through to {self.server}", hint="check HTTPS_PROXY, NO_PROXY")
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"no connection to {self._where}", hint="check url, DNS, network and VPN")
        if isinstance(error, httpx.RemoteProtocolError) and "without sending a response" not in str(error):
            return Unreachable(
                f"{self._where} broke off in the middle of its answer", hint="it, or a proxy, ended it"
            )
        return Unreachable(f"{self._where} closed the connection without an answer", hint="is it an http port?")


def _large(body: bytes, where: str) -> Answer:
    """Some hundred thousand points: the collector would walk over them, and the event loop stand still meanwhile."""
    with held_off():
        return answer_of(body, where)


def _trust(ca_file: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if ca_file:
        context.load_verify_locations(cafile=Path(ca_file).expanduser())
    return context


def _is_loopback(url: str) -> bool:
    """Proxies of the environment are for the network, not for this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    queue = [error]
    for _ in range(20):
        current = queue.pop(0) if queue else None
        if current is None:
            return
        yield current
        if isinstance(current, BaseExceptionGroup):
            queue.extend(current.exceptions)
        if (led := current.__cause__ or current.__context__) is not None:
            queue.append(led)

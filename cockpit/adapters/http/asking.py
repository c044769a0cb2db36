"""One question to a path on the origin of a health source: with that source's headers and TLS, to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from cockpit.adapters.capabilities import Fetched
from cockpit.adapters.http import certificate
from cockpit.adapters.http.body import read_json
from cockpit.adapters.http.bounds import found_text
from cockpit.adapters.http.wire import (
    Answer,
    BadCertificate,
    Call,
    Progress,
    follow,
    headers_of,
    open_client,
    shown,
    trust_of,
)
from cockpit.clock import Clock, SystemClock
from cockpit.errors import CockpitError, Malformed, Refused, TimedOut, Unreachable
from cockpit.model.health import Presented
from cockpit.profile.origin import origin_of
from cockpit.profile.schema import HealthSource
from cockpit.text import clean, clean_lines

LINES = 200
_WIDTH = 400
_REACHED = "look whether the host answers at all: its health source says so"


class HealthAsker:
    """Fetching. Each question has a connection of its own; no redirect is followed, so that no secret travels."""

    def __init__(self, source: HealthSource, clock: Clock | None = None) -> None:
        self._source = source
        self._clock = clock or SystemClock()

    @property
    def url(self) -> str:
        """The source's own URL, fit to be shown."""
        return shown(self._source.url)

    @property
    def origin(self) -> str:
        """scheme://host:port of the source."""
        return origin_of(self._source.url)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def fetch(self, method: str, url: str, path: str, contains: str) -> Fetched:
        """GET or HEAD. `path`: JMESPath into a JSON body; `contains`: only lines with it. Raises CockpitError,
        Refused for another origin."""
        if method not in ("GET", "HEAD"):
            raise Refused("parameters", f"{clean(method, 20)} may change something: a look sends GET or HEAD")
        if origin_of(url) != self.origin or not self.origin:
            raise Refused(
                "parameters",
                f"{shown(url)} is not on {self.origin}, the host of this health source; nothing was sent",
                hint="a runbook cannot make the cockpit call other hosts: declare it as a health source",
            )
        answer = await self._answer(method, url)
        lines, cut, value = await _body(answer, path, contains)
        return Fetched(
            status=answer.status,
            latency_ms=answer.latency_ms,
            kind=answer.content_type,
            size=len(answer.content),
            lines=lines,
            cut=cut or answer.cut,
            value=value,
            expected=answer.status in self._source.expect,
        )

    async def certificate(self) -> Presented:
        """What the host presents now, and whether this source accepts it. Raises CockpitError."""
        source, parts = self._source, urlsplit(self.origin)
        host, port = parts.hostname or "", parts.port or 0
        context = await trust_of(verify=source.verify_tls, ca_file=source.ca_file)
        problem, found = "", None
        try:
            async with asyncio.timeout(source.timeout):
                try:
                    found = await certificate.handshake(host, port, context)
                except ssl.SSLCertVerificationError as error:
                    problem = certificate.why(error)
                    found = await certificate.fetch(host, port)
        except TimeoutError:
            raise TimedOut(f"{self.origin}: no TLS handshake in {source.timeout:g} s", hint=_REACHED) from None
        except OSError as error:
            said = clean(getattr(error, "reason", "") or error.strerror or str(error), 160)
            raise Unreachable(f"{self.origin}: no TLS handshake: {said}", hint=_REACHED) from None
        state = certificate.judge(host, found, self._clock.now(), problem=problem, verified=source.verify_tls)
        try:
            subject, issuer, begins, _ = certificate.read(found or b"")
        except Malformed:
            return Presented(state, "", "", None)
        return Presented(state, subject, issuer, begins)

    async def _answer(self, method: str, url: str) -> Answer:
        source = self._source
        headers = await headers_of(source.headers, source.bearer)
        client = await open_client(url, verify=source.verify_tls, ca_file=source.ca_file)
        progress = Progress.within(source.timeout)
        try:
            async with asyncio.timeout(source.timeout):
                return await follow(client, Call(method, url, headers), lambda _: True, progress)
        except TimeoutError:
            raise TimedOut(
                f"{shown(url)}: {progress.sentence(source.timeout)}",
                hint="the service may be overloaded, or the timeout too short",
            ) from None
        except BadCertificate as bad:
            raise Unreachable(
                f"the certificate of {clean(bad.host, 200)} is not accepted: {bad.reason}",
                hint="renew it, or set ca_file in the profile",
            ) from None
        finally:
            await client.aclose()


async def _body(answer: Answer, path: str, contains: str) -> tuple[tuple[str, ...], bool, str]:
    if path:
        try:
            value, text = await read_json(answer.content, lambda body: found_text(path, body))
        except Malformed as error:
            raise Malformed(f"HTTP {answer.status}: {error.message}", hint="the path needs a JSON body") from None
        found = clean_lines(text, _WIDTH, LINES + 1)
        return found[:LINES], len(found) > LINES, value
    word = contains.lower()
    lines = [line for line in await _lines(answer) if word in line.lower()]
    return tuple(lines[:LINES]), len(lines) > LINES, ""


async def _lines(answer: Answer) -> Sequence[str]:
    """JSON is laid out, anything else is shown as it came."""
    text: str | bytes = answer.content
    if answer.claims_json:
        with contextlib.suppress(CockpitError, RecursionError):  # not what it claims to be: shown as it came
            text = await read_json(answer.content, lambda body: json.dumps(body, indent=2, ensure_ascii=False))
    return clean_lines(text, _WIDTH, 100_000)

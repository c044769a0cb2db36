"""One HTTP health endpoint: status, latency, thresholds, component tree, redirects and certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from cockpit.adapters.http import certificate
from cockpit.adapters.http.body import read_json
from cockpit.adapters.http.bounds import Bounds, Found
from cockpit.adapters.http.components import component_tree
from cockpit.adapters.http.wire import Answer, BadCertificate, Call, Progress, follow, headers_of, open_client, shown
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, TimedOut
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.health import CheckResult, Component, HealthStatus, TlsState
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.schema import HealthSource

CERTIFICATE_VALID_FOR_S = 600.0  # a bad or ending certificate is looked at anew after that
Trouble = tuple[Severity, str]


@dataclass(frozen=True, slots=True)
class _Body:
    components: tuple[Component, ...] = ()
    found: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: Trouble | None = None


class HealthProbe:
    """Probing, Diagnosing. One kept-alive client; one deadline, `source.timeout`, from connection to last byte."""

    def __init__(self, source: HealthSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._client_since = 0.0
        self._headers: dict[str, str] | None = None
        self._bounds: Bounds | None = None
        self._ending = False  # a certificate on the kept-alive connection is about to end
        self._refused: dict[tuple[str, str], tuple[float, bytes | None]] = {}

    async def probe(self) -> Observation:
        """One request. An unexpected status or a certificate that is not accepted is an observation (CRIT).

        Raises CockpitError: Unreachable, TimedOut, Malformed (no HTTP), Misconfigured.
        """
        if self._bounds is None:
            self._bounds = Bounds(self._source.check)
        if self._headers is None:
            self._headers = await headers_of(self._source.headers, self._source.bearer, self._source.body)
        client = await self._connected()
        source = self._source
        call = Call(source.method, source.url, self._headers, source.body if source.method == "POST" else None)
        progress = Progress.within(source.timeout)
        try:
            async with asyncio.timeout(source.timeout):
                answer = await follow(client, call, lambda status: status in source.expect, progress)
        except TimeoutError:
            await self.close()
            raise TimedOut(
                f"{shown(source.url)}: {progress.sentence(source.timeout)}",
                hint="the service may be overloaded, or the timeout too short",
            ) from None
        except BadCertificate as bad:
            return await self._not_accepted(bad)
        if answer.status in (401, 403):
            self._headers = None  # the secret may have been rotated: fetch it anew
        return await self._observed(answer, self._bounds)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Reachable, expected, and with a certificate that lasts."""
        try:
            observation = await self.probe()
        except CockpitError as error:
            return [Diagnosis("request", False, error.message, error.hint)]
        status = observation.payload
        assert isinstance(status, HealthStatus)  # noqa: S101  # what probe() makes
        if status.status is None:
            problem = status.tls.problem if status.tls else observation.summary
            return [Diagnosis("certificate", False, f"not accepted: {problem}", "set ca_file, or renew it")]
        found = [
            Diagnosis(
                "request",
                status.expected,
                f"HTTP {status.status} in {status.latency_ms:.0f} ms",
                "" if status.expected else _status_fix(status.status),
            )
        ]
        found += [
            Diagnosis(f"check {check.path}", check.severity is not Severity.UNKNOWN, f"found {check.value}")
            for check in status.checks
        ]
        found += [
            Diagnosis(
                f"certificate {state.host}",
                None if state.problem else state.severity is Severity.OK,
                state.problem or f"{state.days_left:.0f} days left",
            )
            for state in status.certificates
            if state.problem or state.days_left is not None
        ]
        return found

    async def _connected(self) -> httpx.AsyncClient:
        now = self._clock.monotonic()
        if self._ending and now - self._client_since >= CERTIFICATE_VALID_FOR_S:
            await self.close()  # a renewed certificate shows only on a new connection
        if self._client is None:
            source = self._source
            self._client = await open_client(source.url, verify=source.verify_tls, ca_file=source.ca_file)
            self._client_since, self._ending = now, False
        return self._client

    async def _observed(self, answer: Answer, bounds: Bounds) -> Observation:
        source, now = self._source, self._clock.now()
        expected = answer.status in source.expect
        body = await _read_body(answer, bounds, bool(source.check))
        checks = bounds.judge(body.found, self._clock.monotonic()) if source.check else ()
        states = tuple(
            certificate.judge(host, found, now, verified=source.verify_tls)
            for host, found in answer.certificates.items()
        )
        self._ending = any(state.severity is not Severity.OK for state in states)
        notes = [*body.notes, *([answer.note] if answer.note else [])]
        if answer.cut:
            notes.append("body cut at 10 MB")
        status = HealthStatus(
            method=source.method,
            url=shown(source.url),
            status=answer.status,
            latency_ms=answer.latency_ms,
            expected=expected,
            body_bytes=len(answer.content),
            components=body.components,
            checks=checks,
            tls=max(states, key=lambda state: state.severity, default=None),
            redirects=answer.redirects,
            certificates=states,
            notes=tuple(notes),
        )
        severity, summary = _judge(status, answer.note, body.trouble, source)
        return Observation(severity, summary, status)

    async def _not_accepted(self, bad: BadCertificate) -> Observation:
        """The certificate is fetched once more, unverified, to tell when it ends; at most every 10 minutes."""
        now = self._clock.monotonic()
        known = self._refused.get((bad.host, bad.reason))
        if known is None or now - known[0] >= CERTIFICATE_VALID_FOR_S:
            found: bytes | None = None
            try:
                async with asyncio.timeout(self._source.timeout):
                    found = await certificate.fetch(bad.host, bad.port)
            except TimeoutError:
                found = None  # the reason is known; when it ends stays open
            known = (now, found)
            self._refused[(bad.host, bad.reason)] = known
        state = certificate.judge(bad.host, known[1], self._clock.now(), problem=bad.reason)
        status = HealthStatus(
            method=self._source.method,
            url=shown(self._source.url),
            status=None,
            latency_ms=0.0,
            expected=False,
            tls=state,
            certificates=(state,),
            notes=(f"the certificate of {state.host} is not accepted: {bad.reason}",),
        )
        return Observation(Severity.CRIT, f"certificate {_ended(state)}", status)


async def _read_body(answer: Answer, bounds: Bounds, wanted: bool) -> _Body:
    """Look the paths up and find the tree. Not the JSON that it should be: a warning, with checks UNKNOWN."""
    if not answer.content and not wanted:
        return _Body()
    if not wanted and not answer.claims_json:
        return _Body()
    bad = Severity.UNKNOWN if wanted else Severity.WARN
    if answer.cut:
        return _Body(found=_nothing(bounds), trouble=(bad, "body over 10 MB"))
    if not answer.complete:
        note = "the packed body ends too early"
        return _Body(found=_nothing(bounds), notes=(note,), trouble=(bad, note))
    try:
        (components, cut), found = await read_json(
            answer.content, lambda body: (component_tree(body), tuple(bounds.find(body)))
        )
    except Malformed as error:
        return _Body(found=_nothing(bounds), notes=(error.message,), trouble=(bad, "body is not JSON"))
    return _Body(components, found, ("component tree cut",) if cut else ())


def _nothing(bounds: Bounds) -> tuple[Found, ...]:
    return tuple(bounds.find(None))


def _judge(status: HealthStatus, redirected: str, body: Trouble | None, source: HealthSource) -> tuple[Severity, str]:
    answered = f"{status.status} in {status.latency_ms:.0f} ms"
    parts = _part_troubles(status)
    troubles: list[Trouble] = []
    if redirected:
        troubles.append((Severity.CRIT, redirected[:60]))
    elif not status.expected:
        worst_part = max(parts, key=lambda part: part[0])[1] if parts else f"expected {_expected(source)}"
        troubles.append((Severity.CRIT, f"{answered}: {worst_part}"))
    troubles += parts
    if body is not None:
        troubles.append(body)
    if status.tls is not None and status.tls.severity is not Severity.OK:
        troubles.append((status.tls.severity, f"certificate {_ended(status.tls)}"))
    if source.slow is not None and status.latency_ms > 1000 * source.slow:
        troubles.append((Severity.WARN, f"slow: {answered}"))
    if not troubles:
        return Severity.OK, answered
    return max(troubles, key=lambda trouble: trouble[0])


def _part_troubles(status: HealthStatus) -> list[Trouble]:
    found: list[Trouble] = [
        (check.severity, _check_text(check)) for check in status.checks if check.severity is not Severity.OK
    ]
    found += [
        (component.severity, _component_text(component))
        for component in status.components
        if component.severity is not Severity.OK
    ]
    return found


def _check_text(check: CheckResult) -> str:
    if check.severity is Severity.UNKNOWN:
        return f"{check.path[:40]}: {check.value[:20]}"
    return f"{check.path[:30]} {check.value[:16]} {check.threshold[:12]}"


def _component_text(component: Component) -> str:
    """The deepest part that is as bad as the whole: that is where to look."""
    path = [component.name]
    while culprit := next((c for c in component.children if c.severity is component.severity), None):
        component = culprit
        path.append(component.name)
    return f"{'.'.join(path)[-40:]} {component.status or component.severity.word}"[:60]


def _expected(source: HealthSource) -> str:
    return " or ".join(str(status) for status in source.expect[:3])


def _ended(state: TlsState) -> str:
    when = ""
    if state.days_left is not None:
        days = abs(state.days_left)
        span = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} h"
        when = f"ended {span} ago" if state.days_left < 0 else f"ends in {span}"
    if state.problem and state.problem != "expired":
        return f"{state.problem}"
    return when or state.problem or "cannot be read"


def _status_fix(status: int) -> str:
    if status in (401, 403):
        return "set bearer, or a header with a secret reference"
    return "check url and expect in the profile"

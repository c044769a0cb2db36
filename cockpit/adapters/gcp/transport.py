"""One Google REST API over httpx: base address, token, deadlines, paging, operations and the meaning of its errors.

The error model is google.rpc.Status with ErrorInfo and RetryInfo (https://google.aip.dev/193).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from cockpit.adapters.gcp.auth import Token, TokenSource, is_loopback, tokens_for
from cockpit.adapters.gcp.roles import ROLES
from cockpit.clock import Clock
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

CONNECT_S = 5.0
ANSWER_BYTES = 32 * 1024 * 1024
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 4.0
OPERATION_DEADLINE_S = 120.0
_OPERATION_FIRST_S = 0.2
_OPERATION_MOST_S = 2.0
_PERMISSION = re.compile(r"(?:[Pp]ermission|Required) '?([a-z][\w]*\.[\w.]*\w)'?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")

_OVERRIDES = {"sqladmin": "SQL"}  # API name -> gcloud's name for it, where they differ

Json = dict[str, Any]


class GoogleApi:
    """One API ("run", "logging") at one address."""

    def __init__(
        self,
        service: str,
        endpoint: str | None,
        timeout_s: float,
        clock: Clock,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        override = environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{_OVERRIDES.get(service, service.upper())}", "")
        self.service = service
        base = (endpoint or override or f"https://{service}.googleapis.com").rstrip("/")
        self.base_url = base.removesuffix("/compute/v1")  # gcloud's override of Compute has its path in it
        self._timeout_s = timeout_s
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._tokens: TokenSource | None = None

    @property
    def simulated(self) -> bool:
        """The API is played on this machine."""
        return is_loopback(self.base_url)

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The full address of a request."""
        return f"{self.base_url}{path}" + (f"?{urlencode(query, safe='=,')}" if query else "")

    async def token(self) -> Token:
        """A valid token, for requests and for saying where it comes from."""
        if self._tokens is None:
            self._tokens = tokens_for(self.base_url, self._connection, self._clock)
        return await self._tokens.token()

    def forget_token(self) -> None:
        """The last token was not accepted: the next is to be a new one."""
        if self._tokens is not None:
            self._tokens.forget()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """A read; asked again on 429 and 503 while the deadline allows it, and once with a new token on 401."""
        return await self._within_deadline("GET", path, query, None, read=True, patient=True)

    async def ask(self, path: str, body: Json | None) -> Json:
        """A POST that only reads (entries:list, testIamPermissions). Asked again only on 401, once."""
        return await self._within_deadline("POST", path, None, body, read=True, patient=False)

    async def change(self, method: str, path: str, query: Mapping[str, str], body: Json | None) -> Json:
        """A mutation: sent once. An error that leaves its effect open has `effect_possible`."""
        return await self._within_deadline(method, path, query, body, read=False, patient=False)

    async def rehearse(self, method: str, path: str, query: Mapping[str, str], body: Json) -> Json:
        """A request with validateOnly: sent once, changes nothing."""
        return await self._within_deadline(method, path, query, body, read=True, patient=False)

    async def pages(self, path: str, query: Mapping[str, str], items: str, limit: int) -> AsyncIterator[Json]:
        """The elements of a paged list, at most `limit`."""
        asked = dict(query)
        count = 0
        while count < limit:
            answer = await self.get(path, asked)
            for element in _objects(answer.get(items)):
                count += 1
                yield element
                if count >= limit:
                    return
            following = answer.get("nextPageToken")
            if not isinstance(following, str) or not following:
                return
            asked["pageToken"] = following

    async def finish(
        self,
        operation: Json,
        prefix: str,
        within_s: float | None = None,
        waited: Callable[[float], None] = lambda seconds: None,
    ) -> Json:
        """Wait for a long-running operation, two minutes unless `within_s` says otherwise; its response.

        `waited` is told at each look how many seconds it has been. The change was accepted before: every error out of
        here but the operation's own has `effect_possible`. PermissionDenied and NotFound: the operation may not be
        looked at, the caller must look at the thing itself.
        """
        within_s = OPERATION_DEADLINE_S if within_s is None else within_s
        began = self._clock.monotonic()
        until = began + within_s
        pause = _OPERATION_FIRST_S
        while not operation.get("done"):
            name = operation.get("name")
            if not isinstance(name, str) or not name:
                raise Malformed(f"{self.service} accepted the change but named no operation", effect_possible=True)
            if self._clock.monotonic() >= until:
                raise TimedOut(
                    f"the change was accepted but did not finish within {within_s:g} s",
                    hint="it goes on without the cockpit: look at the service before anything else",
                    effect_possible=True,
                )
            await self._clock.sleep(pause)
            waited(self._clock.monotonic() - began)
            pause = min(pause * 1.5, _OPERATION_MOST_S)
            try:
                operation = await self.get(f"{prefix}{name}")
            except (Unreachable, TimedOut, RateLimited, Malformed):
                continue  # the next look may succeed; the deadline above ends this
            except CockpitError as error:
                error.effect_possible = True
                raise
        failure = operation.get("error")
        if isinstance(failure, dict):
            raise _operation_error(self.service, failure)
        response = operation.get("response")
        return response if isinstance(response, dict) else {}

    async def close(self) -> None:
        """Close connections and stop a token renewal."""
        if self._tokens is not None:
            await self._tokens.close()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _connection(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # Reading the CA file takes tens of milliseconds: not on the event loop.
                self._client = await asyncio.to_thread(self._new_client)
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        limits = httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s))
        local = self.simulated
        # Loopback is spoken to directly and without TLS: neither proxy settings nor CA file are read for it.
        return httpx.AsyncClient(
            timeout=limits, trust_env=not local, verify=not (local and self.base_url.startswith("http:"))
        )

    async def _within_deadline(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, *, read: bool, patient: bool
    ) -> Json:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._attempts(method, path, query, body, read=read, patient=patient)
        except TimeoutError:
            raise TimedOut(
                f"{self.service} API at {clean(self.base_url)} gave no answer within {self._timeout_s:g} s",
                hint="" if read else "the change may have happened: look at the service",
                effect_possible=not read,
            ) from None

    async def _attempts(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, *, read: bool, patient: bool
    ) -> Json:
        until = self._clock.monotonic() + self._timeout_s
        pause = RETRY_FIRST_S
        renewed = False
        while True:
            token = await self.token()
            try:
                return await self._send(method, path, query, body, token, read=read)
            except AuthenticationFailed:
                if self._tokens is not None:
                    self._tokens.forget()
                if not read or renewed:
                    raise
                renewed = True
            except _Busy as busy:
                wait = busy.error.retry_after_s if isinstance(busy.error, RateLimited) else None
                wait = pause if wait is None else wait
                if not patient or self._clock.monotonic() + wait >= until:
                    raise busy.error from None
                await self._clock.sleep(wait)
                pause = min(pause * 2, RETRY_MOST_S)

    async def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, token: Token, *, read: bool
    ) -> Json:
        headers = {"Authorization": f"Bearer {token.value.reveal()}", "Accept": "application/json"}
        if token.quota_project:
            headers["x-goog-user-project"] = token.quota_project
        client = await self._connection()
        request = client.build_request(method, self.url(path, query), json=body, headers=headers)
        try:
            status, answered, content = await _exchange(client, request)
        except httpx.HTTPError as error:
            raise _no_answer(self.service, self.base_url, error, read=read) from error
        if 200 <= status < 300:
            return _decoded(self.service, content, read=read)
        failure = error_of_answer(self.service, status, answered, content, read=read)
        if read and status in (429, 503):
            raise _Busy(failure)
        raise failure


async def _exchange(client: httpx.AsyncClient, request: httpx.Request) -> tuple[int, Mapping[str, str], bytes]:
    answer = await client.send(request, stream=True)
    try:
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > ANSWER_BYTES:
                raise httpx.DecodingError(f"the answer is larger than {ANSWER_BYTES >> 20} MB", request=request)
        return answer.status_code, answer.headers, bytes(content)
    finally:
        await answer.aclose()


class _Busy(Exception):
    """429 or 503 on a read: worth another try."""

    def __init__(self, error: CockpitError) -> None:
        super().__init__(error.message)
        self.error = error


def error_of_answer(
    service: str, status: int, headers: Mapping[str, str], content: bytes, *, read: bool
) -> CockpitError:
    """What an HTTP error means."""
    message, word, details = _parse_error(content)
    said = f"{service} API: {message}" if message else f"{service} API answers HTTP {status}"
    if status == 401:
        return AuthenticationFailed(said, hint="run: gcloud auth application-default login")
    if status == 403:
        return _forbidden(service, said, details)
    if status == 404:
        return NotFound(said, hint="check project, region and service in the profile")
    if status in (409, 412) or word in ("ABORTED", "FAILED_PRECONDITION"):
        return Conflict(said, hint="it changed since it was read, or something else is changing it: plan again")
    if status == 429:
        return RateLimited(
            said, retry_after_s=_retry_after(headers, details), hint="quotas are shared by the project"
        )
    if status in (408, 504):
        return TimedOut(said, effect_possible=not read)
    if status >= 500:
        return Unreachable(
            said,
            hint="Google's side failed: see status.cloud.google.com" if read else "look whether the change happened",
            effect_possible=not read,
        )
    if 400 <= status < 500:
        return Misconfigured(said, hint="the request was refused as it stands")
    return Malformed(f"{service} API answers HTTP {status}", effect_possible=not read)


def _parse_error(content: bytes) -> tuple[str, str, list[Json]]:
    try:
        error = json.loads(content)["error"]
        message = clean(str(error.get("message", "")), 400).rstrip(". ")
        reason = next((str(each.get("reason")) for each in _objects(error.get("errors"))), "")  # of the older APIs
        word = "ABORTED" if reason == "resourceNotReady" else str(error.get("status", ""))
        return message, word, list(_objects(error.get("details")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", "", []


def _forbidden(service: str, said: str, details: list[Json]) -> CockpitError:
    missing = ""
    for detail in details:
        metadata = detail.get("metadata")
        facts = metadata if isinstance(metadata, dict) else {}
        if detail.get("reason") == "SERVICE_DISABLED":
            project = clean(str(facts.get("consumer", "")), 80).removeprefix("projects/")
            return Misconfigured(said, hint=f"gcloud services enable {service}.googleapis.com --project={project}")
        missing = missing or clean(str(facts.get("permission", "")), 80)
    match = _PERMISSION.search(said)
    missing = missing or (match[1] if match else "")
    role = ROLES.get(missing, "")
    hint = f"{role} contains {missing}" if role else f"ask for {missing}" if missing else "ask for access"
    return PermissionDenied(said, missing=missing, hint=hint)


def _retry_after(headers: Mapping[str, str], details: list[Json]) -> float | None:
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit() and len(value) < 6:
        return float(value)
    for detail in details:
        match = _DURATION.fullmatch(str(detail.get("retryDelay", "")))
        if match is not None:
            return float(match[1])
    return None


def _no_answer(service: str, base_url: str, error: httpx.HTTPError, *, read: bool) -> CockpitError:
    where = f"{service} API at {clean(base_url)}"
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    open_effect = not read and not never_sent
    hint = "the change may have happened: look at the service" if open_effect else ""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{where} does not answer", hint=hint, effect_possible=open_effect)
    if isinstance(error, httpx.DecodingError):
        return Malformed(f"{where}: {clean(str(error), 200)}", effect_possible=open_effect)
    reason = clean(str(error), 200) or type(error).__name__
    return Unreachable(f"{where}: {reason}", hint=hint or "check network, proxy and DNS", effect_possible=open_effect)


def _decoded(service: str, content: bytes, *, read: bool) -> Json:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Malformed(
            f"{service} API answered something that is no JSON object",
            hint="" if read else "the change may have happened: look at the service",
            effect_possible=not read,
        )
    return value


def _operation_error(service: str, failure: Json) -> CockpitError:
    """google.rpc.Status of a finished operation: it definitely failed."""
    code = failure.get("code")
    said = f"{service} API: {clean(str(failure.get('message', 'the operation failed')), 400)}"
    if code in (9, 10):
        return Conflict(said, hint="plan again")
    if code == 7:
        return _forbidden(service, said, list(_objects(failure.get("details"))))
    return CockpitError(said, hint="the service keeps what served before" if service == "run" else "")


def _objects(value: object) -> list[Json]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []

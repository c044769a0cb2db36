"""One Google REST API over httpx: base address, token, deadlines, paging, operations.

What its answers mean is told by `answers`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlencode

import httpx

from cockpit.adapters.gcp.answers import (
    LOOK,
    Json,
    decoded,
    error_of_answer,
    no_answer,
    objects_of,
    operation_error,
)
from cockpit.adapters.gcp.auth import Token, TokenSource, is_loopback, tokens_for
from cockpit.adapters.gcp.budget import ReadBudget, hold_of, reads_of
from cockpit.adapters.gcp.settings import (
    Settings,
    SocksProxy,
    bad_proxy,
    grpc_proxy_of,
    override_of,
    proxy_of,
    settings_of,
    trust_of,
)
from cockpit.clock import Clock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    PutOff,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.text import clean

CONNECT_S = 5.0
ANSWER_BYTES = 8 << 20  # a larger one would hold up the event loop while it is decoded
MORE_BYTES = {"logging": 32 << 20}  # a page of a thousand entries may well be larger
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 4.0
OPERATION_DEADLINE_S = 120.0
_OPERATION_FIRST_S = 0.2
_OPERATION_MOST_S = 2.0

_PROJECT = re.compile(r"projects/([^/:?]+)")
_FIRST_WAIT_S = {"logging": 10.0}  # where an API says 429 and no more; logs are read often and by many
_OVERRIDES = {"sqladmin": "sql"}  # API name -> gcloud's name for it, where they differ

__all__ = ["OPERATION_DEADLINE_S", "GoogleApi", "Json", "error_of_answer"]


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
        self.service = service
        played = endpoint is not None and endpoint.startswith("http:") and is_loopback(endpoint)
        self._settings = Settings({}) if played else settings_of(environ)
        override = "" if endpoint else override_of(self._settings, _OVERRIDES.get(service, service))
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

    @property
    def variables(self) -> dict[str, str]:
        """What gcloud is told, as variables: for a client that is no HTTP client."""
        return self._settings.variables

    def grpc_proxy(self) -> str:
        """The http proxy on the way, "" for none, for a client that is no HTTP client. Raises Misconfigured."""
        return grpc_proxy_of(self._settings, self.base_url.partition("//")[2].partition(":")[0])

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

    def may_poll(self, project: str) -> None:
        """Asked once as a poll begins. Raises PutOff while this process has used up its reads of the project.

        A poll that has begun is not broken off, and neither is anything that somebody asked for.
        """
        budget = self._budget(project)
        wait = budget.wait_s(self._clock.monotonic()) if budget is not None else 0.0
        if budget is not None and wait > 0:
            raise PutOff(
                f"not polled for {wait:.0f} s: the cockpit has made the {budget.limit} reads a minute of the"
                f" {self.service} API that it allows itself in {clean(project, 80)}",
                retry_after_s=wait,
                hint="Google refused nothing, and actions go on; give the sources of this project a longer interval",
            )

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
            for element in objects_of(answer.get(items)):
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
        pause, trouble = _OPERATION_FIRST_S, ""
        while not operation.get("done"):
            name = operation.get("name")
            if not isinstance(name, str) or not name:
                raise Malformed(
                    f"{self.service} API accepted the change but named no operation", hint=LOOK, effect_possible=True
                )
            if self._clock.monotonic() >= until:
                raise TimedOut(
                    f"{self.service} API accepted the change, but it did not finish within {within_s:g} s{trouble}",
                    hint="it goes on without the cockpit: look at the service before anything else",
                    effect_possible=True,
                )
            await self._clock.sleep(pause)
            waited(self._clock.monotonic() - began)
            pause = min(pause * 1.5, _OPERATION_MOST_S)
            try:
                operation, trouble = await self.get(f"{prefix}{name}"), ""
            except (Unreachable, TimedOut, RateLimited, Malformed) as error:
                trouble = f" (last look: {error.word})"  # the next may succeed; the deadline above ends this
            except CockpitError as error:
                error.effect_possible = True
                raise
        failure = operation.get("error")
        if isinstance(failure, dict):
            raise operation_error(self.service, failure)
        response = operation.get("response")
        return response if isinstance(response, dict) else {}

    async def close(self) -> None:
        """Close connections and stop a token renewal."""
        if self._tokens is not None:
            await self._tokens.close()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _budget(self, project: str) -> ReadBudget | None:
        return reads_of(self.service, self.base_url, project, simulated=self.simulated)

    async def _connection(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # Reading the CA file takes tens of milliseconds: not on the event loop.
                self._client = await asyncio.to_thread(self._new_client)
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        limits = httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s))
        secure = self.base_url.startswith("https:")
        if self.simulated:  # loopback is spoken to directly, whatever proxy there is
            verify = trust_of(self._settings) if secure else False
            return httpx.AsyncClient(timeout=limits, trust_env=False, verify=verify)
        proxy, trust = proxy_of(self._settings), trust_of(self._settings)
        if isinstance(proxy, SocksProxy):
            from cockpit.adapters.gcp.socks import async_transport

            return httpx.AsyncClient(timeout=limits, transport=async_transport(proxy, trust))
        try:
            return httpx.AsyncClient(timeout=limits, proxy=proxy, verify=trust)
        except (ImportError, ValueError, httpx.InvalidURL):  # of HTTPS_PROXY and its like
            raise bad_proxy() from None

    async def _within_deadline(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, *, read: bool, patient: bool
    ) -> Json:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._attempts(method, path, query, body, read=read, patient=patient)
        except TimeoutError:
            raise TimedOut(
                f"{self.service} API at {clean(self.base_url)} gave no answer within {self._timeout_s:g} s",
                hint="it hangs, or the network drops packets" if read else LOOK,
                effect_possible=not read,
            ) from None

    async def _attempts(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, *, read: bool, patient: bool
    ) -> Json:
        until = self._clock.monotonic() + self._timeout_s
        pause = RETRY_FIRST_S
        renewed = False
        project = _project(path, body)
        hold = hold_of(f"{self.service} {self.base_url}", project)  # some endpoints serve several APIs
        while True:
            # A change is the operator's own, and it is for the API to refuse it.
            if read and (wait := hold.wait_s(self._clock.monotonic())) > 0:
                await self._waited(wait, until, project, patient=patient)
            token = await self.token()
            try:
                answer = await self._send(method, path, query, body, token, read=read)
            except AuthenticationFailed:
                if self._tokens is not None:
                    self._tokens.forget()
                if not read or renewed:
                    raise
                renewed = True
            except RateLimited as error:
                error.retry_after_s = hold.refused(
                    self._clock.monotonic(), error.retry_after_s, _FIRST_WAIT_S.get(self.service, 1.0)
                )
                if not read:
                    error.hint = f"nothing was done; again in {error.retry_after_s:.0f} s: quotas are the project's"
                if not patient or self._clock.monotonic() + error.retry_after_s >= until:
                    raise
            except _Busy as busy:
                if not patient or self._clock.monotonic() + pause >= until:
                    raise busy.error from None
                await self._clock.sleep(pause)
                pause = min(pause * 2, RETRY_MOST_S)
            else:
                hold.answered()
                return answer

    async def _waited(self, wait: float, until: float, project: str, *, patient: bool) -> None:
        """Wait where the deadline allows it. Raises RateLimited."""
        if not patient or self._clock.monotonic() + wait >= until:
            raise RateLimited(
                f"{self.service} API: the quota of {clean(project, 80) or 'the project'} is used up,"
                f" asked again in {wait:.0f} s",
                retry_after_s=wait,
                hint="quotas are shared by everybody in the project; the cockpit waits",
            )
        await self._clock.sleep(wait)

    async def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None, token: Token, *, read: bool
    ) -> Json:
        headers = {"Authorization": f"Bearer {token.value.reveal()}", "Accept": "application/json"}
        if token.quota_project:
            headers["x-goog-user-project"] = token.quota_project
        client = await self._connection()
        if read and (counted := self._budget(_project(path, body))) is not None:
            counted.count(self._clock.monotonic())
        try:
            request = client.build_request(method, self.url(path, query), json=body, headers=headers)
        except (httpx.InvalidURL, ValueError):  # its words would hold the token
            raise Misconfigured(
                f"{self.service} API: no request can be made of this address, name or token",
                hint="look at endpoint, project and names in the profile",
            ) from None
        try:
            most = MORE_BYTES.get(self.service, ANSWER_BYTES)
            status, answered, content = await _exchange(client, request, most)
        except httpx.HTTPError as error:
            raise no_answer(self.service, self.base_url, error, read=read) from error
        if 200 <= status < 300:
            return decoded(self.service, content, read=read)
        failure = error_of_answer(self.service, status, answered, content, read=read)
        if read and status == 503:
            raise _Busy(failure)
        raise failure


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, most: int
) -> tuple[int, Mapping[str, str], bytes]:
    answer = await client.send(request, stream=True)
    try:
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > most:
                raise httpx.DecodingError(f"the answer is larger than {most >> 20} MB", request=request)
        return answer.status_code, answer.headers, bytes(content)
    finally:
        await answer.aclose()


class _Busy(Exception):
    """503 on a read: worth another try."""

    def __init__(self, error: CockpitError) -> None:
        super().__init__(error.message)
        self.error = error


def _project(path: str, body: Json | None) -> str:
    """Whose quota a request uses; entries:list names the project in its body."""
    names = body.get("resourceNames") if body is not None else None
    match = _PROJECT.search(path) or _PROJECT.search(str(names[0] if isinstance(names, list) and names else ""))
    return match[1] if match else ""

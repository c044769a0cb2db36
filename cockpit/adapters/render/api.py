"""Requests to Render's REST API: key, deadlines, cursors, rate limits. What it answers is read elsewhere."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from cockpit.adapters.raw import Json, part, text
from cockpit.adapters.render.answers import LOOK, decoded, error_of_answer, no_answer
from cockpit.adapters.render.quota import Quota, bucket_of
from cockpit.clock import Clock
from cockpit.errors import AuthenticationFailed, Malformed, Misconfigured, RateLimited, TimedOut
from cockpit.profile.docker import RenderSource
from cockpit.profile.secrets import Secret
from cockpit.text import clean

PUBLIC = "https://api.render.com"
CONNECT_S = 5.0
ANSWER_BYTES = 8 << 20
PAGE = 100  # the most that a page may have
AT_ONCE = 6
Query = Sequence[tuple[str, str]]

_QUOTAS: dict[tuple[str, str], Quota] = {}  # by server and key: tables of one key share what it may ask


class RenderApi:
    """One API key at one address, for all sources of a [[render]] table. Opens nothing before the first request."""

    def __init__(self, source: RenderSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self.base_url = (source.endpoint or PUBLIC).rstrip("/").removesuffix("/v1")
        self.server = clean(urlsplit(self.base_url).netloc, 120)
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._key: Secret | None = None
        self.quota = _QUOTAS.setdefault(
            (self.base_url, f"{source.token.scheme}:{source.token.locator}"), Quota(simulated=self.simulated)
        )

    @property
    def simulated(self) -> bool:
        """The API is played on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def url(self, path: str, query: Query = ()) -> str:
        """The full address of a request."""
        return f"{self.base_url}/v1{path}" + (f"?{urlencode(list(query))}" if query else "")

    async def get(self, path: str, query: Query = ()) -> Any:
        """A read. Asked again once with a key fetched anew on 401, and after 429 while the deadline allows it."""
        return await self._within_deadline("GET", path, query, None)

    async def record(self, path: str, query: Query = ()) -> Json:
        """A read that answers with one object. Raises Malformed for anything else."""
        found = await self.get(path, query)
        if not isinstance(found, dict):
            raise Malformed(f"Render's API answers GET {path} with no object", hint="its version may have changed")
        return found

    async def elements(self, path: str, query: Query = (), inside: str = "", most: int = PAGE) -> list[Json]:
        """A list: of [{"cursor", inside: {...}}] page by page what is inside, else its objects. At most `most`.

        https://api-docs.render.com/reference/pagination
        """
        found: list[Json] = []
        cursor = ""
        while len(found) < most:
            limit = min(PAGE, most - len(found))
            paged = [("limit", str(limit)), *([("cursor", cursor)] if cursor else [])] if inside else []
            answer = await self.get(path, [*query, *paged])
            if not isinstance(answer, list):
                raise Malformed(f"Render's API answers GET {path} with no list", hint="its version may have changed")
            found += [part(each, inside) if inside else each for each in answer if isinstance(each, dict)]
            following = text(part(answer[-1]).get("cursor"), 1000) if answer else ""
            if not inside or len(answer) < limit or not following or following == cursor:
                break
            cursor = following
        return found[:most]

    async def change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """A mutation: sent once. An error that leaves its effect open has `effect_possible`."""
        return await self._within_deadline(method, path, (), body)

    def may_poll(self, bucket: str = "reads") -> None:
        """Asked once as a poll begins. Raises PutOff."""
        self.quota.may_poll(self._clock.monotonic(), bucket)

    async def close(self) -> None:
        """Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # Inside

    async def _within_deadline(self, method: str, path: str, query: Query, body: Mapping[str, object] | None) -> Any:
        read = method == "GET"
        limit = self._source.timeout
        try:
            async with asyncio.timeout(limit):
                return await self._attempts(method, path, query, body, read=read)
        except TimeoutError:
            raise TimedOut(
                f"{self.server} gave no answer to {method} {path} within {limit:g} s",
                hint="it hangs, or the network drops packets" if read else LOOK,
                effect_possible=not read,
            ) from None

    async def _attempts(
        self, method: str, path: str, query: Query, body: Mapping[str, object] | None, *, read: bool
    ) -> Any:
        until = self._clock.monotonic() + self._source.timeout
        bucket = self.quota.bucket(bucket_of(method, path))
        renewed = False
        while True:
            # A change is the operator's own: it is for Render to refuse it.
            wait = bucket.hold.wait_s(self._clock.monotonic()) if read else 0.0
            if wait > 0:
                if self._clock.monotonic() + wait >= until:
                    raise RateLimited(
                        f"{self.server} asked to wait: it is asked again in {wait:.0f} s",
                        retry_after_s=wait,
                        hint="the limits count all programs of this API key's user; the cockpit waits",
                    )
                await self._clock.sleep(wait)
            try:
                answer = await self._send(method, path, query, body, read=read)
            except AuthenticationFailed:
                self._key = None
                if not read or renewed:
                    raise
                renewed = True
            except RateLimited as error:
                error.retry_after_s = bucket.hold.refused(self._clock.monotonic(), error.retry_after_s, 2.0)
                if not read or self._clock.monotonic() + error.retry_after_s >= until:
                    raise
            else:
                bucket.hold.answered()
                return answer

    async def _send(
        self, method: str, path: str, query: Query, body: Mapping[str, object] | None, *, read: bool
    ) -> Any:
        if self._key is None:
            self._key = await self._source.token.resolve()
        client = await self._connection()
        bucket = self.quota.bucket(bucket_of(method, path))
        headers = {"Authorization": f"Bearer {self._key.reveal()}", "Accept": "application/json"}
        try:
            request = client.build_request(
                method, self.url(path, query), json=dict(body) if body is not None else None, headers=headers
            )
        except (httpx.InvalidURL, ValueError):  # its words would hold the key
            raise Misconfigured(
                "no request to Render can be made of this address or key", hint="look at endpoint and token"
            ) from None
        async with self._gate:
            bucket.own.count(self._clock.monotonic())
            try:
                answer, content = await self._exchange(client, request)
            except httpx.HTTPError as error:
                raise no_answer(self.server, error, read=read) from None
        epoch = self._clock.now().timestamp()
        bucket.told(self._clock.monotonic(), epoch, answer.headers)
        if answer.is_success:
            return decoded(content, read=read)
        raise error_of_answer(f"{method} {path}", answer.status_code, answer.headers, content, epoch, read=read)

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        answer = await client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_BYTES:
                    raise httpx.DecodingError("the answer is too large", request=request)
            return answer, bytes(content)
        finally:
            await answer.aclose()

    async def _connection(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # Reading the CA file takes tens of milliseconds: not on the event loop.
                self._client = await asyncio.to_thread(self._new_client)
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        limits = httpx.Timeout(self._source.timeout, connect=min(CONNECT_S, self._source.timeout))
        try:
            return httpx.AsyncClient(timeout=limits, trust_env=not self.simulated, follow_redirects=False)
        except (ImportError, ValueError, httpx.InvalidURL):  # its words may hold a password
            raise Misconfigured(
                "the proxy of this environment cannot be used for Render", hint="look at HTTPS_PROXY and ALL_PROXY"
            ) from None

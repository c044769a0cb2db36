"""One GitHub host over httpx: address, token, deadlines, conditional reads, paging. A change is sent once.

Addresses: api.github.com; HOST/api/v3 and HOST/api/graphql of an Enterprise Server
(https://docs.github.com/en/enterprise-server/rest/using-the-rest-api/getting-started-with-the-rest-api);
api.NAME.ghe.com of Enterprise Cloud with data residency. Reads go one after the other, as GitHub asks for; one
that is unchanged since (ETag, 304) costs no quota.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from cockpit.adapters.github.answers import GARBLED, LOOK, error_of, is_limit, no_answer, said_in
from cockpit.adapters.github.quota import Quota, quota_of
from cockpit.adapters.github.sending import segment
from cockpit.adapters.github.token import origin_of, token_of
from cockpit.adapters.raw import Json, part, parts, text
from cockpit.clock import Clock
from cockpit.errors import (
    AuthenticationFailed,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    TimedOut,
)
from cockpit.profile.delivery import GithubSource
from cockpit.profile.secrets import Secret
from cockpit.text import clean

API_VERSION = "2022-11-28"
CONNECT_S = 5.0
ANSWER_BYTES = 16 << 20  # a comparison with patches is the largest
_LARGE = 256 << 10  # decoded beside the event loop
PER_PAGE = 100
_REMEMBERED = 300  # answers with their ETag
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any
    link: str
    etag: str


def base_of(table: GithubSource) -> str:
    """Of the REST API, without a slash at the end."""
    if table.endpoint is not None:
        return table.endpoint.rstrip("/")
    host = table.host.casefold()
    if host in ("github.com", "www.github.com", "api.github.com"):
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"https://{host}/api/v3"


class GithubApi:
    """One repository's host, and the paths below the repository."""

    def __init__(self, table: GithubSource, clock: Clock) -> None:
        self.table = table
        self.clock = clock
        self.base_url = base_of(table)
        self._token: Secret | None = None
        self._client: httpx.AsyncClient | None = None
        self._turn = asyncio.Lock()
        self._known: OrderedDict[str, _Answer] = OrderedDict()
        self.scopes: tuple[str, ...] = ()  # of a classic token, as the last answer said

    @property
    def cloud(self) -> bool:
        """GitHub's own, which knows the newest parameters; an Enterprise Server may not."""
        return self.base_url.endswith((".github.com", ".ghe.com"))

    @property
    def repository(self) -> str:
        """Path of the repository."""
        owner, _, name = self.table.repository.partition("/")
        return f"/repos/{segment(owner)}/{segment(name)}"

    @property
    def graphql_url(self) -> str:
        """Beside the REST API."""
        return f"{self.base_url.removesuffix('/v3')}/graphql"

    @property
    def quota(self) -> Quota:
        """What is left to ask."""
        return quota_of(self.base_url, origin_of(self.table), self.clock)

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Of a request below the repository ("" for itself), as it is sent."""
        return f"{self.base_url}{self.repository}{path}" + (f"?{urlencode(query)}" if query else "")

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """An object below the repository. Raises CockpitError."""
        found = (await self._read(self.url(path, query))).value
        if not isinstance(found, dict):
            raise Malformed(f"{self.table.host} answered something else than an object", hint=GARBLED)
        return found

    async def listed(
        self, path: str, query: Mapping[str, str] | None = None, *, key: str = "", most: int = PER_PAGE
    ) -> tuple[list[Json], bool]:
        """Objects of a list, in the answer itself or under `key`, at most so many; whether there are more.

        Further pages by the Link header (https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api).
        """
        asked = {"per_page": str(min(most, PER_PAGE)), **(query or {})}
        url, found = self.url(path, asked), list[Json]()
        while True:
            answer = await self._read(url)
            found += parts(answer.value, key) if key else parts(answer.value)
            following = self._next(answer.link)
            if len(found) >= most or not following:
                return found[:most], len(found) > most or bool(following)
            url = following

    def _next(self, link: str) -> str:
        """The address of the next page; "" where there is none, or it leads to where the token is not for."""
        for each in link.split(","):
            address, _, relation = each.partition(";")
            target = address.strip().removeprefix("<").removesuffix(">")
            if 'rel="next"' in relation:
                return target if urlsplit(target)[:2] == urlsplit(self.base_url)[:2] else ""
        return ""

    async def send(self, method: str, path: str, body: Json | None = None) -> Json:
        """A change below the repository, once; {} for an answer without a body. Raises CockpitError."""
        answer = await self._within(method, self.url(path), body, read=False)
        return answer.value if isinstance(answer.value, dict) else {}

    async def mutate(self, mutation: str, variables: Json) -> Json:
        """A GraphQL mutation, once; its data. An error in the answer means that nothing was done.

        https://docs.github.com/en/graphql/guides/forming-calls-with-graphql
        """
        body = {"query": mutation, "variables": variables}
        found = (await self._within("POST", self.graphql_url, body, read=False)).value
        errors = list(parts(found, "errors"))
        if errors:
            told = f"{self.table.host}: {text(errors[0].get('message'))}"
            kind = errors[0].get("type")
            if kind == "RATE_LIMITED":
                raise self.quota.refused({}, told)
            if kind == "NOT_FOUND":
                raise NotFound(told, hint="it is gone, or the token may not see it")
            if kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
                raise PermissionDenied(told, missing="contents: write, pull_requests: write", hint="change the token")
            raise Conflict(told, hint="look at the pull request, then plan again")
        return part(found, "data")

    async def close(self) -> None:
        """Close connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # -- one request

    async def _read(self, url: str) -> _Answer:
        async with self._turn:
            try:
                return await self._within("GET", url, None, read=True)
            except AuthenticationFailed:
                if self._token is None:
                    raise
                self._token = None  # gh may have renewed it
                return await self._within("GET", url, None, read=True)

    async def _within(self, method: str, url: str, body: Json | None, *, read: bool) -> _Answer:
        self.quota.check()
        sent = False
        try:
            async with asyncio.timeout(self.table.timeout):
                headers = await self._headers(method, url)
                client = await self._connection()
                sent = True
                return await self._exchange(client, method, url, headers, body, read=read)
        except TimeoutError:
            possible = sent and not read
            raise TimedOut(
                f"{self.table.host} gave no answer within {self.table.timeout:g} s",
                hint=LOOK if possible else "it hangs, or the network drops packets",
                effect_possible=possible,
            ) from None
        except httpx.HTTPError as error:
            raise no_answer(self.table.host, error, read=read) from error

    async def _headers(self, method: str, url: str) -> dict[str, str]:
        parsed = urlsplit(self.base_url)
        if parsed.scheme != "https" and parsed.hostname not in _LOOPBACK:
            raise Misconfigured(
                f"no token is sent to {clean(self.base_url, 120)}: it is not https", hint="set endpoint in [[github]]"
            )
        if self._token is None:
            self._token = await token_of(self.table)
        headers = {
            "Authorization": f"Bearer {self._token.reveal()}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
            "User-Agent": "cockpit",
        }
        if method == "GET" and (known := self._known.get(url)) is not None:
            headers["If-None-Match"] = known.etag
        return headers

    async def _connection(self) -> httpx.AsyncClient:
        if self._client is None:
            # Reading the CA file takes tens of milliseconds: not on the event loop.
            made = await asyncio.to_thread(self._new_client)
            if self._client is None:
                self._client = made
            else:
                await made.aclose()
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        limits = httpx.Timeout(self.table.timeout, connect=min(CONNECT_S, self.table.timeout))
        direct = urlsplit(self.base_url).hostname in _LOOPBACK
        try:
            return httpx.AsyncClient(timeout=limits, trust_env=not direct)
        except (ImportError, ValueError, httpx.InvalidURL):
            raise Misconfigured("the proxy in the environment cannot be used", hint="look at HTTPS_PROXY") from None

    async def _exchange(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Json | None,
        *,
        read: bool,
    ) -> _Answer:
        request = client.build_request(method, url, json=body, headers=headers)
        answer = await client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_BYTES:
                    raise httpx.DecodingError(f"the answer is larger than {ANSWER_BYTES >> 20} MB", request=request)
        finally:
            await answer.aclose()
        self.quota.told(answer.headers)
        if (scopes := answer.headers.get("x-oauth-scopes")) is not None:
            self.scopes = tuple(clean(each.strip(), 60) for each in scopes.split(","))
        if answer.status_code == 304 and url in self._known:
            self.quota.answered()
            self._known.move_to_end(url)
            return self._known[url]
        if not 200 <= answer.status_code < 300:
            said = said_in(bytes(content))
            if is_limit(answer.status_code, answer.headers, said):
                raise self.quota.refused(answer.headers, f"{self.table.host}: {said or 'too many requests'}")
            raise error_of(self.table.host, answer.status_code, answer.headers, said, read=read)
        self.quota.answered()
        return await self._decoded(url, answer, bytes(content), read=read)

    async def _decoded(self, url: str, answer: httpx.Response, content: bytes, *, read: bool) -> _Answer:
        try:
            if len(content) > _LARGE:
                value = await asyncio.to_thread(json.loads, content)
            else:
                value = json.loads(content) if content.strip() else None
        except (ValueError, RecursionError):
            raise Malformed(
                f"{self.table.host} answered something that is no JSON",
                hint=GARBLED if read else LOOK,
                effect_possible=not read,
            ) from None
        found = _Answer(value, answer.headers.get("link", ""), answer.headers.get("etag", ""))
        if read and found.etag:
            self._known[url] = found
            self._known.move_to_end(url)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

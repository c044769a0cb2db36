"""One cluster's API as raw JSON: reads, lists, watches, streams and changes, each within a deadline.

https://kubernetes.io/docs/reference/using-api/api-concepts/. Values of secrets are never asked for.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.adapters.kube.answers import bare, event_of, lines_of, no_json, object_of
from cockpit.adapters.kube.discovery import Discovery, discovered
from cockpit.adapters.kube.errors import LOOK, Asked, Expired, failure
from cockpit.adapters.kube.execauth import Credential, Credentials
from cockpit.adapters.kube.kubeconfig import ACCOUNT, IN_CLUSTER, Place, read_place
from cockpit.adapters.kube.slices import Keep, Object, items_of, whole
from cockpit.adapters.kube.terms import Listed, PatchKind, Right, review_of
from cockpit.adapters.kube.websocket import NotUpgraded, Socket
from cockpit.adapters.kube.wire import Wire, chunks, cut, whole_body
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Refused, Unreachable
from cockpit.profile.kube import KubernetesSource
from cockpit.text import clean

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Discovery", "Expired", "Gateway", "Listed", "PatchKind", "Place", "Right"]

PAGE = 500
CYCLE_S = 90.0  # a watch is opened anew after this long; a silent connection is found out soon after
CYCLE_GRACE_S = 10.0
ANSWER_BYTES = 64 << 20
TEXT_BYTES = 16 << 20
MANAGER = "cockpit"
AT_ONCE = 8  # questions that are asked in parallel
DISCOVERY_S = 600.0  # how long a discovery is believed: resources come with operators, versions with upgrades
AGAIN_S = 5.0  # between two looks into the kubeconfig for a newer login

_JSON = "application/json"
_PARTIAL = "application/json;as={kind};g=meta.k8s.io;v=v1"
_SECRETS = re.compile(r"/api/v1/(namespaces/[^/]+/)?secrets(/[^/]+)?")
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Gateway:
    """All requests to one context. Opens nothing before the first one."""

    def __init__(
        self,
        source: KubernetesSource,
        clock: Clock,
        environ: Mapping[str, str] = os.environ,
        account: Path = ACCOUNT,
    ) -> None:
        self.name = source.name
        self.timeout_s = source.timeout
        self._source = source
        self._clock = clock
        self._environ = environ
        self._account = account
        self._place: Place | None = None
        self._credentials: Credentials | None = None
        self._wire: Wire | None = None
        self._wire_of: Credential | None = None
        self._opening = asyncio.Lock()
        self._decoding = asyncio.Lock()
        self._discovering = asyncio.Lock()
        self._discovery: Discovery | None = None
        self._discovered_at = float("-inf")
        self._relogin_at = float("-inf")
        self._closed = False

    @property
    def place(self) -> Place:
        """Where this is. The kubeconfig is read the first time and then kept. Raises Misconfigured."""
        if self._place is None:
            self._place = self._read()
        return self._place

    @property
    def clock(self) -> Clock:
        """The clock that it was made with."""
        return self._clock

    def _read(self) -> Place:
        source = self._source
        return read_place(source.context, source.kubeconfig, source.namespace, self._environ, self._account)

    # Reads

    async def get(self, path: str, query: Mapping[str, str] = {}) -> dict[str, Any]:
        """One object, or any other JSON object."""
        self._harmless(path)
        return await self._object("GET", path, query, None, _JSON, read=True)

    async def ask(self, path: str, body: object) -> dict[str, Any]:
        """A POST that only asks: reviews."""
        return await self._object("POST", path, {}, body, _JSON, read=True)

    async def listed(self, path: str, query: Mapping[str, str] = {}, keep: Keep = whole) -> Listed:
        """All of a collection, read in pages; each item goes through `keep` as it comes."""
        self._harmless(path)
        return await self._listed(path, query, _JSON, keep)

    async def metadata(self, path: str, query: Mapping[str, str] = {}) -> Listed:
        """As `listed`, but only the metadata of each object, without annotations: the way to look at secrets."""
        return await self._listed(path, query, _PARTIAL.format(kind="PartialObjectMetadataList"), bare)

    async def sealed(self, path: str, seal: Callable[[tuple[Object, ...]], bytes]) -> bytes:
        """Secrets with their values, for a backup: they go to `seal` alone, and leave here encrypted."""
        return seal((await self._listed(path, {}, _JSON, whole)).items)

    async def text(self, path: str, query: Mapping[str, str] = {}) -> str:
        """An answer that is text, as it came: clean it line by line."""
        self._harmless(path)
        asked = await self._asked(path, read=True)
        response = await self._send("GET", asked, query, None, "*/*", self.timeout_s)
        body = await whole_body(response, self.place, asked, self.timeout_s, TEXT_BYTES)
        return body.decode("utf-8", "replace")

    async def stream(
        self, path: str, query: Mapping[str, str] = {}, within_s: float | None = None
    ) -> AsyncGenerator[bytes]:
        """An answer as it comes, for `within_s` seconds at most (None: until it ends). Close it when done with it."""
        self._harmless(path)
        asked = await self._asked(path, read=True)
        response = await self._send("GET", asked, query, None, "*/*", within_s)
        try:
            async for chunk in chunks(response, self.place, asked, within_s):
                yield chunk
        finally:
            cut(response)

    async def websocket(self, path: str, query: Mapping[str, str], protocols: Sequence[str]) -> Socket:
        """A connection that is a WebSocket from then on. Refused with 401, it is asked for once more."""
        asked = await self._asked(path, read=True)
        for attempt in (1, 2):
            wire, credential = await self._open()
            try:
                headers = self._identity(credential)
                return await wire.websocket(path, query, headers, protocols, asked, self.timeout_s)
            except NotUpgraded as refused:
                if refused.status == 401 and attempt == 1 and await self._renewed(credential):
                    continue
                raise failure(refused.status, b"", asked) from None
        raise AssertionError("unreachable")

    async def watch(
        self,
        path: str,
        version: str,
        query: Mapping[str, str] = {},
        *,
        cycle_s: float = CYCLE_S,
        opened: Callable[[], None] | None = None,
        metadata: bool = False,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Events since `version`, bookmarks among them, until the server ends the cycle. `opened` is called once it
        has accepted. Raises Expired where it no longer knows that version, TimedOut after a cycle of silence.
        """
        if not metadata:
            self._harmless(path)
        accept = _PARTIAL.format(kind="PartialObjectMetadata") if metadata else _JSON
        asked = await self._asked(path, read=True)
        wanted = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{max(1, round(cycle_s))}",
        }
        within_s = cycle_s + CYCLE_GRACE_S
        response = await self._send("GET", asked, wanted, None, accept, within_s)
        try:
            if opened is not None:
                opened()
            async for line in lines_of(chunks(response, self.place, asked, within_s), asked):
                yield event_of(line, asked, metadata=metadata)
        finally:
            cut(response)

    async def may(self, rights: Sequence[Right]) -> tuple[Right, ...]:
        """Those of the rights that we do not have: one SelfSubjectAccessReview each, in parallel."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def held(right: Right) -> bool:
            async with limit:
                status = (await self.ask(_REVIEWS, review_of(right))).get("status")
            return isinstance(status, dict) and status.get("allowed") is True

        answers = await asyncio.gather(*(held(right) for right in rights))
        return tuple(right for right, allowed in zip(rights, answers, strict=True) if not allowed)

    async def versions(self, *, fresh: bool = False) -> Discovery:
        """What the server serves; believed for ten minutes, unless `fresh`."""
        async with self._discovering:
            age = self._clock.monotonic() - self._discovered_at
            if self._discovery is None or age > (AGAIN_S if fresh else DISCOVERY_S):
                self._discovery = await discovered(self._discovery_of)
                self._discovered_at = self._clock.monotonic()
            return self._discovery

    # Changes

    async def change(
        self,
        method: str,
        path: str,
        body: object,
        *,
        kind: PatchKind | None = None,
        dry_run: bool = False,
        query: Mapping[str, str] = {},
    ) -> dict[str, Any]:
        """A change: sent once, never again. An error that leaves its effect open has `effect_possible`."""
        method = method.upper()
        if method not in ("POST", "PUT", "PATCH", "DELETE") or (method == "PATCH") != (kind is not None):
            raise ValueError(f"{method} with {kind}")
        if kind is PatchKind.JSON and not isinstance(body, list):
            raise ValueError("a JSON patch is a list of operations")
        wanted = dict(query)
        if method == "DELETE":
            # With a body the server ignores ?dryRun=All, and really deletes.
            options = dict(body) if isinstance(body, Mapping) else {}
            body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
            if dry_run:
                body["dryRun"] = ["All"]
        else:
            wanted |= {"fieldManager": MANAGER, "fieldValidation": "Strict"}
            if dry_run:
                wanted["dryRun"] = "All"
        if dry_run and path.endswith("/eviction") and isinstance(body, Mapping):
            body = {**body, "deleteOptions": {**(body.get("deleteOptions") or {}), "dryRun": ["All"]}}
        content = kind.value if kind is not None else _JSON
        # A dry run changes nothing whatever becomes of its answer; it is still sent once only.
        return await self._object(method, path, wanted, body, _JSON, read=False, content=content, dry_run=dry_run)

    async def close(self) -> None:
        """Close connections and end a plugin. Safe to call twice."""
        self._closed = True
        if self._credentials is not None:
            await self._credentials.close()
        if self._wire is not None:
            wire, self._wire = self._wire, None
            await wire.close()

    # Inside

    def _harmless(self, path: str) -> None:
        if _SECRETS.fullmatch(path):
            raise Refused("secrets", f"context {self.place.context}: values of secrets are never asked for")

    async def _asked(self, path: str, *, read: bool, json_patch: bool = False) -> Asked:
        if self._place is None:
            self._place = await asyncio.to_thread(self._read)
        place = self._place
        return Asked(place.context, path, read, place.user, place.login.said, json_patch)

    async def _open(self) -> tuple[Wire, Credential]:
        async with self._opening:
            if self._closed:
                raise Unreachable(f"context {self.place.context}: closed")
            if self._credentials is None:
                self._credentials = Credentials(self.place, self._clock, self._environ)
        # Not under the lock: a plugin may take its time, and others ask the same one.
        credential = await self._credentials.credential()
        async with self._opening:
            if self._closed:
                raise Unreachable(f"context {self.place.context}: closed")
            old = self._wire_of
            if self._wire is None or old is None or old.certificate != credential.certificate:
                stale, self._wire = self._wire, await Wire.opened(self.place, credential, self._environ)
                self._wire_of = credential
                if stale is not None:
                    await stale.close()  # watches on it begin anew where they were
            return self._wire, credential

    async def _send(
        self,
        method: str,
        asked: Asked,
        query: Mapping[str, str],
        body: object,
        accept: str,
        within_s: float | None,
        content: str = _JSON,
    ) -> aiohttp.ClientResponse:
        """The answer where it is 2xx; every other one is raised. A read refused with 401 is sent once more."""
        for attempt in (1, 2):
            wire, credential = await self._open()
            headers = {"Accept": accept, "Content-Type": content, **self._identity(credential)}
            response = await wire.send(method, asked.path, query, headers, body, asked, within_s)
            if 200 <= response.status < 300:
                return response
            answer = await whole_body(response, self.place, asked, within_s, 1 << 20)
            if response.status == 401 and await self._renewed(credential) and asked.read and attempt == 1:
                continue
            raise failure(response.status, answer, asked, response.headers)
        raise AssertionError("unreachable")

    def _identity(self, credential: Credential) -> dict[str, str]:
        """The headers that say who asks."""
        login = self.place.login
        headers = {**credential.headers(), **dict(login.impersonates)}
        if login.username and login.password is not None and "Authorization" not in headers:
            pair = f"{login.username}:{login.password.reveal()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

    async def _renewed(self, refused: Credential) -> bool:
        """After a 401: whether another credential can be had. A newer login in the kubeconfig counts too."""
        if self._credentials is not None and self._credentials.renewable:
            self._credentials.forget(refused)
            return True
        place, now = self.place, self._clock.monotonic()
        if place.context == IN_CLUSTER or now < self._relogin_at + AGAIN_S:
            return False
        self._relogin_at = now
        source = self._source
        try:
            found = await asyncio.to_thread(
                read_place, place.context, source.kubeconfig, source.namespace, self._environ, self._account
            )
        except CockpitError:
            return False  # the 401 is what matters
        if (found.server, found.authority) != (place.server, place.authority) or found.login == place.login:
            return False
        async with self._opening:
            # The same cluster with another login: only that is taken over.
            self._place = replace(place, login=found.login, user=found.user)
            self._credentials, stale = None, self._wire
            self._wire = self._wire_of = None
        if stale is not None:
            await stale.close()
        return True

    async def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object,
        accept: str,
        *,
        read: bool,
        content: str = _JSON,
        dry_run: bool = False,
    ) -> Object:
        asked = await self._asked(path, read=read, json_patch=content == PatchKind.JSON.value)
        try:
            response = await self._send(method, asked, query, body, accept, self.timeout_s, content)
            answer = await whole_body(response, self.place, asked, self.timeout_s, ANSWER_BYTES)
            return object_of(answer, asked)
        except CockpitError as error:
            if dry_run:
                error.effect_possible = False
                error.hint = "" if error.hint == LOOK else error.hint
            raise

    async def _discovery_of(self, path: str, accept: str) -> Object:
        return await self._object("GET", path, {}, None, accept, read=True)

    async def _listed(self, path: str, query: Mapping[str, str], accept: str, keep: Keep) -> Listed:
        for page in (PAGE, PAGE, 0):  # a list that is changed faster than it is paged through is read at once
            with contextlib.suppress(Expired):
                return await self._pages(path, query, accept, keep, page)
        raise Unreachable(f"context {self.place.context}: {clean(path, 160)} changes too fast to be listed")

    async def _pages(self, path: str, query: Mapping[str, str], accept: str, keep: Keep, page: int) -> Listed:
        asked = await self._asked(path, read=True)
        wanted = {**query, "limit": str(page)} if page else dict(query)
        items: list[Object] = []
        while True:
            response = await self._send("GET", asked, wanted, None, accept, self.timeout_s)
            body = await whole_body(response, self.place, asked, self.timeout_s, ANSWER_BYTES)
            try:
                async with self._decoding:
                    rest, found = await items_of(body.decode("utf-8", "replace"), keep)
                facts = rest["metadata"]
                version, following = str(facts.get("resourceVersion") or ""), facts.get("continue")
            except (ValueError, KeyError, AttributeError, RecursionError):
                raise no_json(asked) from None
            items.extend(found)
            if not isinstance(following, str) or not following or not page:
                return Listed(tuple(items), version)
            wanted["continue"] = following

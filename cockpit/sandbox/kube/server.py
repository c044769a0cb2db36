"""The API in memory: requests in, answers out; over HTTP on loopback, or straight from the same process.

https://kubernetes.io/docs/reference/using-api/api-concepts/. Without TLS: it is reached on loopback alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from cockpit.sandbox.http import HttpServer, Limits, Request, Response
from cockpit.sandbox.kube import discovery
from cockpit.sandbox.kube.access import ADMIN, VIEWER, Wish, check, review, whoami
from cockpit.sandbox.kube.admission import admit
from cockpit.sandbox.kube.kinds import Kind, find
from cockpit.sandbox.kube.node.pods import Pods
from cockpit.sandbox.kube.node.terms import MERGE, Object
from cockpit.sandbox.kube.reading import Looked, checked, got, listed, watched
from cockpit.sandbox.kube.shaping import Writer
from cockpit.sandbox.kube.statuses import ApiError, bad_request, no_such_path
from cockpit.sandbox.kube.store import Store
from cockpit.sandbox.kube.subresources import evict, logs, scale, scale_of
from cockpit.sandbox.kube.writing import Writing
from cockpit.sandbox.process import password

_METHODS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REVIEWS: Mapping[str, Callable[[str, Object], Object]] = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": review,
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": lambda user, sent: whoami(user),
}
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it is understood."""

    user: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    content: str = "application/json"  # its type, without parameters
    accept: str = ""
    agent: str = "unknown"  # who writes, where no fieldManager says it


@dataclass(frozen=True, slots=True)
class Answer:
    """An object, or a stream of lines."""

    code: int
    body: Object = field(default_factory=dict)
    stream: AsyncGenerator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    kind: Kind
    version: str
    namespace: str | None
    name: str
    sub: str


class KubeApi:
    """`pods` is who knows what containers log, once there are nodes."""

    def __init__(self) -> None:
        self.store = Store()
        self.writing = Writing(self.store, admit)
        self.pods: Pods | None = None
        self.tokens = {user: password() for user in (ADMIN, VIEWER)}
        self._http: HttpServer | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._http = await HttpServer.start(self._handle, limits=Limits(connections=500))

    async def close(self) -> None:
        """End every connection. Safe to call twice."""
        if self._http is not None:
            await self._http.close()

    @property
    def url(self) -> str:
        """Base URL; "" before the start."""
        return self._http.url if self._http is not None else ""

    def answer(self, asked: Asked) -> Answer:
        """Any request. Refusals are answers too."""
        try:
            return self._answer(asked)
        except ApiError as refusal:
            return Answer(refusal.code, refusal.body)

    async def _handle(self, request: Request) -> Response:
        user = next((name for name, token in self.tokens.items() if request.bearer == token), "")
        if not user:
            refusal = ApiError(401, "Unauthorized", "Unauthorized")
            return Response.of(refusal.body, 401)
        content = request.headers.get("content-type", "").partition(";")[0].strip() or "application/json"
        try:
            body = _decoded(request.body, content)
        except ApiError as refusal:
            return Response.of(refusal.body, refusal.code)
        agent = request.headers.get("user-agent", "").partition("/")[0] or "unknown"
        asked = Asked(user, request.method, request.path, request.query, body, content,
                      request.headers.get("accept", ""), agent)  # fmt: skip
        answer = self.answer(asked)
        if answer.stream is None:
            return Response.of(answer.body, answer.code)
        kind = "application/json" if "watch" in request.query else "text/plain"
        return Response(answer.code, headers=(("content-type", kind),), chunks=answer.stream)

    def _answer(self, asked: Asked) -> Answer:
        path = asked.path.rstrip("/") or "/"
        if path in ("/healthz", "/livez", "/readyz"):
            return Answer(200, {"status": "ok"})
        if path == "/version":
            return Answer(200, discovery.version())
        if asked.method == "POST" and path in _REVIEWS:
            return Answer(201, _REVIEWS[path](asked.user, _object(asked.body)))
        place = _place(path)
        if place is None:
            if asked.method not in ("GET", "HEAD"):
                raise no_such_path()
            return Answer(200, discovery.answer(path, asked.accept))
        return self._by_verb(asked, place, _METHODS.get(asked.method))

    def _by_verb(self, asked: Asked, place: _Place, verb: str | None) -> Answer:
        if verb is None:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        if verb == "get" and not place.name:
            verb = "watch" if asked.query.get("watch") in ("true", "1") else "list"
        resource = f"{place.kind.plural}/{place.sub}" if place.sub else place.kind.plural
        check(asked.user, place.kind, Wish(verb, place.kind.group, resource, place.namespace or "", place.name))
        if verb in ("get", "list", "watch"):
            return self._read(asked, place, verb)
        if verb == "delete" and not place.name:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return self._write(asked, place, verb)

    def _read(self, asked: Asked, place: _Place, verb: str) -> Answer:
        checked(asked.query)
        partial = "as=PartialObjectMetadata" in asked.accept
        looked = Looked(place.kind, place.version, place.namespace, asked.query, partial)
        if verb == "list":
            return Answer(200, listed(self.store, looked))
        if verb == "watch":
            looked.test()  # what cannot be watched is said at once
            return Answer(200, stream=watched(self.store, looked))
        found = got(self.store, looked, place.name)
        if place.sub == "log":
            return Answer(200, stream=logs(self.pods, found, asked.query))
        if place.sub == "scale":
            return Answer(200, scale_of(found))
        return Answer(200, found)

    def _write(self, asked: Asked, place: _Place, verb: str) -> Answer:
        writer = self._writer(asked, place, verb)
        kind, space, name = place.kind, place.namespace or "", place.name
        seen = Looked(kind, place.version, None, {}).seen
        if verb == "delete":
            made = self.writing.delete(kind, space, name, _options(asked), writer)
            return Answer(200, made if made["kind"] == "Status" else seen(made))
        if place.sub == "scale":
            how = asked.content if verb == "patch" else ""
            return Answer(200, scale(self.writing, kind, (space, name), asked.body, how, writer))
        if verb == "create":
            return self._create(asked, place, writer)
        if verb == "update":
            return Answer(200, seen(self.writing.update(kind, space, name, _object(asked.body), writer)))
        if asked.content == _APPLY:
            force = asked.query.get("force") == "true"
            obj, new = self.writing.apply(kind, space, name, asked.body, writer, force=force)
            return Answer(201 if new else 200, seen(obj))
        return Answer(200, seen(self.writing.patch(kind, space, name, asked.body, asked.content, writer)))

    def _create(self, asked: Asked, place: _Place, writer: Writer) -> Answer:
        kind, space, sent = place.kind, place.namespace or "", _object(asked.body)
        if place.sub == "eviction":
            return Answer(201, evict(self.store, self.writing, (space, place.name), sent, writer))
        if place.sub == "binding":
            self.writing.bind(kind, space, place.name, sent)
            return Answer(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        if place.name:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        if sent.get("kind", kind.kind) != kind.kind:
            raise bad_request(
                f"{sent['kind']} in version {sent.get('apiVersion')} cannot be handled as a {kind.kind}"
            )
        sent = {**sent, "kind": kind.kind, "apiVersion": kind.api_version(place.version)}
        return Answer(201, self.writing.create(kind, space, sent, writer))

    def _writer(self, asked: Asked, place: _Place, verb: str) -> Writer:
        rehearsed = asked.query.get("dryRun") == "All"
        if verb == "delete" and asked.body:
            rehearsed = "All" in (asked.body.get("dryRun") or ())  # with a body the query does not count
        if place.sub == "eviction" and isinstance(asked.body, dict):
            rehearsed = rehearsed or "All" in ((asked.body.get("deleteOptions") or {}).get("dryRun") or ())
        manager = asked.query.get("fieldManager") or asked.agent
        return Writer(asked.user, manager, subresource=place.sub, dry_run=rehearsed)


def _options(asked: Asked) -> Mapping[str, Any]:
    if asked.body:
        return _object(asked.body)
    query = asked.query
    told: dict[str, Any] = {key: query[key] for key in ("propagationPolicy",) if key in query}
    if query.get("gracePeriodSeconds", "").isdigit():
        told["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    return told


def _decoded(body: bytes, content: str) -> Any:
    if not body:
        return None
    try:
        return yaml.safe_load(body) if "yaml" in content else json.loads(body)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None


def _object(body: Any) -> Object:
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    return body


def _place(path: str) -> _Place | None:
    """None where that is no resource's path."""
    parts = path.strip("/").split("/")
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace: str | None = None
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = find(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace is not None) > kind.namespaced:
        raise no_such_path()
    name, sub = (*rest[1:], "", "")[:2]
    if sub and sub not in kind.subresources:
        raise no_such_path()
    return _Place(kind, version, namespace, name, sub)


class LocalApi:
    """The same for who lives in this process: controllers and nodes, as administrator."""

    def __init__(self, api: KubeApi, agent: str) -> None:
        self._api = api
        self._agent = agent

    async def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, Object]:
        """Status and answer."""
        url = urlsplit(path)
        answer = self._api.answer(
            Asked(ADMIN, method, url.path, dict(parse_qsl(url.query)), body, kind, agent=self._agent)
        )
        return answer.code, answer.body

    async def patch(self, path: str, body: object, kind: str = MERGE) -> int:
        """The status alone."""
        return (await self.call("PATCH", path, body, kind))[0]

    async def put(self, folder: str, name: str, body: Object) -> None:
        """Change it, or make it where there is none."""
        if await self.patch(f"{folder}/{name}", body) == 404:
            await self.call("POST", folder, body)

    async def follow(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """("MODIFIED" | "DELETED", object), everything that there is first; for ever."""
        _, listing = await self.call("GET", path)
        for item in listing["items"]:
            yield "MODIFIED", item
        place, store = _place(path), self._api.store
        if place is None:
            raise ValueError(f"{path} is no resource")
        at = int(listing["metadata"]["resourceVersion"])
        while True:
            newest = store.version
            for change in store.since(at, place.kind):
                yield ("DELETED" if change.after is None else "MODIFIED"), change.last
            at = newest
            if store.version == at:
                await store.wait()

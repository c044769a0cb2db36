"""The server in front of a repository: tokens, rights, quota, ETag, pages by Link, and GitHub's words for errors.

What it follows is in tests/sandbox/github/facts.tsv, with the operation of github/rest-api-description for each line;
the permission of each route in github/docs (src/github-apps/data/fpt-2022-11-28/fine-grained-pat-permissions.json).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from cockpit.sandbox.github import shapes
from cockpit.sandbox.github.operations import Answer, Operations
from cockpit.sandbox.github.repository import Json, Repository
from cockpit.sandbox.http import HttpServer, Request, Response

DOCS = "https://docs.github.com/rest"
_RESET_S = 1800


@dataclass(slots=True)
class Token:
    """Who asks: a classic token has scopes, a fine-grained one permissions."""

    login: str = "ann"
    scopes: tuple[str, ...] | None = ("repo", "workflow")
    permissions: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """One request that came, and what was answered."""

    method: str
    route: str
    query: Mapping[str, str]
    body: Json
    status: int = 0
    answered: Any = None


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    name: str
    needs: str  # permission of a fine-grained token
    does: Callable[..., Answer]


class GithubServer:
    """Plays api.github.com, and an Enterprise Server below /api/v3."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.tokens = {"t0ken": Token()}
        self.limit, self.left = 5000, 5000
        self.slow_down: list[tuple[int, dict[str, str]]] = []  # the next answers: status and headers
        self.swallowed: set[str] = set()  # routes that act and never answer
        self.before: Callable[[str], None] | None = None  # called with the route before it acts
        self.seen: list[Seen] = []
        self._routes = _routes(Operations(repository))
        self._http: HttpServer | None = None
        self._ended = asyncio.Event()

    async def start(self, port: int = 0) -> Self:
        """Listen."""
        self._http = await HttpServer.start(self._answer, port=port)
        return self

    @property
    def url(self) -> str:
        """Base of the REST API."""
        return self._http.url if self._http is not None else ""

    async def close(self) -> None:
        """End it."""
        self._ended.set()
        if self._http is not None:
            await self._http.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answer(self, request: Request) -> Response:
        if not request.headers.get("user-agent"):
            return Response.text("Request forbidden by administrative rules.", 403)
        token = self.tokens.get(request.bearer)
        if token is None:
            return self._error(401, "Bad credentials")
        if self.slow_down:
            status, headers = self.slow_down.pop(0)
            said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            return self._error(status, said, headers)
        if self.left <= 0:
            return self._error(403, f"API rate limit exceeded for user ID 1 ({token.login}).", self._quota())
        found, arguments = self._route(request)
        if found is None:
            self.left -= 1
            return self._error(404, "Not Found", self._quota())
        return await self._act(request, found, arguments, token)

    async def _act(self, request: Request, route: _Route, arguments: dict[str, str], token: Token) -> Response:
        body = request.json()
        seen = Seen(request.method, route.name, request.query, body)
        self.seen.append(seen)
        headers = self._quota() | self._rights(token, route)
        if route.name == "/graphql":  # https://docs.github.com/en/rest/rate-limit: counted by itself
            headers["x-ratelimit-resource"] = "graphql"
        if lacks(token, route.needs):
            seen.status = 404 if route.method == "GET" else 403
            self.left -= 1
            said = "Not Found" if seen.status == 404 else "Resource not accessible by personal access token"
            return self._error(seen.status, said, headers)
        if self.before is not None:
            self.before(f"{route.method} {route.name}")
        answer = route.does(**arguments, query=request.query, body=body, login=token.login)
        if f"{route.method} {route.name}" in self.swallowed:
            await self._ended.wait()
        seen.status, seen.answered = answer.status, answer.value
        if answer.status >= 400:
            self.left -= 1
            return self._error(answer.status, str(answer.value), headers, answer.errors)
        return self._good(request, answer, headers)

    def _good(self, request: Request, answer: Answer, headers: dict[str, str]) -> Response:
        value = answer.value
        if answer.listed is not None:
            value = self._page(request, answer, headers)
        content = b"" if value is None else json.dumps(value).encode()
        if request.method == "GET":
            headers["etag"] = f'W/"{hashlib.sha256(content).hexdigest()}"'
            if request.headers.get("if-none-match") == headers["etag"]:
                return Response(304, b"", tuple(headers.items()))
        self.left -= 1
        headers["x-ratelimit-remaining"] = str(self.left)
        headers["content-type"] = "application/json; charset=utf-8"
        return Response(answer.status, content, tuple(headers.items()))

    def _page(self, request: Request, answer: Answer, headers: dict[str, str]) -> Any:
        """https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api"""
        things = answer.listed or []
        per_page = max(1, min(100, int(request.query.get("per_page", "30"))))
        page, last = max(1, int(request.query.get("page", "1"))), max(1, -(-len(things) // per_page))
        shown = things[(page - 1) * per_page : page * per_page]
        if page < last:
            base = f"http://{request.headers['host']}{request.path}"
            links = [
                f'<{base}?{urlencode({**request.query, "page": number})}>; rel="{relation}"'
                for relation, number in (("next", page + 1), ("last", last))
            ]
            headers["link"] = ", ".join(links)
        return {"total_count": len(things), answer.key: shown} if answer.key else shown

    def _quota(self) -> dict[str, str]:
        reset = int(self.repository.now().timestamp()) + _RESET_S
        told = {"limit": self.limit, "remaining": max(0, self.left), "used": self.limit - self.left, "reset": reset}
        return {f"x-ratelimit-{name}": str(value) for name, value in told.items()} | {"x-ratelimit-resource": "core"}

    def _rights(self, token: Token, route: _Route) -> dict[str, str]:
        if token.scopes is not None:
            return {"x-oauth-scopes": ", ".join(token.scopes), "x-accepted-oauth-scopes": "repo"}
        return {"x-accepted-github-permissions": route.needs}

    def _route(self, request: Request) -> tuple[_Route | None, dict[str, str]]:
        path = request.path.removeprefix("/api/v3")
        path = "/graphql" if path == "/api/graphql" else path
        inside = path.removeprefix(f"/repos/{self.repository.name}")
        for route in self._routes:
            match = route.pattern.fullmatch(path if route.name == "/graphql" else inside)
            if match and route.method == request.method and (inside != path or route.name == "/graphql"):
                return route, match.groupdict()
        return None, {}

    def _error(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, errors: list[Json] | None = None
    ) -> Response:
        body: Json = {"message": message, "documentation_url": DOCS, "status": str(status)}
        if errors:
            body["errors"] = errors
        return Response.of(body, status, tuple((headers or {}).items()))


def lacks(token: Token, needs: str) -> bool:
    """A fine-grained token without the permission; "write" holds "read"."""
    if token.scopes is not None:
        return not {"repo", "public_repo"} & set(token.scopes)
    for each in needs.split(","):
        name, _, level = each.strip().partition("=")
        held = token.permissions.get(name, "")
        if held != "write" and held != level:
            return True
    return False


def _routes(do: Operations) -> tuple[_Route, ...]:
    table: tuple[tuple[str, str, str, Callable[..., Answer]], ...] = (
        ("GET", "", "metadata=read", do.repository),
        ("GET", "/environments", "actions=read", do.environments),
        ("GET", "/actions/workflows", "actions=read", do.workflows),
        ("GET", "/actions/workflows/{workflow}", "actions=read", do.workflow),
        ("GET", "/actions/workflows/{workflow}/runs", "actions=read", do.runs),
        ("GET", "/actions/runs", "actions=read", do.runs),
        ("GET", "/actions/runs/{run}", "actions=read", do.run),
        ("GET", "/actions/runs/{run}/jobs", "actions=read", do.jobs),
        ("POST", "/actions/runs/{run}/rerun", "actions=write", do.rerun),
        ("POST", "/actions/runs/{run}/rerun-failed-jobs", "actions=write", do.rerun_failed),
        ("POST", "/actions/runs/{run}/cancel", "actions=write", do.cancel),
        ("POST", "/actions/workflows/{workflow}/dispatches", "actions=write", do.dispatch),
        ("GET", "/deployments", "deployments=read", do.deployments),
        ("GET", "/deployments/{deployment}/statuses", "deployments=read", do.statuses),
        ("GET", "/pulls", "pull_requests=read", do.pulls),
        ("POST", "/pulls", "pull_requests=write", do.propose),
        ("GET", "/pulls/{pull}", "pull_requests=read", do.pull),
        ("PATCH", "/pulls/{pull}", "pull_requests=write", do.change),
        ("GET", "/pulls/{pull}/reviews", "pull_requests=read", do.reviews),
        ("PUT", "/pulls/{pull}/merge", "contents=write", do.merge),
        ("GET", "/commits", "contents=read", do.commits),
        ("GET", "/commits/{ref}", "contents=read", do.commit),
        ("GET", "/commits/{ref}/check-runs", "checks=read", do.check_runs),
        ("GET", "/commits/{ref}/status", "statuses=read", do.status),
        ("GET", "/compare/{basehead}", "contents=read", do.compare),
        ("GET", "/contents/{path}", "contents=read", do.content),
        ("GET", "/branches", "contents=read", do.branches),
        ("GET", "/tags", "metadata=read", do.tags),
        ("POST", "/graphql", "contents=write, pull_requests=write", do.graphql),
    )
    made = []
    for method, path, needs, does in table:
        deep = "path|basehead|ref"  # these may hold slashes, decoded by now
        pattern = re.sub(rf"\{{({deep})\}}", r"(?P<\1>.+?)", path)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        made.append(_Route(method, re.compile(pattern), path, needs, does))
    # A commit's own path would take those below it, so it comes last.
    return tuple(sorted(made, key=lambda each: each.name == "/commits/{ref}"))


__all__ = ["GithubServer", "Seen", "Token", "shapes"]

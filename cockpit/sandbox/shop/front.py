"""The shop's door: sends each request to a revision by the traffic split, guards, logs, and the admin endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from cockpit.sandbox.gcp.cloud import CloudRun
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.model import Service
from cockpit.sandbox.http import BadRequest, HttpServer, Request, Response
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.shop.documents import Page, Scene, pages_of
from cockpit.sandbox.shop.meter import Meter
from cockpit.sandbox.shop.revision import Backends, PoolExhausted, ShopRevision
from cockpit.sandbox.shop.vitals import Vitals, Window

_SHIP_EVERY_S = 1.0
_RETRY = (("retry-after", "30"),)


@dataclass(frozen=True, slots=True)
class LogLine:
    """What the shop wrote to its output, as every platform but Cloud Run has it."""

    at: datetime
    level: str  # "INFO", "WARNING", "ERROR"
    message: str
    version: str  # the image's tag
    fields: dict[str, Any]  # of a request: method, path, status, latency_ms, client

    @property
    def error(self) -> bool:
        """It went to the error stream."""
        return self.level == "ERROR"

    @property
    def text(self) -> str:
        """One line of JSON, as the shop prints it."""
        return json.dumps({"level": self.level, "message": self.message, **self.fields})


class Front:
    """Serves the shop on loopback."""

    def __init__(
        self, cloud: CloudRun, service: Service, logs: LogStore, backends: Backends, token: str, shape: Shape
    ) -> None:
        self._cloud = cloud
        self._service = service
        self._logs = logs
        self.backends = backends
        self._token = token
        self._shape = shape
        self._revisions: dict[str, ShopRevision] = {}
        self._dice = random.Random(20)  # noqa: S311  spreads traffic, keeps no secret
        self._server: HttpServer | None = None
        self._job: asyncio.Task[None] | None = None
        self._recent: dict[str, deque[float]] = {}
        self.window = Window()
        self.meter = Meter()
        self._vitals = Vitals(self.window, backends)
        self.maintenance = False
        self.rate_limit = 0  # requests a minute and client; 0: none
        self.blocked: set[str] = set()
        self._pages = pages_of(shape.system)
        self.told: list[Callable[[LogLine], None]] = []  # who else hears of what is logged
        self.edge: Callable[[str], int] = lambda client: 0  # status that the load balancer refuses a client with

    async def start(self) -> None:
        """Listen, and start the job that ships orders."""
        self._server = await HttpServer.start(self.handle)
        self._job = asyncio.ensure_future(self._ship())

    async def close(self) -> None:
        """Stop, at once."""
        if self._server is not None:
            await self._server.close()
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
        for revision in self._revisions.values():
            await revision.close()

    async def forget(self) -> None:
        """The processes of all revisions begin anew."""
        old, self._revisions = list(self._revisions.values()), {}
        for revision in old:
            await revision.close()

    @property
    def url(self) -> str:
        """Base URL."""
        return self._server.url if self._server else ""

    def revision(self) -> ShopRevision | None:
        """One revision, chosen by the traffic as it is; None when the service is scaled to nothing."""
        if self._service.scaling.stopped:
            return None
        shares = [share for share in self._service.serving if share.percent > 0]
        (share,) = self._dice.choices(shares, [share.percent for share in shares])
        return self._deployed(share.revision)

    def main_revision(self) -> ShopRevision | None:
        """The one that serves most."""
        if self._service.scaling.stopped:
            return None
        return self._deployed(max(self._service.serving, key=lambda share: share.percent).revision)

    def _deployed(self, name: str) -> ShopRevision:
        if name not in self._revisions:
            template = self._service.revisions[name].template
            self._revisions[name] = ShopRevision(name, template, self.backends)
        return self._revisions[name]

    async def handle(self, request: Request) -> Response:
        """Any request to the shop's port, which stands for the service's public address."""
        if self._service.ingress != "all":
            return Response.of({"error": "not found"}, 404)  # what ingress keeps out comes to no revision and no log
        if (page := self._pages.get(request.path)) is not None:
            return await self._told(page, request)
        if request.path == self._shape.health:
            status, body = await self._vitals.brief(self.main_revision())
            return Response.of(body | {"maintenance": self.maintenance}, status)
        if request.path == self._shape.detailed:
            status, body = await self._vitals.detailed(self.main_revision())
            return Response.of(body | {"maintenance": self.maintenance}, status)
        if request.path.startswith("/admin/"):
            return self._admin(request)
        return await self._page(request)

    async def _told(self, page: Page, request: Request) -> Response:
        if page.keyed and not secrets.compare_digest(request.headers.get("x-api-key", ""), self._token):
            return Response.of({"error": "X-API-Key is missing or wrong"}, 401)
        return await page.made(Scene(self._vitals, self.window, self.main_revision(), self.rate_limit))

    async def _page(self, request: Request) -> Response:
        start = time.monotonic()
        client = request.headers.get("x-forwarded-for", request.peer).partition(",")[0].strip()
        revision: ShopRevision | None = None
        refusal = self._refusal(client)
        if refusal is not None:
            response, message = refusal
        elif (revision := self.revision()) is None:
            response, message = Response.of({"error": "no instance"}, 503), "The request was aborted: no instance"
        else:
            response, message = await self._ask(revision, request)
        latency = time.monotonic() - start
        kind = request.path.strip("/").partition("/")[0]
        self.window.add(kind, response.status, latency)
        self.meter.add(revision.name if revision else "", response.status, latency)
        self._log(request, client, revision.name if revision else "", response, message, latency)
        return response

    def _refusal(self, client: str) -> tuple[Response, str] | None:
        if status := self.edge(client):
            return Response.of({"error": "forbidden"}, status), f"denied at the load balancer: {client}"
        if client in self.blocked:
            return Response.of({"error": "forbidden"}, 403), f"blocked client {client}"
        if self.maintenance:
            return Response.of({"error": "maintenance"}, 503, _RETRY), "down for maintenance"
        if self.rate_limit and not self._within_limit(client):
            return Response.of({"error": "too many requests"}, 429, _RETRY), f"rate limit of {client} used up"
        return None

    def _within_limit(self, client: str) -> bool:
        now = time.monotonic()
        recent = self._recent.setdefault(client, deque())
        while recent and recent[0] < now - 60.0:
            recent.popleft()
        if len(recent) >= self.rate_limit:
            return False
        recent.append(now)
        return True

    async def _ask(self, revision: ShopRevision, request: Request) -> tuple[Response, str]:
        try:
            response = await revision.answer(request)
        except BadRequest:
            raise
        except PoolExhausted as error:
            return Response.of({"error": "overloaded"}, 503), f"{request.path}: {error}"
        except (asyncpg.QueryCanceledError, TimeoutError):
            return Response.of(
                {"error": "timeout"}, 504
            ), f"{request.path}: canceling statement due to statement timeout"
        except Exception as error:  # a fault of the revision's code is the answer 500 and a stack trace in its log
            self._log_crash(revision, request, error)
            return Response.of({"error": "internal"}, 500), f"{request.method} {request.path} 500"
        return response, f"{request.method} {request.path} {response.status}"

    def _resource(self, revision: str) -> dict[str, Any]:
        labels = {
            "project_id": self._cloud.project,
            "service_name": self._service.name,
            "configuration_name": self._service.name,
            "revision_name": revision,
            "location": self._cloud.region,
        }
        return {"type": "cloud_run_revision", "labels": labels}

    def _log(
        self, request: Request, client: str, revision: str, response: Response, message: str, latency: float
    ) -> None:
        status = response.status
        level = "ERROR" if status >= 500 else "WARNING" if status >= 400 else "INFO"
        facts = {"method": request.method, "path": request.path, "status": status, "client": client}
        self._tell(level, message, revision, facts | {"latency_ms": round(latency * 1000, 1)})
        trace = request.headers.get("x-cloud-trace-context", "").partition("/")[0] or secrets.token_hex(16)
        self._logs.write(
            "run.googleapis.com/requests",
            {
                "severity": level,
                "resource": self._resource(revision),
                "trace": f"projects/{self._cloud.project}/traces/{trace}",
                "httpRequest": {
                    "requestMethod": request.method,
                    "requestUrl": f"https://shop.example{request.path}",
                    "status": status,
                    "responseSize": str(len(response.body)),
                    "userAgent": request.headers.get("user-agent", ""),
                    "remoteIp": client,
                    "latency": f"{latency:.6f}s",
                    "protocol": "HTTP/1.1",
                },
                "jsonPayload": {"message": message, "component": request.path.strip("/").partition("/")[0]},
            },
        )

    def _log_crash(self, revision: ShopRevision, request: Request, error: Exception) -> None:
        # Structured, with the trace in a field of its own, as https://cloud.google.com/run/docs/logging advises.
        payload = {
            "message": f"{request.path}: {type(error).__name__}: {error}",
            "component": request.path.strip("/").partition("/")[0],
            "stack_trace": "".join(traceback.format_exception(error, limit=-6)),
        }
        self._tell("ERROR", payload["message"], revision.name, {"stack_trace": payload["stack_trace"]})
        entry = {"severity": "ERROR", "resource": self._resource(revision.name), "jsonPayload": payload}
        self._logs.write("run.googleapis.com/stderr", entry)

    def _tell(self, level: str, message: str, revision: str, fields: dict[str, Any]) -> None:
        if not self.told:
            return
        known = self._service.revisions.get(revision)
        line = LogLine(
            datetime.now(UTC), level, message, known.template.image.rpartition(":")[2] if known else "", fields
        )
        for hear in self.told:
            hear(line)

    def _admin(self, request: Request) -> Response:
        if not secrets.compare_digest(request.bearer, self._token):
            return Response.of({"error": "a bearer token is needed"}, 401)
        if request.method == "POST":
            self._change(request.path, request.json())
        elif request.method != "GET":
            return Response.of({"error": "use GET or POST"}, 405)
        match request.path:
            case "/admin/maintenance":
                return Response.of({"enabled": self.maintenance})
            case "/admin/rate-limit":
                return Response.of({"per_minute": self.rate_limit})
            case "/admin/blocks":
                return Response.of({"blocked": sorted(self.blocked)})
        return Response.of({"error": "no such setting"}, 404)

    def _change(self, path: str, body: Any) -> None:
        if not isinstance(body, dict):
            raise BadRequest("an object is needed")
        match path:
            case "/admin/maintenance":
                self.maintenance = body.get("enabled") is True
            case "/admin/rate-limit":
                limit = body.get("per_minute")
                if not isinstance(limit, int) or limit < 0:
                    raise BadRequest("per_minute must be a number, 0 for no limit")
                self.rate_limit = limit
            case "/admin/blocks":
                address = str(body.get("ip", ""))
                (self.blocked.add if body.get("block") else self.blocked.discard)(address)

    async def _ship(self) -> None:
        while True:
            await asyncio.sleep(_SHIP_EVERY_S)
            revision = self.main_revision()
            if revision is not None:
                # What it could not ship waits, and shows as jobs.stuck.
                with contextlib.suppress(PoolExhausted, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await revision.ship_orders()

"""The API over HTTP: key, rate limits with their headers, cursors, error bodies; requests are checked first.

https://api-docs.render.com/reference/rate-limiting, /pagination, /list-logs and the pages that `operations` names.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cockpit.sandbox.http import HttpServer, Request, Response
from cockpit.sandbox.render.estate import OWNER, Json, PlayedEstate, PlayedService, PlayedStore, seed, stamp
from cockpit.sandbox.render.operations import Operation, operation_of

KEY = "rnd_sandbox"
_WINDOW_S = 60.0
_IDS = {  # of errors: the names that Render's own clients show
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict",
    429: "rate_limited", 500: "internal_server_error", 503: "service_unavailable",
}  # fmt: skip
_SILENCE_S = 3600.0


class Refusal(Exception):
    """An answer with an error body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RenderPlane:
    """The server. Tests may set faults by operation id: a status, bytes, "swallow" or "queue".

    "swallow" is done and not answered; "queue" answers 202 without a body: done after the next list of deploys.
    """

    def __init__(self, settle_s: float = 0.02, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.estate = seed(PlayedEstate(monotonic, settle_s))
        self.keys = {KEY: "admin"}
        self.denied: set[str] = set()  # operation ids that answer 403
        self.faults: dict[str, list[int | str | bytes]] = {}
        self.limits = {"reads": 400, "logs": 30, "changes": 30, "deploys": 10}
        self.requests: list[tuple[str, str]] = []  # operation id, path
        self._counted: dict[str, list[float]] = {}
        self._queued: list[Callable[[], object]] = []
        self._monotonic = monotonic
        self._server: HttpServer | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        self._server = await HttpServer.start(self.handle, port=port)

    @property
    def url(self) -> str:
        """For `endpoint`."""
        return self._server.url if self._server is not None else ""

    async def close(self) -> None:
        """Stop, at once."""
        if self._server is not None:
            await self._server.close()

    async def handle(self, request: Request) -> Response:
        """One request."""
        self.estate.advance()
        found = operation_of(request.method, request.path.removeprefix("/v1"))
        if found is None or not request.path.startswith("/v1/"):
            return _error(404, "not found")
        operation, names = found
        self.requests.append((operation.id, request.path))
        headers, allowed = self._limited(operation, names)
        if not allowed:
            return _error(429, "rate limit exceeded", (*headers, ("Retry-After", dict(headers)["Ratelimit-Reset"])))
        try:
            return await self._answered(operation, names, request, headers)
        except Refusal as refusal:
            return _error(refusal.status, refusal.message, headers)

    async def _answered(
        self, operation: Operation, names: Mapping[str, str], request: Request, headers: tuple[tuple[str, str], ...]
    ) -> Response:
        if request.bearer not in self.keys:
            raise Refusal(401, "Unauthorized")
        if operation.id in self.denied:
            raise Refusal(403, "you do not have permission for the requested resource")
        fault = (self.faults.get(operation.id) or [""]).pop(0)
        if isinstance(fault, int):
            raise Refusal(fault, f"played {fault}")
        body = request.json() if request.body else None
        if wrong := operation.wrong({name for name, _ in request.pairs}, body):
            raise Refusal(400, wrong)
        answer = getattr(self, "_" + operation.id.replace("-", "_").partition("_of_")[0], None)
        play: Callable[[], object] = functools.partial(self._metric, operation, request)
        if answer is not None:
            play = functools.partial(answer, names, request, body or {})
        if fault == "queue":  # https://api-docs.render.com/reference/create-deploy: 202, Queued
            self._queued.append(play)
            return Response(202, b"", headers)
        value = play()
        if operation.id == "list-deploys" and self._queued:
            self._queued.pop(0)()
        if fault == "swallow":
            await asyncio.sleep(_SILENCE_S)
        if isinstance(fault, bytes):
            return Response(operation.status, fault, headers)
        if value is None:
            return Response(operation.status, b"", headers)
        return Response.of(value, operation.status, headers)

    def _limited(self, operation: Operation, names: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], bool]:
        if operation.method == "GET":
            kind = name = "logs" if operation.id == "list-logs" else "reads"
        elif operation.id in ("create-deploy", "suspend-service", "resume-service", "update-service"):
            kind, name = "deploys", f"deploys of {names['serviceId']}"
        else:
            kind = name = "changes"
        now = self._monotonic()
        taken = [at for at in self._counted.get(name, ()) if at > now - _WINDOW_S]
        allowed = len(taken) < self.limits[kind]
        self._counted[name] = taken = [*taken, now] if allowed else taken
        left = max(0, self.limits[kind] - len(taken))
        reset = max(1, round(taken[0] + _WINDOW_S - now)) if taken else 60
        values = (("Limit", self.limits[kind]), ("Remaining", left), ("Reset", reset))
        return tuple((f"Ratelimit-{name}", str(value)) for name, value in values), allowed

    # Things by name

    def _service(self, names: Mapping[str, str]) -> PlayedService:
        found = self.estate.services.get(names["serviceId"])
        if found is None:
            raise Refusal(404, f"service not found: {names['serviceId']}")
        return found

    def _store(self, name: str, kind: str) -> PlayedStore:
        found = self.estate.stores.get(name)
        if found is None or found.kind != kind:
            raise Refusal(404, f"not found: {name}")
        return found

    # Operations, by their ids

    def _list_owners(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        owner = {"id": OWNER, "name": "Booking", "email": "ops@booking.example", "type": "team"}
        return _page([owner], "owner", request)

    def _retrieve_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return self._service(names).document()

    def _update_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        mode = body.get("serviceDetails", {}).get("maintenanceMode")
        if mode is not None:
            if "maintenanceMode" not in service.details or service.details["plan"] == "free":
                raise Refusal(400, "maintenance mode is only available for paid web services")
            if not isinstance(mode.get("enabled"), bool) or set(mode) - {"enabled", "uri"}:
                raise Refusal(400, "invalid maintenanceMode")
            service.details["maintenanceMode"] = {"uri": service.details["maintenanceMode"]["uri"], **mode}
            self.estate.happened(service, "maintenance_mode_enabled", {"enabled": mode["enabled"]})
        service.auto_deploy = body.get("autoDeploy", service.auto_deploy)
        return service.document()

    def _list_deploys(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        wanted = {value for name, value in request.pairs if name == "status"}
        found = [each for each in self._service(names).deploys if not wanted or each.status in wanted]
        return _page([each.document() for each in found], "deploy", request)

    def _retrieve_deploy(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        for each in self._service(names).deploys:
            if each.id == names["deployId"]:
                return each.document()
        raise Refusal(404, f"deploy not found: {names['deployId']}")

    def _create_deploy(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        if service.suspended:
            raise Refusal(400, "cannot deploy a suspended service")
        if body.get("clearCache", "clear") not in ("clear", "do_not_clear"):
            raise Refusal(400, "invalid field clearCache")
        of = service.deploys[0] if service.deploys else None
        return self.estate.deploy(service, of, "api", body.get("commitId", "")).document()

    def _rollback_deploy(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        of = next((each for each in service.deploys if each.id == body["deployId"]), None)
        if of is None:
            raise Refusal(404, f"deploy not found: {body['deployId']}")
        if of.status not in ("live", "deactivated"):
            raise Refusal(400, "can only roll back to a deploy that was live")
        return self.estate.deploy(service, of, "rollback").document()

    def _get_env_vars_for_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        variables = self._service(names).variables
        return _page([{"key": key, "value": value} for key, value in variables.items()], "envVar", request)

    def _list_events(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return _page(self._service(names).events, "event", request)

    def _list_instances(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return [{"id": name, "createdAt": stamp(made)} for name, made in self._service(names).instances]

    def _restart_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        if service.type == "cron_job" or service.suspended:
            raise Refusal(400, "this service cannot be restarted")
        self.estate.renew(service)
        self.estate.happened(service, "server_restarted", {"triggeredByUser": "ops@booking.example"})
        return None

    def _scale_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        if not 1 <= body["numInstances"] <= 100:
            raise Refusal(400, "numInstances must be between 1 and 100")
        if "disk" in service.details and body["numInstances"] > 1:
            raise Refusal(400, "a service with a disk cannot have several instances")
        self.estate.scale(service, body["numInstances"])
        return None

    def _suspend_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        service.suspended, service.instances = True, []
        self.estate.happened(service, "service_suspended", {})
        return None

    def _resume_service(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        service = self._service(names)
        service.suspended = False
        self.estate.happened(service, "service_resumed", {})
        self.estate.deploy(service, service.deploys[0] if service.deploys else None, "service_resumed")
        return None

    def _retrieve_postgres(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return self._store(names["postgresId"], "postgres").document

    def _retrieve_key_value(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return self._store(names["keyValueId"], "key-value").document

    def _retrieve_postgres_recovery_info(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return self._store(names["postgresId"], "postgres").recovery

    def _recover_postgres(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        store = self._store(names["postgresId"], "postgres")
        at = _moment(body.get("restoreTime"))
        if store.recovery["recoveryStatus"] != "AVAILABLE":
            raise Refusal(400, "point-in-time recovery is not available")
        if not _moment(store.recovery["startsAt"]) <= at <= self.estate.now():
            raise Refusal(400, "restoreTime is outside of the recovery window")
        return self.estate.recover(store, body.get("restoreName", ""), body.get("plan", "")).document

    def _list_postgres_export(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        return self.estate.exports(self._store(names["postgresId"], "postgres"))

    def _create_postgres_export(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        self.estate.export(self._store(names["postgresId"], "postgres"))
        return None

    def _list_logs(self, names: Mapping[str, str], request: Request, body: Json) -> object:
        if "ownerId" not in request.query or "resource" not in request.query:
            raise Refusal(400, "ownerId and resource are required")
        now = self.estate.now()
        start = _moment(request.query.get("startTime"), now - timedelta(hours=1))
        end = _moment(request.query.get("endTime"), now)
        limit = min(100, int(request.query.get("limit", "20")))
        found = [
            each for each in self.estate.logs if start <= _moment(each["timestamp"]) <= end and _passes(each, request)
        ]
        forward = request.query.get("direction") == "forward"
        shown = found[:limit] if forward else found[::-1][:limit]
        more = len(found) > limit
        last = _moment(shown[-1]["timestamp"]) if shown else start
        following = (last, end) if forward else (start, last)
        return {
            "hasMore": more,
            "logs": shown,
            "nextStartTime": stamp(following[0]),
            "nextEndTime": stamp(following[1]),
        }

    def _metric(self, operation: Operation, request: Request) -> list[Json]:
        metric = operation.id.removeprefix("get-")
        unit = {"cpu": "cpu", "cpu-limit": "cpu", "memory": "bytes", "memory-limit": "bytes"}.get(metric, "")
        end = _moment(request.query.get("endTime"), self.estate.now())
        step = float(request.query.get("resolutionSeconds", "60"))
        resources = [value for name, value in request.pairs if name == "resource"]
        return [
            {
                "labels": [{"field": "resource", "value": name}],
                "unit": unit or ("ms" if metric == "http-latency" else "count"),
                "values": [
                    {
                        "timestamp": stamp(end - timedelta(seconds=step * index)),
                        "value": self.estate.levels[metric, name],
                    }
                    for index in reversed(range(10))
                ],
            }
            for name in resources
            if (metric, name) in self.estate.levels
        ]


def _flat(value: float, end: datetime, step: float) -> list[Json]:
    """Ten points of one value."""
    return [
        {"timestamp": stamp(end - timedelta(seconds=step * index)), "value": value} for index in reversed(range(10))
    ]


def _passes(entry: Json, request: Request) -> bool:
    """All filters; of each name any of its values."""
    labels = {each["name"]: each["value"] for each in entry["labels"]}
    wanted: dict[str, list[str]] = {}
    for name, value in request.pairs:
        if name in ("resource", "instance", "host", "statusCode", "method", "level", "type", "path"):
            wanted.setdefault(name, []).append(value)
    texts = [value for name, value in request.pairs if name == "text"]
    return all(labels.get(name) in values for name, values in wanted.items()) and (
        not texts or any(text in entry["message"] for text in texts)
    )


def _page(items: Sequence[Json], inside: str, request: Request) -> list[Json]:
    """https://api-docs.render.com/reference/pagination: 20 at once, 100 at most, from behind the cursor."""
    try:
        limit = int(request.query.get("limit", "20"))
        start = int(base64.urlsafe_b64decode(request.query.get("cursor", "") or b"MA==")) if items else 0
    except ValueError:
        raise Refusal(400, "invalid cursor or limit") from None
    if not 1 <= limit <= 100:
        raise Refusal(400, "limit must be between 1 and 100")
    shown = items[start : start + limit]
    return [
        {inside: each, "cursor": base64.urlsafe_b64encode(str(start + index + 1).encode()).decode()}
        for index, each in enumerate(shown)
    ]


def _moment(text: Any, otherwise: datetime | None = None) -> datetime:
    if not text and otherwise is not None:
        return otherwise
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, TypeError):
        raise Refusal(400, "invalid time") from None


def _error(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response.of({"id": _IDS.get(status, "error"), "message": message}, status, headers)

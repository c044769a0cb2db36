"""The HTTP API of the played Prometheus.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from cockpit.sandbox.http import HttpServer, Request, Response
from cockpit.sandbox.prometheus.promql import Node, ParseError, Vector, parsed
from cockpit.sandbox.prometheus.series import Database

_STEPS = 11_000  # as many as Prometheus itself answers at most


class PrometheusServer:
    """Over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._http: HttpServer | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._http = await HttpServer.start(self._handle)

    async def close(self) -> None:
        """Safe to call twice."""
        if self._http is not None:
            await self._http.close()

    @property
    def url(self) -> str:
        """Base URL; "" before the start."""
        return self._http.url if self._http is not None else ""

    async def _handle(self, request: Request) -> Response:
        given = {**request.query, **(request.form() if request.method == "POST" else {})}
        match request.path:
            case "/-/ready" | "/-/healthy":
                return Response.text("Prometheus Server is Ready.\n")
            case "/api/v1/status/buildinfo":
                return _success({"version": "2.53.0", "revision": "sandbox"})
            case "/api/v1/query" | "/api/v1/query_range":
                return self._asked(request.path.endswith("range"), given)
        return Response.text("404 page not found\n", 404)

    def _asked(self, ranged: bool, given: Mapping[str, str]) -> Response:
        try:
            node = parsed(self._database, given.get("query", ""))
            if not ranged:
                return _success(_instant(node, float(given.get("time") or time.time())))
            start, end, step = (float(given[key]) for key in ("start", "end", "step"))
        except ParseError as error:
            return _error(400, "bad_data", f'invalid parameter "query": {error}')
        except (KeyError, ValueError) as error:
            return _error(400, "bad_data", f"invalid parameter: {error}")
        if step <= 0 or (end - start) / step > _STEPS:
            return _error(400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries.")
        return _success(_matrix(node, start, end, step))


def _instant(node: Node, at: float) -> dict[str, Any]:
    value = node(at)
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [at, _number(value)]}
    rows = [{"metric": dict(labels), "value": [at, _number(each)]} for labels, each in value]
    return {"resultType": "vector", "result": rows}


def _matrix(node: Node, start: float, end: float, step: float) -> dict[str, Any]:
    found: dict[Any, list[list[Any]]] = {}
    for number in range(int((end - start) / step) + 1):
        at = start + number * step
        value = node(at)
        rows: Vector = [((), value)] if isinstance(value, float) else value
        for labels, each in rows:
            found.setdefault(labels, []).append([at, _number(each)])
    return {"resultType": "matrix",
            "result": [{"metric": dict(labels), "values": values} for labels, values in found.items()]}  # fmt: skip


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else f"{value:.15g}"


def _success(data: object) -> Response:
    return Response.of({"status": "success", "data": data})


def _error(status: int, kind: str, said: str) -> Response:
    return Response.of({"status": "error", "errorType": kind, "error": said}, status)

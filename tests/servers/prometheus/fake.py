"""What the tests need of a Prometheus where there is none, and what a real one cannot be brought to do.

It knows names of metrics, `max(timestamp(up))` and a few errors; the suite in `test_contract.py` holds it to what
the real server answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from cockpit.sandbox.http import HttpServer, Request, Response

from . import shop

_LOOK_BACK_S = 300.0
_NAME = re.compile(r"[a-z_]+")
_ERRORS = {  # as Prometheus 2.42 answers
    "sum(": (400, "bad_data", "1:5: parse error: unclosed left parenthesis"),
    "memory_bytes[5m]": (
        400,
        "bad_data",
        'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    ),
    "sum_over_time(memory_bytes[2h])": (
        422,
        "execution",
        "query processing would load too many samples into memory in query execution",
    ),
}


class FakePrometheus:
    """`asked` are the requests; `plan`, where it is set, answers instead, for the queries in it ("" for all)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.plan: dict[str, Response] = {}
        self._server: HttpServer | None = None

    async def start(self) -> None:
        self._server = await HttpServer.start(self._handle)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: Request) -> Response:
        given = dict(request.query)
        if request.method == "POST":
            given |= dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        self.asked.append((request.method, request.path, given, dict(request.headers)))
        planned = self.plan.get(given.get("query", ""), self.plan.get(""))
        if planned is not None:
            return planned
        if request.path == "/api/v1/status/buildinfo":
            return _success({"version": "2.42.0+fake"})
        if request.path not in ("/api/v1/query", "/api/v1/query_range"):
            return Response.text("404 page not found\n", 404)
        query = given.get("query", "")
        if query in _ERRORS:
            return error(*_ERRORS[query])
        if request.path.endswith("query_range"):
            return _success(_matrix(query, given))
        return _success(_vector(query, float(given["time"])))


def error(status: int, kind: str, said: str) -> Response:
    """As Prometheus says it."""
    return Response.of({"status": "error", "errorType": kind, "error": said}, status)


def _success(data: object) -> Response:
    return Response.of({"status": "success", "data": data})


def _matrix(query: str, given: dict[str, str]) -> dict[str, Any]:
    start, end, step = (float(given[key]) for key in ("start", "end", "step"))
    moments = [start + number * step for number in range(int((end - start) / step) + 1)]
    found = []
    for labels, each in _known(query):
        values = [[at, told] for at in moments if (told := _at(each, at))]
        if values:
            found.append({"metric": labels, "values": values})
    return {"resultType": "matrix", "result": found}


def _vector(query: str, at: float) -> dict[str, Any]:
    if query == "max(timestamp(up))":
        newest = max((moment for _, each in _known("up") for moment, _ in each if moment <= at), default=0.0)
        rows = [{"metric": {}, "value": [at, f"{newest:.0f}"]}] if at - newest < _LOOK_BACK_S else []
    else:
        rows = [{"metric": labels, "value": [at, _at(each, at)]} for labels, each in _known(query) if _at(each, at)]
    return {"resultType": "vector", "result": rows}


def _known(query: str) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    assert _NAME.fullmatch(query), f"the fake does not know {query}"
    for name, labels, value in shop.SERIES:
        if name == query:
            agos = range(shop.SPAN_S, -1, -shop.EVERY_S)
            each = [(shop.AT - ago, found) for ago in agos if (found := value(float(ago))) is not None]
            yield {"__name__": name, **labels}, each


def _at(each: list[tuple[float, float]], at: float) -> str:
    newest = next((pair for pair in reversed(each) if pair[0] <= at), None)
    if newest is None or at - newest[0] > _LOOK_BACK_S:
        return ""
    value = newest[1]
    return "NaN" if math.isnan(value) else "+Inf" if math.isinf(value) else f"{value:.15g}"
